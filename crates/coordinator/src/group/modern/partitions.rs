//! Sets of partitions by topic.

use std::collections::{BTreeMap, BTreeSet};

use protocol::Uuid;

/// Partitions by the id of their topic. No topic is without partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partitions(BTreeMap<Uuid, BTreeSet<i32>>);

impl Partitions {
    /// No partitions.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds one.
    pub fn insert(&mut self, topic_id: Uuid, partition: i32) {
        self.0.entry(topic_id).or_default().insert(partition);
    }

    /// Takes one out.
    pub fn remove(&mut self, topic_id: Uuid, partition: i32) {
        if let Some(partitions) = self.0.get_mut(&topic_id) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.0.remove(&topic_id);
            }
        }
    }

    /// Whether one is in it.
    pub fn contains(&self, topic_id: Uuid, partition: i32) -> bool {
        self.0.get(&topic_id).is_some_and(|partitions| partitions.contains(&partition))
    }

    /// All of them, by topic and number.
    pub fn iter(&self) -> impl Iterator<Item = (Uuid, i32)> {
        self.0.iter().flat_map(|(id, partitions)| partitions.iter().map(|partition| (*id, *partition)))
    }

    /// The topics with their partitions.
    pub fn topics(&self) -> impl Iterator<Item = (Uuid, &BTreeSet<i32>)> {
        self.0.iter().map(|(id, partitions)| (*id, partitions))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Uuid, i32)> for Partitions {
    fn from_iter<I: IntoIterator<Item = (Uuid, i32)>>(partitions: I) -> Self {
        let mut all = Self::default();
        partitions.into_iter().for_each(|(topic_id, partition)| all.insert(topic_id, partition));
        all
    }
}
