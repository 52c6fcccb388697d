//! The reference documentation, `docs/properties.md`, printed from the tables.

use super::synonyms::{group_synonym, topic_synonyms};
use super::tables;
use std::fmt::Write;
use stdx::properties::{Preset, Property, Table, Type, Update, Validator};

/// The whole page.
pub fn reference() -> String {
    let mut page = String::from(
        "# Properties\n\n\
         Printed from the tables in `crates/metadata/src/configs/tables`; `cargo test -p millstream-metadata` checks \
         that this page is current. `cargo run -p millstream-metadata --example reference > docs/properties.md` \
         prints it.\n\n\
         Names, types and defaults are those of Apache Kafka 4.4. What begins with `millstream.`, and `admin.listener`, \
         is our own. Hidden properties, for tests and experiments, are left out.\n",
    );
    section(
        &mut page,
        "Nodes",
        "Set in the properties file or with `--override name=value`. *read-only*: a restart \
        reads it; *per-broker* and *cluster-wide*: may change while the node runs.",
        &tables::BROKER,
        |row| match row.update {
            Update::ReadOnly => "read-only".to_owned(),
            Update::PerProcess => "per-broker".to_owned(),
            Update::ClusterWide => "cluster-wide".to_owned(),
        },
    );
    section(&mut page, "Nodes, only while they run", "", &tables::BROKER_DYNAMIC_ONLY, |_| {
        "cluster-wide".to_owned()
    });
    section(
        &mut page,
        "Topics",
        "What a topic does not set it takes from the node's property.",
        &tables::TOPIC,
        |row| {
            let names: Vec<String> =
                topic_synonyms(row.name).iter().map(|s| format!("node: `{}`", s.name)).collect();
            names.join(", ")
        },
    );
    section(
        &mut page,
        "Groups",
        "What a group does not set it takes from the node's property.",
        &tables::GROUP,
        |row| group_synonym(row.name).map(|name| format!("node: `{name}`")).unwrap_or_default(),
    );
    section(&mut page, "Client metrics subscriptions", "", &tables::CLIENT_METRICS, |_| String::new());
    page
}

fn section(page: &mut String, title: &str, text: &str, table: &Table, last: impl Fn(&Property) -> String) {
    page.push_str(&format!("\n## {title}\n"));
    if !text.is_empty() {
        page.push_str(&format!("\n{text}\n"));
    }
    for row in table.iter().filter(|row| !row.internal) {
        let default = match row.preset {
            Preset::Required => "required".to_owned(),
            Preset::Null => "not set".to_owned(),
            Preset::Text("") => "empty".to_owned(),
            Preset::Text(text) => format!("`{text}`"),
        };
        let mut facts = vec![row.type_.name().to_lowercase(), format!("default: {default}")];
        let valid = row.validator.to_string();
        if !matches!(row.validator, Validator::Any) {
            facts.push(valid);
        }
        facts.push(format!("{:?}", row.importance).to_lowercase());
        let last = last(row);
        if !last.is_empty() {
            facts.push(last);
        }
        if row.type_ == Type::Password {
            facts.push("never shown".to_owned());
        }
        // Writing to a string cannot fail.
        let _ = write!(page, "\n- **`{}`**: {}\n  {}\n", row.name, row.doc, facts.join("; "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_current() {
        assert!(
            include_str!("../../../../docs/properties.md") == reference(),
            "not current: cargo run -p millstream-metadata --example reference > docs/properties.md"
        );
    }

    #[test]
    fn names_every_visible_property_once() {
        let page = reference();
        for row in tables::BROKER.iter() {
            let found = page.matches(&format!("\n- **`{}`**: ", row.name)).count();
            let of_topics = usize::from(tables::TOPIC.get(row.name).is_some());
            assert_eq!(found, usize::from(!row.internal) + of_topics, "{}", row.name);
        }
    }
}
