//! A partition with its log and those who wait for the disk (`broker/src/partition.rs`).

use std::sync::Arc;

use log::{Error as LogError, FileRange, FlushTarget, Log, LogConfig, Origin};
use metadata::configs::{CompressionType, TimestampType as ConfiguredTimestamp, TopicConfig};
use protocol::compression::{Codec, Compression};
use protocol::records::TimestampType;
use protocol::{ErrorCode, LeaderEpoch, Offset, TopicPartition};

use crate::sim::event::{Acks, Event, Incarnation};
use crate::sim::plan::Plan;
use crate::sim::record::Rec;
use crate::sim::scene::{Answer, Scene, Token};

/// Whether a flush is asked for: at most one is under way, and at most one more is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FlushState {
    #[default]
    Idle,
    Queued,
    UnderWay,
    UnderWayAndDue,
}

/// A producer that waits for the disk.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    token: Token,
    first_offset: Offset,
    next_offset: Offset,
}

pub(crate) struct Partition {
    pub(super) id: Incarnation,
    pub(super) directory: usize,
    pub(super) log: Log,
    leader_epoch: LeaderEpoch,
    config: Arc<TopicConfig>,
    durable: Offset,
    /// A write or a sync failed: nothing is acknowledged any more.
    pub(super) failed: bool,
    pub(super) flush: FlushState,
    /// Up to where this process has cleaned the log.
    pub(super) clean_to: Option<Offset>,
    waiting: Vec<Waiting>,
}

/// What a consumer was told to read.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) ranges: Vec<FileRange>,
    pub(crate) high_watermark: i64,
    pub(crate) log_start: i64,
}

/// What an append did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appended {
    pub(super) first_offset: Offset,
    pub(super) next_offset: Offset,
}

impl Partition {
    pub(super) fn new(
        mut log: Log,
        id: Incarnation,
        directory: usize,
        leader_epoch: LeaderEpoch,
        config: Arc<TopicConfig>,
    ) -> Self {
        log.set_high_watermark(log.log_end_offset());
        log.start_leader_epoch(leader_epoch);
        Self {
            id,
            directory,
            durable: log.durable_offset(),
            log,
            leader_epoch,
            config,
            failed: false,
            flush: FlushState::Idle,
            clean_to: None,
            waiting: Vec::new(),
        }
    }

