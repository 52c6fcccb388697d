//! One partition that this node leads: its log behind a lock, and those who wait for it.
//!
//! The shell around `log::Log`: it takes the lock, asks the log, wakes who waits, and asks for a flush where somebody
//! waits for the disk. With one replica the high watermark is the log's end: a record is visible once it is appended.
//! What is *committed* for acks=all and for coordinators is what is on disk, unless `millstream.acks.all.fsync` is off.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use coordinator::CommitError;
use log::producer::{MarkerCheck, Transactional, VerificationGuard};
use log::validate::Origin;
use log::{Error as LogError, Log, NotCached, Source};
use parking_lot::{Mutex, MutexGuard};
use protocol::records::{BatchBuilder, EndTxnMarker, FileRange, Records, Segment};
use protocol::{ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition, Uuid};

use crate::clock;
use crate::configs::PartitionConfig;
use crate::directory::Directory;
use crate::error::Refusal;
use crate::flusher::FlushQueue;
use crate::metrics::TopicCounts;
use crate::purgatory::{Waiters, Watch};

/// A partition with its log.
pub(crate) struct Partition {
    id: TopicPartition,
    topic_id: Uuid,
    /// The log directory that it is in.
    home: ArcSwap<Directory>,
    log: Mutex<Log>,
    leader_epoch: AtomicI32,
    config: ArcSwap<PartitionConfig>,
    counts: Arc<TopicCounts>,
    /// Those who wait for records.
    data: Waiters,
    /// Those who wait for the disk.
    durability: Waiters,
    /// `Log::durable_offset`, to look at without the lock.
    durable: AtomicI64,
    /// The node stops, or the topic was deleted: nothing is acknowledged any more.
    closed: AtomicBool,
    /// The topic was deleted.
    retired: AtomicBool,
    /// Monotonic milliseconds of the last flush.
    flushed_at_ms: AtomicU64,
    flush: Mutex<FlushState>,
    flush_queue: Arc<FlushQueue>,
}

/// Whether a flush is asked for: at most one is under way, and at most one more is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FlushState {
    #[default]
    Idle,
    Queued,
    UnderWay,
    UnderWayAndDue,
}

/// What an append did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appended {
    pub(crate) base_offset: Offset,
    /// Durable when the log is durable up to here.
    pub(crate) next_offset: Offset,
    /// -1 where timestamps are the producer's.
    pub(crate) log_append_time_ms: i64,
    pub(crate) log_start_offset: Offset,
    /// New records: none for a duplicate.
    pub(crate) records: u64,
}

/// Records of a transaction, and by which verification they may be appended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InTransaction {
    pub(crate) records: Transactional,
    /// None where the partition has records of it already.
    pub(crate) guard: Option<VerificationGuard>,
}

/// The end of a transaction, for one partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marker {
    pub(crate) producer_id: ProducerId,
    pub(crate) producer_epoch: ProducerEpoch,
    pub(crate) coordinator_epoch: i32,
    pub(crate) committed: bool,
    /// Whether the transaction has a producer epoch of its own: the marker's is new then (KIP-1228).
    pub(crate) is_of_epoch: bool,
}

/// How far a consumer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    ReadUncommitted,
    ReadCommitted,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadFrom {
    pub(crate) offset: i64,
    /// The epoch the client believes in; negative for none.
    pub(crate) current_leader_epoch: i32,
    /// The epoch of the last record it has; negative for none.
    pub(crate) last_fetched_epoch: i32,
    pub(crate) max_bytes: u64,
    pub(crate) min_one: bool,
    pub(crate) isolation: Isolation,
}

/// What was found.
pub(crate) struct Read {
    pub(crate) records: Records<'static>,
    pub(crate) bytes: u64,
    pub(crate) high_watermark: Offset,
    pub(crate) last_stable_offset: Offset,
    pub(crate) log_start_offset: Offset,
    /// For `read_committed`: the aborted transactions among what was found.
    pub(crate) aborted: Option<Vec<(ProducerId, Offset)>>,
    /// Where the client's log and ours part (KIP-320).
    pub(crate) diverging: Option<(LeaderEpoch, Offset)>,
}

