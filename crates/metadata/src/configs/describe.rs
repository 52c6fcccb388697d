//! What DescribeConfigs answers: every property with its value, where that comes from, and what stood behind it.
//!
//! The chains are built exactly as Kafka builds them, its oddity included: a chain begins at the property's own name,
//! so `retention.ms` in force from `log.retention.hours` is reported as a default.

use super::broker_configs::{BrokerConfigs, broker_property, broker_type, visible_text};
use super::source::{ConfigSource, type_code};
use super::synonyms::{broker_synonyms, group_synonym, topic_synonyms};
use super::tables::{BROKER, CLIENT_METRICS, GROUP, TOPIC};
use std::collections::BTreeMap;
use stdx::properties::{Error, Preset, Properties, Property, Table, Type, Update, Value};

/// One property in an answer of DescribeConfigs or CreateTopics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The property.
    pub name: String,
    /// Its value in force. Null for secrets.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot change while the node runs.
    pub read_only: bool,
    /// Whether the value is secret. Properties that nobody defined might be.
    pub is_sensitive: bool,
    /// What was set, the one in force first.
    pub synonyms: Vec<ConfigSynonym>,
    /// The type's number, see [`type_code`].
    pub config_type: i8,
    /// What it does; `None` for a property that nobody defined.
    pub documentation: Option<&'static str>,
}

impl ConfigEntry {
    /// Whether nobody set the property.
    pub fn is_default(&self) -> bool {
        self.source == ConfigSource::Default
    }
}

/// One thing that was set for a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The property that was set, for this one or under another name.
    pub name: String,
    /// What it was set to. Null for secrets.
    pub value: Option<String>,
    /// Where it was set.
    pub source: ConfigSource,
}

/// The properties of this node, in the order of their names.
pub fn describe_broker(broker: &BrokerConfigs) -> Vec<ConfigEntry> {
    let mut entries = BTreeMap::new();
    for (&name, value) in broker.values() {
        let hidden = broker_property(name).is_some_and(|row| row.internal);
        if !hidden || broker.originals().contains(name) {
            entries.insert(name, broker_entry(broker, name, visible_text(value.as_ref()), |_| true));
        }
    }
    for (name, text) in broker.originals().iter() {
        entries.entry(name).or_insert_with(|| broker_entry(broker, name, Some(text.to_owned()), |_| true));
    }
    entries.into_values().collect()
}

/// What is set for all brokers, in the order of the names.
pub fn describe_broker_default(broker: &BrokerConfigs) -> Vec<ConfigEntry> {
    let of_cluster = |source| source == ConfigSource::BrokerDefault;
    let entry = |(name, text): (&str, &str)| broker_entry(broker, name, Some(text.to_owned()), of_cluster);
    broker.cluster().iter().map(entry).collect()
}

/// The properties of a topic that sets `overrides`, in the order of their names.
pub fn describe_topic(broker: &BrokerConfigs, overrides: &Properties) -> Result<Vec<ConfigEntry>, Error> {
    let defaults = broker.topic_defaults();
    describe_table(&TOPIC, overrides, ConfigSource::Topic, is_public, |row| {
        let value = defaults.get(row.name).map_or_else(|| default_value(row), |value| Ok(value.clone()))?;
        let chain = match topic_synonyms(row.name).first() {
            Some(synonym) => chain(broker, synonym.name, row.is_sensitive()),
            None => Vec::new(),
        };
        Ok((value, chain))
    })
}

/// The properties of a group that sets `overrides`, in the order of their names.
pub fn describe_group(broker: &BrokerConfigs, overrides: &Properties) -> Result<Vec<ConfigEntry>, Error> {
    let set_by_broker =
        |row: &Property| group_synonym(row.name).is_some_and(|s| broker.originals().contains(&s));
    let visible = |row: &Property| is_public(row) || set_by_broker(row);
    describe_table(&GROUP, overrides, ConfigSource::Group, visible, |row| match group_synonym(row.name) {
        Some(synonym) => {
            let mut value = broker.get(&synonym).cloned();
            if row.name == "streams.assignor.name" {
                value = broker.list(&synonym).first().cloned().map(Value::String);
            }
            Ok((value, chain(broker, &synonym, row.is_sensitive())))
        }
        None => {
            let value = default_value(row)?;
            let text = visible_text(value.as_ref());
            let default =
                ConfigSynonym { name: row.name.to_owned(), value: text, source: ConfigSource::Default };
            Ok((value, vec![default]))
        }
    })
}

/// The properties of a client metrics subscription that sets `overrides`, in the order of their names.
pub fn describe_client_metrics(overrides: &Properties) -> Result<Vec<ConfigEntry>, Error> {
    let nothing_behind = |row: &'static Property| Ok((default_value(row)?, Vec::new()));
    describe_table(&CLIENT_METRICS, overrides, ConfigSource::ClientMetrics, is_public, nothing_behind)
}

/// The levels of a node's loggers.
pub fn describe_loggers<'a>(levels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<ConfigEntry> {
    let entry = |(name, level): (&str, &str)| ConfigEntry {
        name: name.to_owned(),
        value: Some(level.to_owned()),
        source: ConfigSource::BrokerLogger,
        read_only: false,
        is_sensitive: false,
        synonyms: Vec::new(),
        config_type: type_code(None),
        documentation: None,
    };
    levels.into_iter().map(entry).collect()
}

/// The properties that a topic created with `overrides` has, as CreateTopics answers them: here the source is where the
/// value really comes from, and a value in other units is converted.
pub fn describe_created_topic(broker: &BrokerConfigs, overrides: &Properties) -> Vec<ConfigEntry> {
    let shown = TOPIC.iter().filter(|row| !row.internal || overrides.contains(row.name));
    shown.map(|row| created_topic_entry(broker, overrides, row)).collect()
}