    /// Where its log starts, and its high watermark.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        (self.log.log_start_offset().get(), self.log.high_watermark().get())
    }

    /// Whether everything is on disk, and nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.durable == self.log.log_end_offset()
    }

    pub(crate) const fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The timestamp and offset of the first record that is as late as this.
    pub(crate) fn offset_for_timestamp(&self, timestamp: i64) -> Result<Option<(i64, i64)>, LogError> {
        let found = self.log.offset_for_timestamp(log::Source::Disk, timestamp)?;
        let found = found.filter(|found| found.offset < self.log.high_watermark());
        Ok(found.map(|found| (found.timestamp, found.offset.get())))
    }

    /// The greatest epoch up to this one, and where it ends.
    pub(crate) fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(i32, i64)> {
        let found = self.log.end_offset_for_epoch(epoch)?;
        Some((found.0.get(), found.1.get()))
    }

    pub(super) const fn name(&self) -> &TopicPartition {
        &self.id.partition
    }

    pub(super) fn lead(&mut self, epoch: LeaderEpoch) {
        if epoch > self.leader_epoch {
            self.log.start_leader_epoch(epoch);
            self.leader_epoch = epoch;
        }
    }

    pub(super) fn set_config(&mut self, scene: &mut Scene, config: Arc<TopicConfig>) {
        self.log.set_config(log_config(&config, &scene.plan));
        self.config = config;
        self.wake(scene);
    }

    /// Appends for a producer, and answers or lets it wait. Whether a flush is asked for.
    pub(super) fn produce(
        &mut self,
        scene: &mut Scene,
        batch: &mut [u8],
        records: &[Rec],
        acks: Acks,
        token: Token,
    ) -> bool {
        match self.append(scene, batch, records, Origin::Client) {
            Err(error) => {
                let code = self.refusal(&error);
                scene.trace(format_args!("{} refuses {token}: {error}", self.id));
                scene.outbox.push((token, Answer::Produce(Err(code))));
                false
            }
            Ok(Appended { first_offset, .. }) if acks < Acks::All => {
                scene.outbox.push((token, Answer::Produce(Ok(first_offset.get()))));
                false
            }
            Ok(Appended { first_offset, next_offset }) => {
                self.waiting.push(Waiting { token, first_offset, next_offset });
                self.wake(scene);
                self.config.acks_all_fsync
            }
        }
    }

    /// Appends a batch. `records` is what it holds, for the oracles; their offsets are filled in here.
    pub(super) fn append(
        &mut self,
        scene: &mut Scene,
        batch: &mut [u8],
        records: &[Rec],
        origin: Origin,
    ) -> Result<Appended, LogError> {
        if self.failed {
            return Err(LogError::Fenced { path: self.log.path().to_owned() });
        }
        scene.observe(&Event::Appending { id: &self.id, records });
        let info = self.log.append_as_leader(batch, self.leader_epoch, scene.now, origin)?;
        self.log.set_high_watermark(self.log.log_end_offset());
        let mut records = records.to_vec();
        for (at, record) in records.iter_mut().enumerate() {
            record.offset = info.first_offset.get() + at as i64;
            record.timestamp = info.log_append_time.unwrap_or(record.timestamp);
            record.leader_epoch = self.leader_epoch.get();
        }
        scene.trace(format_args!(
            "{} has {}..{}{}",
            self.id,
            info.first_offset,
            info.last_offset,
            if info.duplicate { " already" } else { "" }
        ));
        scene.observe(&Event::Appended {
            id: &self.id,
            first_offset: info.first_offset.get(),
            records: &records,
            duplicate: info.duplicate,
            high_watermark: self.log.high_watermark().get(),
        });
        Ok(Appended { first_offset: info.first_offset, next_offset: info.last_offset + 1 })
    }

    /// From a failure of the log to what a client is told; a failing disk is remembered.
    pub(super) fn refusal(&mut self, error: &LogError) -> ErrorCode {
        match error {
            LogError::Refused(log::Refusal::OutOfOrderSequence { .. }) => ErrorCode::OutOfOrderSequenceNumber,
            LogError::Refused(_) => ErrorCode::InvalidRecord,
            LogError::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            LogError::Corrupt { .. } => ErrorCode::KafkaStorageError,
            _ => {
                self.failed = true;
                ErrorCode::KafkaStorageError
            }
        }
    }

    /// Up to where records count as committed.
    pub(super) fn committed_offset(&self) -> Offset {
        if self.config.acks_all_fsync || self.failed { self.durable } else { self.log.log_end_offset() }
    }

    /// Whoever waits for the disk looks again.
    pub(super) fn wake(&mut self, scene: &mut Scene) {
        let (committed, failed) = (self.committed_offset(), self.failed);
        self.waiting.retain(|waiting| {
            let answer = if committed >= waiting.next_offset {
                Ok(waiting.first_offset.get())
            } else if failed {
                Err(ErrorCode::KafkaStorageError)
            } else {
                return true;
            };
            scene.outbox.push((waiting.token, Answer::Produce(answer)));
            false
        });
    }

    /// The topic is gone: everybody who waits is told.
    pub(super) fn retire(&mut self, scene: &mut Scene) {
        self.failed = true;
        for waiting in self.waiting.drain(..) {
            scene.outbox.push((waiting.token, Answer::Produce(Err(ErrorCode::UnknownTopicOrPartition))));
        }
    }

    /// A flush is over.
    pub(super) fn flushed(&mut self, scene: &mut Scene, flushed: Result<Option<&FlushTarget>, LogError>) {
        match flushed {
            Ok(Some(target)) => {
                self.log.mark_flushed(target);
                self.durable = self.log.durable_offset();
                let log_end = self.log.log_end_offset().get();
                scene.trace(format_args!("{} is durable to {} of {log_end}", self.id, self.durable));
                scene.observe(&Event::Flushed { id: &self.id, durable: self.durable.get(), log_end });
            }
            Ok(None) => {}
            Err(error) => {
                scene.trace(format_args!("{} fails: {error}", self.id));
                self.refusal(&error);
            }
        }
        self.wake(scene);
    }

    /// Finds what a consumer reads next.
    pub(crate) fn locate(&self, from: i64, max_bytes: u64) -> Result<Located, ErrorCode> {
        let high_watermark = self.log.high_watermark();
        match self.log.read(Offset(from), max_bytes, true, high_watermark) {
            Ok(found) => Ok(Located {
                ranges: found.ranges,
                high_watermark: high_watermark.get(),
                log_start: self.log.log_start_offset().get(),
            }),
            Err(LogError::OffsetOutOfRange { .. }) => Err(ErrorCode::OffsetOutOfRange),
            Err(_) => Err(ErrorCode::KafkaStorageError),
        }
    }
}

/// What a log takes of its topic's configuration (`broker/src/configs.rs`), with smaller segments than Kafka allows.
pub(super) fn log_config(topic: &TopicConfig, plan: &Plan) -> LogConfig {
    LogConfig {
        segment_bytes: topic.segment_bytes / plan.shrink,
        segment_ms: topic.segment_ms,
        segment_index_bytes: topic.segment_index_bytes,
        index_interval_bytes: plan.index_interval_bytes,
        delete: topic.cleanup_policy.delete,
        compact: topic.cleanup_policy.compact,
        min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
        delete_retention_ms: topic.delete_retention_ms,
        retention_bytes: topic.retention_bytes,
        retention_ms: topic.retention_ms,
        max_message_bytes: topic.max_message_bytes,
        message_timestamp_type: match topic.message_timestamp_type {
            ConfiguredTimestamp::CreateTime => TimestampType::CreateTime,
            ConfiguredTimestamp::LogAppendTime => TimestampType::LogAppendTime,
        },
        compression: compression(topic.compression_type),
        ..LogConfig::default()
    }
}

fn compression(kind: CompressionType) -> Option<Compression> {
    Some(match kind {
        CompressionType::Producer => return None,
        CompressionType::Uncompressed => Codec::None.into(),
        CompressionType::Gzip(_) => Codec::Gzip.into(),
        CompressionType::Snappy => Codec::Snappy.into(),
        CompressionType::Lz4(_) => Codec::Lz4.into(),
        CompressionType::Zstd(_) => Codec::Zstd.into(),
    })
}
