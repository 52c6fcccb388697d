//! The producer against a broker that refuses, forgets and vanishes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::fake::{FakeBroker, Received, Reply, TOPIC_ID};
use bytes::Bytes;
use client::{Acks, Error, Producer, ProducerConfig, ProducerRecord};
use protocol::messages::produce_response::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use protocol::messages::{InitProducerIdResponse, ProduceRequest};
use protocol::records::batches;
use protocol::{ApiKey, ErrorCode};

/// Base sequence, epoch and values of the batches in a produce request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    base_sequence: i32,
    epoch: i16,
    values: Vec<String>,
}

fn sent(request: &Received) -> Sent {
    let produce: ProduceRequest<'_> = request.decode();
    assert_eq!(produce.topic_data[0].topic_id, TOPIC_ID);
    let records = produce.topic_data[0].partition_data[0].records.as_ref().unwrap();
    let batch = batches(records.as_bytes().unwrap()).next().unwrap().unwrap();
    batch.verify_crc().unwrap();
    let plain = batch.decompress(1 << 20).unwrap();
    let values =
        batch.records(&plain).map(|r| String::from_utf8(r.unwrap().value.unwrap().to_vec()).unwrap());
    Sent {
        base_sequence: batch.header().base_sequence,
        epoch: batch.header().producer_epoch.get(),
        values: values.collect(),
    }
}

fn answer(request: &Received, code: ErrorCode, base_offset: i64) -> Reply {
    let partition = PartitionProduceResponse { error_code: code.code(), base_offset, ..Default::default() };
    let topic = TopicProduceResponse {
        topic_id: TOPIC_ID,
        partition_responses: vec![partition],
        ..Default::default()
    };
    request.answer(&ProduceResponse { responses: vec![topic], ..Default::default() })
}

/// A broker that answers its first produce requests as scripted, and then appends all that comes.
async fn broker(script: Vec<Option<ErrorCode>>) -> FakeBroker {
    let mut script = script.into_iter();
    let mut next_offset = 100;
    FakeBroker::start(move |request| {
        if request.api != ApiKey::Produce {
            return None;
        }
        match script.next() {
            Some(Some(code)) => Some(answer(request, code, -1)),
            Some(None) => Some(Reply::Close),
            None => {
                let base = next_offset;
                next_offset += sent(request).values.len() as i64;
                Some(answer(request, ErrorCode::None, base))
            }
        }
    })
    .await
}

fn producer(broker: &FakeBroker, edit: impl FnOnce(&mut ProducerConfig)) -> Producer {
    let mut config = ProducerConfig { linger: Duration::from_secs(60), ..Default::default() };
    edit(&mut config);
    Producer::new(&broker.cluster(), config).unwrap()
}

fn record(value: &str) -> ProducerRecord {
    ProducerRecord { topic: "t".to_owned(), value: Some(Bytes::from(value.to_owned())), ..Default::default() }
}

/// Sends values as one batch; what became of each.
async fn send(producer: &Producer, values: &[&str]) -> Vec<client::Result<Option<i64>>> {
    let mut deliveries = Vec::new();
    for value in values {
        deliveries.push(producer.send(record(value)).await.unwrap());
    }
    producer.flush().await;
    let mut outcomes = Vec::new();
    for delivery in deliveries {
        outcomes.push(delivery.await.map(|m| m.offset));
    }
    outcomes
}

fn offsets(outcomes: Vec<client::Result<Option<i64>>>) -> Vec<Option<i64>> {
    outcomes.into_iter().map(Result::unwrap).collect()
}

fn all_sent(broker: &FakeBroker) -> Vec<Sent> {
    broker.received(ApiKey::Produce).iter().map(sent).collect()
}

fn batch(base_sequence: i32, epoch: i16, values: &[&str]) -> Sent {
    Sent { base_sequence, epoch, values: values.iter().map(|v| (*v).to_owned()).collect() }
}

