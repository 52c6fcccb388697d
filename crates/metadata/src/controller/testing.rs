//! A cluster for tests: a controller and its image.

use protocol::messages::broker_registration_request::{Feature, Listener};
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use protocol::messages::{BrokerRegistrationRequest, CreateTopicsRequest};
use protocol::{BrokerId, MetadataRecord, Offset, Uuid};
use stdx::Random;

use super::{Controller, Outcome, activation_records};
use crate::configs::BrokerConfigs;
use crate::{ClusterImage, MetadataLoader};

pub(crate) const CLUSTER_ID: &str = "q1Sh-9_ISia_zwGINzRvyQ";

/// The controller of node 1, with these properties.
pub(crate) fn controller(properties: &[(&str, &str)]) -> Controller {
    let node = [("process.roles", "broker,controller"), ("node.id", "1")];
    let file = node.iter().chain(properties).copied().collect();
    Controller::new(CLUSTER_ID.into(), BrokerConfigs::new(file).unwrap())
}

pub(crate) struct World {
    pub(crate) controller: Controller,
    pub(crate) loader: MetadataLoader,
    pub(crate) random: Random,
    pub(crate) next_offset: i64,
    pub(crate) log: Vec<MetadataRecord<'static>>,
}

impl World {
    /// A new cluster without brokers.
    pub(crate) fn empty() -> Self {
        let mut world = Self {
            controller: controller(&[]),
            loader: MetadataLoader::default(),
            random: Random::from_seed(1),
            next_offset: 0,
            log: vec![],
        };
        world.append(activation_records(world.loader.image(), world.loader.in_transaction()));
        world
    }

    /// A new cluster of brokers 1 to `brokers`, unfenced.
    pub(crate) fn of(brokers: i32) -> Self {
        let mut world = Self::empty();
        for id in 1..=brokers {
            world.start_broker(id, 100 + id as u128);
        }
        world
    }

    pub(crate) fn image(&self) -> &ClusterImage {
        self.loader.image()
    }

    pub(crate) fn append(&mut self, records: Vec<MetadataRecord<'static>>) {
        for record in &records {
            self.loader.replay(Offset(self.next_offset), record).unwrap();
            self.next_offset += 1;
        }
        self.log.extend(records);
    }

    /// Appends and replays an outcome's records, and gives its reply.
    pub(crate) fn commit<R>(&mut self, outcome: Outcome<R>) -> R {
        self.append(outcome.records);
        outcome.reply
    }

    pub(crate) fn start_broker(&mut self, id: i32, incarnation: u128) -> i64 {
        let request = registration(id, incarnation);
        let reply = self.controller.register_broker(self.image(), &request, self.next_offset);
        let reply = self.commit(reply);
        assert_eq!(reply.error_code, 0);
        let unfenced = self.controller.unfence_broker(self.image(), BrokerId(id), reply.broker_epoch);
        self.commit(unfenced).unwrap();
        reply.broker_epoch
    }

    pub(crate) fn create(&mut self, topics: Vec<CreatableTopic<'_>>) -> Vec<(i16, Option<String>)> {
        let request = CreateTopicsRequest { topics, ..CreateTopicsRequest::default() };
        let outcome = self.controller.create_topics(self.loader.image(), &request, &mut self.random);
        let reply = self.commit(outcome);
        reply.topics.into_iter().map(|t| (t.error_code, t.error_message.map(Into::into))).collect()
    }
}

pub(crate) fn registration(id: i32, incarnation: u128) -> BrokerRegistrationRequest<'static> {
    BrokerRegistrationRequest {
        broker_id: id,
        cluster_id: CLUSTER_ID.into(),
        incarnation_id: Uuid(incarnation.to_be_bytes()),
        listeners: vec![Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
            ..Listener::default()
        }],
        features: features(),
        log_dirs: vec![Uuid((1000 + id as u128).to_be_bytes())],
        ..BrokerRegistrationRequest::default()
    }
}

fn features() -> Vec<Feature<'static>> {
    let metadata_version = ("metadata.version", 7, 33);
    let others = crate::Feature::ALL.into_iter().map(|feature| (feature.name, 0, feature.latest));
    let features = [metadata_version].into_iter().chain(others);
    let features = features.map(|(name, min_supported_version, max_supported_version)| Feature {
        name: name.into(),
        min_supported_version,
        max_supported_version,
        ..Feature::default()
    });
    features.collect()
}

pub(crate) fn topic(
    name: &str,
    num_partitions: i32,
    replication_factor: i16,
    configs: &[(&'static str, Option<&'static str>)],
) -> CreatableTopic<'static> {
    let config = |(name, value): &(&'static str, Option<&'static str>)| CreatableTopicConfig {
        name: (*name).into(),
        value: value.map(Into::into),
        ..CreatableTopicConfig::default()
    };
    CreatableTopic {
        name: name.to_owned().into(),
        num_partitions,
        replication_factor,
        configs: configs.iter().map(config).collect(),
        ..CreatableTopic::default()
    }
}
