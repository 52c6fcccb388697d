//! Changes of a topic's properties. The properties of a new topic are a change of none.

use super::super::broker_configs::{BrokerConfigs, Values};
use super::super::change::{Change, list_row};
use super::super::error::{Error, Reason};
use super::super::tables::TOPIC;
use super::{Altered, parse_all};
use stdx::properties::{Error as PropertyError, Preset, Properties, Value};

/// Changes what a topic sets. `current` is what it sets now; nothing for a topic that is being created.
pub fn alter_topic(broker: &BrokerConfigs, current: &Properties, change: &Change) -> Result<Altered, Error> {
    let all = change.apply(current, |operation, name| list_row(TOPIC.get(name), operation, name))?;
    if let Some((name, _)) = all.iter().find(|(name, _)| TOPIC.get(name).is_none()) {
        return Err(Reason::UnknownName { resource: "topic", name: name.to_owned() }.into());
    }
    let mut values = broker.topic_defaults().clone();
    values.append(&mut parse_all(&TOPIC, &all)?);
    check_values(&InForce(&values), current, broker.flag("remote.log.storage.system.enable"))?;
    Ok(Altered::new(current, all))
}

/// The values of a topic: set, or the broker's, or the table's default.
struct InForce<'a>(&'a Values);

impl InForce<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.0.get(name) {
            return value.clone();
        }
        let row = TOPIC.get(name)?;
        match row.preset {
            Preset::Text(text) => row.parse(text).ok(),
            Preset::Null | Preset::Required => None,
        }
    }

    fn int(&self, name: &str) -> i64 {
        self.get(name).and_then(|v| v.as_i64()).unwrap_or_default()
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(|v| v.as_bool()).unwrap_or_default()
    }
}

fn check_values(topic: &InForce<'_>, current: &Properties, tiered_storage: bool) -> Result<(), Error> {
    let (min, max) = (topic.int("min.compaction.lag.ms"), topic.int("max.compaction.lag.ms"));
    if min > max {
        return Err(Reason::CompactionLags { min, max }.into());
    }
    if topic.flag("remote.storage.enable") {
        return check_remote(topic, tiered_storage);
    }
    let was_remote =
        current.get("remote.storage.enable").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if was_remote && !topic.flag("remote.log.delete.on.disable") {
        return Err(Reason::RemoteStorageLeftBehind.into());
    }
    Ok(())
}

fn check_remote(topic: &InForce<'_>, tiered_storage: bool) -> Result<(), Error> {
    if !tiered_storage {
        return Err(Reason::TieredStorageDisabled.into());
    }
    match topic.get("cleanup.policy").as_ref().and_then(Value::as_list).unwrap_or_default() {
        [] => {}
        [policy] if policy == "delete" => {}
        _ => return Err(Reason::RemoteStorageCleanupPolicy.into()),
    }
    for (retention, local) in
        [("retention.bytes", "local.retention.bytes"), ("retention.ms", "local.retention.ms")]
    {
        check_local_retention(topic, retention, local)?;
    }
    for (lag, local, retention) in [
        ("remote.copy.lag.bytes", "local.retention.bytes", "retention.bytes"),
        ("remote.copy.lag.ms", "local.retention.ms", "retention.ms"),
    ] {
        let local_value = if topic.int(local) == -2 { topic.int(retention) } else { topic.int(local) };
        let value = topic.int(lag);
        if value > 0 && local_value >= 0 && value > local_value {
            return Err(refused(
                lag,
                value,
                format!("Value must not exceed {local} (effective value: {local_value})"),
            ));
        }
    }
    if topic.flag("remote.log.copy.disable") {
        for (retention, local) in
            [("retention.bytes", "local.retention.bytes"), ("retention.ms", "local.retention.ms")]
        {
            if topic.int(local) != -2 && topic.int(local) != topic.int(retention) {
                return Err(Reason::RemoteCopyDisabled(retention).into());
            }
        }
    }
    Ok(())
}

/// What stays on local disk (-2: all that is kept) is part of what is kept (-1: everything).
fn check_local_retention(
    topic: &InForce<'_>,
    retention: &'static str,
    local: &'static str,
) -> Result<(), Error> {
    let (all, here) = (topic.int(retention), topic.int(local));
    if all <= -1 || here == -2 {
        return Ok(());
    }
    match here {
        -1 => {
            Err(refused(local, here, format!("Value must not be -1 as {retention} value is set as {all}.")))
        }
        _ if here > all => Err(refused(
            local,
            here,
            format!("Value must not be more than {retention} property value: {all}"),
        )),
        _ => Ok(()),
    }
}

