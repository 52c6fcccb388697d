//! IncrementalAlterConfigs (KIP-339) and AlterConfigs, which replaces all that was set on a resource.
//!
//! Does not serve BROKER_LOGGER, which is not in the metadata log: who serves it takes it out of the request before.
//! Does not know `alter.config.policy.class.name`.

use std::collections::{BTreeMap, BTreeSet};

use protocol::messages::incremental_alter_configs_request::AlterableConfig;
use protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, ConfigRecord, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, alter_configs_response, incremental_alter_configs_response,
};
use protocol::{BrokerId, ErrorCode, MetadataRecord};

use super::{ApiError, ConfigRules, Controller, MAX_RECORDS_PER_REQUEST, Outcome};
use crate::image::text;
use crate::{ClusterImage, ConfigResource, ConfigResourceType, topic_name};

/// What to do with one property.
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Set,
    Delete,
    Append,
    Subtract,
}

/// What a resource gets: `None` takes a value away.
type Changes = BTreeMap<String, Option<String>>;

impl<C: ConfigRules> Controller<C> {
    /// Answers IncrementalAlterConfigs that reached `broker`: only it can judge what is set on itself.
    pub fn incremental_alter_configs(
        &self,
        image: &ClusterImage,
        request: &IncrementalAlterConfigsRequest<'_>,
        broker: BrokerId,
    ) -> Outcome<IncrementalAlterConfigsResponse<'static>> {
        let mut changes =
            ConfigChanges::of(request.resources.iter().map(|r| (r.resource_type, r.resource_name.as_ref())));
        let responses = request
            .resources
            .iter()
            .map(|resource| {
                let of = resource_of(resource.resource_type, &resource.resource_name);
                let result = changes.add(&of, || {
                    check_keys(resource.configs.iter().map(|config| {
                        let needs_value = config.config_operation != Operation::Delete as i8;
                        (config.name.as_ref(), needs_value && config.value.is_none())
                    }))?;
                    check_resource(&of, broker)?;
                    let changes = self.incremental_changes(image, &of, &resource.configs)?;
                    self.validated(image, &of, changes)
                });
                let (error_code, error_message) = ApiError::fields(&result);
                incremental_alter_configs_response::AlterConfigsResourceResponse {
                    error_code,
                    error_message,
                    resource_type: resource.resource_type,
                    resource_name: text(&resource.resource_name),
                    ..Default::default()
                }
            })
            .collect();
        Outcome {
            records: changes.records_unless(request.validate_only),
            reply: IncrementalAlterConfigsResponse { responses, ..Default::default() },
        }
    }

    /// Answers AlterConfigs that reached `broker`. What the request does not name is taken away.
    pub fn alter_configs(
        &self,
        image: &ClusterImage,
        request: &AlterConfigsRequest<'_>,
        broker: BrokerId,
    ) -> Outcome<AlterConfigsResponse<'static>> {
        let mut changes =
            ConfigChanges::of(request.resources.iter().map(|r| (r.resource_type, r.resource_name.as_ref())));
        let responses = request
            .resources
            .iter()
            .map(|resource| {
                let of = resource_of(resource.resource_type, &resource.resource_name);
                let result = changes.add(&of, || {
                    check_keys(resource.configs.iter().map(|c| (c.name.as_ref(), c.value.is_none())))?;
                    check_resource(&of, broker)?;
                    let mut changes: Changes = resource
                        .configs
                        .iter()
                        .map(|config| (config.name.to_string(), config.value.as_deref().map(str::to_owned)))
                        .collect();
                    for name in image.configs(&of).into_iter().flat_map(|set| set.keys()) {
                        changes.entry(name.to_string()).or_insert(None);
                    }
                    self.validated(image, &of, changes)
                });
                let (error_code, error_message) = ApiError::fields(&result);
                alter_configs_response::AlterConfigsResourceResponse {
                    error_code,
                    error_message,
                    resource_type: resource.resource_type,
                    resource_name: text(&resource.resource_name),
                    ..Default::default()
                }
            })
            .collect();
        Outcome {
            records: changes.records_unless(request.validate_only),
            reply: AlterConfigsResponse { responses, ..Default::default() },
        }
    }

    fn incremental_changes(
        &self,
        image: &ClusterImage,
        resource: &ConfigResource,
        configs: &[AlterableConfig<'_>],
    ) -> Result<Changes, ApiError> {
        let mut changes = Changes::new();
        for config in configs {
            let operation = Operation::of(config.config_operation)?;
            let given = config.value.as_deref().unwrap_or_default();
            let value = match operation {
                Operation::Set => Some(given.to_owned()),
                Operation::Delete => None,
                Operation::Append | Operation::Subtract => {
                    Some(self.edited_list(image, resource, &config.name, operation, given)?)
                }
            };
            changes.insert(config.name.to_string(), value);
        }
        Ok(changes)
    }

    /// A list with `given` added to it or taken from it, beginning with the default where nothing is set.
    fn edited_list(
        &self,
        image: &ClusterImage,
        resource: &ConfigResource,
        name: &str,
        operation: Operation,
        given: &str,
    ) -> Result<String, ApiError> {
        let property = self.configs.property(resource.resource_type, name);
        if !property.as_ref().is_some_and(|property| property.is_list) {
            return Err(not_a_list(resource, name, operation, property.is_some()));
        }
        let default = property.and_then(|property| property.default);
        let current = image.config(resource, name).map(|value| &**value).or(default.as_deref());
        let mut items: Vec<&str> = current.unwrap_or_default().split(',').filter(|s| !s.is_empty()).collect();
        for item in given.split(',') {
            let position = items.iter().position(|present| *present == item);
            match (operation, position) {
                (Operation::Append, None) => items.push(item),
                (Operation::Subtract, Some(at)) => {
                    items.remove(at);
                }
                _ => {}
            }
        }
        Ok(items.join(","))
    }

    /// The records of changes, once the resource with them is found good.
    fn validated(
        &self,
        image: &ClusterImage,
        resource: &ConfigResource,
        changes: Changes,
    ) -> Result<Vec<MetadataRecord<'static>>, ApiError> {
        let current = image.configs(resource);
        let mut after: BTreeMap<String, String> = current
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let mut records = vec![];
        for (name, value) in changes {
            let unchanged = after.get(&name) == value.as_ref();
            match &value {
                Some(value) => after.insert(name.clone(), value.clone()),
                None => after.remove(&name),
            };
            // A value set again makes a broker read files again that it names (KAFKA-14136).
            if !unchanged || resource.resource_type == ConfigResourceType::BROKER {
                records.push(MetadataRecord::Config(ConfigRecord {
                    resource_type: resource.resource_type.0,
                    resource_name: text(&resource.name),
                    name: name.into(),
                    value: value.map(Into::into),
                    ..ConfigRecord::default()
                }));
            }
        }
        check_name(resource)?;
        self.configs.validate(resource, &after)?;
        check_exists(image, resource)?;
        Ok(records)
    }
}

