//! The disk as this crate sees it, so that it can be a simulated one.
//!
//! Two implementations: [`OsDisk`] (with [`ReadOnlyDisk`] for those who only look) and [`sim::SimDisk`], which loses what
//! was not synced, tears writes, fills up and fails on purpose. Nothing else in this crate touches `std::fs`.
//!
//! The rules of durability are those of POSIX at its strictest: bytes of a file survive a crash after
//! [`DiskFile::sync_data`]; the *name* of a new, renamed or removed file survives after [`Disk::sync_dir`] of its directory.

mod os;
mod read_only;
pub mod sim;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use os::{OsDisk, read_cached_at};
pub use read_only::ReadOnlyDisk;

use crate::handles::Handles;

/// A file system. All calls are synchronous and may block.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file for reading and writing. A missing file is an error unless `create` is set.
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>>;
    /// The length and age of a file, or `None` where there is none.
    fn stat(&self, path: &Path) -> io::Result<Option<Stat>>;
    /// Names in a directory, sorted. Entries whose names are not UTF-8 are left out: none of ours.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// Makes a directory and its parents; one that exists is fine.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Renames a file or directory, replacing a file that has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file's name. Open handles keep reading it.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes everything durable that was written to the file system of a directory, bytes and names. It may not know of a
    /// file that could not be written: only [`DiskFile::sync_data`] of the handle that wrote says that.
    fn sync_all(&self, dir: &Path) -> io::Result<()>;
    /// Takes an exclusive lock on a file, made if missing, for as long as the guard lives; `None` if someone else
    /// has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>>;
    /// Which files of partitions are open.
    fn handles(&self) -> &Handles;
    /// The size of the file system that holds a directory.
    fn space(&self, dir: &Path) -> io::Result<Space>;
}

/// An open file. Cheap to share; positions are arguments, so that readers do not meet.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Reads up to `buf.len()` bytes; fewer only at the end of the file.
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;
    /// Reads like [`DiskFile::read_at`], but only what is in memory; `None` where that is not all.
    fn read_cached_at(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>>;
    /// Writes all of `buf`. After an error any part of it may have been written.
    fn write_at(&self, buf: &[u8], position: u64) -> io::Result<()>;
    /// Makes the bytes and the length durable. After an error the file is not to be trusted: a second call may
    /// succeed without the bytes being there.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts or extends with zeroes.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Sets when it was last written, milliseconds since the Unix epoch.
    fn set_modified_ms(&self, modified_ms: i64) -> io::Result<()>;
    /// The length.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file holds nothing.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// The file of the operating system, for sendfile; `None` for a simulated one.
    fn os_file(&self) -> Option<&Arc<std::fs::File>>;
}

/// Holds a lock until dropped.
pub trait LockGuard: Send + Sync + fmt::Debug {}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name, without the directory.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its length.
    pub len: u64,
    /// When it was last written, milliseconds since the Unix epoch.
    pub modified_ms: i64,
}

/// The size of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total_bytes: u64,
    /// What is left for us.
    pub usable_bytes: u64,
}

/// Reads the whole file, at most `limit` bytes of it. `None` if there is none; a longer file is an error.
pub(crate) fn read_file(disk: &dyn Disk, path: &Path, limit: u64) -> crate::error::Result<Option<Vec<u8>>> {
    use crate::error::{At as _, corrupt};
    let file = match disk.open(path, false) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).at("open", path),
    };
    let len = file.len().at("read the length of", path)?;
    if len > limit {
        return Err(corrupt(path, 0, format!("{len} bytes"), "a file of a sensible size"));
    }
    let mut bytes = vec![0; len as usize];
    let read = file.read_at(&mut bytes, 0).at("read", path)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Replaces a file's content so that after a crash either the old or the new content is there, whole, and after
/// this returns the new one.
pub(crate) fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> crate::error::Result<()> {
    use crate::error::At as _;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let file = disk.open(temporary, true).at("create", temporary)?;
    file.set_len(0).at("truncate", temporary)?;
    file.write_at(bytes, 0).at("write", temporary)?;
    file.sync_data().at("sync", temporary)?;
    disk.rename(temporary, path).at("rename", temporary)?;
    if let Some(dir) = path.parent() {
        disk.sync_dir(dir).at("sync", dir)?;
    }
    Ok(())
}
