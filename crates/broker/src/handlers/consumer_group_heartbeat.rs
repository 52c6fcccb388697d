//! ConsumerGroupHeartbeat, api key 68, versions 0 and 1: a member of a consumer group joins, lives, and is told its partitions
//! (KIP-848).
//!
//! 1: subscriptions by pattern; members choose their ids (KIP-1082). Decided by `coordinator::group::consumer`. A cluster whose
//! `group.version` is not finalized has no such groups.

use coordinator::group;
use coordinator::group::consumer::ConsumerContext;
use metadata::Feature;
use protocol::ErrorCode;
use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use crate::group_topics::ImageTopics;
use crate::groups::consumer_settings;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ConsumerGroupHeartbeatRequest<'_> = request.decode()?;
    let topics = ImageTopics(node.image());
    if topics.0.feature_level(Feature::GROUP_VERSION) < 1 {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return request.answer(&ConsumerGroupHeartbeatResponse { error_code, ..Default::default() });
    }
    let client_host = format!("/{}", request.peer.remote.ip());
    let context = ConsumerContext {
        version: request.version,
        client_id: &request.client_id,
        client_host: &client_host,
        member_uuid: node.random_uuid(),
        topics: &topics,
        settings: consumer_settings(&node.broker_configs(), &topics.0, &body.group_id),
    };
    let asked = node.groups().ask(&body.group_id, group::Request::ConsumerGroupHeartbeat(context, &body));
    match asked.answer().await {
        Some(group::Response::ConsumerGroupHeartbeat(response)) => request.answer(&response),
        _ => Err(Malformed::Stopping),
    }
}
