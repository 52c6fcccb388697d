//! A log directory with its checkpoints, as the node keeps them (`broker/src/partitions.rs`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::checkpoint::OffsetCheckpoint;
use log::disk::{Disk, LockGuard};
use log::{Recovery, Result, log_dir};
use protocol::{Offset, TopicPartition};

use super::Partition;

/// An offset a partition: what a checkpoint holds.
type Offsets = BTreeMap<TopicPartition, Offset>;

pub(super) struct Directory {
    pub(super) path: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    was_clean: bool,
    /// What the checkpoints say of partitions that are not open.
    recovery_points: Offsets,
    log_starts: Offsets,
    /// Whether a partition in it could not be opened.
    pub(super) incomplete: bool,
    /// Whether its checkpoint files speak of partitions that are no more.
    pub(super) outdated: bool,
    _lock: Box<dyn LockGuard>,
}

impl Directory {
    pub(super) fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self> {
        let lock = log_dir::lock(&*disk, path)?;
        let was_clean = log_dir::is_clean(&*disk, path)?;
        for leftover in log_dir::list(&*disk, path)?.deleted {
            log_dir::remove_partition(&*disk, &leftover)?;
        }
        Ok(Self {
            path: path.to_owned(),
            was_clean,
            recovery_points: OffsetCheckpoint::RecoveryPoint.read(&*disk, path)?,
            log_starts: OffsetCheckpoint::LogStartOffset.read(&*disk, path)?,
            incomplete: false,
            outdated: false,
            disk,
            _lock: lock,
        })
    }

    pub(super) fn partition_path(&self, id: &TopicPartition) -> PathBuf {
        self.path.join(id.to_string())
    }

    pub(super) fn recovery(&self, id: &TopicPartition) -> Recovery {
        Recovery {
            clean_shutdown: self.was_clean,
            recovery_point: self.recovery_points.get(id).copied().unwrap_or(Offset::ZERO),
            log_start_offset: self.log_starts.get(id).copied().unwrap_or(Offset::ZERO),
            clean_to: Offset::ZERO,
        }
    }

    /// What the checkpoints say about a partition is about one that is no more.
    pub(super) fn forget(&mut self, id: &TopicPartition) {
        self.outdated |= self.opened(id);
    }

    /// From now on the open partition says what is in the checkpoints. Whether they said something before.
    pub(super) fn opened(&mut self, id: &TopicPartition) -> bool {
        let recovery_point = self.recovery_points.remove(id);
        self.log_starts.remove(id).is_some() || recovery_point.is_some()
    }

    pub(super) fn write_log_starts<'a>(&self, ours: impl Iterator<Item = &'a Partition>) -> Result<()> {
        let mut starts = self.log_starts.clone();
        starts.extend(ours.map(|partition| (partition.name().clone(), partition.log.log_start_offset())));
        starts.retain(|_, start| *start > Offset::ZERO);
        self.write(OffsetCheckpoint::LogStartOffset, &starts)
    }

    pub(super) fn write_recovery_points<'a>(&self, ours: impl Iterator<Item = &'a Partition>) -> Result<()> {
        let mut points = self.recovery_points.clone();
        points.extend(ours.map(|partition| (partition.name().clone(), partition.log.durable_offset())));
        self.write(OffsetCheckpoint::RecoveryPoint, &points)?;
        self.write(OffsetCheckpoint::HighWatermark, &points)
    }

    fn write(&self, kind: OffsetCheckpoint, offsets: &Offsets) -> Result<()> {
        kind.write(&*self.disk, &self.path, offsets.iter().map(|(id, offset)| (id, *offset)))
    }

    /// After the logs are opened, before anything is written.
    pub(super) fn mark_dirty(&self) -> Result<()> {
        log_dir::mark_dirty(&*self.disk, &self.path)
    }

    pub(super) fn mark_clean(&self) -> Result<()> {
        log_dir::mark_clean(&*self.disk, &self.path, 1)
    }
}
