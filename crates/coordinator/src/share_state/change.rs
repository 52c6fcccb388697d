//! InitializeShareGroupState, WriteShareGroupState, DeleteShareGroupState, and what goes with deleted topics.

use std::collections::BTreeSet;

use protocol::{ErrorCode, Offset, Uuid};
use stdx::Now;

use super::batch::{StateBatch, combine};
use super::key::SharePartitionKey;
use super::record::{snapshot_record, update_record};
use super::request::{Refusal, Response, Subject, WriteState};
use super::state::{ShareState, ShareUpdate};
use super::{Entry, ShareCoordinator};
use crate::runtime::{Outcome, ReplyToken};
use crate::{CommitError, CoordinatorRecord};

/// A decision: the record, if there is something to write, and the answer; or why not.
pub(super) type Decision = Result<(Option<CoordinatorRecord>, Response), Refusal>;

const INVALID_PARTITION: &str = "The partition id cannot be a negative number.";
const INVALID_LEADER_EPOCH: &str = "The leader epoch cannot be a negative number.";
const INVALID_STATE_EPOCH: &str = "The state epoch cannot be a negative number.";

pub(super) const fn invalid(message: &'static str) -> Refusal {
    Refusal { error: ErrorCode::InvalidRequest, message }
}

impl Subject<'_> {
    pub(super) fn check_partition(&self) -> Result<(), Refusal> {
        if self.key.partition < 0 { Err(invalid(INVALID_PARTITION)) } else { Ok(()) }
    }

    pub(super) fn check_exists(&self) -> Result<(), Refusal> {
        if self.exists { Ok(()) } else { Err(ErrorCode::UnknownTopicOrPartition.into()) }
    }
}

pub(super) fn check_leader_epoch(leader_epoch: i32) -> Result<(), Refusal> {
    if leader_epoch < 0 { Err(invalid(INVALID_LEADER_EPOCH)) } else { Ok(()) }
}

fn check_state_epoch(state_epoch: i32) -> Result<(), Refusal> {
    if state_epoch < 0 { Err(invalid(INVALID_STATE_EPOCH)) } else { Ok(()) }
}

impl ShareCoordinator {
    /// Begins anew: nothing of what was is kept, but who may not come back.
    pub(super) fn initialize(
        &self,
        now: Now,
        subject: Subject<'_>,
        state_epoch: i32,
        start_offset: Offset,
    ) -> Result<Decision, CommitError> {
        let state = self.state(subject.key);
        let check = || {
            subject.check_partition()?;
            check_state_epoch(state_epoch)?;
            if state.is_some_and(|state| state.state_epoch > state_epoch) {
                return Err(ErrorCode::FencedStateEpoch.into());
            }
            subject.check_exists()
        };
        if let Err(refusal) = check() {
            return Ok(Err(refusal));
        }
        let begun = ShareState::new(state, state_epoch, start_offset, now.unix_ms);
        let record = snapshot_record(subject.key, Some(&begun))?;
        Ok(Ok((Some(record), Response::Done)))
    }

