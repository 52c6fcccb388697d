//! The APIs of Kafka, their versions and header versions: one table, generated from the schemas.

use std::ops::RangeInclusive;

/// What the schemas say of an API.
#[derive(Debug)]
pub struct ApiFacts {
    /// Kafka's name, such as `Fetch`.
    pub name: &'static str,
    /// The lowest version.
    pub min_version: i16,
    /// The highest version.
    pub max_version: i16,
    /// Whether the highest version is served only behind `unstable.api.versions.enable`.
    pub latest_unstable: bool,
    /// The first version with flexible requests (KIP-482).
    pub request_flexible_from: i16,
    /// The first version with flexible responses.
    pub response_flexible_from: i16,
    /// Whether Kafka's brokers serve it.
    pub on_broker: bool,
    /// Whether Kafka's controllers serve it.
    pub on_controller: bool,
}

include!(concat!(env!("OUT_DIR"), "/api_keys.rs"));

impl ApiKey {
    /// The number on the wire.
    pub const fn key(self) -> i16 {
        self as i16
    }

    /// Kafka's name, such as `Fetch`.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The versions that are stable in Kafka 4.4.
    pub const fn stable_versions(self) -> RangeInclusive<i16> {
        let facts = self.facts();
        facts.min_version..=facts.max_version - facts.latest_unstable as i16
    }

    /// The version of the request header before a request of `version`.
    pub const fn request_header_version(self, version: i16) -> i16 {
        if version >= self.facts().request_flexible_from { 2 } else { 1 }
    }

    /// The version of the response header before a response of `version`. ApiVersions always has 0, so that a client
    /// can read the answer before it knows anything of the broker (KIP-511).
    pub const fn response_header_version(self, version: i16) -> i16 {
        if matches!(self, Self::ApiVersions) {
            0
        } else if version >= self.facts().response_flexible_from {
            1
        } else {
            0
        }
    }
}

impl std::fmt::Display for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_kafkas() {
        let check = |api: ApiKey, key, versions| {
            assert_eq!((api.key(), api.stable_versions()), (key, versions), "{api}");
        };
        check(ApiKey::Produce, 0, 3..=13);
        check(ApiKey::Fetch, 1, 4..=18);
        check(ApiKey::InitProducerId, 22, 0..=5);
        check(ApiKey::UnregisterController, 94, 0..=0);
        assert_eq!(ApiKey::ALL.len(), 91);
        assert_eq!(ApiKey::from_key(4), None);
    }

    #[test]
    fn headers_follow_flexibility() {
        assert_eq!(ApiKey::Fetch.request_header_version(11), 1);
        assert_eq!(ApiKey::Fetch.request_header_version(12), 2);
        assert_eq!(ApiKey::Fetch.response_header_version(12), 1);
        assert_eq!(ApiKey::ApiVersions.request_header_version(3), 2);
        assert_eq!(ApiKey::ApiVersions.response_header_version(3), 0);
        assert_eq!(ApiKey::SaslHandshake.request_header_version(1), 1);
    }
}
