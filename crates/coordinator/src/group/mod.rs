//! The groups of one partition of `__consumer_offsets`: the classic protocol, the consumer protocol (KIP-848) and committed
//! offsets, as Kafka 4.4.
//!
//! Durable is what the log says ([`Durable`]); soft is every classic group as it lives ([`Soft`]): members that joined since
//! the last rebalance ended, who waits in a barrier. A group without members has no soft part. Consumer groups
//! ([`consumer`]) are in the log as they live.
//!
//! One file an API: `join`, `static_member`, `sync`, `heartbeat`, `leave`, `describe`, `list`, `delete`,
//! `offset_commit`, `offset_fetch`, `offset_delete`; what timers do is in `session` and `expiry`.

mod classic;
mod config;
pub mod consumer;
mod delete;
mod describe;
mod durable;
mod edit;
mod expiry;
mod foreign;
#[cfg(test)]
mod harness;
mod heartbeat;
mod join;
mod leave;
mod list;
mod metadata;
mod modern;
mod offset_commit;
mod offset_delete;
pub mod offset_fetch;
mod offsets;
mod pending;
mod record;
mod request;
mod session;
#[cfg(test)]
mod simulation;
mod static_member;
mod sync;
mod txn_offset_commit;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::{ErrorCode, Offset, ProducerId};
use stdx::Now;

use classic::ClassicGroup;
pub use classic::GroupState;
pub use config::{GroupConfig, Limits};
use consumer::{ConsumerGroup, ConsumerGroupState};
pub use durable::Durable;
use edit::Edit;
pub use metadata::{GroupMetadata, MemberMetadata};
pub use modern::{NoTopics, Partitions, Topic, Topics};
pub use offsets::{CommittedOffset, Offsets};
pub use request::{DeletedTopic, JoinContext, Request, Response};

use crate::runtime::{Machine, Outcome, Reply, ReplyToken, TimerChange};
use crate::{CommitError, CoordinatorRecord, Error};

/// What a timer of a group is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupTimer {
    /// A member of a group was silent for its session timeout, or did not come back with the id it was given.
    Session(Arc<str>, Arc<str>),
    /// The join barrier of a group.
    Join(Arc<str>),
    /// The wait for the SyncGroups of a generation.
    Sync(Arc<str>),
    /// A member of a consumer group has to give up partitions.
    Rebalance(Arc<str>, Arc<str>),
    /// A classic member of a consumer group has to join again.
    Rejoin(Arc<str>, Arc<str>),
    /// A classic member of a consumer group has joined and has to ask for its assignment.
    SyncOf(Arc<str>, Arc<str>),
    /// Expired offsets and groups are looked for, from the group after this on.
    Expiry(Option<Arc<str>>),
}

impl GroupTimer {
    /// Every timer that a member of a consumer group can have.
    fn of_member(group_id: &Arc<str>, member_id: &Arc<str>) -> impl Iterator<Item = Self> {
        let timers = [Self::Session, Self::Rebalance, Self::Rejoin, Self::SyncOf];
        timers.into_iter().map(|timer| timer(group_id.clone(), member_id.clone()))
    }
}

/// The groups as they live; lost at fail-over, when members are taken from the log again and barriers are gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Soft {
    groups: BTreeMap<Arc<str>, ClassicGroup>,
    /// With which version of the topics each consumer group was looked at.
    topics_seen: BTreeMap<Arc<str>, i64>,
}

/// A change of [`Soft`]: groups as they are now, or without a soft part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SoftChange {
    groups: Vec<(Arc<str>, Option<Box<ClassicGroup>>)>,
    topics_seen: Vec<(Arc<str>, Option<i64>)>,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct GroupCoordinator {
    config: GroupConfig,
    durable: Durable,
    soft: Soft,
}

/// How many groups are in each state: Empty, PreparingRebalance, CompletingRebalance, Stable.
pub type GroupCounts = BTreeMap<GroupState, usize>;

