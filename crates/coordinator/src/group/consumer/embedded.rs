//! The consumer's protocol inside of the classic one: what classic members say of their subscriptions and are told of their
//! assignments, as bytes that only clients used to read.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::messages::consumer_protocol_assignment::TopicPartition;
use protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use protocol::wire::{Reader, Str, Writer};

use crate::group::modern::{Partitions, Topics};

/// The newest version of both messages; a newer one is read as this.
const NEWEST: i16 = 3;

/// What a classic member says of itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Subscription {
    pub(super) topics: BTreeSet<Arc<str>>,
    pub(super) rack_id: Option<Arc<str>>,
    /// What it has, of topics that exist.
    pub(super) owned: Vec<TopicPartitions>,
    /// Whether its assignor says more than the coordinator's assignors understand.
    pub(super) has_user_data: bool,
}

/// The subscription that bytes are; `None` for what is none.
pub(super) fn read_subscription(metadata: &[u8], topics: &dyn Topics) -> Option<Subscription> {
    let mut reader = Reader::new(metadata);
    let version = reader.i16().ok().filter(|version| *version >= 0)?.min(NEWEST);
    let subscription = ConsumerProtocolSubscription::decode(&mut reader, version).ok()?;
    let owned = subscription.owned_partitions.iter().filter_map(|topic| {
        Some(TopicPartitions {
            topic_id: topics.by_name(&topic.topic)?.id,
            partitions: topic.partitions.clone(),
            ..TopicPartitions::default()
        })
    });
    Some(Subscription {
        topics: subscription.topics.iter().map(|topic| topic.as_ref().into()).collect(),
        rack_id: subscription.rack_id.as_deref().filter(|rack| !rack.is_empty()).map(Arc::from),
        owned: owned.collect(),
        has_user_data: subscription.user_data.is_some_and(|data| !data.is_empty()),
    })
}

/// The partitions of an assignment, of topics that exist; `None` for what is no assignment. No bytes are no partitions.
pub(super) fn read_assignment(assignment: &[u8], topics: &dyn Topics) -> Option<Partitions> {
    if assignment.is_empty() {
        return Some(Partitions::new());
    }
    let mut reader = Reader::new(assignment);
    let version = reader.i16().ok().filter(|version| *version >= 0)?.min(NEWEST);
    let assignment = ConsumerProtocolAssignment::decode(&mut reader, version).ok()?;
    let partitions = assignment.assigned_partitions.iter().flat_map(|topic| {
        let id = topics.by_name(&topic.topic).map(|topic| topic.id);
        topic.partitions.iter().filter_map(move |partition| Some((id?, *partition)))
    });
    Some(partitions.collect())
}

/// The assignment of partitions, in the version that a member's metadata is in. Topics that are gone are left out.
pub(super) fn write_assignment(
    partitions: impl IntoIterator<Item = (protocol::Uuid, i32)>,
    topics: &dyn Topics,
    metadata: &[u8],
) -> Bytes {
    let version = Reader::new(metadata).i16().unwrap_or(0).clamp(0, NEWEST);
    let partitions: Partitions = partitions.into_iter().collect();
    let assigned = partitions.topics().filter_map(|(id, partitions)| {
        Some(TopicPartition {
            topic: Str::Borrowed(topics.by_id(id)?.name),
            partitions: partitions.iter().copied().collect(),
            ..TopicPartition::default()
        })
    });
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: assigned.collect(),
        ..ConsumerProtocolAssignment::default()
    };
    let mut writer = Writer::new();
    writer.i16(version);
    // Names of topics are short enough for any text.
    let written = assignment.encode(&mut writer, version);
    debug_assert!(written.is_ok(), "an assignment is written: {written:?}");
    writer.into_bytes().into()
}
