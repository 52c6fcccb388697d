//! SyncGroup, versions 0 to 5. Version 3 added `group.instance.id`, version 5 protocol type and name to be checked.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use stdx::Now;

use super::GroupCoordinator;
use super::classic::{ClassicGroup, GroupState};
use super::edit::Edit;
use super::modern::Topics;
use super::request::Response;
use crate::CommitError;
use crate::runtime::{Outcome, ReplyToken};

impl GroupCoordinator {
    pub(super) fn sync(
        &self,
        now: Now,
        token: ReplyToken,
        topics: &dyn Topics,
        request: &SyncGroupRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        if let Some((group_id, group)) = self.joined_consumer_group(&request.group_id) {
            return self.sync_to_consumer_group(now, token, (group_id, group), topics, request);
        }
        let group = match self.group(&request.group_id) {
            _ if request.group_id.is_empty() => Err(ErrorCode::InvalidGroupId),
            None => Err(ErrorCode::UnknownMemberId),
            Some(group) => validate(&group, request).map(|()| group),
        };
        let group = match group {
            Ok(group) => group,
            Err(error) => {
                let response = SyncGroupResponse { error_code: error.code(), ..SyncGroupResponse::default() };
                return Ok(Outcome::reply(token, Response::SyncGroup(response)));
            }
        };
        let mut edit = self.edit(now, group);
        edit.remove_pending_sync(&request.member_id);
        if edit.group.is(GroupState::Stable) {
            let response = edit.synced(&request.member_id);
            edit.reply(token, Response::SyncGroup(response));
        } else {
            edit.await_assignment(token, request)?;
        }
        Ok(edit.finish())
    }
}

impl Edit<'_> {
    /// In a generation without an assignment: a follower waits for the leader's SyncGroup, which ends the rebalance.
    fn await_assignment(
        &mut self,
        token: ReplyToken,
        request: &SyncGroupRequest<'_>,
    ) -> Result<(), CommitError> {
        let Some(member) = self.group.member_mut(&request.member_id) else { return Ok(()) };
        if let Some(before) = member.awaiting_sync.replace(token) {
            // The same member asks again: the first asker need not wait.
            self.refuse_sync(before, ErrorCode::RebalanceInProgress);
        }
        if !self.group.is_leader(&request.member_id) {
            return Ok(());
        }
        // Whom the leader forgot gets nothing; whom it made up is nobody.
        let mut assignments: BTreeMap<&str, &[u8]> = BTreeMap::new();
        for assignment in &request.assignments {
            assignments.insert(&assignment.member_id, &assignment.assignment);
        }
        for member_id in self.group.member_ids() {
            if let Some(member) = self.group.member_mut(&member_id) {
                let assignment = assignments.get(member_id.as_ref()).copied().unwrap_or(&[]);
                member.assignment = Bytes::copy_from_slice(assignment);
            }
        }
        self.persist()?;
        self.propagate_assignment(ErrorCode::None);
        self.group.transition(self.now, GroupState::Stable);
        Ok(())
    }
}

