//! The records of consumer groups (KIP-848): types 3 to 8 and 16 of `__consumer_offsets`.

use std::sync::Arc;

use bytes::Bytes;
use protocol::messages::consumer_group_current_member_assignment_value::TopicPartitions as CurrentTopic;
use protocol::messages::consumer_group_member_metadata_value::{ClassicMemberMetadata, ClassicProtocol};
use protocol::messages::consumer_group_target_assignment_member_value::TopicPartition as TargetTopic;
use protocol::messages::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue,
    ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue,
};
use protocol::wire::Str;

use super::group::{GroupEpoch, ResolvedRegex, TargetEpoch};
use super::member::{ClassicMember, CurrentAssignment, EpochedPartitions, MemberMetadata, MemberState};
use crate::group::modern::Partitions;
use crate::record::{KEY_VERSION, encode, value, whole};
use crate::{CommitError, CoordinatorRecord, Error};

const GROUP: i16 = 3;
const PARTITION_METADATA: i16 = 4;
const MEMBER: i16 = 5;
const TARGET_EPOCH: i16 = 6;
const TARGET: i16 = 7;
const CURRENT: i16 = 8;
const REGEX: i16 = 16;
/// The version of every value: none has changed.
const VALUE_VERSION: i16 = 0;

/// What a record says of its group; `None` is that it is gone.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::group) enum ConsumerRecord {
    /// The group itself.
    Group(Option<GroupEpoch>),
    /// What Kafka before 4.1 knew of the topics, as bytes: the hash has taken its place.
    PartitionMetadata(Option<Bytes>),
    /// What a member wants.
    Member(Arc<str>, Option<MemberMetadata>),
    /// The epoch of the target.
    TargetEpoch(Option<TargetEpoch>),
    /// What a member is to have.
    Target(Arc<str>, Option<Partitions>),
    /// What a member has.
    Current(Arc<str>, Option<CurrentAssignment>),
    /// The topics of a pattern.
    Regex(Arc<str>, Option<ResolvedRegex>),
}

impl ConsumerRecord {
    /// The group and what is said of it; `None` for a record of another kind.
    pub(in crate::group) fn decode(
        record_type: i16,
        key: &[u8],
        record: &CoordinatorRecord,
    ) -> Result<Option<(Arc<str>, Self)>, Error> {
        let (group_id, decoded) = match record_type {
            GROUP => {
                let key: ConsumerGroupMetadataKey<'_> = whole(record_type, key, KEY_VERSION)?;
                let value = value::<ConsumerGroupMetadataValue>(record_type, record)?;
                let epoch =
                    value.map(|value| GroupEpoch { epoch: value.epoch, metadata_hash: value.metadata_hash });
                (key.group_id, Self::Group(epoch))
            }
            PARTITION_METADATA => {
                let key: ConsumerGroupPartitionMetadataKey<'_> = whole(record_type, key, KEY_VERSION)?;
                value::<ConsumerGroupPartitionMetadataValue<'_>>(record_type, record)?;
                (key.group_id, Self::PartitionMetadata(record.value.clone()))
            }
            MEMBER => {
                let key: ConsumerGroupMemberMetadataKey<'_> = whole(record_type, key, KEY_VERSION)?;
                let value = value::<ConsumerGroupMemberMetadataValue<'_>>(record_type, record)?;
                (key.group_id, Self::Member(key.member_id.as_ref().into(), value.map(member_metadata)))
            }
            TARGET_EPOCH => {
                let key: ConsumerGroupTargetAssignmentMetadataKey<'_> = whole(record_type, key, KEY_VERSION)?;
                let value = value::<ConsumerGroupTargetAssignmentMetadataValue>(record_type, record)?;
                let epoch = value.map(|value| TargetEpoch {
                    epoch: value.assignment_epoch,
                    timestamp_ms: value.assignment_timestamp,
                });
                (key.group_id, Self::TargetEpoch(epoch))
            }
            TARGET => {
                let key: ConsumerGroupTargetAssignmentMemberKey<'_> = whole(record_type, key, KEY_VERSION)?;
                let value = value::<ConsumerGroupTargetAssignmentMemberValue>(record_type, record)?;
                (key.group_id, Self::Target(key.member_id.as_ref().into(), value.as_ref().map(target)))
            }
            CURRENT => {
                let key: ConsumerGroupCurrentMemberAssignmentKey<'_> = whole(record_type, key, KEY_VERSION)?;
                let value = value::<ConsumerGroupCurrentMemberAssignmentValue>(record_type, record)?;
                (key.group_id, Self::Current(key.member_id.as_ref().into(), value.as_ref().map(current)))
            }
            REGEX => {
                let key: ConsumerGroupRegularExpressionKey<'_> = whole(record_type, key, KEY_VERSION)?;
                let value = value::<ConsumerGroupRegularExpressionValue<'_>>(record_type, record)?;
                let resolved = value.map(|value| ResolvedRegex {
                    topics: value.topics.iter().map(|name| name.as_ref().into()).collect(),
                    version: value.version,
                    timestamp_ms: value.timestamp,
                });
                (key.group_id, Self::Regex(key.regular_expression.as_ref().into(), resolved))
            }
            _ => return Ok(None),
        };
        Ok(Some((group_id.as_ref().into(), decoded)))
    }

