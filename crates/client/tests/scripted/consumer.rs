//! The consumer and its administration against a scripted broker.

use std::time::Duration;

use crate::fake::{FakeBroker, Received, Reply, TOPIC_ID};
use client::{Admin, Consumer, ConsumerConfig, Isolation, NewTopic, OffsetReset, StartAt};
use protocol::messages::create_topics_response::CreatableTopicResult;
use protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchResponse, FetchableTopicResponse, PartitionData,
};
use protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use protocol::messages::{CreateTopicsResponse, FetchRequest, ListOffsetsRequest, ListOffsetsResponse};
use protocol::records::{BatchBuilder, EndTxnMarker, NewRecord, Records};
use protocol::{ApiKey, ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition};

/// The offset and the epoch before it that a fetch asks for.
fn wanted(request: &Received) -> (i64, i32) {
    let fetch: FetchRequest<'_> = request.decode();
    let partition = &fetch.topics[0].partitions[0];
    assert_eq!(partition.current_leader_epoch, 3);
    (partition.fetch_offset, partition.last_fetched_epoch)
}

fn fetched(request: &Received, data: PartitionData<'static>) -> Reply {
    let topic = FetchableTopicResponse { topic_id: TOPIC_ID, partitions: vec![data], ..Default::default() };
    request.answer(&FetchResponse { responses: vec![topic], ..Default::default() })
}

fn failed(request: &Received, code: ErrorCode) -> Reply {
    fetched(request, PartitionData { error_code: code.code(), ..Default::default() })
}

fn records(request: &Received, bytes: Vec<u8>) -> Reply {
    fetched(request, PartitionData { records: Some(Records::Shared(bytes.into())), ..Default::default() })
}

fn batch(base_offset: i64, values: &[&str]) -> Vec<u8> {
    build(BatchBuilder::new(Offset(base_offset)).partition_leader_epoch(LeaderEpoch(2)), values)
}

fn build(mut builder: BatchBuilder, values: &[&str]) -> Vec<u8> {
    for value in values {
        builder.append_next(NewRecord { value: Some(value.as_bytes()), ..Default::default() }).unwrap();
    }
    builder.build().unwrap()
}

fn consumer(broker: &FakeBroker, start: StartAt, edit: impl FnOnce(&mut ConsumerConfig)) -> Consumer {
    let mut config = ConsumerConfig { auto_offset_reset: OffsetReset::Earliest, ..Default::default() };
    edit(&mut config);
    let mut consumer = Consumer::new(&broker.cluster(), config).unwrap();
    consumer.assign([(TopicPartition::new("t", 0), start)]).unwrap();
    consumer
}

/// Offsets and values of the next records.
async fn read(consumer: &mut Consumer) -> Vec<(i64, String)> {
    let records = consumer.poll(Duration::from_secs(30)).await.unwrap();
    records.into_iter().map(|r| (r.offset, String::from_utf8(r.value.unwrap().to_vec()).unwrap())).collect()
}

fn found(offset: i64, value: &str) -> (i64, String) {
    (offset, value.to_owned())
}

/// Answers with the offset of the earliest (10) and the latest (20) record.
fn list_offsets(request: &Received) -> Reply {
    let asked: ListOffsetsRequest<'_> = request.decode();
    let offset = match asked.topics[0].partitions[0].timestamp {
        -2 => 10,
        -1 => 20,
        1_000 => 15,
        _ => -1,
    };
    let partition = ListOffsetsPartitionResponse { offset, ..Default::default() };
    let topic =
        ListOffsetsTopicResponse { name: "t".into(), partitions: vec![partition], ..Default::default() };
    request.answer(&ListOffsetsResponse { topics: vec![topic], ..Default::default() })
}

