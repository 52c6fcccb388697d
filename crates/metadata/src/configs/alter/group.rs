//! Changes of a group's properties (KIP-848, KIP-932, KIP-1071).

use super::super::broker_configs::{BrokerConfigs, Values};
use super::super::change::{Change, list_row};
use super::super::error::{Error, Reason};
use super::super::tables::GROUP;
use super::{Altered, parse_all};
use stdx::properties::{Properties, Value, split_list};

/// Group properties that a node bounds from both sides, by `group.<kind>.min.<rest>` and `group.<kind>.max.<rest>`.
const BOUNDED: &[&str] = &[
    "consumer.heartbeat.interval.ms",
    "consumer.session.timeout.ms",
    "consumer.assignment.interval.ms",
    "share.heartbeat.interval.ms",
    "share.session.timeout.ms",
    "share.record.lock.duration.ms",
    "share.delivery.count.limit",
    "share.partition.max.record.locks",
    "share.assignment.interval.ms",
    "streams.heartbeat.interval.ms",
    "streams.session.timeout.ms",
    "streams.assignment.interval.ms",
];

/// Changes what a group sets. Elements cannot be added to or taken from its lists, as in Kafka.
pub fn alter_group(broker: &BrokerConfigs, current: &Properties, change: &Change) -> Result<Altered, Error> {
    let all = change.apply(current, |operation, name| list_row(None, operation, name))?;
    if let Some((name, _)) = all.iter().find(|(name, _)| GROUP.get(name).is_none()) {
        return Err(Reason::UnknownName { resource: "group", name: name.to_owned() }.into());
    }
    let tags = split_list(all.get("streams.rack.aware.assignment.tags").unwrap_or_default());
    if tags.iter().enumerate().any(|(i, tag)| tags[..i].contains(tag)) {
        return Err(Reason::DuplicateTags.into());
    }
    check_values(broker, &parse_all(&GROUP, &all)?)?;
    Ok(Altered::new(current, all))
}

fn check_values(broker: &BrokerConfigs, values: &Values) -> Result<(), Error> {
    let value = |name: &str| values.get(name).and_then(Option::as_ref);
    let int = |name: &str| value(name).and_then(Value::as_i64);
    for &name in BOUNDED {
        let (Some(set), Some((kind, rest))) = (int(name), name.split_once('.')) else { continue };
        let min = broker.int(&format!("group.{kind}.min.{rest}"));
        let max = broker.int(&format!("group.{kind}.max.{rest}"));
        if set < min || set > max {
            return Err(Reason::GroupRange { name, min, max }.into());
        }
    }
    for (name, bound) in [
        ("streams.num.standby.replicas", "group.streams.max.standby.replicas"),
        ("streams.num.warmup.replicas", "group.streams.max.warmup.replicas"),
    ] {
        let max = broker.int(bound);
        if int(name).is_some_and(|set| set > max) {
            return Err(Reason::GroupMaximum { name, max }.into());
        }
    }
    let (name, min) =
        ("streams.task.offset.interval.ms", broker.int("group.streams.min.task.offset.interval.ms"));
    if int(name).is_some_and(|set| set < min) {
        return Err(Reason::GroupMinimum { name, min }.into());
    }
    let registered = broker.list("group.streams.assignors");
    if let Some(name) = value("streams.assignor.name").and_then(Value::as_str)
        && !registered.iter().any(|r| r == name)
    {
        return Err(Reason::UnknownAssignor { name: name.to_owned(), registered: registered.to_vec() }.into());
    }
    for kind in ["consumer", "share", "streams"] {
        let in_force = |what: &str| {
            let name = format!("{kind}.{what}");
            (int(&name), int(&name).unwrap_or_else(|| broker.int(&format!("group.{name}"))))
        };
        let (session, heartbeat) = (in_force("session.timeout.ms"), in_force("heartbeat.interval.ms"));
        if (session.0.is_some() || heartbeat.0.is_some()) && session.1 <= heartbeat.1 {
            return Err(Reason::SessionWithinHeartbeat { kind }.into());
        }
    }
    if value("errors.deadletterqueue.topic.name").and_then(Value::as_str).is_some_and(|t| t.starts_with("__"))
    {
        return Err(Reason::InternalDeadLetterTopic.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(set: &[(&str, &str)], expect: Result<(), &str>) {
        let file = [("group.consumer.max.heartbeat.interval.ms", "50000")];
        let broker = BrokerConfigs::new(file.into_iter().collect()).expect("valid");
        let change = Change::incremental(set.iter().map(|&(n, v)| (n, 0, Some(v)))).expect("well formed");
        let got =
            alter_group(&broker, &Properties::default(), &change).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(got, expect.map_err(str::to_owned), "{set:?}");
    }

    #[test]
    fn agrees_with_kafka() {
        let (session, heartbeat) = ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms");
        check(&[(session, "50000"), (heartbeat, "6000")], Ok(()));
        check(
            &[(session, "1")],
            Err("consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive."),
        );
        check(
            &[(session, "0")],
            Err("Invalid value 0 for configuration consumer.session.timeout.ms: Value must be at least 1"),
        );
        check(
            &[(heartbeat, "45000")],
            Err("consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms"),
        );
        check(&[("nope", "1")], Err("Unknown group config name: nope"));
        check(&[("streams.num.standby.replicas", "1")], Ok(()));
        check(
            &[("streams.num.standby.replicas", "9")],
            Err("streams.num.standby.replicas must be less than or equal to 2"),
        );
        check(
            &[("streams.task.offset.interval.ms", "9")],
            Err("streams.task.offset.interval.ms must be greater than or equal to 15000"),
        );
        check(&[("streams.assignor.name", "sticky")], Ok(()));
        check(
            &[("streams.assignor.name", "x")],
            Err(
                "streams.assignor.name 'x' is not a registered task assignor. Registered assignors are: [sticky].",
            ),
        );
        check(
            &[("streams.rack.aware.assignment.tags", "a, b,a")],
            Err("streams.rack.aware.assignment.tags must not contain duplicate tag keys."),
        );
        check(
            &[("errors.deadletterqueue.topic.name", "__x")],
            Err("errors.deadletterqueue.topic.name: DLQ topic name must not start with '__'"),
        );
        check(
            &[("share.delivery.count.limit", "11")],
            Err("share.delivery.count.limit must be in the range 2 to 10 inclusive."),
        );
    }
}
