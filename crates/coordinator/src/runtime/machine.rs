//! The one shape of every coordinator's machine.

use std::fmt::Debug;

use protocol::{ErrorCode, Offset, ProducerEpoch, ProducerId};
use stdx::Now;

use super::TimerChange;
use crate::{CommitError, CoordinatorRecord, Error};

/// Who waits for a reply: the shell chooses the number, once for each request, and gets it back with the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyToken(pub u64);

/// An answer and who gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply<R> {
    /// The token that came with the request.
    pub token: ReplyToken,
    /// The answer.
    pub response: R,
}

/// A producer in whose transaction records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionalProducer {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

/// What a machine decides. All of it happens, or, when its records cannot be appended, none of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<M: Machine> {
    /// To be appended as one batch.
    pub records: Vec<CoordinatorRecord>,
    /// In whose transaction they are written, if in one: they count once it commits.
    pub transaction: Option<TransactionalProducer>,
    /// Answers, the requester's and those of others that waited. A requester without one waits in the soft state.
    pub replies: Vec<Reply<M::Response>>,
    /// What changes in the state that fail-over loses.
    pub soft: M::Soft,
    /// What changes in the timers.
    pub timers: Vec<TimerChange<M::Timer>>,
    /// What the shell is to do once the records are committed, however long that takes.
    pub actions: Vec<M::Action>,
}

impl<M: Machine> Default for Outcome<M> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            transaction: None,
            replies: Vec::new(),
            soft: M::Soft::default(),
            timers: Vec::new(),
            actions: Vec::new(),
        }
    }
}

impl<M: Machine> Outcome<M> {
    /// Nothing but an answer.
    pub fn reply(token: ReplyToken, response: M::Response) -> Self {
        Self { replies: vec![Reply { token, response }], ..Self::default() }
    }
}

/// A coordinator's machine: durable state that only [`replay`](Self::replay) changes, and soft state, lost at
/// fail-over, that only [`apply`](Self::apply) changes. Everything else takes `&self` and proposes.
pub trait Machine: Sized {
    /// What it is asked.
    type Request<'a>: Copy;
    /// What it answers.
    type Response: Clone + Debug + PartialEq;
    /// A change of soft state, as a value.
    type Soft: Clone + Debug + Default + PartialEq;
    /// What a timer is about.
    type Timer: Clone + Debug + Ord;
    /// What a machine has its shell do elsewhere. The shell tells the outcome as a request.
    type Action: Clone + Debug + PartialEq;

    /// Decides on a request. An `Err` is a request whose records cannot be written at all; it is answered so.
    fn propose(
        &self,
        now: Now,
        token: ReplyToken,
        request: Self::Request<'_>,
    ) -> Result<Outcome<Self>, CommitError>;

    /// Decides what follows from a timer that fired.
    fn expire(&self, now: Now, timer: &Self::Timer) -> Result<Outcome<Self>, CommitError>;

    /// Called once when every record of the log is replayed: the timers to start with, and the actions of which the log does
    /// not say that they were carried out. No records, no replies.
    fn loaded(&self, now: Now) -> Outcome<Self>;

    /// Called when the leadership of the partition is gone: drops the soft state and answers everybody who waits in it.
    fn unload(&mut self) -> Vec<Reply<Self::Response>>;

    /// The only change of durable state. Replaying the same records gives the same state.
    fn replay(&mut self, offset: Offset, record: &CoordinatorRecord) -> Result<(), Error>;

    /// The change of durable state that a record of an open transaction is. Most machines never write any.
    fn replay_transactional(
        &mut self,
        offset: Offset,
        _producer_id: ProducerId,
        record: &CoordinatorRecord,
    ) -> Result<(), Error> {
        self.replay(offset, record)
    }

    /// The producer's transaction has ended: its records count from now on, or never.
    fn replay_end_of_transaction(&mut self, _producer_id: ProducerId, _committed: bool) {}

    /// The only change of soft state.
    fn apply(&mut self, soft: Self::Soft);

    /// Every live fact as a fresh record: replayed from nothing they give the same durable state. What open transactions wrote
    /// is not among them.
    fn snapshot_records(&self) -> impl Iterator<Item = Result<CoordinatorRecord, CommitError>>;

    /// The answer to a request that the machine does not see: `error` in every place where this API has one.
    fn refuse(request: Self::Request<'_>, error: ErrorCode) -> Self::Response;

    /// Turns an answer into the failure to make it durable.
    fn fail(response: Self::Response, error: CommitError) -> Self::Response;
}