fn refused(name: &str, value: i64, reason: String) -> Error {
    PropertyError::InvalidValue { name: name.to_owned(), value: value.to_string(), reason }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        file: &[(&str, &str)],
        current: &[(&str, &str)],
        set: &[(&str, &str)],
        expect: Result<(), &str>,
    ) {
        let broker = BrokerConfigs::new(file.iter().copied().collect()).expect("valid");
        let current = current.iter().copied().collect();
        let change = Change::incremental(set.iter().map(|&(n, v)| (n, 0, Some(v)))).expect("well formed");
        let got = alter_topic(&broker, &current, &change).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(got, expect.map_err(str::to_owned), "{set:?}");
    }

    /// Refusals and admissions of Apache Kafka for the same changes.
    #[test]
    fn agrees_with_kafka() {
        check(&[], &[], &[("nope", "1")], Err("Unknown topic config name: nope"));
        check(
            &[],
            &[],
            &[("retention.ms", "abc")],
            Err("Invalid value abc for configuration retention.ms: Not a number of type LONG"),
        );
        check(
            &[],
            &[],
            &[("retention.ms", "-2")],
            Err("Invalid value -2 for configuration retention.ms: Value must be at least -1"),
        );
        check(
            &[],
            &[],
            &[("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")],
            Err("conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"),
        );
        check(
            &[("log.cleaner.max.compaction.lag.ms", "5")],
            &[],
            &[("min.compaction.lag.ms", "10")],
            Err("conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"),
        );
        check(
            &[],
            &[],
            &[("segment.bytes", "10")],
            Err("Invalid value 10 for configuration segment.bytes: Value must be at least 1048576"),
        );
        check(&[], &[], &[("cleanup.policy", "")], Ok(()));
        check(&[], &[], &[("cleanup.policy", "delete,delete")], Ok(()));
        check(
            &[],
            &[],
            &[("cleanup.policy", "delete,,compact")],
            Err("Configuration 'cleanup.policy' values must not be empty."),
        );
        check(&[], &[], &[("segment.bytes", " 2000000 ")], Ok(()));
        check(
            &[],
            &[],
            &[("compression.type", "GZIP")],
            Err(
                "Invalid value GZIP for configuration compression.type: String must be one of: uncompressed, zstd, \
                 lz4, snappy, gzip, producer",
            ),
        );
        check(
            &[],
            &[],
            &[("unclean.leader.election.enable", "maybe")],
            Err(
                "Invalid value maybe for configuration unclean.leader.election.enable: Expected value to be either \
                 true or false",
            ),
        );
    }

    #[test]
    fn remote_storage() {
        let tiered: &[(&str, &str)] = &[("remote.log.storage.system.enable", "true")];
        let on = ("remote.storage.enable", "true");
        check(
            &[],
            &[],
            &[on],
            Err(
                "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log \
                 storage.",
            ),
        );
        check(tiered, &[], &[on], Ok(()));
        check(
            tiered,
            &[],
            &[on, ("cleanup.policy", "compact")],
            Err(
                "Remote log storage only supports topics with cleanup.policy=delete or cleanup.policy being an empty \
                 list.",
            ),
        );
        check(
            tiered,
            &[],
            &[on, ("retention.ms", "5"), ("local.retention.ms", "-1")],
            Err(
                "Invalid value -1 for configuration local.retention.ms: Value must not be -1 as retention.ms value \
                 is set as 5.",
            ),
        );
        check(
            tiered,
            &[],
            &[on, ("retention.bytes", "5"), ("local.retention.bytes", "6")],
            Err(
                "Invalid value 6 for configuration local.retention.bytes: Value must not be more than retention.bytes \
                 property value: 5",
            ),
        );
        check(
            tiered,
            &[],
            &[on, ("retention.ms", "5"), ("remote.copy.lag.ms", "6")],
            Err(
                "Invalid value 6 for configuration remote.copy.lag.ms: Value must not exceed local.retention.ms \
                 (effective value: 5)",
            ),
        );
        check(
            tiered,
            &[],
            &[on, ("remote.log.copy.disable", "true"), ("retention.ms", "5"), ("local.retention.ms", "4")],
            Err(
                "When `remote.log.copy.disable` is set to true, the `local.retention.ms` and `retention.ms` must be \
                 set to the identical value because there will be no more logs copied to the remote storage.",
            ),
        );
        let off = ("remote.storage.enable", "false");
        check(tiered, &[on], &[off, ("remote.log.delete.on.disable", "true")], Ok(()));
        check(
            tiered,
            &[on],
            &[off],
            Err(
                "It is invalid to disable remote storage without deleting remote data. If you want to keep the \
                 remote data and turn to read only, please set `remote.storage.enable=true,\
                 remote.log.copy.disable=true`. If you want to disable remote storage and delete all remote data, \
                 please set `remote.storage.enable=false,remote.log.delete.on.disable=true`.",
            ),
        );
    }

    #[test]
    fn says_what_changes() {
        let broker = BrokerConfigs::new(Properties::default()).expect("valid");
        let current = [("retention.ms", "1"), ("retention.bytes", "2")].into_iter().collect();
        let change =
            Change::replace([("retention.ms", Some("1")), ("segment.ms", Some("3"))]).expect("well formed");
        let altered = alter_topic(&broker, &current, &change).expect("allowed");
        let expect = [("retention.bytes", None), ("segment.ms", Some("3"))];
        assert_eq!(altered.changes, expect.map(|(n, v)| (n.to_owned(), v.map(str::to_owned))));
    }
}
