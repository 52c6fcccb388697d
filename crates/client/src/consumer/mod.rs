//! The consumer: records out of assigned partitions, or of those that a group hands out.
//!
//! `poll` drives everything but a member's heartbeats: it finds where to start ([`start`]), keeps one fetch in flight
//! for each leader ([`fetch`]), and unpacks what came ([`fetched`]). A group's membership lives in a task of its own
//! ([`membership`]), which asks before it takes partitions away.

pub mod assignor;
pub(crate) mod commit;
mod config;
mod fetch;
mod fetched;
mod membership;
mod protocol;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::protocol::records::TimestampType;
use ::protocol::{BrokerId, LeaderEpoch, TopicPartition};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) use self::protocol::decode_assignment;
use crate::{Cluster, Error, Header, Result};
pub use config::{ConsumerConfig, Isolation, OffsetReset, StartAt};
use fetch::FetchOutcome;
use fetched::Fetched;
use membership::{Event, Identity, Membership};

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset.
    pub offset: i64,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Whose clock the timestamp is from.
    pub timestamp_type: TimestampType,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; none is a tombstone.
    pub value: Option<Bytes>,
    /// The headers, in their order.
    pub headers: Vec<Header>,
}

/// The next offset to read, and the epoch of what was read before it: by that a leader notices that the log has
/// been cut and written anew (KIP-320).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    offset: i64,
    epoch: LeaderEpoch,
}

/// A partition that is read.
#[derive(Debug)]
struct Reading {
    /// None until `start` is resolved.
    position: Option<Position>,
    start: StartAt,
    /// Counts the changes of position that reading did not make: what was fetched for an earlier one is dropped.
    seeks: u64,
    fetched: Option<Fetched>,
    attempts: u32,
    retry_at: Option<Instant>,
}

impl Reading {
    fn new(start: StartAt) -> Self {
        Self { position: None, start, seeks: 0, fetched: None, attempts: 0, retry_at: None }
    }

    fn seek(&mut self, start: StartAt) {
        let seeks = self.seeks + 1;
        *self = Self { seeks, ..Self::new(start) };
    }
}

/// Reads records. All calls but `close` may be dropped half way: nothing is lost, the next call goes on.
#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    config: ConsumerConfig,
    reading: BTreeMap<TopicPartition, Reading>,
    fetches: JoinSet<FetchOutcome>,
    /// The leaders with a fetch in flight.
    fetching: BTreeSet<BrokerId>,
    membership: Option<Membership>,
    /// Who we are in the group, while partitions are assigned.
    identity: Option<Identity>,
    /// The group wants the partitions back: told once that is done.
    revoking: Option<(bool, oneshot::Sender<()>)>,
    commit_at: Instant,
}

