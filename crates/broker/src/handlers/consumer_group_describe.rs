//! ConsumerGroupDescribe, api key 69, versions 0 and 1: members, epochs and assignments of consumer groups (KIP-848).
//!
//! 1: the protocol that a member speaks (KIP-1099). Decided by `coordinator::group::consumer`. A cluster whose `group.version` is
//! not finalized has no such groups.

use std::collections::BTreeMap;

use coordinator::group;
use metadata::Feature;
use protocol::ErrorCode;
use protocol::messages::consumer_group_describe_response::DescribedGroup;
use protocol::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use protocol::wire::Str;

use crate::group_topics::ImageTopics;
use crate::node::Node;
use crate::operations;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ConsumerGroupDescribeRequest<'_> = request.decode()?;
    let topics = ImageTopics(node.image());
    let mut response = ConsumerGroupDescribeResponse::default();
    if topics.0.feature_level(Feature::GROUP_VERSION) < 1 {
        response.groups.extend(body.group_ids.iter().map(|group_id| DescribedGroup {
            group_id: group_id.clone(),
            error_code: ErrorCode::UnsupportedVersion.code(),
            ..DescribedGroup::default()
        }));
        return request.answer(&response);
    }
    let mut by_coordinator: BTreeMap<Option<i32>, Vec<Str<'_>>> = BTreeMap::new();
    for group_id in &body.group_ids {
        let partition = node.groups().coordinators.partition_of(group_id);
        by_coordinator.entry(partition).or_default().push(group_id.clone());
    }
    for groups in by_coordinator.values() {
        let first = groups.first().map_or("", |group| group);
        let asked = node.groups().ask(first, group::Request::ConsumerGroupDescribe(&topics, groups));
        match asked.answer().await {
            Some(group::Response::ConsumerGroupDescribe(part)) => response.groups.extend(part.groups),
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
