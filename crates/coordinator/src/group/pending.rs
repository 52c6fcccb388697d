//! Offsets that were committed in transactions which are open: they count from the marker that commits them on (KIP-98).
//!
//! The newest record of the log wins, whenever it is committed: an offset of a transaction does not replace one that was
//! written after it. Until the transaction ends its partition is unstable all the same (KIP-447).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{Offset, ProducerId};

use super::offsets::CommittedOffset;

/// A partition of a group: group, topic, partition.
pub(super) type Key = (Arc<str>, Arc<str>, i32);

/// The offsets of all open transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PendingOffsets {
    by_producer: BTreeMap<ProducerId, BTreeMap<Key, Pending>>,
    /// Whose transactions have an offset: group, then topic and partition.
    by_group: BTreeMap<Arc<str>, ByPartition>,
}

/// Whose transactions have an offset of a topic's partition.
type ByPartition = BTreeMap<(Arc<str>, i32), BTreeSet<ProducerId>>;

/// An offset of an open transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pending {
    /// Where its record is.
    at: Offset,
    /// None where a later record has superseded it.
    committed: Option<CommittedOffset>,
}

impl PendingOffsets {
    /// A record of a producer's transaction.
    pub(super) fn add(&mut self, at: Offset, producer_id: ProducerId, key: Key, committed: CommittedOffset) {
        let (group_id, topic, partition) = key.clone();
        let of_group = self.by_group.entry(group_id).or_default();
        of_group.entry((topic, partition)).or_default().insert(producer_id);
        let pending = Pending { at, committed: Some(committed) };
        self.by_producer.entry(producer_id).or_default().insert(key, pending);
    }

    /// A record at an offset counts for this partition: those before it never will.
    pub(super) fn supersede(&mut self, at: Offset, key: &Key) {
        let producers = self.by_group.get(&key.0).and_then(|group| group.get(&(Arc::clone(&key.1), key.2)));
        for producer_id in producers.into_iter().flatten() {
            let of_producer = self.by_producer.get_mut(producer_id);
            if let Some(pending) = of_producer.and_then(|keys| keys.get_mut(key))
                && pending.at < at
            {
                pending.committed = None;
            }
        }
    }

    /// The partition's offsets are deleted, those of open transactions too.
    pub(super) fn forget(&mut self, key: &Key) {
        let Some(group) = self.by_group.get_mut(&key.0) else { return };
        let Some(producers) = group.remove(&(Arc::clone(&key.1), key.2)) else { return };
        if group.is_empty() {
            self.by_group.remove(&key.0);
        }
        for producer_id in producers {
            self.remove(producer_id, key);
        }
    }

    fn remove(&mut self, producer_id: ProducerId, key: &Key) {
        let Some(keys) = self.by_producer.get_mut(&producer_id) else { return };
        keys.remove(key);
        if keys.is_empty() {
            self.by_producer.remove(&producer_id);
        }
    }

    /// The producer's transaction has ended. What counts if it has committed, with where its records are, in that order.
    pub(super) fn end(&mut self, producer_id: ProducerId) -> Vec<(Offset, Key, CommittedOffset)> {
        let ended = self.by_producer.remove(&producer_id).unwrap_or_default();
        for (group_id, topic, partition) in ended.keys() {
            let Some(group) = self.by_group.get_mut(group_id) else { continue };
            let place = (Arc::clone(topic), *partition);
            let Some(producers) = group.get_mut(&place) else { continue };
            producers.remove(&producer_id);
            if producers.is_empty() {
                group.remove(&place);
            }
            if group.is_empty() {
                self.by_group.remove(group_id);
            }
        }
        let live = ended.into_iter().filter_map(|(key, pending)| Some((pending.at, key, pending.committed?)));
        let mut live: Vec<_> = live.collect();
        live.sort_by_key(|(at, ..)| *at);
        live
    }

    /// Whether an open transaction has an offset of a partition.
    pub(super) fn has(&self, group_id: &str, topic: &str, partition: i32) -> bool {
        let group = self.by_group.get(group_id);
        group.is_some_and(|group| group.contains_key(&(Arc::from(topic), partition)))
    }

    /// Whether an open transaction has any offset of a group.
    pub(super) fn has_group(&self, group_id: &str) -> bool {
        self.by_group.contains_key(group_id)
    }

