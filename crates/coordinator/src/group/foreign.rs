//! Records of groups that other machines coordinate: consumers of the new protocol (KIP-848), share groups (KIP-932) and
//! streams groups (KIP-1071). An Apache Kafka may have left them. They stay in the log and are not understood, but for the
//! group that they belong to: a key begins with its type and the group's id.
//!
//! Members of the new protocol cannot be served here, so the first classic generation of a consumer group takes its place, as
//! where Kafka's own coordinator takes a group back to the classic protocol: what it had in the log is deleted. The other kinds
//! are not groups of consumers: their ids stay theirs.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeInclusive};

use bytes::Bytes;

use crate::CoordinatorRecord;

/// The types of a consumer group's records in the order in which they go: members before the group, as Kafka's coordinators
/// want when they replay it.
const CONSUMER: [i16; 7] = [8, 7, 5, 16, 6, 4, 3];
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

    /// The records after which nothing is left of a consumer group of the new protocol.
    pub(super) fn tombstones(&self, group_id: &str) -> Vec<CoordinatorRecord> {
        let keys = CONSUMER.iter().flat_map(|record_type| self.keys(*record_type, group_id));
        keys.map(|key| CoordinatorRecord { key: key.clone(), value: None }).collect()
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
    use std::borrow::Cow;

    use protocol::Offset;
    use stdx::Now;

    use super::super::classic::ClassicGroup;
    use super::super::{GroupConfig, GroupCoordinator};
    use super::*;
    use crate::runtime::Machine as _;

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
    fn a_consumer_group_goes_members_first() {
        let mut foreign = of(&[
            key(3, "g", ""),
            key(5, "g", "\0\x01m"),
            key(5, "g", "\0\x01n"),
            key(8, "g", "\0\x01m"),
            key(3, "gg", ""),
            key(3, "f", ""),
            key(11, "g", ""),
        ]);
        let tombstones = foreign.tombstones("g");
        let keys: Vec<_> = tombstones.iter().map(|record| record.key.clone()).collect();
        assert_eq!(
            keys,
            [key(8, "g", "\0\x01m"), key(5, "g", "\0\x01m"), key(5, "g", "\0\x01n"), key(3, "g", "")]
        );
        tombstones.iter().for_each(|record| foreign.replay(record));
        assert_eq!(foreign, of(&[key(3, "gg", ""), key(3, "f", ""), key(11, "g", "")]));
        assert_eq!(foreign.tombstones("g"), []);
    }

    #[test]
    fn the_first_classic_generation_takes_its_place() {
        let mut machine = GroupCoordinator::new(GroupConfig::default());
        for record in of(&[key(3, "g", ""), key(5, "g", "\0\x01m"), key(3, "other", "")]).records() {
            machine.replay(Offset::ZERO, &record).unwrap();
        }
        let group = ClassicGroup::new("g".into(), None);
        let mut edit = machine.edit(Now::at_ms(0), Cow::Borrowed(&group));
        edit.persist().unwrap();
        edit.persist().unwrap();
        let records = edit.finish().records;
        let kinds: Vec<_> = records.iter().map(|record| (record.key[1], record.value.is_some())).collect();
        assert_eq!(kinds, [(5, false), (3, false), (2, true), (2, true)]);
        records.iter().for_each(|record| machine.replay(Offset::ZERO, record).unwrap());
        let mut again = machine.edit(Now::at_ms(0), Cow::Borrowed(&group));
        again.persist().unwrap();
        assert_eq!(again.finish().records.len(), 1);
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
