//! How the node makes itself known to the controller.

use std::sync::Arc;

use metadata::{Feature as KnownFeature, MetadataVersion};
use protocol::ErrorCode;
use protocol::messages::BrokerRegistrationRequest;
use protocol::messages::broker_registration_request::{Feature, Listener};
use quorum::MetadataQuorum as _;

use super::StartError;
use crate::controller::decide;
use crate::homes;
use crate::node::Node;

/// Registers this broker with the controller, tells where its partitions are, and lets it serve.
pub(super) async fn register(node: &Arc<Node>) -> Result<(), StartError> {
    let id = node.id();
    crate::takeover::check(&node.newest_image(), id)?;
    let refused = |error| StartError::Registration { node_id: id, error };
    let request = registration(node);
    let next_offset = node.controller().quorum().status().high_watermark.get();
    let reply = decide(node, |machine, image, _| machine.register_broker(image, &request, next_offset))
        .await
        .map_err(refused)?;
    match ErrorCode::from_code(reply.error_code) {
        Some(ErrorCode::None) => {}
        error => return Err(refused(error.unwrap_or(ErrorCode::UnknownServerError))),
    }
    homes::settle(node).await.map_err(refused)?;
    let unfenced = decide(node, |machine, image, _| machine.unfence_broker(image, id, reply.broker_epoch))
        .await
        .map_err(refused)?;
    unfenced.map_err(|error| refused(error.code))
}

fn registration(node: &Node) -> BrokerRegistrationRequest<'static> {
    let listeners =
        node.config().listeners.iter().filter(|listener| !listener.controller).filter_map(|listener| {
            // Only what was set to be advertised goes into durable state: an address that a socket happened to have does not.
            let endpoint = listener.advertised.as_ref().unwrap_or(&listener.endpoint);
            let bound = node.bound.get(listener.endpoint.name.as_str())?;
            Some(Listener {
                name: endpoint.name.clone().into(),
                host: endpoint.host.clone().into(),
                port: if endpoint.port == 0 { bound.port() } else { endpoint.port },
                security_protocol: listener.security_protocol as i16,
                ..Listener::default()
            })
        });
    let feature = |name: &str, min_supported_version, max_supported_version| Feature {
        name: name.to_owned().into(),
        min_supported_version,
        max_supported_version,
        ..Feature::default()
    };
    let mut features = vec![feature(
        MetadataVersion::FEATURE,
        MetadataVersion::MIN.level(),
        MetadataVersion::LATEST.level(),
    )];
    let image = node.newest_image();
    // A broker speaks what is finalized, served or only kept.
    let is_spoken = |known: &KnownFeature| known.is_served || image.feature_level(known.name) > 0;
    let spoken = KnownFeature::ALL.into_iter().filter(is_spoken);
    features.extend(spoken.map(|known| feature(known.name, 0, known.latest)));
    BrokerRegistrationRequest {
        broker_id: node.id().get(),
        cluster_id: node.cluster_id().to_owned().into(),
        incarnation_id: node.random_uuid(),
        listeners: listeners.collect(),
        features,
        rack: node.config().rack.clone().map(Into::into),
        log_dirs: node.partitions().online_directories().map(|directory| directory.id).collect(),
        ..BrokerRegistrationRequest::default()
    }
}
