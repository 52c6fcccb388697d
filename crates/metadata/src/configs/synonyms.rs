//! Which broker properties stand behind a property that is not set: the same chains as in Kafka.

/// A broker property behind a topic property, and how many of the topic property's units one of its is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synonym {
    /// The broker property.
    pub name: &'static str,
    /// What its value is multiplied with: minutes and hours become milliseconds.
    pub factor: i64,
}

const fn same(name: &'static str) -> Synonym {
    Synonym { name, factor: 1 }
}

const fn minutes(name: &'static str) -> Synonym {
    Synonym { name, factor: 60_000 }
}

const fn hours(name: &'static str) -> Synonym {
    Synonym { name, factor: 3_600_000 }
}

/// Topic properties and the broker properties behind them, the first that is set counts.
#[rustfmt::skip]
static TOPIC_SYNONYMS: &[(&str, &[Synonym])] = &[
    ("cleanup.policy", &[same("log.cleanup.policy")]),
    ("compression.gzip.level", &[same("compression.gzip.level")]),
    ("compression.lz4.level", &[same("compression.lz4.level")]),
    ("compression.type", &[same("compression.type")]),
    ("compression.zstd.level", &[same("compression.zstd.level")]),
    ("delete.retention.ms", &[same("log.cleaner.delete.retention.ms")]),
    ("file.delete.delay.ms", &[same("log.segment.delete.delay.ms")]),
    ("flush.messages", &[same("log.flush.interval.messages")]),
    ("flush.ms", &[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")]),
    ("index.interval.bytes", &[same("log.index.interval.bytes")]),
    ("local.retention.bytes", &[same("log.local.retention.bytes")]),
    ("local.retention.ms", &[same("log.local.retention.ms")]),
    ("max.compaction.lag.ms", &[same("log.cleaner.max.compaction.lag.ms")]),
    ("max.decompressed.message.bytes", &[same("max.decompressed.message.bytes")]),
    ("max.message.bytes", &[same("message.max.bytes")]),
    ("message.timestamp.after.max.ms", &[same("log.message.timestamp.after.max.ms")]),
    ("message.timestamp.before.max.ms", &[same("log.message.timestamp.before.max.ms")]),
    ("message.timestamp.type", &[same("log.message.timestamp.type")]),
    ("millstream.acks.all.fsync", &[same("millstream.acks.all.fsync")]),
    ("min.cleanable.dirty.ratio", &[same("log.cleaner.min.cleanable.ratio")]),
    ("min.compaction.lag.ms", &[same("log.cleaner.min.compaction.lag.ms")]),
    ("min.insync.replicas", &[same("min.insync.replicas")]),
    ("preallocate", &[same("log.preallocate")]),
    ("remote.copy.lag.bytes", &[same("log.remote.copy.lag.bytes")]),
    ("remote.copy.lag.ms", &[same("log.remote.copy.lag.ms")]),
    ("retention.bytes", &[same("log.retention.bytes")]),
    ("retention.ms", &[same("log.retention.ms"), minutes("log.retention.minutes"), hours("log.retention.hours")]),
    ("segment.bytes", &[same("log.segment.bytes")]),
    ("segment.index.bytes", &[same("log.index.size.max.bytes")]),
    ("segment.jitter.ms", &[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")]),
    ("segment.ms", &[same("log.roll.ms"), hours("log.roll.hours")]),
    ("unclean.leader.election.enable", &[same("unclean.leader.election.enable")]),
];

/// The broker properties behind a topic property. Empty: it has a default of its own.
pub fn topic_synonyms(name: &str) -> &'static [Synonym] {
    match TOPIC_SYNONYMS.binary_search_by_key(&name, |(topic, _)| topic) {
        Ok(i) => TOPIC_SYNONYMS[i].1,
        Err(_) => &[],
    }
}

/// The broker property behind a group property: `group.` in front, but for the assignor, whose broker property lists
/// all that there are.
pub fn group_synonym(name: &str) -> Option<String> {
    match name {
        "streams.assignor.name" => Some("group.streams.assignors".to_owned()),
        "share.auto.offset.reset" | "share.isolation.level" | "share.renew.acknowledge.enable" => None,
        _ if name.starts_with("errors.deadletterqueue.") => None,
        _ => Some(format!("group.{name}")),
    }
}

const ROLL: &[&str] = &["log.roll.ms", "log.roll.hours"];
const ROLL_JITTER: &[&str] = &["log.roll.jitter.ms", "log.roll.jitter.hours"];
const RETENTION: &[&str] = &["log.retention.ms", "log.retention.minutes", "log.retention.hours"];
const FLUSH: &[&str] = &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"];

/// Properties of a listener whose name has the SASL mechanism in front.
const MECHANISM_PROPERTIES: &[&str] = &[
    "sasl.jaas.config",
    "sasl.login.callback.handler.class",
    "sasl.login.class",
    "sasl.server.callback.handler.class",
    "connections.max.reauth.ms",
];

/// The broker properties that say the same in other units, `name` among them.
pub(super) fn unit_synonyms(name: &str) -> Option<&'static [&'static str]> {
    match name {
        _ if ROLL.contains(&name) => Some(ROLL),
        _ if ROLL_JITTER.contains(&name) => Some(ROLL_JITTER),
        _ if RETENTION.contains(&name) => Some(RETENTION),
        "log.flush.interval.ms" => Some(FLUSH),
        _ => None,
    }
}

/// What a property of one listener, `listener.name.<listener>.<property>`, overrides.
pub(super) fn listener_property(name: &str) -> Option<&str> {
    let (listener, property) = name.strip_prefix("listener.name.")?.split_once('.')?;
    if listener.is_empty() && property.is_empty() { None } else { Some(property) }
}

/// The properties that stand behind a broker property, itself first or among them.
pub fn broker_synonyms(name: &str) -> Vec<&str> {
    if let Some(names) = unit_synonyms(name) {
        return names.to_vec();
    }
    match listener_property(name) {
        Some(property) => {
            let mechanism = MECHANISM_PROPERTIES.iter().find(|p| property.ends_with(**p));
            vec![name, mechanism.copied().unwrap_or(property)]
        }
        None => vec![name],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configs::tables;

    #[test]
    fn every_synonym_is_a_property() {
        assert!(TOPIC_SYNONYMS.is_sorted_by_key(|(name, _)| name));
        for (name, synonyms) in TOPIC_SYNONYMS {
            assert!(tables::TOPIC.get(name).is_some(), "{name}");
            for synonym in *synonyms {
                assert!(tables::BROKER.get(synonym.name).is_some(), "{}", synonym.name);
            }
        }
        for row in tables::GROUP.iter() {
            if let Some(synonym) = group_synonym(row.name) {
                assert!(tables::BROKER.get(&synonym).is_some(), "{synonym}");
            }
        }
    }

    /// `synonyms-4.4.tsv` was printed by a Java program from the artifacts of Apache Kafka 4.4.0: kind, property, and the
    /// broker properties behind it, a topic's with what they are multiplied with.
    #[test]
    fn facts_are_those_of_kafka() {
        for line in include_str!("synonyms-4.4.tsv").lines() {
            let [kind, name, expect] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let got = match kind {
                "topic" => {
                    let synonyms = topic_synonyms(name).iter().map(|s| format!("{}:{}", s.name, s.factor));
                    synonyms.collect::<Vec<_>>().join(" ")
                }
                _ => group_synonym(name).unwrap_or_else(|| "-".to_owned()),
            };
            assert_eq!(got, expect, "{line}");
        }
    }

    #[track_caller]
    fn check(name: &str, expect: &[&str]) {
        assert_eq!(broker_synonyms(name), expect);
    }

    #[test]
    fn broker_chains() {
        check("log.retention.minutes", &["log.retention.ms", "log.retention.minutes", "log.retention.hours"]);
        check("log.flush.scheduler.interval.ms", &["log.flush.scheduler.interval.ms"]);
        check("num.partitions", &["num.partitions"]);
        check("listener.name.a.max.connections", &["listener.name.a.max.connections", "max.connections"]);
        check(
            "listener.name.a.plain.sasl.jaas.config",
            &["listener.name.a.plain.sasl.jaas.config", "sasl.jaas.config"],
        );
    }
}
