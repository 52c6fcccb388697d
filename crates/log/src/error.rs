//! What can go wrong with a log. Every variant says where, what was found and what was expected.

use std::io;
use std::path::{Path, PathBuf};

use protocol::Offset;

use crate::access::NotCached;
use crate::validate::Refusal;

/// Failures of this crate.
///
/// [`Error::Refused`] is the producer's fault and leaves the log as it was. [`Error::Io`] and [`Error::Fenced`] are
/// the disk's (`KAFKA_STORAGE_ERROR`): the log directory should go offline.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused an operation. Code: `KAFKA_STORAGE_ERROR`.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// An earlier write or sync failed, so that nobody knows what the disk holds: the log takes no more writes
    /// until it is opened again. Code: `KAFKA_STORAGE_ERROR`.
    #[error("{}: an earlier write or sync failed; the log takes no writes until it is opened again", path.display())]
    Fenced {
        /// The directory of the log.
        path: PathBuf,
    },
    /// Bytes in a file that cannot be what should be there. Code: `KAFKA_STORAGE_ERROR`.
    #[error("{} is corrupt at byte {position}: {found}, expected {expected}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        position: u64,
        /// What was found.
        found: String,
        /// What should have been there.
        expected: &'static str,
    },
    /// A read that was asked not to wait for the disk needs it. No code: the caller loads that, and asks again.
    #[error("bytes that are not in memory")]
    NotCached(NotCached),
    /// Another process has the directory. Reported at start.
    #[error("{} is locked: another process uses this directory", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A batch that the rules of the partition refuse. Codes: see [`Refusal`].
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An offset that the log does not have. Code: `OFFSET_OUT_OF_RANGE`.
    #[error("offset {offset} is out of range: the log has {log_start_offset} to {log_end_offset}")]
    OffsetOutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// The first offset of the log.
        log_start_offset: Offset,
        /// The offset after the last.
        log_end_offset: Offset,
    },
    /// Batches from a leader that do not continue this log. Code: none, the follower truncates or starts over.
    #[error("batches from the leader start at {first_offset}, expected {log_end_offset} or later")]
    UnexpectedAppendOffset {
        /// The offset of the first batch.
        first_offset: Offset,
        /// The end of this log.
        log_end_offset: Offset,
    },
}

impl From<NotCached> for Error {
    fn from(missing: NotCached) -> Self {
        Self::NotCached(missing)
    }
}

impl Error {
    /// Whether a file is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether there is no room. What was to be written is not there, and can be once there is room.
    pub fn is_full(&self) -> bool {
        let full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        matches!(self, Self::Io { source, .. } if full(source.kind()))
    }

    /// Whether the disk itself has failed: an operation on it, neither for want of room nor because the process has all the
    /// files or memory that it may have. Damaged bytes are of one log, and no reason to give up the others.
    pub fn blames_disk(&self) -> bool {
        const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
        const ENFILE: i32 = rustix::io::Errno::NFILE.raw_os_error();
        let Self::Io { source, .. } = self else { return false };
        let of_the_process = matches!(source.raw_os_error(), Some(EMFILE | ENFILE))
            || source.kind() == io::ErrorKind::OutOfMemory;
        !self.is_full() && !of_the_process
    }
}

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Says where and at what an I/O error happened.
pub(crate) trait At<T> {
    fn at(self, operation: &'static str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, operation: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { operation, path: path.to_owned(), source })
    }
}

pub(crate) fn corrupt(path: &Path, position: u64, found: impl Into<String>, expected: &'static str) -> Error {
    Error::Corrupt { path: path.to_owned(), position, found: found.into(), expected }
}

#[cfg(test)]
mod tests {
    use io::ErrorKind;
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_disk_is_blamed_for_what_it_does() {
        let io = |source: io::Error| Error::Io { operation: "write", path: "/d".into(), source };
        let check = |error: &Error, blamed, full| {
            assert_eq!((error.blames_disk(), error.is_full()), (blamed, full), "{error}");
        };
        for errno in [Errno::IO, Errno::ROFS, Errno::NOTDIR, Errno::NOENT, Errno::ACCESS] {
            check(&io(errno.into()), true, false);
        }
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            check(&io(errno.into()), false, false);
        }
        for errno in [Errno::NOSPC, Errno::DQUOT] {
            check(&io(errno.into()), false, true);
        }
        check(&io(ErrorKind::UnexpectedEof.into()), true, false);
        check(&corrupt(Path::new("/d"), 0, "x", "y"), false, false);
        check(&Error::Fenced { path: "/d".into() }, false, false);
    }
}
