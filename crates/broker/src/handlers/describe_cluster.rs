//! DescribeCluster, api key 60, versions 0 to 2: the cluster's id, controller and brokers (KIP-700).
//!
//! 1: the type of endpoint asked for (KIP-919): only brokers answer here. 2: fenced brokers on request (KIP-1073).

use protocol::ErrorCode;
use protocol::messages::describe_cluster_response::DescribeClusterBroker;
use protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

const BROKERS: i8 = 1;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: DescribeClusterRequest = request.decode()?;
    if body.endpoint_type != BROKERS {
        return request.answer(&DescribeClusterResponse {
            error_code: ErrorCode::MismatchedEndpointType.code(),
            error_message: Some(
                "The request was sent to an endpoint of type BROKER, which cannot answer for another.".into(),
            ),
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
        ..DescribeClusterResponse::default()
    })
}
