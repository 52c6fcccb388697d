//! Offsets that nobody needs any more: expired ones (`offsets.retention.minutes`, KIP-211), with the groups that have
//! nothing else, and those of deleted topics.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use protocol::ErrorCode;
use stdx::Now;

use super::classic::{ClassicGroup, GroupState};
use super::offsets::CommittedOffset;
use super::request::{DeletedTopic, Response};
use super::{GroupCoordinator, GroupTimer, record};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken, TimerChange};

/// From when on an offset's retention counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RetentionBase {
    /// The group has been empty since then.
    EmptySince(i64),
    /// The offset's own commit.
    Commit,
    /// Not at all: its group is in use, or being made.
    Never,
}

impl RetentionBase {
    fn of(group: &ClassicGroup) -> Self {
        match (&group.protocol_type, group.state()) {
            // A simple consumer's offsets are in use as long as they are committed.
            (None, _) => Self::Commit,
            (Some(_), GroupState::Empty) => group.state_timestamp_ms().map_or(Self::Commit, Self::EmptySince),
            // Known subscriptions: an offset of another topic is a leftover.
            (Some(_), GroupState::Stable) if group.subscribed_topics.is_some() => Self::Commit,
            (Some(_), _) => Self::Never,
        }
    }

    fn has_expired(self, now: Now, retention_ms: i64, committed: &CommittedOffset) -> bool {
        let base_ms = match self {
            Self::EmptySince(timestamp_ms) => timestamp_ms,
            Self::Commit => committed.commit_timestamp_ms,
            Self::Never => return false,
        };
        match committed.expire_timestamp_ms {
            Some(expire_timestamp_ms) => now.unix_ms >= expire_timestamp_ms,
            None => now.unix_ms.saturating_sub(base_ms) >= retention_ms,
        }
    }
}

impl GroupCoordinator {
    /// One round: from the group after `after` on, as many as the limits allow; the timer goes on from there.
    pub(super) fn expire_offsets(
        &self,
        now: Now,
        after: Option<&Arc<str>>,
    ) -> Result<Outcome<Self>, CommitError> {
        let mut outcome = Outcome::default();
        let mut resume = None;
        for (looked_at, group_id) in self.group_ids_after(after).enumerate() {
            let full = outcome.records.len() >= self.config.limits.max_tombstones;
            if full || looked_at >= self.config.limits.max_expiry_groups {
                break;
            }
            self.expire_group(now, &group_id, &mut outcome)?;
            resume = Some(group_id);
        }
        let more = resume.as_ref().is_some_and(|last| self.group_ids_after(Some(last)).next().is_some());
        let next = if more {
            TimerChange::after(GroupTimer::Expiry(resume), now, 0)
        } else {
            let interval_ms = self.config.offsets_retention_check_interval_ms.max(1);
            TimerChange::after(GroupTimer::Expiry(None), now, interval_ms)
        };
        outcome.timers.push(next);
        Ok(outcome)
    }

    fn expire_group(
        &self,
        now: Now,
        group_id: &Arc<str>,
        outcome: &mut Outcome<Self>,
    ) -> Result<(), CommitError> {
        let Some(group) = self.group(group_id) else { return Ok(()) };
        let base = RetentionBase::of(&group);
        let mut all_expired = true;
        for (topic, partition, committed) in self.durable.offsets.of_group(group_id) {
            if !group.is_subscribed_to(topic)
                && base.has_expired(now, self.config.offsets_retention_ms, committed)
            {
                outcome.records.push(record::offset(group_id, topic, partition, None)?);
            } else {
                all_expired = false;
            }
        }
        // One with pending members is about to be used.
        if all_expired && group.is_idle() && self.durable.groups.contains_key(group_id) {
            outcome.records.push(record::group(group_id, None)?);
        }
        Ok(())
    }

    /// The groups of the log in order, merged from those with metadata and those with offsets.
    fn group_ids_after(&self, after: Option<&Arc<str>>) -> impl Iterator<Item = Arc<str>> {
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
        let mut persisted = self
            .durable
            .groups
            .range::<Arc<str>, _>((start.clone(), Bound::Unbounded))
            .map(|(id, _)| id)
            .peekable();
        let mut with_offsets = self.durable.offsets.groups_from(start).peekable();
        std::iter::from_fn(move || {
            let next = match (persisted.peek(), with_offsets.peek()) {
                (Some(a), Some(b)) => Arc::clone(a.min(b)),
                (Some(id), None) | (None, Some(id)) => Arc::clone(id),
                (None, None) => return None,
            };
            persisted.next_if(|id| **id == next);
            with_offsets.next_if(|id| **id == next);
            Some(next)
        })
    }

    /// Forgets the offsets of deleted topics, as many as the limit allows at a time.
    pub(super) fn topics_deleted(
        &self,
        token: ReplyToken,
        topics: &[DeletedTopic<'_>],
    ) -> Result<Outcome<Self>, CommitError> {
        let ids: BTreeMap<&str, _> = topics.iter().map(|topic| (topic.name, topic.id)).collect();
        let offsets = self.durable.offsets.groups().flat_map(|(group_id, by_topic)| {
            let deleted = ids.iter().filter_map(move |(name, id)| Some((*name, *id, by_topic.get(*name)?)));
            deleted.flat_map(move |(name, id, partitions)| {
                let gone = partitions
                    .iter()
                    .filter(move |(_, committed)| committed.topic_id.is_zero() || committed.topic_id == id);
                gone.map(move |(partition, _)| (group_id, name, *partition))
            })
        });
        let mut offsets = offsets.peekable();
        let limit = self.config.limits.max_tombstones.max(1);
        let records = offsets
            .by_ref()
            .take(limit)
            .map(|(group_id, topic, partition)| record::offset(group_id, topic, partition, None));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let more = offsets.peek().is_some();
        let response = Response::TopicsDeleted { error: ErrorCode::None, more };
        Ok(Outcome { records, replies: vec![Reply { token, response }], ..Outcome::default() })
    }
}
