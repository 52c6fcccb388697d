//! Transactions (KIP-98, KIP-890): seen whole or not at all, ended once, by both kinds of clients.

use protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use protocol::messages::describe_producers_request::TopicRequest;
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use protocol::messages::*;
use protocol::{ApiKey, ErrorCode, ProducerEpoch, ProducerId};
use rdkafka::Message as _;
use rdkafka::producer::Producer as _;

use crate::groups::find_coordinator;
use crate::librdkafka;
use crate::node::{DEADLINE, Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

/// The end of one transaction is waited for before the next: no client of these tests asks twice.
fn start() -> Node {
    Node::start_with(&["add.partitions.to.txn.retry.backoff.max.ms=30000"])
}

/// How a client does transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Partitions are added before, the epoch stays.
    First,
    /// Partitions are added by what is written to them, every transaction has its epoch.
    Second,
}

const KINDS: [Kind; 2] = [Kind::First, Kind::Second];

/// A producer as a client has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Producer {
    transactional_id: &'static str,
    kind: Kind,
    id: i64,
    epoch: i16,
    sequence: i32,
}

impl Producer {
    /// Asks until nothing is in the way.
    pub(crate) fn begin(wire: &mut Wire, transactional_id: &'static str, kind: Kind) -> Self {
        Self::begin_with(wire, transactional_id, kind, 60_000)
    }

    fn begin_with(wire: &mut Wire, transactional_id: &'static str, kind: Kind, timeout_ms: i32) -> Self {
        find_transaction_coordinator(wire, transactional_id);
        let request = InitProducerIdRequest {
            transactional_id: Some(transactional_id.into()),
            transaction_timeout_ms: timeout_ms,
            ..Default::default()
        };
        let answer = eventually("a producer id", || {
            let answer: InitProducerIdResponse = wire.ask(ApiKey::InitProducerId, 5, &request);
            (answer.error_code != code(ErrorCode::ConcurrentTransactions)).then_some(answer)
        });
        assert_eq!(answer.error_code, NONE);
        Self { transactional_id, kind, id: answer.producer_id, epoch: answer.producer_epoch, sequence: 0 }
    }

    fn add(&self, wire: &mut Wire, topic: Topic) -> i16 {
        let partitions = vec![0];
        let topic = AddPartitionsToTxnTopic { name: topic.name.into(), partitions, ..Default::default() };
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.transactional_id.into(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![topic],
            ..Default::default()
        };
        let answer: AddPartitionsToTxnResponse = wire.ask(ApiKey::AddPartitionsToTxn, 3, &request);
        answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
    }

    fn request(&self, topic: Topic, values: &[&str]) -> ProduceRequest<'static> {
        let batch = builder(values)
            .producer(ProducerId(self.id), ProducerEpoch(self.epoch), self.sequence)
            .transactional(true);
        let request = produce_request(topic, ACKS_ALL, 0, batch.build().unwrap());
        ProduceRequest { transactional_id: Some(self.transactional_id.into()), ..request }
    }

    /// Writes to partition 0, without adding it first.
    fn try_put(
        &mut self,
        wire: &mut Wire,
        version: i16,
        topic: Topic,
        values: &[&str],
    ) -> Result<i64, ErrorCode> {
        let answer: ProduceResponse = wire.ask(ApiKey::Produce, version, &self.request(topic, values));
        let answer = &answer.responses[0].partition_responses[0];
        match ErrorCode::from_code(answer.error_code).unwrap() {
            ErrorCode::None => {
                self.sequence += values.len() as i32;
                Ok(answer.base_offset)
            }
            error => Err(error),
        }
    }

    /// Writes to partition 0 as its kind does.
    pub(crate) fn put(&mut self, wire: &mut Wire, topic: Topic, values: &[&str]) -> i64 {
        let version = match self.kind {
            Kind::First => {
                assert_eq!(self.add(wire, topic), NONE);
                11
            }
            Kind::Second => 13,
        };
        self.try_put(wire, version, topic, values).unwrap()
    }

    fn try_end(&mut self, wire: &mut Wire, committed: bool) -> i16 {
        let request = EndTxnRequest {
            transactional_id: self.transactional_id.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
            ..Default::default()
        };
        let version = if self.kind == Kind::First { 4 } else { 5 };
        let answer: EndTxnResponse = wire.ask(ApiKey::EndTxn, version, &request);
        if answer.error_code == NONE && self.kind == Kind::Second {
            (self.id, self.epoch, self.sequence) = (answer.producer_id, answer.producer_epoch, 0);
        }
        answer.error_code
    }

    pub(crate) fn end(&mut self, wire: &mut Wire, committed: bool) {
        assert_eq!(self.try_end(wire, committed), NONE);
    }
}

