//! The runtime with the smallest machine: a sum, and as soft state the number of requests.

use bytes::Bytes;
use protocol::{ErrorCode, Offset};
use stdx::Now;

use super::*;

#[derive(Debug, Default, PartialEq)]
struct Sum {
    sum: i64,
    requests: u32,
}

impl Machine for Sum {
    type Request<'a> = i64;
    type Response = Result<i64, ErrorCode>;
    type Soft = u32;
    type Timer = &'static str;
    /// The sum that was decided.
    type Action = i64;

    fn propose(&self, now: Now, token: ReplyToken, add: i64) -> Result<Outcome<Self>, CommitError> {
        let sum = self.sum.checked_add(add).ok_or(CommitError::TooLarge)?;
        let mut outcome = Outcome::reply(token, Ok(sum));
        if add != 0 {
            outcome.records.push(record(add));
            outcome.actions.push(sum);
        }
        outcome.soft = 1;
        outcome.timers.push(TimerChange::after("double", now, 1_000));
        Ok(outcome)
    }

    fn expire(&self, _: Now, _: &&'static str) -> Result<Outcome<Self>, CommitError> {
        Ok(Outcome { records: vec![record(self.sum)], ..Outcome::default() })
    }

    fn loaded(&self, now: Now) -> Outcome<Self> {
        let timers = vec![TimerChange::after("double", now, 1_000)];
        let actions = if self.sum == 0 { vec![] } else { vec![self.sum] };
        Outcome { timers, actions, ..Outcome::default() }
    }

    fn unload(&mut self) -> Vec<Reply<Self::Response>> {
        self.requests = 0;
        Vec::new()
    }

    fn replay(&mut self, _: Offset, record: &CoordinatorRecord) -> Result<(), Error> {
        let bytes = record.key.as_ref().try_into().map_err(|_| Error::MissingType { length_bytes: 0 })?;
        self.sum += i64::from_be_bytes(bytes);
        Ok(())
    }

    fn apply(&mut self, requests: u32) {
        self.requests += requests;
    }

    fn snapshot_records(&self) -> impl Iterator<Item = Result<CoordinatorRecord, CommitError>> {
        std::iter::repeat_n(Ok(record(1)), usize::try_from(self.sum).unwrap())
    }

    fn refuse(_: i64, error: ErrorCode) -> Self::Response {
        Err(error)
    }

    fn fail(_: Self::Response, error: CommitError) -> Self::Response {
        Err(error.code())
    }
}

fn record(add: i64) -> CoordinatorRecord {
    CoordinatorRecord { key: Bytes::copy_from_slice(&add.to_be_bytes()), value: None }
}

fn active() -> Runtime<Sum> {
    let mut runtime =
        Runtime::new(Sum::default(), RuntimeConfig { commit_timeout_ms: 500, max_held_replies: 2 });
    runtime.load(Offset(3), &record(10)).unwrap();
    runtime.loaded(Now::at_ms(0), Offset(5), Offset(5));
    runtime
}

fn reply(token: u64, response: Result<i64, ErrorCode>) -> Reply<Result<i64, ErrorCode>> {
    Reply { token: ReplyToken(token), response }
}

/// Proposes and appends at `base_offset`.
fn add(
    runtime: &mut Runtime<Sum>,
    token: u64,
    add: i64,
    base_offset: i64,
) -> Vec<Reply<Result<i64, ErrorCode>>> {
    let proposal = runtime.propose(Now::at_ms(0), ReplyToken(token), add);
    runtime.conclude(Now::at_ms(0), proposal, Ok(Offset(base_offset)))
}

#[test]
fn replies_leave_when_what_they_saw_is_committed() {
    let mut runtime = active();
    assert_eq!(add(&mut runtime, 1, 0, 0), [reply(1, Ok(10))]);
    assert_eq!(add(&mut runtime, 2, 1, 5), []);
    assert_eq!(runtime.machine(), &Sum { sum: 11, requests: 2 });
    assert_eq!(add(&mut runtime, 3, 0, 0), []);
    assert_eq!(runtime.committed(Offset(5)), []);
    assert_eq!(runtime.committed(Offset(6)), [reply(2, Ok(11)), reply(3, Ok(11))]);
    // The high watermark does not go back.
    assert_eq!(runtime.committed(Offset(1)), []);
    assert_eq!(add(&mut runtime, 4, 0, 0), [reply(4, Ok(11))]);
}

#[test]
fn actions_are_due_when_what_decided_them_is_committed() {
    let mut runtime = active();
    // The log does not say whether this was done.
    assert_eq!(runtime.take_actions(), [10]);
    add(&mut runtime, 1, 1, 5);
    add(&mut runtime, 2, 1, 6);
    assert_eq!(runtime.take_actions(), []);
    runtime.committed(Offset(6));
    assert_eq!(runtime.take_actions(), [11]);
    // Replies that came too late do not take the action back: the record may be committed yet.
    assert_eq!(runtime.overdue(Now::at_ms(500)).len(), 1);
    runtime.committed(Offset(7));
    assert_eq!(runtime.take_actions(), [12]);
    let proposal = runtime.propose(Now::at_ms(0), ReplyToken(3), 1);
    runtime.conclude(Now::at_ms(0), proposal, Err(CommitError::NotEnoughReplicas));
    runtime.committed(Offset(9));
    assert_eq!(runtime.take_actions(), []);
    add(&mut runtime, 4, 1, 9);
    runtime.unload();
    runtime.committed(Offset(10));
    assert_eq!(runtime.take_actions(), []);
}

