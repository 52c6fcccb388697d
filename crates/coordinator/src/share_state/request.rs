//! What the machine is asked, and what it answers: one share-partition at a time, as its coordinator depends on it.

use std::collections::BTreeSet;

use protocol::{ErrorCode, LeaderEpoch, Offset, Uuid};

use super::batch::StateBatch;
use super::key::SharePartitionKey;

/// A share-partition that a request is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Which.
    pub key: &'a SharePartitionKey,
    /// Whether the cluster has this partition of this topic.
    pub exists: bool,
}

/// WriteShareGroupState of one share-partition.
#[derive(Clone, Copy, Debug)]
pub struct WriteState<'a> {
    /// Of what the writer thinks the state is.
    pub state_epoch: i32,
    /// Of the writer.
    pub leader_epoch: LeaderEpoch,
    /// Where the share-partition starts; -1 leaves it as it is.
    pub start_offset: Offset,
    /// How many offsets from there on are done with; -1 is not known (version 0).
    pub delivery_complete_count: i32,
    /// What has changed.
    pub batches: &'a [StateBatch],
}

/// A request to the share state of one partition of `__share_group_state`.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// InitializeShareGroupState: begins anew with this state epoch and start offset.
    Initialize(Subject<'a>, i32, Offset),
    /// ReadShareGroupState by the leader of this epoch.
    Read(Subject<'a>, LeaderEpoch),
    /// WriteShareGroupState.
    Write(Subject<'a>, WriteState<'a>),
    /// DeleteShareGroupState.
    Delete(Subject<'a>),
    /// ReadShareGroupStateSummary.
    ReadSummary(Subject<'a>),
    /// These topics are no more.
    TopicsDeleted(&'a BTreeSet<Uuid>),
}

/// Why not, and what a client is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error.
    pub error: ErrorCode,
    /// More of it.
    pub message: &'static str,
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        let message = match error {
            ErrorCode::FencedLeaderEpoch => {
                "The leader epoch in the request is older than the epoch on the broker."
            }
            ErrorCode::FencedStateEpoch => {
                "The coordinator rejected the request because the state epoch did not match."
            }
            ErrorCode::UnknownTopicOrPartition => "This server does not host this topic-partition.",
            ErrorCode::NotCoordinator => "This is not the correct coordinator.",
            _ => "The coordinator is not available.",
        };
        Self { error, message }
    }
}

/// A share-partition's state as its leader reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadState {
    /// Of the state.
    pub state_epoch: i32,
    /// Where it starts; -1 before anybody has chosen.
    pub start_offset: Offset,
    /// All batches.
    pub batches: Vec<StateBatch>,
}

/// What a share-partition's lag is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSummary {
    /// Of the state.
    pub state_epoch: i32,
    /// Of the leader who read it last.
    pub leader_epoch: LeaderEpoch,
    /// Where it starts; -1 before anybody has chosen.
    pub start_offset: Offset,
    /// How many offsets from there on are done with; -1 when not known.
    pub delivery_complete_count: i32,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// Not done.
    Refused(Refusal),
    /// To everything that only changes.
    Done,
    /// To TopicsDeleted, of which this was a part: ask again.
    More,
    /// To Read.
    State(ReadState),
    /// To ReadSummary.
    Summary(StateSummary),
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What the shell is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The log needs nothing below this offset any more: delete the records.
    Prune(Offset),
}
