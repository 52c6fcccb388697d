//! Durability: what has to be synced, and what is.
//!
//! The shell takes a [`FlushTarget`], syncs it on another thread while appends go on, and reports back. All producers
//! that wait for an offset up to the target's share that one sync.
//!
//! *Invariant*: an offset counts as durable only when the bytes up to it, the names of their files, the indexes
//! and snapshots of all complete segments and the leader epochs are on the disk. *Invariant*: after a
//! failed sync nothing counts as durable any more until the log is opened again, since the system may have dropped what it could not write.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use protocol::Offset;

use super::Log;
use crate::checkpoint::{LEADER_EPOCHS, PARTITION_METADATA};
use crate::dir::{Dir, Kind};
use crate::disk::DiskFile;
use crate::error::{At as _, Result};

/// What is durable, and what has changed since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Durability {
    offset: Offset,
    /// Counts changes of names in the directory; they are durable up to `names_synced`.
    names: u64,
    names_synced: u64,
    /// The directory itself may be new in the log directory.
    dir_is_new: bool,
    /// Counts truncations: a flush from before one says nothing about the bytes after it.
    generation: u64,
    /// Whether the files say something else than when the log was opened, or may.
    touched: bool,
    /// `partition.metadata` was written, and not synced.
    topic_id_is_new: bool,
}

impl Durability {
    pub(super) const fn new(dir_is_new: bool) -> Self {
        Self {
            offset: Offset::ZERO,
            names: 1,
            names_synced: 0,
            dir_is_new,
            generation: 0,
            touched: false,
            topic_id_is_new: false,
        }
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) const fn names_changed(&mut self) {
        self.names += 1;
        self.touched = true;
    }

    /// Records were appended, or the files are not to be taken for what was closed.
    pub(super) const fn touched(&mut self) {
        self.touched = true;
    }

    /// `partition.metadata` was written. It becomes durable with the first records.
    pub(super) const fn topic_id_written(&mut self) {
        self.topic_id_is_new = true;
    }

    /// The log takes the place of another one: what is under way there does not speak of this one.
    pub(super) fn moved_from(&mut self, other: &Self) {
        self.generation = self.generation.max(other.generation) + 1;
        self.names_changed();
    }

    /// Everything up to an offset was found by opening the log.
    pub(super) const fn loaded(&mut self, offset: Offset) {
        self.offset = offset;
    }

    /// What is at or after an offset will be other bytes.
    pub(super) fn truncated(&mut self, offset: Offset) {
        self.offset = self.offset.min(offset);
        self.generation += 1;
        self.names_changed();
    }
}

/// Files to sync so that a log is durable up to an offset.
#[derive(Debug)]
#[must_use]
pub struct FlushTarget {
    offset: Offset,
    generation: u64,
    dir: Arc<Dir>,
    /// Paths are for errors.
    files: Vec<(PathBuf, Arc<dyn DiskFile>)>,
    names: Option<u64>,
    dir_is_new: bool,
    topic_id_is_new: bool,
    epochs: Option<(u64, Vec<u8>)>,
    fenced: Arc<AtomicBool>,
}

impl FlushTarget {
    /// The log is durable up to this offset, once the target is synced and reported.
    pub const fn offset(&self) -> Offset {
        self.offset
    }

    /// Syncs. Blocks; needs no lock; at most one at a time for a log. A failure fences the log: see [`Log`].
    pub fn sync(&self) -> Result<()> {
        self.try_sync().inspect_err(|_| self.fenced.store(true, Ordering::Release))
    }

    /// The leader epochs to write, with the change that they contain.
    pub(super) fn epochs(&self) -> Option<&(u64, Vec<u8>)> {
        self.epochs.as_ref()
    }

    /// Syncs the bytes of files only.
    pub(super) fn sync_files(&self) -> Result<()> {
        for (path, file) in &self.files {
            file.sync_data().at("sync", path)?;
        }
        Ok(())
    }