#[test]
fn a_failed_append_changes_nothing_and_answers_the_requester() {
    fn check(error: CommitError, expect: ErrorCode) {
        let mut runtime = active();
        let proposal = runtime.propose(Now::at_ms(0), ReplyToken(1), 1);
        assert_eq!(runtime.conclude(Now::at_ms(0), proposal, Err(error)), [reply(1, Err(expect))]);
        assert_eq!(runtime.machine(), &Sum { sum: 10, requests: 0 });
        assert_eq!(runtime.next_deadline_ms(), Some(1_000));
    }
    check(CommitError::NotLeader, ErrorCode::NotCoordinator);
    check(CommitError::Storage, ErrorCode::NotCoordinator);
    check(CommitError::NotEnoughReplicas, ErrorCode::CoordinatorNotAvailable);
    check(CommitError::TimedOut, ErrorCode::CoordinatorNotAvailable);
    check(CommitError::TooLarge, ErrorCode::UnknownServerError);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut runtime = active();
    assert_eq!(add(&mut runtime, 1, i64::MAX, 5), [reply(1, Err(ErrorCode::UnknownServerError))]);
    assert_eq!(runtime.machine(), &Sum { sum: 10, requests: 0 });
}

#[test]
fn replies_do_not_wait_for_ever_nor_without_bound() {
    let mut runtime = active();
    assert_eq!(add(&mut runtime, 1, 1, 5), []);
    assert_eq!(add(&mut runtime, 2, 1, 6), []);
    assert_eq!(add(&mut runtime, 3, 1, 7), [reply(3, Err(ErrorCode::CoordinatorNotAvailable))]);
    assert_eq!(runtime.held_len(), 2);
    assert_eq!(runtime.next_deadline_ms(), Some(500));
    assert_eq!(runtime.overdue(Now::at_ms(499)), []);
    let overdue = [1, 2].map(|token| reply(token, Err(ErrorCode::CoordinatorNotAvailable)));
    assert_eq!(runtime.overdue(Now::at_ms(500)), overdue);
    assert_eq!(runtime.committed(Offset(8)), []);
    assert_eq!(runtime.machine().sum, 12);
}

#[test]
fn timers_fire_once_and_are_tried_again_when_the_append_fails() {
    let mut runtime = active();
    assert!(runtime.due(Now::at_ms(999)).is_none());
    let now = Now::at_ms(1_000);
    let proposal = runtime.due(now).unwrap();
    assert_eq!(runtime.conclude(now, proposal, Err(CommitError::NotEnoughReplicas)), []);
    assert!(runtime.due(now).is_none());
    assert_eq!(runtime.next_deadline_ms(), Some(1_500));
    let now = Now::at_ms(1_500);
    let proposal = runtime.due(now).unwrap();
    assert_eq!(proposal.records(), [record(10)]);
    assert_eq!(runtime.conclude(now, proposal, Ok(Offset(5))), []);
    assert_eq!((runtime.machine().sum, runtime.next_deadline_ms()), (20, None));
}

#[test]
fn requests_are_refused_before_and_after_leadership() {
    let mut runtime = Runtime::new(Sum::default(), RuntimeConfig::default());
    assert_eq!(add(&mut runtime, 1, 1, 0), [reply(1, Err(ErrorCode::CoordinatorLoadInProgress))]);
    let mut runtime = active();
    assert!(runtime.is_active());
    assert_eq!(add(&mut runtime, 1, 1, 5), []);
    assert_eq!(runtime.unload(), [reply(1, Err(ErrorCode::NotCoordinator))]);
    assert!(!runtime.is_active());
    assert_eq!(runtime.next_deadline_ms(), None);
    assert_eq!(add(&mut runtime, 2, 1, 6), [reply(2, Err(ErrorCode::NotCoordinator))]);
}

#[test]
#[should_panic(expected = "a proposal is concluded before the next is made")]
fn two_proposals_cannot_be_open() {
    let mut runtime = active();
    let now = Now::at_ms(0);
    let first = runtime.propose(now, ReplyToken(1), 1);
    let second = runtime.propose(now, ReplyToken(2), 1);
    runtime.conclude(now, first, Ok(Offset(5)));
    runtime.conclude(now, second, Ok(Offset(6)));
}

#[test]
#[should_panic(expected = "replay goes forward")]
fn the_log_is_not_replayed_backwards() {
    let mut runtime = Runtime::new(Sum::default(), RuntimeConfig::default());
    runtime.load(Offset(3), &record(1)).unwrap();
    runtime.load(Offset(3), &record(1)).unwrap();
}
