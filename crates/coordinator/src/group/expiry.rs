//! Offsets that nobody needs any more: expired ones (`offsets.retention.minutes`, KIP-211), with the groups that have
//! nothing else, and those of deleted topics.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use protocol::ErrorCode;
use stdx::Now;

use super::classic::{ClassicGroup, GroupState};
use super::consumer::ConsumerGroup;
use super::offsets::CommittedOffset;
use super::request::{DeletedTopic, Response};
use super::{GroupCoordinator, GroupTimer, record};
use crate::runtime::{Outcome, Reply, ReplyToken, TimerChange};
use crate::{CommitError, CoordinatorRecord};

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
    /// One round: from the group after `after` on, as much as the limits allow; the timer goes on from there.
    pub(super) fn expire_offsets(
        &self,
        now: Now,
        after: Option<&Arc<str>>,
    ) -> Result<Outcome<Self>, CommitError> {
        let mut outcome = Outcome::default();
        let mut done = after.cloned();
        let mut more = false;
        for (looked_at, group_id) in self.group_ids_after(after).enumerate() {
            more = looked_at >= self.config.limits.max_expiry_groups.max(1)
                || !self.expire_group(now, &group_id, &mut outcome.records)?;
            if more {
                break;
            }
            done = Some(group_id);
        }
        let next = if more {
            TimerChange::after(GroupTimer::Expiry(done), now, 0)
        } else {
            let interval_ms = self.config.offsets_retention_check_interval_ms.max(1);
            TimerChange::after(GroupTimer::Expiry(None), now, interval_ms)
        };
        outcome.timers.push(next);
        Ok(outcome)
    }

    /// Adds the tombstones of a group; false when there are more than the limit allows.
    fn expire_group(
        &self,
        now: Now,
        group_id: &Arc<str>,
        records: &mut Vec<CoordinatorRecord>,
    ) -> Result<bool, CommitError> {
        if let Some(group) = self.durable.consumer.get(group_id) {
            return self.expire_consumer_group(now, group_id, group, records);
        }
        let Some(group) = self.group(group_id) else { return Ok(true) };
        let base = RetentionBase::of(&group);
        let limit = self.config.limits.max_tombstones.max(1);
        let mut all_expired = true;
        for (topic, partition, committed) in self.durable.offsets.of_group(group_id) {
            let expired = !group.is_subscribed_to(topic)
                && !self.durable.pending.has(group_id, topic, partition)
                && base.has_expired(now, self.config.offsets_retention_ms, committed);
            all_expired &= expired;
            if expired {
                if records.len() >= limit {
                    return Ok(false);
                }
                records.push(record::offset(group_id, topic, partition, None)?);
            }
        }
        // One with pending members is about to be used, or with offsets in an open transaction.
        let is_unused = group.is_idle() && !self.durable.pending.has_group(group_id);
        if all_expired && is_unused && self.durable.groups.contains_key(group_id) {
            if records.len() >= limit {
                return Ok(false);
            }
            records.push(record::group(group_id, None)?);
        }
        Ok(true)
    }

    /// The same of a consumer group: an offset counts from its commit as long as nobody subscribes to its topic.
    fn expire_consumer_group(
        &self,
        now: Now,
        group_id: &Arc<str>,
        group: &ConsumerGroup,
        records: &mut Vec<CoordinatorRecord>,
    ) -> Result<bool, CommitError> {
        let limit = self.config.limits.max_tombstones.max(1);
        let subscribed = group.subscribed_topics();
        let mut all_expired = true;
        for (topic, partition, committed) in self.durable.offsets.of_group(group_id) {
            let expired = !subscribed.contains(&**topic)
                && !self.durable.pending.has(group_id, topic, partition)
                && RetentionBase::Commit.has_expired(now, self.config.offsets_retention_ms, committed);
            all_expired &= expired;
            if expired {
                if records.len() >= limit {
                    return Ok(false);
                }
                records.push(record::offset(group_id, topic, partition, None)?);
            }
        }
        if all_expired && group.member_count() == 0 && !self.durable.pending.has_group(group_id) {
            let tombstones = group.tombstones();
            if records.len() + tombstones.len() > limit && !records.is_empty() {
                return Ok(false);
            }
            for tombstone in tombstones {
                records.push(tombstone.encode(group_id)?);
            }
        }
        Ok(true)
    }

    /// The groups of the log in order, merged from those with metadata and those with offsets.
    fn group_ids_after(&self, after: Option<&Arc<str>>) -> impl Iterator<Item = Arc<str>> {
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
        let range = (start.clone(), Bound::Unbounded);
        let mut classic =
            self.durable.groups.range::<Arc<str>, _>(range.clone()).map(|(id, _)| id).peekable();
        let mut consumer = self.durable.consumer.range::<Arc<str>, _>(range).map(|(id, _)| id).peekable();
        let mut with_offsets = self.durable.offsets.groups_from(start).peekable();
        std::iter::from_fn(move || {
            let heads = [classic.peek(), consumer.peek(), with_offsets.peek()];
            let next = Arc::clone(heads.into_iter().flatten().min()?);
            classic.next_if(|id| **id == next);
            consumer.next_if(|id| **id == next);
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
        let is_gone =
            |id| move |committed: &CommittedOffset| committed.topic_id.is_zero() || committed.topic_id == id;
        let committed = self.durable.offsets.groups().flat_map(|(group_id, by_topic)| {
            let deleted = ids.iter().filter_map(move |(name, id)| Some((*name, *id, by_topic.get(*name)?)));
            deleted.flat_map(move |(name, id, partitions)| {
                let gone = partitions.iter().filter(move |(_, committed)| is_gone(id)(committed));
                gone.map(move |(partition, _)| (group_id, name, *partition))
            })
        });
        let pending = self.durable.pending.groups().flat_map(|group_id| {
            ids.iter().flat_map(move |(name, id)| {
                let partitions = self.durable.pending.of_topic(group_id, name, is_gone(*id));
                partitions.map(move |partition| (group_id, *name, partition))
            })
        });
        let mut offsets = committed.chain(pending).peekable();
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

#[cfg(test)]
mod tests {
    use super::super::GroupConfig;
    use super::super::harness::{check, check_with};

    const DAY: &str = "pass 86400000";

    fn config() -> GroupConfig {
        GroupConfig { offsets_retention_ms: 36 * 60 * 60 * 1_000, ..GroupConfig::default() }
    }

    #[test]
    fn a_simple_groups_offsets_live_from_their_commit() {
        check_with(
            config(),
            &[
                ("commit at=t-0", "ok"),
                (DAY, ""),
                ("commit at=t-1", "ok"),
                (DAY, ""),
                ("fetch", "ok t-1@1"),
                (DAY, ""),
                ("list", "ok"),
            ],
        );
    }

    #[test]
    fn an_empty_groups_offsets_live_from_when_it_became_empty() {
        check_with(
            config(),
            &[
                ("join a v=3 session=1800000 topics=t", ""),
                ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
                ("sync a", "a: assigned"),
                ("commit a at=t-0", "a: ok"),
                (DAY, ""),
                // Its session ended soon after it came; the group has been empty for less than the retention.
                ("list", "ok g:classic:Empty:consumer"),
                ("fetch", "ok t-0@1"),
                (DAY, ""),
                ("list", "ok"),
                ("fetch", "ok"),
            ],
        );
    }

    #[test]
    fn a_stable_groups_leftovers_expire_and_what_it_subscribes_to_does_not() {
        let config = GroupConfig { offsets_retention_ms: 1_000_000, ..GroupConfig::default() };
        let mut steps = vec![
            ("join a v=3 session=1800000 topics=t", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            ("commit a at=t-0", "a: ok"),
            ("commit a at=u-0", "a: ok"),
            ("pass 1000000", ""),
            ("beat a", "a: ok"),
            ("fetch", "ok t-0@1 u-0@1"),
            ("pass 300000", ""),
            ("fetch", "ok t-0@1"),
        ];
        check_with(config.clone(), &steps);
        // Of a group that is rebalancing nothing expires.
        steps.truncate(6);
        steps.extend([(
            "join a v=3 session=1800000 topics=t",
            "a: ok a#1 generation=2 range leader=a#1 members=a#1",
        )]);
        steps.extend([("pass 300000", ""), ("fetch", "ok t-0@1 u-0@1")]);
        check_with(config, &steps);
    }

    #[test]
    fn old_commits_say_when_they_expire() {
        check(&[
            ("commit at=t-0 retention=700000 v=4", "ok"),
            ("commit at=t-1 v=4", "ok"),
            ("restart", ""),
            ("pass 1200000", ""),
            ("fetch", "ok t-1@1"),
        ]);
    }

    #[test]
    fn rounds_are_short() {
        let mut config = config();
        config.limits.max_tombstones = 1;
        config.limits.max_expiry_groups = 2;
        check_with(
            config,
            &[
                ("commit group=a", "ok"),
                ("commit group=b", "ok"),
                ("commit group=c", "ok"),
                ("commit group=d at=t-0", "ok"),
                ("commit group=d at=t-1", "ok"),
                ("commit group=d at=t-2", "ok"),
                (DAY, ""),
                ("commit group=c", "ok"),
                (DAY, ""),
                ("list", "ok c:classic:Empty:"),
            ],
        );
    }

    #[test]
    fn a_deleted_topic_takes_its_offsets_along() {
        let mut config = config();
        config.limits.max_tombstones = 2;
        check_with(
            config,
            &[
                ("commit group=a at=t-0 topic-id=1", "ok"),
                ("commit group=b at=t-1 topic-id=1", "ok"),
                ("commit group=b at=u-0 topic-id=2", "ok"),
                ("commit group=c at=t-0 topic-id=3", "ok"),
                ("commit group=d at=t-0", "ok"),
                ("topic-deleted t topic-id=1", "t: more=true"),
                ("topic-deleted t topic-id=1", "t: more=false"),
                ("list", "ok b:classic:Empty: c:classic:Empty:"),
                ("fetch group=b", "ok u-0@1"),
                ("fetch group=c", "ok t-0@1"),
            ],
        );
    }
}
