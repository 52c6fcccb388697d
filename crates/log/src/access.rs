//! Reads that do not wait for the disk.
//!
//! A look-up under the lock of a log would hold up those who append while the disk seeks. So it may be asked for what is in
//! memory only: where it meets something that is not, or that has to be read whole first (`unchecked`), it ends with
//! [`Error::NotCached`], which says what to load. The shell loads that on a thread of its own, without the lock, and asks again.

use std::io;
use std::sync::Arc;

use crate::dir::Dir;
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::unchecked::Check;

/// Where a read may take its bytes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the disk, for which it waits.
    Disk,
    /// From memory; else [`Error::NotCached`].
    PageCache,
}

/// A partition's directory, and where reads in it take their bytes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) dir: &'a Dir,
    pub(crate) source: Source,
}

impl Dir {
    /// Reads that wait for the disk.
    pub(crate) const fn waiting(&self) -> Access<'_> {
        self.access(Source::Disk)
    }

    pub(crate) const fn access(&self, source: Source) -> Access<'_> {
        Access { dir: self, source }
    }
}

impl Source {
    /// Reads up to `buf.len()` bytes; fewer only at the end of the file.
    pub(crate) fn read_at(
        self,
        file: &Arc<dyn DiskFile>,
        buf: &mut [u8],
        position: u64,
        error: impl FnOnce(io::Error) -> Error,
    ) -> Result<usize> {
        match self {
            Self::Disk => file.read_at(buf, position).map_err(error),
            Self::PageCache => match file.read_cached_at(buf, position) {
                Ok(Some(read)) => Ok(read),
                Ok(None) => {
                    Err(NotCached(Missing::Bytes { file: file.clone(), position, len: buf.len() }).into())
                }
                Err(source) => Err(error(source)),
            },
        }
    }

    /// Makes a check, or has it made.
    pub(crate) fn check(self, check: Check) -> Result<()> {
        match self {
            Self::Disk => check.make(),
            Self::PageCache => Err(NotCached(Missing::Check(check)).into()),
        }
    }
}

/// Bytes of a file that a look-up needs, and that are not in memory.
#[derive(Clone, Debug)]
pub struct NotCached(Missing);

#[derive(Clone, Debug)]
enum Missing {
    Bytes { file: Arc<dyn DiskFile>, position: u64, len: usize },
    Check(Check),
}

/// What is loaded at once: a look-up needs what lies around, too.
const WINDOW_BYTES: u64 = 256 << 10;

impl NotCached {
    /// Brings them into memory, and checks them where nobody has. Waits for the disk. What fails, the next look meets again.
    pub fn load(&self) {
        let (file, position, len) = match &self.0 {
            Missing::Bytes { file, position, len } => (file, *position, *len as u64),
            Missing::Check(check) => return drop(check.make()),
        };
        let from = position / WINDOW_BYTES * WINDOW_BYTES;
        let mut buf = vec![0; WINDOW_BYTES as usize];
        for position in (from..position + len).step_by(WINDOW_BYTES as usize) {
            if file.read_at(&mut buf, position).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::disk::{Disk as _, OsDisk};

    #[test]
    fn what_is_not_in_memory_is_said_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = OsDisk.open(&folder.path().join("f"), true).unwrap();
        file.write_at(&[7; 10_000], 0).unwrap();
        file.sync_data().unwrap();
        let os_file = file.os_file().unwrap();
        rustix::fs::fadvise(os_file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        let other = |source| Error::Io { operation: "read", path: Path::new("f").into(), source };
        let mut buf = [0; 100];
        match Source::PageCache.read_at(&file, &mut buf, 5_000, other) {
            Err(Error::NotCached(missing)) => missing.load(),
            // A file system that keeps everything in memory, or does not tell.
            read => assert_eq!(read.unwrap(), 100),
        }
        assert_eq!(Source::PageCache.read_at(&file, &mut buf, 5_000, other).unwrap(), 100);
        assert_eq!(buf, [7; 100]);
        assert_eq!(Source::PageCache.read_at(&file, &mut buf, 9_950, other).unwrap(), 50);
        assert_eq!(Source::PageCache.read_at(&file, &mut buf, 10_000, other).unwrap(), 0);
    }
}
