//! A classic group as it lives: members, barriers and who waits in them. A value: cloning is cheap (its maps share what
//! is equal), so that an operation changes a copy and proposes it. What a transition means for others (replies, timers,
//! records) is the business of `edit` and of the files of the APIs.

mod member;
mod protocols;
mod state;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use protocol::ErrorCode;
use stdx::Now;

pub(crate) use member::{Member, Protocols};
pub use state::GroupState;

use super::metadata::GroupMetadata;
use crate::runtime::ReplyToken;

/// The protocol type of Kafka's consumers.
pub(super) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// The initial rebalance of a group waits for more members, up to the rebalance timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InitialDelay {
    pub(super) delay_ms: i64,
    pub(super) remaining_ms: i64,
}

/// A classic group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClassicGroup {
    pub(super) id: Arc<str>,
    state: GroupState,
    previous_state: Option<GroupState>,
    state_timestamp_ms: Option<i64>,
    pub(super) protocol_type: Option<Arc<str>>,
    pub(super) protocol_name: Option<Arc<str>>,
    pub(super) generation_id: i32,
    pub(super) leader: Option<Arc<str>>,
    members: OrdMap<Arc<str>, Arc<Member>>,
    static_members: OrdMap<Arc<str>, Arc<str>>,
    /// Given an id, not yet back with it (KIP-394).
    pub(super) pending_join: OrdSet<Arc<str>>,
    /// Past the barrier, not yet back with a SyncGroup.
    pub(super) pending_sync: OrdSet<Arc<str>>,
    awaiting_join: usize,
    /// How many members support each protocol.
    supporters: BTreeMap<Arc<str>, usize>,
    /// What the members of this generation subscribe to; `None` when that is not known.
    pub(super) subscribed_topics: Option<Arc<BTreeSet<Arc<str>>>>,
    pub(super) new_member_added: bool,
    pub(super) initial_delay: Option<InitialDelay>,
}

