//! The operating system's files, for those who only look: nothing is written, whatever is asked for.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::handles::Handles;

use super::os::OsFile;
use super::{Disk, DiskFile, Entry, LockGuard, OsDisk, Space, Stat};

/// Opens files for reading only, which also works where a person may not write. Everything that would change something is
/// refused with [`io::ErrorKind::PermissionDenied`]; locks are those of [`OsDisk`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOnlyDisk;

impl ReadOnlyDisk {
    /// Shared, as the rest of this crate takes a disk.
    pub fn shared() -> Arc<dyn Disk> {
        Arc::new(Self)
    }
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "opened for reading only")
}

impl Disk for ReadOnlyDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        if create {
            return Err(refused());
        }
        // The system itself refuses writes to what is opened like this.
        Ok(Arc::new(OsFile::new(File::open(path)?)))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        OsDisk.stat(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        OsDisk.list(dir)
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn remove_file(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn remove_dir(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn sync_all(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        OsDisk.lock(path)
    }

    fn handles(&self) -> &Handles {
        OsDisk.handles()
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        OsDisk.space(dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, b"abc").unwrap();
        let file = ReadOnlyDisk.open(&path, false).unwrap();
        let mut bytes = [0; 3];
        assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 3);
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(0).is_err());
        assert!(ReadOnlyDisk.open(&dir.path().join("b"), true).is_err());
        assert!(ReadOnlyDisk.rename(&path, &dir.path().join("b")).is_err());
        assert!(ReadOnlyDisk.remove_file(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }
}
