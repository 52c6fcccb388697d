//! The records of `__consumer_offsets` that this machine writes and reads: a key's first two bytes are its type, a
//! value's first two its version. Those of consumer groups are in `consumer/record`; types of other machines (share and
//! streams groups) are kept as bytes.

use std::sync::Arc;

use bytes::Bytes;
use protocol::messages::group_metadata_value::MemberMetadata as ValueMember;
use protocol::messages::{GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue};
use protocol::wire::Str;

use super::consumer::ConsumerRecord;
use super::metadata::{GroupMetadata, MemberMetadata};
use super::offsets::CommittedOffset;
use crate::record::{KEY_VERSION, encode, value, whole};
use crate::{CommitError, CoordinatorRecord, Error};

/// `LegacyOffsetCommitKey`: the same fields as type 1, written until Kafka 0.9.
const LEGACY_OFFSET_COMMIT: i16 = 0;
const OFFSET_COMMIT: i16 = 1;
const GROUP_METADATA: i16 = 2;
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
    /// A part of a consumer group, or that it is gone.
    Consumer { group_id: Arc<str>, record: ConsumerRecord },
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
            _ => Ok(match ConsumerRecord::decode(record_type, key, record)? {
                Some((group_id, record)) => Self::Consumer { group_id, record },
                None => Self::Foreign,
            }),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::Uuid;

    use super::super::Durable;
    use super::*;

    /// What Kafka wrote, record by record.
    fn golden() -> Vec<CoordinatorRecord> {
        let lines = include_str!("../../testdata/kafka-4.3.1-consumer-offsets.txt").lines();
        let records = lines.filter(|line| !line.starts_with('#')).map(|line| {
            let (key, value) = line.split_once(' ').unwrap();
            CoordinatorRecord { key: bytes(key), value: (value != "-").then(|| bytes(value)) }
        });
        records.collect()
    }

    fn bytes(hex: &str) -> Bytes {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn encode_again(record: &GroupRecord) -> CoordinatorRecord {
        match record {
            GroupRecord::Offset { group_id, topic, partition, committed } => {
                offset(group_id, topic, *partition, committed.as_ref()).unwrap()
            }
            GroupRecord::Group { group_id, metadata } => group(group_id, metadata.as_ref()).unwrap(),
            GroupRecord::Consumer { group_id, record } => record.encode(group_id).unwrap(),
            GroupRecord::Foreign => panic!("not of this machine"),
        }
    }

    #[test]
    fn writes_what_kafka_writes() {
        let golden = golden();
        assert_eq!(golden.len(), 14);
        for record in golden {
            assert_eq!(encode_again(&GroupRecord::decode(&record).unwrap()), record);
        }
    }

    #[test]
    fn reads_what_kafka_wrote() {
        let mut durable = Durable::default();
        for record in golden() {
            durable.replay(protocol::Offset::ZERO, &record).unwrap();
        }
        let group = durable.group("static").unwrap();
        assert_eq!(
            (group.protocol_type.as_deref(), group.protocol_name.as_deref()),
            (Some("consumer"), Some("range"))
        );
        assert_eq!((group.generation_id, group.members.len()), (1, 1));
        let member = &group.members[0];
        assert_eq!(group.leader.as_ref(), Some(&member.member_id));
        assert_eq!(
            (member.group_instance_id.as_deref(), member.client_host.as_ref()),
            (Some("inst"), "/127.0.0.1")
        );
        assert_eq!((member.session_timeout_ms, member.rebalance_timeout_ms), (45_000, 300_000));
        assert!(durable.group("golden").is_none() && durable.group("simple").is_none());
        assert_eq!(durable.offsets().len(), 4);
        assert_eq!(durable.offsets().get("static", "t", 1).unwrap().offset, 1);
        assert!(!durable.offsets().get("simple", "t", 0).unwrap().topic_id.is_zero());
    }

    #[test]
    fn records_of_other_machines_survive() {
        fn check(key: &'static [u8], expect: Result<usize, Error>) {
            let mut durable = Durable::default();
            let record = CoordinatorRecord { key: key.into(), value: Some(Bytes::from_static(b"?")) };
            let replayed = durable.replay(protocol::Offset::ZERO, &record).map(|()| durable.foreign_len());
            assert_eq!(replayed, expect);
            if replayed == Ok(1) {
                assert_eq!(durable.records().collect::<Result<Vec<_>, _>>(), Ok(vec![record]));
                durable
                    .replay(protocol::Offset::ZERO, &CoordinatorRecord { key: key.into(), value: None })
                    .unwrap();
                assert_eq!(durable, Durable::default());
            }
        }
        check(b"\0\x0b\0\x01g", Ok(1));
        check(b"\x7f\xff", Ok(1));
        check(b"\0", Err(Error::MissingType { length_bytes: 1 }));
        check(b"\0\x02\0\x01g+", Err(Error::Trailing { record_type: 2, trailing_bytes: 1 }));
        let too_long = protocol::wire::DecodeError::InvalidLength { length: 5, remaining: 1 };
        check(b"\0\x02\0\x05g", Err(Error::Malformed { record_type: 2, source: too_long }));
    }

    #[test]
    fn the_oldest_commits_are_read() {
        let key = Bytes::from_static(b"\0\0\0\x01g\0\x01t\0\0\0\x02");
        let value = Bytes::from_static(b"\0\0\0\0\0\0\0\0\0\x07\0\x01m\0\0\0\0\0\0\0\x09");
        let mut durable = Durable::default();
        durable.replay(protocol::Offset::ZERO, &CoordinatorRecord { key, value: Some(value) }).unwrap();
        let committed = durable.offsets().get("g", "t", 2).unwrap();
        assert_eq!(
            (committed.offset, committed.metadata.as_ref(), committed.commit_timestamp_ms),
            (7, "m", 9)
        );
        assert_eq!((committed.leader_epoch, committed.expire_timestamp_ms), (None, None));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(group(&"g".repeat(40_000), None), Err(CommitError::TooLarge));
    }

    prop_compose! {
        fn any_offset()(
            offset in any::<i64>(),
            epoch in any::<i32>(),
            metadata in ".{0,9}",
            commit_timestamp_ms in any::<i64>(),
            expire_timestamp_ms in proptest::option::of(0..i64::MAX),
            topic_id in any::<[u8; 16]>(),
        ) -> CommittedOffset {
            CommittedOffset {
                offset,
                // The version with an expiry has neither.
                leader_epoch: Some(epoch).filter(|epoch| *epoch != -1 && expire_timestamp_ms.is_none()),
                metadata: metadata.into(),
                commit_timestamp_ms,
                expire_timestamp_ms,
                topic_id: if expire_timestamp_ms.is_some() { Uuid::ZERO } else { Uuid(topic_id) },
            }
        }
    }

    prop_compose! {
        fn any_member()(
            texts in ["[a-z]{0,5}", "[a-z]{0,5}", "[a-z]{0,5}"],
            instance in proptest::option::of("[a-z]{0,5}"),
            session_timeout_ms in 0..i32::MAX,
            rebalance_timeout_ms in 0..i32::MAX,
            subscription in any::<Vec<u8>>(),
            assignment in any::<Vec<u8>>(),
        ) -> MemberMetadata {
            let [member_id, client_id, client_host] = texts.map(Arc::from);
            MemberMetadata {
                member_id,
                group_instance_id: instance.map(Arc::from),
                client_id,
                client_host,
                rebalance_timeout_ms,
                session_timeout_ms,
                subscription: subscription.into(),
                assignment: assignment.into(),
            }
        }
    }

    prop_compose! {
        fn any_group()(
            protocol_type in proptest::option::of("[a-z]{1,5}"),
            generation_id in any::<i32>(),
            protocol_name in proptest::option::of("[a-z]{0,5}"),
            leader in proptest::option::of("[a-z]{0,5}"),
            state_timestamp_ms in proptest::option::of(0..i64::MAX),
            members in proptest::collection::vec(any_member(), 0..4),
        ) -> GroupMetadata {
            GroupMetadata {
                protocol_type: protocol_type.map(Arc::from),
                generation_id,
                protocol_name: protocol_name.map(Arc::from),
                leader: leader.map(Arc::from),
                state_timestamp_ms,
                members,
            }
        }
    }

    proptest! {
        #[test]
        fn offsets_round_trip(
            group_id in ".{0,9}", topic in ".{0,9}", partition in any::<i32>(),
            committed in proptest::option::of(any_offset()),
        ) {
            let record = offset(&group_id, &topic, partition, committed.as_ref()).unwrap();
            let expect = GroupRecord::Offset {
                group_id: group_id.into(), topic: topic.into(), partition, committed,
            };
            prop_assert_eq!(GroupRecord::decode(&record), Ok(expect));
        }

        #[test]
        fn groups_round_trip(group_id in ".{0,9}", metadata in proptest::option::of(any_group())) {
            let record = group(&group_id, metadata.as_ref()).unwrap();
            prop_assert_eq!(GroupRecord::decode(&record), Ok(GroupRecord::Group { group_id: group_id.into(), metadata }));
        }

        #[test]
        fn garbage_is_refused_or_kept(key in any::<Vec<u8>>(), value in proptest::option::of(any::<Vec<u8>>())) {
            let record = CoordinatorRecord { key: key.into(), value: value.map(Bytes::from) };
            let mut durable = Durable::default();
            if durable.replay(protocol::Offset::ZERO, &record).is_ok() {
                let records = durable.records().collect::<Result<Vec<_>, _>>().unwrap();
                prop_assert_eq!(records.len(), usize::from(record.value.is_some()));
            }
        }
    }
}