/// The records of a request, resource by resource.
struct ConfigChanges<'a> {
    twice: BTreeSet<(i8, &'a str)>,
    records: Vec<MetadataRecord<'static>>,
}

impl<'a> ConfigChanges<'a> {
    /// No records yet, of a request that names these resources.
    fn of(named: impl Iterator<Item = (i8, &'a str)>) -> Self {
        let mut seen = BTreeSet::new();
        Self { twice: named.filter(|resource| !seen.insert(*resource)).collect(), records: vec![] }
    }

    /// Adds the records that `change` makes for a resource, unless the request names the resource twice.
    fn add(
        &mut self,
        resource: &ConfigResource,
        change: impl FnOnce() -> Result<Vec<MetadataRecord<'static>>, ApiError>,
    ) -> Result<(), ApiError> {
        if self.twice.contains(&(resource.resource_type.0, &*resource.name)) {
            return Err(ApiError::invalid_request("Each resource must appear at most once."));
        }
        let records = change()?;
        if self.records.len() + records.len() > MAX_RECORDS_PER_REQUEST {
            return Err(ApiError::excessively_large_batch());
        }
        self.records.extend(records);
        Ok(())
    }

    fn records_unless(self, validate_only: bool) -> Vec<MetadataRecord<'static>> {
        if validate_only { vec![] } else { self.records }
    }
}

impl Operation {
    fn of(number: i8) -> Result<Self, ApiError> {
        match number {
            0 => Ok(Self::Set),
            1 => Ok(Self::Delete),
            2 => Ok(Self::Append),
            3 => Ok(Self::Subtract),
            other => Err(ApiError::invalid_request(format!("Unknown operations type {other}"))),
        }
    }

    fn names(self) -> (&'static str, &'static str) {
        if self == Self::Append { ("APPEND", "append") } else { ("SUBTRACT", "subtract") }
    }
}

fn resource_of(resource_type: i8, name: &str) -> ConfigResource {
    ConfigResource::new(ConfigResourceType(resource_type), name)
}

