//! JoinGroup, versions 0 to 9. Version 0 has no rebalance timeout: the session's counts. Version 4 gives a new dynamic
//! member its id and sends it back (KIP-394), version 5 added static members (KIP-345), version 8 a reason, which is
//! only for logs, version 9 lets a replaced static leader skip the assignment (KIP-814).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use protocol::messages::JoinGroupRequest;
use protocol::{ErrorCode, Uuid};
use stdx::Now;

use super::classic::{ClassicGroup, GroupState, Member, Protocols};
use super::edit::Edit;
use super::metadata::GroupMetadata;
use super::request::{JoinContext, Response};
use super::{GroupConfig, GroupCoordinator};
use crate::CommitError;
use crate::runtime::{Outcome, ReplyToken};

/// From this version on a dynamic member joins with an id that the coordinator gave it.
pub(super) const FIRST_VERSION_WITH_REQUIRED_MEMBER_ID: i16 = 4;

/// A JoinGroup and who sent it.
#[derive(Clone, Copy)]
pub(super) struct Join<'a> {
    pub(super) token: ReplyToken,
    pub(super) context: JoinContext<'a>,
    pub(super) request: &'a JoinGroupRequest<'a>,
}

impl Join<'_> {
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        if self.context.version == 0 {
            self.request.session_timeout_ms
        } else {
            self.request.rebalance_timeout_ms
        }
    }

    pub(super) fn protocols(&self) -> Protocols {
        Protocols::from_request(&self.request.protocols)
    }
}

impl GroupCoordinator {
    pub(super) fn join(
        &self,
        now: Now,
        token: ReplyToken,
        context: JoinContext<'_>,
        request: &JoinGroupRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let refuse = |error| {
            Ok(Outcome::reply(token, Response::refusal(super::Request::JoinGroup(context, request), error)))
        };
        if let Some(error) = invalid(&self.config, context, request) {
            return refuse(error);
        }
        if let Some((group_id, group)) = self.joined_consumer_group(&request.group_id) {
            return self.join_consumer_group(now, (group_id, group), &Join { token, context, request });
        }
        if self.durable.foreign.is_of_another_kind(&request.group_id) {
            return refuse(ErrorCode::InconsistentGroupProtocol);
        }
        let is_new_member = request.member_id.is_empty();
        let existing = self.group(&request.group_id);
        let is_new_group = existing.is_none();
        if is_new_group && !is_new_member {
            return refuse(ErrorCode::UnknownMemberId);
        }
        if is_new_group && self.durable.groups.len() >= self.config.limits.max_groups {
            return refuse(ErrorCode::PolicyViolation);
        }
        let new_group = || Cow::Owned(ClassicGroup::new(request.group_id.as_ref().into(), Some(now.unix_ms)));
        let mut edit = self.edit(now, existing.unwrap_or_else(new_group));
        let join = Join { token, context, request };
        if !accepts(&edit.group, &self.config, &request.member_id) {
            edit.dismiss(&request.member_id, ErrorCode::GroupMaxSizeReached);
            edit.refuse_join(token, "", ErrorCode::GroupMaxSizeReached);
        } else if !edit.group.supports(&request.protocol_type, &request.protocols) {
            edit.refuse_join(token, &request.member_id, ErrorCode::InconsistentGroupProtocol);
        } else if is_new_member {
            edit.join_new(&join)?;
        } else {
            edit.join_existing(&join)?;
        }
        if is_new_group && !edit.has_records() {
            // A group exists once the log knows of it.
            let state_timestamp_ms = edit.group.state_timestamp_ms();
            edit.persist_as(&GroupMetadata { state_timestamp_ms, ..GroupMetadata::default() })?;
        }
        Ok(edit.finish())
    }
}

