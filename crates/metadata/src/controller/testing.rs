//! A cluster for tests: a controller, its image, and rules for a handful of properties.

use std::collections::BTreeMap;

use protocol::messages::broker_registration_request::{Feature, Listener};
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use protocol::messages::create_topics_response::CreatableTopicConfigs;
use protocol::messages::{BrokerRegistrationRequest, CreateTopicsRequest};
use protocol::{BrokerId, MetadataRecord, Offset, Uuid};
use stdx::Random;

use super::{ApiError, ConfigProperty, ConfigRules, Controller, Outcome, Settings, activation_records};
use crate::{ClusterImage, ConfigResource, ConfigResourceType, MetadataLoader};

pub(crate) const CLUSTER_ID: &str = "q1Sh-9_ISia_zwGINzRvyQ";

/// Knows `retention.ms`, a number, and `cleanup.policy`, a list.
#[derive(Clone, Debug)]
pub(crate) struct Rules;

impl ConfigRules for Rules {
    fn property(&self, _: ConfigResourceType, name: &str) -> Option<ConfigProperty> {
        match name {
            "cleanup.policy" => Some(ConfigProperty { is_list: true, default: Some("delete".into()) }),
            "retention.ms" => Some(ConfigProperty { is_list: false, default: Some("604800000".into()) }),
            _ => None,
        }
    }

    fn validate(&self, _: &ConfigResource, configs: &BTreeMap<String, String>) -> Result<(), ApiError> {
        for (name, value) in configs {
            match name.as_str() {
                "retention.ms" if value.parse::<i64>().is_err() => {
                    return Err(ApiError::invalid_config(format!(
                        "Invalid value {value} for configuration {name}: Not a number of type LONG"
                    )));
                }
                "retention.ms" | "cleanup.policy" => {}
                _ => return Err(ApiError::invalid_config(format!("Unknown topic config name: {name}"))),
            }
        }
        Ok(())
    }

    fn effective_topic_configs(
        &self,
        _: &ClusterImage,
        configs: &BTreeMap<String, String>,
    ) -> Vec<CreatableTopicConfigs<'static>> {
        let config = |(name, value): (&String, &String)| CreatableTopicConfigs {
            name: name.clone().into(),
            value: Some(value.clone().into()),
            config_source: 1,
            ..CreatableTopicConfigs::default()
        };
        configs.iter().map(config).collect()
    }
}

pub(crate) struct World {
    pub(crate) controller: Controller<Rules>,
    pub(crate) loader: MetadataLoader,
    pub(crate) random: Random,
    pub(crate) next_offset: i64,
    pub(crate) log: Vec<MetadataRecord<'static>>,
}

impl World {
    /// A new cluster without brokers.
    pub(crate) fn empty() -> Self {
        let settings = Settings {
            num_partitions: 1,
            default_replication_factor: 1,
            delete_topic_enable: true,
            cluster_id: CLUSTER_ID.into(),
        };
        let mut world = Self {
            controller: Controller::new(settings, Rules),
            loader: MetadataLoader::default(),
            random: Random::from_seed(1),
            next_offset: 0,
            log: vec![],
        };
        world.append(activation_records(&world.loader));
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
        features: vec![Feature {
            name: "metadata.version".into(),
            min_supported_version: 7,
            max_supported_version: 33,
            ..Feature::default()
        }],
        log_dirs: vec![Uuid((1000 + id as u128).to_be_bytes())],
        ..BrokerRegistrationRequest::default()
    }
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
