//! One operation on one classic group: a copy of the group to change, and what the change means for others. The steps
//! of a rebalance that several APIs share are here; what an API does with them is in its own file.
//!
//! ```text
//! Empty ──join──▶ PreparingRebalance ──all joined, or timer──▶ CompletingRebalance ──leader's sync──▶ Stable
//!   ▲                  │    ▲                                       │                              │
//!   └──nobody is left──┘    └──── join, leave, session expired ─────┴──────────────────────────────┘
//! ```

use std::sync::Arc;

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::join_group_response::JoinGroupResponseMember;
use protocol::messages::{JoinGroupResponse, SyncGroupResponse};
use stdx::Now;

use super::classic::{ClassicGroup, GroupState, InitialDelay, Member};
use super::consumer::ConsumerRecord;
use super::metadata::GroupMetadata;
use super::request::{Response, blob, no_join, text};
use super::{GroupConfig, GroupCoordinator, GroupTimer, SoftChange, record};
use crate::runtime::{Outcome, Reply, ReplyToken, TimerChange};
use crate::{CommitError, CoordinatorRecord};

/// A group being changed, and the outcome so far.
pub(super) struct Edit<'a> {
    pub(super) config: &'a GroupConfig,
    pub(super) now: Now,
    pub(super) group: ClassicGroup,
    /// What is to go from the log before the group is written: the empty consumer group that had the id.
    superseded: Vec<ConsumerRecord>,
    records: Vec<CoordinatorRecord>,
    replies: Vec<Reply<Response>>,
    timers: Vec<TimerChange<GroupTimer>>,
}

impl<'a> Edit<'a> {
    pub(super) fn new(config: &'a GroupConfig, now: Now, group: ClassicGroup) -> Self {
        Self {
            config,
            now,
            group,
            superseded: Vec::new(),
            records: Vec::new(),
            replies: Vec::new(),
            timers: Vec::new(),
        }
    }

    /// The first time that the group is written, these go before.
    pub(super) fn superseding(self, superseded: Vec<ConsumerRecord>) -> Self {
        Self { superseded, ..self }
    }

    /// The outcome: the copy becomes the group, unless nothing is in it that the log does not know.
    pub(super) fn finish(self) -> Outcome<GroupCoordinator> {
        let group_id = self.group.id.clone();
        let live = if self.group.is_idle() { None } else { Some(Box::new(self.group)) };
        Outcome {
            records: self.records,
            transaction: None,
            replies: self.replies,
            soft: SoftChange { groups: vec![(group_id, live)], ..SoftChange::default() },
            timers: self.timers,
            actions: Vec::new(),
        }
    }

    pub(super) fn has_records(&self) -> bool {
        !self.records.is_empty()
    }

    /// Writes the group as it is.
    pub(super) fn persist(&mut self) -> Result<(), CommitError> {
        self.persist_as(&self.group.to_metadata())
    }

    /// Writes the group as something else than it is.
    pub(super) fn persist_as(&mut self, metadata: &GroupMetadata) -> Result<(), CommitError> {
        for record in std::mem::take(&mut self.superseded) {
            self.records.push(record.encode(&self.group.id)?);
        }
        self.records.push(record::group(&self.group.id, Some(metadata))?);
        Ok(())
    }

    pub(super) fn reply(&mut self, token: ReplyToken, response: Response) {
        self.replies.push(Reply { token, response });
    }

    pub(super) fn refuse_join(&mut self, token: ReplyToken, member_id: &str, error: ErrorCode) {
        let response =
            JoinGroupResponse { error_code: error.code(), member_id: text(member_id), ..no_join() };
        self.reply(token, Response::JoinGroup(response));
    }

    pub(super) fn refuse_sync(&mut self, token: ReplyToken, error: ErrorCode) {
        let response = SyncGroupResponse { error_code: error.code(), ..SyncGroupResponse::default() };
        self.reply(token, Response::SyncGroup(response));
    }

    pub(super) fn schedule_session(&mut self, member_id: &Arc<str>, timeout_ms: i32) {
        let timer = GroupTimer::Session(self.group.id.clone(), member_id.clone());
        self.timers.push(TimerChange::after(timer, self.now, i64::from(timeout_ms)));
    }

