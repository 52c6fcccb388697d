//! The partitions of this node by name and by topic id, and the directories they are in.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

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
    pub(crate) was_clean: bool,
    pub(crate) recovery_points: BTreeMap<TopicPartition, Offset>,
    pub(crate) log_starts: BTreeMap<TopicPartition, Offset>,
    /// One writer at a time for its checkpoints.
    checkpoint: Mutex<()>,
    pub(crate) _lock: Box<dyn LockGuard>,
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
        Ok(Self {
            index,
            path,
            id,
            disk,
            was_clean,
            recovery_points,
            log_starts,
            checkpoint: Mutex::new(()),
            _lock: lock,
        })
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
        let _writer = directory.checkpoint.lock();
        // As in Kafka only those that moved beyond their first segment's base are of interest; all do no harm.
        let starts: Vec<(TopicPartition, Offset)> = self
            .in_directory(index)
            .iter()
            .map(|partition| (partition.id().clone(), partition.offsets().0))
            .filter(|(_, start)| *start > Offset::ZERO)
            .collect();
        OffsetCheckpoint::LogStartOffset.write(
            &*directory.disk,
            &directory.path,
            starts.iter().map(|(id, offset)| (id, *offset)),
        )
    }

    /// Writes how far the logs of one directory need no recovery.
    pub(crate) fn write_recovery_points(&self, index: usize) -> Result<(), log::Error> {
        let Some(directory) = self.directories.get(index) else { return Ok(()) };
        let _writer = directory.checkpoint.lock();
        let points: Vec<(TopicPartition, Offset)> = self
            .in_directory(index)
            .iter()
            .map(|partition| (partition.id().clone(), partition.log().durable_offset()))
            .collect();
        let write = |kind: OffsetCheckpoint| {
            kind.write(&*directory.disk, &directory.path, points.iter().map(|(id, offset)| (id, *offset)))
        };
        write(OffsetCheckpoint::RecoveryPoint)?;
        write(OffsetCheckpoint::HighWatermark)
    }
}