    /// Keeps what a leader tells. Its own epoch is not kept: only a read sets that.
    pub(super) fn write(
        &self,
        now: Now,
        subject: Subject<'_>,
        write: WriteState<'_>,
    ) -> Result<Decision, CommitError> {
        let entry = match self.writable(subject, write) {
            Ok(entry) => entry,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let state = &entry.state;
        // A write that comes late takes nothing back.
        let delivery_complete_count = match write.start_offset.cmp(&state.start_offset) {
            std::cmp::Ordering::Greater => write.delivery_complete_count,
            std::cmp::Ordering::Equal => write.delivery_complete_count.max(state.delivery_complete_count),
            std::cmp::Ordering::Less => state.delivery_complete_count,
        };
        let start_offset = write.start_offset.max(state.start_offset);
        let update = ShareUpdate {
            snapshot_epoch: state.snapshot_epoch,
            leader_epoch: state.leader_epoch,
            start_offset,
            delivery_complete_count,
            batches: combine(write.batches.iter().copied(), start_offset),
        };
        Ok(Ok((Some(self.record_of(now, subject.key, entry, &update)?), Response::Done)))
    }

    fn writable(&self, subject: Subject<'_>, write: WriteState<'_>) -> Result<&Entry, Refusal> {
        subject.check_partition()?;
        check_leader_epoch(write.leader_epoch.get())?;
        check_state_epoch(write.state_epoch)?;
        let entry = self
            .entries
            .get(subject.key)
            .ok_or(invalid("Write operation on uninitialized share partition not allowed."))?;
        if entry.state.leader_epoch > write.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch.into());
        }
        if entry.state.state_epoch > write.state_epoch {
            return Err(ErrorCode::FencedStateEpoch.into());
        }
        subject.check_exists()?;
        if !write.batches.iter().all(StateBatch::is_valid) {
            return Err(invalid("A state batch has offsets that are no range."));
        }
        Ok(entry)
    }

    /// An update, or a snapshot when there were enough updates.
    pub(super) fn record_of(
        &self,
        now: Now,
        key: &SharePartitionKey,
        entry: &Entry,
        update: &ShareUpdate,
    ) -> Result<CoordinatorRecord, CommitError> {
        if entry.updates >= self.config.updates_per_snapshot {
            snapshot_record(key, Some(&entry.state.updated(update).snapshot(now.unix_ms)))
        } else {
            update_record(key, update)
        }
    }

    /// What is not there is deleted already.
    pub(super) fn delete(&self, subject: Subject<'_>) -> Result<Decision, CommitError> {
        if let Err(refusal) = subject.check_partition().and_then(|()| subject.check_exists()) {
            return Ok(Err(refusal));
        }
        let there = self.entries.contains_key(subject.key);
        let record = there.then(|| snapshot_record(subject.key, None)).transpose()?;
        Ok(Ok((record, Response::Done)))
    }

    /// Nobody will ask for the share-partitions of these topics again.
    pub(super) fn topics_deleted(
        &self,
        token: ReplyToken,
        topics: &BTreeSet<Uuid>,
    ) -> Result<Outcome<Self>, CommitError> {
        let mut gone = self.entries.keys().filter(|key| topics.contains(&key.topic_id));
        let some = gone.by_ref().take(self.config.max_records_at_once);
        let records = some.map(|key| snapshot_record(key, None)).collect::<Result<_, _>>()?;
        let response = if gone.next().is_some() { Response::More } else { Response::Done };
        Ok(Outcome { records, ..Outcome::reply(token, response) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ShareStateConfig;
    use super::super::harness::{check, check_with};

    #[test]
    fn nothing_is_written_or_read_before_it_is_begun() {
        check(&[
            ("write g/0", "INVALID_REQUEST"),
            ("read g/0", "INVALID_REQUEST"),
            ("summary g/0", "state=0 leader=0 start=-1 done=-1"),
            ("initialize g/0", "ok"),
            ("read g/0", "state=0 start=-1"),
            ("summary g/0", "state=0 leader=0 start=-1 done=-1"),
            ("write g/0 start=5 done=0", "ok"),
            ("read g/0", "state=0 start=5"),
            ("log", "Su"),
            ("restart", ""),
            ("read g/0", "state=0 start=5"),
        ]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        check(&[
            ("initialize g/-1", "INVALID_REQUEST"),
            ("initialize g/0 state=-1", "INVALID_REQUEST"),
            ("initialize g/10", "UNKNOWN_TOPIC_OR_PARTITION"),
            ("summary g/-1", "INVALID_REQUEST"),
            ("summary g/10", "UNKNOWN_TOPIC_OR_PARTITION"),
            ("delete g/-1", "INVALID_REQUEST"),
            ("delete g/10", "UNKNOWN_TOPIC_OR_PARTITION"),
            ("initialize g/0 start=0", "ok"),
            ("write g/0 leader=-1", "INVALID_REQUEST"),
            ("write g/0 state=-1", "INVALID_REQUEST"),
            ("write g/0 5-4:2x1", "INVALID_REQUEST"),
            ("read g/0 leader=-1", "INVALID_REQUEST"),
            ("log", "S"),
        ]);
    }

    #[test]
    fn batches_are_merged_and_those_below_the_start_are_gone() {
        check(&[
            ("initialize g/0 start=0", "ok"),
            ("write g/0 start=0 done=5 0-4:2x1 5-9:0x1 8-9:4x1", "ok"),
            ("read g/0", "state=0 start=0 0-4:2x1 5-7:0x1 8-9:4x1"),
            ("write g/0 start=6 done=2 6-9:2x2", "ok"),
            ("read g/0", "state=0 start=6 6-9:2x2"),
            ("summary g/0", "state=0 leader=0 start=6 done=2"),
            ("restart", ""),
            ("read g/0", "state=0 start=6 6-9:2x2"),
        ]);
    }

    #[test]
    fn a_write_that_comes_late_takes_nothing_back() {
        check(&[
            ("initialize g/0 start=0", "ok"),
            ("write g/0 start=5 done=3 5-7:2x1", "ok"),
            ("write g/0 start=0 done=9 0-9:2x1", "ok"),
            ("summary g/0", "state=0 leader=0 start=5 done=3"),
            ("write g/0 start=5 done=1", "ok"),
            ("summary g/0", "state=0 leader=0 start=5 done=3"),
            ("write g/0 start=6 done=1", "ok"),
            ("summary g/0", "state=0 leader=0 start=6 done=1"),
        ]);
    }

    #[test]
    fn whoever_is_late_is_fenced() {
        check(&[
            ("initialize g/0 state=3 start=0", "ok"),
            ("initialize g/0 state=2", "FENCED_STATE_EPOCH"),
            ("read g/0 leader=5", "state=3 start=0"),
            ("summary g/0", "state=3 leader=5 start=0 done=0"),
            ("read g/0 leader=4", "FENCED_LEADER_EPOCH"),
            ("write g/0 leader=4 state=3", "FENCED_LEADER_EPOCH"),
            ("write g/0 leader=5 state=2", "FENCED_STATE_EPOCH"),
            ("write g/0 leader=5 state=3 start=0 done=1 0-0:2x1", "ok"),
            // A higher epoch writes, and only its read fences the others.
            ("write g/0 leader=6 state=3 start=0 done=2 1-1:2x1", "ok"),
            ("write g/0 leader=5 state=3 start=0 done=3 2-2:2x1", "ok"),
            ("restart", ""),
            ("read g/0 leader=4", "FENCED_LEADER_EPOCH"),
            ("log", "Suuuu"),
        ]);
    }

    #[test]
    fn to_begin_anew_drops_all_but_the_fence() {
        check(&[
            ("initialize g/0 start=0", "ok"),
            ("read g/0 leader=5", "state=0 start=0"),
            ("write g/0 leader=5 start=0 done=5 0-4:2x1", "ok"),
            ("initialize g/0 state=1 start=2", "ok"),
            ("summary g/0", "state=1 leader=5 start=2 done=0"),
            ("write g/0 leader=5 start=5 done=0", "FENCED_STATE_EPOCH"),
            ("read g/0 leader=4", "FENCED_LEADER_EPOCH"),
            ("read g/0 leader=5", "state=1 start=2"),
            ("write g/0 leader=5 state=1 start=2 done=1 2-2:2x1", "ok"),
            ("log", "SuuSu"),
            ("restart", ""),
            ("summary g/0", "state=1 leader=5 start=2 done=1"),
            ("read g/0 leader=4", "FENCED_LEADER_EPOCH"),
        ]);
    }

    #[test]
    fn enough_updates_make_a_snapshot() {
        let config = ShareStateConfig { updates_per_snapshot: 2, ..ShareStateConfig::default() };
        check_with(
            config,
            &[
                ("initialize g/0 start=0", "ok"),
                ("write g/0 start=0 done=1 0-0:2x1", "ok"),
                ("write g/0 start=0 done=1 2-2:0x1", "ok"),
                ("write g/0 start=0 done=2 4-4:2x1", "ok"),
                ("log", "SuuS"),
                ("read g/0 leader=1", "state=0 start=0 0-0:2x1 2-2:0x1 4-4:2x1"),
                ("write g/0 leader=1 start=1 done=2", "ok"),
                ("read g/0 leader=2", "state=0 start=1 2-2:0x1 4-4:2x1"),
                ("log", "SuuSuuS"),
                ("restart", ""),
                ("read g/0 leader=2", "state=0 start=1 2-2:0x1 4-4:2x1"),
            ],
        );
    }

    #[test]
    fn what_is_deleted_may_begin_again() {
        check(&[
            ("delete g/0", "ok"),
            ("log", ""),
            ("initialize g/0 state=4 start=9", "ok"),
            ("read g/0 leader=7", "state=4 start=9"),
            ("delete g/0", "ok"),
            ("read g/0 leader=7", "INVALID_REQUEST"),
            ("initialize g/0 start=1", "ok"),
            ("read g/0", "state=0 start=1"),
            ("log", "SuxS"),
            ("restart", ""),
            ("read g/0", "state=0 start=1"),
        ]);
    }

    #[test]
    fn a_deleted_topic_takes_its_state_with_it() {
        let config = ShareStateConfig { max_records_at_once: 2, ..ShareStateConfig::default() };
        check_with(
            config,
            &[
                ("initialize g/0", "ok"),
                ("initialize g/1", "ok"),
                ("initialize h/1", "ok"),
                ("topic-deleted", "more"),
                ("topic-deleted", "ok"),
                ("log", "SSSxxx"),
                ("topic-deleted", "ok"),
                ("log", "SSSxxx"),
            ],
        );
    }

    #[test]
    fn what_is_not_appended_leaves_no_trace_and_what_is_not_committed_no_answer() {
        check(&[
            ("initialize g/0 start=0", "ok"),
            ("fail-append", ""),
            ("write g/0 start=5 done=0", "COORDINATOR_NOT_AVAILABLE"),
            ("read g/0", "state=0 start=0"),
            ("hold", ""),
            ("write g/0 start=5 done=0", ""),
            ("release", "ok"),
            ("hold", ""),
            ("write g/0 start=6 done=0", ""),
            ("pass 5000", ""),
            ("release", "COORDINATOR_NOT_AVAILABLE"),
        ]);
    }
}
