//! The numbers that DescribeConfigs and AlterConfigs speak in.

use stdx::properties::Type;

/// Where the value of a property comes from. The numbers are those of DescribeConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigSource {
    /// Set for the topic.
    Topic = 1,
    /// Set for this broker while it runs.
    Broker = 2,
    /// Set for all brokers while they run.
    BrokerDefault = 3,
    /// Set in the properties file of this node.
    Static = 4,
    /// Not set.
    Default = 5,
    /// The level of a logger.
    BrokerLogger = 6,
    /// Set for the client metrics subscription.
    ClientMetrics = 7,
    /// Set for the group.
    Group = 8,
}

impl ConfigSource {
    /// The number in an answer.
    pub fn code(self) -> i8 {
        self as i8
    }
}

/// What kind of thing has the properties. The numbers are those of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum ResourceType {
    /// A topic, by name.
    Topic = 2,
    /// A broker by id, or all of them by the empty name.
    Broker = 4,
    /// The loggers of a broker.
    BrokerLogger = 8,
    /// A client metrics subscription, by name.
    ClientMetrics = 16,
    /// A group, by id.
    Group = 32,
}

impl ResourceType {
    /// The type of a number from a request.
    pub fn from_code(code: i8) -> Option<ResourceType> {
        use ResourceType::{Broker, BrokerLogger, ClientMetrics, Group, Topic};
        [Topic, Broker, BrokerLogger, ClientMetrics, Group].into_iter().find(|t| *t as i8 == code)
    }
}

/// The number of a property's type in DescribeConfigs. 0 is for properties that nobody defined.
pub fn type_code(type_: Option<Type>) -> i8 {
    match type_ {
        None => 0,
        Some(Type::Boolean) => 1,
        Some(Type::String) => 2,
        Some(Type::Int) => 3,
        Some(Type::Short) => 4,
        Some(Type::Long) => 5,
        Some(Type::Double) => 6,
        Some(Type::List) => 7,
        Some(Type::Class) => 8,
        Some(Type::Password) => 9,
    }
}
