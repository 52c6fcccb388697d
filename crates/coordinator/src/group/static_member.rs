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

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    const STABLE: [(&str, &str); 5] = [
        ("join a instance=i", ""),
        ("join b instance=j", ""),
        (
            "pass 6000",
            "a: ok i#1 generation=1 range leader=i#1 members=i#1,j#2; b: ok j#2 generation=1 range leader=i#1",
        ),
        ("sync b instance=j", ""),
        ("sync a instance=i assign=a:x,b:y", "a: assigned x; b: assigned y"),
    ];

    fn check_stable(steps: &[(&str, &str)]) {
        check(&[&STABLE[..], steps].concat());
    }

    #[test]
    fn comes_back_unnoticed() {
        check_stable(&[
            ("join a id=none instance=i", "a: ok i#3 generation=1 range leader=i#3 members=i#3,j#2 skip"),
            ("join b id=none instance=j", "b: ok j#4 generation=1 range leader=i#3"),
            ("beat b instance=j", "b: ok"),
            ("sync b instance=j", "b: assigned y"),
            // The log knows the new ids.
            ("restart", ""),
            ("beat b instance=j", "b: ok"),
            ("describe", "ok Stable/consumer/range [i#3=x j#4=y]"),
        ]);
    }

    #[test]
    fn before_version_9_is_told_of_the_old_leader() {
        check_stable(&[("join a v=8 id=none instance=i", "a: ok i#3 generation=1 range leader=i#1")]);
    }

    #[test]
    fn fences_the_one_it_replaces() {
        check_stable(&[
            ("join c id=none instance=i", "c: ok i#3 generation=1 range leader=i#3 members=i#3,j#2 skip"),
            ("beat a instance=i", "a: FENCED_INSTANCE_ID"),
            ("sync a instance=i", "a: FENCED_INSTANCE_ID"),
            ("commit a instance=i", "a: FENCED_INSTANCE_ID"),
            ("join a instance=i", "a: FENCED_INSTANCE_ID"),
            ("leave a instance=i", "a: ok FENCED_INSTANCE_ID"),
            ("beat a instance=unknown", "a: UNKNOWN_MEMBER_ID"),
            ("beat a", "a: UNKNOWN_MEMBER_ID"),
        ]);
    }

    #[test]
    fn fences_the_one_that_waits() {
        check(&[
            ("join a instance=i", ""),
            ("join b id=none instance=i", "a: FENCED_INSTANCE_ID"),
            ("pass 3000", "b: ok i#2 generation=1 range leader=i#2 members=i#2"),
        ]);
    }

    #[test]
    fn a_change_of_protocol_is_a_rebalance() {
        check(&[
            ("join a instance=i protocols=range,sticky", ""),
            ("pass 3000", "a: ok i#1 generation=1 range leader=i#1 members=i#1"),
            ("sync a instance=i assign=a:x", "a: assigned x"),
            (
                "join a id=none instance=i protocols=sticky,range",
                "a: ok i#2 generation=2 sticky leader=i#2 members=i#2",
            ),
        ]);
    }

    #[test]
    fn in_the_middle_of_a_generation_is_a_rebalance() {
        check(&[
            ("join a instance=i", ""),
            ("join b instance=j", ""),
            (
                "pass 6000",
                "a: ok i#1 generation=1 range leader=i#1 members=i#1,j#2; b: ok j#2 generation=1 range leader=i#1",
            ),
            ("sync b instance=j", ""),
            ("join b id=none instance=j", "b: FENCED_INSTANCE_ID"),
            ("sync a instance=i", "a: REBALANCE_IN_PROGRESS"),
            (
                "join a instance=i",
                "a: ok i#1 generation=2 range leader=i#1 members=i#1,j#3; b: ok j#3 generation=2 range leader=i#1",
            ),
        ]);
    }

    #[test]
    fn keeps_its_place_through_a_rebalance_until_its_session_ends() {
        check(&[
            ("join a instance=i session=30000 rebalance=8000", ""),
            ("join b v=3 rebalance=8000", ""),
            (
                "pass 6000",
                "b: ok b#2 generation=1 range leader=i#1; a: ok i#1 generation=1 range leader=i#1 members=b#2,i#1",
            ),
            ("sync a instance=i", "a: assigned"),
            ("sync b", "b: assigned"),
            ("join b v=3 topics=u rebalance=8000", ""),
            ("pass 8000", "b: ok b#2 generation=2 range leader=b#2 members=b#2,i#1"),
            ("beat a instance=i", "a: ILLEGAL_GENERATION"),
        ]);
    }

    #[test]
    fn a_failed_append_keeps_the_old_one() {
        check_stable(&[
            ("fail-append not-leader", ""),
            ("join c instance=i", "c: NOT_COORDINATOR"),
            ("beat a instance=i", "a: ok"),
        ]);
    }
}