/// Refuses names that are there twice, then values that are null and may not be.
fn check_keys<'a>(keys: impl Iterator<Item = (&'a str, bool)>) -> Result<(), ApiError> {
    let (mut seen, mut nulls, mut twice) = (BTreeSet::new(), vec![], false);
    for (name, null) in keys {
        twice |= !seen.insert(name);
        if null {
            nulls.push(name);
        }
    }
    if twice {
        return Err(ApiError::invalid_request("Error due to duplicate config keys"));
    }
    if nulls.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid_request(format!("Null value not supported for : {}", nulls.join(", "))))
}

/// Refuses types of resources that have no configurations in the log, and other brokers than the one asked.
fn check_resource(resource: &ConfigResource, broker: BrokerId) -> Result<(), ApiError> {
    match resource.resource_type {
        ConfigResourceType::BROKER if !resource.name.is_empty() => match resource.name.parse::<i32>() {
            Err(_) => Err(ApiError::invalid_request(format!(
                "Node id must be an integer, but it is: {}",
                resource.name
            ))),
            Ok(id) if id != broker.get() => Err(ApiError::invalid_request(format!(
                "Unexpected broker id, expected {broker}, but received {}",
                resource.name
            ))),
            Ok(_) => Ok(()),
        },
        ConfigResourceType::TOPIC
        | ConfigResourceType::BROKER
        | ConfigResourceType::CLIENT_METRICS
        | ConfigResourceType::GROUP => Ok(()),
        ConfigResourceType(other) => Err(ApiError::invalid_request(format!("Unknown resource type {other}"))),
    }
}

fn check_name(resource: &ConfigResource) -> Result<(), ApiError> {
    let unnamed =
        |message| if resource.name.is_empty() { Err(ApiError::invalid_request(message)) } else { Ok(()) };
    match resource.resource_type {
        ConfigResourceType::TOPIC => {
            unnamed("Default topic resources are not allowed.")?;
            topic_name::validate(&resource.name).map_err(ApiError::invalid_topic)
        }
        ConfigResourceType::GROUP => unnamed("Default group resources are not allowed."),
        ConfigResourceType::CLIENT_METRICS => unnamed("Subscription name can't be empty"),
        _ => Ok(()),
    }
}

fn check_exists(image: &ClusterImage, resource: &ConfigResource) -> Result<(), ApiError> {
    if resource.resource_type == ConfigResourceType::TOPIC && image.topic(&resource.name).is_none() {
        let message = format!("The topic '{}' does not exist.", resource.name);
        return Err(ApiError::unknown_topic_or_partition(message));
    }
    if resource.resource_type == ConfigResourceType::BROKER
        && let Ok(id) = resource.name.parse()
        && image.broker(BrokerId(id)).is_none()
    {
        let message = format!("No broker with id {id} found.");
        return Err(ApiError { code: ErrorCode::BrokerIdNotRegistered, message: Some(message.into()) });
    }
    Ok(())
}

/// Brokers judge their own properties with other words than the controller judges the rest.
fn not_a_list(resource: &ConfigResource, name: &str, operation: Operation, known: bool) -> ApiError {
    let (loud, quiet) = operation.names();
    ApiError::invalid_config(match (resource.resource_type, known) {
        (ConfigResourceType::BROKER, true) => {
            format!("Config value {quiet} is not allowed for config key: {name}")
        }
        (ConfigResourceType::BROKER, false) => format!("Unknown config name: {name}"),
        _ => format!("Can't {loud} to key {name} because its type is not LIST."),
    })
}

#[cfg(test)]
mod tests {
    use protocol::messages::{alter_configs_request, incremental_alter_configs_request};

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
        let config = |(name, operation, value): &Op<'_>| AlterableConfig {
            name: text(name),
            config_operation: *operation,
            value: value.map(text),
            ..AlterableConfig::default()
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
        let outcome = world.controller.incremental_alter_configs(world.image(), &request, BrokerId(1));
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
                &[("retention.ms", 2, Some("1"))],
                40,
                "Config value append is not allowed for config key: retention.ms",
            ),
            (BROKER, "1", &[("foo", 2, Some("1"))], 40, "Unknown config name: foo"),
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
        let outcome = world.controller.alter_configs(world.image(), &request, BrokerId(1));
        assert_eq!(world.commit(outcome).responses[0].error_code, 0);
        assert_eq!(value(&world, "retention.ms"), None);
        assert_eq!(value(&world, "cleanup.policy").as_deref(), Some("compact"));
    }
}
