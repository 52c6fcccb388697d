//! The assignors of consumer groups: who is to have what. Pure functions of members, topics and the target before.
//!
//! Racks play no part in them, as in Kafka 4: they are only in the hash of the topics.

mod range;
mod uniform;
mod uniform_heterogeneous;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::Uuid;

use crate::group::modern::Partitions;

/// A member that is to get partitions.
#[derive(Clone, Debug)]
pub(super) struct Assignee<'a> {
    pub(super) member_id: &'a Arc<str>,
    pub(super) instance_id: Option<&'a str>,
    /// The topics that it subscribes to, of those that exist, in order.
    pub(super) topics: Vec<Uuid>,
    /// What it was to have before.
    pub(super) before: &'a Partitions,
}

/// What an assignor is given.
#[derive(Clone, Debug)]
pub(super) struct Assignees<'a> {
    /// In the order of their ids.
    pub(super) members: Vec<Assignee<'a>>,
    /// How many partitions each topic has that somebody subscribes to.
    pub(super) partition_counts: BTreeMap<Uuid, i32>,
}

impl Assignees<'_> {
    /// Whether all subscribe to the same.
    fn is_homogeneous(&self) -> bool {
        self.members.windows(2).all(|pair| pair[0].topics == pair[1].topics)
    }

    /// Whether there is such a partition.
    fn exists(&self, topic_id: Uuid, partition: i32) -> bool {
        self.partition_counts.get(&topic_id).is_some_and(|count| (0..*count).contains(&partition))
    }

    /// Every partition.
    fn partitions(&self) -> impl Iterator<Item = (Uuid, i32)> {
        self.partition_counts.iter().flat_map(|(id, count)| (0..*count).map(|partition| (*id, partition)))
    }
}

/// An assignor of the coordinator (`group.consumer.assignors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// As many partitions for everybody, moving as few as can be.
    Uniform,
    /// Neighbouring partitions, the same of each topic for topics of the same size.
    Range,
}

impl Assignor {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of a name, or of the name of the class in Kafka that is it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "uniform" | "org.apache.kafka.coordinator.group.assignor.UniformAssignor" => Some(Self::Uniform),
            "range" | "org.apache.kafka.coordinator.group.assignor.RangeAssignor" => Some(Self::Range),
            _ => None,
        }
    }

    /// What each member is to have, in their order. Every partition goes to exactly one subscriber of its topic.
    pub(super) fn assign(self, assignees: &Assignees<'_>) -> Vec<Partitions> {
        match self {
            Self::Range => range::assign(assignees),
            Self::Uniform if assignees.is_homogeneous() => uniform::assign(assignees),
            Self::Uniform => uniform_heterogeneous::assign(assignees),
        }
    }
}