    /// The member shows that it lives.
    pub(super) fn renew_session(&mut self, member_id: &str) {
        if let Some((member_id, timeout_ms)) =
            self.group.member(member_id).map(|member| (member.id.clone(), member.session_timeout_ms))
        {
            self.schedule_session(&member_id, timeout_ms);
        }
    }

    pub(super) fn cancel_session(&mut self, member_id: &str) {
        self.timers.push(TimerChange::Cancel(GroupTimer::Session(self.group.id.clone(), member_id.into())));
    }

    fn schedule_join(&mut self, delay_ms: i64) {
        self.timers.push(TimerChange::after(GroupTimer::Join(self.group.id.clone()), self.now, delay_ms));
    }

    /// Stops waiting for SyncGroups.
    fn clear_pending_sync(&mut self) {
        self.group.pending_sync.clear();
        self.timers.push(TimerChange::Cancel(GroupTimer::Sync(self.group.id.clone())));
    }

    /// A member's SyncGroup came.
    pub(super) fn remove_pending_sync(&mut self, member_id: &str) {
        self.group.pending_sync.remove(member_id);
        if self.group.pending_sync.is_empty() {
            self.timers.push(TimerChange::Cancel(GroupTimer::Sync(self.group.id.clone())));
        }
    }

    /// Takes a member out, pending or not, and answers with `error` whoever waits in its name.
    pub(super) fn dismiss(&mut self, member_id: &str, error: ErrorCode) {
        self.cancel_session(member_id);
        if let Some(member) = self.group.remove(member_id) {
            self.answer_waiting(&member, "", error);
        }
    }

    /// Answers whoever waits in the name of a member that is not in the group any more.
    pub(super) fn answer_waiting(&mut self, member: &Member, member_id: &str, error: ErrorCode) {
        if let Some(token) = member.awaiting_join {
            self.refuse_join(token, member_id, error);
        }
        if let Some(token) = member.awaiting_sync {
            self.refuse_sync(token, error);
        }
    }

    /// The membership changed: a new rebalance, or, when one is under way, perhaps its last missing member.
    pub(super) fn rebalance_or_complete_join(&mut self) -> Result<(), CommitError> {
        if self.group.is(GroupState::PreparingRebalance) {
            self.maybe_complete_join()
        } else {
            self.prepare_rebalance()
        }
    }

    /// Opens the join barrier.
    pub(super) fn prepare_rebalance(&mut self) -> Result<(), CommitError> {
        if self.group.is(GroupState::CompletingRebalance) {
            for member_id in self.group.member_ids() {
                if let Some(member) = self.group.member_mut(&member_id) {
                    member.assignment = Bytes::new();
                }
            }
            self.propagate_assignment(ErrorCode::RebalanceInProgress);
        }
        self.clear_pending_sync();
        let was_empty = self.group.is(GroupState::Empty);
        self.group.transition(self.now, GroupState::PreparingRebalance);
        if was_empty {
            let delay_ms = i64::from(self.config.initial_rebalance_delay_ms);
            let remaining_ms = (self.group.rebalance_timeout_ms() - delay_ms).max(0);
            self.group.initial_delay = Some(InitialDelay { delay_ms, remaining_ms });
            self.schedule_join(delay_ms);
            return Ok(());
        }
        if self.group.has_all_joined() {
            return self.complete_join();
        }
        self.schedule_join(self.group.rebalance_timeout_ms());
        Ok(())
    }

    /// Closes the barrier if nobody is missing. The first barrier of a group is left to its timer.
    pub(super) fn maybe_complete_join(&mut self) -> Result<(), CommitError> {
        let complete = self.group.is(GroupState::PreparingRebalance)
            && !self.group.is_initial_rebalance()
            && self.group.has_all_joined();
        if complete { self.complete_join() } else { Ok(()) }
    }

