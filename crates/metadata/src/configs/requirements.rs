//! What the properties of a node must satisfy together, at start and after every change.

use super::broker_configs::BrokerConfigs;

/// A broken requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// The property to look at first.
    pub name: String,
    /// What is required, in Kafka's words.
    pub text: String,
}

fn broken(name: &str, text: impl Into<String>) -> Broken {
    Broken { name: name.to_owned(), text: text.into() }
}

/// Checks what is required of logs, connections and replication.
pub(super) fn check_node(c: &BrokerConfigs) -> Result<(), Broken> {
    let defaults = c.topic_defaults();
    let topic = |name: &str| defaults.get(name).and_then(|v| v.as_ref()?.as_i64()).unwrap_or_default();
    let require = |holds: bool, name: &str, text: &str| if holds { Ok(()) } else { Err(broken(name, text)) };

    require(topic("segment.ms") >= 1, "log.roll.ms", "log.roll.ms must be greater than or equal to 1")?;
    require(
        topic("segment.jitter.ms") >= 0,
        "log.roll.jitter.ms",
        "log.roll.jitter.ms must be greater than or equal to 0",
    )?;
    require(
        topic("retention.ms") != 0,
        "log.retention.ms",
        "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
    )?;
    require(
        c.int("log.cleaner.dedupe.buffer.size") / c.int("log.cleaner.threads").max(1) > 1024 * 1024,
        "log.cleaner.dedupe.buffer.size",
        "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
    )?;
    require(
        c.int("replica.fetch.wait.max.ms") <= c.int("replica.socket.timeout.ms"),
        "replica.socket.timeout.ms",
        "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket \
         timeouts",
    )?;
    require(
        c.int("replica.fetch.wait.max.ms") <= c.int("replica.lag.time.max.ms"),
        "replica.fetch.wait.max.ms",
        "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent \
         changes in ISR",
    )?;
    let queued = c.int("queued.max.request.bytes");
    require(
        queued <= 0 || queued >= c.int("socket.request.max.bytes"),
        "queued.max.request.bytes",
        "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
    )?;
    check_connections(c)
}

fn check_connections(c: &BrokerConfigs) -> Result<(), Broken> {
    let overrides = parse_per_ip_overrides(c.text("max.connections.per.ip.overrides").unwrap_or_default())
        .map_err(|text| broken("max.connections.per.ip.overrides", text))?;
    if c.int("max.connections.per.ip") == 0 && overrides.is_empty() {
        let text = "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.";
        return Err(broken("max.connections.per.ip", text));
    }
    let (idle, delay) =
        (c.int("connections.max.idle.ms"), c.int("connection.failed.authentication.delay.ms"));
    if idle >= 0 && delay >= idle {
        let text = format!(
            "connection.failed.authentication.delay.ms={delay} should always be less than \
             connections.max.idle.ms={idle} to prevent failed authentication responses from timing out"
        );
        return Err(broken("connections.max.idle.ms", text));
    }
    Ok(())
}

/// Parses `host:count` pairs. The host may hold colons, the count stands behind the last.
pub(super) fn parse_per_ip_overrides(text: &str) -> Result<Vec<(String, u32)>, String> {
    let pair = |entry: String| {
        let malformed = || format!("{entry:?} is not of the form host:count");
        let (host, count) = entry.rsplit_once(':').ok_or_else(malformed)?;
        let count = count.trim().parse().map_err(|_| malformed())?;
        if host.trim().is_empty() { Err(malformed()) } else { Ok((host.trim().to_owned(), count)) }
    };
    stdx::properties::split_list(text).into_iter().map(pair).collect()
}

/// Checks what is required of the bounds of groups.
pub(super) fn check_groups(c: &BrokerConfigs) -> Result<(), Broken> {
    for kind in ["consumer", "share", "streams"] {
        for what in ["heartbeat.interval.ms", "session.timeout.ms", "assignment.interval.ms"] {
            let value = format!("group.{kind}.{what}");
            let min = format!("group.{kind}.min.{what}");
            let max = format!("group.{kind}.max.{what}");
            at_least(c, &max, &min)?;
            at_least(c, &value, &min)?;
            at_most(c, &value, &max)?;
        }
        let heartbeat = format!("group.{kind}.heartbeat.interval.ms");
        let session = format!("group.{kind}.session.timeout.ms");
        if c.int(&heartbeat) >= c.int(&session) {
            return Err(broken(&heartbeat, format!("{heartbeat} must be less than {session}")));
        }
    }
    for what in ["record.lock.duration.ms", "delivery.count.limit", "partition.max.record.locks"] {
        let value = format!("group.share.{what}");
        let min = format!("group.share.min.{what}");
        let max = format!("group.share.max.{what}");
        at_least(c, &max, &min)?;
        at_least(c, &value, &min)?;
        at_most(c, &value, &max)?;
    }
    at_most(c, "group.streams.num.standby.replicas", "group.streams.max.standby.replicas")?;
    at_most(c, "group.streams.num.warmup.replicas", "group.streams.max.warmup.replicas")?;
    at_least(c, "group.streams.task.offset.interval.ms", "group.streams.min.task.offset.interval.ms")?;
    match c.list("group.share.assignors").len() {
        1 => Ok(()),
        found => {
            let name = "group.share.assignors";
            Err(broken(name, format!("{name} must contain exactly one assignor, but found {found}")))
        }
    }
}

fn at_least(c: &BrokerConfigs, name: &str, other: &str) -> Result<(), Broken> {
    if c.int(name) >= c.int(other) {
        return Ok(());
    }
    Err(broken(name, format!("{name} must be greater than or equal to {other}")))
}

fn at_most(c: &BrokerConfigs, name: &str, other: &str) -> Result<(), Broken> {
    if c.int(name) <= c.int(other) {
        return Ok(());
    }
    Err(broken(name, format!("{name} must be less than or equal to {other}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &[(&str, &str)], expect: Option<&str>) {
        let configs = BrokerConfigs::new(file.iter().copied().collect()).expect("parses");
        let got = check_node(&configs).and_then(|()| check_groups(&configs)).err().map(|b| b.text);
        assert_eq!(got.as_deref(), expect, "{file:?}");
    }

    #[test]
    fn requirements() {
        check(&[], None);
        check(&[("log.roll.ms", "0")], Some("log.roll.ms must be greater than or equal to 1"));
        check(
            &[("log.retention.ms", "0")],
            Some("log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
        );
        check(&[("log.retention.ms", "-5")], None);
        check(
            &[("queued.max.request.bytes", "5")],
            Some("queued.max.request.bytes must be larger or equal to socket.request.max.bytes"),
        );
        check(
            &[("log.cleaner.threads", "128")],
            Some("log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread."),
        );
        check(
            &[("max.connections.per.ip", "0")],
            Some(
                "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.",
            ),
        );
        check(&[("max.connections.per.ip", "0"), ("max.connections.per.ip.overrides", "h:1, ::1:2")], None);
        check(&[("max.connections.per.ip.overrides", "h")], Some("\"h\" is not of the form host:count"));
        check(&[("connections.max.idle.ms", "-1")], None);
        check(
            &[("group.consumer.session.timeout.ms", "61000")],
            Some(
                "group.consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms",
            ),
        );
        check(
            &[("group.share.assignors", "a,b")],
            Some("group.share.assignors must contain exactly one assignor, but found 2"),
        );
    }
}
