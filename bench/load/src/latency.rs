//! End-to-end latency at a fixed rate: from the moment when a record *should* have been sent to the moment when a
//! consumer has it. The sender is an open loop: it never waits for an answer, and a record that leaves late, because the
//! broker or the client held the loop up, counts from its due time. So nothing is left out when it matters
//! (coordinated omission). Both ends are in this process and share its monotonic clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer,
};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::payload::{KEYS, Numbers, key, values};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    bootstrap: String,
    /// A topic that exists.
    #[arg(long)]
    topic: String,
    /// Records a second, of all producers together.
    #[arg(long)]
    rate: u64,
    /// Seconds that count.
    #[arg(long)]
    seconds: u64,
    /// Seconds before those.
    #[arg(long, default_value_t = 2)]
    warmup: u64,
    /// Bytes of a record's value; at least 8.
    #[arg(long)]
    size: usize,
    /// With keys.
    #[arg(long)]
    keyed: bool,
    /// Producers, each with its own connection.
    #[arg(long, default_value_t = 1)]
    producers: usize,
    /// `key=value` of the producers' properties.
    #[arg(long = "set")]
    set: Vec<String>,
}

/// The longest latency that is told from longer ones.
const CEILING_US: u64 = 120_000_000;
/// How long after the last record was due the rest may take, and how long a consumer waits for the next one.
const PATIENCE: Duration = Duration::from_secs(15);

type Producer = ThreadedProducer<Outcome, NoCustomPartitioner>;

/// Counts the records that were not acknowledged.
#[derive(Clone, Default)]
struct Outcome {
    failed: Arc<AtomicU64>,
}

impl ClientContext for Outcome {}

impl ProducerContext for Outcome {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.failed.fetch_add(1, Relaxed);
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<Value> {
    if args.size < 8 || args.rate == 0 || args.producers == 0 {
        return Err(Error::Setting("a record needs 8 bytes, and rate and producers must be positive".into()));
    }
    let clock = Instant::now();
    let consumer = consumer(args)?;
    let outcome = Outcome::default();
    let producers = (0..args.producers).map(|_| producer(args, &outcome)).collect::<Result<Vec<_>>>()?;

    let total = args.rate * (args.warmup + args.seconds);
    let start_ns = clock.elapsed().as_nanos() as u64 + 50_000_000;
    let counted_from_ns = start_ns + args.warmup * 1_000_000_000;
    let failed = outcome.failed.clone();
    let receiver = std::thread::spawn(move || receive(&consumer, clock, counted_from_ns, total, &failed));
    let late_us = send(args, &producers, clock, start_ns, total)?;
    let deadline = Instant::now() + PATIENCE;
    for producer in &producers {
        // What is not acknowledged by then is told below.
        drop(producer.flush(deadline.saturating_duration_since(Instant::now())));
    }
    let open = producers.iter().map(|producer| u64::from(producer.in_flight_count().unsigned_abs())).sum();
    if open > 0 {
        return Err(Error::Behind { open, wait_s: PATIENCE.as_secs() });
    }
    let (received, histogram) = receiver.join().map_err(|_| Error::Thread)??;
    let failed = outcome.failed.load(Relaxed);
    if received + failed < total {
        return Err(Error::Missing { received, wanted: total });
    }
    let ms = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1e3;
    Ok(json!({
        "records": total, "failed": failed, "received": received, "counted": histogram.len(),
        "p50_ms": ms(0.5), "p90_ms": ms(0.9), "p99_ms": ms(0.99), "p999_ms": ms(0.999), "p9999_ms": ms(0.9999),
        "max_ms": histogram.max() as f64 / 1e3, "sent_late_max_ms": late_us as f64 / 1e3,
        "histogram_us": histogram.iter_recorded().map(|v| json!([v.value_iterated_to(), v.count_at_value()])).collect::<Vec<_>>(),
    }))
}

fn consumer(args: &Args) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &args.bootstrap)
        .set("group.id", "bench-latency")
        .set("enable.auto.commit", "false")
        .set("socket.nagle.disable", "true")
        .create()?;
    let patience = Duration::from_secs(10);
    let metadata = consumer.fetch_metadata(Some(&args.topic), patience)?;
    let topic = metadata.topics().first().filter(|t| !t.partitions().is_empty());
    let topic = topic.ok_or_else(|| Error::Setting(format!("there is no topic {}", args.topic)))?;
    let mut assignment = TopicPartitionList::new();
    for partition in topic.partitions() {
        let (_, end) = consumer.fetch_watermarks(&args.topic, partition.id(), patience)?;
        assignment.add_partition_offset(&args.topic, partition.id(), Offset::Offset(end))?;
    }
    consumer.assign(&assignment)?;
    Ok(consumer)
}

