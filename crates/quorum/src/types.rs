//! The types that openraft is told to speak in.

use std::fmt;

use bytes::Bytes;
use openraft::entry::{EntryPayload, FromAppData, RaftEntry, RaftPayload};
use openraft::{CommittedLeaderId, RaftLogId, RaftTypeConfig};
use protocol::{BrokerId, LeaderEpoch, Uuid};
use serde::{Deserialize, Serialize};

use crate::store::SnapshotFile;

/// How openraft knows a node: `node.id`, which is never negative.
pub(crate) type NodeId = u64;
pub(crate) type LogId = openraft::LogId<NodeId>;
pub(crate) type Vote = openraft::Vote<NodeId>;
pub(crate) type Membership = openraft::Membership<NodeId, Voter>;
pub(crate) type StoredMembership = openraft::StoredMembership<NodeId, Voter>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<NodeId, Voter>;
pub(crate) type StorageError = openraft::StorageError<NodeId>;
pub(crate) type StorageIOError = openraft::StorageIOError<NodeId>;
pub(crate) type Raft = openraft::Raft<TypeConfig>;

/// openraft's parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TypeConfig;

impl RaftTypeConfig for TypeConfig {
    type D = Proposal;
    type R = Applied;
    type NodeId = NodeId;
    type Node = Voter;
    type Entry = Entry;
    type SnapshotData = SnapshotFile;
    type AsyncRuntime = openraft::TokioRuntime;
    type Responder = openraft::impls::OneshotResponder<Self>;
}

/// A member of the quorum, as a `VotersRecord` describes it (KIP-853).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voter {
    /// The id of the directory that holds the voter's log.
    pub directory_id: [u8; 16],
    /// Where its controller listens.
    pub endpoints: Vec<Endpoint>,
}

impl Voter {
    /// A voter by the id of its directory and its listeners.
    pub const fn new(directory_id: Uuid, endpoints: Vec<Endpoint>) -> Self {
        Self { directory_id: directory_id.0, endpoints }
    }

    /// This voter where it listens, or, where that is not said, where it is known to.
    pub(crate) fn or_at(mut self, known: Option<&Self>) -> Self {
        if let Some(known) = known.filter(|_| self.endpoints.is_empty()) {
            self.endpoints.clone_from(&known.endpoints);
        }
        self
    }
}

/// A listener of a controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The listener's name, such as `CONTROLLER`.
    pub name: String,
    /// The host that the others reach it by.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The records of one proposal: a whole data batch, whose base offset and leader epoch the log stamps when it
/// appends (both lie outside of the crc).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposal {
    pub(crate) batch: Bytes,
}

/// Where an entry lies in the log, answered when it is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    pub(crate) base_offset: i64,
    pub(crate) epoch: i32,
}

/// An entry of the raft log, which is one record batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) log_id: LogId,
    pub(crate) payload: EntryPayload<TypeConfig>,
    /// Where the batch lies, once it is in the log: the offsets of its first and last record.
    pub(crate) offsets: Option<(i64, i64)>,
    /// The size of the batch, once it is in the log.
    pub(crate) size_bytes: u64,
}

impl Entry {
    pub(crate) const fn new(log_id: LogId, payload: EntryPayload<TypeConfig>) -> Self {
        Self { log_id, payload, offsets: None, size_bytes: 0 }
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self::new(LogId::default(), EntryPayload::Blank)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.log_id, self.payload)
    }
}

impl RaftPayload<NodeId, Voter> for Entry {
    fn is_blank(&self) -> bool {
        matches!(self.payload, EntryPayload::Blank)
    }

    fn get_membership(&self) -> Option<&Membership> {
        match &self.payload {
            EntryPayload::Membership(membership) => Some(membership),
            EntryPayload::Blank | EntryPayload::Normal(_) => None,
        }
    }
}

impl RaftLogId<NodeId> for Entry {
    fn get_log_id(&self) -> &LogId {
        &self.log_id
    }

    fn set_log_id(&mut self, log_id: &LogId) {
        self.log_id = *log_id;
    }
}

impl RaftEntry<NodeId, Voter> for Entry {
    fn new_blank(log_id: LogId) -> Self {
        Self::new(log_id, EntryPayload::Blank)
    }

    fn new_membership(log_id: LogId, membership: Membership) -> Self {
        Self::new(log_id, EntryPayload::Membership(membership))
    }
}

impl FromAppData<Proposal> for Entry {
    fn from_app_data(proposal: Proposal) -> Self {
        Self::new(LogId::default(), EntryPayload::Normal(proposal))
    }
}

/// A log id by its term, which is the leader epoch, and its index.
pub(crate) fn log_id(epoch: i32, index: u64) -> LogId {
    // Epochs are never negative where they come from: the log refuses such a batch.
    LogId::new(CommittedLeaderId::new(u64::try_from(epoch).unwrap_or_default(), NodeId::default()), index)
}

/// The leader epoch of a term. A term beyond Kafka's 31 bits would take an election every millisecond for 24 days.
pub(crate) fn epoch_of(term: u64) -> LeaderEpoch {
    LeaderEpoch(i32::try_from(term).unwrap_or(i32::MAX))
}

/// Kafka's id of a node.
pub(crate) fn broker_id(node: NodeId) -> BrokerId {
    BrokerId(i32::try_from(node).unwrap_or(-1))
}
