//! ListConfigResources, api key 74, versions 0 to 1: what configurations can be described of.
//!
//! 0: subscriptions to client metrics only, as ListClientMetricsResources (KIP-714). 1: any type (KIP-1142).

use ::metadata::{ClusterImage, ConfigResourceType};
use protocol::ErrorCode;
use protocol::messages::list_config_resources_response::ConfigResource;
use protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

const SUPPORTED: [ConfigResourceType; 5] = [
    ConfigResourceType::TOPIC,
    ConfigResourceType::BROKER,
    ConfigResourceType::BROKER_LOGGER,
    ConfigResourceType::CLIENT_METRICS,
    ConfigResourceType::GROUP,
];

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ListConfigResourcesRequest = request.decode()?;
    let asked: Vec<ConfigResourceType> = match (request.version, body.resource_types.as_slice()) {
        (0, _) => vec![ConfigResourceType::CLIENT_METRICS],
        (_, []) => SUPPORTED.to_vec(),
        (_, types) => types.iter().map(|code| ConfigResourceType(*code)).collect(),
    };
    if asked.iter().any(|kind| !SUPPORTED.contains(kind)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return request.answer(&ListConfigResourcesResponse { error_code, ..ListConfigResourcesResponse::default() });
    }
    let image = node.image();
    let config_resources = asked.iter().flat_map(|kind| names(*kind, &image).into_iter().map(|name| row(*kind, name)));
    request.answer(&ListConfigResourcesResponse {
        config_resources: config_resources.collect(),
        ..ListConfigResourcesResponse::default()
    })
}

fn row(kind: ConfigResourceType, name: String) -> ConfigResource<'static> {
    ConfigResource { resource_name: name.into(), resource_type: kind.0, ..ConfigResource::default() }
}

fn names(kind: ConfigResourceType, image: &ClusterImage) -> Vec<String> {
    if kind == ConfigResourceType::TOPIC {
        return image.topics_from("").map(|topic| topic.name.to_string()).collect();
    }
    if kind == ConfigResourceType::BROKER || kind == ConfigResourceType::BROKER_LOGGER {
        return image.brokers().keys().map(ToString::to_string).collect();
    }
    image.configured(kind).map(ToString::to_string).collect()
}
