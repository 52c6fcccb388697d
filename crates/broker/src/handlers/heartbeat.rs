//! Heartbeat, api key 12, versions 0 to 4: a member of a classic group says that it lives.
//!
//! 3: group.instance.id (KIP-345). 4: flexible. Decided by `coordinator::group`.

use coordinator::group;
use protocol::messages::HeartbeatRequest;

use crate::group_topics::ImageTopics;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: HeartbeatRequest<'_> = request.decode()?;
    let topics = ImageTopics(node.image());
    let asked = node.groups().ask(&body.group_id, group::Request::Heartbeat(&topics, &body));
    match asked.answer().await {
        Some(group::Response::Heartbeat(response)) => request.answer(&response),
        _ => Err(Malformed::Stopping),
    }
}
