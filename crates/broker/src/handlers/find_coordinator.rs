//! FindCoordinator, api key 10, versions 0 to 6: who coordinates a group, a transactional id or a share-partition.
//!
//! 1: coordinators of other kinds (transactions, key type 1; share groups, 2). 3: flexible. 4: several keys at once
//! (KIP-699). 5: an error code for transactions v2. 6: share groups (KIP-932).

use std::sync::Arc;

use coordinator::share_state::SharePartitionKey;
use protocol::ErrorCode;
use protocol::messages::find_coordinator_response::Coordinator;
use protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use protocol::wire::Str;

use crate::groups::OFFSETS_TOPIC;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};
use crate::shares::SHARE_STATE_TOPIC;
use crate::transactions::TRANSACTIONS_TOPIC;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;
/// The first version with share coordinators.
const SHARES: i16 = 6;
/// The first version with several keys.
const BATCHED: i16 = 4;

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: FindCoordinatorRequest<'_> = request.decode()?;
    let keys =
        if request.version < BATCHED { std::slice::from_ref(&body.key) } else { &body.coordinator_keys };
    match body.key_type {
        _ if keys.is_empty() => {}
        GROUP => node.create_internal_topic(OFFSETS_TOPIC).await,
        TRANSACTION => node.create_internal_topic(TRANSACTIONS_TOPIC).await,
        SHARE if keys.iter().any(|key| is_share_partition(&request, key)) => {
            node.create_internal_topic(SHARE_STATE_TOPIC).await;
        }
        _ => {}
    }
    let mut coordinators: Vec<Coordinator<'_>> = Vec::with_capacity(keys.len());
    for key in keys {
        coordinators.push(find(node, &request, body.key_type, key));
    }
    let mut response = FindCoordinatorResponse::default();
    if request.version < BATCHED {
        if let Some(found) = coordinators.pop() {
            response.error_code = found.error_code;
            response.error_message = found.error_message;
            response.node_id = found.node_id;
            response.host = found.host;
            response.port = found.port;
        }
    } else {
        response.coordinators = coordinators;
    }
    request.answer(&response)
}

fn find<'a>(node: &Node, request: &Request, key_type: i8, key: &Str<'a>) -> Coordinator<'a> {
    let refusal = |error: ErrorCode, message: &'static str| Coordinator {
        key: key.clone(),
        node_id: -1,
        port: -1,
        error_code: error.code(),
        error_message: Some(message.into()),
        ..Coordinator::default()
    };
    let is_here = match key_type {
        GROUP => node.groups().coordinators.coordinator_of(key).is_some(),
        TRANSACTION => node.transactions().coordinators.coordinator_of(key).is_some(),
        SHARE if is_share_partition(request, key) => node.shares().coordinators.coordinator_of(key).is_some(),
        SHARE => return refusal(ErrorCode::InvalidRequest, invalid_request_message(request.version)),
        _ => {
            let message = "There are coordinators of groups, of transactions and of share-partitions only.";
            return refusal(ErrorCode::InvalidRequest, message);
        }
    };
    if !is_here {
        return refusal(ErrorCode::CoordinatorNotAvailable, "The coordinator is not available.");
    }
    let address = node.address_for(&request.peer);
    Coordinator {
        key: key.clone(),
        node_id: node.id().get(),
        host: address.host.into(),
        port: i32::from(address.port),
        error_message: success_message(request.version),
        ..Coordinator::default()
    }
}

/// Whether there is a share coordinator for the key.
fn is_share_partition(request: &Request, key: &str) -> bool {
    request.version >= SHARES && SharePartitionKey::parse(key).is_some()
}

/// What Kafka says of a key that cannot be: with several keys at once, nothing.
const fn invalid_request_message(version: i16) -> &'static str {
    if version < BATCHED {
        "This most likely occurs because of a request being malformed by the client library or the message was sent \
         to an incompatible broker. See the broker logs for more details."
    } else {
        ""
    }
}

/// What Kafka says where nothing is wrong.
fn success_message(version: i16) -> Option<Str<'static>> {
    match version {
        0 => None,
        1..BATCHED => Some("NONE".into()),
        _ => Some("".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_told_as_kafka_tells_it() {
        for (version, expect) in
            [(0, None), (1, Some("NONE")), (3, Some("NONE")), (4, Some("")), (6, Some(""))]
        {
            assert_eq!(success_message(version).as_deref(), expect, "{version}");
        }
    }
}
