//! The committed offsets of every group.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use protocol::Uuid;

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next record to consume.
    pub offset: i64,
    /// The leader epoch of the last consumed record (KIP-320).
    pub leader_epoch: Option<i32>,
    /// Whatever the client wants to keep.
    pub metadata: Arc<str>,
    /// When it was committed.
    pub commit_timestamp_ms: i64,
    /// When it expires, if the commit said so (versions up to 4 of OffsetCommit).
    pub expire_timestamp_ms: Option<i64>,
    /// The topic's id, zero if the record has none.
    pub topic_id: Uuid,
}

type ByPartition = BTreeMap<i32, CommittedOffset>;
pub(super) type ByTopic = BTreeMap<Arc<str>, ByPartition>;

/// Group, topic, partition: no level is ever empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    groups: BTreeMap<Arc<str>, ByTopic>,
    count: usize,
}

impl Offsets {
    /// The offset of a partition.
    pub fn get(&self, group_id: &str, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.groups.get(group_id)?.get(topic)?.get(&partition)
    }

    /// All of them: group, topic, partition, offset, in this order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, i32, &CommittedOffset)> {
        self.groups.iter().flat_map(|(group, topics)| {
            topics.iter().flat_map(move |(topic, partitions)| {
                partitions.iter().map(move |(index, committed)| (&**group, &**topic, *index, committed))
            })
        })
    }

    /// How many offsets there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many groups have offsets.
    pub(super) fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Whether a group has any.
    pub(super) fn has_group(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// The groups that have offsets, in order.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&Arc<str>, &ByTopic)> {
        self.groups.iter()
    }

    /// The ids of the groups that have offsets, from a bound on.
    pub(super) fn groups_from(&self, start: Bound<Arc<str>>) -> impl Iterator<Item = &Arc<str>> {
        self.groups.range::<Arc<str>, _>((start, Bound::Unbounded)).map(|(group_id, _)| group_id)
    }

    /// Every offset of a group.
    pub(super) fn of_group(
        &self,
        group_id: &str,
    ) -> impl Iterator<Item = (&Arc<str>, i32, &CommittedOffset)> {
        self.groups.get(group_id).into_iter().flat_map(flatten)
    }

    /// The offsets of a group by topic.
    pub(super) fn topics_of(&self, group_id: &str) -> Option<&ByTopic> {
        self.groups.get(group_id)
    }

    pub(super) fn put(
        &mut self,
        group_id: Arc<str>,
        topic: Arc<str>,
        partition: i32,
        offset: CommittedOffset,
    ) {
        let partitions = self.groups.entry(group_id).or_default().entry(topic).or_default();
        if partitions.insert(partition, offset).is_none() {
            self.count += 1;
        }
    }

    pub(super) fn remove(&mut self, group_id: &str, topic: &str, partition: i32) {
        let Some(topics) = self.groups.get_mut(group_id) else { return };
        let Some(partitions) = topics.get_mut(topic) else { return };
        if partitions.remove(&partition).is_some() {
            self.count -= 1;
        }
        if partitions.is_empty() {
            topics.remove(topic);
        }
        if topics.is_empty() {
            self.groups.remove(group_id);
        }
    }
}

/// The partitions of a group's topics, in order.
pub(super) fn flatten(topics: &ByTopic) -> impl Iterator<Item = (&Arc<str>, i32, &CommittedOffset)> {
    topics.iter().flat_map(|(topic, partitions)| {
        partitions.iter().map(move |(partition, offset)| (topic, *partition, offset))
    })
}
