//! Topics for tests.

use std::collections::BTreeMap;

use protocol::Uuid;

use super::{Topic, Topics};

/// Topics by name: id, partitions, and the rack of every replica.
#[derive(Clone, Debug, Default)]
pub(in crate::group) struct TestTopics {
    pub(in crate::group) version: i64,
    pub(in crate::group) topics: BTreeMap<String, (Uuid, i32)>,
    pub(in crate::group) racks: Vec<&'static str>,
}

/// An id that is a number.
pub(in crate::group) fn id(number: u8) -> Uuid {
    Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number])
}

impl TestTopics {
    /// Creates a topic, or adds partitions to it.
    pub(in crate::group) fn put(&mut self, name: &str, id: Uuid, partition_count: i32) {
        self.version += 1;
        self.topics.insert(name.to_owned(), (id, partition_count));
    }

    pub(in crate::group) fn remove(&mut self, name: &str) {
        self.version += 1;
        self.topics.remove(name);
    }
}

impl Topics for TestTopics {
    fn version(&self) -> i64 {
        self.version
    }

    fn by_name(&self, name: &str) -> Option<Topic<'_>> {
        let (name, (id, partition_count)) = self.topics.get_key_value(name)?;
        Some(Topic { name, id: *id, partition_count: *partition_count })
    }

    fn by_id(&self, id: Uuid) -> Option<Topic<'_>> {
        self.all().find(|topic| topic.id == id)
    }

    fn all(&self) -> Box<dyn Iterator<Item = Topic<'_>> + '_> {
        Box::new(self.topics.keys().filter_map(|name| self.by_name(name)))
    }

    fn racks(&self, _id: Uuid, _partition: i32) -> Vec<&str> {
        self.racks.clone()
    }
}