fn validate(group: &ClassicGroup, request: &SyncGroupRequest<'_>) -> Result<(), ErrorCode> {
    let differs =
        |asked: Option<&str>, ours: Option<&str>| matches!((asked, ours), (Some(a), Some(b)) if a != b);
    if group.is(GroupState::Empty) {
        return Err(ErrorCode::UnknownMemberId);
    }
    group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
    if request.generation_id != group.generation_id {
        return Err(ErrorCode::IllegalGeneration);
    }
    if differs(request.protocol_type.as_deref(), group.protocol_type.as_deref())
        || differs(request.protocol_name.as_deref(), group.protocol_name.as_deref())
    {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    if group.is(GroupState::PreparingRebalance) {
        return Err(ErrorCode::RebalanceInProgress);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    const JOINED: [(&str, &str); 3] = [
        ("join a v=3", ""),
        ("join b v=3", ""),
        (
            "pass 6000",
            "a: ok a#1 generation=1 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=1 range leader=a#1",
        ),
    ];

    fn check_joined(steps: &[(&str, &str)]) {
        check(&[&JOINED[..], steps].concat());
    }

    #[test]
    fn followers_wait_for_the_leader() {
        check_joined(&[
            ("sync b", ""),
            ("describe", "ok CompletingRebalance/consumer/ [a#1= b#2=]"),
            ("beat b", "b: ok"),
            ("sync a assign=a:x,b:y", "a: assigned x; b: assigned y"),
            ("describe", "ok Stable/consumer/range [a#1=x b#2=y]"),
            ("sync b", "b: assigned y"),
            ("restart", ""),
            ("sync b", "b: assigned y"),
        ]);
    }

    #[test]
    fn whom_the_leader_forgets_gets_nothing() {
        check_joined(&[("sync b", ""), ("sync a assign=a:x", "a: assigned x; b: assigned")]);
    }

    #[test]
    fn who_may_not_sync_is_told_why() {
        check(&[("sync a id=x", "a: UNKNOWN_MEMBER_ID"), ("sync a group=", "a: INVALID_GROUP_ID")]);
        check_joined(&[
            ("sync c id=x", "c: UNKNOWN_MEMBER_ID"),
            ("sync a generation=0", "a: ILLEGAL_GENERATION"),
            ("sync a type=connect", "a: INCONSISTENT_GROUP_PROTOCOL"),
            ("sync a protocol=sticky", "a: INCONSISTENT_GROUP_PROTOCOL"),
            ("leave b", "b: ok ok"),
            ("sync a", "a: REBALANCE_IN_PROGRESS"),
            ("leave a", "a: ok ok"),
            ("sync a", "a: UNKNOWN_MEMBER_ID"),
        ]);
    }

    #[test]
    fn who_asks_twice_is_answered_twice() {
        check_joined(&[
            ("sync b", ""),
            ("sync b", "b: REBALANCE_IN_PROGRESS"),
            ("sync a assign=b:y", "a: assigned; b: assigned y"),
        ]);
    }

    #[test]
    fn who_does_not_sync_in_time_is_removed() {
        check_joined(&[
            ("sync b", ""),
            ("beat a", "a: ok"),
            ("pass 9000", ""),
            ("beat a", "a: ok"),
            ("pass 9000", ""),
            ("beat a", "a: ok"),
            ("pass 9000", ""),
            ("beat a", "a: ok"),
            ("pass 9000", ""),
            ("beat a", "a: ok"),
            ("pass 9000", ""),
            ("beat a", "a: ok"),
            ("pass 9000", ""),
            ("beat a", "a: ok"),
            ("pass 6000", "b: REBALANCE_IN_PROGRESS"),
            ("beat a", "a: UNKNOWN_MEMBER_ID"),
            ("join b", "b: ok b#2 generation=2 range leader=b#2 members=b#2"),
        ]);
    }

    #[test]
    fn a_failed_append_lets_the_leader_try_again() {
        check_joined(&[
            ("sync b", ""),
            ("fail-append", ""),
            ("sync a assign=a:x,b:y", "a: COORDINATOR_NOT_AVAILABLE"),
            ("describe", "ok CompletingRebalance/consumer/ [a#1= b#2=]"),
            ("join a v=3", "a: ok a#1 generation=1 range leader=a#1 members=a#1,b#2"),
            ("sync a assign=a:x,b:y", "a: assigned x; b: assigned y"),
        ]);
    }

    #[test]
    fn answers_wait_for_the_log() {
        check_joined(&[
            ("stop-commits", ""),
            ("sync b", ""),
            ("sync a assign=a:x,b:y", ""),
            // What it sees is not committed either.
            ("describe", ""),
            ("commit-log", "a: assigned x; b: assigned y; ok Stable/consumer/range [a#1=x b#2=y]"),
            ("stop-commits", ""),
            ("commit a", ""),
            ("pass 4999", ""),
            ("pass 1", "a: COORDINATOR_NOT_AVAILABLE"),
        ]);
    }

    #[test]
    fn fail_over_lets_go_who_waits() {
        check_joined(&[
            ("sync b", ""),
            ("restart", "b: NOT_COORDINATOR"),
            // The generation was not persisted: start over.
            ("sync a", "a: UNKNOWN_MEMBER_ID"),
        ]);
    }
}
