//! The producer: records in, acknowledgements out.
//!
//! Records of a partition gather in batches ([`accumulator`]); a task sends what is ready to the leaders
//! ([`sender`]). One batch of a partition is in flight at a time, and the next gathers meanwhile: so order holds and
//! a retry never overtakes, whatever fails.

mod accumulator;
mod batch;
pub(crate) mod partitioner;
mod sender;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use protocol::TopicPartition;
use protocol::compression::Compression;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::retry::Retry;
use crate::{Cluster, Error, Header, Result, Topic, random};
use accumulator::Accumulator;
use batch::PendingRecord;
use partitioner::partition_of_key;

/// How many replicas must have a record before it counts as delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// None: a record is delivered once it is on its way, and its offset is not known.
    None,
    /// The leader.
    Leader,
    /// All replicas in sync.
    #[default]
    All,
}

impl Acks {
    const fn wire(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// How a producer behaves. Names and meaning are those of Kafka's producer properties.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`: retries never duplicate or reorder. Only with [`Acks::All`]; else it is off.
    pub idempotence: bool,
    /// `compression.type` and its level.
    pub compression: Compression,
    /// `linger.ms`: how long a batch waits for more records.
    pub linger: Duration,
    /// `batch.size`: a batch of this size does not wait. Larger than Kafka's 16 KiB by default, because one batch of a
    /// partition is in flight at a time and not five.
    pub batch_bytes: usize,
    /// `max.request.size`.
    pub max_request_bytes: usize,
    /// `buffer.memory`: records not yet acknowledged; more wait for room.
    pub buffer_bytes: usize,
    /// `max.block.ms`: how long `send` waits for room or for the topic's partitions.
    pub max_block: Duration,
    /// `delivery.timeout.ms`: the whole patience for a record.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`: the patience for one attempt.
    pub request_timeout: Duration,
    /// Whether sending to a topic may create it, if the brokers do that.
    pub allow_auto_create_topics: bool,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotence: true,
            compression: Compression::default(),
            linger: Duration::from_millis(5),
            batch_bytes: 128 << 10,
            max_request_bytes: 1 << 20,
            buffer_bytes: 32 << 20,
            max_block: Duration::from_secs(60),
            delivery_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
            allow_auto_create_topics: true,
        }
    }
}

/// A record to send.
#[derive(Clone, Debug, Default)]
pub struct ProducerRecord {
    /// The topic.
    pub topic: String,
    /// The partition; if none, the key decides, and without a key whichever suits batching.
    pub partition: Option<i32>,
    /// The key; null and empty differ.
    pub key: Option<Bytes>,
    /// The value; null (a tombstone) and empty differ.
    pub value: Option<Bytes>,
    /// The headers, in their order.
    pub headers: Vec<Header>,
    /// Milliseconds since the Unix epoch; now if none.
    pub timestamp: Option<i64>,
}

/// Where a record ended up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset; none with [`Acks::None`], and where the broker only remembers that it has the record.
    pub offset: Option<i64>,
    /// Milliseconds since the Unix epoch: the record's, or the broker's where it stamps appends.
    pub timestamp: i64,
}

/// The outcome of one record: a future that may be dropped without harm.
#[derive(Debug)]
pub struct Delivery(oneshot::Receiver<Result<RecordMetadata>>);

impl Future for Delivery {
    type Output = Result<RecordMetadata>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|got| got.unwrap_or(Err(Error::Closed("producer"))))
    }
}

/// Sends records. Dropping it gives up what is not acknowledged; [`Producer::close`] waits for it.
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    sender: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    config: ProducerConfig,
    accumulator: Accumulator,
    /// Bytes of the buffer that are free.
    room: Arc<Semaphore>,
    /// Something may have become ready.
    wake: Notify,
}

impl Producer {
    /// A producer with connections of its own. Must be called within a tokio runtime.
    pub fn new(cluster: &Cluster, config: ProducerConfig) -> Result<Self> {
        if config.buffer_bytes < config.max_request_bytes || config.buffer_bytes > u32::MAX as usize {
            return Err(Error::Invalid(
                "buffer_bytes must hold at least max_request_bytes, and at most 4 GiB".into(),
            ));
        }
        let cluster = cluster.fork(|c| c.allow_auto_create_topics = config.allow_auto_create_topics);
        let shared = Arc::new(Shared {
            cluster,
            accumulator: Accumulator::new(config.batch_bytes, config.linger),
            room: Arc::new(Semaphore::new(config.buffer_bytes)),
            wake: Notify::new(),
            config,
        });
        let sender = tokio::spawn(sender::run(shared.clone())).abort_handle();
        Ok(Self { shared, sender })
    }

    /// Hands a record over. Waits while the buffer is full; the delivery tells the outcome.
    pub async fn send(&self, record: ProducerRecord) -> Result<Delivery> {
        let shared = &*self.shared;
        let bytes = batch::size_bound(&record);
        let limit = shared.config.max_request_bytes;
        if bytes > limit {
            return Err(Error::RecordTooLarge { bytes, limit });
        }
        let topic = shared.topic(&record.topic).await?;
        let room = shared.room(bytes).await?;
        let (done, delivery) = oneshot::channel();
        let chosen = match (record.partition, &record.key) {
            (Some(partition), _) => Some(partition),
            (None, Some(key)) => Some(partition_of_key(key, topic.partitions.len())),
            (None, None) => None,
        };
        if let Some(partition) = chosen
            && topic.partition(partition).is_none()
        {
            let count = topic.partitions.len();
            return Err(Error::Invalid(
                format!(
                    "topic '{}' has {count} partitions, so there is no partition {partition}; count from 0",
                    topic.name
                )
                .into(),
            ));
        }
        let pending = PendingRecord {
            key: record.key,
            value: record.value,
            headers: record.headers,
            timestamp: record.timestamp.unwrap_or_else(unix_ms),
            bytes,
            done,
            _room: room,
        };
        if shared.accumulator.append(&topic, chosen, pending, Instant::now(), random::bits()) {
            shared.wake.notify_one();
        }
        Ok(Delivery(delivery))
    }

    /// Sends what waits for company, and returns once all that was handed over before is delivered or has failed.
    pub async fn flush(&self) {
        let waiters = self.shared.accumulator.seal();
        self.shared.wake.notify_one();
        for waiter in waiters {
            // An error is the batch's end, too.
            let _ = waiter.await;
        }
    }

    /// [`Producer::flush`], then the end.
    pub async fn close(self) {
        self.flush().await;
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

impl Shared {
    async fn topic(&self, name: &str) -> Result<Arc<Topic>> {
        let what = format!("cannot send to topic '{name}'");
        let mut retry = Retry::new(what, self.config.max_block, self.cluster.backoff());
        loop {
            match self.cluster.topic(name).await {
                Ok(topic) if topic.partitions.is_empty() => {
                    self.cluster.forget(name);
                    return Err(Error::Invalid(format!("topic '{name}' has no partitions").into()));
                }
                Ok(topic) => return Ok(topic),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    async fn room(&self, bytes: usize) -> Result<tokio::sync::OwnedSemaphorePermit> {
        let acquired = self.room.clone().acquire_many_owned(bytes as u32);
        match tokio::time::timeout(self.config.max_block, acquired).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Error::Closed("producer")),
            Err(_) => Err(Error::Invalid(
                format!(
                    "no room for {bytes} more bytes within {} ms: {} bytes wait to be acknowledged; check the brokers or raise buffer_bytes",
                    self.config.max_block.as_millis(),
                    self.config.buffer_bytes
                )
                .into(),
            )),
        }
    }
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}
