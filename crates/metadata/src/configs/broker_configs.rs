//! The properties of one node in force: its file, what was set for all brokers, what was set for this one.

use super::synonyms::{Synonym, listener_property, topic_synonyms, unit_synonyms};
use super::tables::{BROKER, BROKER_DYNAMIC_ONLY, TOPIC};
use std::collections::BTreeMap;
use stdx::properties::{Error, Password, Preset, Properties, Property, Type, Update, Value};

/// Values of a table by name; null where there is none.
pub type Values = BTreeMap<&'static str, Option<Value>>;

/// The properties of one node in force, and the three layers that they come from. A value: whoever changes a layer
/// makes a new one.
#[derive(Debug, Clone)]
pub struct BrokerConfigs {
    file: Properties,
    cluster: Properties,
    broker: Properties,
    originals: Properties,
    values: Values,
    topic_defaults: Values,
}

impl BrokerConfigs {
    /// What is in force with nothing but the properties file. A required property that is missing is null: which ones
    /// a node cannot do without is said by `ServerConfig`.
    pub fn new(mut file: Properties) -> Result<BrokerConfigs, Error> {
        share_id(&mut file)?;
        let values = resolve(&file)?;
        let none = Properties::default();
        Ok(BrokerConfigs {
            originals: file.clone(),
            file,
            cluster: none.clone(),
            broker: none,
            topic_defaults: topic_defaults(&values),
            values,
        })
    }

    /// The same node with other dynamic properties: for all brokers, and for this one. What is malformed, or cannot
    /// change while a node runs, is left out, because records of an older or newer version must not stop the node.
    pub fn with_dynamic(&self, cluster: &Properties, broker: &Properties) -> BrokerConfigs {
        let cluster = applicable(cluster, false);
        let broker = applicable(broker, true);
        let mut originals = self.file.clone();
        for (name, text) in cluster.iter().chain(broker.iter()) {
            for synonym in unit_synonyms(name).unwrap_or_default() {
                originals.remove(synonym);
            }
            originals.set(name, text);
        }
        clamp_assignment_intervals(&mut originals, &self.values);
        // Every layer holds only valid values, so the fallback to the file's values is never taken.
        let values = resolve(&originals).unwrap_or_else(|_| self.values.clone());
        let topic_defaults = topic_defaults(&values);
        BrokerConfigs { file: self.file.clone(), cluster, broker, originals, values, topic_defaults }
    }

    /// The properties file.
    pub fn file(&self) -> &Properties {
        &self.file
    }

    /// What is set for all brokers.
    pub fn cluster(&self) -> &Properties {
        &self.cluster
    }

    /// What is set for this broker.
    pub fn broker(&self) -> &Properties {
        &self.broker
    }

    /// Everything that somebody set, the texts in force.
    pub fn originals(&self) -> &Properties {
        &self.originals
    }

    /// The value in force; `None` is null, or no such property.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)?.as_ref()
    }

    /// The value in force of a whole-number property; 0 where it is null.
    pub fn int(&self, name: &str) -> i64 {
        self.get(name).and_then(Value::as_i64).unwrap_or_default()
    }

    /// The value in force of a whole-number property that exists only while a broker runs.
    pub fn int_while_running(&self, name: &str) -> i64 {
        let row = BROKER_DYNAMIC_ONLY.get(name);
        let value = row.and_then(|row| row.resolve(self.originals.get(name)).ok().flatten());
        value.as_ref().and_then(Value::as_i64).unwrap_or_default()
    }

    /// The value in force of a boolean property; false where it is null.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The value in force of a text property.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The value in force of a list property; empty where it is null.
    pub fn list(&self, name: &str) -> &[String] {
        self.get(name).and_then(Value::as_list).unwrap_or_default()
    }

    /// All values in force by name, those of hidden properties too.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// What topics have that set nothing themselves, of the properties that a broker property stands behind.
    pub fn topic_defaults(&self) -> &Values {
        &self.topic_defaults
    }
}

fn topic_defaults(values: &Values) -> Values {
    TOPIC.iter().filter_map(|row| Some((row.name, Some(topic_default(values, row)?)))).collect()
}

/// The first of a topic property's synonyms that is not null, in the topic property's unit.
fn topic_default(values: &Values, row: &Property) -> Option<Value> {
    let in_force = |synonym: &'static Synonym| Some((synonym.factor, values.get(synonym.name)?.as_ref()?));
    let (factor, value) = topic_synonyms(row.name).iter().find_map(in_force)?;
    Some(match (row.type_, value.as_i64()) {
        (Type::Long, Some(number)) => {
            let number = number.saturating_mul(factor);
            // Every negative retention time of a broker means for ever.
            Value::Long(if row.name == "retention.ms" { number.max(-1) } else { number })
        }
        _ => value.clone(),
    })
}

/// The definition of a broker property, one that a listener overrides included.
pub(super) fn broker_property(name: &str) -> Option<&'static Property> {
    BROKER.get(name).or_else(|| BROKER_DYNAMIC_ONLY.get(name))
}

/// The type of a broker property, one that a listener overrides included.
pub(super) fn broker_type(name: &str) -> Option<Type> {
    let of_listener = || super::synonyms::broker_synonyms(name).into_iter().find_map(|s| BROKER.get(s));
    broker_property(name).or_else(of_listener).map(|row| row.type_)
}

/// Of `node.id` and `broker.id` each has the other's value where only one is set.
fn share_id(file: &mut Properties) -> Result<(), Error> {
    for (from, to) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
        if let Some(id) = file.get(from).map(str::to_owned) {
            // Here, so that an error names the property that was set.
            Type::Int.parse(from, &id)?;
            file.set_default(to, &id);
        }
    }
    Ok(())
}

