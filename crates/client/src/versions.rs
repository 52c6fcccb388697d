//! Version negotiation: the highest version of an API that both sides have.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use protocol::ApiKey;
use protocol::messages::ApiVersionsResponse;

/// The versions of each API that a broker serves, by api key; keys that we do not know are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersions(BTreeMap<i16, (i16, i16)>);

impl ApiVersions {
    pub(crate) fn from_response(response: &ApiVersionsResponse<'_>) -> Self {
        Self(response.api_keys.iter().map(|k| (k.api_key, (k.min_version, k.max_version))).collect())
    }

    /// The lowest and highest version that the broker serves.
    pub fn get(&self, api: ApiKey) -> Option<(i16, i16)> {
        self.0.get(&api.key()).copied()
    }

    /// All of them, ascending by api key: key, lowest, highest.
    pub fn iter(&self) -> impl Iterator<Item = (i16, i16, i16)> {
        self.0.iter().map(|(key, (min, max))| (*key, *min, *max))
    }

    /// The highest version that the broker and our table share, and that is at most `at_most`.
    pub fn pick(&self, api: ApiKey, at_most: i16) -> Option<i16> {
        highest_common(&ours(api, at_most), self.get(api)?)
    }
}

/// Our versions of an API, up to `at_most`.
pub(crate) fn ours(api: ApiKey, at_most: i16) -> RangeInclusive<i16> {
    let stable = api.stable_versions();
    *stable.start()..=(*stable.end()).min(at_most)
}

fn highest_common(ours: &RangeInclusive<i16>, (min, max): (i16, i16)) -> Option<i16> {
    let version = max.min(*ours.end());
    (version >= min && version >= *ours.start()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_highest_common_version() {
        let check = |ours, theirs, expect| assert_eq!(highest_common(&ours, theirs), expect);
        check(3..=13, (3, 13), Some(13));
        check(3..=13, (0, 9), Some(9));
        check(3..=13, (5, 20), Some(13));
        check(3..=13, (13, 20), Some(13));
        check(3..=13, (14, 20), None);
        check(3..=13, (0, 2), None);
        // A broker that speaks nonsense.
        check(3..=13, (9, 5), None);
    }

    #[test]
    fn knows_only_what_the_broker_listed() {
        let versions = ApiVersions([(1, (4, 17))].into());
        assert_eq!(versions.pick(ApiKey::Fetch, i16::MAX), Some(17));
        assert_eq!(versions.pick(ApiKey::Fetch, 12), Some(12));
        assert_eq!(versions.pick(ApiKey::Fetch, 3), None);
        assert_eq!(versions.pick(ApiKey::Produce, i16::MAX), None);
    }
}