fn find_transaction_coordinator(wire: &mut Wire, transactional_id: &'static str) {
    let keys = vec![transactional_id.into()];
    let request = FindCoordinatorRequest { coordinator_keys: keys, key_type: 1, ..Default::default() };
    eventually("a coordinator", || {
        let answer: FindCoordinatorResponse = wire.ask(ApiKey::FindCoordinator, 4, &request);
        (answer.coordinators[0].error_code == NONE).then_some(())
    });
}

/// What a reader of committed records gets of partition 0: those before the first undecided one, without the aborted.
fn committed(wire: &mut Wire, topic: Topic) -> Vec<String> {
    let mut values = vec![];
    let mut from = 0;
    // Aborted transactions that are being read.
    let mut open: Vec<i64> = vec![];
    loop {
        let request = FetchRequest { isolation_level: 1, ..fetch_request(topic, from) };
        let answer: FetchResponse<'_> = wire.ask(ApiKey::Fetch, 17, &request);
        let data = &answer.responses[0].partitions[0];
        if from >= data.last_stable_offset {
            return values;
        }
        let mut aborted = data.aborted_transactions.clone().expect("a list, not null");
        aborted.sort_by_key(|aborted| aborted.first_offset);
        for batch in protocol::records::batches(data.records.as_ref().unwrap().as_bytes().unwrap()) {
            let batch = batch.unwrap();
            let header = *batch.header();
            let producer_id = header.producer_id.get();
            while aborted.first().is_some_and(|first| first.first_offset <= header.base_offset.get()) {
                open.push(aborted.remove(0).producer_id);
            }
            from = header.next_offset().get();
            if header.attributes.is_control() {
                open.retain(|id| *id != producer_id);
            } else if !(header.attributes.is_transactional() && open.contains(&producer_id)) {
                let unpacked = batch.decompress(1 << 20).unwrap();
                let records = batch.records(&unpacked).map(|record| record.unwrap().value.unwrap().to_vec());
                values.extend(records.map(|value| String::from_utf8(value).unwrap()));
            }
        }
    }
}

fn eventually_committed(wire: &mut Wire, topic: Topic, expect: &[&str]) {
    eventually("committed records", || {
        let values = committed(wire, topic);
        assert!(expect.starts_with(&values.iter().map(String::as_str).collect::<Vec<_>>()), "{values:?}");
        (values.len() == expect.len()).then_some(())
    });
}

fn state_of(wire: &mut Wire, transactional_id: &'static str) -> (String, i16) {
    let request = DescribeTransactionsRequest {
        transactional_ids: vec![transactional_id.into()],
        ..Default::default()
    };
    let mut answer: DescribeTransactionsResponse = wire.ask(ApiKey::DescribeTransactions, 0, &request);
    let state = answer.transaction_states.remove(0);
    (state.transaction_state.into_owned(), state.producer_epoch)
}

