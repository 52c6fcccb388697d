//! What raft remembers, on disk: the log, the vote and the snapshots, as openraft asks for them.

mod disk;
mod epochs;
mod log;
mod machine;
mod raft_log;
mod segment;
mod snapshot;
#[cfg(test)]
mod suite;
mod vote;

pub(crate) use log::MetadataLog;
pub(crate) use machine::{Machine, Progress};
pub(crate) use raft_log::LogStore;
pub(crate) use snapshot::{SnapshotFile, SnapshotStore, read_bootstrap};
pub(crate) use vote::VoteFile;

use std::path::Path;

use crate::error::Error;

/// Creates a directory, durably.
pub(crate) fn create_dir(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
    dir.parent().map_or(Ok(()), disk::sync_dir)
}

/// The wall clock, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