fn created_topic_entry(
    broker: &BrokerConfigs,
    overrides: &Properties,
    row: &'static Property,
) -> ConfigEntry {
    let synonyms = topic_synonyms(row.name);
    let layers = [
        (broker.broker(), ConfigSource::Broker),
        (broker.cluster(), ConfigSource::BrokerDefault),
        (broker.file(), ConfigSource::Static),
    ];
    let convert = |text: &str, factor: i64| match text.trim().parse::<i64>() {
        Ok(number) if factor != 1 => number.saturating_mul(factor).to_string(),
        _ => text.to_owned(),
    };
    let behind = || {
        layers.iter().find_map(|(layer, source)| {
            let set = |s: &super::synonyms::Synonym| layer.get(s.name).map(|text| convert(text, s.factor));
            synonyms.iter().find_map(set).map(|text| (Some(text), *source))
        })
    };
    let set = overrides.get(row.name).map(|text| (Some(text.to_owned()), ConfigSource::Topic));
    let default = match row.preset {
        Preset::Text(text) => Some(text.to_owned()),
        Preset::Null | Preset::Required => None,
    };
    let (value, source) = set.or_else(behind).unwrap_or((default, ConfigSource::Default));
    ConfigEntry {
        name: row.name.to_owned(),
        value: value.filter(|_| !row.is_sensitive()),
        source,
        read_only: false,
        is_sensitive: row.is_sensitive(),
        synonyms: Vec::new(),
        config_type: type_code(Some(row.type_)),
        documentation: Some(row.doc),
    }
}

/// The rows of a table that are visible or set, then whatever else is set, ordered by name. `behind` says what a row
/// is when it is not set here, and what chain stands behind it.
fn describe_table(
    table: &'static Table,
    overrides: &Properties,
    source: ConfigSource,
    visible: impl Fn(&Property) -> bool,
    mut behind: impl FnMut(&'static Property) -> Result<(Option<Value>, Vec<ConfigSynonym>), Error>,
) -> Result<Vec<ConfigEntry>, Error> {
    let mut entries = BTreeMap::new();
    for row in table.iter() {
        let set = overrides.get(row.name);
        if set.is_none() && !visible(row) {
            continue;
        }
        let (default, mut synonyms) = behind(row)?;
        let value = match set {
            Some(text) => Some(row.parse(text)?),
            None => default,
        };
        let value = visible_text(value.as_ref());
        if set.is_some() {
            synonyms.insert(0, ConfigSynonym { name: row.name.to_owned(), value: value.clone(), source });
        }
        let documentation = Some(row.doc);
        entries.insert(row.name, entry(row.name, value, Some(row.type_), false, synonyms, documentation));
    }
    for (name, _) in overrides.iter().filter(|(name, _)| table.get(name).is_none()) {
        let synonyms = vec![ConfigSynonym { name: name.to_owned(), value: None, source }];
        entries.insert(name, entry(name, None, None, false, synonyms, None));
    }
    Ok(entries.into_values().collect())
}

fn is_public(row: &Property) -> bool {
    !row.internal
}

fn default_value(row: &Property) -> Result<Option<Value>, Error> {
    match row.preset {
        Preset::Text(text) => row.parse(text).map(Some),
        Preset::Null | Preset::Required => Ok(None),
    }
}

fn broker_entry(
    broker: &BrokerConfigs,
    name: &str,
    value: Option<String>,
    shown: impl Fn(ConfigSource) -> bool,
) -> ConfigEntry {
    let type_ = broker_type(name);
    let sensitive = is_sensitive(type_);
    let mut synonyms = chain(broker, name, sensitive);
    synonyms.retain(|synonym| shown(synonym.source));
    let read_only = broker_property(name).is_none_or(|row| row.update == Update::ReadOnly);
    let documentation = BROKER.get(name).map(|row| row.doc);
    entry(name, value.filter(|_| !sensitive), type_, read_only, synonyms, documentation)
}

fn entry(
    name: &str,
    value: Option<String>,
    type_: Option<Type>,
    read_only: bool,
    synonyms: Vec<ConfigSynonym>,
    documentation: Option<&'static str>,
) -> ConfigEntry {
    ConfigEntry {
        name: name.to_owned(),
        value,
        source: synonyms.first().map_or(ConfigSource::Default, |first| first.source),
        read_only,
        is_sensitive: is_sensitive(type_),
        synonyms,
        config_type: type_code(type_),
        documentation,
    }
}

fn is_sensitive(type_: Option<Type>) -> bool {
    matches!(type_, None | Some(Type::Password))
}

/// What was set for a broker property under any of its names, from the strongest layer to the default, beginning where
/// it was set under its own name.
fn chain(broker: &BrokerConfigs, name: &str, sensitive: bool) -> Vec<ConfigSynonym> {
    let names = broker_synonyms(name);
    let layers = [
        (broker.broker(), ConfigSource::Broker),
        (broker.cluster(), ConfigSource::BrokerDefault),
        (broker.file(), ConfigSource::Static),
    ];
    let synonym = |name: &str, text: &str, source| ConfigSynonym {
        name: name.to_owned(),
        value: (!sensitive).then(|| text.to_owned()),
        source,
    };
    let mut all = Vec::new();
    for (layer, source) in layers {
        all.extend(names.iter().filter_map(|n| layer.get(n).map(|text| synonym(n, text, source))));
    }
    for name in &names {
        if let Some(Preset::Text(text)) = BROKER.get(name).map(|row| row.preset) {
            all.push(synonym(name, text, ConfigSource::Default));
        }
    }
    all.into_iter().skip_while(|synonym| synonym.name != name).collect()
}
