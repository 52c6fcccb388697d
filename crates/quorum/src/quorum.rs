//! What the rest of the node sees of the metadata quorum.

use std::future::Future;

use bytes::Bytes;
use protocol::{BrokerId, LeaderEpoch, Offset};
use tokio::sync::watch;

use crate::error::Error;

/// The controllers' agreement on the metadata log, seen from one of them.
///
/// Committed records reach the embedding through its [`StateMachine`](crate::StateMachine) and no other way. There is
/// one proposer (the controller's task): it decides on the state as of the last [`propose`](MetadataQuorum::propose)
/// that it awaited, which has everything committed so far applied.
pub trait MetadataQuorum: Send + Sync + 'static {
    /// Commits framed metadata records as one batch: all of them or none. Answers after they are on stable storage of
    /// a majority **and applied** here.
    ///
    /// Proposals take effect in the order of the calls. Dropping the future does not take a proposal back. After
    /// [`Error::NotLeader`], [`Error::Stopped`] or [`Error::Failed`] the records may still be committed.
    fn propose(&self, records: Vec<Bytes>) -> impl Future<Output = Result<CommittedAt, Error>> + Send;

    /// The state of the quorum now. Its high watermark is never behind a proposal that was answered.
    fn status(&self) -> Status;

    /// Follows the state: how an observer learns of a new leader, or of a failure that no proposal met.
    fn subscribe(&self) -> watch::Receiver<Status>;

    /// Stops taking part. Proposals under way end in [`Error::Stopped`]. What was answered is on disk already.
    fn shutdown(&self) -> impl Future<Output = ()> + Send;
}

/// Where a proposal was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedAt {
    /// The offset of its first record; the others follow without a gap.
    pub offset: Offset,
    /// The epoch of the leader that appended it.
    pub epoch: LeaderEpoch,
}

/// The state of the quorum, as this node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Who leads, if anyone does.
    pub leader: Option<BrokerId>,
    /// The newest epoch.
    pub leader_epoch: LeaderEpoch,
    /// The offset after the last record that is committed and applied here.
    pub high_watermark: Offset,
    /// Why this node no longer takes part: a fault, or a shutdown. It does not come back.
    pub stopped: Option<Stop>,
}

/// Why a node no longer takes part in the quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It was shut down.
    Shutdown,
    /// It met a fault that it cannot go on from: a disk that fails, damaged bytes, a record that cannot be applied, a
    /// panic.
    Failed(String),
}

impl Stop {
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Shutdown => Error::Stopped,
            Self::Failed(reason) => Error::Failed(reason.clone()),
        }
    }
}
