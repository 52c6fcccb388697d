//! The properties that the controller decides by: its node's file, and what the image has set since.

use protocol::BrokerId;
use protocol::messages::create_topics_response::CreatableTopicConfigs;
use stdx::properties::Properties;

use super::{ApiError, Controller};
use crate::configs::{self, BrokerConfigs, ConfigEntry};
use crate::{ClusterImage, ConfigResource};

impl Controller {
    /// This node's id.
    pub(super) fn node_id(&self) -> BrokerId {
        BrokerId(self.configs.int("node.id") as i32)
    }

    /// What is in force on this node.
    pub(super) fn configs_in_force(&self, image: &ClusterImage) -> BrokerConfigs {
        let set = |resource| image.properties(&resource);
        self.configs
            .with_dynamic(&set(ConfigResource::all_brokers()), &set(ConfigResource::broker(self.node_id())))
    }
}

impl ClusterImage {
    /// What was set on a resource, as the tables of properties take it.
    pub fn properties(&self, resource: &ConfigResource) -> Properties {
        self.configs(resource).into_iter().flatten().map(|(name, value)| (&**name, &**value)).collect()
    }
}

impl From<configs::Error> for ApiError {
    fn from(error: configs::Error) -> Self {
        Self { code: error.code(), message: Some(error.to_string().into()) }
    }
}

/// A property of a new topic, as CreateTopics answers it.
pub(super) fn created_topic_config(entry: ConfigEntry) -> CreatableTopicConfigs<'static> {
    CreatableTopicConfigs {
        name: entry.name.into(),
        value: entry.value.map(Into::into),
        read_only: entry.read_only,
        config_source: entry.source as i8,
        is_sensitive: entry.is_sensitive,
        ..CreatableTopicConfigs::default()
    }
}
