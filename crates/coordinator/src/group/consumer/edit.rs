//! One operation on one consumer group: a copy that changes with every record that is written, and the timers.

use std::sync::Arc;

use stdx::Now;

use super::member::{CurrentAssignment, MemberState};
use super::{ConsumerGroup, ConsumerRecord, GroupEpoch};
use crate::group::{GroupConfig, GroupCoordinator, GroupTimer};
use crate::runtime::{Outcome, TimerChange};
use crate::{CommitError, CoordinatorRecord};

/// A consumer group being changed, and the outcome so far.
pub(in crate::group) struct ConsumerEdit<'a> {
    pub(super) config: &'a GroupConfig,
    pub(super) now: Now,
    pub(super) group_id: Arc<str>,
    pub(super) group: ConsumerGroup,
    /// The version of the topics that the group was looked at with.
    pub(super) topics_seen: Option<i64>,
    pub(super) outcome: Outcome<GroupCoordinator>,
}

impl<'a> ConsumerEdit<'a> {
    pub(in crate::group) fn new(
        config: &'a GroupConfig,
        now: Now,
        group_id: Arc<str>,
        group: ConsumerGroup,
    ) -> Self {
        Self { config, now, group_id, group, topics_seen: None, outcome: Outcome::default() }
    }

    /// Something goes before what is written of this group.
    pub(super) fn write_before(&mut self, records: impl IntoIterator<Item = CoordinatorRecord>) {
        self.outcome.records.extend(records);
    }

    /// Writes a record: from now on it is so.
    pub(super) fn write(&mut self, record: ConsumerRecord) -> Result<(), CommitError> {
        self.outcome.records.push(record.encode(&self.group_id)?);
        self.group.apply(record);
        Ok(())
    }

    /// The next epoch of the group.
    pub(super) fn bump(&mut self, metadata_hash: i64) -> Result<(), CommitError> {
        // A log may hold any number.
        let epoch = self.group.epoch().checked_add(1).unwrap_or(1);
        self.write(ConsumerRecord::Group(Some(GroupEpoch { epoch, metadata_hash })))
    }

    /// What a member has from now on. As long as it has to give something up, it has its rebalance timeout for that.
    pub(super) fn move_member(
        &mut self,
        member_id: &Arc<str>,
        next: CurrentAssignment,
    ) -> Result<(), CommitError> {
        let gives_up = next.state == MemberState::UnrevokedPartitions;
        self.write(ConsumerRecord::Current(member_id.clone(), Some(next)))?;
        let timer = GroupTimer::Rebalance(self.group_id.clone(), member_id.clone());
        let member = self.group.member(member_id);
        let timeout_ms = member.filter(|member| gives_up && !member.is_classic());
        let change = match timeout_ms {
            Some(member) => TimerChange::after(timer, self.now, member.metadata.rebalance_timeout_ms.into()),
            None => TimerChange::Cancel(timer),
        };
        self.outcome.timers.push(change);
        Ok(())
    }

    /// A static member goes and means to come back: it keeps what it has, as long as its session lasts.
    pub(super) fn leave_for_now(
        &mut self,
        member_id: &Arc<str>,
        left: CurrentAssignment,
    ) -> Result<(), CommitError> {
        self.write(ConsumerRecord::Current(member_id.clone(), Some(left)))?;
        let timer = GroupTimer::Rebalance(self.group_id.clone(), member_id.clone());
        self.outcome.timers.push(TimerChange::Cancel(timer));
        Ok(())
    }

    pub(super) fn schedule_session(&mut self, member_id: &Arc<str>, timeout_ms: i32) {
        let timer = GroupTimer::Session(self.group_id.clone(), member_id.clone());
        self.outcome.timers.push(TimerChange::after(timer, self.now, timeout_ms.into()));
    }

    pub(super) fn cancel_timers(&mut self, member_id: &Arc<str>) {
        let timers = GroupTimer::of_member(&self.group_id, member_id);
        self.outcome.timers.extend(timers.map(TimerChange::Cancel));
    }

    /// Takes members out, whatever they have.
    pub(super) fn remove(&mut self, member_ids: &[Arc<str>]) -> Result<(), CommitError> {
        for member_id in member_ids {
            for tombstone in ConsumerGroup::member_tombstones(member_id) {
                self.write(tombstone)?;
            }
            self.cancel_timers(member_id);
        }
        self.forget_regexes()?;
        // Which topics are left is looked at when the next target is made.
        self.bump(self.group.metadata_hash())
    }

    /// Patterns that nobody subscribes to any more go.
    pub(super) fn forget_regexes(&mut self) -> Result<(), CommitError> {
        if self.group.regexes().next().is_none() {
            return Ok(());
        }
        let subscribed = self.group.subscribed_regexes();
        let known = self.group.regexes().map(|(regex, _)| regex);
        let unused: Vec<_> = known.filter(|regex| !subscribed.contains(*regex)).cloned().collect();
        unused.into_iter().try_for_each(|regex| self.write(ConsumerRecord::Regex(regex, None)))
    }

    pub(in crate::group) fn finish(self) -> Outcome<GroupCoordinator> {
        let seen = if self.group.member_count() == 0 { Some(None) } else { self.topics_seen.map(Some) };
        let mut outcome = self.outcome;
        outcome.soft.topics_seen.extend(seen.map(|seen| (self.group_id, seen)));
        outcome
    }
}
