//! DescribeConfigs, api key 32, versions 1 to 4: the configurations in force, and why.
//!
//! 1: sources and synonyms. 3: types and documentation. 4: flexible. What is in force is `metadata::configs`' to say.

use std::collections::BTreeSet;

use ::metadata::configs::ResourceType;
use ::metadata::configs::{
    ConfigEntry, describe_broker, describe_broker_default, describe_client_metrics, describe_group,
    describe_loggers, describe_topic,
};
use ::metadata::{ClusterImage, ConfigResource};
use protocol::ErrorCode;
use protocol::messages::describe_configs_request::DescribeConfigsResource;
use protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use crate::error::Refusal;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: DescribeConfigsRequest<'_> = request.decode()?;
    let image = node.image();
    let results = body.resources.iter().map(|resource| {
        let mut result = DescribeConfigsResult {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            ..DescribeConfigsResult::default()
        };
        match describe(node, &image, resource) {
            Ok(entries) => {
                let keys = resource
                    .configuration_keys
                    .as_ref()
                    .filter(|keys| !keys.is_empty() || request.version >= 4);
                let keys: Option<BTreeSet<&str>> = keys.map(|keys| keys.iter().map(|key| &**key).collect());
                let wanted = entries
                    .into_iter()
                    .filter(|entry| keys.as_ref().is_none_or(|keys| keys.contains(entry.name.as_str())));
                result.configs = wanted
                    .map(|entry| row(entry, body.include_synonyms, body.include_documentation))
                    .collect();
            }
            Err(refusal) => {
                result.error_code = refusal.code.code();
                result.error_message = Some(refusal.message.unwrap_or_default().into());
            }
        }
        result
    });
    request
        .answer(&DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() })
}

fn describe(
    node: &Node,
    image: &ClusterImage,
    resource: &DescribeConfigsResource<'_>,
) -> Result<Vec<ConfigEntry>, Refusal> {
    let name = &*resource.resource_name;
    let broker = node.broker_configs();
    let unsupported = || {
        Refusal::new(
            ErrorCode::InvalidRequest,
            format!("Unsupported resource type: {}", resource.resource_type),
        )
    };
    let of =
        ConfigResource::new(ResourceType::from_code(resource.resource_type).ok_or_else(unsupported)?, name);
    let set = image.properties(&of);
    let entries = match of.resource_type {
        ResourceType::Topic => {
            ::metadata::topic_name::validate(name)
                .map_err(|error| Refusal::new(ErrorCode::InvalidTopicException, error))?;
            image.topic(name).ok_or(Refusal::from(ErrorCode::UnknownTopicOrPartition))?;
            describe_topic(&broker, &set)
        }
        ResourceType::Broker if name.is_empty() => Ok(describe_broker_default(&broker)),
        ResourceType::Broker => {
            own_broker(node, name)?;
            Ok(describe_broker(&broker))
        }
        ResourceType::BrokerLogger => {
            own_broker(node, name).map_err(|refusal| {
                let message = refusal.message.map(|text| text.replace(" or empty string,", ""));
                Refusal { message, ..refusal }
            })?;
            let levels = node.loggers().list();
            Ok(describe_loggers(levels.iter().map(|(name, level)| (name.as_str(), *level))))
        }
        ResourceType::Group if !name.is_empty() => describe_group(&broker, &set),
        ResourceType::Group => {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "Group name must not be empty"));
        }
        ResourceType::ClientMetrics if !name.is_empty() => describe_client_metrics(&set),
        ResourceType::ClientMetrics => {
            return Err(Refusal::new(
                ErrorCode::InvalidRequest,
                "Client metrics subscription name must not be empty",
            ));
        }
    };
    entries.map_err(|error| Refusal::new(ErrorCode::InvalidConfig, error.to_string()))
}

/// Refuses the name of another broker.
fn own_broker(node: &Node, name: &str) -> Result<(), Refusal> {
    let own = node.id();
    match name.parse::<i32>() {
        Ok(id) if id == own.get() => Ok(()),
        Ok(_) => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            format!("Unexpected broker id, expected {own} or empty string, but received {name}"),
        )),
        Err(_) => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            format!("Broker id must be an integer, but it is: {name}"),
        )),
    }
}

fn row(entry: ConfigEntry, synonyms: bool, documentation: bool) -> DescribeConfigsResourceResult<'static> {
    DescribeConfigsResourceResult {
        name: entry.name.into(),
        value: entry.value.map(Into::into),
        read_only: entry.read_only,
        config_source: entry.source as i8,
        is_sensitive: entry.is_sensitive,
        synonyms: if synonyms {
            let row = |synonym: ::metadata::configs::ConfigSynonym| DescribeConfigsSynonym {
                name: synonym.name.into(),
                value: synonym.value.map(Into::into),
                source: synonym.source as i8,
                ..DescribeConfigsSynonym::default()
            };
            entry.synonyms.into_iter().map(row).collect()
        } else {
            vec![]
        },
        config_type: entry.config_type,
        documentation: entry.documentation.filter(|_| documentation).map(Into::into),
        ..DescribeConfigsResourceResult::default()
    }
}
