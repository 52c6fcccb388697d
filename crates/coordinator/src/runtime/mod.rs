//! What every coordinator shares: propose, append, replay, hold the reply until it is committed; timers; loading and
//! unloading. The shell does the I/O, the machine decides; this keeps the order between them.

mod held;
mod machine;
mod timers;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use protocol::{ErrorCode, Offset, ProducerId};
use stdx::Now;

pub use held::Held;
use held::HeldReplies;
pub use machine::{Machine, Outcome, Reply, ReplyToken, TransactionalProducer};
pub use timers::{TimerChange, Timers};

use crate::{CommitError, CoordinatorRecord, Error};

/// How long after a failed append a timer is tried again.
const RETRY_BACKOFF_MS: i64 = 500;

/// The runtime's limits.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeConfig {
    /// `offsets.commit.timeout.ms`: a reply that is not committed by then fails.
    pub commit_timeout_ms: u64,
    /// Replies that may wait for commit; beyond it requests are refused with `COORDINATOR_NOT_AVAILABLE`.
    pub max_held_replies: usize,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self { commit_timeout_ms: 5_000, max_held_replies: 100_000 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Loading,
    Active,
    Unloaded,
}

/// What the machine decided and what to do with it once its records are appended or not.
/// Conclude it before the next one is asked for: it was decided on the state as it is.
#[must_use = "a proposal that is not concluded leaves its requester without an answer"]
pub struct Proposal<M: Machine> {
    outcome: Outcome<M>,
    /// The requester's answer if nothing happens: because of the append, with the error filled in then, or because
    /// there is no outcome.
    refusal: Option<Reply<M::Response>>,
    timer: Option<M::Timer>,
    concluded_before: u64,
}

impl<M: Machine> Proposal<M> {
    /// To be appended as one batch before [`Runtime::conclude`]; when there are none, nothing is appended.
    pub fn records(&self) -> &[CoordinatorRecord] {
        &self.outcome.records
    }

    /// In whose transaction they are to be appended, if in one.
    pub fn transaction(&self) -> Option<TransactionalProducer> {
        self.outcome.transaction
    }
}

/// One coordinator: the machine of one partition of an internal topic, its timers and the replies it holds.
pub struct Runtime<M: Machine> {
    machine: M,
    config: RuntimeConfig,
    phase: Phase,
    timers: Timers<M::Timer>,
    held: HeldReplies<M::Response>,
    /// Actions that wait until everything before an offset is committed.
    actions: VecDeque<(Offset, M::Action)>,
    /// One past the last replayed record.
    next_offset: Offset,
    high_watermark: Offset,
    concluded: u64,
}

impl<M: Machine> Runtime<M> {
    /// A coordinator that is loading: replay the log into it, then call [`loaded`](Self::loaded).
    pub fn new(machine: M, config: RuntimeConfig) -> Self {
        Self {
            machine,
            config,
            phase: Phase::Loading,
            timers: Timers::default(),
            held: HeldReplies::default(),
            actions: VecDeque::new(),
            next_offset: Offset::ZERO,
            high_watermark: Offset::ZERO,
            concluded: 0,
        }
    }

    /// The machine, to read.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Whether requests are served.
    pub fn is_active(&self) -> bool {
        self.phase == Phase::Active
    }

    /// Timers that wait.
    pub fn timers_len(&self) -> usize {
        self.timers.len()
    }

    /// Replies that wait for commit.
    pub fn held_len(&self) -> usize {
        self.held.len()
    }

    /// Replays one record of the log while loading. Offsets ascend; gaps are fine. After an error this coordinator
    /// must be unloaded: its state is not the log's.
    pub fn load(&mut self, offset: Offset, record: &CoordinatorRecord) -> Result<(), Error> {
        self.pass(offset);
        self.machine.replay(offset, record)
    }

    /// Replays one record of a transaction of the log while loading.
    pub fn load_transactional(
        &mut self,
        offset: Offset,
        producer_id: ProducerId,
        record: &CoordinatorRecord,
    ) -> Result<(), Error> {
        self.pass(offset);
        self.machine.replay_transactional(offset, producer_id, record)
    }

    /// Replays the end of a producer's transaction: while loading, or when its marker was just appended.
    pub fn end_transaction(&mut self, offset: Offset, producer_id: ProducerId, committed: bool) {
        self.pass(offset);
        self.concluded += 1;
        self.machine.replay_end_of_transaction(producer_id, committed);
    }

    fn pass(&mut self, offset: Offset) {
        assert!(offset >= self.next_offset, "replay goes forward: {offset} after {}", self.next_offset);
        self.next_offset = offset + 1;
    }

    /// The log is replayed up to `log_end`, of which `high_watermark` is committed: serve.
    pub fn loaded(&mut self, now: Now, log_end: Offset, high_watermark: Offset) {
        assert!(
            log_end >= self.next_offset,
            "log end {log_end} below what was replayed, {}",
            self.next_offset
        );
        self.next_offset = log_end;
        self.high_watermark = high_watermark;
        self.phase = Phase::Active;
        let outcome = self.machine.loaded(now);
        debug_assert!(outcome.records.is_empty() && outcome.replies.is_empty());
        self.act(outcome.actions);
        self.apply(outcome.soft, outcome.timers);
    }

    /// Leadership is gone: everybody who waits is answered, and every request from now on is refused.
    pub fn unload(&mut self) -> Vec<Reply<M::Response>> {
        self.phase = Phase::Unloaded;
        self.concluded += 1;
        self.timers.clear();
        // Whoever leads next finds in the log what was to be done.
        self.actions.clear();
        let mut replies = fail_all::<M>(self.held.drain(), CommitError::NotLeader);
        replies.extend(self.machine.unload());
        replies
    }

