//! ReadShareGroupState and ReadShareGroupStateSummary.

use protocol::{ErrorCode, LeaderEpoch, Offset};
use stdx::Now;

use super::change::{Decision, check_leader_epoch, invalid};
use super::request::{ReadState, Refusal, Response, StateSummary, Subject};
use super::state::ShareUpdate;
use super::{Entry, ShareCoordinator};
use crate::CommitError;

impl ShareCoordinator {
    /// A leader begins. One with a higher epoch than all before is written down: from then on they are fenced.
    pub(super) fn read(
        &self,
        now: Now,
        subject: Subject<'_>,
        leader_epoch: LeaderEpoch,
    ) -> Result<Decision, CommitError> {
        let entry = match self.readable(subject, leader_epoch) {
            Ok(entry) => entry,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let state = &entry.state;
        let response = Response::State(ReadState {
            state_epoch: state.state_epoch,
            start_offset: state.start_offset,
            batches: state.batches.clone(),
        });
        if state.leader_epoch == leader_epoch {
            return Ok(Ok((None, response)));
        }
        let update = ShareUpdate {
            snapshot_epoch: state.snapshot_epoch,
            leader_epoch,
            start_offset: state.start_offset,
            delivery_complete_count: state.delivery_complete_count,
            batches: Vec::new(),
        };
        Ok(Ok((Some(self.record_of(now, subject.key, entry, &update)?), response)))
    }

    fn readable(&self, subject: Subject<'_>, leader_epoch: LeaderEpoch) -> Result<&Entry, Refusal> {
        subject.check_partition()?;
        check_leader_epoch(leader_epoch.get())?;
        let entry = self
            .entries
            .get(subject.key)
            .ok_or(invalid("Read operation on uninitialized share partition not allowed."))?;
        if entry.state.leader_epoch > leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch.into());
        }
        subject.check_exists()?;
        Ok(entry)
    }

    /// For whoever computes the lag. What was never begun has no start offset, which is no error.
    pub(super) fn read_summary(&self, subject: Subject<'_>) -> Result<Response, Refusal> {
        subject.check_partition()?;
        subject.check_exists()?;
        let none = StateSummary {
            state_epoch: 0,
            leader_epoch: LeaderEpoch(0),
            start_offset: Offset::UNKNOWN,
            delivery_complete_count: -1,
        };
        let summary = self.state(subject.key).map_or(none, |state| StateSummary {
            state_epoch: state.state_epoch,
            leader_epoch: state.leader_epoch,
            start_offset: state.start_offset,
            delivery_complete_count: state.delivery_complete_count,
        });
        Ok(Response::Summary(summary))
    }
}
