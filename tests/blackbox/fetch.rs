//! Fetch, byte by byte: every version, sizes, long polls, sessions (KIP-227).

use std::time::{Duration, Instant};

use protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use protocol::messages::*;
use protocol::{ApiKey, ErrorCode, Uuid};

use crate::node::Node;
use crate::requests::*;
use crate::wire::Wire;

/// Three batches of three records.
fn nine_records(wire: &mut Wire, name: &'static str) -> Topic {
    let topic = create_topic(wire, name, 1, &[]);
    for values in [["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"]] {
        append(wire, topic, batch(&values));
    }
    topic
}

fn offsets_of(data: &fetch_response::PartitionData<'_>) -> Vec<i64> {
    records_of(data).into_iter().map(|(offset, _)| offset).collect()
}

#[test]
fn every_version() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = nine_records(&mut wire, "versions");
    for version in ApiKey::Fetch.stable_versions() {
        let data = fetch(&mut wire, version, topic, 0);
        assert_eq!(offsets_of(&data), (0..9).collect::<Vec<_>>(), "version {version}");
        assert_eq!((data.high_watermark, data.last_stable_offset), (9, 9));
        assert_eq!(data.log_start_offset, if version >= 5 { 0 } else { -1 });
        let committed = FetchRequest { isolation_level: 1, ..fetch_request(topic, 0) };
        let data = fetch_with(&mut wire, version, &committed);
        assert_eq!(data.aborted_transactions, Some(vec![]));

        let data = fetch(&mut wire, version, topic, 9);
        let records = data.records.as_ref().expect("empty, not null");
        assert!(records.is_empty() && data.error_code == NONE && data.high_watermark == 9);
        let data = fetch(&mut wire, version, topic, 10);
        assert_eq!(data.error_code, code(ErrorCode::OffsetOutOfRange));
        assert!(data.records.as_ref().expect("empty, not null").is_empty());
    }
}

#[test]
fn batches_leave_whole() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = nine_records(&mut wire, "whole");
    // Into the middle of a batch: all of it, from its first record on.
    for (from, first) in [(1, 0), (2, 0), (3, 3), (5, 3), (8, 6)] {
        let got = offsets_of(&fetch(&mut wire, 12, topic, from));
        assert_eq!(got, (first..9).collect::<Vec<_>>(), "from {from}");
    }
    // A limit smaller than a batch: the first one all the same.
    let one_batch = batch(&["0", "1", "2"]).len() as i32;
    let mut limited = |of_partition: i32, of_answer: i32| {
        let mut request = FetchRequest { max_bytes: of_answer, ..fetch_request(topic, 3) };
        request.topics[0].partitions[0].partition_max_bytes = of_partition;
        offsets_of(&fetch_with(&mut wire, 12, &request))
    };
    assert_eq!(limited(1, 1), [3, 4, 5]);
    assert_eq!(limited(0, 0), [3, 4, 5]);
    assert_eq!(limited(1 << 20, 1), [3, 4, 5]);
    assert_eq!(limited(one_batch, 1 << 20), [3, 4, 5]);
    assert_eq!(limited(2 * one_batch, 1 << 20), [3, 4, 5, 6, 7, 8]);
    assert_eq!(limited(1 << 20, 2 * one_batch), [3, 4, 5, 6, 7, 8]);
}

#[test]
fn the_first_batch_goes_out_once_for_all_partitions() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "two", 2, &[]);
    for partition in 0..2 {
        let request = produce_request(topic, ACKS_ALL, partition, batch(&["a"]));
        let answer: ProduceResponse = wire.ask(ApiKey::Produce, 9, &request);
        assert_eq!(answer.responses[0].partition_responses[0].error_code, NONE);
    }
    let mut request = FetchRequest { max_bytes: 1, ..fetch_request(topic, 0) };
    let second = FetchPartition { partition: 1, ..request.topics[0].partitions[0].clone() };
    request.topics[0].partitions.push(second);
    let answer: FetchResponse = wire.ask(ApiKey::Fetch, 12, &request);
    let sizes: Vec<_> = answer.responses[0].partitions.iter().map(|p| records_of(p).len()).collect();
    assert_eq!(sizes, [1, 0]);
}

#[test]
fn unknown_topics_and_partitions() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = nine_records(&mut wire, "known");
    let nowhere = Topic { name: "nowhere", id: Uuid([9; 16]) };
    let check = |data: fetch_response::PartitionData<'_>, expect: ErrorCode| {
        assert_eq!((data.error_code, data.high_watermark), (expect.code(), -1));
        assert!(data.records.expect("empty, not null").is_empty());
    };
    check(fetch(&mut wire, 12, nowhere, 0), ErrorCode::UnknownTopicOrPartition);
    check(fetch(&mut wire, 13, nowhere, 0), ErrorCode::UnknownTopicId);
    let mut request = fetch_request(topic, 0);
    request.topics[0].partitions[0].partition = 7;
    check(fetch_with(&mut wire, 12, &request), ErrorCode::UnknownTopicOrPartition);
    check(fetch_with(&mut wire, 13, &request), ErrorCode::UnknownTopicOrPartition);
    let mut request = fetch_request(topic, 0);
    request.topics[0].partitions[0].current_leader_epoch = 99;
    check(fetch_with(&mut wire, 12, &request), ErrorCode::UnknownLeaderEpoch);
}

