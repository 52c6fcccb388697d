//! The embedding's state machine as openraft drives it, and the snapshots of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use openraft::entry::EntryPayload;
use openraft::storage::RaftStateMachine;
use openraft::{AnyError, OptionalSend, RaftSnapshotBuilder};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::now_ms;
use super::snapshot::{Covers, SnapshotFile, SnapshotStore};
use crate::codec;
use crate::error::Error;
use crate::state_machine::{SnapshotRecords, StateMachine};
use crate::types::{
    Applied, Entry, LogId, Membership, SnapshotMeta, StorageError, StorageIOError, StoredMembership,
    TypeConfig,
};

type Snapshot = openraft::Snapshot<TypeConfig>;

/// How far the state machine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The offset after the last record that is committed and applied.
    pub(crate) high_watermark: i64,
    /// The last applied entry.
    pub(crate) last_applied: Option<LogId>,
    /// Bytes of batches since the newest snapshot.
    pub(crate) bytes_since_snapshot: u64,
    /// Whether metadata records are among them.
    pub(crate) data_since_snapshot: bool,
}

/// The state machine with what openraft wants to know of it.
#[derive(Debug)]
pub(crate) struct Machine<S> {
    state: S,
    snapshots: Arc<SnapshotStore>,
    membership: StoredMembership,
    /// Whether the log or its snapshot records the membership. If not, it is the configured one.
    membership_is_recorded: bool,
    last_timestamp_ms: i64,
    progress: Arc<watch::Sender<Progress>>,
}

impl<S: StateMachine> Machine<S> {
    /// Loads the newest snapshot, whose records are given, into a fresh state. The membership is `configured`, where there
    /// is one that nothing records.
    pub(crate) fn new(
        mut state: S,
        snapshots: Arc<SnapshotStore>,
        records: Vec<Bytes>,
        configured: Option<Membership>,
        progress: Arc<watch::Sender<Progress>>,
    ) -> Result<Self, Error> {
        let newest = snapshots.newest();
        if let Some(snapshot) = &newest {
            snapshot.load(records, &mut state)?;
        }
        let mut machine = Self {
            state,
            snapshots,
            membership_is_recorded: configured.is_none(),
            membership: StoredMembership::new(None, configured.unwrap_or_default()),
            last_timestamp_ms: -1,
            progress,
        };
        newest.iter().for_each(|snapshot| machine.stand_at(&snapshot.covers));
        Ok(machine)
    }

    /// The members as of the last applied entry.
    pub(crate) fn membership(&self) -> &Membership {
        self.membership.membership()
    }

    /// Takes over the position of a snapshot that the state was loaded from.
    fn stand_at(&mut self, covers: &Covers) {
        if let Some(recorded) = &covers.membership {
            self.membership = recorded.clone();
        }
        self.last_timestamp_ms = covers.last_timestamp_ms;
        self.progress.send_replace(Progress {
            high_watermark: covers.end_offset,
            last_applied: covers.last_log_id,
            ..Progress::default()
        });
    }

    fn apply_entry(&mut self, entry: Entry) -> Result<Applied, AnyError> {
        let is_data = match &entry.payload {
            EntryPayload::Blank => false,
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                self.membership_is_recorded = true;
                false
            }
            EntryPayload::Normal(proposal) => {
                let batch = codec::committed(proposal).map_err(|e| AnyError::new(&e))?;
                self.last_timestamp_ms = batch.append_time_ms;
                let state = &mut self.state;
                let applied = catch_unwind(AssertUnwindSafe(|| state.apply(&batch))).map_err(panicked)?;
                applied.map_err(|fault| AnyError::error(fault.to_string()))?;
                true
            }
        };
        let before = self.progress.borrow().high_watermark;
        // Entries come from the log, which knows where they lie.
        let (base_offset, last_offset) = entry.offsets.unwrap_or((before, before - 1));
        self.progress.send_modify(|progress| {
            progress.high_watermark = last_offset + 1;
            progress.last_applied = Some(entry.log_id);
            progress.bytes_since_snapshot += entry.size_bytes;
            progress.data_since_snapshot |= is_data;
        });
        Ok(Applied { base_offset, epoch: crate::types::epoch_of(entry.log_id.leader_id.term).get() })
    }
}

