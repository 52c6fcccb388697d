//! Properties of nodes, topics, groups and client metrics subscriptions: what there is, what is in force and why, and
//! which changes are allowed.
//!
//! | file | what |
//! |---|---|
//! | `tables/` | every property: type, default, validator, documentation |
//! | `synonyms.rs` | which broker properties stand behind a property that is not set |
//! | `broker_configs.rs` | [`BrokerConfigs`]: the properties of a node in force, from file and dynamic layers |
//! | `describe.rs` | the answers of DescribeConfigs and CreateTopics |
//! | `change.rs`, `alter/` | changes of properties: allowed or refused, and what they come to |
//! | `topic_config.rs` | [`TopicConfig`]: the properties of a topic in force, typed |
//! | `server/` | [`ServerConfig`]: the properties of a node in force, typed |
//! | `reference.rs` | `docs/properties.md`, printed from the tables |
//! | `requirements.rs` | what the properties of a node must satisfy together |

mod alter;
mod broker_configs;
mod change;
mod describe;
mod endpoint;
mod error;
#[cfg(test)]
mod golden;
mod reference;
mod requirements;
mod server;
mod source;
mod synonyms;
pub mod tables;
mod topic_config;
mod validators;

pub use alter::{
    Altered, Scope, alter_broker, alter_client_metrics, alter_group, alter_topic, check_loggers,
};
pub use broker_configs::{BrokerConfigs, Values};
pub use change::{Change, Operation};
pub use describe::{
    ConfigEntry, ConfigSynonym, describe_broker, describe_broker_default, describe_client_metrics,
    describe_created_topic, describe_group, describe_loggers, describe_topic,
};
pub use endpoint::{Endpoint, EndpointError, HostPort, Voter};
pub use error::{Error, Reason};
pub use reference::reference;
pub use server::{
    BadProperty, CleanerConfig, GroupsConfig, Listener, LogFormat, LogManagerConfig, MetadataLogConfig,
    NetworkConfig, SecurityProtocol, ServerConfig, ShareCoordinatorConfig, TopicsConfig, TransactionsConfig,
};
pub use source::{ConfigSource, ResourceType, type_code};
pub use synonyms::{Synonym, broker_synonyms, group_synonym, topic_synonyms};
pub use topic_config::{CleanupPolicy, CompressionType, TimestampType, TopicConfig};
