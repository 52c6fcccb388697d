//! Metadata, api key 3, versions 0 to 13: brokers, topics, who leads what.
//!
//! 1: null topics mean all, none means none. 4: auto-creation can be refused. 5: offline replicas. 7: leader epochs.
//! 8: authorized operations (KIP-430). 9: flexible. 10: topic ids in the answer.
//! 12: topics asked for by id. 13: an error for the whole answer.

use std::sync::Arc;

use std::collections::BTreeSet;

use ::metadata::{ClusterImage, Topic, topic_name};
use protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use protocol::messages::{MetadataRequest, MetadataResponse};
use protocol::{ErrorCode, Uuid};

use crate::node::Node;
use crate::operations;
use crate::request::{Answer, Malformed, Request};
use crate::topics::is_internal;

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: MetadataRequest<'_> = request.decode()?;
    if request.version >= 10
        && request.version < 12
        && body.topics.iter().flatten().any(|topic| !topic.topic_id.is_zero())
    {
        // Topic ids are asked for from version 12 on.
        let refused = body.topics.iter().flatten().map(|topic| MetadataResponseTopic {
            error_code: ErrorCode::InvalidRequest.code(),
            name: Some(topic.name.clone().unwrap_or_default()),
            topic_id: topic.topic_id,
            ..MetadataResponseTopic::default()
        });
        return request
            .answer(&MetadataResponse { topics: refused.collect(), ..MetadataResponse::default() });
    }
    // Up to version 3 the request cannot say; Kafka's clients then always allow it.
    let may_create = request.version < 4 || body.allow_auto_topic_creation;
    let all = match &body.topics {
        None => true,
        Some(topics) => request.version == 0 && topics.is_empty(),
    };
    let mut topics = vec![];
    if all {
        let image = node.image();
        topics.extend(image.topics_from("").map(|topic| describe(topic, &image)));
    } else {
        let asked = body.topics.as_deref().unwrap_or_default();
        let by_id: BTreeSet<Uuid> = asked.iter().map(|t| t.topic_id).filter(|id| !id.is_zero()).collect();
        let names: BTreeSet<&str> =
            asked.iter().filter_map(|t| t.name.as_deref().filter(|_| t.topic_id.is_zero())).collect();
        let image = node.image();
        let missing: Vec<&str> = names.iter().copied().filter(|name| image.topic(name).is_none()).collect();
        let created = if may_create && !missing.is_empty() {
            node.auto_create(&missing).await
        } else {
            Default::default()
        };
        let image = node.image();
        for id in by_id {
            topics.push(match image.topic_by_id(id) {
                Some(topic) => describe(topic, &image),
                None => MetadataResponseTopic {
                    error_code: ErrorCode::UnknownTopicId.code(),
                    name: None,
                    topic_id: id,
                    ..Default::default()
                },
            });
        }
        for name in names {
            topics.push(match image.topic(name) {
                Some(topic) => describe(topic, &image),
                None => {
                    let error = created.get(name).copied().unwrap_or_else(|| unknown(name));
                    MetadataResponseTopic {
                        error_code: error.code(),
                        name: Some(name.to_owned().into()),
                        is_internal: is_internal(name),
                        ..Default::default()
                    }
                }
            });
        }
    }
    if request.version < 12 {
        // A null name cannot be written there; only topics asked for by id lack one.
        topics.retain(|topic| topic.name.is_some());
    }
    if body.include_topic_authorized_operations {
        for topic in &mut topics {
            topic.topic_authorized_operations = operations::TOPIC;
        }
    }
    let image = node.image();
    let response = MetadataResponse {
        brokers: brokers(node, &request, &image),
        cluster_id: Some(node.cluster_id().to_owned().into()),
        controller_id: node.controller_id_for_clients().get(),
        topics,
        cluster_authorized_operations: if body.include_cluster_authorized_operations {
            operations::CLUSTER
        } else {
            operations::NOT_ASKED
        },
        ..MetadataResponse::default()
    };
    request.answer(&response)
}

fn unknown(name: &str) -> ErrorCode {
    match topic_name::validate(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    }
}

fn brokers(node: &Node, request: &Request, image: &ClusterImage) -> Vec<MetadataResponseBroker<'static>> {
    let row = |broker: &std::sync::Arc<::metadata::Broker>| {
        let address = node.address_of(broker, &request.peer)?;
        Some(MetadataResponseBroker {
            node_id: broker.id.get(),
            host: address.host.into(),
            port: i32::from(address.port),
            rack: broker.rack.as_ref().map(|rack| rack.to_string().into()),
            ..MetadataResponseBroker::default()
        })
    };
    image.alive_brokers().filter_map(row).collect()
}

fn describe(topic: &Topic, image: &ClusterImage) -> MetadataResponseTopic<'static> {
    let partitions = topic.partitions.iter().map(|(index, partition)| {
        let leader =
            partition.leader.filter(|leader| image.broker(*leader).is_some_and(|broker| !broker.fenced));
        MetadataResponsePartition {
            error_code: if leader.is_some() { 0 } else { ErrorCode::LeaderNotAvailable.code() },
            partition_index: *index,
            leader_id: leader.map_or(-1, |leader| leader.get()),
            leader_epoch: partition.leader_epoch.get(),
            replica_nodes: partition.replicas.iter().map(|broker| broker.get()).collect(),
            isr_nodes: partition.isr.iter().map(|broker| broker.get()).collect(),
            offline_replicas: partition
                .replicas
                .iter()
                .filter(|replica| !image.is_online(partition, **replica))
                .map(|broker| broker.get())
                .collect(),
            ..MetadataResponsePartition::default()
        }
    });
    MetadataResponseTopic {
        name: Some(topic.name.to_string().into()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    }
}
