//! DescribeGroups, versions 0 to 6. A group that is not there is `Dead`; version 6 says GROUP_ID_NOT_FOUND as well
//! (KIP-1043). Authorized operations (version 3) are the handler's.

use protocol::ErrorCode;
use protocol::messages::DescribeGroupsResponse;
use protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use protocol::wire::{Blob, Str};

use super::GroupCoordinator;
use super::classic::{ClassicGroup, GroupState};
use super::request::{Response, blob, text};
use crate::runtime::{Outcome, ReplyToken};

const FIRST_VERSION_WITH_NOT_FOUND: i16 = 6;

impl GroupCoordinator {
    pub(super) fn describe(&self, token: ReplyToken, version: i16, group_ids: &[Str<'_>]) -> Outcome<Self> {
        let groups = group_ids.iter().map(|group_id| match self.group(group_id) {
            Some(group) => described(&group),
            None => {
                let is_other = self.durable.consumer.contains_key(&**group_id);
                not_found(version, group_id, if is_other { "is not a classic group" } else { "not found" })
            }
        });
        let response =
            DescribeGroupsResponse { groups: groups.collect(), ..DescribeGroupsResponse::default() };
        Outcome::reply(token, Response::DescribeGroups(response))
    }
}

fn described(group: &ClassicGroup) -> DescribedGroup<'static> {
    // Until everybody has an assignment there is no protocol to speak of.
    let protocol_name = group.protocol_name.as_deref().filter(|_| group.is(GroupState::Stable));
    let members = group.members().map(|member| DescribedGroupMember {
        member_id: text(&member.id),
        group_instance_id: member.instance_id.as_deref().map(text),
        client_id: text(&member.client_id),
        client_host: text(&member.client_host),
        member_metadata: protocol_name
            .map_or(Blob::Borrowed(&[]), |name| blob(&member.protocols.metadata(name))),
        member_assignment: blob(&member.assignment),
        ..DescribedGroupMember::default()
    });
    DescribedGroup {
        group_id: text(&group.id),
        group_state: Str::Borrowed(group.state().name()),
        protocol_type: text(group.protocol_type.as_deref().unwrap_or("")),
        protocol_data: text(protocol_name.unwrap_or("")),
        members: members.collect(),
        ..DescribedGroup::default()
    }
}

fn not_found(version: i16, group_id: &str, why: &str) -> DescribedGroup<'static> {
    let mut group = DescribedGroup {
        group_id: text(group_id),
        group_state: Str::Borrowed("Dead"),
        ..DescribedGroup::default()
    };
    if version >= FIRST_VERSION_WITH_NOT_FOUND {
        group.error_code = ErrorCode::GroupIdNotFound.code();
        group.error_message = Some(Str::Owned(format!("Group {group_id} {why}.")));
    }
    group
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn says_what_kafka_says() {
        check(&[
            ("describe v=5", "ok Dead// []"),
            ("describe v=6", "GROUP_ID_NOT_FOUND Dead// []"),
            ("commit", "ok"),
            ("describe", "ok Empty// []"),
            ("join a", "a: MEMBER_ID_REQUIRED a#1"),
            ("describe", "ok Empty// []"),
            ("join a", ""),
            ("describe", "ok PreparingRebalance/consumer/ [a#1=]"),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("describe", "ok CompletingRebalance/consumer/ [a#1=]"),
        ]);
    }
}
