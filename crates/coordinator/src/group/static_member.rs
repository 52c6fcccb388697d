//! A static member that comes back under its `group.instance.id` without its member id (KIP-345): it takes the place of
//! the old one. In a stable group nobody else notices, so the new id is written to the log (KAFKA-9801) and a leader
//! is told to skip the assignment (KIP-814).

use std::sync::Arc;

use protocol::ErrorCode;

use super::classic::GroupState;
use super::edit::Edit;
use super::join::Join;
use super::request::{Response, text};
use crate::CommitError;

/// From this version on a leader can be told that there is nothing to assign.
const FIRST_VERSION_WITH_SKIP_ASSIGNMENT: i16 = 9;

impl Edit<'_> {
    pub(super) fn replace_static_member(
        &mut self,
        join: &Join<'_>,
        old_id: &Arc<str>,
        new_id: Arc<str>,
    ) -> Result<(), CommitError> {
        let leader_before = self.group.leader.clone();
        let old = self.group.replace_static(old_id, new_id.clone());
        self.cancel_session(old_id);
        if let Some(old) = old {
            self.answer_waiting(&old, old_id, ErrorCode::FencedInstanceId);
        }
        self.update_member(join, &new_id);
        self.renew_session(&new_id);
        match self.group.state() {
            GroupState::Stable if self.group.select_protocol() == self.group.protocol_name => {
                self.persist()?;
                self.group.take_join(&new_id);
                let mut response = self.joined(&new_id);
                if join.context.version >= FIRST_VERSION_WITH_SKIP_ASSIGNMENT {
                    response.skip_assignment = self.group.is_leader(&new_id);
                } else {
                    // Not knowing of skipping, it would assign anew: it is told of the leader that is gone.
                    response.members.clear();
                    response.leader = text(leader_before.as_deref().unwrap_or(""));
                }
                self.reply(join.token, Response::JoinGroup(response));
                Ok(())
            }
            GroupState::Stable => self.rebalance_or_complete_join(),
            // The leader may be assigning to the old id right now.
            GroupState::CompletingRebalance => self.prepare_rebalance(),
            GroupState::PreparingRebalance | GroupState::Empty => self.maybe_complete_join(),
        }
    }
}