    /// Decides on a request.
    pub fn propose(&self, now: Now, token: ReplyToken, request: M::Request<'_>) -> Proposal<M> {
        let refuse = |error| Reply { token, response: M::refuse(request, error) };
        let decided = match self.phase {
            Phase::Loading => Err(ErrorCode::CoordinatorLoadInProgress),
            Phase::Unloaded => Err(ErrorCode::NotCoordinator),
            Phase::Active if self.held.len() >= self.config.max_held_replies => {
                Err(ErrorCode::CoordinatorNotAvailable)
            }
            Phase::Active => self.machine.propose(now, token, request).map_err(CommitError::code),
        };
        let (outcome, refusal) = match decided {
            Ok(outcome) if outcome.records.is_empty() => (outcome, None),
            Ok(outcome) => (outcome, Some(refuse(ErrorCode::CoordinatorNotAvailable))),
            Err(error) => (Outcome::default(), Some(refuse(error))),
        };
        Proposal { outcome, refusal, timer: None, concluded_before: self.concluded }
    }

    /// The earliest monotonic millisecond at which [`due`](Self::due) or [`overdue`](Self::overdue) has something.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let timer = self.timers.first().map(|(at_ms, _)| at_ms);
        [timer, self.held.next_deadline_ms()].into_iter().flatten().min()
    }

    /// What follows from the first timer that has fired. Conclude it, then ask again until there is none.
    pub fn due(&self, now: Now) -> Option<Proposal<M>> {
        let timer = self.timers.due(now)?;
        // Records that cannot be written would be proposed again for ever: the timer is dropped instead.
        let outcome = self.machine.expire(now, timer).unwrap_or_default();
        Some(Proposal {
            outcome,
            refusal: None,
            timer: Some(timer.clone()),
            concluded_before: self.concluded,
        })
    }

    /// Fails the replies that were not committed in time.
    pub fn overdue(&mut self, now: Now) -> Vec<Reply<M::Response>> {
        fail_all::<M>(self.held.overdue(now), CommitError::TimedOut)
    }

    /// Carries out a proposal. `appended` is the offset of the first of its records, any when it has none, or why they
    /// were not appended: then nothing changes and only the requester is answered. Returns the replies that may leave.
    pub fn conclude(
        &mut self,
        now: Now,
        proposal: Proposal<M>,
        appended: Result<Offset, CommitError>,
    ) -> Vec<Reply<M::Response>> {
        assert_eq!(
            proposal.concluded_before, self.concluded,
            "a proposal is concluded before the next is made"
        );
        self.concluded += 1;
        let Proposal { outcome, refusal, timer, .. } = proposal;
        if let Some(timer) = &timer {
            self.timers.cancel(timer);
        }
        if outcome.records.is_empty() {
            if let Some(refusal) = refusal {
                // It saw nothing that could be uncommitted.
                return vec![refusal];
            }
        } else {
            match appended {
                Ok(base_offset) => self.replay(base_offset, &outcome.records, outcome.transaction),
                Err(error) => {
                    if let Some(timer) = timer {
                        self.timers.change(TimerChange::after(timer, now, RETRY_BACKOFF_MS));
                    }
                    return fail_all::<M>(refusal.into_iter().collect(), error);
                }
            }
        }
        self.act(outcome.actions);
        self.apply(outcome.soft, outcome.timers);
        let deadline_ms = now.monotonic_ms.saturating_add(self.config.commit_timeout_ms);
        for reply in outcome.replies {
            self.held.hold(Held { until: self.next_offset, deadline_ms, reply });
        }
        self.held.release(self.high_watermark)
    }

    /// The high watermark moved. Returns the replies that may leave.
    pub fn committed(&mut self, high_watermark: Offset) -> Vec<Reply<M::Response>> {
        self.high_watermark = self.high_watermark.max(high_watermark);
        self.held.release(self.high_watermark)
    }

    /// What the shell is to do now. Ask after every [`loaded`](Self::loaded), [`conclude`](Self::conclude) and
    /// [`committed`](Self::committed).
    pub fn take_actions(&mut self) -> Vec<M::Action> {
        let due = self.actions.iter().take_while(|(until, _)| *until <= self.high_watermark).count();
        self.actions.drain(..due).map(|(_, action)| action).collect()
    }

    fn act(&mut self, actions: Vec<M::Action>) {
        let until = self.next_offset;
        self.actions.extend(actions.into_iter().map(|action| (until, action)));
    }

    fn replay(
        &mut self,
        base_offset: Offset,
        records: &[CoordinatorRecord],
        transaction: Option<TransactionalProducer>,
    ) {
        assert!(
            base_offset >= self.next_offset,
            "appended at {base_offset}, replayed to {}",
            self.next_offset
        );
        let mut offset = base_offset;
        for record in records {
            let replayed = match transaction {
                None => self.machine.replay(offset, record),
                Some(producer) => self.machine.replay_transactional(offset, producer.id, record),
            };
            assert!(replayed.is_ok(), "a machine reads what it wrote: {replayed:?}");
            offset += 1;
        }
        self.next_offset = offset;
    }

    fn apply(&mut self, soft: M::Soft, timers: Vec<TimerChange<M::Timer>>) {
        self.machine.apply(soft);
        for change in timers {
            self.timers.change(change);
        }
    }
}

fn fail_all<M: Machine>(replies: Vec<Reply<M::Response>>, error: CommitError) -> Vec<Reply<M::Response>> {
    let fail =
        |reply: Reply<M::Response>| Reply { token: reply.token, response: M::fail(reply.response, error) };
    replies.into_iter().map(fail).collect()
}
