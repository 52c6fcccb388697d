//! DescribeGroups, api key 15, versions 0 to 6: the members and assignments of classic groups.
//!
//! 3: authorized operations on request (KIP-430). 4: group.instance.id.
//! 5: flexible. 6: a group that does not exist is an error (KIP-1043). Decided by `coordinator::group`.

use std::collections::BTreeMap;

use coordinator::group;
use protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use protocol::wire::Str;

use crate::node::Node;
use crate::operations;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: DescribeGroupsRequest<'_> = request.decode()?;
    let mut by_coordinator: BTreeMap<Option<i32>, Vec<Str<'_>>> = BTreeMap::new();
    for group in &body.groups {
        by_coordinator.entry(node.groups().coordinators.partition_of(group)).or_default().push(group.clone());
    }
    let mut response = DescribeGroupsResponse::default();
    for groups in by_coordinator.values() {
        let first = groups.first().map_or("", |group| group);
        let asked = node.groups().ask(first, group::Request::DescribeGroups(request.version, groups));
        match asked.answer().await {
            Some(group::Response::DescribeGroups(part)) => response.groups.extend(part.groups),
            _ => return Err(Malformed::Stopping),
        }
    }
    if body.include_authorized_operations {
        for group in response.groups.iter_mut().filter(|group| group.error_code == 0) {
            group.authorized_operations = operations::GROUP;
        }
    }
    request.answer(&response)
}
