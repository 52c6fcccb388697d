//! The tables of properties as the controller asks for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use metadata::configs::tables::{BROKER, CLIENT_METRICS, GROUP, TOPIC};
use metadata::configs::{
    BrokerConfigs, Change, Error, Scope, alter_broker, alter_client_metrics, alter_group, alter_topic, describe_created_topic,
};
use metadata::controller::ConfigProperty;
use metadata::{ApiError, ClusterImage, ConfigResource, ConfigResourceType, ConfigRules};
use protocol::messages::create_topics_response::CreatableTopicConfigs;
use stdx::properties::{Preset, Properties, Type};

/// Judges by the tables, against what this node has in force.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) broker: Arc<BrokerConfigs>,
}

impl Rules {
    fn judge(&self, resource: &ConfigResource, all: &Properties) -> Result<(), Error> {
        let change = Change::replace(all.iter().map(|(name, value)| (name, Some(value))))?;
        let none = Properties::default();
        match resource.resource_type {
            ConfigResourceType::TOPIC => alter_topic(&self.broker, &none, &change).map(drop),
            ConfigResourceType::BROKER if resource.name.is_empty() => {
                alter_broker(&self.broker, Scope::Cluster, &change).map(drop)
            }
            ConfigResourceType::BROKER => alter_broker(&self.broker, Scope::Broker, &change).map(drop),
            ConfigResourceType::GROUP => alter_group(&self.broker, &none, &change).map(drop),
            ConfigResourceType::CLIENT_METRICS => alter_client_metrics(&none, &change).map(drop),
            _ => Ok(()),
        }
    }
}

impl ConfigRules for Rules {
    fn property(&self, resource_type: ConfigResourceType, name: &str) -> Option<ConfigProperty> {
        let row = match resource_type {
            ConfigResourceType::TOPIC => TOPIC.get(name),
            ConfigResourceType::BROKER => BROKER.get(name),
            ConfigResourceType::GROUP => GROUP.get(name),
            ConfigResourceType::CLIENT_METRICS => CLIENT_METRICS.get(name),
            _ => None,
        }?;
        let default = match row.preset {
            Preset::Text(text) => Some(text.to_owned()),
            Preset::Null | Preset::Required => None,
        };
        Some(ConfigProperty { is_list: row.type_ == Type::List, default })
    }

    fn validate(&self, resource: &ConfigResource, configs: &BTreeMap<String, String>) -> Result<(), ApiError> {
        let all: Properties = configs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.judge(resource, &all).map_err(|error| ApiError { code: error.code(), message: Some(error.to_string().into()) })
    }

    fn effective_topic_configs(&self, _image: &ClusterImage, configs: &BTreeMap<String, String>) -> Vec<CreatableTopicConfigs<'static>> {
        let set: Properties = configs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let row = |entry: metadata::configs::ConfigEntry| CreatableTopicConfigs {
            name: entry.name.into(),
            value: entry.value.map(Into::into),
            read_only: entry.read_only,
            config_source: entry.source.code(),
            is_sensitive: entry.is_sensitive,
            ..CreatableTopicConfigs::default()
        };
        describe_created_topic(&self.broker, &set).into_iter().map(row).collect()
    }
}