    pub(in crate::group) fn encode(&self, group_id: &str) -> Result<CoordinatorRecord, CommitError> {
        let group_id = Str::Borrowed(group_id);
        match self {
            Self::Group(epoch) => {
                let key = ConsumerGroupMetadataKey { group_id, ..Default::default() };
                let value = epoch.map(|epoch| ConsumerGroupMetadataValue {
                    epoch: epoch.epoch,
                    metadata_hash: epoch.metadata_hash,
                    ..Default::default()
                });
                encode(GROUP, &key, VALUE_VERSION, value.as_ref())
            }
            Self::PartitionMetadata(bytes) => {
                let key = ConsumerGroupPartitionMetadataKey { group_id, ..Default::default() };
                let none: Option<&ConsumerGroupPartitionMetadataValue<'_>> = None;
                let tombstone = encode(PARTITION_METADATA, &key, VALUE_VERSION, none)?;
                Ok(CoordinatorRecord { value: bytes.clone(), ..tombstone })
            }
            Self::Member(member_id, metadata) => {
                let member_id = Str::Borrowed(member_id);
                let key = ConsumerGroupMemberMetadataKey { group_id, member_id, ..Default::default() };
                encode(MEMBER, &key, VALUE_VERSION, metadata.as_ref().map(member_value).as_ref())
            }
            Self::TargetEpoch(epoch) => {
                let key = ConsumerGroupTargetAssignmentMetadataKey { group_id, ..Default::default() };
                let value = epoch.map(|epoch| ConsumerGroupTargetAssignmentMetadataValue {
                    assignment_epoch: epoch.epoch,
                    assignment_timestamp: epoch.timestamp_ms,
                    ..Default::default()
                });
                encode(TARGET_EPOCH, &key, VALUE_VERSION, value.as_ref())
            }
            Self::Target(member_id, partitions) => {
                let member_id = Str::Borrowed(member_id);
                let key =
                    ConsumerGroupTargetAssignmentMemberKey { group_id, member_id, ..Default::default() };
                encode(TARGET, &key, VALUE_VERSION, partitions.as_ref().map(target_value).as_ref())
            }
            Self::Current(member_id, assignment) => {
                let member_id = Str::Borrowed(member_id);
                let key =
                    ConsumerGroupCurrentMemberAssignmentKey { group_id, member_id, ..Default::default() };
                encode(CURRENT, &key, VALUE_VERSION, assignment.as_ref().map(current_value).as_ref())
            }
            Self::Regex(regex, resolved) => {
                let regular_expression = Str::Borrowed(regex);
                let key =
                    ConsumerGroupRegularExpressionKey { group_id, regular_expression, ..Default::default() };
                let value = resolved.as_ref().map(|resolved| ConsumerGroupRegularExpressionValue {
                    topics: resolved.topics.iter().map(|name| Str::Borrowed(&**name)).collect(),
                    version: resolved.version,
                    timestamp: resolved.timestamp_ms,
                    ..Default::default()
                });
                encode(REGEX, &key, VALUE_VERSION, value.as_ref())
            }
        }
    }
}

