//! The partitions of this node by name and by topic id, and the directories they are in.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log::Recovery;
use log::checkpoint::OffsetCheckpoint;
use log::disk::{Disk, LockGuard, Space};
use parking_lot::{Mutex, RwLock};
use protocol::{Offset, TopicPartition, Uuid};

use crate::partition::Partition;

/// One of `log.dirs`.
pub(crate) struct Directory {
    pub(crate) index: usize,
    pub(crate) path: PathBuf,
    /// Its id in `meta.properties` (KIP-858).
    pub(crate) id: Uuid,
    pub(crate) disk: Arc<dyn Disk>,
    /// Whether the last process closed it in order.
    was_clean: bool,
    /// Whether the last process may have been an Apache Kafka.
    pub(crate) is_foreign: bool,
    /// What its checkpoints say about partitions that are not open. Held while they are written.
    closed: Mutex<Checkpoints>,
    /// Up to where the logs in it were cleaned. Held while that is written.
    cleaned: Mutex<BTreeMap<TopicPartition, Offset>>,
    /// Whether a partition in it could not be opened: what is in it was not recovered.
    incomplete: AtomicBool,
    /// Whether its checkpoint files speak of partitions that are no more.
    outdated: AtomicBool,
    pub(crate) _lock: Box<dyn LockGuard>,
}

/// The checkpoints of a directory that a log is recovered with.
struct Checkpoints {
    recovery_points: BTreeMap<TopicPartition, Offset>,
    log_starts: BTreeMap<TopicPartition, Offset>,
}

impl Directory {
    pub(crate) fn open(
        index: usize,
        path: PathBuf,
        id: Uuid,
        disk: Arc<dyn Disk>,
        was_clean: bool,
        lock: Box<dyn LockGuard>,
    ) -> Result<Self, log::Error> {
        let recovery_points = OffsetCheckpoint::RecoveryPoint.read(&*disk, &path)?;
        let log_starts = OffsetCheckpoint::LogStartOffset.read(&*disk, &path)?;
        let closed = Mutex::new(Checkpoints { recovery_points, log_starts });
        let cleaned = Mutex::new(OffsetCheckpoint::Cleaner.read(&*disk, &path)?);
        let (incomplete, outdated) = Default::default();
        let is_foreign = true;
        Ok(Self {
            index,
            path,
            id,
            disk,
            was_clean,
            is_foreign,
            closed,
            cleaned,
            incomplete,
            outdated,
            _lock: lock,
        })
    }

    /// What a partition's log is recovered with.
    pub(crate) fn recovery(&self, id: &TopicPartition) -> Recovery {
        let closed = self.closed.lock();
        Recovery {
            clean_shutdown: self.was_clean,
            recovery_point: closed.recovery_points.get(id).copied().unwrap_or(Offset::ZERO),
            log_start_offset: closed.log_starts.get(id).copied().unwrap_or(Offset::ZERO),
            // Kafka swaps in cleaned segments, whose gaps nothing on the disk speaks of until the next checkpoint.
            clean_to: if self.is_foreign {
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

    /// Whether the last process closed it in order.
    pub(crate) const fn was_clean(&self) -> bool {
        self.was_clean
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
        write(OffsetCheckpoint::Cleaner, self, &cleaned)
    }

    /// Whether the checkpoint files speak of partitions that are no more: none is made here until they are written.
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Acquire)
    }

    /// The size and room of its volume, if the system tells.
    pub(crate) fn space(&self) -> Option<Space> {
        self.disk.space(&self.path).ok()
    }
}

type ByIndex = BTreeMap<i32, Arc<Partition>>;

#[derive(Default)]
struct Tables {
    by_name: HashMap<Arc<str>, ByIndex>,
    names: HashMap<Uuid, Arc<str>>,
}

/// All partitions of this node.
pub(crate) struct Partitions {
    directories: Vec<Directory>,
    tables: RwLock<Tables>,
}

impl Partitions {
    pub(crate) fn new(directories: Vec<Directory>) -> Self {
        Self { directories, tables: RwLock::default() }
    }

