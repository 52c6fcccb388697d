//! A consumer group as the log has it. A value: cloning is cheap (its maps share what is equal), so that an operation works
//! on a copy to which it applies what it writes, and decides on what is so then.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;
use protocol::Uuid;

use super::member::{CurrentAssignment, Member, MemberMetadata, Parts};
use super::record::ConsumerRecord;
use super::state::ConsumerGroupState;

/// The epoch of a group, which grows with every change of its members or topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupEpoch {
    /// The epoch.
    pub epoch: i32,
    /// The hash of the topics that it subscribes to (KIP-1101).
    pub metadata_hash: i64,
}

impl Default for GroupEpoch {
    /// What a group begins with: a first target follows, whatever its members subscribe to.
    fn default() -> Self {
        Self { epoch: 1, metadata_hash: 0 }
    }
}

/// The epoch of a group that its target is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetEpoch {
    /// The group's epoch at that time.
    pub epoch: i32,
    /// When the target was made; 0 where that is not known.
    pub timestamp_ms: i64,
}

/// The topics that a pattern matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedRegex {
    /// Their names.
    pub topics: BTreeSet<Arc<str>>,
    /// The version of the topics that it was matched against.
    pub version: i64,
    /// When it was.
    pub timestamp_ms: i64,
}

/// A consumer group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroup {
    epoch: Option<GroupEpoch>,
    target: Option<TargetEpoch>,
    members: OrdMap<Arc<str>, Parts>,
    regexes: OrdMap<Arc<str>, Arc<ResolvedRegex>>,
    /// A record of Kafka before 4.1 that is still in the log.
    partition_metadata: Option<Bytes>,
    // What follows from these.
    member_count: usize,
    static_members: OrdMap<Arc<str>, Arc<str>>,
    owners: OrdMap<(Uuid, i32), Arc<str>>,
}

impl ConsumerGroup {
    /// The epoch of the group.
    pub fn epoch(&self) -> i32 {
        self.epoch.unwrap_or_default().epoch
    }

    /// The hash of its topics.
    pub fn metadata_hash(&self) -> i64 {
        self.epoch.unwrap_or_default().metadata_hash
    }

    /// The epoch of the target; 0 before there is one.
    pub fn assignment_epoch(&self) -> i32 {
        self.target.unwrap_or_default().epoch
    }

    /// When the target was made; 0 where that is not known.
    pub(super) fn assignment_timestamp_ms(&self) -> i64 {
        self.target.unwrap_or_default().timestamp_ms
    }

    /// Where the group stands.
    pub fn state(&self) -> ConsumerGroupState {
        let target_epoch = self.assignment_epoch();
        if self.member_count == 0 {
            ConsumerGroupState::Empty
        } else if self.epoch() > target_epoch {
            ConsumerGroupState::Assigning
        } else if self.members().all(|(_, member)| member.current.is_reconciled_to(target_epoch)) {
            ConsumerGroupState::Stable
        } else {
            ConsumerGroupState::Reconciling
        }
    }

    /// Whether nothing is left of it in the log.
    pub(in crate::group) fn is_gone(&self) -> bool {
        self.epoch.is_none()
            && self.target.is_none()
            && self.partition_metadata.is_none()
            && self.members.is_empty()
            && self.regexes.is_empty()
    }

    /// Its members, in the order of their ids.
    pub fn members(&self) -> impl Iterator<Item = (&Arc<str>, Member<'_>)> {
        self.members.iter().filter_map(|(id, parts)| Some((id, parts.member()?)))
    }

