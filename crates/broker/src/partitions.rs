//! The partitions of this node by name and by topic id, and the directories they are in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;
use protocol::{Offset, TopicPartition, Uuid};

use crate::directory::Directory;
use crate::partition::Partition;

type ByIndex = BTreeMap<i32, Arc<Partition>>;

#[derive(Default)]
struct Tables {
    by_name: HashMap<Arc<str>, ByIndex>,
    names: HashMap<Uuid, Arc<str>>,
}

/// All partitions of this node.
pub(crate) struct Partitions {
    directories: Vec<Arc<Directory>>,
    tables: RwLock<Tables>,
}

impl Partitions {
    pub(crate) fn new(directories: Vec<Arc<Directory>>) -> Self {
        Self { directories, tables: RwLock::default() }
    }

    /// All of them, by index; those that have failed too.
    pub(crate) fn directories(&self) -> &[Arc<Directory>] {
        &self.directories
    }

    /// Those that have not failed.
    pub(crate) fn online_directories(&self) -> impl Iterator<Item = &Arc<Directory>> {
        self.directories.iter().filter(|directory| !directory.is_offline())
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

    /// Those whose directory has not failed, in no order.
    pub(crate) fn online(&self) -> Vec<Arc<Partition>> {
        let mut all = self.all();
        all.retain(|partition| !partition.home().is_offline());
        all
    }

    pub(crate) fn in_directory(&self, index: usize) -> Vec<Arc<Partition>> {
        self.all().into_iter().filter(|partition| partition.directory() == index).collect()
    }

    /// The partitions of each directory. One that moves meanwhile is in one of them.
    pub(crate) fn by_directory(&self) -> Vec<Vec<Arc<Partition>>> {
        let mut found = vec![vec![]; self.directories.len()];
        for partition in self.all() {
            if let Some(there) = found.get_mut(partition.directory()) {
                there.push(partition);
            }
        }
        found
    }

    /// How many partitions each directory has.
    pub(crate) fn counts(&self) -> Vec<usize> {
        self.by_directory().iter().map(Vec::len).collect()
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
    pub(crate) fn write_log_starts(&self, directory: &Directory) -> Result<(), log::Error> {
        directory.write_log_starts(|| self.offsets(directory, |partition| partition.offsets().0))
    }

    /// Writes how far the logs of one directory need no recovery.
    pub(crate) fn write_recovery_points(&self, directory: &Directory) -> Result<(), log::Error> {
        directory
            .write_recovery_points(|| self.offsets(directory, |partition| partition.log().durable_offset()))
    }

    /// Writes all checkpoints of one directory: what they say about partitions that are no more must not meet others
    /// of the same name.
    pub(crate) fn write_checkpoints(&self, directory: &Directory) -> Result<(), log::Error> {
        directory.write_outdated(|| {
            self.write_recovery_points(directory).and_then(|()| self.write_log_starts(directory))
        })
    }

    fn offsets(
        &self,
        directory: &Directory,
        offset: impl Fn(&Partition) -> Offset,
    ) -> Vec<(TopicPartition, Offset)> {
        let open = self.in_directory(directory.index);
        open.iter().map(|partition| (partition.id().clone(), offset(partition))).collect()
    }
}