/// A broker with one record at every offset from 10 to 20, sent one by one.
async fn log() -> FakeBroker {
    FakeBroker::start(|request| match request.api {
        ApiKey::ListOffsets => Some(list_offsets(request)),
        ApiKey::Fetch => Some(match wanted(request).0 {
            at @ 10..=20 => records(request, batch(at, &[&format!("v{at}")])),
            _ => failed(request, ErrorCode::OffsetOutOfRange),
        }),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn reading_starts_where_it_was_asked_to() {
    let broker = log().await;
    let check = async |start, expect: i64| {
        let mut consumer = consumer(&broker, start, |_| {});
        assert_eq!(read(&mut consumer).await, [found(expect, &format!("v{expect}"))], "{start:?}");
        assert_eq!(consumer.position(&TopicPartition::new("t", 0)), Some(expect + 1));
    };
    check(StartAt::Offset(12), 12).await;
    check(StartAt::Earliest, 10).await;
    check(StartAt::Latest, 20).await;
    check(StartAt::Timestamp(1_000), 15).await;
    // Nothing is that young: what comes next is.
    check(StartAt::Timestamp(9_000), 20).await;
    // Out of range: as the reset rule says.
    check(StartAt::Offset(5), 10).await;
}

#[tokio::test]
async fn without_a_reset_rule_out_of_range_is_an_error() {
    let broker = log().await;
    let mut consumer = consumer(&broker, StartAt::Offset(5), |c| c.auto_offset_reset = OffsetReset::None);
    let error = consumer.poll(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
    assert!(error.to_string().contains("cannot fetch from t-0"), "{error}");
    // It can go on elsewhere.
    consumer.seek(&TopicPartition::new("t", 0), StartAt::Offset(11)).unwrap();
    assert_eq!(read(&mut consumer).await, [found(11, "v11")]);
}

#[tokio::test]
async fn a_moving_leader_is_looked_for() {
    let mut errors = vec![ErrorCode::NotLeaderOrFollower, ErrorCode::FencedLeaderEpoch].into_iter();
    let broker = FakeBroker::start(move |request| match request.api {
        ApiKey::Fetch => Some(match errors.next() {
            Some(code) => failed(request, code),
            None => records(request, batch(4, &["a"])),
        }),
        _ => None,
    })
    .await;
    let mut consumer = consumer(&broker, StartAt::Offset(4), |_| {});
    assert_eq!(read(&mut consumer).await, [found(4, "a")]);
    assert!(broker.received(ApiKey::Metadata).len() >= 3);
}

#[tokio::test]
async fn a_truncated_log_is_read_on_where_it_parts() {
    let broker = FakeBroker::start(|request| match request.api {
        ApiKey::Fetch => Some(match wanted(request) {
            (4, -1) => records(request, batch(4, &["a", "b", "c"])),
            // The epoch of what was read is sent along, and the leader knows better.
            (7, 2) => {
                let diverging_epoch = EpochEndOffset { epoch: 2, end_offset: 5, ..Default::default() };
                fetched(request, PartitionData { diverging_epoch, ..Default::default() })
            }
            (5, -1) => records(request, batch(5, &["B"])),
            other => panic!("{other:?}"),
        }),
        _ => None,
    })
    .await;
    let mut consumer = consumer(&broker, StartAt::Offset(4), |_| {});
    assert_eq!(read(&mut consumer).await, [found(4, "a"), found(5, "b"), found(6, "c")]);
    assert_eq!(read(&mut consumer).await, [found(5, "B")]);
}

#[tokio::test]
async fn records_before_the_position_and_beyond_the_limit_wait() {
    let broker = FakeBroker::start(|request| match request.api {
        // A fetch into the middle of a batch gets the whole batch, and the next one cut short.
        ApiKey::Fetch if wanted(request).0 == 5 => {
            let mut bytes = batch(4, &["a", "b", "c", "d"]);
            let next = batch(8, &["e"]);
            bytes.extend(&next[..next.len() - 1]);
            Some(records(request, bytes))
        }
        ApiKey::Fetch => {
            assert_eq!(wanted(request).0, 8);
            Some(records(request, batch(8, &["e"])))
        }
        _ => None,
    })
    .await;
    let mut consumer = consumer(&broker, StartAt::Offset(5), |c| c.max_poll_records = 2);
    assert_eq!(read(&mut consumer).await, [found(5, "b"), found(6, "c")]);
    assert_eq!(consumer.position(&TopicPartition::new("t", 0)), Some(7));
    assert_eq!(read(&mut consumer).await, [found(7, "d")]);
    assert_eq!(read(&mut consumer).await, [found(8, "e")]);
}

#[tokio::test]
async fn corrupt_records_are_told_and_nothing_is_skipped() {
    let broker = FakeBroker::start(|request| match request.api {
        ApiKey::Fetch => {
            let mut bytes = batch(4, &["a"]);
            let mut bad = batch(5, &["b"]);
            *bad.last_mut().unwrap() ^= 1;
            bytes.extend(bad);
            Some(records(
                request,
                if wanted(request).0 == 4 { bytes } else { bytes.split_off(bytes.len() / 2) },
            ))
        }
        _ => None,
    })
    .await;
    let mut consumer = consumer(&broker, StartAt::Offset(4), |_| {});
    assert_eq!(read(&mut consumer).await, [found(4, "a")]);
    let error = consumer.poll(Duration::from_secs(30)).await.unwrap_err();
    assert!(
        error.to_string().contains("records of t-0") && error.to_string().contains("offset 5"),
        "{error}"
    );
    assert_eq!(consumer.position(&TopicPartition::new("t", 0)), Some(5));
}

/// Two transactions of producer 9, the first aborted, around a plain record.
fn transactions() -> Vec<u8> {
    let transactional = |offset| {
        BatchBuilder::new(Offset(offset)).producer(ProducerId(9), ProducerEpoch(0), 0).transactional(true)
    };
    let marker = |offset, committed| {
        let mut builder = BatchBuilder::new(Offset(offset))
            .producer(ProducerId(9), ProducerEpoch(0), -1)
            .transactional(true);
        builder.append_end_txn_marker(0, EndTxnMarker { committed, coordinator_epoch: 0 }).unwrap();
        builder.build().unwrap()
    };
    [
        build(transactional(0), &["aborted"]),
        batch(1, &["plain"]),
        marker(2, false),
        build(transactional(3), &["committed"]),
        marker(4, true),
    ]
    .concat()
}

#[tokio::test]
async fn aborted_records_are_seen_only_where_that_is_asked_for() {
    let broker = FakeBroker::start(|request| match request.api {
        ApiKey::Fetch if wanted(request).0 == 0 => {
            let fetch: FetchRequest<'_> = request.decode();
            let aborted = AbortedTransaction { producer_id: 9, first_offset: 0, ..Default::default() };
            Some(fetched(
                request,
                PartitionData {
                    records: Some(Records::Shared(transactions().into())),
                    aborted_transactions: (fetch.isolation_level == 1).then(|| vec![aborted]),
                    ..Default::default()
                },
            ))
        }
        ApiKey::Fetch => Some(Reply::Silence),
        _ => None,
    })
    .await;
    let mut plain = consumer(&broker, StartAt::Offset(0), |_| {});
    assert_eq!(read(&mut plain).await, [found(0, "aborted"), found(1, "plain"), found(3, "committed")]);
    let mut committed = consumer(&broker, StartAt::Offset(0), |c| c.isolation = Isolation::ReadCommitted);
    assert_eq!(read(&mut committed).await, [found(1, "plain"), found(3, "committed")]);
    // Past the last marker.
    assert_eq!(committed.position(&TopicPartition::new("t", 0)), Some(5));
}

#[tokio::test]
async fn a_dropped_poll_loses_nothing() {
    let broker = log().await;
    let mut consumer = consumer(&broker, StartAt::Offset(10), |_| {});
    let mut values: Vec<i64> = read(&mut consumer).await.into_iter().map(|(offset, _)| offset).collect();
    while values.len() < 11 {
        // Polled once and dropped, at every stage of its work.
        tokio::select! {
            biased;
            records = consumer.poll(Duration::from_secs(30)) => {
                values.extend(records.unwrap().into_iter().map(|r| r.offset));
            }
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(values, (10..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refusal_says_what_where_and_why() {
    let broker = FakeBroker::start(|request| match request.api {
        ApiKey::CreateTopics => {
            let topic = CreatableTopicResult {
                name: "t".into(),
                error_code: ErrorCode::TopicAlreadyExists.code(),
                error_message: Some("Topic 't' already exists.".into()),
                ..Default::default()
            };
            Some(request.answer(&CreateTopicsResponse { topics: vec![topic], ..Default::default() }))
        }
        _ => None,
    })
    .await;
    let admin = Admin::new(broker.cluster());
    let topic = NewTopic { name: "t".to_owned(), ..Default::default() };
    let (_, result) = admin.create_topics(&[topic], false).await.unwrap().remove(0);
    assert_eq!(
        result.unwrap_err().to_string(),
        format!(
            "cannot create topic 't' (broker {}): TOPIC_ALREADY_EXISTS: Topic 't' already exists; describe it, or choose another name",
            broker.address
        )
    );
}

#[tokio::test]
async fn a_call_survives_a_broker_that_comes_back() {
    let mut closes = 3;
    let broker = FakeBroker::start(move |request| match request.api {
        ApiKey::Metadata if closes > 0 => {
            closes -= 1;
            Some(Reply::Close)
        }
        _ => None,
    })
    .await;
    let topics = Admin::new(broker.cluster()).list_topics().await.unwrap();
    assert_eq!(topics.iter().map(|t| &*t.name).collect::<Vec<_>>(), ["t"]);
}