#[test]
fn a_transaction_is_seen_whole_or_not_at_all() {
    for kind in KINDS {
        let mut node = start();
        let mut wire = Wire::connect(node.address);
        let topic = create_topic(&mut wire, "t", 1, &[]);
        let mut producer = Producer::begin(&mut wire, "tx", kind);
        producer.put(&mut wire, topic, &["a", "b"]);
        assert_eq!(committed(&mut wire, topic), [""; 0]);
        assert_eq!(list_offset(&mut wire, 7, "t", -1).offset, 2, "who reads uncommitted ones sees them");
        node.kill();
        node.start_again();
        let mut wire = Wire::connect(node.address);
        assert_eq!(committed(&mut wire, topic), [""; 0], "the transaction is open still");
        producer.put(&mut wire, topic, &["c"]);
        producer.end(&mut wire, true);
        // What was answered is decided, whatever happens then.
        node.kill();
        node.start_again();
        let mut wire = Wire::connect(node.address);
        eventually_committed(&mut wire, topic, &["a", "b", "c"]);
        producer.put(&mut wire, topic, &["d"]);
        producer.end(&mut wire, false);
        producer.put(&mut wire, topic, &["e"]);
        producer.end(&mut wire, true);
        eventually_committed(&mut wire, topic, &["a", "b", "c", "e"]);
        assert!(node.stop().success());
        node.start_again();
        let mut wire = Wire::connect(node.address);
        assert_eq!(committed(&mut wire, topic), ["a", "b", "c", "e"], "{kind:?}");
        eventually("its end", || (state_of(&mut wire, "tx").0 == "CompleteCommit").then_some(()));
    }
}

#[test]
fn what_does_not_belong_to_the_transaction_is_refused() {
    let node = start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 1, &[]);
    let mut producer = Producer::begin(&mut wire, "tx", Kind::First);
    let unknown = Topic { name: "nowhere", ..topic };
    assert_eq!(producer.add(&mut wire, unknown), code(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(producer.try_put(&mut wire, 10, topic, &["a"]), Err(ErrorCode::InvalidTxnState));
    assert_eq!(producer.try_put(&mut wire, 11, topic, &["a"]), Err(ErrorCode::TransactionAbortable));
    let stranger = Producer { id: 99_999, ..producer };
    assert_eq!({ stranger }.try_put(&mut wire, 11, topic, &["a"]), Err(ErrorCode::InvalidProducerIdMapping));
    let older = Producer { epoch: producer.epoch - 1, ..producer };
    assert_eq!({ older }.try_put(&mut wire, 12, topic, &["a"]), Err(ErrorCode::InvalidProducerEpoch));
    let nameless = ProduceRequest { transactional_id: None, ..producer.request(topic, &["a"]) };
    let answer: ProduceResponse = wire.ask(ApiKey::Produce, 11, &nameless);
    let refused = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(refused, code(ErrorCode::TransactionalIdAuthorizationFailed));
    assert_eq!(read_all(&mut wire, topic), []);
    assert_eq!(state_of(&mut wire, "tx").0, "Empty");
    // A late batch of a transaction that has ended would never get a marker.
    producer.put(&mut wire, topic, &["a"]);
    producer.end(&mut wire, true);
    eventually("its end", || (state_of(&mut wire, "tx").0 == "CompleteCommit").then_some(()));
    assert_eq!(producer.try_put(&mut wire, 11, topic, &["b"]), Err(ErrorCode::TransactionAbortable));
    assert_eq!(committed(&mut wire, topic), ["a"]);
}

#[test]
fn batches_that_come_together_begin_a_transaction_in_their_order() {
    let node = start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 1, &[]);
    let mut producer = Producer::begin(&mut wire, "tx", Kind::Second);
    for round in 0..20 {
        for n in 0..5 {
            wire.send(ApiKey::Produce, 13, &producer.request(topic, &[&format!("{round}/{n}")]));
            producer.sequence += 1;
        }
        for n in 0..5 {
            let answer: ProduceResponse = wire.receive().unwrap().body(ApiKey::Produce, 13);
            let answer = &answer.responses[0].partition_responses[0];
            assert_eq!((answer.error_code, answer.base_offset), (NONE, round * 6 + n), "{answer:?}");
        }
        producer.end(&mut wire, true);
    }
}

