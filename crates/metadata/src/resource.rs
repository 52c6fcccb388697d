//! What configurations belong to.

use std::sync::Arc;

use protocol::BrokerId;

use crate::configs::ResourceType;

/// One resource with configurations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// What it is.
    pub resource_type: ResourceType,
    /// Its name.
    pub name: Arc<str>,
}

impl ConfigResource {
    /// A resource by type and name.
    pub fn new(resource_type: ResourceType, name: impl Into<Arc<str>>) -> Self {
        Self { resource_type, name: name.into() }
    }

    /// A topic.
    pub fn topic(name: impl Into<Arc<str>>) -> Self {
        Self::new(ResourceType::Topic, name)
    }

    /// A broker.
    pub fn broker(id: BrokerId) -> Self {
        Self::new(ResourceType::Broker, id.to_string())
    }

    /// What holds for every broker that says nothing of its own.
    pub fn all_brokers() -> Self {
        Self::new(ResourceType::Broker, "")
    }

    /// A group.
    pub fn group(id: impl Into<Arc<str>>) -> Self {
        Self::new(ResourceType::Group, id)
    }
}
