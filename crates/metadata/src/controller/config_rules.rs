//! What the controller must know of properties.

use std::collections::BTreeMap;

use protocol::messages::create_topics_response::CreatableTopicConfigs;

use super::ApiError;
use crate::{ClusterImage, ConfigResource, ConfigResourceType};

/// What APPEND and SUBTRACT must know of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProperty {
    /// Whether its values are lists.
    pub is_list: bool,
    /// Its default, as text.
    pub default: Option<String>,
}

/// The tables of properties, as the controller needs them.
pub trait ConfigRules {
    /// A property of a type of resource; `None` for an unknown name.
    fn property(&self, resource_type: ConfigResourceType, name: &str) -> Option<ConfigProperty>;

    /// Judges all that would be set on a resource. Names of resources were checked before.
    fn validate(&self, resource: &ConfigResource, configs: &BTreeMap<String, String>)
    -> Result<(), ApiError>;

    /// All properties that hold for a topic with `configs` set on it, by name, as CreateTopics answers them.
    fn effective_topic_configs(
        &self,
        image: &ClusterImage,
        configs: &BTreeMap<String, String>,
    ) -> Vec<CreatableTopicConfigs<'static>>;
}
