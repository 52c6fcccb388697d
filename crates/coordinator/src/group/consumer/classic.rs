//! Classic members of a consumer group (KIP-848, "online migration"): they join, sync and heartbeat as ever, and get their part
//! of the coordinator's target as if a leader had assigned it.

use std::sync::Arc;

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::leave_group_response::MemberResponse;
use protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use stdx::Now;

use super::edit::ConsumerEdit;
use super::embedded::{read_subscription, write_assignment};
use super::member::{ClassicMember, Member, MemberMetadata, MemberState, partitions_of};
use super::{ConsumerGroup, MigrationPolicy, PROTOCOL_TYPE};
use crate::CommitError;
use crate::group::join::{FIRST_VERSION_WITH_REQUIRED_MEMBER_ID, Join};
use crate::group::leave::answer;
use crate::group::modern::{Stop, Topics};
use crate::group::request::{Request, Response, blob, no_join, text};
use crate::group::{GroupCoordinator, GroupTimer};
use crate::runtime::{Outcome, Reply, ReplyToken, TimerChange};

/// A consumer group with its id, as the coordinator has it.
type Known<'g> = (&'g Arc<str>, &'g ConsumerGroup);

impl GroupCoordinator {
    /// A consumer group with members. One without gives its place to a classic group.
    pub(in crate::group) fn joined_consumer_group(&self, group_id: &str) -> Option<Known<'_>> {
        self.durable.consumer.get_key_value(group_id).filter(|(_, group)| group.member_count() > 0)
    }

    pub(in crate::group) fn join_consumer_group(
        &self,
        now: Now,
        (group_id, group): Known<'_>,
        join: &Join<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let refuse = |error| Response::refusal(Request::JoinGroup(join.context, join.request), error);
        if self.may_downgrade(group) {
            let edit = ConsumerEdit::new(&self.config, now, group_id.clone(), group.clone());
            let mut outcome = self.downgrade(edit, join.context.topics)?;
            let response = refuse(ErrorCode::RebalanceInProgress);
            outcome.replies.push(Reply { token: join.token, response });
            return Ok(outcome);
        }
        match self.try_join_consumer_group(now, (group_id, group), join) {
            Ok((mut outcome, response)) => {
                let response = Response::JoinGroup(response);
                outcome.replies.push(Reply { token: join.token, response });
                Ok(outcome)
            }
            Err(Stop::Refused(refusal)) => {
                let response = JoinGroupResponse { error_code: refusal.error.code(), ..no_join() };
                Ok(Outcome::reply(join.token, Response::JoinGroup(response)))
            }
            Err(Stop::Unwritable(error)) => Err(error),
        }
    }

    fn try_join_consumer_group(
        &self,
        now: Now,
        (group_id, group): Known<'_>,
        join: &Join<'_>,
    ) -> Result<(Outcome<Self>, JoinGroupResponse<'static>), Stop> {
        let (request, context, topics) = (join.request, &join.context, join.context.topics);
        let instance_id = request.group_instance_id.as_deref();
        let inconsistent = || Stop::from_code(ErrorCode::InconsistentGroupProtocol);
        let first = request.protocols.first().ok_or_else(inconsistent)?;
        let subscription = read_subscription(&first.metadata, topics).ok_or_else(inconsistent)?;
        let is_known = !request.member_id.is_empty();
        let mut edit = ConsumerEdit::new(&self.config, now, group_id.clone(), group.clone());
        edit.check_room(&request.member_id, instance_id)?;
        let is_disabled = self.config.consumer.migration_policy == MigrationPolicy::Disabled;
        let is_supported = request.protocol_type == PROTOCOL_TYPE
            && request.protocols.iter().any(|protocol| supports(group, &protocol.name));
        if is_disabled || !is_supported {
            return Err(inconsistent());
        }
        let member_id: Arc<str> = match group.member_entry(&request.member_id) {
            Some((member_id, _)) => member_id.clone(),
            None if is_known => request.member_id.as_ref().into(),
            None => context.member_uuid.to_string().into(),
        };
        if !is_known && instance_id.is_none() && context.version >= FIRST_VERSION_WITH_REQUIRED_MEMBER_ID {
            let error_code = ErrorCode::MemberIdRequired.code();
            let response = JoinGroupResponse { error_code, member_id: text(&member_id), ..no_join() };
            return Ok((Outcome::default(), response));
        }
        if let Some(instance_id) = instance_id {
            match edit.group.static_member_id(instance_id).cloned() {
                Some(existing) if !is_known => edit.replace(&existing, &member_id)?,
                Some(existing) if existing != member_id => {
                    return Err(Stop::from_code(ErrorCode::FencedInstanceId));
                }
                None if is_known => return Err(Stop::from_code(ErrorCode::UnknownMemberId)),
                Some(_) | None => {}
            }
        }
        let before = edit.group.member(&member_id).map(|member| member.metadata.clone());
        let protocols = request
            .protocols
            .iter()
            .map(|protocol| (Arc::from(&*protocol.name), Bytes::copy_from_slice(&protocol.metadata)));
        let after = MemberMetadata {
            instance_id: instance_id.map(Arc::from),
            rack_id: subscription.rack_id,
            client_id: context.client_id.into(),
            client_host: context.client_host.into(),
            subscribed_topic_names: subscription.topics,
            subscribed_topic_regex: None,
            rebalance_timeout_ms: join.rebalance_timeout_ms(),
            server_assignor: before.as_ref().and_then(|before| before.server_assignor.clone()),
            classic: Some(ClassicMember {
                session_timeout_ms: request.session_timeout_ms,
                protocols: protocols.collect(),
            }),
        };
        let change = edit.set_member(&member_id, before, after)?;
        let interval_ms = self.config.consumer.settings.assignment_interval_ms;
        let seen = self.soft.topics_seen.get(group_id).copied();
        edit.settle(&member_id, seen, &change, topics, interval_ms, Some(&subscription.owned))?;
        edit.schedule_session(&member_id, request.session_timeout_ms);
        let timer = |kind: fn(Arc<str>, Arc<str>) -> GroupTimer| kind(group_id.clone(), member_id.clone());
        edit.outcome.timers.push(TimerChange::Cancel(timer(GroupTimer::Rejoin)));
        let sync_timeout_ms = join.rebalance_timeout_ms().into();
        edit.outcome.timers.push(TimerChange::after(timer(GroupTimer::SyncOf), now, sync_timeout_ms));
        let epoch = edit.group.member(&member_id).map_or(0, |member| member.current.member_epoch);
        let response = JoinGroupResponse {
            generation_id: epoch,
            protocol_type: Some(text(PROTOCOL_TYPE)),
            protocol_name: Some(text(&first.name)),
            member_id: text(&member_id),
            ..JoinGroupResponse::default()
        };
        Ok((edit.finish(), response))
    }

    pub(in crate::group) fn sync_to_consumer_group(
        &self,
        now: Now,
        token: ReplyToken,
        (group_id, group): Known<'_>,
        topics: &dyn Topics,
        request: &SyncGroupRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let refused = |error: ErrorCode| {
            let response = SyncGroupResponse { error_code: error.code(), ..SyncGroupResponse::default() };
            Reply { token, response: Response::SyncGroup(response) }
        };
        if self.may_downgrade(group) {
            let edit = ConsumerEdit::new(&self.config, now, group_id.clone(), group.clone());
            let mut outcome = self.downgrade(edit, topics)?;
            outcome.replies.push(refused(ErrorCode::RebalanceInProgress));
            return Ok(outcome);
        }
        let instance_id = request.group_instance_id.as_deref();
        let member = classic_member(group, &request.member_id, instance_id, request.generation_id);
        let (member_id, member, classic) = match member {
            Ok(member) => member,
            Err(error) => return Ok(Outcome { replies: vec![refused(error)], ..Outcome::default() }),
        };
        let (protocol_name, metadata) =
            classic.protocols.first().map_or(("", &[][..]), |(name, metadata)| (&**name, &**metadata));
        let differs = |asked: &Option<protocol::wire::Str<'_>>, ours: &str| {
            asked.as_deref().is_some_and(|asked| asked != ours)
        };
        let mut edit = ConsumerEdit::new(&self.config, now, group_id.clone(), group.clone());
        let interval_ms = self.config.consumer.settings.assignment_interval_ms;
        if differs(&request.protocol_type, PROTOCOL_TYPE) || differs(&request.protocol_name, protocol_name) {
            edit.outcome.replies.push(refused(ErrorCode::InconsistentGroupProtocol));
        } else if edit.epoch_to_join(interval_ms) > member.current.member_epoch
            && member.current.state != MemberState::UnrevokedPartitions
        {
            // One that gives up has joined for that already, and joins again when it has.
            edit.ask_to_rejoin(member_id, member);
            edit.outcome.replies.push(refused(ErrorCode::RebalanceInProgress));
        } else {
            let timer = GroupTimer::SyncOf(group_id.clone(), member_id.clone());
            edit.outcome.timers.push(TimerChange::Cancel(timer));
            edit.schedule_session(member_id, classic.session_timeout_ms);
            let assignment = write_assignment(partitions_of(&member.current.assigned), topics, metadata);
            let response = SyncGroupResponse {
                protocol_type: Some(text(PROTOCOL_TYPE)),
                protocol_name: Some(text(protocol_name)),
                assignment: blob(&assignment),
                ..SyncGroupResponse::default()
            };
            edit.outcome.replies.push(Reply { token, response: Response::SyncGroup(response) });
        }
        Ok(edit.finish())
    }

    pub(in crate::group) fn heartbeat_to_consumer_group(
        &self,
        now: Now,
        token: ReplyToken,
        (group_id, group): Known<'_>,
        topics: &dyn Topics,
        request: &HeartbeatRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let reply = |error: ErrorCode| {
            let response = HeartbeatResponse { error_code: error.code(), ..HeartbeatResponse::default() };
            Reply { token, response: Response::Heartbeat(response) }
        };
        let mut edit = ConsumerEdit::new(&self.config, now, group_id.clone(), group.clone());
        if self.may_downgrade(group) {
            let mut outcome = self.downgrade(edit, topics)?;
            outcome.replies.push(reply(ErrorCode::RebalanceInProgress));
            return Ok(outcome);
        }
        let instance_id = request.group_instance_id.as_deref();
        let interval_ms = self.config.consumer.settings.assignment_interval_ms;
        match classic_member(group, &request.member_id, instance_id, request.generation_id) {
            Err(error) => edit.outcome.replies.push(reply(error)),
            Ok((member_id, member, classic)) => {
                edit.schedule_session(member_id, classic.session_timeout_ms);
                let has_to_rejoin = member.current.member_epoch < edit.epoch_to_join(interval_ms)
                    || match member.current.state {
                        MemberState::UnrevokedPartitions => true,
                        MemberState::UnreleasedPartitions => !waits_for_others(group, member_id, member),
                        MemberState::Stable | MemberState::Unknown => false,
                    };
                if has_to_rejoin {
                    edit.ask_to_rejoin(member_id, member);
                    edit.outcome.replies.push(reply(ErrorCode::RebalanceInProgress));
                } else {
                    edit.outcome.replies.push(reply(ErrorCode::None));
                }
            }
        }
        Ok(edit.finish())
    }

    /// Members leave with a LeaveGroup: classic ones, or, taken out by an admin, any.
    pub(in crate::group) fn leave_of_consumer_group(
        &self,
        now: Now,
        (group_id, group): Known<'_>,
        topics: &dyn Topics,
        leaving: &[MemberIdentity<'_>],
    ) -> Result<(Outcome<Self>, Vec<MemberResponse<'static>>), CommitError> {
        let mut edit = ConsumerEdit::new(&self.config, now, group_id.clone(), group.clone());
        let mut removed: Vec<Arc<str>> = Vec::new();
        let answers = leaving.iter().map(|identity| {
            let found = match identity.group_instance_id.as_deref() {
                None => group
                    .member_entry(&identity.member_id)
                    .map(|(id, _)| id)
                    .ok_or(ErrorCode::UnknownMemberId),
                Some(instance_id) => match group.static_member_id(instance_id) {
                    None => Err(ErrorCode::UnknownMemberId),
                    Some(id) if !identity.member_id.is_empty() && **id != *identity.member_id => {
                        Err(ErrorCode::FencedInstanceId)
                    }
                    Some(id) => Ok(id),
                },
            };
            let error = match found {
                Err(error) => error,
                Ok(id) => {
                    if !removed.contains(id) {
                        removed.push(id.clone());
                    }
                    ErrorCode::None
                }
            };
            answer(identity, error)
        });
        let answers = answers.collect();
        if !removed.is_empty() {
            edit.remove(&removed)?;
        }
        let outcome =
            if self.may_downgrade(&edit.group) { self.downgrade(edit, topics)? } else { edit.finish() };
        Ok((outcome, answers))
    }
}

