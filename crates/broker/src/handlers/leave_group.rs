//! LeaveGroup, api key 13, versions 0 to 5: members leave a classic group.
//!
//! 3: several members at once, static ones by instance id (KIP-345). 4: flexible. 5: a reason (KIP-800).
//! Decided by `coordinator::group`.

use coordinator::group;
use protocol::messages::LeaveGroupRequest;

use crate::group_topics::ImageTopics;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: LeaveGroupRequest<'_> = request.decode()?;
    let topics = ImageTopics(node.image());
    let asked =
        node.groups().ask(&body.group_id, group::Request::LeaveGroup(request.version, &topics, &body));
    match asked.answer().await {
        Some(group::Response::LeaveGroup(response)) => request.answer(&response),
        _ => Err(Malformed::Stopping),
    }
}
