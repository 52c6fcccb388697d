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
            let SoftChange { groups } = outcome.soft;
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
