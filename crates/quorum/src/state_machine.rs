//! What the embedding provides: the state that the metadata log is about.

use bytes::Bytes;
use protocol::{LeaderEpoch, Offset};

/// What a state machine says of records that it cannot take. It stops the quorum: a node that skipped a committed
/// record would differ from the others for ever.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The contents of a snapshot, from a state that later batches do not change: framed metadata records, in an order in
/// which they can be loaded.
pub type SnapshotRecords = Box<dyn Iterator<Item = Bytes> + Send>;

/// The state that committed records make up. The quorum owns it and calls it from one task at a time: first
/// [`load`](StateMachine::load) where there is a snapshot, then [`apply`](StateMachine::apply) for each committed batch
/// once, in order. It publishes what it becomes itself (an image that readers share).
///
/// A panic in it is caught and stops the quorum with [`Error::Failed`](crate::Error::Failed).
pub trait StateMachine: Send + Sync + 'static {
    /// Replaces the whole state by what a snapshot holds.
    fn load(&mut self, snapshot: &mut LoadedSnapshot<'_>) -> Result<(), Fault>;

    /// Applies the records of one committed batch. All of them, or none with a fault.
    fn apply(&mut self, batch: &CommittedBatch) -> Result<(), Fault>;

    /// Captures the state after the last applied batch. Called on the way of commits, so it must be quick (a
    /// persistent image is cloned, not walked); the records are pulled later, on a thread that may block.
    fn snapshot(&self) -> SnapshotRecords;
}

/// A snapshot as a state machine loads it.
pub struct LoadedSnapshot<'a> {
    /// The offset after the last record that the snapshot covers.
    pub end_offset: Offset,
    /// The leader epoch of that record.
    pub epoch: LeaderEpoch,
    /// When that record was appended, in milliseconds since the Unix epoch.
    pub last_contained_log_timestamp_ms: i64,
    /// The framed records, in the order in which they were written.
    pub records: &'a mut dyn Iterator<Item = Bytes>,
}

/// A committed batch of metadata records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedBatch {
    /// The offset of the first record; the others follow without a gap.
    pub base_offset: Offset,
    /// The epoch of the leader that appended the batch.
    pub epoch: LeaderEpoch,
    /// When it was appended, in milliseconds since the Unix epoch.
    pub append_time_ms: i64,
    /// The framed records.
    pub records: Vec<Bytes>,
}

impl CommittedBatch {
    /// The offset after the last record.
    pub fn next_offset(&self) -> Offset {
        self.base_offset + self.records.len() as i64
    }
}
