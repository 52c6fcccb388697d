//! Whatever is asked in whatever order: the log makes the image, a snapshot makes the same image, the delta says what
//! changed, and equal inputs make equal bytes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use protocol::messages::create_partitions_request::CreatePartitionsTopic;
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{
    AllocateProducerIdsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    IncrementalAlterConfigsRequest,
};
use protocol::{BrokerId, Offset};

use super::testing::{World, topic};
use crate::{ClusterDelta, ClusterImage, MetadataVersion, TopicDelta, records};

#[derive(Clone, Debug)]
enum Step {
    Create { name: usize, partitions: i32, replicas: i16, configured: bool },
    Delete { name: usize },
    Grow { name: usize, count: i32 },
    Configure { name: usize, operation: i8, value: &'static str },
    AllocateProducerIds { broker: i32 },
    Restart { broker: i32 },
    Fence { broker: i32 },
}

const NAMES: [&str; 6] = ["a", "a.b", "a_b", "c-d", "__consumer_offsets", "e e"];

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let broker = 1..4;
    prop_oneof![
        4 => (name.clone(), -1..5, -1..4i16, any::<bool>()).prop_map(|(name, partitions, replicas, configured)| {
            Step::Create { name, partitions, replicas, configured }
        }),
        2 => name.clone().prop_map(|name| Step::Delete { name }),
        2 => (name.clone(), 0..8).prop_map(|(name, count)| Step::Grow { name, count }),
        3 => (name, 0..5i8, prop_oneof![Just("compact"), Just("delete"), Just("")])
            .prop_map(|(name, operation, value)| Step::Configure { name, operation, value }),
        1 => (1..5).prop_map(|broker| Step::AllocateProducerIds { broker }),
        2 => broker.clone().prop_map(|broker| Step::Restart { broker }),
        2 => broker.prop_map(|broker| Step::Fence { broker }),
    ]
}

impl World {
    fn run(&mut self, step: &Step, incarnation: u128) {
        match step {
            Step::Create { name, partitions, replicas, configured } => {
                let configs: &[_] = if *configured { &[("retention.ms", Some("7"))] } else { &[] };
                let topics = vec![topic(NAMES[*name], *partitions, *replicas, configs)];
                let request = CreateTopicsRequest { topics, ..Default::default() };
                let outcome = self.controller.create_topics(self.loader.image(), &request, &mut self.random);
                self.commit(outcome);
            }
            Step::Delete { name } => {
                let topics =
                    vec![DeleteTopicState { name: Some(NAMES[*name].into()), ..DeleteTopicState::default() }];
                let request = DeleteTopicsRequest { topics, ..Default::default() };
                let outcome = self.controller.delete_topics(self.image(), &request, 6);
                self.commit(outcome);
            }
            Step::Grow { name, count } => {
                let name = NAMES[*name].into();
                let topics = vec![CreatePartitionsTopic { name, count: *count, ..Default::default() }];
                let request = CreatePartitionsRequest { topics, ..Default::default() };
                let outcome =
                    self.controller.create_partitions(self.loader.image(), &request, &mut self.random);
                self.commit(outcome);
            }
            Step::Configure { name, operation, value } => {
                let config = AlterableConfig {
                    name: "cleanup.policy".into(),
                    config_operation: *operation,
                    value: Some((*value).into()),
                    ..AlterableConfig::default()
                };
                let resource = AlterConfigsResource {
                    resource_type: 2,
                    resource_name: NAMES[*name].into(),
                    configs: vec![config],
                    ..AlterConfigsResource::default()
                };
                let request =
                    IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
                let outcome = self.controller.incremental_alter_configs(self.image(), &request);
                self.commit(outcome);
            }
            Step::AllocateProducerIds { broker } => {
                let broker_epoch = self.epoch(*broker);
                let request =
                    AllocateProducerIdsRequest { broker_id: *broker, broker_epoch, ..Default::default() };
                let outcome = self.controller.allocate_producer_ids(self.image(), &request);
                self.commit(outcome);
            }
            Step::Restart { broker } => {
                self.start_broker(*broker, incarnation);
            }
            Step::Fence { broker } => {
                let outcome =
                    self.controller.fence_broker(self.image(), BrokerId(*broker), self.epoch(*broker));
                self.commit(outcome).unwrap();
            }
        }
    }