#[tokio::test]
async fn records_of_a_batch_get_its_offsets() {
    let broker = broker(vec![]).await;
    let producer = producer(&broker, |_| {});
    assert_eq!(offsets(send(&producer, &["a", "b"]).await), [Some(100), Some(101)]);
    assert_eq!(offsets(send(&producer, &["c"]).await), [Some(102)]);
    assert_eq!(all_sent(&broker), [batch(0, 0, &["a", "b"]), batch(2, 0, &["c"])]);
}

#[tokio::test]
async fn a_retry_is_the_same_batch_again() {
    let broker =
        broker(vec![Some(ErrorCode::NotLeaderOrFollower), None, Some(ErrorCode::NotEnoughReplicas)]).await;
    let producer = producer(&broker, |_| {});
    assert_eq!(offsets(send(&producer, &["a", "b"]).await), [Some(100), Some(101)]);
    assert_eq!(all_sent(&broker), vec![batch(0, 0, &["a", "b"]); 4]);
    // Each failure made the producer look for the leader anew.
    assert!(broker.received(ApiKey::Metadata).len() >= 4);
}

#[tokio::test]
async fn what_the_broker_has_already_counts_as_delivered() {
    let broker = broker(vec![None, Some(ErrorCode::DuplicateSequenceNumber)]).await;
    let producer = producer(&broker, |_| {});
    assert_eq!(offsets(send(&producer, &["a"]).await), [None]);
    assert_eq!(offsets(send(&producer, &["b"]).await), [Some(100)]);
    assert_eq!(all_sent(&broker), [batch(0, 0, &["a"]), batch(0, 0, &["a"]), batch(1, 0, &["b"])]);
}

#[tokio::test]
async fn too_large_a_batch_is_sent_in_halves() {
    let broker = broker(vec![Some(ErrorCode::MessageTooLarge), Some(ErrorCode::MessageTooLarge)]).await;
    let producer = producer(&broker, |_| {});
    assert_eq!(offsets(send(&producer, &["a", "b", "c", "d"]).await), [100, 101, 102, 103].map(Some));
    assert_eq!(
        all_sent(&broker),
        [
            batch(0, 0, &["a", "b", "c", "d"]),
            batch(0, 0, &["a", "b"]),
            batch(0, 0, &["a"]),
            batch(1, 0, &["b"]),
            batch(2, 0, &["c", "d"]),
        ]
    );
}

#[tokio::test]
async fn a_refusal_fails_its_batch_and_frees_its_sequences() {
    let broker = broker(vec![Some(ErrorCode::InvalidRecord)]).await;
    let producer = producer(&broker, |_| {});
    for outcome in send(&producer, &["a", "b"]).await {
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains("cannot deliver to t-0") && text.contains("INVALID_RECORD"), "{text}");
    }
    assert_eq!(offsets(send(&producer, &["c"]).await), [Some(100)]);
    assert_eq!(all_sent(&broker), [batch(0, 0, &["a", "b"]), batch(0, 0, &["c"])]);
}

#[tokio::test]
async fn a_broker_that_forgot_the_producer_gets_a_new_epoch() {
    let broker = broker(vec![Some(ErrorCode::OutOfOrderSequenceNumber)]).await;
    let producer = producer(&broker, |_| {});
    assert_eq!(offsets(send(&producer, &["a"]).await), [Some(100)]);
    assert_eq!(offsets(send(&producer, &["b"]).await), [Some(101)]);
    assert_eq!(all_sent(&broker), [batch(0, 0, &["a"]), batch(0, 1, &["a"]), batch(1, 1, &["b"])]);
}

