//! Configurations of topics, brokers and groups: describing and altering them.

use protocol::messages::describe_configs_request::DescribeConfigsResource;
use protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::*;
use protocol::{ApiKey, ErrorCode};

use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

// Where a value comes from.
const OF_TOPIC: i8 = 1;
const OF_BROKER: i8 = 2;
const OF_ALL_BROKERS: i8 = 3;
const STATIC: i8 = 4;
const DEFAULT: i8 = 5;
const OF_GROUP: i8 = 8;

fn describe(
    wire: &mut Wire,
    version: i16,
    kind: i8,
    name: &str,
    keys: Option<&[&'static str]>,
) -> DescribeConfigsResult<'static> {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned().into(),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
        ..Default::default()
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: version >= 3,
        ..Default::default()
    };
    let mut answer: DescribeConfigsResponse = wire.ask(ApiKey::DescribeConfigs, version, &request);
    answer.results.remove(0)
}

/// One configuration: its value and where that comes from.
fn config(wire: &mut Wire, kind: i8, name: &str, key: &'static str) -> (String, i8) {
    let mut result = describe(wire, 4, kind, name, Some(&[key]));
    assert_eq!((result.error_code, result.configs.len()), (NONE, 1), "{result:?}");
    let config: DescribeConfigsResourceResult<'_> = result.configs.remove(0);
    (config.value.unwrap_or_default().into_owned(), config.config_source)
}

fn alter_request(
    kind: i8,
    name: &str,
    changes: &[(&str, i8, &str)],
) -> IncrementalAlterConfigsRequest<'static> {
    let configs = changes.iter().map(|(name, operation, value)| AlterableConfig {
        name: (*name).to_owned().into(),
        config_operation: *operation,
        value: (*operation != DELETE).then(|| (*value).to_owned().into()),
        ..Default::default()
    });
    let resource = AlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned().into(),
        configs: configs.collect(),
        ..Default::default()
    };
    IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() }
}

fn alter(wire: &mut Wire, kind: i8, name: &str, changes: &[(&str, i8, &str)]) -> i16 {
    let request = alter_request(kind, name, changes);
    let answer: IncrementalAlterConfigsResponse = wire.ask(ApiKey::IncrementalAlterConfigs, 1, &request);
    answer.responses[0].error_code
}

#[test]
fn every_version_describes_a_topic() {
    let node = Node::start_with(&["log.retention.hours=1"]);
    let mut wire = Wire::connect(node.address);
    create_topic(&mut wire, "t", 1, &[("segment.bytes", "2000000")]);
    for version in ApiKey::DescribeConfigs.stable_versions() {
        let result = describe(&mut wire, version, TOPIC, "t", None);
        assert_eq!(result.error_code, NONE);
        let find = |name: &str| result.configs.iter().find(|config| config.name == name).unwrap();
        let set = find("segment.bytes");
        assert_eq!((set.value.as_deref(), set.config_source), (Some("2000000"), OF_TOPIC));
        assert_eq!(find("cleanup.policy").config_source, DEFAULT);
        // From the broker's property of another name and unit, which Kafka reports as a default.
        let derived = find("retention.ms");
        assert_eq!((derived.value.as_deref(), derived.config_source), (Some("3600000"), DEFAULT));
        let names: Vec<_> = set.synonyms.iter().map(|s| (&*s.name, s.source)).collect();
        assert_eq!(names, [("segment.bytes", OF_TOPIC), ("log.segment.bytes", DEFAULT)]);
        assert!(
            version < 3 || result.configs.iter().all(|c| c.config_type != 0 && c.documentation.is_some())
        );
        assert!(result.configs.iter().all(|config| !config.read_only));
    }
    assert_eq!(describe(&mut wire, 4, TOPIC, "t", Some(&["flush.ms", "no.such"])).configs.len(), 1);
    let missing = describe(&mut wire, 4, TOPIC, "missing", None);
    assert_eq!(missing.error_code, code(ErrorCode::UnknownTopicOrPartition));
    let invalid = describe(&mut wire, 4, TOPIC, "no/name", None);
    assert_eq!(invalid.error_code, code(ErrorCode::InvalidTopicException));
}

