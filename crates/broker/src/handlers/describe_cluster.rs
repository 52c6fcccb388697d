//! DescribeCluster, api key 60, versions 0 to 2: the cluster's id, controller and brokers (KIP-700).
//!
//! 1: the type of endpoint asked for (KIP-919): only brokers answer here. 2: fenced brokers on request (KIP-1073).

use protocol::ErrorCode;
use protocol::messages::describe_cluster_response::DescribeClusterBroker;
use protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use crate::node::Node;
use crate::operations;
use crate::request::{Answer, Malformed, Request};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: DescribeClusterRequest = request.decode()?;
    if let Some((error, message)) = refuse(body.endpoint_type) {
        return request.answer(&DescribeClusterResponse {
            error_code: error.code(),
            error_message: Some(message.into()),
            ..DescribeClusterResponse::default()
        });
    }
    let image = node.image();
    let shown = image.brokers().values().filter(|broker| !broker.fenced || body.include_fenced_brokers);
    let brokers = shown.filter_map(|broker| {
        let address = node.address_of(broker, &request.peer)?;
        Some(DescribeClusterBroker {
            broker_id: broker.id.get(),
            host: address.host.into(),
            port: i32::from(address.port),
            rack: broker.rack.as_ref().map(|rack| rack.to_string().into()),
            is_fenced: request.version >= 2 && broker.fenced,
            ..DescribeClusterBroker::default()
        })
    });
    request.answer(&DescribeClusterResponse {
        cluster_id: node.cluster_id().to_owned().into(),
        controller_id: node.controller_id_for_clients().get(),
        brokers: brokers.collect(),
        cluster_authorized_operations: if body.include_cluster_authorized_operations {
            operations::CLUSTER
        } else {
            operations::NOT_ASKED
        },
        ..DescribeClusterResponse::default()
    })
}

/// Why a type of endpoint is not described here.
fn refuse(endpoint_type: i8) -> Option<(ErrorCode, String)> {
    match endpoint_type {
        BROKERS => None,
        CONTROLLERS => Some((
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER".to_owned(),
        )),
        other => Some((ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brokers_are_described() {
        let check = |endpoint_type, expect| {
            assert_eq!(refuse(endpoint_type).map(|(error, _)| error), expect, "{endpoint_type}");
        };
        check(1, None);
        check(2, Some(ErrorCode::MismatchedEndpointType));
        check(0, Some(ErrorCode::UnsupportedEndpointType));
    }
}
