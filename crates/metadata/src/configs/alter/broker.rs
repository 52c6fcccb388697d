//! Changes of a broker's properties while it runs, for one broker or for all.

use super::super::broker_configs::{BrokerConfigs, broker_property};
use super::super::change::{Change, Operation};
use super::super::error::{Error, Reason};
use super::super::requirements;
use super::super::synonyms::listener_property;
use super::Altered;
use stdx::properties::{Error as PropertyError, Properties, Property, Type, Update};

/// Whom a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This broker.
    Broker,
    /// All brokers.
    Cluster,
}

/// Properties of key and trust stores, which change for one listener at a time.
const STORES: &[&str] = &[
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// What Kafka can change at run time and millstream cannot yet, besides everything per listener and per broker.
const NOT_YET_DYNAMIC: &[&str] = &["metric.reporters"];

/// Thread pools, which change by no more than half or double at a time.
const THREADS: &[&str] = &[
    "num.io.threads",
    "num.network.threads",
    "num.replica.fetchers",
    "num.recovery.threads.per.data.dir",
    "background.threads",
    "log.cleaner.threads",
];

/// Changes a dynamic layer of `broker`: what is set for it, or for all brokers.
pub fn alter_broker(broker: &BrokerConfigs, scope: Scope, change: &Change) -> Result<Altered, Error> {
    let current = match scope {
        Scope::Broker => broker.broker(),
        Scope::Cluster => broker.cluster(),
    };
    let all = change.apply(current, list_row)?;
    check_names(&all, scope)?;
    check_texts(&all)?;
    let after = match scope {
        Scope::Broker => broker.with_dynamic(broker.cluster(), &all),
        Scope::Cluster => broker.with_dynamic(&all, broker.broker()),
    };
    requirements::check_node(&after)
        .map_err(|broken| Error::InvalidRequest(Reason::Requirement(broken.text)))?;
    check_assignment_intervals(&all, broker)?;
    check_threads(broker, &after)?;
    Ok(Altered::new(current, all))
}

fn list_row(operation: Operation, name: &str) -> Result<&'static Property, Error> {
    let row = broker_property(name).ok_or_else(|| Reason::BrokerUnknownList(name.to_owned()))?;
    if row.type_ != Type::List {
        let operation = if operation == Operation::Append { "append" } else { "subtract" };
        return Err(Reason::BrokerNotAList { operation, name: name.to_owned() }.into());
    }
    Ok(row)
}

/// A name that nobody defined is allowed: it may be a plug-in's, or a newer version's.
fn check_names(all: &Properties, scope: Scope) -> Result<(), Error> {
    let refuse = |which: &dyn Fn(&str) -> bool, reason: fn(Vec<String>) -> Reason| {
        let names: Vec<String> = all.iter().map(|(n, _)| n).filter(|n| which(n)).map(str::to_owned).collect();
        if names.is_empty() { Ok(()) } else { Err(Error::InvalidRequest(reason(names))) }
    };
    let update = |name: &str| broker_property(name).map(|row| row.update);
    refuse(&|name| update(name) == Some(Update::ReadOnly), Reason::ReadOnly)?;
    refuse(&|name| STORES.contains(&name), Reason::NeedsListener)?;
    let of_one_broker = |name: &str| match listener_property(name) {
        Some("max.connections" | "max.connection.creation.rate" | "num.network.threads") => false,
        Some(_) => true,
        None => update(name) == Some(Update::PerProcess),
    };
    if scope == Scope::Cluster {
        refuse(&of_one_broker, Reason::NeedsBroker)?;
    }
    let not_yet = |name: &str| {
        of_one_broker(name) || listener_property(name).is_some() || NOT_YET_DYNAMIC.contains(&name)
    };
    refuse(&not_yet, Reason::NotYetDynamic)
}

fn check_texts(all: &Properties) -> Result<(), Error> {
    for (name, text) in all.iter() {
        if let Some(row) = broker_property(name) {
            row.parse(text).map_err(invalid)?;
        }
    }
    Ok(())
}

fn invalid(error: PropertyError) -> Error {
    Error::InvalidRequest(Reason::Property(error))
}

/// In force these would be clamped; whoever sets them here and now is told instead.
fn check_assignment_intervals(all: &Properties, broker: &BrokerConfigs) -> Result<(), Error> {
    for kind in ["consumer", "share", "streams"] {
        let name = format!("group.{kind}.assignment.interval.ms");
        let Some(value) = all.get(&name).and_then(|text| text.trim().parse::<i64>().ok()) else { continue };
        let min = format!("group.{kind}.min.assignment.interval.ms");
        let max = format!("group.{kind}.max.assignment.interval.ms");
        let text = if value < broker.int(&min) {
            format!("{name} must be greater than or equal to {min}")
        } else if value > broker.int(&max) {
            format!("{name} must be less than or equal to {max}")
        } else {
            continue;
        };
        return Err(Error::InvalidRequest(Reason::GroupBounds(text)));
    }
    Ok(())
}

