//! Fetching: one request in flight for each leader, for all of its partitions that are read.
//!
//! A leader is asked again once all that it sent has been taken: else a long poll for idle partitions would hold up
//! the busy one. No fetch sessions (KIP-227): each request names all of its partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use protocol::messages::FetchRequest;
use protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use protocol::messages::fetch_response::PartitionData;
use protocol::{ApiKey, BrokerId, ErrorCode, LeaderEpoch, TopicPartition, Uuid};
use tokio::task::JoinError;
use tokio::time::Instant;

use super::fetched::{Aborted, Fetched, Rules};
use super::{Consumer, ConsumerConfig, OffsetReset, Position, Reading, StartAt};
use crate::cluster::Purpose;
use crate::connection::CallOptions;
use crate::{Cluster, Error, Result, random};

/// The highest version of Fetch without topic ids.
const BY_NAME: i16 = 12;

/// A partition in a request.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    partition: TopicPartition,
    topic_id: Uuid,
    leader_epoch: LeaderEpoch,
    position: Position,
    seeks: u64,
}

/// What came of one request.
#[derive(Debug)]
pub(super) struct FetchOutcome {
    leader: BrokerId,
    partitions: Vec<(Wanted, Result<Found>)>,
}

/// What came of one partition.
#[derive(Debug)]
struct Found {
    broker: Arc<str>,
    records: Bytes,
    aborted: Vec<Aborted>,
    /// Where the log parts from what was read before, if it does.
    diverging_end: Option<i64>,
}

impl Consumer {
    /// Sends what can be sent; returns when to look again for what cannot.
    pub(super) async fn send_fetches(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let mut later: Option<Instant> = None;
        let mut by_leader: BTreeMap<BrokerId, Vec<Wanted>> = BTreeMap::new();
        let mut unread = Vec::new();
        for (partition, reading) in &mut self.reading {
            let Some(position) = reading.position else { continue };
            if let Some(at) = reading.retry_at.filter(|at| *at > now) {
                later = Some(later.map_or(at, |l| l.min(at)));
                continue;
            }
            let found = find(&self.cluster, partition).await;
            let (leader, leader_epoch, topic_id) = match found {
                Ok(found) => found,
                Err(error) => {
                    told(reading, partition, &error, "cannot fetch yet");
                    let at = Instant::now() + self.cluster.backoff().delay(reading.attempts, random::bits());
                    reading.attempts += 1;
                    reading.retry_at = Some(at);
                    later = Some(later.map_or(at, |l| l.min(at)));
                    continue;
                }
            };
            if reading.fetched.is_some() {
                unread.push(leader);
                continue;
            }
            let seeks = reading.seeks;
            let wanted = Wanted { partition: partition.clone(), topic_id, leader_epoch, position, seeks };
            by_leader.entry(leader).or_default().push(wanted);
        }
        for (leader, wanted) in by_leader {
            if !unread.contains(&leader) && self.fetching.insert(leader) {
                self.fetches.spawn(fetch(self.cluster.clone(), self.config.clone(), leader, wanted));
            }
        }
        later
    }

