//! The records, as Kafka writes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use protocol::{Offset, Uuid};

use crate::CoordinatorRecord;
use crate::group::consumer::group::{GroupEpoch, ResolvedRegex, TargetEpoch};
use crate::group::consumer::{
    ClassicMember, ConsumerGroupState, ConsumerRecord, CurrentAssignment, EpochedPartitions, MemberMetadata,
    MemberState,
};
use crate::group::{Durable, Partitions};

/// What Kafka wrote, record by record.
fn golden() -> Vec<CoordinatorRecord> {
    let lines = include_str!("../../../../testdata/kafka-4.3.1-consumer-groups.txt").lines();
    let records = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let (key, value) = line.split_once(' ').unwrap();
        CoordinatorRecord { key: bytes(key), value: (value != "-").then(|| bytes(value)) }
    });
    records.collect()
}

fn bytes(hex: &str) -> Bytes {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn decode(record: &CoordinatorRecord) -> (Arc<str>, ConsumerRecord) {
    let record_type = i16::from_be_bytes([record.key[0], record.key[1]]);
    ConsumerRecord::decode(record_type, &record.key[2..], record).unwrap().unwrap()
}

#[test]
fn writes_what_kafka_writes() {
    let golden = golden();
    assert_eq!(golden.len(), 37);
    for record in golden {
        let (group_id, decoded) = decode(&record);
        assert_eq!(decoded.encode(&group_id).unwrap(), record, "{decoded:?}");
    }
}

#[test]
fn reads_what_kafka_wrote() {
    let replay = |records: &[CoordinatorRecord]| {
        let mut durable = Durable::default();
        for (record, offset) in records.iter().zip(0..) {
            durable.replay(Offset(offset), record).unwrap();
        }
        durable
    };
    let golden = golden();
    let end = replay(&golden);
    for (group_id, epoch) in [("g", 3), ("rx", 3)] {
        let group = end.consumer_group(group_id).unwrap();
        assert_eq!(
            (group.state(), group.epoch(), group.metadata_hash()),
            (ConsumerGroupState::Empty, epoch, 0)
        );
    }
    // In the middle: the second member of `st` waits for what the first gives up.
    let both = (0..golden.len()).map(|end| replay(&golden[..end])).find(|durable| {
        durable
            .consumer_group("st")
            .is_some_and(|group| group.member_count() == 2 && group.assignment_epoch() == 3)
    });
    let middle = both.unwrap();
    let group = middle.consumer_group("st").unwrap();
    assert_eq!((group.epoch(), group.assignment_epoch()), (3, 3));
    assert_eq!(group.state(), ConsumerGroupState::Reconciling);
    assert_eq!(group.members().map(|(_, member)| member.target.len()).sum::<usize>(), 3);
    let (_, instance) = group.members().find(|(_, member)| member.metadata.instance_id.is_some()).unwrap();
    assert_eq!(instance.metadata.rack_id.as_deref(), Some("r1"));
    assert_eq!(instance.metadata.server_assignor.as_deref(), Some("range"));
    let rewritten = middle.records().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(replay(&rewritten), middle);
}

fn text() -> impl Strategy<Value = Arc<str>> {
    "[a-z]{0,5}".prop_map(|text| text.as_str().into())
}

fn partitions() -> impl Strategy<Value = Partitions> {
    let partition = (any::<[u8; 16]>().prop_map(Uuid), any::<i32>());
    proptest::collection::vec(partition, 0..5).prop_map(|all| all.into_iter().collect())
}

fn epoched() -> impl Strategy<Value = EpochedPartitions> {
    let by_partition = proptest::collection::btree_map(any::<i32>(), any::<i32>(), 1..4);
    let topics = proptest::collection::btree_map(any::<[u8; 16]>(), by_partition, 0..3);
    topics.prop_map(|topics| topics.into_iter().map(|(id, by_partition)| (Uuid(id), by_partition)).collect())
}

prop_compose! {
    fn metadata()(
        ids in (proptest::option::of(text()), proptest::option::of(text()), text(), text()),
        names in proptest::collection::btree_set(text(), 0..4),
        regex in proptest::option::of("[a-z]{1,5}"),
        assignor in proptest::option::of(text()),
        rebalance_timeout_ms in any::<i32>(),
        classic in proptest::option::of((any::<i32>(), proptest::collection::vec((text(), text()), 0..3))),
    ) -> MemberMetadata {
        let (instance_id, rack_id, client_id, client_host) = ids;
        MemberMetadata {
            instance_id, rack_id, client_id, client_host,
            subscribed_topic_names: names,
            subscribed_topic_regex: regex.map(|regex| regex.as_str().into()),
            rebalance_timeout_ms,
            server_assignor: assignor,
            classic: classic.map(|(session_timeout_ms, protocols)| ClassicMember {
                session_timeout_ms,
                protocols: protocols.into_iter()
                    .map(|(name, said)| (name, Bytes::copy_from_slice(said.as_bytes())))
                    .collect(),
            }),
        }
    }
}

prop_compose! {
    fn current()(
        epochs in (any::<i32>(), any::<i32>()),
        state in prop_oneof![
            Just(MemberState::Stable), Just(MemberState::UnrevokedPartitions),
            Just(MemberState::UnreleasedPartitions), Just(MemberState::Unknown),
        ],
        assigned in epoched(),
        pending_revocation in epoched(),
    ) -> CurrentAssignment {
        let (member_epoch, previous_member_epoch) = epochs;
        CurrentAssignment { member_epoch, previous_member_epoch, state, assigned, pending_revocation }
    }
}

fn record() -> impl Strategy<Value = ConsumerRecord> {
    let maybe = proptest::option::of::<BoxedStrategy<(i32, i64)>>;
    let numbers = || maybe((any::<i32>(), any::<i64>()).boxed());
    let resolved = (proptest::collection::btree_set(text(), 0..4), any::<i64>(), any::<i64>())
        .prop_map(|(topics, version, timestamp_ms)| ResolvedRegex { topics, version, timestamp_ms });
    prop_oneof![
        numbers().prop_map(|value| ConsumerRecord::Group(
            value.map(|(epoch, metadata_hash)| GroupEpoch { epoch, metadata_hash })
        )),
        numbers().prop_map(|value| ConsumerRecord::TargetEpoch(
            value.map(|(epoch, timestamp_ms)| TargetEpoch { epoch, timestamp_ms })
        )),
        (text(), proptest::option::of(metadata())).prop_map(|(id, value)| ConsumerRecord::Member(id, value)),
        (text(), proptest::option::of(partitions()))
            .prop_map(|(id, value)| ConsumerRecord::Target(id, value)),
        (text(), proptest::option::of(current())).prop_map(|(id, value)| ConsumerRecord::Current(id, value)),
        (text(), proptest::option::of(resolved))
            .prop_map(|(regex, value)| ConsumerRecord::Regex(regex, value)),
    ]
}

proptest! {
    #[test]
    fn records_are_read_as_written(group_id in "[a-z]{0,5}", record in record()) {
        let (read_id, read) = decode(&record.encode(&group_id).unwrap());
        prop_assert_eq!(&*read_id, group_id);
        prop_assert_eq!(read, record);
    }

    /// Whatever a log says, in whatever order: nothing panics, and a rewrite says the same.
    #[test]
    fn any_log_is_replayed(records in proptest::collection::vec(record(), 0..30)) {
        let mut durable = Durable::default();
        let mut live = BTreeMap::new();
        for record in records {
            let record = record.encode("g").unwrap();
            durable.replay(Offset::ZERO, &record).unwrap();
            live.insert(record.key.clone(), record.value);
        }
        let rewritten = durable.records().collect::<Result<Vec<_>, _>>().unwrap();
        let rewritten: BTreeMap<_, _> =
            rewritten.into_iter().map(|record| (record.key, record.value)).collect();
        live.retain(|_, value| value.is_some());
        prop_assert_eq!(rewritten, live);
    }
}