impl Edit<'_> {
    fn join_new(&mut self, join: &Join<'_>) -> Result<(), CommitError> {
        let instance_id = join.request.group_instance_id.as_deref();
        let member_id =
            new_member_id(instance_id.unwrap_or(join.context.client_id), join.context.member_uuid);
        if let Some(instance_id) = instance_id {
            return match self.group.static_member_id(instance_id).cloned() {
                Some(old_id) => self.replace_static_member(join, &old_id, member_id),
                None => self.add_member(join, member_id),
            };
        }
        if join.context.version < FIRST_VERSION_WITH_REQUIRED_MEMBER_ID {
            return self.add_member(join, member_id);
        }
        if self.group.pending_join.len() >= self.config.limits.max_pending_members {
            self.refuse_join(join.token, "", ErrorCode::CoordinatorLoadInProgress);
            return Ok(());
        }
        self.group.pending_join.insert(member_id.clone());
        self.schedule_session(&member_id, join.request.session_timeout_ms);
        self.refuse_join(join.token, &member_id, ErrorCode::MemberIdRequired);
        Ok(())
    }

    fn join_existing(&mut self, join: &Join<'_>) -> Result<(), CommitError> {
        let request = join.request;
        let instance_id = request.group_instance_id.as_deref();
        if self.group.is_pending(&request.member_id) {
            if instance_id.is_some() {
                // Only dynamic members are ever pending: the client mixes up two of its own.
                self.refuse_join(join.token, &request.member_id, ErrorCode::UnknownServerError);
                return Ok(());
            }
            return self.add_member(join, request.member_id.as_ref().into());
        }
        if let Err(error) = self.group.validate_member(&request.member_id, instance_id) {
            self.refuse_join(join.token, &request.member_id, error);
            return Ok(());
        }
        let unchanged = self
            .group
            .member(&request.member_id)
            .is_some_and(|member| member.protocols.matches(&request.protocols));
        let has_generation = match self.group.state() {
            GroupState::PreparingRebalance => false,
            // It may have lost the answer to its last JoinGroup.
            GroupState::CompletingRebalance => unchanged,
            // A leader that joins again wants a rebalance: a subscribed topic may have changed.
            GroupState::Stable => unchanged && !self.group.is_leader(&request.member_id),
            GroupState::Empty => {
                self.refuse_join(join.token, &request.member_id, ErrorCode::UnknownMemberId);
                return Ok(());
            }
        };
        if has_generation {
            let response = self.joined(&request.member_id);
            self.reply(join.token, Response::JoinGroup(response));
            return Ok(());
        }
        self.update_member(join, &request.member_id);
        self.rebalance_or_complete_join()
    }

    /// A new member, waiting in the barrier.
    fn add_member(&mut self, join: &Join<'_>, member_id: Arc<str>) -> Result<(), CommitError> {
        if self.group.member_count() == 0 {
            self.group.protocol_type = Some(join.request.protocol_type.as_ref().into());
        }
        if self.group.is_initial_rebalance() {
            self.group.new_member_added = true;
        }
        self.group.add(Member {
            id: member_id.clone(),
            instance_id: join.request.group_instance_id.as_deref().map(Arc::from),
            client_id: join.context.client_id.into(),
            client_host: join.context.client_host.into(),
            rebalance_timeout_ms: join.rebalance_timeout_ms(),
            session_timeout_ms: join.request.session_timeout_ms,
            protocols: join.protocols(),
            assignment: Bytes::new(),
            awaiting_join: Some(join.token),
            awaiting_sync: None,
            is_new: true,
        });
        // Clients that wait here are not heartbeating: do not keep one that went away for ever (KAFKA-7610).
        self.schedule_session(&member_id, self.config.new_member_join_timeout_ms);
        self.rebalance_or_complete_join()
    }

    /// A known member, waiting in the barrier with what it says now.
    pub(super) fn update_member(&mut self, join: &Join<'_>, member_id: &str) {
        let before = self.group.update(
            member_id,
            join.protocols(),
            join.rebalance_timeout_ms(),
            join.request.session_timeout_ms,
            join.token,
        );
        if let Some(before) = before {
            // The same member asks again, on another connection perhaps: the first asker need not wait.
            self.refuse_join(before, member_id, ErrorCode::RebalanceInProgress);
        }
    }
}

/// What is wrong with a request whatever the group.
pub(super) fn invalid(
    config: &GroupConfig,
    context: JoinContext<'_>,
    request: &JoinGroupRequest<'_>,
) -> Option<ErrorCode> {
    let limits = &config.limits;
    if request.group_id.is_empty() || request.group_id.len() > limits.max_name_bytes {
        return Some(ErrorCode::InvalidGroupId);
    }
    if !(config.min_session_timeout_ms..=config.max_session_timeout_ms).contains(&request.session_timeout_ms)
    {
        return Some(ErrorCode::InvalidSessionTimeout);
    }
    let metadata_bytes: usize =
        request.protocols.iter().map(|protocol| protocol.name.len() + protocol.metadata.len()).sum();
    let instance_id = request.group_instance_id.as_deref().unwrap_or("");
    let too_long = [context.client_id, context.client_host, &request.protocol_type, instance_id]
        .iter()
        .any(|name| name.len() > limits.max_name_bytes);
    let too_much = request.protocols.len() > limits.max_member_protocols
        || metadata_bytes > limits.max_member_metadata_bytes;
    (too_long || too_much).then_some(ErrorCode::InvalidRequest)
}

