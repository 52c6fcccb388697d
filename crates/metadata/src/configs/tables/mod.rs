//! The tables of properties: what Kafka 4.4 has, and what is millstream's own (`own.rs`).
//!
//! Names, types, defaults, validators and update modes are facts of Apache Kafka 4.4; the sentences are ours. The
//! order within a file is by subject, a table hands its rows out by name.

mod client_metrics;
mod coordinators;
mod group;
mod kraft;
mod log;
mod network;
mod own;
mod remote_log;
mod replication;
mod security;
mod topic;

use std::sync::LazyLock;
use stdx::properties::Table;

/// Properties of a node, broker or controller, as its properties file sets them.
pub static BROKER: LazyLock<Table> = LazyLock::new(|| {
    Table::new(&[
        kraft::KRAFT,
        network::NETWORK,
        log::LOG,
        replication::REPLICATION,
        coordinators::COORDINATORS,
        remote_log::REMOTE_LOG,
        security::SECURITY,
        own::BROKER,
    ])
});

/// Properties of a broker that exist only while it runs: a properties file does not know them.
pub static BROKER_DYNAMIC_ONLY: LazyLock<Table> = LazyLock::new(|| Table::new(&[replication::DYNAMIC_ONLY]));

/// Properties of a topic.
pub static TOPIC: LazyLock<Table> = LazyLock::new(|| Table::new(&[topic::TOPIC, own::TOPIC]));

/// Properties of a group.
pub static GROUP: LazyLock<Table> = LazyLock::new(|| Table::new(&[group::GROUP]));

/// Properties of a client metrics subscription (KIP-714).
pub static CLIENT_METRICS: LazyLock<Table> = LazyLock::new(|| Table::new(&[client_metrics::CLIENT_METRICS]));

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::properties::{Preset, Property};

    fn all() -> Vec<(&'static str, &'static Property)> {
        let table = |name, table: &'static Table| table.iter().map(move |row| (name, row));
        table("broker", &BROKER)
            .chain(table("dynamic-only", &BROKER_DYNAMIC_ONLY))
            .chain(table("topic", &TOPIC))
            .chain(table("group", &GROUP))
            .chain(table("client-metrics", &CLIENT_METRICS))
            .collect()
    }

    #[test]
    fn defaults_are_valid_and_printed_as_written() {
        for (_, row) in all() {
            match row.preset {
                Preset::Text(text) => {
                    assert_eq!(row.parse(text).map(|v| v.text()), Ok(text.to_owned()), "{}", row.name);
                }
                Preset::Null => assert!(row.internal || row.resolve(None).is_ok(), "{}", row.name),
                Preset::Required => {}
            }
        }
    }

    #[test]
    fn every_property_is_documented() {
        for (_, row) in all() {
            assert!(row.doc.len() > 10 && row.doc.ends_with('.'), "{}: {:?}", row.name, row.doc);
        }
    }

    #[test]
    fn names_are_different() {
        let rows = [
            kraft::KRAFT,
            network::NETWORK,
            log::LOG,
            replication::REPLICATION,
            coordinators::COORDINATORS,
            remote_log::REMOTE_LOG,
            security::SECURITY,
            own::BROKER,
        ];
        assert_eq!(rows.iter().map(|part| part.len()).sum::<usize>(), BROKER.iter().count());
        assert_eq!(topic::TOPIC.len() + own::TOPIC.len(), TOPIC.iter().count());
    }

    /// `kafka-4.4.tsv` was printed by a Java program from the definitions inside the artifacts of Apache Kafka 4.4.0:
    /// table, name, type, default, importance, internal or public, update mode, validator.
    #[test]
    fn facts_are_those_of_kafka() {
        let is_own = |name: &str| own::BROKER.iter().chain(own::TOPIC).any(|row| row.name == name);
        let ours: Vec<String> =
            all().into_iter().filter(|(_, row)| !is_own(row.name)).map(print_fact).collect();
        let mut theirs: Vec<&str> = include_str!("kafka-4.4.tsv").lines().collect();
        let mut ours: Vec<&str> = ours.iter().map(String::as_str).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs);
        }
    }

    fn print_fact((table, row): (&'static str, &'static Property)) -> String {
        let preset = match row.preset {
            Preset::Required => "<required>",
            Preset::Null => "<null>",
            Preset::Text(text) => text,
        };
        let update = match row.update {
            stdx::properties::Update::ReadOnly => "read-only",
            stdx::properties::Update::PerProcess => "per-broker",
            stdx::properties::Update::ClusterWide => "cluster-wide",
        };
        [
            table,
            row.name,
            &row.type_.name().to_lowercase(),
            preset,
            &format!("{:?}", row.importance).to_lowercase(),
            if row.internal { "internal" } else { "public" },
            update,
            &print_validator(&row.validator),
        ]
        .join("\t")
    }

    fn print_validator(validator: &stdx::properties::Validator) -> String {
        use stdx::properties::Validator;
        let bound =
            |b: &Option<stdx::properties::Bound>| b.map_or_else(|| "null".to_owned(), |b| b.to_string());
        match validator {
            Validator::Any => "-".to_owned(),
            Validator::Range(min, max) => format!("range {} {}", bound(min), bound(max)),
            Validator::OneOf(texts) => format!("oneof {}", texts.join("|")),
            Validator::OneOfIgnoringCase(texts) => format!("oneof_nocase {}", texts.join("|")),
            Validator::List { of, empty, null } => format!("list {} empty={empty} null={null}", of.join("|")),
            Validator::NonEmpty => "NonEmptyString".to_owned(),
            Validator::NonNull => "NonNullValidator".to_owned(),
            Validator::Custom(_, description) => format!("custom {description}"),
        }
    }
}
