//! What a log directory says of its partitions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::{Offset, TopicPartition};

use super::finding::{Findings, What};
use super::verify::Scope;
use crate::checkpoint::{MetaProperties, OffsetCheckpoint};
use crate::disk::Disk;
use crate::error::{At as _, Result};
use crate::log::Recovery;
use crate::log_dir;

/// The small files of a log directory, read; those that cannot be are findings, and count as empty.
#[derive(Debug)]
pub struct LogDirectory {
    /// Where it is.
    pub path: PathBuf,
    /// It was closed in order, and nobody has started on it since.
    pub clean_shutdown: bool,
    /// What is wrong with them.
    pub findings: Findings,
    /// How many there are.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    recovery_points: BTreeMap<TopicPartition, Offset>,
    log_starts: BTreeMap<TopicPartition, Offset>,
    high_watermarks: BTreeMap<TopicPartition, Offset>,
    cleaned: BTreeMap<TopicPartition, Offset>,
}

impl LogDirectory {
    /// Reads them. A directory without any is fine: a copy of a partition may stand anywhere.
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Self> {
        let mut findings = Findings::new(OffsetCheckpoint::ALL.len() + 1);
        let (mut files, mut bytes) = (0, 0);
        let mut look = |name: &str| -> Result<()> {
            let path = path.join(name);
            if let Some(stat) = disk.stat(&path).at("look at", &path)? {
                files += 1;
                bytes += stat.len;
            }
            Ok(())
        };
        look(MetaProperties::FILE)?;
        OffsetCheckpoint::ALL.into_iter().try_for_each(|checkpoint| look(checkpoint.file_name()))?;
        if let Err(error) = MetaProperties::read(disk, path) {
            findings.add_corrupt(error, What::Directory, true)?;
        }
        let mut read = |checkpoint: OffsetCheckpoint| match checkpoint.read(disk, path) {
            Ok(offsets) => Ok(offsets),
            Err(error) => findings.add_corrupt(error, What::Directory, true).map(|()| BTreeMap::new()),
        };
        Ok(Self {
            clean_shutdown: log_dir::is_clean(disk, path)?,
            recovery_points: read(OffsetCheckpoint::RecoveryPoint)?,
            log_starts: read(OffsetCheckpoint::LogStartOffset)?,
            high_watermarks: read(OffsetCheckpoint::HighWatermark)?,
            cleaned: read(OffsetCheckpoint::Cleaner)?,
            path: path.to_owned(),
            findings,
            files,
            bytes,
        })
    }

    /// Whether the path is that of a log directory, and not of a partition or something else.
    pub fn is_one(disk: &dyn Disk, path: &Path) -> Result<bool> {
        let names =
            OffsetCheckpoint::ALL.into_iter().map(OffsetCheckpoint::file_name).chain([MetaProperties::FILE]);
        for name in names {
            let path = path.join(name);
            if disk.stat(&path).at("look at", &path)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is said of a partition. `running`: a node writes to it while we look.
    pub fn scope(&self, id: &TopicPartition, running: bool) -> Scope {
        let of = |offsets: &BTreeMap<TopicPartition, Offset>| offsets.get(id).copied();
        Scope {
            recovery: Recovery {
                clean_shutdown: self.clean_shutdown,
                recovery_point: of(&self.recovery_points).unwrap_or(Offset::ZERO),
                log_start_offset: of(&self.log_starts).unwrap_or(Offset::ZERO),
                clean_to: of(&self.cleaned).unwrap_or(Offset::ZERO),
            },
            high_watermark: of(&self.high_watermarks),
            running,
        }
    }
}
