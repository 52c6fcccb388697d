//! Records of groups that other machines coordinate: share groups (KIP-932) and streams groups (KIP-1071). An Apache Kafka may
//! have left them. They stay in the log and are not understood, but for the group that they belong to: a key begins with its
//! type and the group's id. They are not groups of consumers: their ids stay theirs.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeInclusive};

use bytes::Bytes;

use crate::CoordinatorRecord;

const SHARE: RangeInclusive<i16> = 10..=15;
const STREAMS: RangeInclusive<i16> = 17..=23;

/// The live records of other machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Foreign(BTreeMap<Bytes, Bytes>);

impl Foreign {
    pub(super) fn replay(&mut self, record: &CoordinatorRecord) {
        match &record.value {
            Some(value) => drop(self.0.insert(record.key.clone(), value.clone())),
            None => drop(self.0.remove(&record.key)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = CoordinatorRecord> {
        self.0.iter().map(|(key, value)| CoordinatorRecord { key: key.clone(), value: Some(value.clone()) })
    }

    /// Whether the id is that of a share or streams group.
    pub(super) fn is_of_another_kind(&self, group_id: &str) -> bool {
        SHARE.chain(STREAMS).any(|record_type| self.keys(record_type, group_id).next().is_some())
    }

    /// The keys of one type and group.
    fn keys(&self, record_type: i16, group_id: &str) -> impl Iterator<Item = &Bytes> {
        // An id that does not fit into a key has no records. The rest of a key follows its group.
        let length = i16::try_from(group_id.len()).ok().filter(|_| !self.0.is_empty());
        let prefix = length.map(|length| {
            [&record_type.to_be_bytes()[..], &length.to_be_bytes(), group_id.as_bytes()].concat()
        });
        prefix.into_iter().flat_map(|prefix| {
            let from = self.0.range::<[u8], _>((Bound::Included(&prefix[..]), Bound::Unbounded));
            from.map(|(key, _)| key).take_while(move |key| key.starts_with(&prefix))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(record_type: i16, group_id: &str, rest: &str) -> Bytes {
        let length = group_id.len() as i16;
        [&record_type.to_be_bytes()[..], &length.to_be_bytes(), group_id.as_bytes(), rest.as_bytes()]
            .concat()
            .into()
    }

    fn of(keys: &[Bytes]) -> Foreign {
        let mut foreign = Foreign::default();
        for key in keys {
            foreign.replay(&CoordinatorRecord { key: key.clone(), value: Some(Bytes::from_static(b"?")) });
        }
        foreign
    }

    #[test]
    fn ids_of_share_and_streams_groups_are_theirs() {
        fn check(record_type: i16, expect: bool) {
            let foreign = of(&[key(record_type, "g", "\0\x01m")]);
            assert_eq!(foreign.is_of_another_kind("g"), expect, "type {record_type}");
            assert!(!foreign.is_of_another_kind("") && !foreign.is_of_another_kind(&"g".repeat(40_000)));
        }
        check(3, false);
        check(8, false);
        check(10, true);
        check(15, true);
        check(16, false);
        check(17, true);
        check(23, true);
        check(99, false);
    }
}