    /// The barrier's time is over; the first barrier is prolonged as long as members keep coming.
    pub(super) fn expire_join(&mut self) -> Result<(), CommitError> {
        if !self.group.is(GroupState::PreparingRebalance) {
            return Ok(());
        }
        match self.group.initial_delay {
            Some(delay) if self.group.new_member_added && delay.remaining_ms != 0 => {
                self.group.new_member_added = false;
                let delay_ms = i64::from(self.config.initial_rebalance_delay_ms).min(delay.remaining_ms);
                let remaining_ms = (delay.remaining_ms - delay.delay_ms).max(0);
                self.group.initial_delay = Some(InitialDelay { delay_ms, remaining_ms });
                self.schedule_join(delay_ms);
                Ok(())
            }
            _ => self.complete_join(),
        }
    }

    /// Closes the barrier: who has not come back leaves, unless static; the rest is the next generation.
    pub(super) fn complete_join(&mut self) -> Result<(), CommitError> {
        self.timers.push(TimerChange::Cancel(GroupTimer::Join(self.group.id.clone())));
        self.group.initial_delay = None;
        self.group.new_member_added = false;
        let missing = self.group.members().filter(|member| member.awaiting_join.is_none());
        let missing: Vec<_> =
            missing.filter(|member| member.instance_id.is_none()).map(|member| member.id.clone()).collect();
        for member_id in missing {
            self.dismiss(&member_id, ErrorCode::UnknownMemberId);
        }
        if !self.group.elect_joined_leader() && self.group.member_count() > 0 {
            // Only static members are left and none has come: wait on.
            self.schedule_join(self.group.rebalance_timeout_ms());
            return Ok(());
        }
        self.group.next_generation(self.now);
        if self.group.is(GroupState::Empty) {
            return self.persist();
        }
        for member_id in self.group.member_ids() {
            if let Some(token) = self.group.take_join(&member_id) {
                let response = self.joined(&member_id);
                self.reply(token, Response::JoinGroup(response));
            }
            self.renew_session(&member_id);
            if let Some(member) = self.group.member_mut(&member_id) {
                member.is_new = false;
            }
            self.group.pending_sync.insert(member_id);
        }
        let timer = GroupTimer::Sync(self.group.id.clone());
        self.timers.push(TimerChange::after(timer, self.now, self.group.rebalance_timeout_ms()));
        Ok(())
    }

    /// The answer to a member of the current generation. The leader is told everybody's metadata.
    pub(super) fn joined(&self, member_id: &str) -> JoinGroupResponse<'static> {
        let members = if self.group.is_leader(member_id) { self.members_for_leader() } else { Vec::new() };
        JoinGroupResponse {
            generation_id: self.group.generation_id,
            protocol_type: self.group.protocol_type.as_deref().map(text),
            protocol_name: self.group.protocol_name.as_deref().map(text),
            leader: text(self.group.leader.as_deref().unwrap_or("")),
            member_id: text(member_id),
            members,
            ..JoinGroupResponse::default()
        }
    }

    fn members_for_leader(&self) -> Vec<JoinGroupResponseMember<'static>> {
        let protocol_name = self.group.protocol_name.as_deref().unwrap_or("");
        let members = self.group.members().map(|member| JoinGroupResponseMember {
            member_id: text(&member.id),
            group_instance_id: member.instance_id.as_deref().map(text),
            metadata: blob(&member.protocols.metadata(protocol_name)),
            ..JoinGroupResponseMember::default()
        });
        members.collect()
    }

    /// Answers every SyncGroup that waits: with the member's assignment, or with an error.
    pub(super) fn propagate_assignment(&mut self, error: ErrorCode) {
        for member_id in self.group.member_ids() {
            let Some(member) = self.group.member_mut(&member_id) else { continue };
            let Some(token) = member.awaiting_sync.take() else { continue };
            if error.is_none() {
                let response = self.synced(&member_id);
                self.reply(token, Response::SyncGroup(response));
            } else {
                self.refuse_sync(token, error);
            }
            self.renew_session(&member_id);
        }
    }

    /// The answer to a member that has its assignment.
    pub(super) fn synced(&self, member_id: &str) -> SyncGroupResponse<'static> {
        SyncGroupResponse {
            protocol_type: self.group.protocol_type.as_deref().map(text),
            protocol_name: self.group.protocol_name.as_deref().map(text),
            assignment: blob(self.group.member(member_id).map_or(&[], |member| &member.assignment)),
            ..SyncGroupResponse::default()
        }
    }
}