impl Consumer {
    /// A consumer with connections of its own that reads nothing yet.
    pub fn new(cluster: &Cluster, config: ConsumerConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            cluster: cluster.fork(|c| c.allow_auto_create_topics = false),
            commit_at: Instant::now() + config.auto_commit_interval,
            config,
            reading: BTreeMap::new(),
            fetches: JoinSet::new(),
            fetching: BTreeSet::new(),
            membership: None,
            identity: None,
            revoking: None,
        })
    }

    /// Reads exactly these partitions from now on. With a group id, offsets are committed for it without joining it.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = (TopicPartition, StartAt)>) -> Result<()> {
        if self.membership.is_some() {
            return Err(Error::Invalid(
                "a consumer that has subscribed cannot be assigned partitions".into(),
            ));
        }
        self.reading = partitions.into_iter().map(|(p, start)| (p, Reading::new(start))).collect();
        if self.config.group_id.is_none() && self.reading.values().any(|r| r.start == StartAt::Committed) {
            self.reading.clear();
            return Err(Error::Invalid("committed offsets need a group id".into()));
        }
        Ok(())
    }

    /// Joins the group for these topics; partitions come and go while polling. Must be called within a tokio runtime.
    pub fn subscribe(&mut self, topics: impl IntoIterator<Item = impl Into<String>>) -> Result<()> {
        let mut topics: Vec<String> = topics.into_iter().map(Into::into).collect();
        topics.sort();
        topics.dedup();
        if self.config.group_id.is_none() || topics.is_empty() {
            return Err(Error::Invalid("subscribing needs a group id and at least one topic".into()));
        }
        if self.membership.is_some() || !self.reading.is_empty() {
            return Err(Error::Invalid("this consumer reads already: close it and make another".into()));
        }
        self.membership = Some(Membership::start(self.cluster.clone(), self.config.clone(), topics));
        Ok(())
    }

    /// The partitions that are read now.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.reading.keys().cloned().collect()
    }

    /// The offset after the last record that `poll` returned; none before the start is known.
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        Some(self.reading.get(partition)?.position?.offset)
    }

    /// Goes on elsewhere. What was fetched is dropped.
    pub fn seek(&mut self, partition: &TopicPartition, start: StartAt) -> Result<()> {
        match self.reading.get_mut(partition) {
            Some(reading) => {
                reading.seek(start);
                Ok(())
            }
            None => Err(Error::Invalid(format!("{partition} is not assigned to this consumer").into())),
        }
    }

    /// Changes `max_poll_records`, which must be at least 1, for the polls to come.
    pub const fn set_max_poll_records(&mut self, max: usize) {
        self.config.max_poll_records = if max == 0 { 1 } else { max };
    }

    /// The next records, at most `max_poll_records`: at once if there are some, else as soon as there are, and none
    /// after `patience`. To call it again says that the records before are dealt with: auto-commit relies on it.
    pub async fn poll(&mut self, patience: Duration) -> Result<Vec<ConsumerRecord>> {
        let deadline = Instant::now() + patience;
        if let Some(membership) = &self.membership {
            membership.polled();
        }
        loop {
            while let Some(event) = self.membership.as_mut().and_then(Membership::try_event) {
                self.on_event(event)?;
            }
            self.revoke().await;
            self.auto_commit().await;
            while let Some(outcome) = self.fetches.try_join_next() {
                self.on_fetched(outcome)?;
            }
            let records = self.drain()?;
            let records_found = !records.is_empty();
            let later = if records_found { None } else { self.find_starts().await? };
            let later = [later, self.send_fetches().await].into_iter().flatten().min();
            if records_found {
                return Ok(records);
            }
            if Instant::now() >= deadline {
                return Ok(Vec::new());
            }
            let wake = later.map_or(deadline, |l| l.min(deadline));
            tokio::select! {
                Some(outcome) = self.fetches.join_next() => self.on_fetched(outcome)?,
                Some(event) = Membership::next_event(&mut self.membership) => self.on_event(event)?,
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn on_event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Assigned { identity, partitions } => {
                tracing::debug!(generation = identity.generation, ?partitions, "assigned");
                self.identity = Some(identity);
                self.reading =
                    partitions.into_iter().map(|p| (p, Reading::new(StartAt::Committed))).collect();
                self.commit_at = Instant::now() + self.config.auto_commit_interval;
                Ok(())
            }
            Event::Revoke { lost, done } => {
                self.revoking = Some((lost, done));
                Ok(())
            }
            Event::Failed(error) => {
                self.reading.clear();
                self.identity = None;
                Err(error)
            }
        }
    }

    /// Gives the partitions back, with what was read of them committed, unless they are someone else's already.
    async fn revoke(&mut self) {
        let Some((lost, _)) = self.revoking else { return };
        if !lost && self.config.auto_commit {
            self.commit_quietly().await;
        }
        self.reading.clear();
        self.identity = None;
        if let Some((_, done)) = self.revoking.take() {
            // Nobody waits when the membership has ended.
            let _ = done.send(());
        }
    }

    /// Records out of what was fetched, and the positions after them.
    fn drain(&mut self) -> Result<Vec<ConsumerRecord>> {
        let mut records = Vec::new();
        for (partition, reading) in &mut self.reading {
            let (Some(fetched), Some(position)) = (&mut reading.fetched, &mut reading.position) else {
                continue;
            };
            let room = self.config.max_poll_records.saturating_sub(records.len());
            match fetched.take(partition, position, room, &mut records) {
                Ok(true) => reading.fetched = None,
                Ok(false) => {}
                // What was read before the bad bytes goes out first; the next poll meets them again.
                Err(_) if !records.is_empty() => break,
                Err(error) => {
                    reading.fetched = None;
                    reading.retry_at = Some(Instant::now() + self.cluster.config().retry_backoff_max);
                    return Err(error);
                }
            }
        }
        Ok(records)
    }

    /// Commits what was read, if that is asked for, and leaves the group.
    pub async fn close(mut self) -> Result<()> {
        let committed = match (self.config.auto_commit, &self.config.group_id) {
            (true, Some(_)) if self.revoking.is_none() => self.commit().await,
            _ => Ok(()),
        };
        if let Some(membership) = self.membership.take() {
            membership.leave().await;
        }
        committed
    }
}
