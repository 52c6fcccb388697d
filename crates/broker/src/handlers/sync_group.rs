//! SyncGroup, api key 14, versions 0 to 5: the leader of a classic group hands in the assignment, members fetch theirs.
//!
//! 3: group.instance.id (KIP-345). 4: flexible. 5: protocol type and name, which must be there (KIP-559).
//! Decided by `coordinator::group`; the answer comes when the assignment is committed.

use coordinator::group;
use protocol::ErrorCode;
use protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use crate::group_topics::ImageTopics;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: SyncGroupRequest<'_> = request.decode()?;
    if request.version >= 5 && (body.protocol_type.is_none() || body.protocol_name.is_none()) {
        let error_code = ErrorCode::InconsistentGroupProtocol.code();
        return request.answer(&SyncGroupResponse { error_code, ..SyncGroupResponse::default() });
    }
    let topics = ImageTopics(node.image());
    let asked = node.groups().ask(&body.group_id, group::Request::SyncGroup(&topics, &body));
    match asked.answer().await {
        Some(group::Response::SyncGroup(response)) => request.answer(&response),
        _ => Err(Malformed::Stopping),
    }
}
