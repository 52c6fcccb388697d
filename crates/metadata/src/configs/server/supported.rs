//! Values that Kafka has and this version of millstream does not do. Each is refused at start, so that nobody believes
//! in a protection or a plug-in that is not there.

use super::{BadProperty, bad};
use crate::configs::broker_configs::BrokerConfigs;
use crate::configs::synonyms::listener_property;
use crate::configs::tables::BROKER;
use stdx::properties::{Preset, Value};

/// Plug-ins and features: any value but the default is refused.
#[rustfmt::skip]
const ONLY_DEFAULT: &[&str] = &[
    "alter.config.policy.class.name",
    "authorizer.class.name",
    "client.quota.callback.class",
    "config.providers",
    "controller.quorum.auto.join.enable",
    "cordoned.log.dirs",
    "create.topic.policy.class.name",
    "delegation.token.secret.key",
    "group.streams.topology.description.plugin.class",
    "kafka.metrics.reporters",
    "principal.builder.class",
    "remote.log.storage.system.enable",
    "replica.selector.class",
    "security.inter.broker.protocol",
    "security.providers",
    "transaction.two.phase.commit.enable",
    "unstable.api.versions.enable",
    "unstable.feature.versions.enable",
];

/// The assignors of consumer groups, and the classes in Kafka that they are.
const CONSUMER_ASSIGNORS: &[&str] = &[
    "uniform",
    "range",
    "org.apache.kafka.coordinator.group.assignor.UniformAssignor",
    "org.apache.kafka.coordinator.group.assignor.RangeAssignor",
];

/// Reporters run in the Java virtual machine; its default one stands for none of ours.
const METRIC_REPORTERS: &str = "metric.reporters";

pub(super) fn check(c: &BrokerConfigs) -> Result<(), BadProperty> {
    let roles = c.list("process.roles");
    if !["broker", "controller"].iter().all(|role| roles.iter().any(|r| r == role)) {
        let reason = "this version of millstream plays both roles, broker and controller, in one process";
        return Err(bad(c, "process.roles", reason));
    }
    if let Some((name, _)) = c.file().iter().find(|(name, _)| listener_property(name).is_some()) {
        return Err(bad(c, name, "this version of millstream has no properties of single listeners"));
    }
    for name in ONLY_DEFAULT {
        if !is_default(c, name) {
            return Err(bad(c, name, "this version of millstream does not support it"));
        }
    }
    if !is_default(c, METRIC_REPORTERS) && !c.list(METRIC_REPORTERS).is_empty() {
        return Err(bad(c, METRIC_REPORTERS, "this version of millstream does not support it"));
    }
    let assignors = c.list("group.consumer.assignors");
    if !assignors.iter().all(|name| CONSUMER_ASSIGNORS.contains(&name.as_str())) {
        return Err(bad(c, "group.consumer.assignors", "this version of millstream has uniform and range"));
    }
    if c.list("controller.quorum.bootstrap.servers").len() > 1 {
        let reason = "this version of millstream has quorums of one node only";
        return Err(bad(c, "controller.quorum.bootstrap.servers", reason));
    }
    if !(0..=4).contains(&c.int("offsets.topic.compression.codec")) {
        return Err(bad(c, "offsets.topic.compression.codec", "not the number of a codec, 0 to 4"));
    }
    Ok(())
}

/// Whether the value in force says the same as the default, set or not. An empty text is no class.
fn is_default(c: &BrokerConfigs, name: &str) -> bool {
    let default = match BROKER.get(name).map(|row| row.preset) {
        Some(Preset::Text(text)) => text,
        _ => "",
    };
    c.get(name).map(Value::text).unwrap_or_default() == default
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configs::ServerConfig;

    #[track_caller]
    fn check(name: &str, value: &str, expect: Option<&str>) {
        let got = ServerConfig::from_properties([("node.id", "1"), (name, value)].into_iter().collect());
        let got = got.err().map(|e| e.to_string());
        assert_eq!(got, expect.map(|reason| format!("{name}={value}: {reason}")));
    }

    #[test]
    fn every_name_is_a_property() {
        for name in ONLY_DEFAULT {
            assert!(BROKER.get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_is_not_supported_is_said() {
        let no = Some("this version of millstream does not support it");
        check("authorizer.class.name", "org.Foo", no);
        check("authorizer.class.name", "", None);
        check("remote.log.storage.system.enable", "true", no);
        check("remote.log.storage.system.enable", "false", None);
        check("metric.reporters", "org.Foo", no);
        check("metric.reporters", "org.apache.kafka.common.metrics.JmxReporter", None);
        check("metric.reporters", "", None);
        check("config.providers", "file", no);
        let assignors = Some("this version of millstream has uniform and range");
        check("group.consumer.assignors", "range,org.Foo", assignors);
        check("group.consumer.assignors", "range", None);
        check(
            "listener.name.a.max.connections",
            "5",
            Some("this version of millstream has no properties of single listeners"),
        );
        let secret = [("delegation.token.secret.key", "hunter2")].into_iter().collect();
        let error = ServerConfig::from_properties(secret).expect_err("refused").to_string();
        assert_eq!(
            error,
            "delegation.token.secret.key=[hidden]: this version of millstream does not support it"
        );
        check("offsets.topic.compression.codec", "9", Some("not the number of a codec, 0 to 4"));
        check(
            "process.roles",
            "broker",
            Some("this version of millstream plays both roles, broker and controller, in one process"),
        );
        check("process.roles", "x", Some("String must be one of: broker, controller"));
        check(
            "controller.quorum.bootstrap.servers",
            "a:1,b:1",
            Some("this version of millstream has quorums of one node only"),
        );
    }
}