#[tokio::test]
async fn when_patience_ends_the_last_failure_is_told_and_sequences_start_anew() {
    // Ambiguous: it may have been appended. So what follows goes under a new epoch.
    let gone = Arc::new(Mutex::new(true));
    let is_gone = gone.clone();
    let broker = FakeBroker::start(move |request| {
        let gone = *is_gone.lock().unwrap();
        (request.api == ApiKey::Produce)
            .then(|| if gone { Reply::Close } else { answer(request, ErrorCode::None, 5) })
    })
    .await;
    let producer = producer(&broker, |c| c.delivery_timeout = Duration::from_millis(100));
    let error = send(&producer, &["a"]).await.remove(0).unwrap_err();
    assert!(
        matches!(&error, Error::Deadline { last, .. } if matches!(**last, Error::Disconnected { .. })),
        "{error}"
    );
    assert!(error.to_string().contains(&broker.address.to_string()), "{error}");
    *gone.lock().unwrap() = false;
    assert_eq!(offsets(send(&producer, &["b"]).await), [Some(5)]);
    assert_eq!(all_sent(&broker).pop(), Some(batch(0, 1, &["b"])));
}

#[tokio::test]
async fn order_holds_while_batches_fail() {
    let broker = broker(vec![Some(ErrorCode::NotLeaderOrFollower), None]).await;
    // Each record fills a batch, so that the second gathers while the first is retried.
    let producer = producer(&broker, |c| c.batch_bytes = 1);
    let values: Vec<String> = (0..20).map(|n| format!("v{n}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let offsets = offsets(send(&producer, &values).await);
    assert_eq!(offsets, (100..120).map(Some).collect::<Vec<_>>());
    let sequences: Vec<i32> = all_sent(&broker).iter().map(|s| s.base_sequence).collect();
    assert_eq!(sequences, [vec![0, 0], (0..20).collect()].concat());
}

#[tokio::test]
async fn without_acks_nothing_is_awaited() {
    let broker = FakeBroker::start(|r| (r.api == ApiKey::Produce).then_some(Reply::Silence)).await;
    let producer = producer(&broker, |c| c.acks = Acks::None);
    assert_eq!(offsets(send(&producer, &["a"]).await), [None]);
}

#[tokio::test]
async fn a_producer_id_is_asked_for_again_while_the_broker_starts() {
    let mut refusals = 2;
    let broker = FakeBroker::start(move |request| match request.api {
        ApiKey::InitProducerId if refusals > 0 => {
            refusals -= 1;
            let error_code = ErrorCode::CoordinatorLoadInProgress.code();
            Some(request.answer(&InitProducerIdResponse { error_code, ..Default::default() }))
        }
        ApiKey::Produce => Some(answer(request, ErrorCode::None, 1)),
        _ => None,
    })
    .await;
    let producer = producer(&broker, |_| {});
    assert_eq!(offsets(send(&producer, &["a"]).await), [Some(1)]);
    assert_eq!(broker.received(ApiKey::InitProducerId).len(), 3);
}

#[tokio::test]
async fn bad_records_are_refused_at_once() {
    let broker = broker(vec![]).await;
    let producer = producer(&broker, |c| c.max_request_bytes = 1000);
    let error = producer.send(record(&"x".repeat(1000))).await.unwrap_err();
    assert!(matches!(error, Error::RecordTooLarge { limit: 1000, .. }), "{error}");
    let error = producer.send(ProducerRecord { partition: Some(1), ..record("a") }).await.unwrap_err();
    assert!(error.to_string().contains("there is no partition 1"), "{error}");
    assert!(broker.received(ApiKey::Produce).is_empty());
}

#[tokio::test]
async fn a_full_buffer_is_back_pressure() {
    let broker = FakeBroker::start(|r| (r.api == ApiKey::Produce).then_some(Reply::Silence)).await;
    let producer = producer(&broker, |c| {
        c.buffer_bytes = 1000;
        c.max_request_bytes = 1000;
        c.max_block = Duration::from_millis(30);
    });
    let _first = producer.send(record(&"x".repeat(500))).await.unwrap();
    let error = producer.send(record(&"y".repeat(500))).await.unwrap_err();
    assert!(error.to_string().starts_with("no room for"), "{error}");
}
