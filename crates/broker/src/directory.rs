//! One of the node's log directories: its checkpoints, and whether it has failed.
//!
//! A directory whose disk fails goes offline with all that is in it, once and until the node is restarted, as with
//! Apache Kafka's `LogDirFailureChannel`. Nothing is read from or written to it any more; the others serve on.
//! A disk that is full has not failed: what does not fit is refused, and goes on when there is room.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log::checkpoint::OffsetCheckpoint;
use log::disk::{Disk, LockGuard, Space};
use log::{Recovery, log_dir};
use parking_lot::Mutex;
use protocol::{Offset, TopicPartition, Uuid};
use tokio::sync::mpsc;

/// Where directories say that they have failed, each once: by index.
pub(crate) type Failures = mpsc::UnboundedSender<usize>;

/// One of `log.dirs`.
pub(crate) struct Directory {
    pub(crate) index: usize,
    pub(crate) path: PathBuf,
    /// Its id in `meta.properties` (KIP-858); zero where that could not be read.
    pub(crate) id: Uuid,
    pub(crate) disk: Arc<dyn Disk>,
    /// Whether the last process closed it in order.
    was_clean: bool,
    /// Whether the last process may have been an Apache Kafka.
    foreign: AtomicBool,
    /// What its checkpoints say about partitions that are not open. Held while they are written.
    closed: Mutex<Checkpoints>,
    /// Up to where the logs in it were cleaned. Held while that is written.
    cleaned: Mutex<BTreeMap<TopicPartition, Offset>>,
    /// Whether a partition in it could not be opened: what is in it was not recovered.
    incomplete: AtomicBool,
    /// Whether its checkpoint files speak of partitions that are no more.
    outdated: AtomicBool,
    offline: AtomicBool,
    full: AtomicBool,
    failures: Failures,
    _lock: Option<Box<dyn LockGuard>>,
}

/// The checkpoints of a directory that a log is recovered with.
#[derive(Default)]
struct Checkpoints {
    recovery_points: BTreeMap<TopicPartition, Offset>,
    log_starts: BTreeMap<TopicPartition, Offset>,
}

/// What a directory is, before it is looked into.
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) path: PathBuf,
    pub(crate) id: Uuid,
    pub(crate) disk: Arc<dyn Disk>,
}

impl Directory {
    /// A directory that is locked, with what its checkpoints say.
    pub(crate) fn open(
        place: Place,
        was_clean: bool,
        lock: Box<dyn LockGuard>,
        failures: Failures,
    ) -> Result<Self, log::Error> {
        let mut directory = Self::new(place, failures);
        let (disk, path) = (&*directory.disk, &directory.path);
        let closed = Checkpoints {
            recovery_points: OffsetCheckpoint::RecoveryPoint.read(disk, path)?,
            log_starts: OffsetCheckpoint::LogStartOffset.read(disk, path)?,
        };
        let cleaned = OffsetCheckpoint::Cleaner.read(disk, path)?;
        directory.closed = Mutex::new(closed);
        directory.cleaned = Mutex::new(cleaned);
        directory.was_clean = was_clean;
        directory._lock = Some(lock);
        Ok(directory)
    }

    /// A directory that cannot be used: it is offline from the beginning.
    pub(crate) fn unusable(place: Place, failures: Failures) -> Self {
        let directory = Self::new(place, failures);
        directory.offline.store(true, Ordering::Release);
        directory
    }

    fn new(place: Place, failures: Failures) -> Self {
        let Place { index, path, id, disk } = place;
        let (closed, cleaned, incomplete, outdated, offline, full) = Default::default();
        let (was_clean, foreign) = (false, AtomicBool::new(true));
        let _lock = None;
        Self {
            index,
            path,
            id,
            disk,
            was_clean,
            foreign,
            closed,
            cleaned,
            incomplete,
            outdated,
            offline,
            full,
            failures,
            _lock,
        }
    }