/// Why nothing was found.
pub(crate) enum ReadError {
    /// What the client is told.
    Refused(ErrorCode),
    /// It is not in memory, and was not to be waited for.
    NotCached(NotCached),
}

impl From<ErrorCode> for ReadError {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code)
    }
}

/// A record looked up by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtTime {
    pub(crate) timestamp: i64,
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
}

/// What is shared by the partitions of a node.
pub(crate) struct Surroundings {
    pub(crate) counts: Arc<TopicCounts>,
    pub(crate) flush_queue: Arc<FlushQueue>,
}

impl Partition {
    pub(crate) fn new(
        log: Log,
        topic_id: Uuid,
        home: Arc<Directory>,
        leader_epoch: LeaderEpoch,
        config: Arc<PartitionConfig>,
        surroundings: Surroundings,
    ) -> Arc<Self> {
        let mut log = log;
        // One replica: all of the log is known to all of them.
        let end = log.log_end_offset();
        log.set_high_watermark(end);
        log.start_leader_epoch(leader_epoch);
        Arc::new(Self {
            id: log.topic_partition().clone(),
            topic_id,
            home: ArcSwap::new(home),
            durable: AtomicI64::new(log.durable_offset().get()),
            log: Mutex::new(log),
            leader_epoch: AtomicI32::new(leader_epoch.get()),
            config: ArcSwap::new(config),
            counts: surroundings.counts,
            data: Waiters::default(),
            durability: Waiters::default(),
            closed: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            flushed_at_ms: AtomicU64::new(clock::now().monotonic_ms),
            flush: Mutex::default(),
            flush_queue: surroundings.flush_queue,
        })
    }

    pub(crate) fn id(&self) -> &TopicPartition {
        &self.id
    }

    pub(crate) fn topic(&self) -> &str {
        &self.id.topic
    }

    pub(crate) fn index(&self) -> i32 {
        self.id.partition
    }

    pub(crate) fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// The log directory that it is in.
    pub(crate) fn home(&self) -> Arc<Directory> {
        self.home.load_full()
    }

    /// Which of the node's log directories that is.
    pub(crate) fn directory(&self) -> usize {
        self.home.load().index
    }

    pub(crate) fn counts(&self) -> &TopicCounts {
        &self.counts
    }

