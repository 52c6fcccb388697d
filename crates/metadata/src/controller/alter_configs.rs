//! IncrementalAlterConfigs (KIP-339) and AlterConfigs, which replaces all that was set on a resource.
//!
//! Does not serve BROKER_LOGGER, which is not in the metadata log: who serves it takes it out of the request before.
//! Does not know `alter.config.policy.class.name`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, ConfigRecord, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, alter_configs_request, alter_configs_response,
    incremental_alter_configs_request, incremental_alter_configs_response,
};
use protocol::{BrokerId, ErrorCode, MetadataRecord};
use stdx::properties::Properties;

use super::{ApiError, Controller, MAX_RECORDS_PER_REQUEST, Outcome};
use crate::configs::{
    self, Altered, BrokerConfigs, Change, ResourceType, Scope, alter_broker, alter_client_metrics,
    alter_group, alter_topic,
};
use crate::image::text;
use crate::{ClusterImage, ConfigResource, topic_name};

impl Controller {
    /// Answers IncrementalAlterConfigs, each resource alone. Of brokers, only this node and all together are changed:
    /// nobody else can judge what is set on a node.
    pub fn incremental_alter_configs(
        &self,
        image: &ClusterImage,
        request: &IncrementalAlterConfigsRequest<'_>,
    ) -> Outcome<IncrementalAlterConfigsResponse<'static>> {
        let named = request.resources.iter().map(|r| (r.resource_type, r.resource_name.as_ref()));
        let mut alteration = Alteration::new(self, image, named);
        let answer = |resource: &incremental_alter_configs_request::AlterConfigsResource<'_>| {
            let change = Change::incremental(
                resource.configs.iter().map(|c| (c.name.as_ref(), c.config_operation, c.value.as_deref())),
            );
            let (error_code, error_message) =
                alteration.alter(resource.resource_type, &resource.resource_name, change);
            incremental_alter_configs_response::AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type: resource.resource_type,
                resource_name: text(&resource.resource_name),
                ..Default::default()
            }
        };
        let responses = request.resources.iter().map(answer).collect();
        Outcome {
            records: alteration.records_unless(request.validate_only),
            reply: IncrementalAlterConfigsResponse { responses, ..Default::default() },
        }
    }

    /// Answers AlterConfigs, as [`incremental_alter_configs`](Self::incremental_alter_configs) does. What the request
    /// does not name is taken away.
    pub fn alter_configs(
        &self,
        image: &ClusterImage,
        request: &AlterConfigsRequest<'_>,
    ) -> Outcome<AlterConfigsResponse<'static>> {
        let named = request.resources.iter().map(|r| (r.resource_type, r.resource_name.as_ref()));
        let mut alteration = Alteration::new(self, image, named);
        let answer = |resource: &alter_configs_request::AlterConfigsResource<'_>| {
            let change = Change::replace(
                resource.configs.iter().map(|config| (config.name.as_ref(), config.value.as_deref())),
            );
            let (error_code, error_message) =
                alteration.alter(resource.resource_type, &resource.resource_name, change);
            alter_configs_response::AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type: resource.resource_type,
                resource_name: text(&resource.resource_name),
                ..Default::default()
            }
        };
        let responses = request.resources.iter().map(answer).collect();
        Outcome {
            records: alteration.records_unless(request.validate_only),
            reply: AlterConfigsResponse { responses, ..Default::default() },
        }
    }
}

/// One request on its way through its resources.
struct Alteration<'a> {
    image: &'a ClusterImage,
    node_id: BrokerId,
    configs: BrokerConfigs,
    twice: BTreeSet<(i8, &'a str)>,
    records: Vec<MetadataRecord<'static>>,
}