impl ConsumerEdit<'_> {
    /// The epoch that a classic member who joins now would come to: that of the target, or that of the one it would make.
    fn epoch_to_join(&self, assignment_interval_ms: i32) -> i32 {
        if self.is_time_for_target(assignment_interval_ms) {
            self.group.epoch()
        } else {
            self.group.assignment_epoch()
        }
    }

    /// A classic member is told to join again, and has its rebalance timeout for it, counted from the first time.
    fn ask_to_rejoin(&mut self, member_id: &Arc<str>, member: Member<'_>) {
        let timer = GroupTimer::Rejoin(self.group_id.clone(), member_id.clone());
        let timeout_ms = u64::try_from(member.metadata.rebalance_timeout_ms).unwrap_or(0);
        let at_ms = self.now.monotonic_ms.saturating_add(timeout_ms);
        self.outcome.timers.push(TimerChange::ScheduleIfAbsent(timer, at_ms));
    }
}

/// The classic member that a request of a generation is of.
fn classic_member<'g>(
    group: &'g ConsumerGroup,
    member_id: &str,
    instance_id: Option<&str>,
    generation_id: i32,
) -> Result<(&'g Arc<str>, Member<'g>, &'g ClassicMember), ErrorCode> {
    if let Some(instance_id) = instance_id {
        let existing = group.static_member_id(instance_id).ok_or(ErrorCode::UnknownMemberId)?;
        if **existing != *member_id {
            return Err(ErrorCode::FencedInstanceId);
        }
    }
    let (member_id, member) = group.member_entry(member_id).ok_or(ErrorCode::UnknownMemberId)?;
    let classic = member.metadata.classic.as_ref().ok_or(ErrorCode::UnknownMemberId)?;
    if member.current.member_epoch != generation_id {
        return Err(ErrorCode::IllegalGeneration);
    }
    Ok((member_id, member, classic))
}

/// Whether all classic members of a group have a protocol.
fn supports(group: &ConsumerGroup, protocol_name: &str) -> bool {
    let mut classic = group.members().filter_map(|(_, member)| member.metadata.classic.as_ref());
    classic.all(|classic| classic.protocols.iter().any(|(name, _)| **name == *protocol_name))
}

/// Whether others still have something of a member's target.
fn waits_for_others(group: &ConsumerGroup, member_id: &Arc<str>, member: Member<'_>) -> bool {
    member
        .target
        .iter()
        .any(|(id, partition)| group.owner(id, partition).is_some_and(|owner| owner != member_id))
}
