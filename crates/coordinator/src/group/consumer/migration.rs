//! A classic group becomes a consumer group with its first member of the new protocol, and a consumer group a classic one when
//! only classic members are left (KIP-848, `group.consumer.migration.policy`), without anybody stopping.
//!
//! Where members are lost to a timer, the way back waits for the next request of a classic member: it needs the topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::ErrorCode;
use stdx::Now;

use super::edit::ConsumerEdit;
use super::embedded::{read_assignment, read_subscription, write_assignment};
use super::member::{ClassicMember, CurrentAssignment, EpochedPartitions, MemberMetadata};
use super::{ConsumerGroup, ConsumerRecord, GroupEpoch, MemberState, PROTOCOL_TYPE, TargetEpoch};
use crate::CommitError;
use crate::group::classic::{ClassicGroup, Member as LiveMember};
use crate::group::edit::Edit;
use crate::group::metadata::{GroupMetadata, MemberMetadata as ClassicMetadata};
use crate::group::modern::{Partitions, Refusal, Stop, Topics, metadata_hash};
use crate::group::{GroupCoordinator, GroupTimer, record};
use crate::runtime::{Outcome, TimerChange};

impl GroupCoordinator {
    /// The consumer group that a classic group becomes: its members keep what they have, and whoever waits in a barrier is
    /// told to join again.
    pub(super) fn upgrade(
        &self,
        now: Now,
        classic: ClassicGroup,
        topics: &dyn Topics,
    ) -> Result<ConsumerEdit<'_>, Stop> {
        let group_id = classic.id.clone();
        let refuse = |why: &str| {
            let message = format!("Cannot upgrade classic group {group_id} to consumer group because {why}.");
            Stop::from(Refusal::new(ErrorCode::GroupIdNotFound, message))
        };
        if !self.config.consumer.migration_policy.allows_upgrade() {
            return Err(refuse("online upgrade is disabled"));
        }
        if !classic.uses_consumer_protocol() {
            return Err(refuse("the group does not use the consumer embedded protocol"));
        }
        if classic.member_count() > self.config.consumer.max_size {
            return Err(refuse("the group size exceeds the consumer group maximum size"));
        }
        let mut edit = ConsumerEdit::new(&self.config, now, group_id.clone(), ConsumerGroup::default());
        if self.durable.groups.contains_key(&group_id) {
            edit.write_before([record::group(&group_id, None)?]);
        }
        // Epoch 0 is that of members that join.
        let epoch = classic.generation_id.max(1);
        let mut assigned = Vec::new();
        for member in classic.members() {
            let (metadata, partitions) = converted(&classic, member, topics)
                .ok_or_else(|| refuse("the embedded consumer protocol is malformed"))?
                .ok_or_else(|| refuse("an unsupported custom assignor is in use"))?;
            edit.write(ConsumerRecord::Member(member.id.clone(), Some(metadata)))?;
            assigned.push((member.id.clone(), partitions));
        }
        let hash = metadata_hash(topics, edit.group.subscribed_topics());
        edit.write(ConsumerRecord::Group(Some(GroupEpoch { epoch, metadata_hash: hash })))?;
        for (member_id, partitions) in &assigned {
            edit.write(ConsumerRecord::Target(member_id.clone(), Some(partitions.clone())))?;
        }
        edit.write(ConsumerRecord::TargetEpoch(Some(TargetEpoch { epoch, timestamp_ms: 0 })))?;
        for (member_id, partitions) in assigned {
            let mut owned = EpochedPartitions::new();
            for (id, partition) in partitions.iter() {
                owned.entry(id).or_default().insert(partition, epoch);
            }
            let current = CurrentAssignment {
                member_epoch: epoch,
                previous_member_epoch: epoch,
                state: MemberState::Stable,
                assigned: owned,
                pending_revocation: BTreeMap::new(),
            };
            edit.write(ConsumerRecord::Current(member_id, Some(current)))?;
        }
        edit.dissolve(classic);
        Ok(edit)
    }

    /// Whether a group is to become a classic one.
    pub(super) fn may_downgrade(&self, group: &ConsumerGroup) -> bool {
        group.member_count() > 0
            && group.member_count() <= self.config.max_size
            && self.config.consumer.migration_policy.allows_downgrade()
            && group.members().all(|(_, member)| member.is_classic())
    }

    /// The end of a consumer group that has only classic members: they are told to join a classic rebalance.
    pub(super) fn downgrade(
        &self,
        edit: ConsumerEdit<'_>,
        topics: &dyn Topics,
    ) -> Result<Outcome<Self>, CommitError> {
        let (now, group_id, group) = (edit.now, edit.group_id.clone(), edit.group.clone());
        let mut outcome = edit.finish();
        for tombstone in group.tombstones() {
            outcome.records.push(tombstone.encode(&group_id)?);
        }
        let metadata = classic_metadata(&group, now, topics);
        let mut classic =
            Edit::new(&self.config, now, ClassicGroup::from_metadata(group_id.clone(), &metadata));
        // Should this coordinator end before the rebalance, its members are in no generation of the log: they join again.
        classic.persist_as(&GroupMetadata {
            generation_id: metadata.generation_id.saturating_add(1),
            ..metadata.clone()
        })?;
        for member in &metadata.members {
            let timers = GroupTimer::of_member(&group_id, &member.member_id);
            outcome.timers.extend(timers.map(TimerChange::Cancel));
            classic.renew_session(&member.member_id);
        }
        classic.prepare_rebalance()?;
        let classic = classic.finish();
        outcome.records.extend(classic.records);
        outcome.timers.extend(classic.timers);
        outcome.replies.extend(classic.replies);
        outcome.soft.groups.extend(classic.soft.groups);
        outcome.soft.topics_seen.push((group_id, None));
        Ok(outcome)
    }
}