impl GroupCoordinator {
    /// Groups of an empty partition.
    pub fn new(config: GroupConfig) -> Self {
        Self { config, durable: Durable::default(), soft: Soft::default() }
    }

    /// What the log says.
    pub fn durable(&self) -> &Durable {
        &self.durable
    }

    /// The state of a group; `None` if there is none (Kafka calls it `Dead`).
    pub fn state_of(&self, group_id: &str) -> Option<GroupState> {
        self.group(group_id).map(|group| group.state())
    }

    /// For the gauges: how many classic groups are in which state.
    pub fn counts(&self) -> GroupCounts {
        let mut counts = GroupCounts::new();
        for group_id in self.durable.group_ids() {
            if self.durable.consumer.contains_key(group_id) {
                continue;
            }
            let state = self.soft.groups.get(group_id).map_or(GroupState::Empty, ClassicGroup::state);
            *counts.entry(state).or_default() += 1;
        }
        counts
    }

    /// The same of consumer groups.
    pub fn consumer_counts(&self) -> BTreeMap<ConsumerGroupState, usize> {
        let mut counts = BTreeMap::new();
        for group in self.durable.consumer.values() {
            *counts.entry(group.state()).or_default() += 1;
        }
        counts
    }

    /// A classic group as it lives, or, when it has no soft part, as the log has it.
    fn group(&self, group_id: &str) -> Option<Cow<'_, ClassicGroup>> {
        if self.durable.consumer.contains_key(group_id) {
            return None;
        }
        if let Some(group) = self.soft.groups.get(group_id) {
            return Some(Cow::Borrowed(group));
        }
        if let Some((group_id, metadata)) = self.durable.groups.get_key_value(group_id) {
            return Some(Cow::Owned(ClassicGroup::from_metadata(group_id.clone(), metadata)));
        }
        // Nobody ever joined it: a simple consumer or an admin committed offsets.
        let has_offsets =
            self.durable.offsets.has_group(group_id) || self.durable.pending.has_group(group_id);
        has_offsets.then(|| Cow::Owned(ClassicGroup::new(group_id.into(), None)))
    }

    fn edit(&self, now: Now, group: Cow<'_, ClassicGroup>) -> Edit<'_> {
        let superseded = self.durable.consumer.get(&group.id).map(ConsumerGroup::tombstones);
        Edit::new(&self.config, now, group.into_owned()).superseding(superseded.unwrap_or_default())
    }
}

impl GroupCoordinator {
    /// The answer where no coordinator has the group: what is wrong in itself is told first, as Kafka does.
    pub fn without_coordinator(config: &GroupConfig, request: Request<'_>) -> Response {
        let error = match &request {
            Request::JoinGroup(context, request) => join::invalid(config, *context, request),
            Request::Heartbeat(_, request) => {
                request.group_id.is_empty().then_some(ErrorCode::InvalidGroupId)
            }
            Request::SyncGroup(_, request) => {
                request.group_id.is_empty().then_some(ErrorCode::InvalidGroupId)
            }
            Request::LeaveGroup(_, _, request) => {
                request.group_id.is_empty().then_some(ErrorCode::InvalidGroupId)
            }
            _ => None,
        };
        Response::refusal(request, error.unwrap_or(ErrorCode::NotCoordinator))
    }
}

impl Machine for GroupCoordinator {
    type Request<'a> = Request<'a>;
    type Response = Response;
    type Soft = SoftChange;
    type Timer = GroupTimer;
    type Action = std::convert::Infallible;