#[test]
fn altering_a_topic() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 1, &[]);
    let wire_ref = &mut wire;
    assert_eq!(
        alter(wire_ref, TOPIC, "t", &[("max.message.bytes", SET, "200"), ("flush.ms", SET, "5")]),
        NONE
    );
    assert_eq!(config(wire_ref, TOPIC, "t", "max.message.bytes"), ("200".into(), OF_TOPIC));
    // In force, not only written down.
    let large = batch(&[&"x".repeat(300)]);
    let too_large = code(ErrorCode::MessageTooLarge);
    eventually("the limit", || {
        (produce(wire_ref, 9, topic, large.clone()).error_code == too_large).then_some(())
    });
    assert_eq!(alter(wire_ref, TOPIC, "t", &[("max.message.bytes", DELETE, "")]), NONE);
    assert_eq!(config(wire_ref, TOPIC, "t", "max.message.bytes"), ("1048588".into(), DEFAULT));
    eventually("no limit", || (produce(wire_ref, 9, topic, large.clone()).error_code == NONE).then_some(()));

    assert_eq!(alter(wire_ref, TOPIC, "t", &[("cleanup.policy", APPEND, "compact")]), NONE);
    assert_eq!(config(wire_ref, TOPIC, "t", "cleanup.policy"), ("delete,compact".into(), OF_TOPIC));
    assert_eq!(alter(wire_ref, TOPIC, "t", &[("cleanup.policy", SUBTRACT, "delete")]), NONE);
    assert_eq!(config(wire_ref, TOPIC, "t", "cleanup.policy"), ("compact".into(), OF_TOPIC));

    let invalid = code(ErrorCode::InvalidConfig);
    assert_eq!(alter(wire_ref, TOPIC, "t", &[("flush.ms", SET, "soon")]), invalid);
    assert_eq!(alter(wire_ref, TOPIC, "t", &[("no.such", SET, "1")]), invalid);
    assert_eq!(alter(wire_ref, TOPIC, "t", &[("flush.ms", APPEND, "1")]), invalid);
    assert_eq!(
        alter(wire_ref, TOPIC, "missing", &[("flush.ms", SET, "1")]),
        code(ErrorCode::UnknownTopicOrPartition)
    );
    // All of a resource or nothing of it.
    assert_eq!(alter(wire_ref, TOPIC, "t", &[("flush.ms", SET, "77"), ("no.such", SET, "1")]), invalid);
    assert_eq!(config(wire_ref, TOPIC, "t", "flush.ms"), ("5".into(), OF_TOPIC));
    let wish = IncrementalAlterConfigsRequest {
        validate_only: true,
        ..alter_request(TOPIC, "t", &[("flush.ms", SET, "77")])
    };
    let answer: IncrementalAlterConfigsResponse = wire.ask(ApiKey::IncrementalAlterConfigs, 0, &wish);
    assert_eq!(answer.responses[0].error_code, NONE);

    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    assert_eq!(config(&mut wire, TOPIC, "t", "flush.ms"), ("5".into(), OF_TOPIC));
    assert_eq!(config(&mut wire, TOPIC, "t", "cleanup.policy"), ("compact".into(), OF_TOPIC));
}

#[test]
fn brokers_have_defaults_their_own_and_static_ones() {
    let node = Node::start_with(&["log.cleaner.threads=2"]);
    let mut wire = Wire::connect(node.address);
    let key = "log.segment.bytes";
    assert_eq!(config(&mut wire, BROKER, "1", key), ("1073741824".into(), DEFAULT));
    assert_eq!(config(&mut wire, BROKER, "1", "log.cleaner.threads"), ("2".into(), STATIC));
    assert_eq!(alter(&mut wire, BROKER, "", &[(key, SET, "2000000")]), NONE);
    eventually("the default of all brokers", || {
        (config(&mut wire, BROKER, "1", key) == ("2000000".into(), OF_ALL_BROKERS)).then_some(())
    });
    assert_eq!(alter(&mut wire, BROKER, "1", &[(key, SET, "3000000")]), NONE);
    eventually("the broker's own", || {
        (config(&mut wire, BROKER, "1", key) == ("3000000".into(), OF_BROKER)).then_some(())
    });
    create_topic(&mut wire, "t", 1, &[]);
    assert_eq!(config(&mut wire, TOPIC, "t", "segment.bytes"), ("3000000".into(), OF_BROKER));
    // What only a restart could change.
    assert_eq!(alter(&mut wire, BROKER, "1", &[("node.id", SET, "7")]), code(ErrorCode::InvalidRequest));
    let result = describe(&mut wire, 4, BROKER, "1", Some(&["node.id"]));
    assert!(result.configs[0].read_only);
    let other = describe(&mut wire, 4, BROKER, "99", None);
    assert_eq!(other.error_code, code(ErrorCode::InvalidRequest));
}