#[test]
fn who_begins_fences_who_was_there() {
    for kind in KINDS {
        let node = start();
        let mut wire = Wire::connect(node.address);
        let topic = create_topic(&mut wire, "t", 1, &[]);
        let mut old = Producer::begin(&mut wire, "tx", kind);
        old.put(&mut wire, topic, &["lost"]);
        // What was open is aborted first.
        let mut new = Producer::begin(&mut wire, "tx", kind);
        assert_eq!((new.id, new.epoch), (old.id, old.epoch + 2));
        assert_eq!(old.try_put(&mut wire, 12, topic, &["x"]), Err(ErrorCode::InvalidProducerEpoch));
        assert_eq!(old.add(&mut wire, topic), code(ErrorCode::ProducerFenced));
        assert_eq!(old.try_end(&mut wire, true), code(ErrorCode::ProducerFenced));
        new.put(&mut wire, topic, &["kept"]);
        new.end(&mut wire, true);
        eventually_committed(&mut wire, topic, &["kept"]);
    }
}

#[test]
fn a_late_end_does_not_tear_the_next_transaction() {
    let node = start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 1, &[]);
    let mut producer = Producer::begin(&mut wire, "tx", Kind::Second);
    producer.put(&mut wire, topic, &["a"]);
    let mut late = producer;
    producer.end(&mut wire, true);
    producer.put(&mut wire, topic, &["b"]);
    let mut elsewhere = Wire::connect(node.address);
    for committed in [true, false] {
        assert_eq!(late.try_end(&mut elsewhere, committed), code(ErrorCode::ProducerFenced));
    }
    producer.put(&mut wire, topic, &["c"]);
    producer.end(&mut wire, false);
    producer.put(&mut wire, topic, &["d"]);
    producer.end(&mut wire, true);
    eventually_committed(&mut wire, topic, &["a", "d"]);
}

#[test]
fn a_transaction_that_had_its_time_is_aborted() {
    let mut node = start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 1, &[]);
    let mut slow = Producer::begin_with(&mut wire, "slow", Kind::First, 2_000);
    slow.put(&mut wire, topic, &["lost"]);
    let mut other = Producer::begin(&mut wire, "other", Kind::Second);
    other.put(&mut wire, topic, &["kept"]);
    other.end(&mut wire, true);
    eventually_committed(&mut wire, topic, &["kept"]);
    assert_eq!(slow.try_put(&mut wire, 11, topic, &["x"]), Err(ErrorCode::InvalidProducerEpoch));
    assert_eq!(slow.try_end(&mut wire, true), code(ErrorCode::ProducerFenced));
    // Its time goes on over a restart.
    let mut slow = Producer::begin_with(&mut wire, "slow", Kind::First, 2_000);
    slow.put(&mut wire, topic, &["lost"]);
    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    eventually("the abort", || (state_of(&mut wire, "slow").0 == "CompleteAbort").then_some(()));
}

#[test]
fn offsets_are_committed_with_the_transaction() {
    for kind in KINDS {
        let mut node = start();
        let mut wire = Wire::connect(node.address);
        let topic = create_topic(&mut wire, "t", 1, &[]);
        find_coordinator(&mut wire, "g");
        let mut producer = Producer::begin(&mut wire, "tx", kind);
        for (offset, ends) in [(7, true), (8, false), (9, true)] {
            if kind == Kind::First {
                // Once the transaction before is over.
                let refused = eventually("an answer", || {
                    let refused = commit_offset(&mut wire, producer, 3, topic, offset);
                    (refused != code(ErrorCode::CoordinatorNotAvailable)).then_some(refused)
                });
                assert_eq!(refused, code(ErrorCode::InvalidTxnState));
                let request = AddOffsetsToTxnRequest {
                    transactional_id: "tx".into(),
                    producer_id: producer.id,
                    producer_epoch: producer.epoch,
                    group_id: "g".into(),
                    ..Default::default()
                };
                let answer: AddOffsetsToTxnResponse = wire.ask(ApiKey::AddOffsetsToTxn, 4, &request);
                assert_eq!(answer.error_code, NONE);
            }
            let version = if kind == Kind::First { 4 } else { 5 };
            assert_eq!(commit_offset(&mut wire, producer, version, topic, offset), NONE);
            let before = if offset == 7 { -1 } else { 7 };
            assert_eq!(offset_of(&mut wire, topic, false), Ok(before));
            assert_eq!(offset_of(&mut wire, topic, true), Err(ErrorCode::UnstableOffsetCommit));
            node.kill();
            node.start_again();
            wire = Wire::connect(node.address);
            assert_eq!(offset_of(&mut wire, topic, true), Err(ErrorCode::UnstableOffsetCommit));
            producer.end(&mut wire, ends);
            let stable = eventually("a stable offset", || offset_of(&mut wire, topic, true).ok());
            assert_eq!(stable, if ends { offset } else { 7 });
            assert_eq!(offset_of(&mut wire, topic, false), Ok(stable));
        }
        node.kill();
        node.start_again();
        assert_eq!(offset_of(&mut Wire::connect(node.address), topic, true), Ok(9));
    }
}

