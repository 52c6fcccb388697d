//! The metadata quorum: openraft over a log of Kafka record batches on disk, with snapshots.
//!
//! | module | what |
//! |---|---|
//! | `quorum` | [`MetadataQuorum`]: what the node sees; `raft_quorum` makes it of openraft, `driver` stands beside |
//! | `state_machine` | [`StateMachine`]: what the embedding provides |
//! | `codec` | entries of the raft log as record batches, control records |
//! | `store` | the log, the vote and the snapshots on disk, as openraft asks for them |
//! | `network` | between controllers: not served yet |
//!
//! In `__cluster_metadata-0`: segments `%020d.log`, one snapshot `%020d-%010d.checkpoint`, and `quorum-state`, all in
//! Kafka's formats. *Invariant*: what openraft is told is durable has been synced. *Invariant*: an index is never
//! stored beside the batches; it is counted from the snapshot.
//!
//! Not here: which records mean what, and who may propose them (the controller's).

mod codec;
mod driver;
mod error;
mod network;
mod options;
mod quorum;
mod raft_quorum;
mod state_machine;
mod store;
#[cfg(test)]
mod tests;
mod types;

pub use error::{Damage, Error};
pub use options::Options;
pub use quorum::{CommittedAt, MetadataQuorum, Status, Stop};
pub use raft_quorum::RaftQuorum;
pub use state_machine::{CommittedBatch, Fault, LoadedSnapshot, SnapshotRecords, StateMachine};
pub use types::{Endpoint, Voter};
