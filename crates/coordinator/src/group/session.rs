//! Members that fall silent, and those that the log knows when this broker becomes their coordinator.

use std::sync::Arc;

use protocol::ErrorCode;
use stdx::Now;

use super::classic::{ClassicGroup, GroupState};
use super::edit::Edit;
use super::{GroupCoordinator, SoftChange};
use crate::CommitError;
use crate::runtime::Outcome;

impl GroupCoordinator {
    /// Every member of the log gets a full session from now on.
    pub(super) fn load_members(&self, now: Now) -> Outcome<Self> {
        let mut loaded = Outcome::<Self>::default();
        for (group_id, metadata) in self.durable.groups.iter().filter(|(_, group)| !group.members.is_empty())
        {
            let group = ClassicGroup::from_metadata(group_id.clone(), metadata);
            let mut edit = Edit::new(&self.config, now, group);
            for member_id in edit.group.member_ids() {
                edit.renew_session(&member_id);
            }
            // `group.max.size` was lowered: a rebalance decides who stays, and lets them commit first.
            if edit.group.member_count() > self.config.max_size {
                edit.prepare_rebalance()
                    .expect("nobody has joined, so the barrier stays open and writes nothing");
            }
            let outcome = edit.finish();
            let SoftChange { groups, .. } = outcome.soft;
            loaded.soft.groups.extend(groups);
            loaded.timers.extend(outcome.timers);
        }
        loaded
    }

    pub(super) fn expire_session(
        &self,
        now: Now,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
    ) -> Result<Outcome<Self>, CommitError> {
        let Some(group) = self.group(group_id) else { return Ok(Outcome::default()) };
        let waits = group.member(member_id).is_some_and(|member| member.has_satisfied_heartbeat());
        let pending = group.is_pending(member_id);
        if waits || !(pending || group.has_member(member_id)) {
            return Ok(Outcome::default());
        }
        let mut edit = self.edit(now, group);
        edit.dismiss(member_id, ErrorCode::UnknownMemberId);
        match edit.group.state() {
            GroupState::Stable | GroupState::CompletingRebalance if !pending => edit.prepare_rebalance()?,
            GroupState::PreparingRebalance if edit.group.has_all_joined() => edit.complete_join()?,
            _ => {}
        }
        Ok(edit.finish())
    }

    pub(super) fn expire_join(&self, now: Now, group_id: &Arc<str>) -> Result<Outcome<Self>, CommitError> {
        let Some(group) = self.group(group_id) else { return Ok(Outcome::default()) };
        let mut edit = self.edit(now, group);
        edit.expire_join()?;
        Ok(edit.finish())
    }

    /// Members that joined a generation and did not sync in the rebalance timeout are removed (KAFKA-12890).
    pub(super) fn expire_sync(&self, now: Now, group_id: &Arc<str>) -> Result<Outcome<Self>, CommitError> {
        let Some(group) = self.group(group_id) else { return Ok(Outcome::default()) };
        let synchronising = matches!(group.state(), GroupState::CompletingRebalance | GroupState::Stable);
        if !synchronising || group.pending_sync.is_empty() {
            return Ok(Outcome::default());
        }
        let mut edit = self.edit(now, group);
        for member_id in edit.group.pending_sync.clone() {
            edit.dismiss(&member_id, ErrorCode::UnknownMemberId);
        }
        edit.prepare_rebalance()?;
        Ok(edit.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::super::GroupConfig;
    use super::super::harness::{check, check_with};

    #[test]
    fn the_silent_are_removed_and_the_rest_goes_on() {
        check(&[
            ("join a v=3 session=20000", ""),
            ("join b v=3 session=6000", ""),
            (
                "pass 6000",
                "a: ok a#1 generation=1 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=1 range leader=a#1",
            ),
            ("sync a", "a: assigned"),
            ("sync b", "b: assigned"),
            ("pass 5999", ""),
            ("beat a", "a: ok"),
            ("pass 1", ""),
            ("beat a", "a: REBALANCE_IN_PROGRESS"),
            ("join a", "a: ok a#1 generation=2 range leader=a#1 members=a#1"),
        ]);
    }

    #[test]
    fn waiting_is_living_but_not_for_ever() {
        check(&[
            ("join a v=3 session=6000 rebalance=400000", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            ("join b v=3 session=6000 rebalance=400000", ""),
            // a never comes; its session ends, and b is alone.
            ("pass 6000", "b: ok b#2 generation=2 range leader=b#2 members=b#2"),
            ("sync b", "b: assigned"),
            ("join c instance=i v=5 session=1800000 rebalance=400000", ""),
            (
                "join b v=3 session=6000 rebalance=400000",
                "b: ok b#2 generation=3 range leader=b#2 members=b#2,i#3; c: ok i#3 generation=3 range leader=b#2",
            ),
            ("sync b", "b: assigned"),
            ("sync c instance=i", "c: assigned"),
            // c is static and does not come back; a new member waits five minutes, then has to ask again.
            ("join d v=3 session=6000 rebalance=400000", ""),
            ("pass 6000", ""),
            ("pass 293999", ""),
            ("pass 1", "d: UNKNOWN_MEMBER_ID"),
        ]);
    }

    #[test]
    fn members_of_the_log_get_a_session() {
        check(&[
            ("join a v=3 session=6000", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a assign=a:x", "a: assigned x"),
            ("pass 5000", ""),
            ("restart", ""),
            ("describe", "ok Stable/consumer/range [a#1=x]"),
            ("pass 5999", ""),
            ("beat a", "a: ok"),
            ("pass 6000", ""),
            ("describe", "ok Empty/consumer/ []"),
        ]);
    }

    #[test]
    fn a_failed_append_is_tried_again() {
        check(&[
            ("join a v=3 session=6000", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            ("fail-append", ""),
            ("pass 6000", ""),
            ("describe", "ok Stable/consumer/range [a#1=]"),
            ("pass 499", ""),
            ("describe", "ok Stable/consumer/range [a#1=]"),
            ("pass 1", ""),
            ("describe", "ok Empty/consumer/ []"),
        ]);
    }

    #[test]
    fn a_group_that_is_over_its_size_is_rebalanced() {
        check_with(
            GroupConfig { max_size: 2, ..GroupConfig::default() },
            &[
                ("join a v=3", ""),
                ("join b v=3", ""),
                (
                    "pass 6000",
                    "a: ok a#1 generation=1 range leader=a#1 members=a#1,b#2; b: ok b#2 generation=1 range leader=a#1",
                ),
                ("sync a", "a: assigned"),
                ("sync b", "b: assigned"),
                ("max-size 1", ""),
                ("restart", ""),
                ("beat a", "a: REBALANCE_IN_PROGRESS"),
                ("join a v=3", ""),
                ("join b v=3", "b: GROUP_MAX_SIZE_REACHED"),
                ("pass 59999", ""),
                ("pass 1", "a: ok a#1 generation=2 range leader=a#1 members=a#1"),
            ],
        );
    }
}