impl<'a> Alteration<'a> {
    /// Of a request that names these resources.
    fn new(
        controller: &Controller,
        image: &'a ClusterImage,
        named: impl Iterator<Item = (i8, &'a str)>,
    ) -> Self {
        let mut seen = BTreeSet::new();
        Self {
            image,
            node_id: controller.node_id(),
            configs: controller.configs_in_force(image),
            twice: named.filter(|resource| !seen.insert(*resource)).collect(),
            records: vec![],
        }
    }

    /// Changes one resource, and gives the code and text of its answer.
    fn alter(
        &mut self,
        type_code: i8,
        name: &str,
        change: Result<Change, configs::Error>,
    ) -> (i16, Option<Cow<'static, str>>) {
        let result = self.records_of(type_code, name, change).and_then(|records| {
            if self.records.len() + records.len() > MAX_RECORDS_PER_REQUEST {
                return Err(ApiError::excessively_large_batch());
            }
            self.records.extend(records);
            Ok(())
        });
        ApiError::fields(&result)
    }

    fn records_of(
        &self,
        type_code: i8,
        name: &str,
        change: Result<Change, configs::Error>,
    ) -> Result<Vec<MetadataRecord<'static>>, ApiError> {
        if self.twice.contains(&(type_code, name)) {
            return Err(ApiError::invalid_request("Each resource must appear at most once."));
        }
        let change = change?;
        let resource_type = ResourceType::from_code(type_code)
            .filter(|resource_type| *resource_type != ResourceType::BrokerLogger)
            .ok_or_else(|| ApiError::invalid_request(format!("Unknown resource type {type_code}")))?;
        let resource = ConfigResource::new(resource_type, name);
        self.check_name(&resource)?;
        let before = self.image.properties(&resource);
        let altered = self.altered(&resource, &before, &change)?;
        self.check_exists(&resource)?;
        let changes = match resource_type {
            // A value set again makes a broker read files again that it names (KAFKA-14136).
            ResourceType::Broker => named_changes(&change, &altered),
            _ => altered.changes,
        };
        let record = |(name, value): (String, Option<String>)| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: type_code,
                resource_name: text(&resource.name),
                name: name.into(),
                value: value.map(Into::into),
                ..ConfigRecord::default()
            })
        };
        Ok(changes.into_iter().map(record).collect())
    }

    fn altered(
        &self,
        resource: &ConfigResource,
        before: &Properties,
        change: &Change,
    ) -> Result<Altered, configs::Error> {
        let node = &self.configs;
        match resource.resource_type {
            ResourceType::Topic => alter_topic(node, before, change),
            ResourceType::Group => alter_group(node, before, change),
            ResourceType::ClientMetrics => alter_client_metrics(&resource.name, before, change),
            ResourceType::Broker | ResourceType::BrokerLogger => {
                let scope = if resource.name.is_empty() { Scope::Cluster } else { Scope::Broker };
                alter_broker(node, scope, change)
            }
        }
    }

    fn check_name(&self, resource: &ConfigResource) -> Result<(), ApiError> {
        let name = &*resource.name;
        match (resource.resource_type, name) {
            (ResourceType::Topic, "") => {
                Err(ApiError::invalid_request("Default topic resources are not allowed."))
            }
            (ResourceType::Group, "") => {
                Err(ApiError::invalid_request("Default group resources are not allowed."))
            }
            (ResourceType::Topic, _) => topic_name::validate(name).map_err(ApiError::invalid_topic),
            (ResourceType::Broker, "") => Ok(()),
            (ResourceType::Broker, _) => match name.parse::<i32>() {
                Ok(id) if id == self.node_id.get() => Ok(()),
                Ok(_) => Err(ApiError::invalid_request(format!(
                    "Unexpected broker id, expected {}, but received {name}",
                    self.node_id
                ))),
                Err(_) => {
                    Err(ApiError::invalid_request(format!("Node id must be an integer, but it is: {name}")))
                }
            },
            _ => Ok(()),
        }
    }

    fn check_exists(&self, resource: &ConfigResource) -> Result<(), ApiError> {
        let name = &*resource.name;
        match resource.resource_type {
            ResourceType::Topic if self.image.topic(name).is_none() => {
                Err(ApiError::unknown_topic_or_partition(format!("The topic '{name}' does not exist.")))
            }
            ResourceType::Broker if !name.is_empty() && self.image.broker(self.node_id).is_none() => {
                let message = format!("No broker with id {name} found.");
                Err(ApiError { code: ErrorCode::BrokerIdNotRegistered, message: Some(message.into()) })
            }
            _ => Ok(()),
        }
    }

    fn records_unless(self, validate_only: bool) -> Vec<MetadataRecord<'static>> {
        if validate_only { vec![] } else { self.records }
    }
}