/// `group.max.size`. In the barrier those count who wait there, so that the last to come back of a group that is over
/// its size are turned away.
fn accepts(group: &ClassicGroup, config: &GroupConfig, member_id: &str) -> bool {
    match group.state() {
        GroupState::Empty => true,
        GroupState::PreparingRebalance => {
            group.member(member_id).is_some_and(|member| member.awaiting_join.is_some())
                || group.awaiting_join_count() < config.max_size
        }
        GroupState::CompletingRebalance | GroupState::Stable => {
            group.has_member(member_id) || group.member_count() < config.max_size
        }
    }
}

/// `prefix-` and the id as `java.util.UUID` prints it.
fn new_member_id(prefix: &str, uuid: Uuid) -> Arc<str> {
    let mut id = format!("{prefix}-");
    for (index, byte) in uuid.0.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    id.into()
}

#[cfg(test)]
mod tests {
    use super::super::harness::{check, check_with};
    use super::*;

    #[test]
    fn members_meet_in_the_first_barrier() {
        check(&[
            ("join a", "a: MEMBER_ID_REQUIRED a#1"),
            ("join a", ""),
            ("pass 2000", ""),
            ("join b v=3", ""),
            // Somebody new came: another delay.
            ("pass 1000", ""),
            ("pass 2999", ""),
            (
                "pass 1",
                "a: ok a#1 generation=1 range leader=a#1 members=a#1,b#3; b: ok b#3 generation=1 range leader=a#1",
            ),
        ]);
    }

    #[test]
    fn the_first_barrier_ends_with_the_rebalance_timeout() {
        let steps = [
            ("join a v=3 rebalance=5000", ""),
            ("pass 2900", ""),
            ("join b v=3 rebalance=5000", ""),
            ("pass 2000", ""),
            ("join c v=3 rebalance=5000", ""),
            ("pass 99", ""),
            (
                "pass 1",
                "a: ok a#1 generation=1 range leader=a#1 members=a#1,b#2,c#3; \
                 b: ok b#2 generation=1 range leader=a#1; c: ok c#3 generation=1 range leader=a#1",
            ),
        ];
        check(&steps);
    }