impl ClassicGroup {
    /// A group that nobody has joined.
    pub(super) fn new(id: Arc<str>, state_timestamp_ms: Option<i64>) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            previous_state: None,
            state_timestamp_ms,
            protocol_type: None,
            protocol_name: None,
            generation_id: 0,
            leader: None,
            members: OrdMap::new(),
            static_members: OrdMap::new(),
            pending_join: OrdSet::new(),
            pending_sync: OrdSet::new(),
            awaiting_join: 0,
            supporters: BTreeMap::new(),
            subscribed_topics: None,
            new_member_added: false,
            initial_delay: None,
        }
    }

    /// The group as the log has it: stable with its members, or empty.
    pub(super) fn from_metadata(id: Arc<str>, metadata: &GroupMetadata) -> Self {
        let mut group = Self::new(id, metadata.state_timestamp_ms);
        let protocol_name = metadata.protocol_name.clone().unwrap_or_else(|| Arc::from(""));
        for member in &metadata.members {
            group.add(Member::from_metadata(member, protocol_name.clone()));
        }
        if !metadata.members.is_empty() {
            group.state = GroupState::Stable;
        }
        group.protocol_type = metadata.protocol_type.clone();
        group.protocol_name = metadata.protocol_name.clone();
        group.generation_id = metadata.generation_id;
        group.leader = metadata.leader.clone().filter(|leader| group.has_member(leader));
        group.refresh_subscribed_topics();
        group
    }

    /// What a record says of this group.
    pub(super) fn to_metadata(&self) -> GroupMetadata {
        let protocol_name = self.protocol_name.as_deref().unwrap_or("");
        GroupMetadata {
            protocol_type: self.protocol_type.clone(),
            generation_id: self.generation_id,
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            state_timestamp_ms: self.state_timestamp_ms,
            members: self.members.values().map(|member| member.to_metadata(protocol_name)).collect(),
        }
    }

    pub(super) fn state(&self) -> GroupState {
        self.state
    }

    pub(super) fn is(&self, state: GroupState) -> bool {
        self.state == state
    }

    pub(super) fn state_timestamp_ms(&self) -> Option<i64> {
        self.state_timestamp_ms
    }

    pub(super) fn transition(&mut self, now: Now, next: GroupState) {
        assert!(self.state.may_become(next), "group {}: {} cannot become {next}", self.id, self.state);
        self.previous_state = Some(self.state);
        self.state = next;
        self.state_timestamp_ms = Some(now.unix_ms);
    }

    /// Whether this is the barrier of a group that was empty: only its timer ends it.
    pub(super) fn is_initial_rebalance(&self) -> bool {
        self.state == GroupState::PreparingRebalance && self.previous_state == Some(GroupState::Empty)
    }

    /// Whether nothing but the log's knowledge is in it, so that nothing needs to be kept for it.
    pub(super) fn is_idle(&self) -> bool {
        self.state == GroupState::Empty && self.pending_join.is_empty()
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values().map(Arc::as_ref)
    }

    pub(super) fn member_ids(&self) -> Vec<Arc<str>> {
        self.members.keys().cloned().collect()
    }

    pub(super) fn member_count(&self) -> usize {
        self.members.len()
    }

    pub(super) fn has_member(&self, member_id: &str) -> bool {
        self.members.contains_key(member_id)
    }

    pub(super) fn member(&self, member_id: &str) -> Option<&Member> {
        self.members.get(member_id).map(Arc::as_ref)
    }

    /// A member to change, in anything but its id, its protocols and its waiting for the barrier.
    pub(super) fn member_mut(&mut self, member_id: &str) -> Option<&mut Member> {
        self.members.get_mut(member_id).map(Arc::make_mut)
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub(super) fn is_pending(&self, member_id: &str) -> bool {
        self.pending_join.contains(member_id)
    }

    pub(super) fn static_member_id(&self, instance_id: &str) -> Option<&Arc<str>> {
        self.static_members.get(instance_id)
    }

    pub(super) fn awaiting_join_count(&self) -> usize {
        self.awaiting_join
    }

    pub(super) fn has_all_joined(&self) -> bool {
        self.members.len() == self.awaiting_join && self.pending_join.is_empty()
    }

    /// How long a rebalance waits: as long as the most patient member.
    pub(super) fn rebalance_timeout_ms(&self) -> i64 {
        self.members().map(|member| i64::from(member.rebalance_timeout_ms)).max().unwrap_or(0).max(0)
    }

    /// Adds a member. The first decides the protocol type and leads.
    pub(super) fn add(&mut self, member: Member) {
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), member.id.clone());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.pending_join.remove(&member.id);
        self.count_supporter(&member.protocols);
        self.awaiting_join += usize::from(member.awaiting_join.is_some());
        if let Some(replaced) = self.members.insert(member.id.clone(), Arc::new(member)) {
            self.uncount(&replaced);
        }
    }

    /// Takes out a member, pending or not. A leaderless group is led by its first member.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Arc<Member>> {
        let removed = self.members.remove(member_id);
        if let Some(member) = &removed {
            self.uncount(member);
            if let Some(instance_id) = &member.instance_id {
                self.static_members.remove(instance_id);
            }
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_join.remove(member_id);
        self.pending_sync.remove(member_id);
        removed
    }

    /// Gives a static member's place to a new member id. Returns the member as it was, with those that waited for it.
    pub(super) fn replace_static(&mut self, old_id: &str, new_id: Arc<str>) -> Option<Arc<Member>> {
        let old = self.members.remove(old_id)?;
        self.uncount(&old);
        self.pending_sync.remove(old_id);
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        self.add(Member {
            id: new_id,
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
            ..Member::clone(&old)
        });
        Some(old)
    }

    /// What a rejoining member says anew. Returns who waited for the barrier before.
    pub(super) fn update(
        &mut self,
        member_id: &str,
        protocols: Protocols,
        rebalance_timeout_ms: i32,
        session_timeout_ms: i32,
        token: ReplyToken,
    ) -> Option<ReplyToken> {
        let before = self.members.get(member_id)?.clone();
        self.uncount(&before);
        self.count_supporter(&protocols);
        self.awaiting_join += 1;
        let member = self.member_mut(member_id)?;
        member.protocols = protocols;
        member.rebalance_timeout_ms = rebalance_timeout_ms;
        member.session_timeout_ms = session_timeout_ms;
        member.awaiting_join.replace(token)
    }

    /// Lets a member out of the barrier: whom to answer.
    pub(super) fn take_join(&mut self, member_id: &str) -> Option<ReplyToken> {
        self.members.get(member_id)?.awaiting_join?;
        self.awaiting_join -= 1;
        self.member_mut(member_id)?.awaiting_join.take()
    }

    /// Keeps the leader if it waits in the barrier, else chooses another who does. False if nobody waits.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let awaits = |member: &&Member| member.awaiting_join.is_some();
        if self.leader.as_deref().and_then(|leader| self.member(leader)).filter(awaits).is_some() {
            return true;
        }
        let Some(leader) = self.members().find(awaits).map(|member| member.id.clone()) else { return false };
        self.leader = Some(leader);
        true
    }

    /// The barrier is passed: a new generation of the members that are left.
    pub(super) fn next_generation(&mut self, now: Now) {
        // A log may hold any number; negative ones mean none.
        self.generation_id = self.generation_id.checked_add(1).unwrap_or(1);
        self.protocol_name = self.select_protocol();
        self.refresh_subscribed_topics();
        self.pending_sync.clear();
        let next = if self.members.is_empty() { GroupState::Empty } else { GroupState::CompletingRebalance };
        self.transition(now, next);
    }

    /// Whether a request may speak for a member: known, and not replaced by another of the same instance id.
    pub(super) fn validate_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_member_id(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(existing) if existing.as_ref() != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.has_member(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    fn uncount(&mut self, member: &Member) {
        self.uncount_supporter(&member.protocols);
        self.awaiting_join -= usize::from(member.awaiting_join.is_some());
    }
}