/// What differs, and everything that the change names, whether it differs or not.
fn named_changes(change: &Change, altered: &Altered) -> Vec<(String, Option<String>)> {
    let named: Vec<&str> = match change {
        Change::Incremental(operations) => operations.iter().map(|(name, ..)| &**name).collect(),
        Change::Replace(all) => all.iter().map(|(name, _)| name).collect(),
    };
    let differing = altered.changes.iter().map(|(name, _)| &**name);
    let names: BTreeSet<&str> = named.into_iter().chain(differing).collect();
    names.into_iter().map(|name| (name.to_owned(), altered.all.get(name).map(str::to_owned))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, topic};
    use super::*;

    const TOPIC: i8 = 2;
    const BROKER: i8 = 4;
    const GROUP: i8 = 32;

    type Op<'a> = (&'a str, i8, Option<&'a str>);
    type Answer = (i16, Option<String>);

    fn incremental(
        world: &mut World,
        resources: &[(i8, &str, &[Op<'_>])],
        validate_only: bool,
    ) -> Vec<Answer> {
        let config = |(name, operation, value): &Op<'_>| incremental_alter_configs_request::AlterableConfig {
            name: text(name),
            config_operation: *operation,
            value: value.map(text),
            ..Default::default()
        };
        let resource = |(resource_type, name, ops): &(i8, &str, &[Op<'_>])| {
            incremental_alter_configs_request::AlterConfigsResource {
                resource_type: *resource_type,
                resource_name: text(name),
                configs: ops.iter().map(config).collect(),
                ..Default::default()
            }
        };
        let request = IncrementalAlterConfigsRequest {
            resources: resources.iter().map(resource).collect(),
            validate_only,
            ..IncrementalAlterConfigsRequest::default()
        };
        let outcome = world.controller.incremental_alter_configs(world.image(), &request);
        let reply = world.commit(outcome);
        reply.responses.into_iter().map(|r| (r.error_code, r.error_message.map(Into::into))).collect()
    }

    fn value(world: &World, name: &str) -> Option<String> {
        world.image().config(&ConfigResource::topic("t"), name).map(|value| value.to_string())
    }

    fn world() -> World {
        let mut world = World::of(1);
        world.create(vec![topic("t", 1, 1, &[])]);
        world
    }

    #[test]
    fn operations_set_delete_append_and_subtract() {
        let mut world = world();
        let mut check = |op: Op<'_>, expect: Option<&str>| {
            assert_eq!(incremental(&mut world, &[(TOPIC, "t", &[op])], false), [(0, None)], "{op:?}");
            assert_eq!(value(&world, op.0).as_deref(), expect, "{op:?}");
        };
        check(("retention.ms", 0, Some("5")), Some("5"));
        check(("retention.ms", 1, None), None);
        check(("retention.ms", 1, None), None);
        check(("cleanup.policy", 2, Some("compact")), Some("delete,compact"));
        check(("cleanup.policy", 2, Some("compact,delete")), Some("delete,compact"));
        check(("cleanup.policy", 3, Some("delete,other")), Some("compact"));
        check(("cleanup.policy", 3, Some("compact")), Some(""));
        assert!(world.image().topic_configs("t").is_some());
    }

    #[test]
    fn unchanged_values_are_written_for_brokers_only() {
        let mut world = world();
        let set: &[Op<'_>] = &[("retention.ms", 0, Some("5"))];
        let resources: &[(i8, &str, &[Op<'_>])] = &[(TOPIC, "t", set), (BROKER, "1", set), (BROKER, "", set)];
        let before = world.next_offset;
        incremental(&mut world, resources, false);
        assert_eq!(world.next_offset - before, 3);
        incremental(&mut world, resources, false);
        assert_eq!(world.next_offset - before, 5);
        incremental(&mut world, &[(TOPIC, "t", &[("retention.ms", 0, Some("6"))])], true);
        assert_eq!(world.next_offset - before, 5, "only validated");
    }

    #[test]
    fn what_kafka_refuses_is_refused_with_its_words() {
        let mut world = world();
        let set: Op<'_> = ("retention.ms", 0, Some("5"));
        let cases: &[(i8, &str, &[Op<'_>], i16, &str)] = &[
            (
                TOPIC,
                "t",
                &[("retention.ms", 2, Some("5"))],
                40,
                "Can't APPEND to key retention.ms because its type is not LIST.",
            ),
            (
                TOPIC,
                "t",
                &[("no", 3, Some("5"))],
                40,
                "Can't SUBTRACT to key no because its type is not LIST.",
            ),
            (TOPIC, "t", &[("no", 0, Some("5"))], 40, "Unknown topic config name: no"),
            (TOPIC, "t", &[set, set], 42, "Error due to duplicate config keys"),
            (
                TOPIC,
                "t",
                &[("retention.ms", 0, None), ("segment.ms", 2, None)],
                42,
                "Null value not supported for : retention.ms, segment.ms",
            ),
            (TOPIC, "t", &[("retention.ms", 9, Some("5"))], 42, "Unknown operations type 9"),
            (TOPIC, "nope", &[set], 3, "The topic 'nope' does not exist."),
            (TOPIC, "", &[set], 42, "Default topic resources are not allowed."),
            (
                TOPIC,
                "a b",
                &[set],
                17,
                "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, \
                 '.', '_' and '-'",
            ),
            (GROUP, "", &[set], 42, "Default group resources are not allowed."),
            (16, "", &[set], 42, "Subscription name can't be empty"),
            (0, "x", &[set], 42, "Unknown resource type 0"),
            (8, "1", &[set], 42, "Unknown resource type 8"),
            (BROKER, "abc", &[set], 42, "Node id must be an integer, but it is: abc"),
            (BROKER, "7", &[set], 42, "Unexpected broker id, expected 1, but received 7"),
            (
                BROKER,
                "1",
                &[("log.retention.ms", 2, Some("1"))],
                40,
                "Config value append is not allowed for config key: log.retention.ms",
            ),
            (BROKER, "1", &[("foo", 2, Some("1"))], 40, "Unknown config name: foo"),
            (
                BROKER,
                "1",
                &[("node.id", 0, Some("1"))],
                42,
                "Cannot update these configs dynamically: [node.id]",
            ),
            (
                TOPIC,
                "t",
                &[("retention.ms", 0, Some("x"))],
                40,
                "Invalid value x for configuration retention.ms: Not a number of type LONG",
            ),
        ];
        let before = world.next_offset;
        for (resource_type, name, ops, code, message) in cases {
            let answers = incremental(&mut world, &[(*resource_type, name, ops)], false);
            assert_eq!(answers, [(*code, Some((*message).to_owned()))]);
        }
        let twice = incremental(&mut world, &[(TOPIC, "t", &[set]), (TOPIC, "t", &[set])], false);
        let once = (42, Some("Each resource must appear at most once.".to_owned()));
        assert_eq!(twice, [once.clone(), once]);
        assert_eq!(world.next_offset, before);
    }

    #[test]
    fn legacy_alteration_takes_away_what_it_does_not_name() {
        let mut world = world();
        incremental(&mut world, &[(TOPIC, "t", &[("retention.ms", 0, Some("5"))])], false);
        let config = alter_configs_request::AlterableConfig {
            name: "cleanup.policy".into(),
            value: Some("compact".into()),
            ..Default::default()
        };
        let request = AlterConfigsRequest {
            resources: vec![alter_configs_request::AlterConfigsResource {
                resource_type: TOPIC,
                resource_name: "t".into(),
                configs: vec![config],
                ..Default::default()
            }],
            ..AlterConfigsRequest::default()
        };
        let outcome = world.controller.alter_configs(world.image(), &request);
        assert_eq!(world.commit(outcome).responses[0].error_code, 0);
        assert_eq!(value(&world, "retention.ms"), None);
        assert_eq!(value(&world, "cleanup.policy").as_deref(), Some("compact"));
    }
}