    /// Whether it has failed.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Acquire)
    }

    /// Takes note of what went wrong in it: where the disk is to be blamed, it has failed.
    pub(crate) fn note(&self, error: &log::Error) {
        if error.blames_disk() {
            self.fail(error);
        } else if error.is_full() && !self.full.swap(true, Ordering::AcqRel) {
            tracing::error!(directory = %self.path.display(), %error, "the disk is full: what does not fit is refused until there is room");
        }
    }

    /// It has failed: it is offline with its partitions from now on.
    pub(crate) fn fail(&self, error: &log::Error) {
        if !self.offline.swap(true, Ordering::AcqRel) {
            tracing::error!(
                directory = %self.path.display(),
                %error,
                "the log directory has failed: it is offline with its partitions. Repair it and restart the node"
            );
            // Nobody listens once the node has stopped.
            let _ = self.failures.send(self.index);
        }
    }

    /// Something was written, so there is room.
    pub(crate) fn wrote(&self) {
        if self.full.load(Ordering::Relaxed) && self.full.swap(false, Ordering::AcqRel) {
            tracing::info!(directory = %self.path.display(), "the disk has room again");
        }
    }

    /// Whether the last process closed it in order.
    pub(crate) const fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// Whether the last process may have been an Apache Kafka: see [`crate::takeover`].
    pub(crate) fn is_foreign(&self) -> bool {
        self.foreign.load(Ordering::Acquire)
    }

    /// The last process was one of ours.
    pub(crate) fn set_ours(&self) {
        self.foreign.store(false, Ordering::Release);
    }

    /// What a partition's log is recovered with.
    pub(crate) fn recovery(&self, id: &TopicPartition) -> Recovery {
        let closed = self.closed.lock();
        Recovery {
            clean_shutdown: self.was_clean,
            recovery_point: closed.recovery_points.get(id).copied().unwrap_or(Offset::ZERO),
            log_start_offset: closed.log_starts.get(id).copied().unwrap_or(Offset::ZERO),
            // Kafka swaps in cleaned segments, whose gaps nothing on the disk speaks of until the next checkpoint.
            clean_to: if self.is_foreign() {
                Offset(i64::MAX)
            } else {
                self.cleaned(id).unwrap_or(Offset::ZERO)
            },
        }
    }

    /// From now on the open partition says what is in the checkpoints. Whether they said something before.
    pub(crate) fn opened(&self, id: &TopicPartition) -> bool {
        let mut closed = self.closed.lock();
        let recovery_point = closed.recovery_points.remove(id);
        closed.log_starts.remove(id).is_some() || recovery_point.is_some()
    }

    /// A log is about to take its place here: recovery needs this of it.
    pub(crate) fn expect(&self, id: &TopicPartition, recovery_point: Offset, log_start: Offset) {
        let mut closed = self.closed.lock();
        closed.recovery_points.insert(id.clone(), recovery_point);
        closed.log_starts.insert(id.clone(), log_start);
    }

    /// Copies of partitions that an earlier process has left here.
    pub(crate) fn futures(&self) -> Vec<(TopicPartition, PathBuf)> {
        match log_dir::list(&*self.disk, &self.path) {
            Ok(contents) => contents.future,
            Err(error) => {
                self.note(&error);
                vec![]
            }
        }
    }

    /// A partition in it could not be opened.
    pub(crate) fn not_opened(&self) {
        self.incomplete.store(true, Ordering::Release);
    }

    /// Whether a partition in it could not be opened. Then it is not closed in order either: nobody has recovered that one.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.incomplete.load(Ordering::Acquire)
    }

    /// What the checkpoints say about a partition is about one that is no more.
    pub(crate) fn forget(&self, id: &TopicPartition) {
        if self.opened(id) | self.cleaned.lock().remove(id).is_some() {
            self.outdate();
        }
    }

    /// An open partition is no more.
    pub(crate) fn removed(&self, id: &TopicPartition) {
        self.cleaned.lock().remove(id);
        self.outdate();
    }

    fn outdate(&self) {
        self.outdated.store(true, Ordering::Release);
    }

    /// Up to where a log was cleaned.
    pub(crate) fn cleaned(&self, id: &TopicPartition) -> Option<Offset> {
        self.cleaned.lock().get(id).copied()
    }

    /// A log is clean up to an offset, durably; unless it is gone.
    pub(crate) fn set_cleaned(
        &self,
        id: &TopicPartition,
        offset: Offset,
        is_gone: impl FnOnce() -> bool,
    ) -> Result<(), log::Error> {
        let mut cleaned = self.cleaned.lock();
        if is_gone() {
            return Ok(());
        }
        cleaned.insert(id.clone(), offset);
        self.write(OffsetCheckpoint::Cleaner, &cleaned)
    }

    /// Whether the checkpoint files speak of partitions that are no more: none is made here until they are written.
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Acquire)
    }

    /// The size and room of its volume, if the system tells.
    pub(crate) fn space(&self) -> Option<Space> {
        self.disk.space(&self.path).ok()
    }

    /// Writes the log start offsets: of its partitions that are open, and of those that are not.
    pub(crate) fn write_log_starts(
        &self,
        open: impl FnOnce() -> Vec<(TopicPartition, Offset)>,
    ) -> Result<(), log::Error> {
        let closed = self.closed.lock();
        let mut starts = closed.log_starts.clone();
        // As in Kafka only those that moved beyond their first segment's base are of interest; all do no harm.
        starts.extend(open());
        starts.retain(|_, start| *start > Offset::ZERO);
        self.write(OffsetCheckpoint::LogStartOffset, &starts)
    }

    /// Writes how far its logs need no recovery.
    pub(crate) fn write_recovery_points(
        &self,
        open: impl FnOnce() -> Vec<(TopicPartition, Offset)>,
    ) -> Result<(), log::Error> {
        let closed = self.closed.lock();
        let mut points = closed.recovery_points.clone();
        points.extend(open());
        self.write(OffsetCheckpoint::RecoveryPoint, &points)?;
        self.write(OffsetCheckpoint::HighWatermark, &points)
    }

    /// Writes what the checkpoints no longer say, by `others` and here.
    pub(crate) fn write_outdated(
        &self,
        others: impl FnOnce() -> Result<(), log::Error>,
    ) -> Result<(), log::Error> {
        let outdated = self.outdated.swap(false, Ordering::AcqRel);
        let mut written = others();
        if outdated && written.is_ok() {
            written = self.write(OffsetCheckpoint::Cleaner, &self.cleaned.lock());
        }
        if outdated && written.is_err() {
            self.outdate();
        }
        written
    }

    fn write(
        &self,
        kind: OffsetCheckpoint,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), log::Error> {
        if self.is_offline() {
            return Err(log::Error::Fenced { path: self.path.clone() });
        }
        kind.write(&*self.disk, &self.path, offsets.iter().map(|(id, offset)| (id, *offset)))
            .inspect_err(|error| self.note(error))
    }
}

