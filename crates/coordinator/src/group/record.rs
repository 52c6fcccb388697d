//! The records of `__consumer_offsets` that this machine writes and reads: a key's first two bytes are its type, a
//! value's first two its version. Types of other machines (KIP-848, share and streams groups) are kept as bytes.

use std::sync::Arc;

use bytes::Bytes;
use protocol::messages::group_metadata_value::MemberMetadata as ValueMember;
use protocol::messages::{GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue};
use protocol::wire::{Message, Reader, Str, Writer};

use super::metadata::{GroupMetadata, MemberMetadata};
use super::offsets::CommittedOffset;
use crate::{CommitError, CoordinatorRecord, Error};

/// `LegacyOffsetCommitKey`: the same fields as type 1, written until Kafka 0.9.
const LEGACY_OFFSET_COMMIT: i16 = 0;
const OFFSET_COMMIT: i16 = 1;
const GROUP_METADATA: i16 = 2;
/// The schema version of every key: none has changed.
const KEY_VERSION: i16 = 0;
/// The last version that is not flexible, which is what Kafka writes.
const GROUP_METADATA_VERSION: i16 = 3;
/// The first version with a topic id, and the only one with an expiry.
const OFFSET_COMMIT_VERSION: i16 = 4;
const OFFSET_COMMIT_EXPIRING_VERSION: i16 = 1;

/// A record as this machine reads it.
#[derive(Debug, PartialEq)]
pub(super) enum GroupRecord {
    /// A committed offset, or that there is none.
    Offset { group_id: Arc<str>, topic: Arc<str>, partition: i32, committed: Option<CommittedOffset> },
    /// A classic group, or that there is none.
    Group { group_id: Arc<str>, metadata: Option<GroupMetadata> },
    /// A record of another machine.
    Foreign,
}

impl GroupRecord {
    pub(super) fn decode(record: &CoordinatorRecord) -> Result<Self, Error> {
        let Some((record_type, key)) = record.key.split_first_chunk::<2>() else {
            return Err(Error::MissingType { length_bytes: record.key.len() });
        };
        let record_type = i16::from_be_bytes(*record_type);
        match record_type {
            LEGACY_OFFSET_COMMIT | OFFSET_COMMIT => {
                let key: OffsetCommitKey<'_> = whole(record_type, key, KEY_VERSION)?;
                Ok(Self::Offset {
                    group_id: key.group.as_ref().into(),
                    topic: key.topic.as_ref().into(),
                    partition: key.partition,
                    committed: value::<OffsetCommitValue<'_>>(record_type, record)?.map(committed_offset),
                })
            }
            GROUP_METADATA => {
                let key: GroupMetadataKey<'_> = whole(record_type, key, KEY_VERSION)?;
                Ok(Self::Group {
                    group_id: key.group.as_ref().into(),
                    metadata: value::<GroupMetadataValue<'_>>(record_type, record)?.map(group_metadata),
                })
            }
            _ => Ok(Self::Foreign),
        }
    }
}

/// The record that a group is so, or, without metadata, that it is gone.
pub(super) fn group(
    group_id: &str,
    metadata: Option<&GroupMetadata>,
) -> Result<CoordinatorRecord, CommitError> {
    let key = GroupMetadataKey { group: Str::Borrowed(group_id), ..GroupMetadataKey::default() };
    let value = metadata.map(|metadata| GroupMetadataValue {
        protocol_type: Str::Borrowed(metadata.protocol_type.as_deref().unwrap_or("")),
        generation: metadata.generation_id,
        protocol: metadata.protocol_name.as_deref().map(Str::Borrowed),
        leader: metadata.leader.as_deref().map(Str::Borrowed),
        current_state_timestamp: metadata.state_timestamp_ms.unwrap_or(-1),
        members: metadata.members.iter().map(value_member).collect(),
        ..GroupMetadataValue::default()
    });
    encode(GROUP_METADATA, &key, GROUP_METADATA_VERSION, value.as_ref())
}