/// What a panic said.
fn panicked(payload: Box<dyn std::any::Any + Send>) -> AnyError {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    AnyError::error(format!("the state machine panicked: {text}"))
}

impl<S: StateMachine> RaftStateMachine<TypeConfig> for Machine<S> {
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        Ok((self.progress.borrow().last_applied, self.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Applied>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut applied = Vec::new();
        for entry in entries {
            let log_id = entry.log_id;
            applied.push(self.apply_entry(entry).map_err(|e| StorageIOError::apply(log_id, e))?);
        }
        Ok(applied)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        let progress = *self.progress.borrow();
        let records = catch_unwind(AssertUnwindSafe(|| self.state.snapshot())).map_err(panicked);
        let capture = progress.last_applied.map(|last_log_id| Capture {
            covers: Covers {
                end_offset: progress.high_watermark,
                last_log_id: Some(last_log_id),
                membership: self.membership_is_recorded.then(|| self.membership.clone()),
                last_timestamp_ms: self.last_timestamp_ms,
            },
            records,
            bytes: progress.bytes_since_snapshot,
        });
        SnapshotBuilder {
            snapshots: Arc::clone(&self.snapshots),
            progress: Arc::clone(&self.progress),
            capture: Mutex::new(capture),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotFile>, StorageError> {
        let file = self.snapshots.receive().map_err(|e| snapshot_error(AnyError::new(&e)))?;
        Ok(Box::new(file))
    }

    async fn install_snapshot(
        &mut self,
        _: &SnapshotMeta,
        file: Box<SnapshotFile>,
    ) -> Result<(), StorageError> {
        let snapshots = Arc::clone(&self.snapshots);
        let installed = spawn_blocking(move || snapshots.install(&file)).await;
        let installed = installed.map_err(|e| snapshot_error(AnyError::new(&e)))?;
        let (snapshot, records) = installed.map_err(|e| snapshot_error(AnyError::new(&e)))?;
        let load = catch_unwind(AssertUnwindSafe(|| snapshot.load(records, &mut self.state)));
        load.map_err(|e| snapshot_error(panicked(e)))?.map_err(|e| snapshot_error(AnyError::new(&e)))?;
        self.stand_at(&snapshot.covers);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        // One that covers nothing is none to openraft.
        let newest = self.snapshots.newest().filter(|snapshot| snapshot.covers.last_log_id.is_some());
        Ok(newest.map(into_openraft))
    }
}

fn into_openraft(snapshot: super::snapshot::Snapshot) -> Snapshot {
    Snapshot { meta: snapshot.covers.meta(), snapshot: Box::new(snapshot.file) }
}

fn snapshot_error(source: AnyError) -> StorageError {
    StorageIOError::write_snapshot(None, source).into()
}

/// A state captured between two batches.
struct Capture {
    covers: Covers,
    records: Result<SnapshotRecords, AnyError>,
    /// The bytes of batches since the snapshot before, which this one will cover.
    bytes: u64,
}

/// Writes what was captured.
pub(crate) struct SnapshotBuilder {
    snapshots: Arc<SnapshotStore>,
    progress: Arc<watch::Sender<Progress>>,
    /// Behind a lock only because openraft wants the builder to be `Sync`.
    capture: Mutex<Option<Capture>>,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let capture = self.capture.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Capture { covers, records, bytes }) = capture else {
            // Nothing is applied yet. The snapshot of nothing is not worth a name.
            let nothing = self.snapshots.receive().map_err(|e| snapshot_error(AnyError::new(&e)))?;
            return Ok(Snapshot { meta: SnapshotMeta::default(), snapshot: Box::new(nothing) });
        };
        let records = records.map_err(snapshot_error)?;
        let (snapshots, last) = (Arc::clone(&self.snapshots), covers.last_log_id);
        // A panic while the records are pulled ends the blocking task, and is its error.
        let written = spawn_blocking(move || snapshots.write(covers, records, now_ms())).await;
        let written = written.map_err(|e| snapshot_error(AnyError::new(&e)))?;
        let snapshot = written.map_err(|e| snapshot_error(AnyError::new(&e)))?;
        self.progress.send_modify(|progress| {
            progress.bytes_since_snapshot = progress.bytes_since_snapshot.saturating_sub(bytes);
            progress.data_since_snapshot &= progress.last_applied != last;
        });
        Ok(into_openraft(snapshot))
    }
}
