//! JoinGroup, api key 11, versions 0 to 9: a member enters a classic group or takes part in its rebalance.
//!
//! 4: a new member is first given an id (KIP-394). 5: group.instance.id (KIP-345). 6: flexible. 7: protocol type in the
//! answer. 8: a reason (KIP-800). 9: skip assignment (KIP-814). Decided by `coordinator::group`; the answer comes when
//! the rebalance does.

use coordinator::group::{self, JoinContext};
use protocol::messages::JoinGroupRequest;

use crate::group_topics::ImageTopics;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: JoinGroupRequest<'_> = request.decode()?;
    let topics = ImageTopics(node.image());
    let client_host = format!("/{}", request.peer.remote.ip());
    let context = JoinContext {
        version: request.version,
        client_id: &request.client_id,
        client_host: &client_host,
        member_uuid: node.random_uuid(),
        topics: &topics,
    };
    let asked = node.groups().ask(&body.group_id, group::Request::JoinGroup(context, &body));
    match asked.answer().await.map(|response| response.for_version(request.version)) {
        Some(group::Response::JoinGroup(response)) => request.answer(&response),
        _ => Err(Malformed::Stopping),
    }
}