fn producer(args: &Args, outcome: &Outcome) -> Result<Producer> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &args.bootstrap)
        .set("linger.ms", "0")
        .set("socket.nagle.disable", "true")
        .set("queue.buffering.max.messages", "1000000");
    for property in &args.set {
        let pair = property.split_once('=');
        let (name, value) = pair.ok_or_else(|| Error::Setting(format!("{property} is no key=value")))?;
        config.set(name, value);
    }
    let producer: Producer = config.create_with_context(outcome.clone())?;
    // So that the first record does not wait for it.
    producer.client().fetch_metadata(Some(&args.topic), Duration::from_secs(10))?;
    Ok(producer)
}

/// Sends each record at its time, or at once when that has passed. Answers how late the latest one left.
fn send(args: &Args, producers: &[Producer], clock: Instant, start_ns: u64, total: u64) -> Result<u64> {
    let values = values(args.size);
    let mut numbers = Numbers(1);
    let mut late_ns = 0;
    for (i, producer) in (0..total).zip(producers.iter().cycle()) {
        let due_ns = start_ns + (u128::from(i) * 1_000_000_000 / u128::from(args.rate)) as u64;
        let mut now_ns = clock.elapsed().as_nanos() as u64;
        while now_ns < due_ns {
            std::thread::sleep(Duration::from_nanos(due_ns - now_ns));
            now_ns = clock.elapsed().as_nanos() as u64;
        }
        late_ns = late_ns.max(now_ns - due_ns);
        let mut value = values[i as usize % values.len()].to_vec();
        value[..8].copy_from_slice(&due_ns.to_be_bytes());
        let key = args.keyed.then(|| key(&mut numbers, KEYS));
        let mut record = BaseRecord::<[u8], [u8]>::to(&args.topic).payload(&value);
        if let Some(key) = &key {
            record = record.key(key);
        }
        while let Err((error, refused)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            std::thread::sleep(Duration::from_millis(1));
            record = refused;
        }
    }
    Ok(late_ns / 1_000)
}

fn receive(
    consumer: &BaseConsumer,
    clock: Instant,
    counted_from_ns: u64,
    total: u64,
    failed: &AtomicU64,
) -> Result<(u64, Histogram<u32>)> {
    let mut histogram = Histogram::new_with_bounds(1, CEILING_US, 2)
        .map_err(|error| Error::Setting(format!("histogram: {error}")))?;
    let mut received = 0;
    let mut last = Instant::now();
    while received + failed.load(Relaxed) < total && last.elapsed() < PATIENCE {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message?;
        let now_ns = clock.elapsed().as_nanos() as u64;
        last = Instant::now();
        received += 1;
        let due = message.payload().and_then(|value| value.first_chunk::<8>());
        let due_ns = u64::from_be_bytes(*due.ok_or(Error::Setting("the topic holds other records".into()))?);
        if due_ns >= counted_from_ns {
            histogram.saturating_record((now_ns.saturating_sub(due_ns) / 1_000).max(1));
        }
    }
    Ok((received, histogram))
}
