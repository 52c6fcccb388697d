//! ListGroups, api key 16, versions 0 to 5: the groups that this broker coordinates.
//!
//! 3: flexible. 4: filter by state (KIP-518). 5: filter by type (KIP-848). Decided by `coordinator::group`.

use coordinator::group;
use protocol::messages::{ListGroupsRequest, ListGroupsResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ListGroupsRequest<'_> = request.decode()?;
    let mut response = ListGroupsResponse::default();
    for coordinator in node.groups().coordinators.all() {
        let asked = node.groups().ask_coordinator(&coordinator, group::Request::ListGroups(&body));
        match asked.answer().await {
            Some(group::Response::ListGroups(part)) => {
                if part.error_code != 0 {
                    response.error_code = part.error_code;
                }
                response.groups.extend(part.groups);
            }
            _ => return Err(Malformed::Stopping),
        }
    }
    request.answer(&response)
}