fn commit_offset(wire: &mut Wire, producer: Producer, version: i16, topic: Topic, offset: i64) -> i16 {
    let partition = TxnOffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
    let topic = TxnOffsetCommitRequestTopic {
        name: topic.name.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = TxnOffsetCommitRequest {
        transactional_id: producer.transactional_id.into(),
        group_id: "g".into(),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        topics: vec![topic],
        ..Default::default()
    };
    let answer: TxnOffsetCommitResponse = wire.ask(ApiKey::TxnOffsetCommit, version, &request);
    answer.topics[0].partitions[0].error_code
}

fn offset_of(wire: &mut Wire, topic: Topic, require_stable: bool) -> Result<i64, ErrorCode> {
    let topics = OffsetFetchRequestTopics {
        name: topic.name.into(),
        partition_indexes: vec![0],
        ..Default::default()
    };
    let group =
        OffsetFetchRequestGroup { group_id: "g".into(), topics: Some(vec![topics]), ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![group], require_stable, ..Default::default() };
    let answer: OffsetFetchResponse = eventually("the group's coordinator", || {
        let answer: OffsetFetchResponse = wire.ask(ApiKey::OffsetFetch, 9, &request);
        (answer.groups[0].error_code == NONE).then_some(answer)
    });
    let partition = &answer.groups[0].topics[0].partitions[0];
    match ErrorCode::from_code(partition.error_code).unwrap() {
        ErrorCode::None => Ok(partition.committed_offset),
        error => Err(error),
    }
}

#[test]
fn a_deleted_topic_needs_no_marker() {
    let node = start();
    let mut wire = Wire::connect(node.address);
    let (gone, stays) = (create_topic(&mut wire, "gone", 1, &[]), create_topic(&mut wire, "stays", 1, &[]));
    let mut producer = Producer::begin(&mut wire, "tx", Kind::Second);
    producer.put(&mut wire, gone, &["a"]);
    producer.sequence = 0;
    producer.put(&mut wire, stays, &["b"]);
    let request = DeleteTopicsRequest { topic_names: vec!["gone".into()], ..Default::default() };
    let deleted: DeleteTopicsResponse = wire.ask(ApiKey::DeleteTopics, 5, &request);
    assert_eq!(deleted.responses[0].error_code, NONE);
    producer.end(&mut wire, true);
    eventually_committed(&mut wire, stays, &["b"]);
    eventually("its end", || (state_of(&mut wire, "tx").0 == "CompleteCommit").then_some(()));
}

#[test]
fn what_is_open_is_told_and_ended_by_hand() {
    let node = start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 1, &[]);
    let mut producer = Producer::begin(&mut wire, "tx-1", Kind::First);
    Producer::begin(&mut wire, "other", Kind::First);
    producer.put(&mut wire, topic, &["a"]);
    let list = |wire: &mut Wire, pattern: &'static str| {
        let request = ListTransactionsRequest {
            state_filters: vec!["Ongoing".into(), "Lost".into()],
            transactional_id_pattern: Some(pattern.into()),
            ..Default::default()
        };
        let answer: ListTransactionsResponse = wire.ask(ApiKey::ListTransactions, 2, &request);
        let ids: Vec<_> =
            answer.transaction_states.iter().map(|state| state.transactional_id.to_string()).collect();
        let unknown: Vec<_> = answer.unknown_state_filters.iter().map(ToString::to_string).collect();
        (answer.error_code, ids, unknown)
    };
    assert_eq!(list(&mut wire, "tx-[0-9]"), (NONE, vec!["tx-1".to_owned()], vec!["Lost".to_owned()]));
    assert_eq!(list(&mut wire, "tx").1, [""; 0]);
    assert_eq!(list(&mut wire, "(").0, code(ErrorCode::InvalidRegularExpression));
    let describe = |wire: &mut Wire| {
        let topic = TopicRequest { name: "t".into(), partition_indexes: vec![0, 7], ..Default::default() };
        let request = DescribeProducersRequest { topics: vec![topic], ..Default::default() };
        let mut answer: DescribeProducersResponse = wire.ask(ApiKey::DescribeProducers, 0, &request);
        let mut partitions = answer.topics.remove(0).partitions;
        assert_eq!(partitions[1].error_code, code(ErrorCode::UnknownTopicOrPartition));
        let state = partitions.remove(0).active_producers.remove(0);
        (state.producer_id, state.producer_epoch, state.last_sequence, state.current_txn_start_offset)
    };
    assert_eq!(describe(&mut wire), (producer.id, producer.epoch.into(), 0, 0));
    let abort = |wire: &mut Wire, epoch: i16, partition: i32| {
        let topics = WritableTxnMarkerTopic {
            name: "t".into(),
            partition_indexes: vec![partition],
            ..Default::default()
        };
        let marker = WritableTxnMarker {
            producer_id: producer.id,
            producer_epoch: epoch,
            topics: vec![topics],
            coordinator_epoch: 1_000,
            ..Default::default()
        };
        let request = WriteTxnMarkersRequest { markers: vec![marker], ..Default::default() };
        let answer: WriteTxnMarkersResponse = wire.ask(ApiKey::WriteTxnMarkers, 1, &request);
        answer.markers[0].topics[0].partitions[0].error_code
    };
    assert_eq!(abort(&mut wire, producer.epoch, 7), code(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(abort(&mut wire, producer.epoch - 1, 0), code(ErrorCode::InvalidProducerEpoch));
    assert_eq!(abort(&mut wire, producer.epoch, 0), NONE);
    assert_eq!(describe(&mut wire), (producer.id, producer.epoch.into(), 0, -1));
}

#[test]
fn a_client_that_we_did_not_write() {
    let node = start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 1, &[]);
    let (producer, _) = librdkafka::producer(&node, &[("transactional.id", "tx")]);
    producer.init_transactions(DEADLINE).unwrap();
    for (value, commits) in [("a", true), ("b", false), ("c", true)] {
        producer.begin_transaction().unwrap();
        producer.send(librdkafka::record("t", 0).payload(value.as_bytes())).map_err(|(e, _)| e).unwrap();
        if commits {
            producer.commit_transaction(DEADLINE).unwrap();
        } else {
            producer.flush(DEADLINE).unwrap();
            producer.abort_transaction(DEADLINE).unwrap();
        }
    }
    let read = librdkafka::consume(&node, &[("isolation.level", "read_committed")], "t", 2);
    assert_eq!(read.iter().map(|m| m.payload().unwrap()).collect::<Vec<_>>(), [b"a", b"c"]);
    // With three markers.
    assert_eq!(read_all(&mut wire, topic).len(), 6);
    let (second, _) = librdkafka::producer(&node, &[("transactional.id", "tx")]);
    second.init_transactions(DEADLINE).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(librdkafka::record("t", 0).payload(b"x")).map_err(|(e, _)| e).unwrap();
    producer.commit_transaction(DEADLINE).unwrap_err();
}
