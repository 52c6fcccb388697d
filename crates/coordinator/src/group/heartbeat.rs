//! Heartbeat, versions 0 to 4. Version 3 added `group.instance.id`.

use protocol::ErrorCode;
use protocol::messages::{HeartbeatRequest, HeartbeatResponse};
use stdx::Now;

use super::classic::{ClassicGroup, GroupState};
use super::modern::Topics;
use super::request::Response;
use super::{GroupCoordinator, GroupTimer};
use crate::CommitError;
use crate::runtime::{Outcome, ReplyToken, TimerChange};

impl GroupCoordinator {
    /// Renews a session. Costs a timer and no copy of the group: this is what most requests are.
    pub(super) fn heartbeat(
        &self,
        now: Now,
        token: ReplyToken,
        topics: &dyn Topics,
        request: &HeartbeatRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        if let Some((group_id, group)) = self.joined_consumer_group(&request.group_id) {
            return self.heartbeat_to_consumer_group(now, token, (group_id, group), topics, request);
        }
        let group = self.group(&request.group_id);
        let error = group.as_deref().map_or(ErrorCode::UnknownMemberId, |group| answer(group, request));
        let error = if request.group_id.is_empty() { ErrorCode::InvalidGroupId } else { error };
        let response = HeartbeatResponse { error_code: error.code(), ..HeartbeatResponse::default() };
        let mut outcome = Outcome::reply(token, Response::Heartbeat(response));
        let alive = matches!(error, ErrorCode::None | ErrorCode::RebalanceInProgress);
        if let Some((group, member)) = group
            .as_deref()
            .filter(|_| alive)
            .and_then(|group| Some((group, group.member(&request.member_id)?)))
        {
            let timer = GroupTimer::Session(group.id.clone(), member.id.clone());
            outcome.timers.push(TimerChange::after(timer, now, i64::from(member.session_timeout_ms)));
        }
        Ok(outcome)
    }
}

fn answer(group: &ClassicGroup, request: &HeartbeatRequest<'_>) -> ErrorCode {
    match group.validate_member(&request.member_id, request.group_instance_id.as_deref()) {
        Err(error) => error,
        Ok(()) if request.generation_id != group.generation_id => ErrorCode::IllegalGeneration,
        Ok(()) => match group.state() {
            GroupState::Empty => ErrorCode::UnknownMemberId,
            GroupState::PreparingRebalance => ErrorCode::RebalanceInProgress,
            // Members may heartbeat as soon as they have joined.
            GroupState::CompletingRebalance | GroupState::Stable => ErrorCode::None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn keeps_a_member_alive() {
        check(&[
            ("beat a id=x", "a: UNKNOWN_MEMBER_ID"),
            ("beat a group=", "a: INVALID_GROUP_ID"),
            ("join a v=3 session=6000", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("beat a", "a: ok"),
            ("sync a", "a: assigned"),
            ("pass 5999", ""),
            ("beat a", "a: ok"),
            ("beat a generation=2", "a: ILLEGAL_GENERATION"),
            ("pass 5999", ""),
            ("beat a", "a: ok"),
            ("pass 6000", ""),
            ("beat a", "a: UNKNOWN_MEMBER_ID"),
            ("describe", "ok Empty/consumer/ []"),
        ]);
    }
}