    pub(crate) fn config(&self) -> Arc<PartitionConfig> {
        self.config.load_full()
    }

    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.leader_epoch.load(Ordering::Acquire))
    }

    /// Takes the log for a chore.
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock()
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.log.lock().size_bytes()
    }

    /// The start and end of the log.
    pub(crate) fn offsets(&self) -> (Offset, Offset) {
        let log = self.log.lock();
        (log.log_start_offset(), log.log_end_offset())
    }

    /// A new epoch of leadership begins.
    pub(crate) fn lead(&self, epoch: LeaderEpoch) {
        if epoch > self.leader_epoch() {
            self.log.lock().start_leader_epoch(epoch);
            self.leader_epoch.store(epoch.get(), Ordering::Release);
            self.data.wake();
        }
    }

    /// New configuration.
    pub(crate) fn set_config(&self, config: Arc<PartitionConfig>) {
        self.log.lock().set_config(Arc::clone(&config.log));
        self.config.store(config);
        // What is durable enough may have changed.
        self.durability.wake();
    }

    /// Nothing is appended any more, at the end of the process. Answers the log, to be closed.
    pub(crate) fn stop(&self) -> MutexGuard<'_, Log> {
        self.closed.store(true, Ordering::Release);
        self.log.lock()
    }

    /// The partition is gone from this node: everybody looks again and finds that. Answers where its files wait to be
    /// removed; `None` in a directory that has failed, where they stay.
    pub(crate) fn delete(&self, unique: Uuid) -> Result<Option<PathBuf>, LogError> {
        self.retired.store(true, Ordering::Release);
        self.closed.store(true, Ordering::Release);
        self.wake();
        if self.home.load().is_offline() {
            return Ok(None);
        }
        self.log.lock().delete(unique).map(Some).inspect_err(|error| self.home.load().note(error))
    }

    /// Whether the log takes nothing more: the topic is gone, the node stops, or the disk failed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) || self.home.load().is_offline()
    }

    /// The log is in another directory now: what the guard holds is another log. All of it is durable.
    pub(crate) fn moved_to(&self, log: MutexGuard<'_, Log>, home: Arc<Directory>) {
        self.home.store(home);
        self.durable.store(log.durable_offset().get(), Ordering::Release);
        drop(log);
        self.wake();
    }

    /// Everybody who waits looks again.
    pub(crate) fn wake(&self) {
        self.data.wake();
        self.durability.wake();
    }

    /// Takes note of what went wrong with the log. Where it leaves open what the disk holds, or the disk is to be blamed,
    /// the directory has failed.
    pub(crate) fn note(&self, error: &LogError) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        if self.log.lock().is_fenced() {
            self.home.load().fail(error);
        } else {
            self.home.load().note(error);
        }
    }

    fn check_online(&self) -> Result<(), ErrorCode> {
        if self.home.load().is_offline() { Err(self.failure()) } else { Ok(()) }
    }

    /// Appends a producer's batch.
    pub(crate) fn append_from_client(
        self: &Arc<Self>,
        records: &mut [u8],
        acks_all: bool,
        transaction: Option<InTransaction>,
    ) -> Result<Appended, Refusal> {
        let config = self.config.load();
        if acks_all && config.min_insync_replicas > 1 {
            let message = format!(
                "The size of the current ISR : 1 is insufficient to satisfy the min.isr requirement of {} for partition {}",
                config.min_insync_replicas, self.id
            );
            return Err(Refusal::new(ErrorCode::NotEnoughReplicas, message));
        }
        let appended =
            self.append(records, Origin::Client, transaction).map_err(|error| self.refusal(&error))?;
        if (acks_all && config.acks_all_fsync) || self.unflushed() >= config.flush_messages {
            self.request_flush();
        }
        Ok(appended)
    }

    /// Appends what a coordinator of this node decided: the offset of the first record.
    pub(crate) fn append_as_coordinator(
        self: &Arc<Self>,
        records: &mut [u8],
        transaction: Option<InTransaction>,
    ) -> Result<Offset, CommitError> {
        let appended = self.append(records, Origin::Coordinator, transaction);
        let appended = appended.map_err(|error| match self.refusal(&error).code {
            ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => CommitError::TooLarge,
            ErrorCode::NotLeaderOrFollower => CommitError::NotLeader,
            ErrorCode::InvalidTxnState => CommitError::NotInTransaction,
            ErrorCode::InvalidProducerEpoch => CommitError::ProducerFenced,
            _ => CommitError::Storage,
        })?;
        if self.config.load().acks_all_fsync {
            self.request_flush();
        }
        Ok(appended.base_offset)
    }

    /// Begins the verification of records that may be the first of their transaction here: `None` if there is no need.
    pub(crate) fn start_verification(&self, records: Transactional) -> Option<VerificationGuard> {
        self.log.lock().start_verification(records, clock::now())
    }

    /// Ends a transaction here. Answers the marker's offset, if it was not there already, and up to where the log has to
    /// be durable for it.
    pub(crate) fn append_marker(
        self: &Arc<Self>,
        marker: Marker,
    ) -> Result<(Option<Offset>, Offset), Refusal> {
        let appended = self.try_append_marker(marker).map_err(|error| self.refusal(&error))?;
        self.request_flush();
        Ok(appended)
    }

    fn try_append_marker(&self, marker: Marker) -> Result<(Option<Offset>, Offset), LogError> {
        let now_ms = clock::now().unix_ms;
        let (id, epoch) = (marker.producer_id, marker.producer_epoch);
        let mut builder = BatchBuilder::new(Offset::ZERO).producer(id, epoch, -1);
        let value = EndTxnMarker { committed: marker.committed, coordinator_epoch: marker.coordinator_epoch };
        let built = builder.append_end_txn_marker(now_ms, value).and_then(|()| builder.build());
        let mut batch = built.map_err(log::Refusal::Batch)?;
        let log = self.log.lock();
        if log.check_marker(id, epoch, marker.is_of_epoch)? == MarkerCheck::Written {
            return Ok((None, log.log_end_offset()));
        }
        let appended = self.append_to(log, &mut batch, Origin::Coordinator)?;
        Ok((Some(appended.base_offset), appended.next_offset))
    }

    fn append(
        &self,
        records: &mut [u8],
        origin: Origin,
        transaction: Option<InTransaction>,
    ) -> Result<Appended, LogError> {
        let log = self.log.lock();
        if let Some(InTransaction { records, guard }) = transaction {
            log.check_verified(records, guard)?;
        }
        self.append_to(log, records, origin)
    }

    fn append_to(
        &self,
        mut log: MutexGuard<'_, Log>,
        records: &mut [u8],
        origin: Origin,
    ) -> Result<Appended, LogError> {
        if self.is_closed() {
            return Err(LogError::Fenced { path: log.path().to_owned() });
        }
        let info = log.append_as_leader(records, self.leader_epoch(), clock::now(), origin)?;
        let end = log.log_end_offset();
        log.set_high_watermark(end);
        drop(log);
        self.home.load().wrote();
        if !info.duplicate {
            self.data.wake();
        }
        Ok(Appended {
            base_offset: info.first_offset,
            next_offset: info.last_offset + 1,
            log_append_time_ms: info.log_append_time.unwrap_or(-1),
            log_start_offset: info.log_start_offset,
            records: if info.duplicate { 0 } else { (info.last_offset - info.first_offset + 1) as u64 },
        })
    }

    fn unflushed(&self) -> i64 {
        self.log.lock().log_end_offset().get() - self.durable.load(Ordering::Acquire)
    }

    /// Whether something is not on the disk yet.
    pub(crate) fn has_unflushed(&self) -> bool {
        self.unflushed() > 0
    }

    /// From a failure of the log to what a client is told.
    fn refusal(&self, error: &LogError) -> Refusal {
        match error {
            LogError::Refused(refusal) => {
                let mut refusal = Refusal::from(refusal);
                refusal.log_start_offset = self.log.lock().log_start_offset().get();
                refusal
            }
            LogError::OffsetOutOfRange { .. } => Refusal::from(ErrorCode::OffsetOutOfRange),
            LogError::UnexpectedAppendOffset { .. } => Refusal::from(ErrorCode::NotLeaderOrFollower),
            LogError::Corrupt { .. } => {
                tracing::error!(partition = %self.id, %error, "the log is damaged");
                Refusal::from(ErrorCode::KafkaStorageError)
            }
            LogError::Io { .. }
            | LogError::Fenced { .. }
            | LogError::Locked { .. }
            | LogError::NotCached(_) => {
                self.note(error);
                Refusal::from(self.failure())
            }
        }
    }

    /// From a failed read to what a client is told. What is damaged is logged here.
    fn read_error(&self, error: LogError) -> ReadError {
        ReadError::Refused(match error {
            LogError::NotCached(missing) => return ReadError::NotCached(missing),
            LogError::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            _ if self.retired.load(Ordering::Acquire) => ErrorCode::UnknownTopicOrPartition,
            error => {
                self.home.load().note(&error);
                if !self.home.load().is_offline() {
                    tracing::error!(partition = %self.id, %error, "cannot read the log");
                }
                ErrorCode::KafkaStorageError
            }
        })
    }

    /// What a client is told once nothing more is acknowledged.
    fn failure(&self) -> ErrorCode {
        if self.retired.load(Ordering::Acquire) {
            ErrorCode::UnknownTopicOrPartition
        } else {
            ErrorCode::KafkaStorageError
        }
    }

    /// Asks for a flush that covers everything appended so far.
    pub(crate) fn request_flush(self: &Arc<Self>) {
        let mut state = self.flush.lock();
        *state = match *state {
            FlushState::Idle => {
                self.flush_queue.push(Arc::clone(self));
                FlushState::Queued
            }
            FlushState::UnderWay => FlushState::UnderWayAndDue,
            waiting => waiting,
        };
    }

    /// Flushes; for the flusher's threads.
    pub(crate) fn flush(self: &Arc<Self>) {
        *self.flush.lock() = FlushState::UnderWay;
        self.flush_now();
        let mut state = self.flush.lock();
        *state = match *state {
            FlushState::UnderWayAndDue => {
                self.flush_queue.push(Arc::clone(self));
                FlushState::Queued
            }
            _ => FlushState::Idle,
        };
    }

    /// Whether `flush.ms` asks for a flush.
    pub(crate) fn is_flush_due(&self) -> bool {
        let Ok(every_ms) = u64::try_from(self.config.load().flush_ms) else { return false };
        let since_ms = clock::now().monotonic_ms.saturating_sub(self.flushed_at_ms.load(Ordering::Relaxed));
        since_ms >= every_ms && self.unflushed() > 0
    }

    fn flush_now(&self) {
        if self.home.load().is_offline() {
            return self.durability.wake();
        }
        self.flushed_at_ms.store(clock::now().monotonic_ms, Ordering::Relaxed);
        let target = self.log.lock().flush_target();
        let flushed = match target {
            Ok(Some(target)) => target.sync().map(|()| {
                let mut log = self.log.lock();
                log.mark_flushed(&target);
                self.durable.store(log.durable_offset().get(), Ordering::Release);
            }),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = flushed {
            self.refusal(&error);
        }
        self.durability.wake();
    }

    /// Whether everything before `next_offset` is durable, as far as acks=all asks for it; registers `watch` first.
    pub(crate) fn poll_durable(&self, next_offset: Offset, watch: &Watch) -> Option<Result<(), Refusal>> {
        self.durability.register(watch);
        if self.committed_offset() >= next_offset {
            return Some(Ok(()));
        }
        self.is_closed().then(|| Err(Refusal::from(self.failure())))
    }

    /// Whether everything before an offset that the log has is on the disk; registers `watch` first.
    pub(crate) fn poll_flushed(&self, before: Offset, watch: &Watch) -> Option<Result<(), ErrorCode>> {
        self.durability.register(watch);
        if self.durable.load(Ordering::Acquire) >= before.get() {
            return Some(Ok(()));
        }
        self.is_closed().then(|| Err(self.failure()))
    }

    /// Up to where records count as committed: on disk, or appended where the disk is not waited for.
    pub(crate) fn committed_offset(&self) -> Offset {
        let durable = Offset(self.durable.load(Ordering::Acquire));
        if self.config.load().acks_all_fsync || self.is_closed() {
            durable
        } else {
            self.log.lock().log_end_offset()
        }
    }

    /// Registers for the next append.
    pub(crate) fn watch_data(&self, watch: &Watch) {
        self.data.register(watch);
    }

    fn check_epoch(&self, current_leader_epoch: i32) -> Result<(), ErrorCode> {
        let own = self.leader_epoch().get();
        match current_leader_epoch {
            none if none < 0 => Ok(()),
            old if old < own => Err(ErrorCode::FencedLeaderEpoch),
            new if new > own => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// Finds batches for a consumer. No record is read here: the answer says where they are.
    pub(crate) fn read(&self, from: ReadFrom, source: Source) -> Result<Read, ReadError> {
        self.check_online()?;
        self.check_epoch(from.current_leader_epoch)?;
        let log = self.log.lock();
        let (high_watermark, last_stable_offset) = (log.high_watermark(), log.last_stable_offset());
        let mut read = Read {
            records: Records::default(),
            bytes: 0,
            high_watermark,
            last_stable_offset,
            log_start_offset: log.log_start_offset(),
            aborted: (from.isolation == Isolation::ReadCommitted).then(Vec::new),
            diverging: None,
        };
        if from.last_fetched_epoch >= 0 {
            let asked = LeaderEpoch(from.last_fetched_epoch);
            let (epoch, end) = log.end_offset_for_epoch(asked).ok_or(ErrorCode::OffsetOutOfRange)?;
            if epoch < asked || end.get() < from.offset {
                read.diverging = Some((epoch, end));
                return Ok(read);
            }
        }
        let upper_bound = match from.isolation {
            Isolation::ReadUncommitted => high_watermark,
            Isolation::ReadCommitted => last_stable_offset,
        };
        let found = log.read_from(source, Offset(from.offset), from.max_bytes, from.min_one, upper_bound);
        let found = found.map_err(|error| self.read_error(error))?;
        if let Some(aborted) = &mut read.aborted
            && found.next_offset > found.first_offset
        {
            let list = log.aborted_transactions_from(source, found.first_offset, found.next_offset);
            let list = list.map_err(|error| self.read_error(error))?;
            aborted.extend(list.iter().map(|aborted| (aborted.producer_id, aborted.first_offset)));
        }
        drop(log);
        read.bytes = found.len_bytes();
        let segments = found.ranges.into_iter().filter_map(|range| {
            let file = Arc::clone(range.file.os_file()?);
            Some(Segment::File(FileRange { file, offset: range.position, len: range.len }))
        });
        read.records = Records::Segments(segments.collect());
        Ok(read)
    }

    /// The offset for a timestamp, or for one of the special ones (-1 latest, -2 earliest, -3 greatest timestamp,
    /// -4 earliest on local disk, -5 and -6 of tiered storage).
    pub(crate) fn offset_at(
        &self,
        timestamp: i64,
        current_leader_epoch: i32,
        isolation: Isolation,
        source: Source,
    ) -> Result<AtTime, ReadError> {
        self.check_online()?;
        self.check_epoch(current_leader_epoch)?;
        let log = self.log.lock();
        let bound = match isolation {
            Isolation::ReadUncommitted => log.high_watermark(),
            Isolation::ReadCommitted => log.last_stable_offset(),
        };
        let nothing = AtTime { timestamp: -1, offset: Offset::UNKNOWN, leader_epoch: LeaderEpoch::UNKNOWN };
        let found = match timestamp {
            -1 => return Ok(AtTime { timestamp: -1, offset: bound, leader_epoch: self.leader_epoch() }),
            -2 | -4 => Ok(Some(log.earliest_offset())),
            -5 | -6 => return Ok(nothing),
            -3 => log.max_timestamp_offset(source),
            timestamp => log.offset_for_timestamp(source, timestamp),
        };
        let found = found.map_err(|error| self.read_error(error))?;
        Ok(found.filter(|found| matches!(timestamp, -2 | -4) || found.offset < bound).map_or(
            nothing,
            |found| AtTime {
                timestamp: found.timestamp,
                offset: found.offset,
                leader_epoch: found.leader_epoch.unwrap_or(LeaderEpoch::UNKNOWN),
            },
        ))
    }

    /// The end of the greatest epoch that is not after `epoch`.
    pub(crate) fn end_of_epoch(
        &self,
        epoch: LeaderEpoch,
        current_leader_epoch: i32,
    ) -> Result<(LeaderEpoch, Offset), ErrorCode> {
        self.check_online()?;
        self.check_epoch(current_leader_epoch)?;
        Ok(self.log.lock().end_offset_for_epoch(epoch).unwrap_or((LeaderEpoch::UNKNOWN, Offset::UNKNOWN)))
    }

    /// Moves the start of the log to `before`, -1 for the high watermark; the start afterwards.
    pub(crate) fn delete_records(&self, before: i64) -> Result<Offset, ErrorCode> {
        self.check_online()?;
        let policy = self.config.load().cleanup_policy;
        if policy.compact && !policy.delete {
            return Err(ErrorCode::PolicyViolation);
        }
        let mut log = self.log.lock();
        let before = if before == -1 { log.high_watermark() } else { Offset(before) };
        if before < Offset::ZERO {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        match log.advance_log_start_offset(before) {
            Ok(_) => Ok(log.log_start_offset()),
            Err(error) => {
                drop(log);
                Err(self.refusal(&error).code)
            }
        }
    }
}
