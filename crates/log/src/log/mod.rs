//! The log of a partition: its segments, and what is known of its producers and leaders.
//!
//! A file each: opening and recovery, appending, reading, looking up by time, cutting, retention, cleaning, durability.
//!
//! Synchronous, and not shared: the owner of the partition makes one call at a time. What takes long is handed out:
//! ranges to read from ([`FetchRead`]), files to sync ([`FlushTarget`]), files to remove.

mod append;
mod by_time;
mod clean;
mod close;
mod flush;
mod future;
mod open;
mod read;
mod retain;
mod swap;
mod truncate;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use protocol::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition, Uuid};
use stdx::Now;

use crate::checkpoint::{PARTITION_METADATA, format_topic_id};
use crate::config::LogConfig;
use crate::dir::{Dir, Kind, file_name};
use crate::disk::read_file;
use crate::error::{Error, Result};
use crate::leader_epochs::LeaderEpochs;
use crate::log_dir::deleted_name;
use crate::producer::{self, MarkerCheck, ProducerState, Transactional, VerificationGuard};
use crate::segment::Segment;

pub use append::AppendInfo;
pub use by_time::TimestampAndOffset;
pub use flush::FlushTarget;
pub use future::{FutureLog, MoveError};
pub use open::{Cut, Recovery, RecoveryReport};
pub use read::{FetchRead, FileRange};
pub use retain::Retained;

/// The log of a partition.
///
/// After [`Error::Io`] from a call that writes, the log may be fenced ([`Error::Fenced`]) and has to be opened again.
#[derive(Debug)]
pub struct Log {
    dir: Arc<Dir>,
    topic_partition: TopicPartition,
    config: Arc<LogConfig>,
    /// Segments that are complete, by base offset.
    older: Vec<Segment>,
    /// The one that grows.
    active: Segment,
    log_start_offset: Offset,
    log_end_offset: Offset,
    high_watermark: Offset,
    producers: ProducerState,
    /// The offsets of the snapshots of `producers` on the disk.
    snapshots: BTreeSet<Offset>,
    epochs: LeaderEpochs,
    durability: flush::Durability,
    /// Set by failed writes and syncs; shared with the flushes that are under way.
    fenced: Arc<AtomicBool>,
}

impl Log {
    /// Whose log it is.
    pub const fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The partition's directory.
    pub fn path(&self) -> &Path {
        &self.dir.path
    }

    /// The configuration.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Changes the configuration; it holds from the next call on.
    pub fn set_config(&mut self, config: impl Into<Arc<LogConfig>>) {
        self.config = config.into();
    }

    /// The first offset that consumers may have. Records before it may still be on the disk.
    pub const fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// The offset that the next record gets.
    pub const fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// The offset up to which all in-sync replicas have the log, as far as this log was told.
    pub const fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Tells the high watermark, which is kept within the log. Neither retention nor the last stable offset pass it.
    pub fn set_high_watermark(&mut self, high_watermark: Offset) {
        self.high_watermark = high_watermark.max(self.log_start_offset).min(self.log_end_offset);
        self.producers.set_high_watermark(self.high_watermark);
    }

    /// The offset up to which every transaction is decided: how far consumers with `read_committed` read.
    pub fn last_stable_offset(&self) -> Offset {
        let unstable = self.producers.first_unstable_offset().unwrap_or(self.high_watermark);
        unstable.min(self.high_watermark).max(self.log_start_offset)
    }

    /// What is known of the producers.
    pub const fn producers(&self) -> &ProducerState {
        &self.producers
    }

    /// Begins the verification of records that may be the first of their transaction here (KIP-890): `None` if there is no
    /// need. Otherwise the coordinator is to be asked, and then [`Self::check_verified`] before the append, with the guard.
    pub fn start_verification(&mut self, records: Transactional, now: Now) -> Option<VerificationGuard> {
        self.producers.start_verification(records, now.unix_ms)
    }

    /// Whether records may be appended, as far as their transaction is concerned.
    pub fn check_verified(&self, records: Transactional, guard: Option<VerificationGuard>) -> Result<()> {
        Ok(self.producers.check_verified(records, guard)?)
    }