fn member_metadata(value: ConsumerGroupMemberMetadataValue<'_>) -> MemberMetadata {
    let text = |text: &Option<Str<'_>>| text.as_deref().map(Arc::from);
    MemberMetadata {
        instance_id: text(&value.instance_id),
        rack_id: text(&value.rack_id),
        client_id: value.client_id.as_ref().into(),
        client_host: value.client_host.as_ref().into(),
        subscribed_topic_names: value
            .subscribed_topic_names
            .iter()
            .map(|name| name.as_ref().into())
            .collect(),
        subscribed_topic_regex: text(&value.subscribed_topic_regex).filter(|regex| !regex.is_empty()),
        rebalance_timeout_ms: value.rebalance_timeout_ms,
        server_assignor: text(&value.server_assignor),
        classic: value.classic_member_metadata.map(|classic| ClassicMember {
            session_timeout_ms: classic.session_timeout_ms,
            protocols: classic
                .supported_protocols
                .iter()
                .map(|protocol| (protocol.name.as_ref().into(), Bytes::copy_from_slice(&protocol.metadata)))
                .collect(),
        }),
    }
}

fn member_value(metadata: &MemberMetadata) -> ConsumerGroupMemberMetadataValue<'_> {
    ConsumerGroupMemberMetadataValue {
        instance_id: metadata.instance_id.as_deref().map(Str::Borrowed),
        rack_id: metadata.rack_id.as_deref().map(Str::Borrowed),
        client_id: Str::Borrowed(&metadata.client_id),
        client_host: Str::Borrowed(&metadata.client_host),
        subscribed_topic_names: metadata
            .subscribed_topic_names
            .iter()
            .map(|name| Str::Borrowed(&**name))
            .collect(),
        // As Kafka writes it of clients that know of patterns and want none.
        subscribed_topic_regex: Some(Str::Borrowed(metadata.subscribed_topic_regex.as_deref().unwrap_or(""))),
        rebalance_timeout_ms: metadata.rebalance_timeout_ms,
        server_assignor: metadata.server_assignor.as_deref().map(Str::Borrowed),
        classic_member_metadata: metadata.classic.as_ref().map(|classic| ClassicMemberMetadata {
            session_timeout_ms: classic.session_timeout_ms,
            supported_protocols: classic
                .protocols
                .iter()
                .map(|(name, metadata)| ClassicProtocol {
                    name: Str::Borrowed(name),
                    metadata: metadata.as_ref().into(),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn target(value: &ConsumerGroupTargetAssignmentMemberValue) -> Partitions {
    let topics = value.topic_partitions.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, *partition))).collect()
}

fn target_value(target: &Partitions) -> ConsumerGroupTargetAssignmentMemberValue {
    let topics = target.topics().map(|(topic_id, partitions)| TargetTopic {
        topic_id,
        partitions: partitions.iter().copied().collect(),
        ..Default::default()
    });
    ConsumerGroupTargetAssignmentMemberValue { topic_partitions: topics.collect(), ..Default::default() }
}

fn current(value: &ConsumerGroupCurrentMemberAssignmentValue) -> CurrentAssignment {
    // Before 4.4 partitions have no epochs of their own. As in Kafka the member's is taken then, but none below 0.
    let epoched = |topics: &[CurrentTopic]| {
        let mut all = EpochedPartitions::new();
        for topic in topics.iter().filter(|topic| !topic.partitions.is_empty()) {
            let epochs = topic.assignment_epochs.as_deref().unwrap_or(&[]);
            let known = epochs.len() == topic.partitions.len();
            let epoch = |index: usize| if known { epochs[index] } else { value.member_epoch.max(0) };
            let partitions = topic.partitions.iter().enumerate();
            all.entry(topic.topic_id)
                .or_default()
                .extend(partitions.map(|(index, partition)| (*partition, epoch(index))));
        }
        all
    };
    CurrentAssignment {
        member_epoch: value.member_epoch,
        previous_member_epoch: value.previous_member_epoch,
        state: MemberState::from_number(value.state),
        assigned: epoched(&value.assigned_partitions),
        pending_revocation: epoched(&value.partitions_pending_revocation),
    }
}

fn current_value(assignment: &CurrentAssignment) -> ConsumerGroupCurrentMemberAssignmentValue {
    let topics = |partitions: &EpochedPartitions| {
        let topics = partitions.iter().map(|(topic_id, epochs)| CurrentTopic {
            topic_id: *topic_id,
            partitions: epochs.keys().copied().collect(),
            assignment_epochs: Some(epochs.values().copied().collect()),
            ..Default::default()
        });
        topics.collect()
    };
    ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: assignment.member_epoch,
        previous_member_epoch: assignment.previous_member_epoch,
        state: assignment.state.number(),
        assigned_partitions: topics(&assignment.assigned),
        partitions_pending_revocation: topics(&assignment.pending_revocation),
        ..Default::default()
    }
}
