//! SyncGroup, versions 0 to 5. Version 3 added `group.instance.id`, version 5 protocol type and name to be checked.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use stdx::Now;

use super::GroupCoordinator;
use super::classic::{ClassicGroup, GroupState};
use super::edit::Edit;
use super::request::Response;
use crate::CommitError;
use crate::runtime::{Outcome, ReplyToken};

impl GroupCoordinator {
    pub(super) fn sync(
        &self,
        now: Now,
        token: ReplyToken,
        request: &SyncGroupRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
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