    #[test]
    fn version_0_waits_as_long_as_the_session() {
        check(&[
            ("join a v=0 session=6000 rebalance=-1", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            ("join b v=0 session=6000", ""),
            ("beat a", "a: REBALANCE_IN_PROGRESS"),
            ("pass 5999", ""),
            ("pass 1", "b: ok b#2 generation=2 range leader=b#2 members=b#2"),
        ]);
    }

    #[test]
    fn who_may_not_join_is_told_why() {
        check(&[
            ("join a group= v=3", "a: INVALID_GROUP_ID"),
            ("join a session=5999", "a: INVALID_SESSION_TIMEOUT"),
            ("join a session=1800001", "a: INVALID_SESSION_TIMEOUT"),
            ("join a id=made-up", "a: UNKNOWN_MEMBER_ID"),
            ("list", "ok"),
            ("join a id=none protocols=", "a: INCONSISTENT_GROUP_PROTOCOL"),
            ("join a id=none type= v=3", "a: INCONSISTENT_GROUP_PROTOCOL"),
            // As in Kafka, the refused member has brought the group into being.
            ("list", "ok g:classic:Empty:"),
            ("join a id=none v=3", ""),
            ("pass 3000", "a: ok a#7 generation=1 range leader=a#7 members=a#7"),
            ("join b id=none type=connect v=3", "b: INCONSISTENT_GROUP_PROTOCOL"),
            ("join b id=none protocols=sticky v=3", "b: INCONSISTENT_GROUP_PROTOCOL"),
            ("join b id=made-up", "b: UNKNOWN_MEMBER_ID"),
            ("join b id=made-up instance=i", "b: UNKNOWN_MEMBER_ID"),
        ]);
    }

    #[test]
    fn a_member_that_lost_its_answer_asks_again() {
        check(&[
            ("join a", "a: MEMBER_ID_REQUIRED a#1"),
            ("join a", ""),
            ("join a", "a: REBALANCE_IN_PROGRESS"),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("join a", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            // In a stable group the leader's join is a wish for a rebalance.
            ("join a", "a: ok a#1 generation=2 range leader=a#1 members=a#1"),
        ]);
    }

    #[test]
    fn a_change_of_metadata_is_a_rebalance() {
        check(&[
            ("join a v=3", ""),
            ("join b v=3", ""),
            (
                "pass 6000",
                "a: ok a#1 generation=1 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=1 range leader=a#1",
            ),
            ("sync a assign=a:x,b:y", "a: assigned x"),
            ("sync b", "b: assigned y"),
            ("join b v=3", "b: ok b#2 generation=1 range leader=a#1"),
            ("join b v=3 topics=t,u", ""),
            ("beat a", "a: REBALANCE_IN_PROGRESS"),
            (
                "join a v=3",
                "a: ok a#1 generation=2 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=2 range leader=a#1",
            ),
            ("sync b", ""),
            // In the middle of the generation.
            ("join b v=3 topics=u", "b: REBALANCE_IN_PROGRESS"),
            (
                "join a v=3",
                "a: ok a#1 generation=3 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=3 range leader=a#1",
            ),
        ]);
    }

    #[test]
    fn who_does_not_come_back_in_time_is_left_behind() {
        check(&[
            ("join a v=3 rebalance=7000", ""),
            ("join b v=3 rebalance=7000", ""),
            (
                "pass 6000",
                "a: ok a#1 generation=1 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=1 range leader=a#1",
            ),
            ("sync a", "a: assigned"),
            ("sync b", "b: assigned"),
            ("join b topics=u rebalance=7000", ""),
            ("pass 6999", ""),
            ("pass 1", "b: ok b#2 generation=2 range leader=b#2 members=b#2"),
            ("beat a", "a: UNKNOWN_MEMBER_ID"),
        ]);
    }

    #[test]
    fn the_barrier_waits_for_members_that_were_given_an_id() {
        check(&[
            ("join a v=3", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            ("join b session=6000", "b: MEMBER_ID_REQUIRED b#2"),
            ("join a", ""),
            (
                "join b",
                "a: ok a#1 generation=2 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=2 range leader=a#1",
            ),
            ("join c session=6000", "c: MEMBER_ID_REQUIRED c#5"),
            ("sync a", "a: assigned"),
            ("sync b", "b: assigned"),
            ("join a", ""),
            ("join b", ""),
            ("pass 5999", ""),
            (
                "pass 1",
                "a: ok a#1 generation=3 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=3 range leader=a#1",
            ),
            ("join c", "c: UNKNOWN_MEMBER_ID"),
        ]);
    }

    #[test]
    fn a_group_has_its_size() {
        let config = GroupConfig { max_size: 1, ..GroupConfig::default() };
        let steps = [
            ("join a v=3", ""),
            ("join b v=3", "b: GROUP_MAX_SIZE_REACHED"),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("join b v=3", "b: GROUP_MAX_SIZE_REACHED"),
            ("sync a", "a: assigned"),
            ("join b v=3", "b: GROUP_MAX_SIZE_REACHED"),
            ("join a v=3", "a: ok a#1 generation=2 range leader=a#1 members=a#1"),
        ];
        check_with(config, &steps);
    }

    #[test]
    fn strangers_cannot_grow_what_is_kept() {
        let mut config = GroupConfig::default();
        config.limits.max_groups = 1;
        config.limits.max_pending_members = 1;
        config.limits.max_member_protocols = 2;
        config.limits.max_member_metadata_bytes = 100;
        config.limits.max_name_bytes = 10;
        let long = "x".repeat(100);
        check_with(
            config,
            &[
                ("join a group=longer-than-10", "a: INVALID_GROUP_ID"),
                ("join a instance=longer-than-10", "a: INVALID_REQUEST"),
                ("join a type=longer-than-10", "a: INVALID_REQUEST"),
                ("join longer-than-10", "longer-than-10: INVALID_REQUEST"),
                ("join a protocols=x,y,z", "a: INVALID_REQUEST"),
                (&format!("join a topics={long}"), "a: INVALID_REQUEST"),
                ("join a", "a: MEMBER_ID_REQUIRED a#7"),
                ("join b", "b: COORDINATOR_LOAD_IN_PROGRESS"),
                ("join b group=h", "b: POLICY_VIOLATION"),
            ],
        );
    }

    #[test]
    fn member_ids_are_names_and_uuids() {
        let uuid = Uuid::from_random(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(new_member_id("c", uuid).as_ref(), "c-01234567-89ab-4def-8123-456789abcdef");
    }

    #[test]
    fn a_failed_append_leaves_no_group() {
        check(&[
            ("fail-append not-leader", ""),
            ("join a", "a: NOT_COORDINATOR"),
            ("list", "ok"),
            ("fail-append", ""),
            // Parked, had the group come into being.
            ("join a v=3", "a: COORDINATOR_NOT_AVAILABLE"),
            ("pass 100000", ""),
            ("list", "ok"),
        ]);
    }
}