    fn try_sync(&self) -> Result<()> {
        self.sync_files()?;
        if self.topic_id_is_new {
            let path = self.dir.path.join(PARTITION_METADATA);
            self.dir.open(&path, false)?.sync_data().at("sync", &path)?;
        }
        if let Some((_, bytes)) = &self.epochs {
            self.dir.replace(LEADER_EPOCHS, bytes)?;
        } else if self.names.is_some() {
            self.dir.sync()?;
        }
        if self.dir_is_new {
            self.dir.sync_name()?;
        }
        Ok(())
    }
}

impl Log {
    /// Up to where the log survives a crash. This is also the recovery point for the checkpoint of the log directory.
    pub const fn durable_offset(&self) -> Offset {
        self.durability.offset
    }

    /// What to sync so that all that is appended now is durable; `None` if it is. After [`FlushTarget::sync`],
    /// report it to [`Log::mark_flushed`].
    pub fn flush_target(&mut self) -> Result<Option<FlushTarget>> {
        self.check_not_fenced()?;
        let durability = self.durability;
        let epochs = self.epochs.unwritten();
        let names = (durability.names > durability.names_synced).then_some(durability.names);
        if durability.offset >= self.log_end_offset && names.is_none() && epochs.is_none() {
            return Ok(None);
        }
        let mut files = Vec::new();
        for segment in self.segments() {
            let (end, active) = (self.segment_end(segment), segment.base_offset == self.active.base_offset);
            if end > durability.offset {
                let path = segment.log.path(&self.dir, segment.base_offset);
                files.push((path, segment.log_file(&self.dir)?));
            }
            // The indexes of the active segment are rebuilt after a crash. Those of one whose batches were all durable
            // when it was completed are not durable themselves.
            if end >= durability.offset && !active {
                files.extend(segment.index_files(&self.dir)?);
                files.extend(self.snapshot_file(self.segment_end(segment))?);
            }
        }
        // Retention may have taken the segment that this snapshot was the end of before it was flushed.
        let first = self.segments().next().map(|segment| segment.base_offset);
        if let (true, Some(first)) = (names.is_some(), first) {
            files.extend(self.snapshot_file(first)?);
        }
        Ok(Some(FlushTarget {
            offset: self.log_end_offset,
            generation: durability.generation,
            dir: self.dir.clone(),
            files,
            names,
            dir_is_new: durability.dir_is_new,
            topic_id_is_new: durability.topic_id_is_new,
            epochs,
            fenced: self.fenced.clone(),
        }))
    }

    /// Whether closing has something to do.
    pub(super) const fn is_touched(&self) -> bool {
        self.durability.touched
    }

    /// Takes note of a target that was synced. Nothing happens if the sync failed, or for what was truncated since.
    pub fn mark_flushed(&mut self, target: &FlushTarget) {
        if self.check_not_fenced().is_err() || !Arc::ptr_eq(&self.dir, &target.dir) {
            return;
        }
        self.durability.names_synced = target.names.unwrap_or_default().max(self.durability.names_synced);
        self.durability.dir_is_new &= !target.dir_is_new;
        self.durability.topic_id_is_new &= !target.topic_id_is_new;
        if let Some((change, _)) = &target.epochs {
            self.epochs.set_written(*change);
        }
        if target.generation == self.durability.generation {
            let before = self.durability.offset;
            self.durability.offset = before.max(target.offset);
            for segment in self.segments().rev().take_while(|segment| self.segment_end(segment) > before) {
                if self.segment_end(segment) <= self.durability.offset {
                    segment.synced();
                }
            }
        }
    }

    /// Makes everything durable, here and now.
    pub fn flush(&mut self) -> Result<()> {
        if let Some(target) = self.flush_target()? {
            target.sync()?;
            self.mark_flushed(&target);
        }
        Ok(())
    }

    /// The snapshot of the producers at an offset, if there is one.
    pub(super) fn snapshot_file(&self, offset: Offset) -> Result<Option<(PathBuf, Arc<dyn DiskFile>)>> {
        if !self.snapshots.contains(&offset) {
            return Ok(None);
        }
        let path = self.dir.file(offset, Kind::Snapshot);
        let file = self.dir.open(&path, false)?;
        Ok(Some((path, file)))
    }
}