fn resolve(originals: &Properties) -> Result<Values, Error> {
    let mut values = Values::new();
    for row in BROKER.iter() {
        let text = originals.get(row.name);
        let required = text.is_none() && row.preset == Preset::Required;
        values.insert(row.name, if required { None } else { row.resolve(text)? });
    }
    Ok(values)
}

/// The part of a dynamic layer that may be in force.
fn applicable(layer: &Properties, of_one_broker: bool) -> Properties {
    let may = |name: &str, text: &str| {
        let row = listener_property(name).and_then(|p| BROKER.get(p)).or_else(|| broker_property(name));
        row.is_none_or(|row| {
            row.parse(text).is_ok()
                && match row.update {
                    Update::ReadOnly => false,
                    Update::PerProcess => of_one_broker,
                    Update::ClusterWide => true,
                }
        })
    };
    layer.iter().filter(|(name, text)| may(name, text)).collect()
}

/// The bounds of these are read-only, so a dynamic value may lie outside those of another node's file (KIP-848).
fn clamp_assignment_intervals(originals: &mut Properties, values: &Values) {
    for kind in ["consumer", "share", "streams"] {
        let name = format!("group.{kind}.assignment.interval.ms");
        let bound = |which: &str| {
            let name = format!("group.{kind}.{which}.assignment.interval.ms");
            values.get(name.as_str()).and_then(Option::as_ref).and_then(Value::as_i64)
        };
        let Some(set) = originals.get(&name).and_then(|text| text.trim().parse::<i64>().ok()) else {
            continue;
        };
        if let (Some(min), Some(max)) = (bound("min"), bound("max")) {
            originals.set(name, set.min(max).max(min).to_string());
        }
    }
}

/// The text of a value as an answer shows it: null for a secret.
pub(super) fn visible_text(value: Option<&Value>) -> Option<String> {
    match value {
        None | Some(Value::Password(Password(_))) => None,
        Some(value) => Some(value.text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn configs(file: &[(&str, &str)], cluster: &[(&str, &str)], broker: &[(&str, &str)]) -> BrokerConfigs {
        let set = |entries: &[(&str, &str)]| entries.iter().copied().collect::<Properties>();
        BrokerConfigs::new(set(file)).expect("valid").with_dynamic(&set(cluster), &set(broker))
    }

    #[test]
    fn layers_override_each_other() {
        let name = "log.retention.ms";
        assert_eq!(configs(&[], &[], &[]).get(name), None);
        assert_eq!(configs(&[(name, "1")], &[], &[]).int(name), 1);
        assert_eq!(configs(&[(name, "1")], &[(name, "2")], &[]).int(name), 2);
        assert_eq!(configs(&[(name, "1")], &[(name, "2")], &[(name, "3")]).int(name), 3);
    }

    #[test]
    fn what_exists_only_while_a_broker_runs() {
        let name = "replica.alter.log.dirs.io.max.bytes.per.second";
        assert_eq!(configs(&[], &[], &[]).int_while_running(name), i64::MAX);
        assert_eq!(configs(&[], &[(name, "7")], &[]).int_while_running(name), 7);
        assert_eq!(configs(&[], &[(name, "7")], &[(name, "0")]).int_while_running(name), 0);
    }

    #[test]
    fn ids_are_shared() {
        assert_eq!(configs(&[("node.id", "7")], &[], &[]).int("broker.id"), 7);
        assert_eq!(configs(&[("broker.id", "7")], &[], &[]).int("node.id"), 7);
    }

    #[test]
    fn what_cannot_be_in_force_is_left_out() {
        let c = configs(
            &[],
            &[("num.partitions", "9"), ("listeners", "A://:1"), ("log.retention.ms", "x"), ("foo", "bar")],
            &[("num.io.threads", "0"), ("message.max.bytes", "5")],
        );
        assert_eq!(c.cluster().iter().collect::<Vec<_>>(), [("foo", "bar")]);
        assert_eq!(c.broker().iter().collect::<Vec<_>>(), [("message.max.bytes", "5")]);
    }

    #[test]
    fn dynamic_assignment_intervals_are_clamped() {
        let name = "group.consumer.assignment.interval.ms";
        assert_eq!(configs(&[], &[(name, "99999")], &[]).int(name), 15_000);
    }

    #[test]
    fn topic_defaults_come_from_the_broker_in_its_units() {
        #[track_caller]
        fn check(file: &[(&str, &str)], name: &str, expect: &str) {
            let configs = configs(file, &[], &[]);
            let text = configs.topic_defaults().get(name).and_then(Option::as_ref).map(Value::text);
            assert_eq!(text.as_deref(), Some(expect), "{file:?} {name}");
        }
        check(&[], "retention.ms", "604800000");
        check(&[("log.retention.minutes", "2")], "retention.ms", "120000");
        check(&[("log.retention.hours", "2")], "retention.ms", "7200000");
        check(&[("log.retention.hours", "2"), ("log.retention.ms", "-7")], "retention.ms", "-1");
        check(&[("log.roll.hours", "1")], "segment.ms", "3600000");
        check(&[], "segment.jitter.ms", "0");
        check(&[], "flush.ms", "9223372036854775807");
        check(&[("log.flush.scheduler.interval.ms", "5")], "flush.ms", "5");
        check(&[("message.max.bytes", "77")], "max.message.bytes", "77");
        check(&[("millstream.acks.all.fsync", "false")], "millstream.acks.all.fsync", "false");
        assert!(!configs(&[], &[], &[]).topic_defaults().contains_key("remote.storage.enable"));
    }
}