    fn epoch(&self, broker: i32) -> i64 {
        self.image().broker(BrokerId(broker)).map_or(-1, |broker| broker.epoch)
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.log.iter().map(|record| records::encode(record, MetadataVersion::LATEST).unwrap()).collect()
    }
}

fn replayed(bytes: &[Vec<u8>]) -> ClusterImage {
    let mut image = ClusterImage::default();
    for (value, offset) in bytes.iter().zip(0..) {
        image.replay(Offset(offset), &records::decode(Offset(offset), value).unwrap()).unwrap();
    }
    image
}

/// What holds in every image that a controller makes.
fn check_invariants(image: &ClusterImage) {
    for topic in image.topics().values() {
        assert_eq!(image.topic(&topic.name).unwrap().id, topic.id);
        assert!(topic.partitions.keys().copied().eq(0..topic.partitions.len() as i32));
        for partition in topic.partitions.values() {
            assert_eq!(partition.replicas.len(), partition.directories.len());
            assert!(!partition.isr.is_empty());
            assert!(partition.isr.iter().all(|id| partition.replicas.contains(id)));
            match partition.leader {
                Some(leader) => assert!(partition.isr.contains(&leader) && image.is_active(leader)),
                None => assert!(!partition.isr.iter().any(|id| image.is_active(*id))),
            }
        }
    }
}

/// Checks a delta against the slow way to find what changed.
fn check_delta(delta: &ClusterDelta, old: &ClusterImage, new: &ClusterImage) {
    let mut expect = ClusterDelta::default();
    let ids: BTreeSet<_> = old.topics().keys().chain(new.topics().keys()).copied().collect();
    for id in ids {
        match (old.topic_by_id(id), new.topic_by_id(id)) {
            (None, Some(topic)) => expect.topics_created.push(topic.clone()),
            (Some(topic), None) => expect.topics_deleted.push(topic.clone()),
            (Some(before), Some(topic)) if before != topic => {
                let changed = |index: &i32| before.partitions.get(index) != topic.partitions.get(index);
                let partitions = topic.partitions.keys().copied().filter(changed).collect();
                expect.topics_changed.push(TopicDelta { topic: topic.clone(), partitions });
            }
            _ => {}
        }
    }
    let resources: BTreeSet<_> = old.all_configs().keys().chain(new.all_configs().keys()).cloned().collect();
    expect.configs_changed = resources.into_iter().filter(|of| old.configs(of) != new.configs(of)).collect();
    expect.brokers_changed =
        new.brokers().keys().copied().filter(|id| old.broker(*id) != new.broker(*id)).collect();
    assert_eq!(*delta, expect);
}

proptest! {
    #[test]
    fn the_log_and_its_snapshot_make_the_image(steps in prop::collection::vec(step(), 1..40)) {
        let (mut world, mut twin) = (World::of(3), World::of(3));
        world.loader.publish();
        for (step, incarnation) in steps.iter().zip(1000..) {
            let before = world.image().clone();
            world.run(step, incarnation);
            twin.run(step, incarnation);
            check_invariants(world.image());
            let (_, delta) = world.loader.publish();
            check_delta(&delta, &before, world.image());
        }
        let bytes = world.bytes();
        prop_assert_eq!(&bytes, &twin.bytes());
        let image = replayed(&bytes);
        prop_assert_eq!(&image, world.image());
        let snapshot: Vec<Vec<u8>> = image
            .to_records()
            .iter()
            .map(|record| records::encode(record, image.metadata_version()).unwrap())
            .collect();
        prop_assert_eq!(replayed(&snapshot).at_offset(image.last_offset().unwrap()), image);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(value in prop::collection::vec(any::<u8>(), 0..80), key in 0u8..32) {
        let _ = records::decode(Offset(0), &value);
        let framed: Vec<u8> = [1, key, 0].into_iter().chain(value).collect();
        if let Ok(record) = records::decode(Offset(0), &framed) {
            let _ = ClusterImage::default().replay(Offset(0), &record);
        }
    }
}