    fn propose(
        &self,
        now: Now,
        token: ReplyToken,
        request: Request<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        match request {
            Request::JoinGroup(context, request) => self.join(now, token, context, request),
            Request::SyncGroup(topics, request) => self.sync(now, token, topics, request),
            Request::Heartbeat(topics, request) => self.heartbeat(now, token, topics, request),
            Request::LeaveGroup(version, topics, request) => self.leave(now, token, version, topics, request),
            Request::DescribeGroups(version, groups) => Ok(self.describe(token, version, groups)),
            Request::ListGroups(request) => Ok(self.list(token, request)),
            Request::DeleteGroups(groups) => self.delete(token, groups),
            Request::OffsetCommit(version, request) => self.offset_commit(now, token, version, request),
            Request::TxnOffsetCommit(request) => self.txn_offset_commit(now, token, request),
            Request::OffsetFetch(group, require_stable) => {
                Ok(self.offset_fetch(token, group, require_stable))
            }
            Request::OffsetDelete(request) => self.offset_delete(token, request),
            Request::ConsumerGroupHeartbeat(context, request) => {
                self.consumer_group_heartbeat(now, token, context, request)
            }
            Request::ConsumerGroupDescribe(topics, groups) => {
                Ok(self.consumer_group_describe(token, topics, groups))
            }
            Request::TopicsDeleted(topics) => self.topics_deleted(token, topics),
        }
    }

    fn expire(&self, now: Now, timer: &GroupTimer) -> Result<Outcome<Self>, CommitError> {
        match timer {
            GroupTimer::Session(group_id, member_id) if self.durable.consumer.contains_key(group_id) => {
                self.fence_consumer(now, group_id, member_id)
            }
            GroupTimer::Session(group_id, member_id) => self.expire_session(now, group_id, member_id),
            GroupTimer::Rebalance(group_id, member_id)
            | GroupTimer::Rejoin(group_id, member_id)
            | GroupTimer::SyncOf(group_id, member_id) => self.fence_consumer(now, group_id, member_id),
            GroupTimer::Join(group_id) => self.expire_join(now, group_id),
            GroupTimer::Sync(group_id) => self.expire_sync(now, group_id),
            GroupTimer::Expiry(after) => self.expire_offsets(now, after.as_ref()),
        }
    }

    fn loaded(&self, now: Now) -> Outcome<Self> {
        let mut outcome = self.load_members(now);
        self.load_consumer_members(now, &mut outcome);
        let interval_ms = self.config.offsets_retention_check_interval_ms;
        outcome.timers.push(TimerChange::after(GroupTimer::Expiry(None), now, interval_ms));
        outcome
    }

    fn unload(&mut self) -> Vec<Reply<Response>> {
        let mut replies = Vec::new();
        for group in std::mem::take(&mut self.soft).groups.into_values() {
            let mut edit = Edit::new(&self.config, Now::default(), group);
            for member in edit.group.members().cloned().collect::<Vec<_>>() {
                edit.answer_waiting(&member, &member.id, ErrorCode::NotCoordinator);
            }
            replies.extend(edit.finish().replies);
        }
        replies
    }

    fn replay(&mut self, offset: Offset, record: &CoordinatorRecord) -> Result<(), Error> {
        self.durable.replay(offset, record)
    }

    fn replay_transactional(
        &mut self,
        offset: Offset,
        producer_id: ProducerId,
        record: &CoordinatorRecord,
    ) -> Result<(), Error> {
        self.durable.replay_transactional(offset, producer_id, record)
    }

    fn replay_end_of_transaction(&mut self, producer_id: ProducerId, committed: bool) {
        self.durable.end_transaction(producer_id, committed);
    }

    fn apply(&mut self, soft: SoftChange) {
        for (group_id, version) in soft.topics_seen {
            match version {
                Some(version) => drop(self.soft.topics_seen.insert(group_id, version)),
                None => drop(self.soft.topics_seen.remove(&group_id)),
            }
        }
        for (group_id, group) in soft.groups {
            match group {
                Some(group) => drop(self.soft.groups.insert(group_id, *group)),
                None => drop(self.soft.groups.remove(&group_id)),
            }
        }
    }

    fn snapshot_records(&self) -> impl Iterator<Item = Result<CoordinatorRecord, CommitError>> {
        self.durable.records()
    }

    fn refuse(request: Request<'_>, error: ErrorCode) -> Response {
        Response::refusal(request, error)
    }

    fn fail(response: Response, error: CommitError) -> Response {
        response.failed(error)
    }
}
