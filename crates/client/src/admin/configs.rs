//! Properties of topics, brokers and groups.

use protocol::BrokerId;
use protocol::messages::describe_configs_request::DescribeConfigsResource;
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};

use super::Admin;
use crate::cluster::Purpose;
use crate::{Error, Result};

/// What has properties. The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum ResourceType {
    /// A topic, by name.
    Topic = 2,
    /// A broker, by id; the empty name is the default of all brokers.
    Broker = 4,
    /// A broker's log levels, by broker id.
    BrokerLogger = 8,
    /// The subscriptions of a client instance to its own metrics.
    ClientMetrics = 16,
    /// A group, by id.
    Group = 32,
}

/// One thing with properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigResource {
    /// Its type.
    pub kind: ResourceType,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            ResourceType::Topic => "topic",
            ResourceType::Broker => "broker",
            ResourceType::BrokerLogger => "loggers of broker",
            ResourceType::ClientMetrics => "client metrics",
            ResourceType::Group => "group",
        };
        if self.name.is_empty() { write!(f, "all {kind}s") } else { write!(f, "{kind} '{}'", self.name) }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set at run time on this broker.
    Broker,
    /// Set at run time on all brokers.
    BrokerDefault,
    /// In the broker's properties file.
    Static,
    /// Nobody set it.
    Default,
    /// Set on the broker's logger.
    BrokerLogger,
    /// Set on the client's metrics.
    ClientMetrics,
    /// Set on the group.
    Group,
    /// One that this client does not know.
    Unknown(i8),
}

impl ConfigSource {
    const fn from_wire(source: i8) -> Self {
        match source {
            1 => Self::Topic,
            2 => Self::Broker,
            3 => Self::BrokerDefault,
            4 => Self::Static,
            5 => Self::Default,
            6 => Self::BrokerLogger,
            7 => Self::ClientMetrics,
            8 => Self::Group,
            other => Self::Unknown(other),
        }
    }

    /// Kafka's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "DYNAMIC_TOPIC_CONFIG",
            Self::Broker => "DYNAMIC_BROKER_CONFIG",
            Self::BrokerDefault => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            Self::Static => "STATIC_BROKER_CONFIG",
            Self::Default => "DEFAULT_CONFIG",
            Self::BrokerLogger => "DYNAMIC_BROKER_LOGGER_CONFIG",
            Self::ClientMetrics => "DYNAMIC_CLIENT_METRICS_CONFIG",
            Self::Group => "DYNAMIC_GROUP_CONFIG",
            Self::Unknown(_) => "UNKNOWN",
        }
    }
}

/// A property of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; none where it is sensitive or has none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed at run time.
    pub read_only: bool,
    /// Whether the value is kept secret.
    pub is_sensitive: bool,
    /// The values that would count without those before them, the one that counts first.
    pub synonyms: Vec<ConfigSynonym>,
    /// What it is for, if that was asked for.
    pub documentation: Option<String>,
}

/// A value that counts, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The property's name there.
    pub name: String,
    /// The value.
    pub value: Option<String>,
    /// Where it is set.
    pub source: ConfigSource,
}

/// A change of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigOp {
    /// Sets a value.
    Set(String),
    /// Goes back to the default.
    Delete,
    /// Adds to a list.
    Append(String),
    /// Takes out of a list.
    Subtract(String),
}

impl Admin {
    /// The properties of a resource: all of them, or those named.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
        names: Option<&[&str]>,
        documentation: bool,
    ) -> Result<Vec<ConfigEntry>> {
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: resource.kind as i8,
                resource_name: resource.name.as_str().into(),
                configuration_keys: names.map(|names| names.iter().map(|n| (*n).into()).collect()),
                ..Default::default()
            }],
            include_synonyms: true,
            include_documentation: documentation,
            ..Default::default()
        };
        let what = format!("cannot describe the configuration of {resource}");
        let mut retry = self.cluster.retry(what.as_str());
        let answer = loop {
            match async { self.connection_for(resource).await?.call(&request).await }.await {
                Ok(answer) => break answer,
                Err(error) => retry.again(error).await?,
            }
        };
        let response = answer.decode()?;
        let mut entries = Vec::new();
        for result in &response.results {
            Error::check(what.as_str(), answer.broker(), result.error_code, result.error_message.as_deref())?;
            entries.extend(result.configs.iter().map(entry));
        }
        entries.sort_by(|a: &ConfigEntry, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Changes properties of a resource, all or none (KIP-339). What is not named stays.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[(String, ConfigOp)],
        validate_only: bool,
    ) -> Result<()> {
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.kind as i8,
                resource_name: resource.name.as_str().into(),
                configs: changes.iter().map(alterable).collect(),
                ..Default::default()
            }],
            validate_only,
            ..Default::default()
        };
        let what = format!("cannot change the configuration of {resource}");
        let mut retry = self.cluster.retry(what.as_str());
        let answer = loop {
            match async { self.connection_for(resource).await?.call(&request).await }.await {
                Ok(answer) => break answer,
                Err(error) => retry.again(error).await?,
            }
        };
        let response = answer.decode()?;
        response.responses.iter().try_for_each(|r| {
            Error::check(what.as_str(), answer.broker(), r.error_code, r.error_message.as_deref())
        })
    }

    /// A broker answers for itself only; for everything else, any broker does.
    async fn connection_for(&self, resource: &ConfigResource) -> Result<std::sync::Arc<crate::Connection>> {
        match resource.kind {
            ResourceType::Broker | ResourceType::BrokerLogger if !resource.name.is_empty() => {
                let id = resource.name.parse().map_err(|_| {
                    Error::Invalid(
                        format!("'{}' is not a broker id: expected a number", resource.name).into(),
                    )
                })?;
                self.cluster.broker(BrokerId(id), Purpose::Control).await
            }
            _ => self.cluster.any().await,
        }
    }
}

fn alterable((name, op): &(String, ConfigOp)) -> AlterableConfig<'_> {
    let (config_operation, value) = match op {
        ConfigOp::Set(value) => (0, Some(value.as_str().into())),
        ConfigOp::Delete => (1, None),
        ConfigOp::Append(value) => (2, Some(value.as_str().into())),
        ConfigOp::Subtract(value) => (3, Some(value.as_str().into())),
    };
    AlterableConfig { name: name.as_str().into(), config_operation, value, ..Default::default() }
}

fn entry(
    c: &protocol::messages::describe_configs_response::DescribeConfigsResourceResult<'_>,
) -> ConfigEntry {
    let text = |t: &Option<protocol::wire::Str<'_>>| t.as_deref().map(str::to_owned);
    ConfigEntry {
        name: c.name.to_string(),
        value: text(&c.value),
        source: ConfigSource::from_wire(c.config_source),
        read_only: c.read_only,
        is_sensitive: c.is_sensitive,
        synonyms: c
            .synonyms
            .iter()
            .map(|s| ConfigSynonym {
                name: s.name.to_string(),
                value: text(&s.value),
                source: ConfigSource::from_wire(s.source),
            })
            .collect(),
        documentation: text(&c.documentation),
    }
}
