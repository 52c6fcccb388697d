//! ListConfigResources, api key 74, versions 0 to 1: what configurations can be described of.
//!
//! 0: subscriptions to client metrics only, as ListClientMetricsResources (KIP-714). 1: any type (KIP-1142).

use ::metadata::ClusterImage;
use ::metadata::configs::ResourceType;
use protocol::ErrorCode;
use protocol::messages::list_config_resources_response::ConfigResource;
use protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

const SUPPORTED: [ResourceType; 5] = [
    ResourceType::Topic,
    ResourceType::Broker,
    ResourceType::BrokerLogger,
    ResourceType::ClientMetrics,
    ResourceType::Group,
];

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ListConfigResourcesRequest = request.decode()?;
    let asked: Vec<ResourceType> = match (request.version, body.resource_types.as_slice()) {
        (0, _) => vec![ResourceType::ClientMetrics],
        (_, []) => SUPPORTED.to_vec(),
        (_, types) => match types.iter().map(|code| ResourceType::from_code(*code)).collect() {
            Some(types) => types,
            None => {
                let error_code = ErrorCode::UnsupportedVersion.code();
                return request.answer(&ListConfigResourcesResponse {
                    error_code,
                    ..ListConfigResourcesResponse::default()
                });
            }
        },
    };
    let image = node.image();
    let config_resources =
        asked.iter().flat_map(|kind| names(*kind, &image).into_iter().map(|name| row(*kind, name)));
    request.answer(&ListConfigResourcesResponse {
        config_resources: config_resources.collect(),
        ..ListConfigResourcesResponse::default()
    })
}

fn row(kind: ResourceType, name: String) -> ConfigResource<'static> {
    ConfigResource { resource_name: name.into(), resource_type: kind as i8, ..ConfigResource::default() }
}

fn names(kind: ResourceType, image: &ClusterImage) -> Vec<String> {
    if kind == ResourceType::Topic {
        return image.topics_from("").map(|topic| topic.name.to_string()).collect();
    }
    if kind == ResourceType::Broker || kind == ResourceType::BrokerLogger {
        return image.brokers().keys().map(ToString::to_string).collect();
    }
    image.configured(kind).map(ToString::to_string).collect()
}
