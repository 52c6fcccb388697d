//! ListGroups, versions 0 to 5. Version 4 added a filter by state (KIP-518), version 5 one by type (KIP-848). Both
//! ignore case; a name that Kafka does not have matches nothing.

use protocol::messages::list_groups_response::ListedGroup;
use protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use protocol::wire::Str;

use super::GroupCoordinator;
use super::classic::{ClassicGroup, GroupState};
use super::request::{Response, text};
use crate::runtime::{Outcome, ReplyToken};

/// The type of every group that this machine has.
const CLASSIC: &str = "classic";

impl GroupCoordinator {
    pub(super) fn list(&self, token: ReplyToken, request: &ListGroupsRequest<'_>) -> Outcome<Self> {
        let types = &request.types_filter;
        let wanted = types.is_empty() || types.iter().any(|name| name.eq_ignore_ascii_case(CLASSIC));
        let groups = self.durable.group_ids().into_iter().filter(|_| wanted).filter_map(|group_id| {
            // A group without a soft part is empty: no need to build it.
            let live = self.soft.groups.get(group_id);
            let state = live.map_or(GroupState::Empty, ClassicGroup::state);
            let persisted = || self.durable.groups.get(group_id)?.protocol_type.as_deref();
            let protocol_type = live.map_or_else(persisted, |group| group.protocol_type.as_deref());
            matches_state(&request.states_filter, state).then(|| ListedGroup {
                group_id: text(group_id),
                protocol_type: text(protocol_type.unwrap_or("")),
                group_state: Str::Borrowed(state.name()),
                group_type: Str::Borrowed(CLASSIC),
                ..ListedGroup::default()
            })
        });
        let response = ListGroupsResponse { groups: groups.collect(), ..ListGroupsResponse::default() };
        Outcome::reply(token, Response::ListGroups(response))
    }
}

fn matches_state(filter: &[Str<'_>], state: GroupState) -> bool {
    filter.is_empty() || filter.iter().any(|name| name.trim().eq_ignore_ascii_case(state.name()))
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn filters_by_state_and_type() {
        check(&[
            ("list", "ok"),
            ("commit group=simple", "ok"),
            ("join a v=3 group=h", ""),
            ("list", "ok h:classic:PreparingRebalance:consumer simple:classic:Empty:"),
            ("list state=EMPTY", "ok simple:classic:Empty:"),
            ("list state=preparingrebalance", "ok h:classic:PreparingRebalance:consumer"),
            ("list state=nonsense", "ok"),
            ("list type=Classic state=empty", "ok simple:classic:Empty:"),
            ("list type=consumer", "ok"),
            ("list type=nonsense", "ok"),
        ]);
    }
}
