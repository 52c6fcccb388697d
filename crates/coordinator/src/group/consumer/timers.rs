//! Members that fall silent or do not give up in time, and those that the log knows when this broker becomes their
//! coordinator.

use std::sync::Arc;

use stdx::Now;

use super::edit::ConsumerEdit;
use super::member::MemberState;
use crate::CommitError;
use crate::group::{GroupCoordinator, GroupTimer};
use crate::runtime::{Outcome, TimerChange};

impl GroupCoordinator {
    /// Every member of the log gets a full session from now on, and a full rebalance timeout where it has to give up.
    pub(in crate::group) fn load_consumer_members(&self, now: Now, loaded: &mut Outcome<Self>) {
        for (group_id, group) in &self.durable.consumer {
            for (member_id, member) in group.members() {
                let session_ms = match &member.metadata.classic {
                    Some(classic) => classic.session_timeout_ms,
                    None => self.config.consumer.settings.session_timeout_ms,
                };
                let timer = GroupTimer::Session(group_id.clone(), member_id.clone());
                loaded.timers.push(TimerChange::after(timer, now, session_ms.into()));
                if member.current.state == MemberState::UnrevokedPartitions && !member.is_classic() {
                    let timer = GroupTimer::Rebalance(group_id.clone(), member_id.clone());
                    let timeout_ms = member.metadata.rebalance_timeout_ms;
                    loaded.timers.push(TimerChange::after(timer, now, timeout_ms.into()));
                }
            }
        }
    }

    /// A member was silent for its session timeout, or has not given up what it had to within its rebalance timeout: a timer
    /// is cancelled by what it waits for, so what is due has not happened.
    pub(in crate::group) fn fence_consumer(
        &self,
        now: Now,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
    ) -> Result<Outcome<Self>, CommitError> {
        let Some(group) = self.durable.consumer.get(group_id) else { return Ok(Outcome::default()) };
        if group.member(member_id).is_none() {
            return Ok(Outcome::default());
        }
        let mut edit = ConsumerEdit::new(&self.config, now, group_id.clone(), group.clone());
        edit.remove(std::slice::from_ref(member_id))?;
        Ok(edit.finish())
    }
}
