//! Offsets by time and by epoch, and moving the start of a log.

use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use protocol::messages::*;
use protocol::records::{BatchBuilder, NewRecord};
use protocol::{ApiKey, ErrorCode, Offset};

use crate::node::Node;
use crate::requests::*;
use crate::wire::Wire;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// One batch, the second record the newest.
fn timed(wire: &mut Wire, name: &'static str) -> Topic {
    let topic = create_topic(wire, name, 1, &[("retention.ms", "-1")]);
    let mut batch = BatchBuilder::new(Offset(0));
    for timestamp in [1000, 3000, 2000] {
        batch.append_next(NewRecord { timestamp, value: Some(b"v"), ..Default::default() }).unwrap();
    }
    append(wire, topic, batch.build().unwrap());
    topic
}

#[test]
fn every_timestamp_at_every_version() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    timed(&mut wire, "timed");
    create_topic(&mut wire, "empty", 1, &[]);
    let check_all = |wire: &mut Wire| {
        for version in ApiKey::ListOffsets.stable_versions() {
            let mut check = |topic: &str, timestamp, expect: (i64, i64)| {
                let answer = list_offset(wire, version, topic, timestamp);
                let since = [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9)];
                if since.iter().any(|(special, from)| timestamp == *special && version < *from) {
                    assert_eq!(answer.error_code, code(ErrorCode::UnsupportedVersion));
                    return;
                }
                let found = (answer.timestamp, answer.offset);
                assert_eq!(
                    (answer.error_code, found),
                    (NONE, expect),
                    "{topic} {timestamp} version {version}"
                );
            };
            check("timed", LATEST, (-1, 3));
            check("timed", EARLIEST, (-1, 0));
            check("timed", MAX_TIMESTAMP, (3000, 1));
            check("timed", EARLIEST_LOCAL, (-1, 0));
            check("timed", LATEST_TIERED, (-1, -1));
            check("timed", 0, (1000, 0));
            check("timed", 1000, (1000, 0));
            check("timed", 1001, (3000, 1));
            check("timed", 3000, (3000, 1));
            check("timed", 3001, (-1, -1));
            check("empty", LATEST, (-1, 0));
            check("empty", EARLIEST, (-1, 0));
            check("empty", MAX_TIMESTAMP, (-1, -1));
            check("empty", 0, (-1, -1));
        }
        let unknown = list_offset(wire, 6, "nowhere", LATEST);
        assert_eq!(unknown.error_code, code(ErrorCode::UnknownTopicOrPartition));
    };
    check_all(&mut wire);
    node.kill();
    node.start_again();
    check_all(&mut Wire::connect(node.address));
}

#[test]
fn where_an_epoch_ended() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = timed(&mut wire, "epochs");
    let epoch = metadata(&mut wire, Some(&["epochs"])).topics[0].partitions[0].leader_epoch;
    for version in ApiKey::OffsetForLeaderEpoch.stable_versions() {
        let mut check = |leader_epoch, current_leader_epoch, expect: (i16, i32, i64)| {
            let partition =
                OffsetForLeaderPartition { leader_epoch, current_leader_epoch, ..Default::default() };
            let topic = OffsetForLeaderTopic {
                topic: topic.name.into(),
                partitions: vec![partition],
                ..Default::default()
            };
            let request =
                OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
            let answer: OffsetForLeaderEpochResponse =
                wire.ask(ApiKey::OffsetForLeaderEpoch, version, &request);
            let row = &answer.topics[0].partitions[0];
            assert_eq!((row.error_code, row.leader_epoch, row.end_offset), expect, "version {version}");
        };
        check(epoch, -1, (NONE, epoch, 3));
        check(epoch, epoch, (NONE, epoch, 3));
        check(epoch + 1, -1, (NONE, -1, -1));
        check(epoch, epoch + 1, (code(ErrorCode::UnknownLeaderEpoch), -1, -1));
    }
}

fn delete_records(wire: &mut Wire, version: i16, topic: Topic, offset: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition { offset, ..Default::default() };
    let topic =
        DeleteRecordsTopic { name: topic.name.into(), partitions: vec![partition], ..Default::default() };
    let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    let answer: DeleteRecordsResponse = wire.ask(ApiKey::DeleteRecords, version, &request);
    let row = &answer.topics[0].partitions[0];
    (row.error_code, row.low_watermark)
}

#[test]
fn deleted_records_stay_deleted() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = timed(&mut wire, "deleted");
    assert_eq!(delete_records(&mut wire, 0, topic, 1), (NONE, 1));
    assert_eq!(delete_records(&mut wire, 1, topic, 2), (NONE, 2));
    // Never back, never beyond the end.
    assert_eq!(delete_records(&mut wire, 2, topic, 0), (NONE, 2));
    let out_of_range = code(ErrorCode::OffsetOutOfRange);
    assert_eq!(delete_records(&mut wire, 2, topic, 4), (out_of_range, -1));
    assert_eq!(delete_records(&mut wire, 2, topic, -2), (out_of_range, -1));
    let nowhere = Topic { name: "nowhere", ..topic };
    assert_eq!(delete_records(&mut wire, 2, nowhere, 0), (code(ErrorCode::UnknownTopicOrPartition), -1));

    let check = |wire: &mut Wire| {
        assert_eq!(list_offset(wire, 6, "deleted", EARLIEST).offset, 2);
        let data = fetch(wire, 12, topic, 1);
        assert_eq!((data.error_code, data.log_start_offset), (out_of_range, -1));
        let data = fetch(wire, 12, topic, 2);
        // The batch is whole, the client passes over what is before the offset it asked for.
        assert_eq!(records_of(&data).last().map(|(offset, _)| *offset), Some(2));
    };
    check(&mut wire);
    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    check(&mut wire);
    // -1: everything.
    assert_eq!(delete_records(&mut wire, 2, topic, -1), (NONE, 3));
    assert!(node.stop().success());
    node.start_again();
    let mut wire = Wire::connect(node.address);
    assert_eq!(list_offset(&mut wire, 6, "deleted", EARLIEST).offset, 3);
    assert_eq!(append(&mut wire, topic, batch(&["next"])), 3);
}

fn delete_topic(wire: &mut Wire, topic: Topic) {
    let by_id = DeleteTopicState { topic_id: topic.id, ..Default::default() };
    let request = DeleteTopicsRequest { topics: vec![by_id], ..Default::default() };
    let answer: DeleteTopicsResponse = wire.ask(ApiKey::DeleteTopics, 6, &request);
    assert_eq!(answer.responses[0].error_code, NONE);
}

/// What checkpoints said about a deleted topic must not meet another one of its name.
#[test]
fn a_log_start_ends_with_its_topic() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    for _ in 0..2 {
        let topic = timed(&mut wire, "again");
        assert_eq!(delete_records(&mut wire, 2, topic, -1), (NONE, 3));
        delete_topic(&mut wire, topic);
        timed(&mut wire, "again");
        node.kill();
        node.start_again();
        wire = Wire::connect(node.address);
        assert_eq!(list_offset(&mut wire, 6, "again", EARLIEST).offset, 0);
        let topic = crate::requests::topic(&mut wire, "again");
        assert_eq!(read_all(&mut wire, topic).len(), 3);
        delete_topic(&mut wire, topic);
    }
}