    /// Takes in what came. An error is one that no retry helps.
    pub(super) fn on_fetched(&mut self, outcome: Result<FetchOutcome, JoinError>) -> Result<()> {
        let Ok(outcome) = outcome else {
            // A fetching task neither panics nor is cancelled before we are; if it did, ask all leaders again.
            self.fetching.clear();
            return Ok(());
        };
        self.fetching.remove(&outcome.leader);
        let mut failure = None;
        for (wanted, result) in outcome.partitions {
            if let Err(error) = self.on_partition(&wanted, result) {
                failure = failure.or(Some(error));
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn on_partition(&mut self, wanted: &Wanted, result: Result<Found>) -> Result<()> {
        let partition = &wanted.partition;
        let Some(reading) = self.reading.get_mut(partition) else { return Ok(()) };
        if reading.seeks != wanted.seeks || reading.position != Some(wanted.position) {
            return Ok(());
        }
        let rules = Rules {
            isolation: self.config.isolation,
            check_crcs: self.config.check_crcs,
            max_unpacked_bytes: self.config.max_unpacked_bytes,
        };
        let error = match result {
            Ok(Found { diverging_end: Some(end), .. }) => {
                let from = wanted.position.offset;
                tracing::warn!(%partition, from, to = end, "the log was truncated; reading on where it parts");
                reading.seek(StartAt::Offset(end.min(from)));
                return Ok(());
            }
            Ok(found) => {
                reading.attempts = 0;
                reading.retry_at = None;
                if !found.records.is_empty() {
                    reading.fetched = Some(Fetched::new(found.broker, rules, found.records, found.aborted));
                }
                return Ok(());
            }
            Err(error) => error,
        };
        let reset = match self.config.auto_offset_reset {
            OffsetReset::Earliest => Some(StartAt::Earliest),
            OffsetReset::Latest => Some(StartAt::Latest),
            OffsetReset::None => None,
        };
        match (error.code(), reset) {
            (Some(ErrorCode::OffsetOutOfRange), Some(reset)) => {
                tracing::warn!(%partition, offset = wanted.position.offset, ?reset, "offset out of range");
                reading.seek(reset);
                Ok(())
            }
            _ => {
                let retriable = error.is_retriable();
                if retriable {
                    told(reading, partition, &error, "fetching again");
                    self.cluster.forget(&partition.topic);
                }
                reading.retry_at =
                    Some(Instant::now() + self.cluster.backoff().delay(reading.attempts, random::bits()));
                reading.attempts += 1;
                if retriable { Ok(()) } else { Err(error) }
            }
        }
    }
}

/// A failure that will be tried again: a warning the first time, noise after that.
fn told(reading: &Reading, partition: &TopicPartition, error: &Error, what: &str) {
    if reading.attempts == 0 {
        tracing::warn!(%partition, %error, "{what}");
    } else {
        tracing::debug!(%partition, %error, attempt = reading.attempts, "{what}");
    }
}

async fn find(cluster: &Cluster, partition: &TopicPartition) -> Result<(BrokerId, LeaderEpoch, Uuid)> {
    let (leader, epoch) = cluster.leader(partition).await?;
    Ok((leader, epoch, cluster.topic(&partition.topic).await?.id))
}

async fn fetch(
    cluster: Cluster,
    config: ConsumerConfig,
    leader: BrokerId,
    wanted: Vec<Wanted>,
) -> FetchOutcome {
    let partitions = match exchange(&cluster, &config, leader, &wanted).await {
        Ok(found) => wanted.into_iter().zip(found).collect(),
        Err(error) => wanted.into_iter().map(|w| (w, Err(error.clone()))).collect(),
    };
    FetchOutcome { leader, partitions }
}

/// One request: what came of each wanted partition, in their order.
async fn exchange(
    cluster: &Cluster,
    config: &ConsumerConfig,
    leader: BrokerId,
    wanted: &[Wanted],
) -> Result<Vec<Result<Found>>> {
    let connection = cluster.broker(leader, Purpose::Data).await?;
    let wait = config.fetch_max_wait;
    let at_most = if wanted.iter().any(|w| w.topic_id.is_zero()) { BY_NAME } else { i16::MAX };
    // From version 12 on the leader compares the epoch before our position with its own (KIP-595).
    let knows_epochs = connection.version(ApiKey::Fetch, at_most)? >= 12;
    let request = FetchRequest {
        max_wait_ms: wait.as_millis().min(i32::MAX as u128) as i32,
        min_bytes: config.fetch_min_bytes,
        max_bytes: config.fetch_max_bytes,
        isolation_level: config.isolation as i8,
        topics: topics(wanted, config.max_partition_fetch_bytes, knows_epochs),
        ..Default::default()
    };
    let timeout = Some(wait + cluster.config().connection.request_timeout);
    let answer = connection.call_with(&request, CallOptions { at_most, timeout }).await?;
    let response = answer.decode()?;
    Error::check("cannot fetch", answer.broker(), response.error_code, None)?;
    let by_id = answer.version() > BY_NAME;
    let of = |w: &Wanted| {
        let what = || format!("cannot fetch from {}", w.partition);
        let topic = response
            .responses
            .iter()
            .find(|t| if by_id { t.topic_id == w.topic_id } else { *t.topic == *w.partition.topic });
        let data =
            topic.and_then(|t| t.partitions.iter().find(|p| p.partition_index == w.partition.partition));
        // A leader leaves out what does not fit into the answer any more.
        let Some(data) = data else { return Ok(nothing(answer.broker())) };
        Error::check(what(), answer.broker(), data.error_code, None)?;
        Ok(found(answer.broker(), data, |bytes| answer.share(bytes)))
    };
    Ok(wanted.iter().map(of).collect())
}

fn nothing(broker: &Arc<str>) -> Found {
    Found { broker: broker.clone(), records: Bytes::new(), aborted: Vec::new(), diverging_end: None }
}

fn found(broker: &Arc<str>, data: &PartitionData<'_>, share: impl Fn(&[u8]) -> Bytes) -> Found {
    let records = data.records.as_ref().and_then(|r| r.as_bytes()).filter(|r| !r.is_empty());
    let aborted = data.aborted_transactions.iter().flatten();
    Found {
        records: records.map_or_else(Bytes::new, share),
        aborted: aborted
            .map(|a| Aborted { producer_id: a.producer_id, first_offset: a.first_offset })
            .collect(),
        diverging_end: (data.diverging_epoch.end_offset >= 0).then_some(data.diverging_epoch.end_offset),
        ..nothing(broker)
    }
}

/// The request's topics. Partitions of a topic stand together, because `wanted` is in order.
fn topics(wanted: &[Wanted], partition_max_bytes: i32, knows_epochs: bool) -> Vec<FetchTopic<'_>> {
    let mut topics: Vec<FetchTopic<'_>> = Vec::new();
    for w in wanted {
        let partition = FetchPartition {
            partition: w.partition.partition,
            current_leader_epoch: w.leader_epoch.get(),
            fetch_offset: w.position.offset,
            last_fetched_epoch: if knows_epochs { w.position.epoch.get() } else { -1 },
            partition_max_bytes,
            ..Default::default()
        };
        match topics.last_mut().filter(|t| *t.topic == *w.partition.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(FetchTopic {
                topic: (&*w.partition.topic).into(),
                topic_id: w.topic_id,
                partitions: vec![partition],
                ..Default::default()
            }),
        }
    }
    topics
}