    /// A member.
    pub fn member(&self, member_id: &str) -> Option<Member<'_>> {
        self.members.get(member_id)?.member()
    }

    /// What a member has; nothing for one that is not there.
    pub(super) fn current(&self, member_id: &str) -> Arc<CurrentAssignment> {
        self.members.get(member_id).and_then(|parts| parts.current.clone()).unwrap_or_default()
    }

    /// A member and its id as the group has it.
    pub(in crate::group) fn member_entry(&self, member_id: &str) -> Option<(&Arc<str>, Member<'_>)> {
        let (id, parts) = self.members.get_key_value(member_id)?;
        Some((id, parts.member()?))
    }

    /// Whether there is a target for a member, be it of nothing.
    pub(super) fn has_target(&self, member_id: &str) -> bool {
        self.members.get(member_id).is_some_and(|parts| parts.target.is_some())
    }

    /// How many members it has.
    pub fn member_count(&self) -> usize {
        self.member_count
    }

    /// The id of the member that has an instance id.
    pub(super) fn static_member_id(&self, instance_id: &str) -> Option<&Arc<str>> {
        self.static_members.get(instance_id)
    }

    /// Who has a partition, keeping it or giving it up.
    pub(super) fn owner(&self, topic_id: Uuid, partition: i32) -> Option<&Arc<str>> {
        self.owners.get(&(topic_id, partition))
    }

    /// The topics of the patterns.
    pub(super) fn regexes(&self) -> impl Iterator<Item = (&Arc<str>, &ResolvedRegex)> {
        self.regexes.iter().map(|(regex, resolved)| (regex, &**resolved))
    }

    /// The topics of a pattern.
    pub(super) fn regex(&self, regex: &str) -> Option<&ResolvedRegex> {
        self.regexes.get(regex).map(|resolved| &**resolved)
    }

    /// The patterns that members subscribe to.
    pub(super) fn subscribed_regexes(&self) -> BTreeSet<Arc<str>> {
        self.members().filter_map(|(_, member)| member.metadata.subscribed_topic_regex.clone()).collect()
    }

    /// The names of all topics that a member subscribes to, by name or by pattern. A pattern without topics yet has none.
    pub(super) fn subscribed_by<'a>(
        &'a self,
        metadata: &'a MemberMetadata,
    ) -> impl Iterator<Item = &'a Arc<str>> {
        let names = &metadata.subscribed_topic_names;
        let resolved = metadata.subscribed_topic_regex.as_deref().and_then(|regex| self.regex(regex));
        let matched = resolved.into_iter().flat_map(|resolved| &resolved.topics);
        names.iter().chain(matched.filter(|name| !names.contains(*name)))
    }

    /// Whether a member subscribes to a topic.
    pub(super) fn subscribes(&self, metadata: &MemberMetadata, topic: &str) -> bool {
        metadata.subscribed_topic_names.contains(topic)
            || metadata
                .subscribed_topic_regex
                .as_deref()
                .and_then(|regex| self.regex(regex))
                .is_some_and(|resolved| resolved.topics.contains(topic))
    }

    /// Whether any member subscribes to a topic.
    pub(in crate::group) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.members().any(|(_, member)| self.subscribes(member.metadata, topic))
    }

    /// The names of all topics that any member subscribes to.
    pub(in crate::group) fn subscribed_topics(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for (_, member) in self.members() {
            names.extend(member.metadata.subscribed_topic_names.iter().map(|name| &**name));
        }
        // A pattern that nobody subscribes to any more is taken out of the log with its last subscriber.
        names.extend(self.regexes.values().flat_map(|resolved| resolved.topics.iter().map(|name| &**name)));
        names
    }

    /// What a record of Kafka before 4.1 said of its topics is still there.
    pub(super) fn has_partition_metadata(&self) -> bool {
        self.partition_metadata.is_some()
    }

    /// The only change.
    pub(in crate::group) fn apply(&mut self, record: ConsumerRecord) {
        match record {
            ConsumerRecord::Group(epoch) => self.epoch = epoch,
            ConsumerRecord::PartitionMetadata(bytes) => self.partition_metadata = bytes,
            ConsumerRecord::TargetEpoch(target) => self.target = target,
            ConsumerRecord::Regex(regex, Some(resolved)) => {
                self.regexes.insert(regex, Arc::new(resolved));
            }
            ConsumerRecord::Regex(regex, None) => {
                self.regexes.remove(&regex);
            }
            ConsumerRecord::Member(id, metadata) => {
                let metadata = metadata.map(Arc::new);
                if let Some(new) = &metadata {
                    self.count(&id, new);
                }
                let old = self.parts(&id, |parts| std::mem::replace(&mut parts.metadata, metadata));
                if let Some(old) = old {
                    self.uncount(&id, &old);
                }
            }
            ConsumerRecord::Target(id, target) => {
                self.parts(&id, |parts| parts.target = target.map(Arc::new));
            }
            ConsumerRecord::Current(id, current) => {
                let current = current.map(Arc::new);
                let new = current.clone();
                let old = self.parts(&id, |parts| std::mem::replace(&mut parts.current, current));
                for partition in old.iter().flat_map(|old| old.owned()) {
                    if self.owners.get(&partition) == Some(&id) {
                        self.owners.remove(&partition);
                    }
                }
                for partition in new.iter().flat_map(|new| new.owned()) {
                    self.owners.insert(partition, id.clone());
                }
            }
        }
    }

    fn parts<T>(&mut self, id: &Arc<str>, change: impl FnOnce(&mut Parts) -> T) -> T {
        let parts = self.members.entry(id.clone()).or_default();
        let result = change(parts);
        if parts.is_empty() {
            self.members.remove(id);
        }
        result
    }

    fn count(&mut self, id: &Arc<str>, metadata: &MemberMetadata) {
        self.member_count += 1;
        if let Some(instance_id) = &metadata.instance_id {
            self.static_members.insert(instance_id.clone(), id.clone());
        }
    }

    /// Called once what is new is there: an instance id that has gone to somebody else stays there.
    fn uncount(&mut self, id: &Arc<str>, old: &MemberMetadata) {
        self.member_count -= 1;
        let keeps = |instance_id: &Arc<str>| {
            self.member(id).is_some_and(|member| member.metadata.instance_id.as_ref() == Some(instance_id))
        };
        if let Some(instance_id) = &old.instance_id
            && self.static_members.get(instance_id) == Some(id)
            && !keeps(instance_id)
        {
            self.static_members.remove(instance_id);
        }
    }

    /// Everything as fresh records, in the order in which Kafka's coordinators can replay them.
    pub(in crate::group) fn records(&self) -> impl Iterator<Item = ConsumerRecord> {
        let members = self.members.iter().filter_map(|(id, parts)| {
            Some(ConsumerRecord::Member(id.clone(), Some(MemberMetadata::clone(parts.metadata.as_deref()?))))
        });
        let group = self.epoch.map(|epoch| ConsumerRecord::Group(Some(epoch)));
        let old = self.partition_metadata.clone().map(|bytes| ConsumerRecord::PartitionMetadata(Some(bytes)));
        let regexes = self.regexes.iter().map(|(regex, resolved)| {
            ConsumerRecord::Regex(regex.clone(), Some(ResolvedRegex::clone(resolved)))
        });
        let targets = self.members.iter().filter_map(|(id, parts)| {
            Some(ConsumerRecord::Target(id.clone(), Some(parts.target.as_deref()?.clone())))
        });
        let target = self.target.map(|target| ConsumerRecord::TargetEpoch(Some(target)));
        let current = self.members.iter().filter_map(|(id, parts)| {
            Some(ConsumerRecord::Current(id.clone(), Some(parts.current.as_deref()?.clone())))
        });
        members.chain(group).chain(old).chain(regexes).chain(targets).chain(target).chain(current)
    }

    /// The records after which nothing is left of a member, in the order that Kafka's coordinators ask for.
    pub(super) fn member_tombstones(member_id: &Arc<str>) -> [ConsumerRecord; 3] {
        [
            ConsumerRecord::Current(member_id.clone(), None),
            ConsumerRecord::Target(member_id.clone(), None),
            ConsumerRecord::Member(member_id.clone(), None),
        ]
    }

    /// The records after which nothing is left of the group, in the order that Kafka's coordinators ask for.
    pub(in crate::group) fn tombstones(&self) -> Vec<ConsumerRecord> {
        let mut records = Vec::new();
        records.extend(self.members.keys().map(|id| ConsumerRecord::Current(id.clone(), None)));
        records.extend(self.members.keys().map(|id| ConsumerRecord::Target(id.clone(), None)));
        records.push(ConsumerRecord::TargetEpoch(None));
        records.extend(self.members.keys().map(|id| ConsumerRecord::Member(id.clone(), None)));
        records.extend(self.regexes.keys().map(|regex| ConsumerRecord::Regex(regex.clone(), None)));
        records.push(ConsumerRecord::PartitionMetadata(None));
        records.push(ConsumerRecord::Group(None));
        records
    }
}
