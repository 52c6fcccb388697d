//! From what members subscribe to, to the group's epoch and target.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::Uuid;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;

use super::assignor::{Assignee, Assignees};
use super::edit::ConsumerEdit;
use super::reconcile::Reconciliation;
use super::{
    Assignor, ConsumerRecord, CurrentAssignment, Member, MemberMetadata, ResolvedRegex, TargetEpoch, regex,
};
use crate::CommitError;
use crate::group::modern::{Partitions, Stop, Topics, metadata_hash};

/// What a request changes in what a member subscribes to.
#[derive(Default)]
pub(super) struct SubscriptionChange {
    names_changed: bool,
    regex_changed: bool,
    assignor_changed: bool,
}

impl ConsumerEdit<'_> {
    /// Writes what a member wants, if that is new.
    pub(super) fn set_member(
        &mut self,
        member_id: &Arc<str>,
        before: Option<MemberMetadata>,
        after: MemberMetadata,
    ) -> Result<SubscriptionChange, CommitError> {
        let is_same = before.as_ref() == Some(&after);
        let before = before.unwrap_or_default();
        let mut change = SubscriptionChange {
            names_changed: after.subscribed_topic_names != before.subscribed_topic_names,
            regex_changed: after.subscribed_topic_regex != before.subscribed_topic_regex,
            assignor_changed: false,
        };
        if !is_same {
            let assignor = self.assignor();
            self.write(ConsumerRecord::Member(member_id.clone(), Some(after)))?;
            change.assignor_changed = self.assignor() != assignor;
            if change.regex_changed {
                self.forget_regexes()?;
            }
        }
        Ok(change)
    }

    /// What follows from a request of a member: the group's epoch, its target, and how far the member can go.
    pub(super) fn settle(
        &mut self,
        member_id: &Arc<str>,
        topics_seen: Option<i64>,
        change: &SubscriptionChange,
        topics: &dyn Topics,
        assignment_interval_ms: i32,
        owned: Option<&[TopicPartitions]>,
    ) -> Result<(), Stop> {
        let subscription_changed = change.names_changed || change.regex_changed;
        let unseen = topics_seen != Some(topics.version());
        let resolved = (unseen || change.regex_changed) && self.resolve_regexes(topics)?;
        let bump = subscription_changed || change.assignor_changed || resolved;
        if bump || unseen || self.group.epoch() > self.group.assignment_epoch() {
            self.refresh(topics, bump)?;
        }
        self.topics_seen = unseen.then(|| topics.version());
        self.update_target(topics, assignment_interval_ms)?;
        self.reconcile(member_id, topics, subscription_changed, owned)
    }

    /// When a member is to come back. While the group is on its way, or may soon be as others have just come too, that is ten
    /// times as soon as set: it is at rest again when everybody has spoken, and the interval is what each of them would wait for.
    pub(super) fn heartbeat_interval_ms(&self, current: &CurrentAssignment, interval_ms: i32) -> i32 {
        let target_epoch = self.group.assignment_epoch();
        let since_target_ms = self.now.unix_ms.saturating_sub(self.group.assignment_timestamp_ms());
        let is_calm = self.group.epoch() == target_epoch
            && current.is_reconciled_to(target_epoch)
            && !(0..i64::from(interval_ms)).contains(&since_target_ms);
        if is_calm { interval_ms } else { (interval_ms / 10).max(1) }
    }

    /// Brings a member as far towards its target as it can go now.
    fn reconcile(
        &mut self,
        member_id: &Arc<str>,
        topics: &dyn Topics,
        subscription_changed: bool,
        owned: Option<&[TopicPartitions]>,
    ) -> Result<(), Stop> {
        let Some(Member { metadata, current, target }) = self.group.member(member_id) else { return Ok(()) };
        let reconciliation = Reconciliation {
            current,
            target_epoch: self.group.assignment_epoch(),
            target,
            subscribes: &|id: Uuid| {
                topics.by_id(id).is_some_and(|topic| self.group.subscribes(metadata, topic.name))
            },
            subscription_changed,
            is_taken: &|id, partition| {
                self.group.owner(id, partition).is_some_and(|owner| owner != member_id)
            },
            owned,
        };
        if let Some(next) = reconciliation.next()? {
            self.move_member(member_id, next)?;
        }
        Ok(())
    }

    /// Matches every pattern of the group against the topics. Says whether one matches others than before.
    fn resolve_regexes(&mut self, topics: &dyn Topics) -> Result<bool, Stop> {
        let mut changed = false;
        for pattern in self.group.subscribed_regexes() {
            // What is in the log was compiled once; a limit that a later version lowers must not stop the group.
            let Ok(compiled) = regex::compile(&pattern) else { continue };
            let matched = regex::matching(&compiled, topics);
            if self.group.regex(&pattern).is_some_and(|resolved| resolved.topics == matched) {
                continue;
            }
            changed = true;
            let resolved =
                ResolvedRegex { topics: matched, version: topics.version(), timestamp_ms: self.now.unix_ms };
            self.write(ConsumerRecord::Regex(pattern, Some(resolved)))?;
        }
        Ok(changed)
    }

    /// A new epoch where the group's topics are not as they were, or where there is a reason for one anyway.
    fn refresh(&mut self, topics: &dyn Topics, bump: bool) -> Result<(), CommitError> {
        let hash = metadata_hash(topics, self.group.subscribed_topics());
        if bump || hash != self.group.metadata_hash() {
            self.bump(hash)?;
        }
        // The hash has taken the place of what Kafka before 4.1 wrote.
        if self.group.has_partition_metadata() {
            self.write(ConsumerRecord::PartitionMetadata(None))?;
        }
        Ok(())
    }

    /// The assignor that most members ask for.
    pub(super) fn assignor(&self) -> Assignor {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, member) in self.group.members() {
            if let Some(name) = member.metadata.server_assignor.as_deref() {
                *votes.entry(name).or_default() += 1;
            }
        }
        let assignors = self.config.consumer.assignors.iter().rev();
        let wanted = assignors.max_by_key(|assignor| votes.get(assignor.name()).copied().unwrap_or(0));
        wanted.copied().unwrap_or(Assignor::Uniform)
    }

    /// Whether the group's epoch has no target, and the last one is not from a moment ago: many members that come together
    /// make one.
    pub(super) fn is_time_for_target(&self, assignment_interval_ms: i32) -> bool {
        let last_ms = self.group.assignment_timestamp_ms();
        let since_last_ms = self.now.unix_ms.saturating_sub(last_ms);
        let is_too_early = last_ms != 0 && (0..i64::from(assignment_interval_ms)).contains(&since_last_ms);
        self.group.epoch() > self.group.assignment_epoch() && !is_too_early
    }

    /// The target for the group's epoch, when it is time for one.
    fn update_target(&mut self, topics: &dyn Topics, assignment_interval_ms: i32) -> Result<(), CommitError> {
        if !self.is_time_for_target(assignment_interval_ms) {
            return Ok(());
        }
        for (member_id, target) in self.assign(topics) {
            self.write(ConsumerRecord::Target(member_id, Some(target)))?;
        }
        let epoch = TargetEpoch { epoch: self.group.epoch(), timestamp_ms: self.now.unix_ms };
        self.write(ConsumerRecord::TargetEpoch(Some(epoch)))
    }

    /// The members whose target changes, with the new one.
    fn assign(&self, topics: &dyn Topics) -> Vec<(Arc<str>, Partitions)> {
        let mut partition_counts = BTreeMap::new();
        for topic in self.group.subscribed_topics().into_iter().filter_map(|name| topics.by_name(name)) {
            partition_counts.insert(topic.id, topic.partition_count);
        }
        let members = self.group.members().map(|(member_id, member)| {
            let subscribed = self.group.subscribed_by(member.metadata);
            let mut ids: Vec<_> = subscribed.filter_map(|name| Some(topics.by_name(name)?.id)).collect();
            ids.sort_unstable();
            Assignee {
                member_id,
                instance_id: member.metadata.instance_id.as_deref(),
                topics: ids,
                before: member.target,
            }
        });
        let assignees = Assignees { members: members.collect(), partition_counts };
        let targets = self.assignor().assign(&assignees);
        let changed = assignees.members.iter().zip(targets).filter(|(member, target)| {
            // A target of nothing is written too: it says that there is one.
            member.before != target || !self.group.has_target(member.member_id)
        });
        changed.map(|(member, target)| (member.member_id.clone(), target)).collect()
    }
}
