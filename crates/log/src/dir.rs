//! The directory of a partition, and the names of the files in it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use protocol::Offset;

use crate::disk::{Disk, DiskFile};
use crate::error::{At as _, Result};

/// A partition's directory on its disk.
#[derive(Debug)]
pub(crate) struct Dir {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
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
    pub(crate) fn file(&self, base_offset: Offset, kind: Kind) -> PathBuf {
        self.path.join(format!("{:020}{}", base_offset.get(), kind.suffix()))
    }

    /// Renames a file so that it is no longer part of the log. `None` if there is no such file.
    pub(crate) fn mark_deleted(&self, base_offset: Offset, kind: Kind) -> Result<Option<PathBuf>> {
        let from = self.file(base_offset, kind);
        let to = self.path.join(format!("{:020}{}{DELETED}", base_offset.get(), kind.suffix()));
        match self.disk.rename(&from, &to) {
            Ok(()) => Ok(Some(to)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("rename", &from),
        }
    }

    /// Makes the names in the directory durable.
    pub(crate) fn sync(&self) -> Result<()> {
        self.disk.sync_dir(&self.path).at("sync", &self.path)
    }

    /// Removes a file; one that is gone already is fine.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        match self.disk.remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", path),
            _ => Ok(()),
        }
    }
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

/// A segment's file, opened when it is first needed and closed when nobody needs it.
pub(crate) struct LazyFile {
    kind: Kind,
    open: Mutex<Option<Arc<dyn DiskFile>>>,
}

impl LazyFile {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self { kind, open: Mutex::new(None) }
    }

    pub(crate) fn path(&self, dir: &Dir, base_offset: Offset) -> PathBuf {
        dir.file(base_offset, self.kind)
    }

    /// The open file, which is created if `create` is set and there is none.
    pub(crate) fn get(&self, dir: &Dir, base_offset: Offset, create: bool) -> Result<Arc<dyn DiskFile>> {
        let mut open = self.open.lock();
        if let Some(file) = &*open {
            return Ok(file.clone());
        }
        let path = self.path(dir, base_offset);
        let file = dir.disk.open(&path, create).at("open", &path)?;
        *open = Some(file.clone());
        Ok(file)
    }

    /// Forgets the handle. Ranges that were read keep theirs.
    pub(crate) fn close(&self) {
        *self.open.lock() = None;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.lock().is_some()
    }
}

impl fmt::Debug for LazyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.kind, if self.is_open() { "open" } else { "closed" })
    }
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
