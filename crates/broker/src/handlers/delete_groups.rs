//! DeleteGroups, api key 42, versions 0 to 3: deletes empty groups with their offsets (KIP-229).
//!
//! 2: flexible. 3: an error message for each group. Decided by `coordinator::group`.

use std::collections::BTreeMap;

use coordinator::group;
use protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};
use protocol::wire::Str;

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: DeleteGroupsRequest<'_> = request.decode()?;
    let mut by_coordinator: BTreeMap<Option<i32>, Vec<Str<'_>>> = BTreeMap::new();
    for group in &body.groups_names {
        by_coordinator.entry(node.groups().coordinators.partition_of(group)).or_default().push(group.clone());
    }
    let mut response = DeleteGroupsResponse::default();
    for groups in by_coordinator.values() {
        let first = groups.first().map_or("", |group| group);
        let asked = node.groups().ask(first, group::Request::DeleteGroups(groups));
        match asked.answer().await {
            Some(group::Response::DeleteGroups(part)) => response.results.extend(part.results),
            _ => return Err(Malformed::Stopping),
        }
    }
    request.answer(&response)
}
