//! ListGroups, versions 0 to 5. Version 4 added a filter by state (KIP-518), version 5 one by type (KIP-848). Both
//! ignore case; a name that Kafka does not have matches nothing.

use protocol::messages::list_groups_response::ListedGroup;
use protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use protocol::wire::Str;

use super::classic::{ClassicGroup, GroupState};
use super::request::{Response, text};
use super::{GroupCoordinator, consumer};
use crate::runtime::{Outcome, ReplyToken};

/// How Kafka calls the type of classic groups.
const CLASSIC: &str = "classic";

impl GroupCoordinator {
    pub(super) fn list(&self, token: ReplyToken, request: &ListGroupsRequest<'_>) -> Outcome<Self> {
        let types = &request.types_filter;
        let wanted = |group_type: &str| {
            types.is_empty() || types.iter().any(|name| name.eq_ignore_ascii_case(group_type))
        };
        let (classic_wanted, consumer_wanted) = (wanted(CLASSIC), wanted(consumer::GROUP_TYPE));
        let groups = self.durable.group_ids().into_iter().filter_map(|group_id| {
            if let Some(group) = self.durable.consumer.get(group_id) {
                let state = consumer_wanted.then(|| group.state().name())?;
                return matches_state(&request.states_filter, state).then(|| ListedGroup {
                    group_id: text(group_id),
                    protocol_type: Str::Borrowed(consumer::PROTOCOL_TYPE),
                    group_state: Str::Borrowed(state),
                    group_type: Str::Borrowed(consumer::GROUP_TYPE),
                    ..ListedGroup::default()
                });
            }
            if !classic_wanted {
                return None;
            }
            // A group without a soft part is empty: no need to build it.
            let live = self.soft.groups.get(group_id);
            let state = live.map_or(GroupState::Empty, ClassicGroup::state);
            let persisted = || self.durable.groups.get(group_id)?.protocol_type.as_deref();
            let protocol_type = live.map_or_else(persisted, |group| group.protocol_type.as_deref());
            matches_state(&request.states_filter, state.name()).then(|| ListedGroup {
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

fn matches_state(filter: &[Str<'_>], state: &str) -> bool {
    filter.is_empty() || filter.iter().any(|name| name.trim().eq_ignore_ascii_case(state))
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
