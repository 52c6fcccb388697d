//! The client we did not write, as tests use it.

use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Message as _, Offset, TopicPartitionList};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::node::{DEADLINE, Node};

/// What became of one record: where it is, or why it is nowhere.
pub(crate) type Delivery = Result<(i32, i64), RDKafkaErrorCode>;

/// Notes what becomes of each record, by the number it was sent with.
#[derive(Clone, Default)]
pub(crate) struct Deliveries(Arc<Mutex<Vec<(usize, Delivery)>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let delivery = match result {
            Ok(record) => Ok((record.partition(), record.offset())),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        self.0.lock().unwrap().push((*number, delivery));
    }
}

impl Deliveries {
    /// What is known so far, by number.
    pub(crate) fn so_far(&self) -> Vec<(usize, Delivery)> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) type Producer = ThreadedProducer<Deliveries>;
pub(crate) type Record<'a> = BaseRecord<'a, [u8], [u8], Box<usize>>;

pub(crate) fn config(node: &Node, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", node.bootstrap()).set("log_level", "3");
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config
}

pub(crate) fn producer(node: &Node, settings: &[(&str, &str)]) -> (Producer, Deliveries) {
    let deliveries = Deliveries::default();
    (config(node, settings).create_with_context(deliveries.clone()).unwrap(), deliveries)
}

/// A record to partition 0 with its number.
pub(crate) fn record<'a>(topic: &'a str, number: usize) -> Record<'a> {
    BaseRecord::with_opaque_to(topic, Box::new(number)).partition(0)
}

/// Sends records and waits for all of them; what became of each, in their order.
pub(crate) fn send_all<'a>(
    node: &Node,
    settings: &[(&str, &str)],
    records: impl IntoIterator<Item = Record<'a>>,
) -> Vec<Delivery> {
    let (producer, deliveries) = producer(node, settings);
    let mut refused = vec![];
    for mut record in records {
        let number = *record.delivery_opaque;
        // The queue may be full: the producer's own thread empties it.
        while let Err((error, back)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                refused.push((number, Err(error.rdkafka_error_code().unwrap())));
                break;
            }
            producer.flush(Duration::from_millis(10)).ok();
            record = back;
        }
    }
    producer.flush(DEADLINE).unwrap();
    let mut all = deliveries.so_far();
    all.extend(refused);
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, delivery)| delivery).collect()
}

/// The first `count` records of partition 0, by a consumer without a group.
pub(crate) fn consume(
    node: &Node,
    settings: &[(&str, &str)],
    topic: &str,
    count: usize,
) -> Vec<OwnedMessage> {
    let mut config = config(node, settings);
    let consumer: BaseConsumer = config.set("group.id", "unused").create().unwrap();
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&from).unwrap();
    poll(&consumer, count)
}

/// Polls until there are so many records.
pub(crate) fn poll(consumer: &BaseConsumer, count: usize) -> Vec<OwnedMessage> {
    let by = Instant::now() + DEADLINE;
    let mut all = vec![];
    while all.len() < count {
        assert!(Instant::now() < by, "{} of {count} records came", all.len());
        if let Some(polled) = consumer.poll(Duration::from_millis(100)) {
            all.push(polled.unwrap().detach());
        }
    }
    all
}
