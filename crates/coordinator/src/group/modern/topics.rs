//! The topics as a group sees them. The machine is pure and keeps no copy of the cluster's metadata: whoever asks it brings
//! the image along.

use std::fmt::Debug;

use protocol::Uuid;

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has, numbered from 0.
    pub partition_count: i32,
}

/// The cluster's topics at one moment.
pub trait Topics: Debug {
    /// Another number whenever a topic, its partitions or their racks may have changed.
    fn version(&self) -> i64;

    /// The topic of a name.
    fn by_name(&self, name: &str) -> Option<Topic<'_>>;

    /// The topic of an id.
    fn by_id(&self, id: Uuid) -> Option<Topic<'_>>;

    /// Every topic.
    fn all(&self) -> Box<dyn Iterator<Item = Topic<'_>> + '_>;

    /// The racks of the replicas of a partition, sorted, one for every replica whose broker has one.
    fn racks(&self, id: Uuid, partition: i32) -> Vec<&str>;
}

/// A cluster without topics.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTopics;

impl Topics for NoTopics {
    fn version(&self) -> i64 {
        0
    }

    fn by_name(&self, _name: &str) -> Option<Topic<'_>> {
        None
    }

    fn by_id(&self, _id: Uuid) -> Option<Topic<'_>> {
        None
    }

    fn all(&self) -> Box<dyn Iterator<Item = Topic<'_>> + '_> {
        Box::new(std::iter::empty())
    }

    fn racks(&self, _id: Uuid, _partition: i32) -> Vec<&str> {
        Vec::new()
    }
}