    pub(crate) fn directories(&self) -> &[Directory] {
        &self.directories
    }

    pub(crate) fn by_name(&self, topic: &str, index: i32) -> Option<Arc<Partition>> {
        self.tables.read().by_name.get(topic)?.get(&index).cloned()
    }

    pub(crate) fn by_id(&self, topic_id: Uuid, index: i32) -> Option<Arc<Partition>> {
        let tables = self.tables.read();
        tables.by_name.get(tables.names.get(&topic_id)?)?.get(&index).cloned()
    }

    /// All of them, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        self.tables.read().by_name.values().flat_map(BTreeMap::values).cloned().collect()
    }

    pub(crate) fn in_directory(&self, index: usize) -> Vec<Arc<Partition>> {
        self.all().into_iter().filter(|partition| partition.directory() == index).collect()
    }

    /// How many partitions each directory has.
    pub(crate) fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.directories.len()];
        for partition in self.all() {
            if let Some(count) = counts.get_mut(partition.directory()) {
                *count += 1;
            }
        }
        counts
    }

    pub(crate) fn add(&self, partition: Arc<Partition>) {
        let mut tables = self.tables.write();
        let topic = Arc::clone(&partition.id().topic);
        tables.names.insert(partition.topic_id(), Arc::clone(&topic));
        tables.by_name.entry(topic).or_default().insert(partition.index(), partition);
    }

    /// Takes a topic's partitions out of the tables.
    pub(crate) fn remove_topic(&self, topic: &str, topic_id: Uuid) -> Vec<Arc<Partition>> {
        let mut tables = self.tables.write();
        tables.names.remove(&topic_id);
        tables.by_name.remove(topic).into_iter().flat_map(BTreeMap::into_values).collect()
    }

    /// Writes the log start offsets of one directory.
    pub(crate) fn write_log_starts(&self, index: usize) -> Result<(), log::Error> {
        let Some(directory) = self.directories.get(index) else { return Ok(()) };
        let closed = directory.closed.lock();
        let mut starts = closed.log_starts.clone();
        // As in Kafka only those that moved beyond their first segment's base are of interest; all do no harm.
        for partition in self.in_directory(index) {
            starts.insert(partition.id().clone(), partition.offsets().0);
        }
        starts.retain(|_, start| *start > Offset::ZERO);
        write(OffsetCheckpoint::LogStartOffset, directory, &starts)
    }

    /// Writes how far the logs of one directory need no recovery.
    pub(crate) fn write_recovery_points(&self, index: usize) -> Result<(), log::Error> {
        let Some(directory) = self.directories.get(index) else { return Ok(()) };
        let closed = directory.closed.lock();
        let mut points = closed.recovery_points.clone();
        for partition in self.in_directory(index) {
            points.insert(partition.id().clone(), partition.log().durable_offset());
        }
        write(OffsetCheckpoint::RecoveryPoint, directory, &points)?;
        write(OffsetCheckpoint::HighWatermark, directory, &points)
    }

    /// Writes all checkpoints of one directory: what they say about partitions that are no more must not meet others
    /// of the same name.
    pub(crate) fn write_checkpoints(&self, index: usize) -> Result<(), log::Error> {
        let Some(directory) = self.directories.get(index) else { return Ok(()) };
        let outdated = directory.outdated.swap(false, Ordering::AcqRel);
        let mut written = self.write_recovery_points(index).and_then(|()| self.write_log_starts(index));
        if outdated && written.is_ok() {
            written = write(OffsetCheckpoint::Cleaner, directory, &directory.cleaned.lock());
        }
        if outdated && written.is_err() {
            directory.outdate();
        }
        written
    }
}

fn write(
    kind: OffsetCheckpoint,
    directory: &Directory,
    offsets: &BTreeMap<TopicPartition, Offset>,
) -> Result<(), log::Error> {
    kind.write(&*directory.disk, &directory.path, offsets.iter().map(|(id, offset)| (id, *offset)))
}
