//! An admin: topics created, deleted, configured; records deleted.

use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, IncrementalAlterConfigsRequest};

use crate::sim::cluster::Cluster;
use crate::sim::event::{Event, Incarnation};
use crate::sim::node::{Node, OFFSETS_TOPIC};
use crate::sim::scene::Scene;

/// What topics are called.
const TOPICS: [&str; 3] = ["t", "u", "v"];
/// A resource that is a topic.
const TOPIC: i8 = 2;
/// Set a property.
const SET: i8 = 0;

/// Values that are tried.
const CONFIGS: [(&str, &[&str]); 6] = [
    ("segment.bytes", &["1048576", "2097152", "8388608"]),
    ("retention.bytes", &["-1", "1000", "4000"]),
    ("retention.ms", &["-1", "20000", "604800000"]),
    ("segment.ms", &["604800000", "10000"]),
    ("compression.type", &["producer", "producer", "lz4", "uncompressed", "zstd"]),
    ("message.timestamp.type", &["CreateTime", "LogAppendTime"]),
];

#[derive(Debug, Default)]
pub(crate) struct Admin;

impl Admin {
    /// Before the node starts.
    pub(crate) fn create_first_topics(&self, scene: &mut Scene, cluster: &mut Cluster) {
        let partitions = scene.plan.offsets_partitions;
        create(scene, cluster, OFFSETS_TOPIC, partitions);
        for name in &TOPICS[..scene.plan.topics] {
            create(scene, cluster, name, scene.plan.partitions as i32);
        }
    }

    pub(crate) fn act(&self, scene: &mut Scene, cluster: &mut Cluster, node: &mut Node) {
        let name = scene.pick(&TOPICS[..scene.plan.topics]);
        let exists = cluster.image().topic(name).is_some();
        match scene.random.below(10) {
            _ if !exists => create(scene, cluster, name, 1 + scene.plan.partitions as i32 / 2),
            0 => delete(scene, cluster, name),
            1..5 => configure(scene, cluster, name),
            5 => {
                let (records, live) = (cluster.log(), cluster.image());
                let split = scene.random.below(records.len() + 1);
                scene.observe(&Event::Decided { live, records, split });
            }
            _ => return delete_records(scene, node),
        }
        let (image, delta) = cluster.publish();
        node.carry_out(scene, cluster, &image, &delta);
    }
}

fn create(scene: &mut Scene, cluster: &mut Cluster, name: &'static str, num_partitions: i32) {
    let set = |name: &'static str, value: &'static str| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
        ..CreatableTopicConfig::default()
    };
    let compacted = [set("cleanup.policy", "compact"), set("segment.bytes", "2097152")];
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions,
        replication_factor: 1,
        configs: if name == OFFSETS_TOPIC { compacted.to_vec() } else { vec![] },
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
    let random = &mut scene.random;
    let answer = cluster.decide(|controller, image| controller.create_topics(image, &request, random));
    scene.trace(format_args!("create {name}: {}", answer.topics[0].error_code));
}

fn delete(scene: &mut Scene, cluster: &mut Cluster, name: &'static str) {
    let topic = DeleteTopicState { name: Some(name.into()), ..DeleteTopicState::default() };
    let request = DeleteTopicsRequest { topics: vec![topic], ..DeleteTopicsRequest::default() };
    let answer = cluster.decide(|controller, image| controller.delete_topics(image, &request, 6));
    scene.trace(format_args!("delete {name}: {}", answer.responses[0].error_code));
}

fn configure(scene: &mut Scene, cluster: &mut Cluster, name: &'static str) {
    let (property, values) = scene.pick(&CONFIGS);
    let value = scene.pick(values);
    let config = AlterableConfig {
        name: property.into(),
        config_operation: SET,
        value: Some(value.into()),
        ..AlterableConfig::default()
    };
    let resource = AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: name.into(),
        configs: vec![config],
        ..AlterConfigsResource::default()
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        ..IncrementalAlterConfigsRequest::default()
    };
    let answer = cluster.decide(|controller, image| controller.incremental_alter_configs(image, &request));
    scene.trace(format_args!("{name} {property}={value}: {}", answer.responses[0].error_code));
}

fn delete_records(scene: &mut Scene, node: &mut Node) {
    let ids = node.ids().into_iter().filter(|id| *id.partition.topic != *OFFSETS_TOPIC);
    let ids: Vec<Incarnation> = ids.collect();
    if ids.is_empty() {
        return;
    }
    let id = scene.pick(&ids);
    let (start, end) = node.partition(&id).map_or((0, 0), |partition| partition.bounds());
    let before = scene.between(start, end);
    let answer = node.delete_records(scene, &id, before);
    scene.trace(format_args!("delete records of {id} before {before}: {answer:?}"));
    if let Ok(log_start) = answer
        && !scene.disk.is_stopped()
    {
        scene.observe(&Event::StartPromised { id: &id, log_start });
    }
}
