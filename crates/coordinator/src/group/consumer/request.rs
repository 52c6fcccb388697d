//! What comes with the requests of members, and what is wrong with one whatever the group.

use protocol::messages::ConsumerGroupHeartbeatRequest;
use protocol::{ErrorCode, Uuid};

use super::member::LEFT_STATIC_EPOCH;
use super::{ConsumerGroupConfig, ConsumerGroupSettings};
use crate::group::Limits;
use crate::group::modern::{Refusal, Topics};

/// The member epoch of a member that leaves.
pub(super) const LEAVE_EPOCH: i32 = -1;
/// The member epoch of a member that joins, or joins again.
pub(super) const JOIN_EPOCH: i32 = 0;
/// From this version on a member chooses its id itself.
const FIRST_VERSION_WITH_OWN_ID: i16 = 1;

/// Who sends a ConsumerGroupHeartbeat, and what the cluster is like.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerContext<'a> {
    /// The request's version.
    pub version: i16,
    /// The client id of the request's header, empty when it has none.
    pub client_id: &'a str,
    /// The client's address as Java prints it: `/127.0.0.1`.
    pub client_host: &'a str,
    /// A fresh random id (version 4) for a member that has none.
    pub member_uuid: Uuid,
    /// The topics.
    pub topics: &'a dyn Topics,
    /// The settings of the group.
    pub settings: ConsumerGroupSettings,
}

/// What is wrong with a request whatever the group.
pub(super) fn validate(
    config: &ConsumerGroupConfig,
    limits: &Limits,
    version: i16,
    request: &ConsumerGroupHeartbeatRequest<'_>,
) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let is_blank = |text: Option<&str>| text.is_some_and(|text| text.trim().is_empty());
    let epoch = request.member_epoch;
    let needs_id = version >= FIRST_VERSION_WITH_OWN_ID || epoch > JOIN_EPOCH || epoch == LEAVE_EPOCH;
    if needs_id && is_blank(Some(&request.member_id)) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(Some(&request.group_id)) {
        return invalid("GroupId can't be empty.");
    }
    if is_blank(request.instance_id.as_deref()) {
        return invalid("InstanceId can't be empty.");
    }
    if is_blank(request.rack_id.as_deref()) {
        return invalid("RackId can't be empty.");
    }
    if epoch == JOIN_EPOCH {
        if request.rebalance_timeout_ms == -1 {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
            );
        }
    } else if epoch == LEFT_STATIC_EPOCH {
        if request.instance_id.is_none() {
            return invalid("InstanceId can't be null.");
        }
    } else if epoch < LEFT_STATIC_EPOCH {
        return invalid("MemberEpoch is invalid.");
    }
    if let Some(name) = &request.server_assignor
        && !config.assignors.iter().any(|assignor| assignor.name() == &**name)
    {
        let supported: Vec<_> = config.assignors.iter().map(|assignor| assignor.name()).collect();
        let message =
            format!("ServerAssignor {name} is not supported. Supported assignors: {}.", supported.join(", "));
        return Err(Refusal::new(ErrorCode::UnsupportedAssignor, message));
    }
    within_limits(limits, request)
}

/// What Kafka does not limit: what one member can make the log and every answer carry.
fn within_limits(limits: &Limits, request: &ConsumerGroupHeartbeatRequest<'_>) -> Result<(), Refusal> {
    let names = [
        Some(&request.group_id),
        Some(&request.member_id),
        request.instance_id.as_ref(),
        request.rack_id.as_ref(),
        request.subscribed_topic_regex.as_ref(),
    ];
    let too_long = names.into_iter().flatten().any(|name| name.len() > limits.max_name_bytes);
    let subscribed = request.subscribed_topic_names.iter().flatten();
    let subscribed_bytes: usize = subscribed.map(|name| name.len()).sum();
    if too_long || subscribed_bytes > limits.max_member_metadata_bytes {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "What the member says of itself is too long."));
    }
    Ok(())
}
