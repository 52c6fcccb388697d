//! DeleteGroups, versions 0 to 3: groups without members, with their offsets.

use std::collections::BTreeSet;

use protocol::ErrorCode;
use protocol::messages::DeleteGroupsResponse;
use protocol::messages::delete_groups_response::DeletableGroupResult;
use protocol::wire::Str;

use super::classic::GroupState;
use super::request::{Response, text};
use super::{GroupCoordinator, GroupTimer, record};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken, TimerChange};

impl GroupCoordinator {
    pub(super) fn delete(
        &self,
        token: ReplyToken,
        group_ids: &[Str<'_>],
    ) -> Result<Outcome<Self>, CommitError> {
        let mut outcome = Outcome::default();
        let mut results = Vec::new();
        for group_id in group_ids {
            let has_members = match self.durable.consumer.get(&**group_id) {
                Some(group) => Some(group.member_count() > 0),
                None => self.group(group_id).map(|group| !group.is(GroupState::Empty)),
            };
            let error = match has_members {
                None => ErrorCode::GroupIdNotFound,
                Some(false) => ErrorCode::None,
                Some(true) => ErrorCode::NonEmptyGroup,
            };
            if error.is_none() {
                self.delete_group(group_id, &mut outcome)?;
            }
            results.push(DeletableGroupResult {
                group_id: text(group_id),
                error_code: error.code(),
                ..DeletableGroupResult::default()
            });
        }
        let response = DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() };
        outcome.replies.push(Reply { token, response: Response::DeleteGroups(response) });
        Ok(outcome)
    }

    fn delete_group(&self, group_id: &str, outcome: &mut Outcome<Self>) -> Result<(), CommitError> {
        let committed =
            self.durable.offsets.of_group(group_id).map(|(topic, partition, _)| (topic, partition));
        let pending = self.durable.pending.of_group(group_id);
        for (topic, partition) in committed.chain(pending).collect::<BTreeSet<_>>() {
            outcome.records.push(record::offset(group_id, topic, partition, None)?);
        }
        if let Some(group) = self.durable.consumer.get(group_id) {
            for record in group.tombstones() {
                outcome.records.push(record.encode(group_id)?);
            }
            return Ok(());
        }
        outcome.records.push(record::group(group_id, None)?);
        if let Some(group) = self.soft.groups.get(group_id) {
            // Given ids were not used yet; whoever comes back with one is unknown and starts over.
            let pending = group.pending_join.iter().cloned();
            let timers = pending.map(|member_id| GroupTimer::Session(group.id.clone(), member_id));
            outcome.timers.extend(timers.map(TimerChange::Cancel));
            outcome.soft.groups.push((group.id.clone(), None));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn only_groups_without_members() {
        check(&[
            ("delete", "GROUP_ID_NOT_FOUND"),
            ("join a v=3", ""),
            ("delete", "NON_EMPTY_GROUP"),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            ("commit a offset=5", "a: ok"),
            ("delete", "NON_EMPTY_GROUP"),
            ("leave a", "a: ok ok"),
            ("fail-append", ""),
            ("delete", "COORDINATOR_NOT_AVAILABLE"),
            ("fetch", "ok t-0@5"),
            ("delete", "ok"),
            ("fetch", "ok"),
            ("list", "ok"),
            ("restart", ""),
            ("list", "ok"),
        ]);
    }

    #[test]
    fn an_id_that_was_given_is_void() {
        check(&[
            ("join a", "a: MEMBER_ID_REQUIRED a#1"),
            ("delete", "ok"),
            ("join a", "a: UNKNOWN_MEMBER_ID"),
            ("pass 10000", ""),
            ("list", "ok"),
        ]);
    }
}