/// The record that an offset is committed, or, without one, that none is.
pub(super) fn offset(
    group_id: &str,
    topic: &str,
    partition: i32,
    committed: Option<&CommittedOffset>,
) -> Result<CoordinatorRecord, CommitError> {
    let key = OffsetCommitKey {
        group: Str::Borrowed(group_id),
        topic: Str::Borrowed(topic),
        partition,
        ..OffsetCommitKey::default()
    };
    let version = match committed.and_then(|committed| committed.expire_timestamp_ms) {
        Some(_) => OFFSET_COMMIT_EXPIRING_VERSION,
        None => OFFSET_COMMIT_VERSION,
    };
    let value = committed.map(|committed| OffsetCommitValue {
        offset: committed.offset,
        leader_epoch: committed.leader_epoch.unwrap_or(-1),
        metadata: Str::Borrowed(&committed.metadata),
        commit_timestamp: committed.commit_timestamp_ms,
        expire_timestamp: committed.expire_timestamp_ms.unwrap_or(-1),
        topic_id: committed.topic_id,
        ..OffsetCommitValue::default()
    });
    encode(OFFSET_COMMIT, &key, version, value.as_ref())
}

fn encode<'k, 'v, V: Message<'v>>(
    record_type: i16,
    key: &impl Message<'k>,
    version: i16,
    value: Option<&V>,
) -> Result<CoordinatorRecord, CommitError> {
    Ok(CoordinatorRecord {
        key: prefixed(record_type, key, KEY_VERSION)?,
        value: value.map(|value| prefixed(version, value, version)).transpose()?,
    })
}

/// The only way a record of ours does not encode is a text that is too long for its field.
fn prefixed<'a>(prefix: i16, message: &impl Message<'a>, version: i16) -> Result<Bytes, CommitError> {
    let mut writer = Writer::new();
    writer.i16(prefix);
    message.encode(&mut writer, version).map_err(|_| CommitError::TooLarge)?;
    Ok(writer.into_bytes().into())
}

fn value<'a, V: Message<'a>>(record_type: i16, record: &'a CoordinatorRecord) -> Result<Option<V>, Error> {
    let Some(bytes) = &record.value else { return Ok(None) };
    let mut reader = Reader::new(bytes);
    let version = reader.i16().map_err(|source| Error::Malformed { record_type, source })?;
    whole(record_type, reader.remaining(), version).map(Some)
}

fn whole<'a, M: Message<'a>>(record_type: i16, bytes: &'a [u8], version: i16) -> Result<M, Error> {
    let mut reader = Reader::new(bytes);
    let message =
        M::decode(&mut reader, version).map_err(|source| Error::Malformed { record_type, source })?;
    match reader.remaining().len() {
        0 => Ok(message),
        trailing_bytes => Err(Error::Trailing { record_type, trailing_bytes }),
    }
}

fn value_member(member: &MemberMetadata) -> ValueMember<'_> {
    ValueMember {
        member_id: Str::Borrowed(&member.member_id),
        group_instance_id: member.group_instance_id.as_deref().map(Str::Borrowed),
        client_id: Str::Borrowed(&member.client_id),
        client_host: Str::Borrowed(&member.client_host),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.subscription.as_ref().into(),
        assignment: member.assignment.as_ref().into(),
        ..ValueMember::default()
    }
}

fn group_metadata(value: GroupMetadataValue<'_>) -> GroupMetadata {
    let members = value.members.iter().map(|member| MemberMetadata {
        member_id: member.member_id.as_ref().into(),
        group_instance_id: member.group_instance_id.as_deref().map(Arc::from),
        client_id: member.client_id.as_ref().into(),
        client_host: member.client_host.as_ref().into(),
        // Version 0 has none.
        rebalance_timeout_ms: match member.rebalance_timeout {
            -1 => member.session_timeout,
            timeout => timeout,
        },
        session_timeout_ms: member.session_timeout,
        subscription: Bytes::copy_from_slice(&member.subscription),
        assignment: Bytes::copy_from_slice(&member.assignment),
    });
    GroupMetadata {
        protocol_type: Some(value.protocol_type.as_ref()).filter(|name| !name.is_empty()).map(Arc::from),
        generation_id: value.generation,
        protocol_name: value.protocol.as_deref().map(Arc::from),
        leader: value.leader.as_deref().map(Arc::from),
        state_timestamp_ms: Some(value.current_state_timestamp).filter(|timestamp| *timestamp != -1),
        members: members.collect(),
    }
}

fn committed_offset(value: OffsetCommitValue<'_>) -> CommittedOffset {
    CommittedOffset {
        offset: value.offset,
        leader_epoch: Some(value.leader_epoch).filter(|epoch| *epoch != -1),
        metadata: value.metadata.as_ref().into(),
        commit_timestamp_ms: value.commit_timestamp,
        expire_timestamp_ms: Some(value.expire_timestamp).filter(|timestamp| *timestamp != -1),
        topic_id: value.topic_id,
    }
}