#[test]
fn groups_have_configurations_too() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let key = "consumer.session.timeout.ms";
    assert_eq!(config(&mut wire, GROUP, "g", key).1, DEFAULT);
    assert_eq!(alter(&mut wire, GROUP, "g", &[(key, SET, "50000")]), NONE);
    eventually("the group's own", || {
        (config(&mut wire, GROUP, "g", key) == ("50000".into(), OF_GROUP)).then_some(())
    });
    assert_eq!(alter(&mut wire, GROUP, "g", &[(key, SET, "1")]), code(ErrorCode::InvalidConfig));

    let mut list = |version, types: Vec<i8>| -> Vec<(String, i8)> {
        let request = ListConfigResourcesRequest { resource_types: types, ..Default::default() };
        let answer: ListConfigResourcesResponse = wire.ask(ApiKey::ListConfigResources, version, &request);
        assert_eq!(answer.error_code, NONE);
        let rows = answer.config_resources.into_iter();
        rows.map(|row| (row.resource_name.into_owned(), row.resource_type)).collect()
    };
    assert_eq!(list(1, vec![GROUP]), [("g".to_owned(), GROUP)]);
    assert_eq!(list(0, vec![]), []);
    assert!(list(1, vec![]).contains(&("1".to_owned(), BROKER)));
}

#[test]
fn the_old_way_replaces_all() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    create_topic(&mut wire, "t", 1, &[("flush.ms", "5"), ("segment.bytes", "2000000")]);
    for version in ApiKey::AlterConfigs.stable_versions() {
        let config = alter_configs_request::AlterableConfig {
            name: "flush.ms".into(),
            value: Some(version.to_string().into()),
            ..Default::default()
        };
        let resource = alter_configs_request::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".into(),
            configs: vec![config],
            ..Default::default()
        };
        let request = AlterConfigsRequest { resources: vec![resource], ..Default::default() };
        let answer: AlterConfigsResponse = wire.ask(ApiKey::AlterConfigs, version, &request);
        assert_eq!(answer.responses[0].error_code, NONE, "{answer:?}");
        assert_eq!(self::config(&mut wire, TOPIC, "t", "flush.ms"), (version.to_string(), OF_TOPIC));
        assert_eq!(self::config(&mut wire, TOPIC, "t", "segment.bytes").1, DEFAULT);
    }
}

#[test]
fn loggers_change_while_the_node_runs() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let level = |wire: &mut Wire, logger: &'static str| {
        let described = describe(wire, 4, BROKER_LOGGER, "1", Some(&[logger]));
        assert_eq!(described.error_code, NONE);
        described.configs[0].value.clone().unwrap().into_owned()
    };
    assert_eq!(level(&mut wire, "broker"), "INFO");
    // A connection that ends is told of at DEBUG.
    assert_eq!(alter(&mut wire, BROKER_LOGGER, "1", &[("broker", SET, "DEBUG")]), NONE);
    assert_eq!(level(&mut wire, "broker"), "DEBUG");
    drop(Wire::connect(node.address));
    eventually("a line of level DEBUG", || {
        node.new_lines().iter().any(|l| l.contains("connection ended")).then_some(())
    });
    assert_eq!(
        alter(&mut wire, BROKER_LOGGER, "1", &[("broker", SET, "LOUD")]),
        code(ErrorCode::InvalidConfig)
    );
    assert_eq!(
        alter(&mut wire, BROKER_LOGGER, "2", &[("broker", SET, "INFO")]),
        code(ErrorCode::InvalidRequest)
    );
    assert_eq!(alter(&mut wire, BROKER_LOGGER, "1", &[("broker", DELETE, "")]), NONE);
    assert_eq!(level(&mut wire, "broker"), "INFO");
}