fn check_threads(before: &BrokerConfigs, after: &BrokerConfigs) -> Result<(), Error> {
    for &name in THREADS {
        let (current, value) = (before.int(name), after.int(name));
        let bound = match value {
            _ if value < current / 2 || value < 1 => "be at least half",
            _ if value > current * 2 => "not be greater than double",
            _ => continue,
        };
        if value != current {
            return Err(Error::InvalidRequest(Reason::ThreadCount { name, value, bound, current }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scope: Scope, change: &[(&str, i8, &str)], expect: Result<(), &str>) {
        let file = [("num.io.threads", "8"), ("log.cleaner.threads", "2")];
        let broker = BrokerConfigs::new(file.into_iter().collect()).expect("valid");
        let change =
            Change::incremental(change.iter().map(|&(n, op, v)| (n, op, Some(v)))).expect("well formed");
        let got = alter_broker(&broker, scope, &change).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(got, expect.map_err(str::to_owned), "{change:?}");
    }

    /// Refusals and admissions of Apache Kafka for the same changes.
    #[test]
    fn agrees_with_kafka() {
        use Scope::{Broker, Cluster};
        check(
            Broker,
            &[("num.partitions", 0, "3"), ("node.id", 0, "3")],
            Err("Cannot update these configs dynamically: [node.id, num.partitions]"),
        );
        check(
            Broker,
            &[("ssl.keystore.location", 0, "x")],
            Err(
                "These security configs can be dynamically updated only per-listener using the listener prefix: \
                 [ssl.keystore.location]",
            ),
        );
        check(
            Broker,
            &[("log.retention.ms", 0, "abc")],
            Err("Invalid value abc for configuration log.retention.ms: Not a number of type LONG"),
        );
        check(
            Broker,
            &[("num.io.threads", 0, "0")],
            Err("Invalid value 0 for configuration num.io.threads: Value must be at least 1"),
        );
        check(Broker, &[("num.io.threads", 0, "9")], Ok(()));
        check(
            Broker,
            &[("num.io.threads", 2, "9")],
            Err("Config value append is not allowed for config key: num.io.threads"),
        );
        check(Broker, &[("foo", 2, "9")], Err("Unknown config name: foo"));
        check(Broker, &[("foo", 0, "9")], Ok(()));
        check(Broker, &[("log.retention.ms", 0, "7000")], Ok(()));
        check(Cluster, &[("message.max.bytes", 0, "2000000")], Ok(()));
        check(
            Cluster,
            &[("listeners", 0, "PLAINTEXT://:1")],
            Err(
                "Cannot update these configs at default cluster level, broker id must be specified: [listeners]",
            ),
        );
        check(
            Cluster,
            &[("log.roll.ms", 0, "0")],
            Err("requirement failed: log.roll.ms must be greater than or equal to 1"),
        );
        check(Broker, &[("leader.replication.throttled.rate", 0, "1000")], Ok(()));
        check(
            Broker,
            &[("log.cleanup.policy", 0, "foo")],
            Err(
                "Invalid value foo for configuration log.cleanup.policy: String must be one of: compact, delete",
            ),
        );
        check(
            Cluster,
            &[("group.consumer.assignment.interval.ms", 0, "99999")],
            Err("group.consumer.assignment.interval.ms must be less than or equal to \
                 group.consumer.max.assignment.interval.ms"),
        );
        check(
            Cluster,
            &[("max.connections.per.ip", 0, "0")],
            Err("requirement failed: max.connections.per.ip can be set to zero only if \
                 max.connections.per.ip.overrides property is set."),
        );
        let lags =
            [("log.cleaner.min.compaction.lag.ms", 0, "100"), ("log.cleaner.max.compaction.lag.ms", 0, "5")];
        check(Broker, &lags, Ok(()));
    }

    /// Kafka wraps these texts in the name of a Java exception; we do not.
    #[test]
    fn thread_pools_change_by_half_or_double() {
        check(
            Scope::Broker,
            &[("num.io.threads", 0, "100")],
            Err(
                "Dynamic thread count update validation failed for num.io.threads=100, value should not be greater \
                 than double the current value 8",
            ),
        );
        check(
            Scope::Cluster,
            &[("num.io.threads", 0, "1")],
            Err(
                "Dynamic thread count update validation failed for num.io.threads=1, value should be at least half \
                 the current value 8",
            ),
        );
    }

    #[test]
    fn what_millstream_cannot_change_yet_is_said() {
        check(
            Scope::Broker,
            &[("listeners", 0, "PLAINTEXT://:1"), ("listener.name.a.max.connections", 0, "1")],
            Err("This version of millstream cannot update these configs dynamically: \
                 [listener.name.a.max.connections, listeners]"),
        );
    }
}
