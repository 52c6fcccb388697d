//! Reading by assignment: offsets, timestamps, seek, pause.

use std::time::Duration;

use interop::{Check, Suite, refused};
use rdkafka::Offset;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::types::RDKafkaErrorCode;
use tokio::time::timeout;

use crate::admin::list;
use crate::producer::{produce, produce_times, value};
use crate::{Options, WAIT, code, config, topic};

pub fn add(suite: &mut Suite) {
    suite.add("consume by assignment, seek", assignment_and_seek);
    suite.add("consume from a timestamp", from_a_timestamp);
    suite.add("consume an offset out of range", out_of_range);
    suite.add("consume, pause, resume", pause_and_resume);
    suite.add("consume only what is committed", read_committed);
    suite.add("consume with small fetches", small_fetches);
    suite.add("consume a topic that is not there", topic_that_is_not_there);
    suite.add("positions", positions);
    suite.add("ends of partitions are told", ends_are_told);
}

pub fn consumer(check: &Check, options: Options) -> StreamConsumer {
    let group = check.name();
    let defaults =
        [("group.id", group.as_str()), ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
    config(check, &defaults.iter().chain(options).copied().collect::<Vec<_>>()).create().unwrap()
}

/// Partition 0 of a topic from an offset on.
pub fn assigned(check: &Check, topic: &str, offset: Offset, options: Options) -> StreamConsumer {
    let consumer = consumer(check, options);
    consumer.assign(&list(topic, 0, offset)).unwrap();
    consumer
}

/// The next records: so many.
pub async fn read(consumer: &StreamConsumer, count: usize) -> Vec<OwnedMessage> {
    let mut records = vec![];
    while records.len() < count {
        let next = timeout(WAIT, consumer.recv()).await;
        records.push(
            next.unwrap_or_else(|_| panic!("only {} of {count} records", records.len())).unwrap().detach(),
        );
    }
    records
}

pub fn values(records: &[OwnedMessage]) -> Vec<&str> {
    records.iter().map(|record| std::str::from_utf8(record.payload().unwrap()).unwrap()).collect()
}

async fn assignment_and_seek(check: Check) {
    let topic = topic(&check, 2, &[]).await;
    produce_times(&check, &topic, &[1000, 2000, 3000, 4000]).await;
    let consumer = assigned(&check, &topic, Offset::Offset(2), &[]);
    assert_eq!(values(&read(&consumer, 2).await), ["2", "3"]);
    consumer.seek(&topic, 0, Offset::Offset(1), WAIT).unwrap();
    assert_eq!(values(&read(&consumer, 3).await), ["1", "2", "3"]);
    let sought = consumer.seek_partitions(list(&topic, 0, Offset::Beginning), WAIT).unwrap();
    assert_eq!(sought.elements()[0].error(), Ok(()));
    assert_eq!(values(&read(&consumer, 4).await), ["0", "1", "2", "3"]);
    consumer.assign(&list(&topic, 0, Offset::OffsetTail(1))).unwrap();
    assert_eq!(values(&read(&consumer, 1).await), ["3"]);
    consumer.incremental_assign(&list(&topic, 1, Offset::Beginning)).unwrap();
    produce(&check, vec![value(&topic, b"other").partition(1)], &[]).await.unwrap();
    assert_eq!(values(&read(&consumer, 1).await), ["other"]);
    consumer.incremental_unassign(&list(&topic, 0, Offset::Invalid)).unwrap();
    assert_eq!(consumer.assignment().unwrap().count(), 1);
}

async fn from_a_timestamp(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    produce_times(&check, &topic, &[1000, 2000, 3000]).await;
    let consumer = consumer(&check, &[]);
    let offsets = consumer.offsets_for_times(list(&topic, 0, Offset::Offset(1500)), WAIT).unwrap();
    consumer.assign(&offsets).unwrap();
    assert_eq!(values(&read(&consumer, 2).await), ["1", "2"]);
}

async fn out_of_range(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    produce_times(&check, &topic, &[1000, 2000]).await;
    let strict = assigned(&check, &topic, Offset::Offset(99), &[("auto.offset.reset", "error")]);
    let error = refused(timeout(WAIT, strict.recv()).await.unwrap());
    assert_eq!(code(&error), RDKafkaErrorCode::AutoOffsetReset);
    assert_eq!(values(&read(&assigned(&check, &topic, Offset::Offset(99), &[]), 2).await), ["0", "1"]);
}

async fn pause_and_resume(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    produce_times(&check, &topic, &[1000, 2000]).await;
    let consumer = assigned(&check, &topic, Offset::Beginning, &[]);
    read(&consumer, 2).await;
    let partition = list(&topic, 0, Offset::Invalid);
    consumer.pause(&partition).unwrap();
    produce_times(&check, &topic, &[3000]).await;
    assert!(timeout(Duration::from_secs(1), consumer.recv()).await.is_err(), "a record while paused");
    consumer.resume(&partition).unwrap();
    assert_eq!(values(&read(&consumer, 1).await), ["0"]);
}

async fn read_committed(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    produce_times(&check, &topic, &[1000, 2000]).await;
    for level in ["read_committed", "read_uncommitted"] {
        let consumer = assigned(&check, &topic, Offset::Beginning, &[("isolation.level", level)]);
        assert_eq!(values(&read(&consumer, 2).await), ["0", "1"], "{level}");
    }
}

async fn small_fetches(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    let large = [b'x'; 3000];
    produce(&check, (0..50).map(|_| value(&topic, &large)).collect(), &[("batch.num.messages", "2")])
        .await
        .unwrap();
    let options =
        [("fetch.message.max.bytes", "1000"), ("fetch.max.bytes", "5000"), ("message.max.bytes", "5000")];
    assert_eq!(read(&assigned(&check, &topic, Offset::Beginning, &options), 50).await.len(), 50);
}

async fn topic_that_is_not_there(check: Check) {
    let consumer = consumer(&check, &[("allow.auto.create.topics", "false")]);
    consumer.subscribe(&[&check.name()]).unwrap();
    let error = refused(timeout(WAIT, consumer.recv()).await.unwrap());
    assert_eq!(code(&error), RDKafkaErrorCode::UnknownTopicOrPartition);
}

async fn positions(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    produce_times(&check, &topic, &[1000, 2000, 3000]).await;
    let consumer = assigned(&check, &topic, Offset::Beginning, &[]);
    read(&consumer, 2).await;
    assert_eq!(consumer.position().unwrap().elements()[0].offset(), Offset::Offset(2));
}

async fn ends_are_told(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    produce_times(&check, &topic, &[1000]).await;
    let consumer = assigned(&check, &topic, Offset::Beginning, &[("enable.partition.eof", "true")]);
    read(&consumer, 1).await;
    let error = refused(timeout(WAIT, consumer.recv()).await.unwrap());
    assert!(matches!(error, rdkafka::error::KafkaError::PartitionEOF(0)), "{error:?}");
}