    /// Whether the marker of a transaction is to be written. Where every transaction has a producer epoch of its own
    /// (`is_of_epoch`) the marker's must be new here (KIP-1228).
    pub fn check_marker(
        &self,
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
        is_of_epoch: bool,
    ) -> Result<MarkerCheck> {
        Ok(self.producers.check_marker(producer_id, producer_epoch, is_of_epoch)?)
    }

    /// Forgets producers that are silent for longer than `producer.id.expiration.ms`. For a timer.
    pub fn remove_expired_producers(&mut self, now: Now) {
        self.producers.remove_expired(now.unix_ms, self.config.producer_id_expiration_ms);
    }

    /// The size of all segments, without indexes.
    pub fn size_bytes(&self) -> u64 {
        self.segments().map(|segment| u64::from(segment.size_bytes)).sum()
    }

    /// How many segments there are.
    pub const fn segment_count(&self) -> usize {
        self.older.len() + 1
    }

    /// The epoch of the last leader that appended or began here.
    pub fn latest_leader_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }

    /// The greatest known epoch up to the one asked for, and where it ends: the answer of OffsetForLeaderEpoch.
    /// `None` where Kafka answers -1 for both.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_offset_for(epoch, self.log_end_offset)
    }

    /// This broker becomes the leader in an epoch, which begins at the end of the log.
    pub fn start_leader_epoch(&mut self, epoch: LeaderEpoch) {
        self.epochs.begin(epoch, self.log_end_offset);
    }

    /// Closes the files of what is durable; they are opened again when needed. For partitions that are idle.
    pub fn close_idle_files(&self) {
        for segment in self.segments() {
            // The handle that wrote is the one to ask whether it is durable.
            if self.durable_offset() >= self.segment_end(segment) {
                segment.close_files();
            }
        }
    }

    /// Renames the directory so that it no longer counts, and answers the new path, for
    /// [`log_dir::remove_partition`](crate::log_dir::remove_partition). `unique` keeps two deletions of the same name apart.
    /// Durable once the log directory is synced ([`Disk::sync_dir`](crate::disk::Disk::sync_dir)).
    ///
    /// The log takes nothing more after this, whatever comes of it, and touches nothing at its path, where another log
    /// may be: not even a [`FlushTarget`] that was taken before. Ranges that were read stay readable.
    pub fn delete(&mut self, unique: Uuid) -> Result<PathBuf> {
        self.fence();
        let to = self.dir.path.with_file_name(deleted_name(&self.topic_partition, unique));
        self.dir.delete(&to)?;
        Ok(to)
    }

    fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.older.iter().chain([&self.active])
    }

    /// The segments from the one on that may hold an offset.
    fn segments_from(&self, offset: Offset) -> impl Iterator<Item = &Segment> {
        let after = self.segments_up_to(offset);
        self.segments().skip(after.saturating_sub(1))
    }

    /// How many segments have a base offset up to this one.
    fn segments_up_to(&self, offset: Offset) -> usize {
        let older = self.older.partition_point(|segment| segment.base_offset <= offset);
        older + usize::from(self.active.base_offset <= offset)
    }

    /// Where the next segment begins, or the log ends.
    fn segment_end(&self, segment: &Segment) -> Offset {
        let next = self.segments_up_to(segment.base_offset);
        self.segments().nth(next).map_or(self.log_end_offset, |next| next.base_offset)
    }

    /// Whether nobody knows what the disk holds, so that the log takes nothing more until it is opened again.
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Acquire)
    }

    fn check_not_fenced(&self) -> Result<()> {
        if self.is_fenced() {
            return Err(Error::Fenced { path: self.dir.path.clone() });
        }
        Ok(())
    }

    fn fence(&self) {
        self.fenced.store(true, Ordering::Release);
    }

    /// Says in `partition.metadata` whose log it is. Durable with the first records.
    pub fn write_topic_id(&mut self, topic_id: Uuid) -> Result<()> {
        self.check_not_fenced()?;
        self.dir.write(PARTITION_METADATA, format_topic_id(topic_id).as_bytes())?;
        self.durability.topic_id_written();
        if self.log_end_offset > Offset::ZERO {
            self.durability.names_changed();
        }
        Ok(())
    }

    /// Runs a change of several files. If it fails midway nobody knows what they hold: the log is fenced.
    fn fencing<T>(&mut self, change: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.check_not_fenced()?;
        let result = change(self);
        if result.is_err() {
            self.fence();
        }
        result
    }

    /// Completes the active segment and begins a new one. The producers' state is written beside it.
    fn roll(&mut self, base_offset: Offset, now: Now) -> Result<()> {
        if self.active.base_offset == base_offset {
            return Ok(());
        }
        self.active.seal(&self.dir)?;
        self.producers.set_end_offset(base_offset);
        self.take_snapshot()?;
        let new = self.create_segment(base_offset, now)?;
        self.older.push(std::mem::replace(&mut self.active, new));
        Ok(())
    }

    fn create_segment(&mut self, base_offset: Offset, now: Now) -> Result<Segment> {
        let jitter_ms = roll_jitter_ms(&self.topic_partition, base_offset, &self.config);
        self.durability.names_changed();
        Segment::create(&self.dir, base_offset, now.unix_ms, jitter_ms)
    }

    /// Writes the producers' state, if it is not on the disk already. It is synced with the next flush.
    fn take_snapshot(&mut self) -> Result<()> {
        let offset = self.producers.end_offset();
        if self.snapshots.contains(&offset) {
            return Ok(());
        }
        let written = self.dir.write(&file_name(offset, Kind::Snapshot), &producer::encode(&self.producers));
        written.inspect_err(|_| {
            // Where the disk is full the log may go on without, and what is torn would stay.
            let _ = self.dir.remove(&self.dir.file(offset, Kind::Snapshot));
        })?;
        self.snapshots.insert(offset);
        self.durability.names_changed();
        Ok(())
    }

    /// The producers' state at an offset, if there is a good snapshot of it.
    fn read_snapshot(&self, offset: Offset) -> Result<Option<ProducerState>> {
        if !self.snapshots.contains(&offset) {
            return Ok(None);
        }
        let path = self.dir.file(offset, Kind::Snapshot);
        let bytes = read_file(self.dir.disk.as_ref(), &path, MAX_SNAPSHOT_BYTES)?.unwrap_or_default();
        Ok(producer::decode(&bytes, offset).ok())
    }

    /// Loads the last good snapshot up to an offset. Bad ones are removed.
    fn load_snapshot(&mut self, up_to: Offset, now: Now) -> Result<()> {
        while let Some(offset) = self.snapshots.range(..=up_to).next_back().copied() {
            if let Some(state) = self.read_snapshot(offset)? {
                self.producers = state;
                self.remove_expired_producers(now);
                return Ok(());
            }
            self.remove_snapshots(|bad| bad == offset)?;
        }
        let first = self.segments().next().map_or(up_to, |segment| segment.base_offset);
        // From the first batch that is there: those before the log's start know producers too.
        self.producers = ProducerState::new(first.min(up_to));
        Ok(())
    }

    /// Removes the snapshots that fulfil a condition.
    fn remove_snapshots(&mut self, condition: impl Fn(Offset) -> bool) -> Result<()> {
        let removed: Vec<Offset> =
            self.snapshots.iter().copied().filter(|offset| condition(*offset)).collect();
        for offset in removed {
            self.dir.remove(&self.dir.file(offset, Kind::Snapshot))?;
            self.snapshots.remove(&offset);
            self.durability.names_changed();
        }
        Ok(())
    }
}

/// A snapshot of more producers than any partition has.
const MAX_SNAPSHOT_BYTES: u64 = 1 << 30;

/// How much earlier than `segment.ms` a segment is rolled: some number that is different for each.
fn roll_jitter_ms(topic_partition: &TopicPartition, base_offset: Offset, config: &LogConfig) -> i64 {
    let most = config.segment_jitter_ms.min(config.segment_ms);
    if most <= 0 {
        return 0;
    }
    let name = format!("{topic_partition}@{base_offset}");
    i64::from(crc32c::crc32c(name.as_bytes())) % most
}
