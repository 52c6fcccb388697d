//! How a consumer behaves.

use std::time::Duration;

use crate::{Assignor, Error, Result};

/// Which records are seen where there are transactions. The numbers are the wire's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i8)]
pub enum Isolation {
    /// All of them.
    #[default]
    ReadUncommitted = 0,
    /// Those outside of transactions and those of committed ones.
    ReadCommitted = 1,
}

/// Where to go when there is no committed offset, or the position is not in the log any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// To the oldest record.
    Earliest,
    /// To what comes next.
    #[default]
    Latest,
    /// Nowhere: `poll` fails.
    None,
}

/// Where to start reading a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// At the group's committed offset; without one, as [`OffsetReset`] says.
    Committed,
    /// At the oldest record.
    Earliest,
    /// At what comes next.
    Latest,
    /// At the first record with this timestamp (milliseconds since the Unix epoch) or a later one; else at the end.
    Timestamp(i64),
    /// At an offset.
    Offset(i64),
}

/// How a consumer behaves. Names and meaning are those of Kafka's consumer properties.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// `group.id`.
    pub group_id: Option<String>,
    /// `group.instance.id`: makes the member static (KIP-345).
    pub group_instance_id: Option<String>,
    /// `enable.auto.commit`; without a group id it does nothing.
    pub auto_commit: bool,
    /// `auto.commit.interval.ms`.
    pub auto_commit_interval: Duration,
    /// `auto.offset.reset`.
    pub auto_offset_reset: OffsetReset,
    /// `isolation.level`.
    pub isolation: Isolation,
    /// `partition.assignment.strategy`, the preferred first.
    pub assignors: Vec<Assignor>,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: a member that does not poll for so long loses its partitions.
    pub max_poll_interval: Duration,
    /// `max.poll.records`.
    pub max_poll_records: usize,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: i32,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait: Duration,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: i32,
    /// `check.crcs`.
    pub check_crcs: bool,
    /// What a batch may unpack to.
    pub max_unpacked_bytes: usize,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            group_id: None,
            group_instance_id: None,
            auto_commit: true,
            auto_commit_interval: Duration::from_secs(5),
            auto_offset_reset: OffsetReset::Latest,
            isolation: Isolation::ReadUncommitted,
            assignors: vec![Assignor::Range, Assignor::RoundRobin],
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(300),
            max_poll_records: 500,
            fetch_min_bytes: 1,
            fetch_max_bytes: 50 << 20,
            fetch_max_wait: Duration::from_millis(500),
            max_partition_fetch_bytes: 1 << 20,
            check_crcs: true,
            max_unpacked_bytes: 256 << 20,
        }
    }
}

impl ConsumerConfig {
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |text: &str| Err(Error::Invalid(text.into()));
        if self.max_poll_records == 0 {
            return wrong("max_poll_records must be at least 1");
        }
        if self.assignors.is_empty() {
            return wrong("a consumer needs at least one assignor");
        }
        if self.group_id.as_ref().is_some_and(String::is_empty) {
            return wrong("a group id may not be empty");
        }
        if self.heartbeat_interval >= self.session_timeout {
            return wrong("heartbeat_interval must be shorter than session_timeout");
        }
        Ok(())
    }
}
