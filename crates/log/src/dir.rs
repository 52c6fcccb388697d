//! The directory of a partition, and the names of the files in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};
use protocol::Offset;

use crate::disk::{Disk, DiskFile, replace_file};
use crate::error::{At as _, Error, Result};

/// A partition's directory on its disk.
///
/// *Invariant*: once the log is deleted nothing happens at this path any more: another log may have it.
#[derive(Debug)]
pub(crate) struct Dir {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    /// What the names of segments' files end with, beside what they always do.
    suffix: &'static str,
    deleted: Arc<RwLock<bool>>,
}

/// What a file of a segment is, by its suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Log,
    OffsetIndex,
    TimeIndex,
    TxnIndex,
    Snapshot,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TxnIndex, Self::Snapshot];
    /// Without the producers' state, which is of the offset where a segment begins.
    pub(crate) const OF_SEGMENTS: [Self; 4] = [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TxnIndex];

    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::OffsetIndex => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TxnIndex => ".txnindex",
            Self::Snapshot => ".snapshot",
        }
    }
}

/// The suffix of files that wait to be removed.
pub(crate) const DELETED: &str = ".deleted";

impl Dir {
    pub(crate) fn new(disk: Arc<dyn Disk>, path: PathBuf) -> Self {
        Self { disk, path, suffix: "", deleted: Arc::default() }
    }

    /// The same directory, for segments that are not part of the log yet: the names of their files end with `suffix`.
    pub(crate) fn with_suffix(&self, suffix: &'static str) -> Self {
        Self { disk: self.disk.clone(), path: self.path.clone(), suffix, deleted: self.deleted.clone() }
    }

    /// The directory stays what it is until the guard is dropped. [`Error::Fenced`] if the log is deleted.
    fn here(&self) -> Result<RwLockReadGuard<'_, bool>> {
        let deleted = self.deleted.read();
        if *deleted { Err(Error::Fenced { path: self.path.clone() }) } else { Ok(deleted) }
    }

    /// Gives the directory the name of one that waits to be removed: durable once the directory above it is synced. What is
    /// under way in it comes first.
    pub(crate) fn delete(&self, to: &Path) -> Result<()> {
        let mut deleted = self.deleted.write();
        // Also where renaming fails: nobody may use the log after this.
        *deleted = true;
        self.disk.rename(&self.path, to).at("rename", &self.path)
    }

    /// Opens a file in it.
    pub(crate) fn open(&self, path: &Path, create: bool) -> Result<Arc<dyn DiskFile>> {
        let _here = self.here()?;
        self.disk.open(path, create).at(if create { "create" } else { "open" }, path)
    }

    /// Replaces a file in it, durably.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let _here = self.here()?;
        replace_file(self.disk.as_ref(), &self.path.join(name), bytes)
    }

    pub(crate) fn file(&self, base_offset: Offset, kind: Kind) -> PathBuf {
        self.path.join(file_name(base_offset, kind) + self.suffix)
    }

    /// Renames a file so that it is no longer part of the log. `None` if there is no such file.
    pub(crate) fn mark_deleted(&self, base_offset: Offset, kind: Kind) -> Result<Option<PathBuf>> {
        self.rename(base_offset, kind, DELETED)
    }

    /// Gives a file another suffix. `None` if there is no such file.
    pub(crate) fn rename(
        &self,
        base_offset: Offset,
        kind: Kind,
        suffix: &'static str,
    ) -> Result<Option<PathBuf>> {
        let from = self.file(base_offset, kind);
        let to = self.with_suffix(suffix).file(base_offset, kind);
        let _here = self.here()?;
        match self.disk.rename(&from, &to) {
            Ok(()) => Ok(Some(to)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("rename", &from),
        }
    }

    /// Writes a file in it anew; not durable.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        let file = self.open(&path, true)?;
        file.set_len(0).at("truncate", &path)?;
        file.write_at(bytes, 0).at("write", &path)
    }

    /// Gives a file in it the name of another, which it replaces; not durable.
    pub(crate) fn rename_file(&self, from: &str, to: &str) -> Result<()> {
        let _here = self.here()?;
        let from = self.path.join(from);
        self.disk.rename(&from, &self.path.join(to)).at("rename", &from)
    }

    /// Makes the names in the directory durable.
    pub(crate) fn sync(&self) -> Result<()> {
        let _here = self.here()?;
        self.disk.sync_dir(&self.path).at("sync", &self.path)
    }

    /// Makes the directory's own name durable.
    pub(crate) fn sync_name(&self) -> Result<()> {
        let _here = self.here()?;
        let Some(parent) = self.path.parent() else { return Ok(()) };
        self.disk.sync_dir(parent).at("sync", parent)
    }

    /// Removes a file; one that is gone already is fine.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        let _here = self.here()?;
        match self.disk.remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", path),
            _ => Ok(()),
        }
    }
}

/// `BASE_OFFSET.log` and so on.
pub(crate) fn file_name(base_offset: Offset, kind: Kind) -> String {
    format!("{:020}{}", base_offset.get(), kind.suffix())
}

/// The base offset and kind in the name of a segment's file, or `None` for any other name.
pub(crate) fn parse_name(name: &str) -> Option<(Offset, Kind)> {
    let (digits, suffix) = name.split_at_checked(20)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.suffix() == suffix)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some((Offset(digits.parse().ok()?), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &str, expect| assert_eq!(parse_name(name), expect, "{name}");
        check("00000000000000000000.log", Some((Offset(0), Kind::Log)));
        check("00000000000000000042.timeindex", Some((Offset(42), Kind::TimeIndex)));
        check("09223372036854775807.snapshot", Some((Offset(i64::MAX), Kind::Snapshot)));
        check("99999999999999999999.log", None);
        check("00000000000000000000.log.deleted", None);
        check("-0000000000000000001.log", None);
        check("000.log", None);
        check("leader-epoch-checkpoint", None);
        check("ééééééééééé.log", None);
    }
}
