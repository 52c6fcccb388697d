//! What configurations belong to.

use std::sync::Arc;

/// The type of a resource with configurations. A number of the wire: one that we do not know is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResourceType(pub i8);

impl ConfigResourceType {
    /// A topic, by name.
    pub const TOPIC: Self = Self(2);
    /// A broker, by id; the empty name stands for all of them.
    pub const BROKER: Self = Self(4);
    /// The loggers of a broker: never in the metadata log.
    pub const BROKER_LOGGER: Self = Self(8);
    /// A subscription to clients' metrics (KIP-714).
    pub const CLIENT_METRICS: Self = Self(16);
    /// A group (KIP-848).
    pub const GROUP: Self = Self(32);
}

/// One resource with configurations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// What it is.
    pub resource_type: ConfigResourceType,
    /// Its name.
    pub name: Arc<str>,
}

impl ConfigResource {
    /// A resource by type and name.
    pub fn new(resource_type: ConfigResourceType, name: impl Into<Arc<str>>) -> Self {
        Self { resource_type, name: name.into() }
    }

    /// A topic.
    pub fn topic(name: impl Into<Arc<str>>) -> Self {
        Self::new(ConfigResourceType::TOPIC, name)
    }

    /// A broker.
    pub fn broker(id: protocol::BrokerId) -> Self {
        Self::new(ConfigResourceType::BROKER, id.to_string())
    }

    /// What holds for every broker that says nothing of its own.
    pub fn all_brokers() -> Self {
        Self::new(ConfigResourceType::BROKER, "")
    }

    /// A group.
    pub fn group(id: impl Into<Arc<str>>) -> Self {
        Self::new(ConfigResourceType::GROUP, id)
    }
}
