//! openraft's own tests of a storage, over ours.
//!
//! A few of them start a log at an index other than 0, leave a gap, or append before what was purged, which openraft
//! itself never does and our log refuses. Here gaps are filled with blank entries, and what is purged is left out.

use std::fmt::Debug;
use std::ops::RangeBounds;
use std::sync::Arc;

use openraft::entry::RaftEntry;
use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::testing::{StoreBuilder, Suite};
use openraft::{OptionalSend, RaftLogReader};
use tempfile::TempDir;
use tokio::sync::watch;

use super::raft_log::LogReader;
use super::{LogStore, Machine, MetadataLog, Progress, SnapshotStore, VoteFile};
use crate::tests::Values;
use crate::types::{Entry, LogId, StorageError, TypeConfig, Vote};

struct Filled(LogStore);

impl RaftLogReader<TypeConfig> for Filled {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        self.0.try_get_log_entries(range).await
    }
}

impl RaftLogStorage<TypeConfig> for Filled {
    type LogReader = LogReader;

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut next = self.0.get_log_state().await?.last_log_id.map_or(0, |id| id.index + 1);
        let mut filled = Vec::new();
        for entry in entries {
            if entry.log_id.index < next {
                continue;
            }
            filled.extend(
                (next..entry.log_id.index).map(|i| Entry::new_blank(LogId::new(entry.log_id.leader_id, i))),
            );
            next = entry.log_id.index + 1;
            filled.push(entry);
        }
        self.0.append(filled, callback).await
    }

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        self.0.get_log_state().await
    }

    async fn get_log_reader(&mut self) -> LogReader {
        self.0.get_log_reader().await
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        self.0.save_vote(vote).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        self.0.read_vote().await
    }

    async fn truncate(&mut self, since: LogId) -> Result<(), StorageError> {
        self.0.truncate(since).await
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), StorageError> {
        self.0.purge(upto).await
    }
}

struct Builder;

impl StoreBuilder<TypeConfig, Filled, Machine<Values>, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, Filled, Machine<Values>), StorageError> {
        let dir = tempfile::tempdir().unwrap();
        let (snapshots, records) = SnapshotStore::open(dir.path()).unwrap();
        let snapshots = Arc::new(snapshots);
        let log = MetadataLog::open(dir.path(), snapshots.covered(), u64::MAX).unwrap();
        let vote = VoteFile::open(dir.path()).unwrap();
        let (progress, _) = watch::channel(Progress::default());
        let machine =
            Machine::new(Values::default(), Arc::clone(&snapshots), records, None, Arc::new(progress))
                .unwrap();
        Ok((dir, Filled(LogStore::new(log, vote, snapshots)), machine))
    }
}

#[test]
fn openraft_is_content_with_the_storage() {
    Suite::test_all(Builder).unwrap();
}