#[test]
fn a_long_poll_waits_for_its_time_or_for_enough_bytes() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "poll", 1, &[]);
    let began = Instant::now();
    let empty = FetchRequest { max_wait_ms: 60, ..fetch_request(topic, 0) };
    assert_eq!(records_of(&fetch_with(&mut wire, 12, &empty)), []);
    assert!(began.elapsed() >= Duration::from_millis(60));

    // Two batches are enough, one is not.
    let enough = 2 * batch(&["a"]).len() as i32;
    let patient = FetchRequest { max_wait_ms: 25_000, min_bytes: enough, ..fetch_request(topic, 0) };
    let mut producer = Wire::connect(node.address);
    let id = wire.send(ApiKey::Fetch, 12, &patient);
    append(&mut producer, topic, batch(&["a"]));
    append(&mut producer, topic, batch(&["b"]));
    let frame = wire.receive().unwrap();
    assert_eq!(frame.correlation_id(), id);
    let answer: FetchResponse = frame.body(ApiKey::Fetch, 12);
    assert_eq!(offsets_of(&answer.responses[0].partitions[0]), [0, 1]);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_long_poll_ends_when_its_topic_goes() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "gone", 1, &[]);
    let began = Instant::now();
    let id = wire.send(ApiKey::Fetch, 12, &FetchRequest { max_wait_ms: 25_000, ..fetch_request(topic, 0) });
    let mut admin = Wire::connect(node.address);
    let request = DeleteTopicsRequest { topic_names: vec!["gone".into()], ..Default::default() };
    let answer: DeleteTopicsResponse = admin.ask(ApiKey::DeleteTopics, 5, &request);
    assert_eq!(answer.responses[0].error_code, NONE);
    let frame = wire.receive().unwrap();
    assert_eq!(frame.correlation_id(), id);
    let answer: FetchResponse = frame.body(ApiKey::Fetch, 12);
    let error = answer.responses[0].partitions[0].error_code;
    assert!([3, 6].contains(&error), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

/// A client of one fetch session.
struct Session<'w> {
    wire: &'w mut Wire,
    version: i16,
    id: i32,
    epoch: i32,
}

impl Session<'_> {
    /// The partitions the answer carries, with how many records each.
    fn next(
        &mut self,
        changed: Vec<FetchTopic<'_>>,
        forgotten: Vec<ForgottenTopic<'_>>,
    ) -> Vec<(i32, usize)> {
        let request = FetchRequest {
            session_id: self.id,
            session_epoch: self.epoch,
            topics: changed,
            forgotten_topics_data: forgotten,
            max_bytes: 1 << 20,
            ..Default::default()
        };
        let answer: FetchResponse = self.wire.ask(ApiKey::Fetch, self.version, &request);
        assert_eq!(answer.error_code, NONE);
        assert!(self.id == 0 || answer.session_id == self.id);
        (self.id, self.epoch) = (answer.session_id, self.epoch + 1);
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|data| (data.partition_index, records_of(data).len())).collect()
    }

    fn error(&mut self, id: i32, epoch: i32) -> i16 {
        let request = FetchRequest { session_id: id, session_epoch: epoch, ..Default::default() };
        let answer: FetchResponse = self.wire.ask(ApiKey::Fetch, self.version, &request);
        answer.error_code
    }
}

#[test]
fn sessions_tell_only_what_changed() {
    for version in [7, 12, 13, 18] {
        let node = Node::start();
        let mut wire = Wire::connect(node.address);
        let topic = create_topic(&mut wire, "session", 2, &[]);
        let mut producer = Wire::connect(node.address);
        let mut put = |partition| {
            let request = produce_request(topic, ACKS_ALL, partition, batch(&["a"]));
            let answer: ProduceResponse = producer.ask(ApiKey::Produce, 9, &request);
            assert_eq!(answer.responses[0].partition_responses[0].error_code, NONE);
        };
        let wanted = |partitions: &[(i32, i64)]| {
            let row = |(partition, fetch_offset): &(i32, i64)| FetchPartition {
                partition: *partition,
                fetch_offset: *fetch_offset,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            };
            let partitions = partitions.iter().map(row).collect();
            vec![FetchTopic {
                topic: topic.name.into(),
                topic_id: topic.id,
                partitions,
                ..Default::default()
            }]
        };
        let mut session = Session { wire: &mut wire, version, id: 0, epoch: 0 };
        assert_eq!(session.next(wanted(&[(0, 0), (1, 0)]), vec![]), [(0, 0), (1, 0)]);
        assert_ne!(session.id, 0);
        assert_eq!(session.next(vec![], vec![]), []);
        put(1);
        assert_eq!(session.next(vec![], vec![]), [(1, 1)]);
        put(0);
        assert_eq!(session.next(wanted(&[(1, 1)]), vec![]), [(0, 1)]);
        let forget = ForgottenTopic {
            topic: topic.name.into(),
            topic_id: topic.id,
            partitions: vec![0],
            ..Default::default()
        };
        put(0);
        put(1);
        assert_eq!(session.next(vec![], vec![forget]), [(1, 1)]);

        let (id, epoch) = (session.id, session.epoch);
        assert_eq!(session.error(id, epoch + 5), code(ErrorCode::InvalidFetchSessionEpoch));
        assert_eq!(session.error(id ^ 1, 1), code(ErrorCode::FetchSessionIdNotFound));
        // -1 ends it.
        assert_eq!(session.error(id, -1), NONE);
        assert_eq!(session.error(id, epoch), code(ErrorCode::FetchSessionIdNotFound));
    }
}