impl ConsumerEdit<'_> {
    /// The classic group is no more: its timers go, and its members are told.
    pub(super) fn dissolve(&mut self, classic: ClassicGroup) {
        let group_id = classic.id.clone();
        let members: Vec<_> = classic.members().cloned().collect();
        let mut edit = Edit::new(self.config, self.now, classic);
        for member_id in edit.group.pending_join.clone() {
            edit.cancel_session(&member_id);
        }
        for member in &members {
            edit.answer_waiting(member, &member.id, ErrorCode::RebalanceInProgress);
        }
        let ended = edit.finish();
        self.outcome.replies.extend(ended.replies);
        self.outcome.timers.extend(ended.timers);
        for timer in [GroupTimer::Join(group_id.clone()), GroupTimer::Sync(group_id.clone())] {
            self.outcome.timers.push(TimerChange::Cancel(timer));
        }
        for member in members {
            self.schedule_session(&member.id, member.session_timeout_ms);
        }
        self.outcome.soft.groups.push((group_id, None));
    }
}

/// A classic member as a member of a consumer group, and what it has. `None` where it does not speak as consumers do;
/// `Some(None)` where it says things that only its own assignor understands.
fn converted(
    group: &ClassicGroup,
    member: &LiveMember,
    topics: &dyn Topics,
) -> Option<Option<(MemberMetadata, Partitions)>> {
    let protocols: Vec<_> = member.protocols.iter().collect();
    // Before the first rebalance has ended there is none that all have agreed on.
    let agreed =
        group.protocol_name.as_ref().and_then(|agreed| protocols.iter().find(|(name, _)| name == agreed));
    let (_, metadata) = agreed.or(protocols.first())?;
    let subscription = read_subscription(metadata, topics)?;
    let partitions = read_assignment(&member.assignment, topics)?;
    if subscription.has_user_data {
        return Some(None);
    }
    let metadata = MemberMetadata {
        instance_id: member.instance_id.clone(),
        rack_id: subscription.rack_id,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: subscription.topics,
        subscribed_topic_regex: None,
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        server_assignor: None,
        classic: Some(ClassicMember { session_timeout_ms: member.session_timeout_ms, protocols }),
    };
    Some(Some((metadata, partitions)))
}

/// The classic group of the members of a consumer group, with what they were to have.
fn classic_metadata(group: &ConsumerGroup, now: Now, topics: &dyn Topics) -> GroupMetadata {
    let classic =
        || group.members().filter_map(|(id, member)| Some((id, member, member.metadata.classic.as_ref()?)));
    // One that all of them have; the first of the first that all have.
    let supported = |name: &Arc<str>| {
        classic().all(|(_, _, classic)| classic.protocols.iter().any(|(known, _)| known == name))
    };
    let candidates = classic().flat_map(|(_, _, classic)| classic.protocols.iter().map(|(name, _)| name));
    let protocol_name = candidates.into_iter().find(|name| supported(name)).cloned();
    let members = classic().map(|(id, member, classic)| {
        let spoken = classic.protocols.iter().find(|(name, _)| Some(name) == protocol_name.as_ref());
        let subscription = spoken.or(classic.protocols.first()).map(|(_, metadata)| metadata.clone());
        let subscription = subscription.unwrap_or_default();
        ClassicMetadata {
            member_id: id.clone(),
            group_instance_id: member.metadata.instance_id.clone(),
            client_id: member.metadata.client_id.clone(),
            client_host: member.metadata.client_host.clone(),
            rebalance_timeout_ms: member.metadata.rebalance_timeout_ms,
            session_timeout_ms: classic.session_timeout_ms,
            assignment: write_assignment(member.target.iter(), topics, &subscription),
            subscription,
        }
    });
    let members: Vec<_> = members.collect();
    GroupMetadata {
        protocol_type: Some(PROTOCOL_TYPE.into()),
        generation_id: group.epoch(),
        protocol_name,
        leader: members.first().map(|member| member.member_id.clone()),
        state_timestamp_ms: Some(now.unix_ms),
        members,
    }
}
