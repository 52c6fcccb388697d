//! A producer: bursts of records to the topics of the load, without an end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use stdx::Random;

use super::record::Records;
use super::{Job, Role, topics};
use crate::error::Error;
use crate::event::{Acks, Kind, TopicPartition, What, extend};
use crate::journal::Journal;

/// How many records a second one producer sends, on average.
const PER_SECOND: u32 = 200;
const LONGEST_BURST: usize = 24;

/// How long it waits at its end for the last acknowledgements.
const FLUSH: Duration = Duration::from_secs(90);

/// What became of a record: its number, and its partition with its offset.
type Delivery = (u64, Result<(TopicPartition, i64), KafkaError>);

/// Takes what became of records.
#[derive(Default)]
struct Deliveries(Mutex<Vec<Delivery>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let delivery = match result {
            Ok(record) => Ok((TopicPartition::new(record.topic(), record.partition()), record.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        if let Ok(mut all) = self.0.lock() {
            all.push((number as u64, delivery));
        }
    }
}

pub(super) fn run(role: &Role, ending: &AtomicBool) -> Result<(), Error> {
    let Job::Producer { idempotent, acks, in_flight_one, codec, linger_ms, keyed } = &role.job else {
        return Ok(());
    };
    let mut journal = role.journal()?;
    let (idempotent, acks, in_flight_one) = (*idempotent, *acks, *in_flight_one);
    journal.write(What::Opened { client_kind: Kind::Producer { idempotent, acks, in_flight_one } })?;
    let mut config = role.config();
    config.set("enable.idempotence", idempotent.to_string());
    config.set(
        "acks",
        match acks {
            Acks::None => "0",
            Acks::Leader => "1",
            Acks::All => "all",
        },
    );
    if in_flight_one {
        config.set("max.in.flight.requests.per.connection", "1");
    }
    config.set("compression.codec", codec).set("linger.ms", linger_ms.to_string());
    config.set("queue.buffering.max.messages", "20000");
    let producer: BaseProducer<Deliveries> = config.create_with_context(Deliveries::default())?;
    let mut random = Random::from_seed(role.seed);
    let records = Records::new();
    let mut next = 0;
    while !ending.load(Ordering::Relaxed) {
        let count = 1 + random.below(LONGEST_BURST);
        burst(role, &producer, &mut journal, &mut random, &records, (next, count, *keyed))?;
        next += count as u64;
        let pause = Duration::from_secs(1) * u32::try_from(count).unwrap_or(1) / PER_SECOND;
        let until = Instant::now() + pause;
        while Instant::now() < until {
            producer.poll(Duration::from_millis(20).min(pause));
            tell(role, &producer, &mut journal)?;
        }
    }
    let by = Instant::now() + FLUSH;
    while producer.in_flight_count() > 0 && Instant::now() < by {
        producer.poll(Duration::from_millis(50));
        tell(role, &producer, &mut journal)?;
    }
    match producer.in_flight_count() {
        0 => Ok(()),
        left => {
            let what = format!("{left} records have no answer after {} s", FLUSH.as_secs());
            journal.write(What::Overdue { what }).map(|_| ())
        }
    }
}

/// Sends records `first..first + count` to one topic; keyed ones with one key.
fn burst(
    role: &Role,
    producer: &BaseProducer<Deliveries>,
    journal: &mut Journal,
    random: &mut Random,
    records: &Records,
    (first, count, keyed): (u64, usize, bool),
) -> Result<(), Error> {
    let mut draw = random.below(100);
    let topic = topics::LOAD.iter().find(|topic| {
        let found = draw < topic.share;
        draw = draw.saturating_sub(topic.share);
        found
    });
    let topic = topic.map_or(topics::TRIMMED, |topic| topic.name);
    journal.write(What::Sent { topic: topic.to_owned(), first, count: u32::try_from(count).unwrap_or(0) })?;
    let key = random.below(50).to_string();
    for number in first..first + count as u64 {
        let bytes = match random.below(1000) {
            0 => 100_000,
            1..50 => 3000,
            _ => 40 + random.below(400),
        };
        let value = records.value(&role.name, number, bytes);
        let mut record =
            BaseRecord::with_opaque_to(topic, usize::try_from(number).unwrap_or(0)).payload(&value[..]);
        if keyed {
            record = record.key(key.as_bytes());
        }
        while let Err((error, back)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                fatal(producer, journal)?;
                return Err(error.into());
            }
            producer.poll(Duration::from_millis(20));
            tell(role, producer, journal)?;
            record = back;
        }
    }
    Ok(())
}

/// Writes what became of records since.
fn tell(role: &Role, producer: &BaseProducer<Deliveries>, journal: &mut Journal) -> Result<(), Error> {
    let deliveries = match producer.context().0.lock() {
        Ok(mut all) => std::mem::take(&mut *all),
        Err(_) => return Ok(()),
    };
    let mut deliveries = deliveries.into_iter().peekable();
    while let Some((number, result)) = deliveries.next() {
        match result {
            Ok((partition, offset)) => {
                let mut runs = vec![];
                extend(&mut runs, offset, &role.name, number);
                while let Some((number, Ok((_, offset)))) =
                    deliveries.next_if(|(_, next)| next.as_ref().is_ok_and(|(other, _)| *other == partition))
                {
                    extend(&mut runs, offset, &role.name, number);
                }
                journal.write(What::Acknowledged { partition, runs })?;
            }
            Err(error) => {
                journal.write(What::GaveUp { first: number, count: 1, error: error.to_string() })?;
            }
        }
    }
    fatal(producer, journal)
}

fn fatal(producer: &BaseProducer<Deliveries>, journal: &mut Journal) -> Result<(), Error> {
    if let Some((code, text)) = producer.client().fatal_error() {
        journal.write(What::Fatal { error: format!("{code:?}: {text}") })?;
        return Err(Error::Client(KafkaError::MessageProduction(code)));
    }
    Ok(())
}
