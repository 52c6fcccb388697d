//! LeaveGroup, versions 0 to 5. Up to version 2 one member leaves and its error is the answer's; version 3 takes many,
//! static ones by instance id (KIP-345); version 5 added a reason, which is only for logs.

use protocol::ErrorCode;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::leave_group_response::MemberResponse;
use protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use stdx::Now;

use super::GroupCoordinator;
use super::classic::GroupState;
use super::edit::Edit;
use super::modern::Topics;
use super::request::{Response, text};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken};

/// From this version on the members are a list.
const FIRST_VERSION_WITH_MEMBERS: i16 = 3;

impl GroupCoordinator {
    pub(super) fn leave(
        &self,
        now: Now,
        token: ReplyToken,
        version: i16,
        topics: &dyn Topics,
        request: &LeaveGroupRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let alone = [MemberIdentity { member_id: request.member_id.clone(), ..MemberIdentity::default() }];
        let members = if version < FIRST_VERSION_WITH_MEMBERS { &alone[..] } else { &request.members };
        if request.group_id.is_empty() {
            let response = LeaveGroupResponse {
                error_code: ErrorCode::InvalidGroupId.code(),
                ..LeaveGroupResponse::default()
            };
            return Ok(Outcome::reply(token, Response::LeaveGroup(response)));
        }
        if let Some((group_id, group)) = self.joined_consumer_group(&request.group_id) {
            let (mut outcome, answers) =
                self.leave_of_consumer_group(now, (group_id, group), topics, members)?;
            outcome.replies.push(Reply { token, response: response(version, answers) });
            return Ok(outcome);
        }
        let Some(group) = self.group(&request.group_id) else {
            let errors = members.iter().map(|member| answer(member, ErrorCode::UnknownMemberId)).collect();
            return Ok(Outcome::reply(token, response(version, errors)));
        };
        let mut edit = self.edit(now, group);
        let answers: Vec<_> =
            members.iter().map(|member| answer(member, edit.remove_leaving(member))).collect();
        if answers.iter().any(|member| member.error_code == ErrorCode::None.code()) {
            match edit.group.state() {
                GroupState::Empty => {}
                GroupState::PreparingRebalance => edit.maybe_complete_join()?,
                GroupState::CompletingRebalance | GroupState::Stable => edit.prepare_rebalance()?,
            }
        }
        edit.reply(token, response(version, answers));
        Ok(edit.finish())
    }
}

impl Edit<'_> {
    fn remove_leaving(&mut self, leaving: &MemberIdentity<'_>) -> ErrorCode {
        let instance_id = leaving.group_instance_id.as_deref();
        let member_id = if leaving.member_id.is_empty() {
            // An admin removes a static member of which it knows no more.
            instance_id.and_then(|id| self.group.static_member_id(id)).map(|id| id.to_string())
        } else {
            Some(leaving.member_id.to_string())
        };
        let Some(member_id) = member_id else { return ErrorCode::UnknownMemberId };
        if !self.group.is_pending(&member_id)
            && let Err(error) = self.group.validate_member(&member_id, instance_id)
        {
            return error;
        }
        self.dismiss(&member_id, ErrorCode::UnknownMemberId);
        ErrorCode::None
    }
}

pub(super) fn answer(member: &MemberIdentity<'_>, error: ErrorCode) -> MemberResponse<'static> {
    MemberResponse {
        member_id: text(&member.member_id),
        group_instance_id: member.group_instance_id.as_deref().map(text),
        error_code: error.code(),
        ..MemberResponse::default()
    }
}

fn response(version: i16, members: Vec<MemberResponse<'static>>) -> Response {
    Response::LeaveGroup(if version < FIRST_VERSION_WITH_MEMBERS {
        let error_code = members.first().map_or(0, |member| member.error_code);
        LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }
    } else {
        LeaveGroupResponse { members, ..LeaveGroupResponse::default() }
    })
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn the_others_rebalance() {
        check(&[
            ("leave a", "a: ok UNKNOWN_MEMBER_ID"),
            ("leave a v=2 id=x", "a: UNKNOWN_MEMBER_ID"),
            ("leave a group=", "a: INVALID_GROUP_ID"),
            ("join a v=3", ""),
            ("join b v=3", ""),
            (
                "pass 6000",
                "a: ok a#1 generation=1 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=1 range leader=a#1",
            ),
            ("sync b", ""),
            ("leave a v=1", "b: REBALANCE_IN_PROGRESS; a: ok"),
            ("join b", "b: ok b#2 generation=2 range leader=b#2 members=b#2"),
            ("leave b", "b: ok ok"),
            ("describe", "ok Empty/consumer/ []"),
            ("leave b", "b: ok UNKNOWN_MEMBER_ID"),
        ]);
    }

    #[test]
    fn who_waits_is_let_go() {
        check(&[
            ("join a v=3", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            ("join b", "b: MEMBER_ID_REQUIRED b#2"),
            ("join c", "c: MEMBER_ID_REQUIRED c#3"),
            ("join b", ""),
            // Pending, waiting, and neither: the last one missing closes the barrier.
            ("leave c,b,a", "b: UNKNOWN_MEMBER_ID; c,b,a: ok ok ok ok"),
            ("describe", "ok Empty/consumer/ []"),
        ]);
    }

    #[test]
    fn static_members_are_removed_by_instance() {
        check(&[
            ("join a instance=i", ""),
            ("pass 3000", "a: ok i#1 generation=1 range leader=i#1 members=i#1"),
            ("sync a instance=i", "a: assigned"),
            ("leave admin instance=j", "admin: ok UNKNOWN_MEMBER_ID"),
            ("leave admin instance=i", "admin: ok ok"),
            ("beat a instance=i", "a: UNKNOWN_MEMBER_ID"),
        ]);
    }

    #[test]
    fn a_failed_append_keeps_the_member() {
        check(&[
            ("join a v=3", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("fail-append", ""),
            ("leave a", "a: COORDINATOR_NOT_AVAILABLE"),
            ("beat a", "a: ok"),
            ("leave a", "a: ok ok"),
        ]);
    }
}