    /// The partitions of a topic of which open transactions have offsets of a group, as far as `is_meant` of them.
    pub(super) fn of_topic(
        &self,
        group_id: &str,
        topic: &str,
        is_meant: impl Fn(&CommittedOffset) -> bool,
    ) -> impl Iterator<Item = i32> {
        let group = self.by_group.get(group_id).into_iter().flatten();
        group.filter_map(move |((name, partition), producers)| {
            let key = || (Arc::from(group_id), Arc::clone(name), *partition);
            let mut pending = producers.iter().filter_map(|id| self.by_producer.get(id)?.get(&key()));
            let is_meant = |pending: &Pending| pending.committed.as_ref().is_none_or(&is_meant);
            (**name == *topic && pending.any(is_meant)).then_some(*partition)
        })
    }

    /// The partitions of a group of which open transactions have offsets, in order.
    pub(super) fn of_group(&self, group_id: &str) -> impl Iterator<Item = (&Arc<str>, i32)> {
        let group = self.by_group.get(group_id);
        group.into_iter().flat_map(|group| group.keys().map(|(topic, partition)| (topic, *partition)))
    }

    /// The groups with offsets in open transactions, in order.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_group.keys()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn committed(offset: i64) -> CommittedOffset {
        CommittedOffset {
            offset,
            leader_epoch: None,
            metadata: "".into(),
            commit_timestamp_ms: 0,
            expire_timestamp_ms: None,
            topic_id: protocol::Uuid::ZERO,
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A producer's record of a partition.
        Add(i64, i32),
        /// A plain record of a partition.
        Put(i32),
        Delete(i32),
        End(i64, bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..3i64, 0..3i32).prop_map(|(producer, partition)| Step::Add(producer, partition)),
            2 => (0..3i32).prop_map(Step::Put),
            1 => (0..3i32).prop_map(Step::Delete),
            2 => (0..3i64, any::<bool>()).prop_map(|(producer, committed)| Step::End(producer, committed)),
        ]
    }

    proptest! {
        /// Against a list of all records, from which the newest that counts is looked up.
        #[test]
        fn the_newest_record_that_counts_is_the_offset(steps in prop::collection::vec(step(), 0..40)) {
            let mut pending = PendingOffsets::default();
            let mut offsets: BTreeMap<i32, (Offset, i64)> = BTreeMap::new();
            // Where, partition, whose if not plain.
            let mut records: Vec<(i64, i32, Option<i64>)> = vec![];
            let key = |partition: i32| -> Key { ("g".into(), "t".into(), partition) };
            for (at, step) in (0i64..).zip(steps) {
                match step {
                    Step::Add(producer, partition) => {
                        pending.add(Offset(at), ProducerId(producer), key(partition), committed(at));
                        records.push((at, partition, Some(producer)));
                    }
                    Step::Put(partition) => {
                        pending.supersede(Offset(at), &key(partition));
                        offsets.insert(partition, (Offset(at), at));
                        records.push((at, partition, None));
                    }
                    Step::Delete(partition) => {
                        pending.forget(&key(partition));
                        offsets.remove(&partition);
                        records.retain(|(_, of, _)| *of != partition);
                    }
                    Step::End(producer, commits) => {
                        let ended = pending.end(ProducerId(producer));
                        for (at, key, committed) in ended.into_iter().filter(|_| commits) {
                            pending.supersede(at, &key);
                            offsets.insert(key.2, (at, committed.offset));
                        }
                        match commits {
                            true => records.iter_mut().for_each(|(.., of)| *of = of.filter(|of| *of != producer)),
                            false => records.retain(|(.., of)| *of != Some(producer)),
                        }
                    }
                }
                for partition in 0..3 {
                    let of_partition = || records.iter().filter(|(_, of, _)| *of == partition);
                    let expect = of_partition().filter(|(.., producer)| producer.is_none()).map(|(at, ..)| *at).max();
                    prop_assert_eq!(offsets.get(&partition).map(|(_, offset)| *offset), expect);
                    let unstable = of_partition().any(|(.., producer)| producer.is_some());
                    prop_assert_eq!(pending.has("g", "t", partition), unstable);
                }
                prop_assert_eq!(pending.has_group("g"), pending.of_group("g").next().is_some());
            }
        }
    }
}
