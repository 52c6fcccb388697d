//! The log and the vote as openraft asks for them. What it calls durable is synced, on a thread that may block.

use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{AnyError, OptionalSend, RaftLogReader};
use tokio::task::spawn_blocking;

use super::{MetadataLog, SnapshotStore, VoteFile, now_ms};
use crate::error::Error;
use crate::types::{Entry, LogId, StorageError, StorageIOError, TypeConfig, Vote};

/// The log and the vote.
#[derive(Debug)]
pub(crate) struct LogStore {
    log: LogReader,
    vote: Arc<Mutex<VoteFile>>,
    snapshots: Arc<SnapshotStore>,
}

/// Reads entries.
#[derive(Clone, Debug)]
pub(crate) struct LogReader(Arc<Mutex<MetadataLog>>);

impl LogStore {
    pub(crate) fn new(log: MetadataLog, vote: VoteFile, snapshots: Arc<SnapshotStore>) -> Self {
        Self { log: LogReader(Arc::new(Mutex::new(log))), vote: Arc::new(Mutex::new(vote)), snapshots }
    }

    fn last_vote(&self) -> Option<Vote> {
        lock(&self.vote).vote()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_error(error: &Error) -> StorageError {
    StorageIOError::write_logs(AnyError::new(error)).into()
}

/// The range of indexes that both ranges have.
fn clip(range: &impl RangeBounds<u64>, within: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start.max(within.start)..end.min(within.end)
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        let log = lock(&self.0);
        let entries: Result<Vec<_>, _> = clip(&range, log.indexes()).map(|index| log.read(index)).collect();
        entries.map_err(|error| StorageIOError::read_logs(AnyError::new(&error)).into())
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        self.log.try_get_log_entries(range).await
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let log = lock(&self.log.0);
        Ok(LogState { last_purged_log_id: log.purged(), last_log_id: log.last() })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        self.log.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let (file, vote) = (Arc::clone(&self.vote), *vote);
        let saved = spawn_blocking(move || lock(&file).save(vote)).await;
        let saved = saved.map_err(|e| StorageIOError::write_vote(AnyError::new(&e)))?;
        saved.map_err(|e| StorageIOError::write_vote(AnyError::new(&e)).into())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.last_vote())
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let leader = self.last_vote().and_then(|vote| vote.leader_id.voted_for()).unwrap_or_default();
        let appended = lock(&self.log.0).append(entries, leader, now_ms());
        let file = appended.map_err(|error| write_error(&error))?;
        // Dropping the handle lets it run; openraft waits for the callback.
        drop(spawn_blocking(move || callback.log_io_completed(file.sync_data())));
        Ok(())
    }

    async fn truncate(&mut self, since: LogId) -> Result<(), StorageError> {
        lock(&self.log.0).truncate(since.index).map_err(|error| write_error(&error))
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), StorageError> {
        let covered_end = self.snapshots.newest().map(|snapshot| snapshot.covers.end_offset);
        lock(&self.log.0).purge(upto, covered_end).map_err(|error| write_error(&error))
    }
}
