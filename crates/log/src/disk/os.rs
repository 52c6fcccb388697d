//! The operating system's file system.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{FlockOperation, fcntl_lock, flock, statvfs};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::handles::Handles;

use super::{Disk, DiskFile, Entry, LockGuard, Space, Stat};

/// The limit of open files is the process's.
static HANDLES: Handles = Handles::new(DEFAULT_OPEN_FILES);
/// Below the limit that systems commonly give.
const DEFAULT_OPEN_FILES: usize = 500;

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl OsDisk {
    /// Shared, as the rest of this crate takes a disk.
    pub fn shared() -> Arc<dyn Disk> {
        Arc::new(Self)
    }
}

impl Disk for OsDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path)?;
        Ok(Arc::new(OsFile::new(file)))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Some(Stat {
            len: metadata.len(),
            modified_ms: i64::try_from(modified.as_millis()).unwrap_or(i64::MAX),
        }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, is_dir: entry.file_type()?.is_dir() });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(dir)?)?)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        // Java's `FileChannel.lock` is `fcntl`, so that is what keeps Apache Kafka out. Such a lock does not
        // exclude this same process, though, and closing any other handle of the file would drop it: `flock` does
        // that part.
        let taken = flock(&file, FlockOperation::NonBlockingLockExclusive)
            .and_then(|()| fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive));
        match taken {
            Ok(()) => Ok(Some(Box::new(OsLock(file)))),
            Err(Errno::WOULDBLOCK | Errno::ACCESS) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn handles(&self) -> &Handles {
        &HANDLES
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let stat = statvfs(dir)?;
        Ok(Space {
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            usable_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}

/// Reads until the buffer is full or the file ends; says how much it read.
fn read_at(file: &File, buf: &mut [u8], position: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buf.len() {
        match file.read_at(&mut buf[read..], position + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Reads until the buffer is full or the file ends, as long as it is in memory; `None`: some of it is not. Where the
/// system does not tell, it is read wherever it is.
pub fn read_cached_at(file: &File, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
    let mut read = 0;
    while read < buf.len() {
        let slices = &mut [IoSliceMut::new(&mut buf[read..])];
        match preadv2(file, slices, position + read as u64, ReadWriteFlags::NOWAIT) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return read_at(file, buf, position).map(Some),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(read))
}

#[derive(Debug)]
pub(super) struct OsFile(Arc<File>);

impl OsFile {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(file))
    }
}

impl DiskFile for OsFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        read_at(&self.0, buf, position)
    }

    fn read_cached_at(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        read_cached_at(&self.0, buf, position)
    }

    fn write_at(&self, buf: &[u8], position: u64) -> io::Result<()> {
        self.0.write_all_at(buf, position)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn set_modified_ms(&self, modified_ms: i64) -> io::Result<()> {
        let since_epoch = Duration::from_millis(modified_ms.max(0) as u64);
        self.0.set_modified(UNIX_EPOCH + since_epoch)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn os_file(&self) -> Option<&Arc<File>> {
        Some(&self.0)
    }
}

#[derive(Debug)]
struct OsLock(#[expect(dead_code, reason = "its lock lives as long as the open file")] File);

impl LockGuard for OsLock {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_is_exclusive_within_a_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".lock");
        let held = OsDisk.lock(&path).unwrap();
        assert!(held.is_some());
        assert!(OsDisk.lock(&path).unwrap().is_none());
        drop(held);
        assert!(OsDisk.lock(&path).unwrap().is_some());
    }
}