#[cfg(test)]
mod tests {
    use log::disk::sim::SimDisk;

    use super::*;

    fn directory(disk: &SimDisk) -> (Directory, mpsc::UnboundedReceiver<usize>) {
        let disk = disk.shared();
        let path = PathBuf::from("/d");
        log::log_dir::create(&*disk, &path).unwrap();
        let lock = log::log_dir::lock(&*disk, &path).unwrap();
        let (send, failures) = mpsc::unbounded_channel();
        let place = Place { index: 3, path, id: Uuid([7; 16]), disk };
        (Directory::open(place, true, lock, send).unwrap(), failures)
    }

    fn one() -> Vec<(TopicPartition, Offset)> {
        vec![(TopicPartition::new("t", 0), Offset(5))]
    }

    #[test]
    fn a_disk_that_fails_takes_its_directory_offline_once() {
        let disk = SimDisk::new(1);
        let (directory, mut failures) = directory(&disk);
        directory.write_log_starts(one).unwrap();
        assert!(!directory.is_offline());
        disk.fail_at(disk.operations());
        directory.write_log_starts(one).unwrap_err();
        assert!(directory.is_offline());
        assert_eq!(failures.try_recv(), Ok(3));
        // The disk would take it again, but nobody knows what is on it.
        let refused = directory.write_recovery_points(one).unwrap_err();
        assert!(matches!(refused, log::Error::Fenced { .. }));
        assert!(failures.try_recv().is_err(), "said once");
    }

    #[test]
    fn a_full_disk_has_not_failed() {
        let disk = SimDisk::new(1);
        let (directory, mut failures) = directory(&disk);
        disk.set_capacity_bytes(disk.used_bytes());
        directory.write_log_starts(one).unwrap_err();
        assert!(!directory.is_offline());
        disk.set_capacity_bytes(1 << 20);
        directory.write_log_starts(one).unwrap();
        assert!(failures.try_recv().is_err());
    }
}
