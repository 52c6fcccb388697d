//! `millstream configs`.

use client::{ConfigEntry, ConfigOp, ConfigResource, ConfigSource, ResourceType};
use serde_json::{Value, json};

use super::output::{Output, count};
use super::{Result, open};
use crate::args::{ConfigTarget, ConfigsArgs, ConfigsCommand};

pub(super) async fn run(args: ConfigsArgs) -> Result<()> {
    let (admin, output) = open(&args.common).await?;
    match args.command {
        ConfigsCommand::Describe { target, all, keys } => {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let some = (!keys.is_empty()).then_some(&*keys);
            let mut entries = admin.describe_configs(&resource(&target), some, output.is_json()).await?;
            let set = |e: &ConfigEntry| !matches!(e.source, ConfigSource::Default | ConfigSource::Static);
            entries.retain(|e| all || !keys.is_empty() || set(e));
            print(&output, &entries)
        }
        ConfigsCommand::Set { target, configs } => {
            let resource = resource(&target);
            let set = |(key, value)| (key, ConfigOp::Set(value));
            let changes: Vec<_> = configs.into_iter().map(set).collect();
            admin.alter_configs(&resource, &changes, false).await?;
            Ok(output
                .say(&format!("changed {} of {resource}", count(changes.len(), "property", "properties")))?)
        }
        ConfigsCommand::Delete { target, keys } => {
            let resource = resource(&target);
            let changes: Vec<_> = keys.into_iter().map(|key| (key, ConfigOp::Delete)).collect();
            admin.alter_configs(&resource, &changes, false).await?;
            Ok(output.say(&format!(
                "{} of {resource} back to default",
                count(changes.len(), "property", "properties")
            ))?)
        }
    }
}

/// Exactly one of the options is given: the parser sees to it.
fn resource(target: &ConfigTarget) -> ConfigResource {
    let (kind, name) = match (&target.topic, target.broker, &target.group) {
        (Some(topic), _, _) => (ResourceType::Topic, topic.clone()),
        (_, Some(id), _) => (ResourceType::Broker, id.to_string()),
        (_, _, Some(group)) => (ResourceType::Group, group.clone()),
        (None, None, None) => (ResourceType::Broker, String::new()),
    };
    ConfigResource { kind, name }
}

fn print(output: &Output, entries: &[ConfigEntry]) -> Result<()> {
    let rows = entries.iter().map(|e| {
        let value = if e.is_sensitive { Some("(secret)".to_owned()) } else { e.value.clone() };
        let read_only = if e.read_only { "yes" } else { "no" };
        [e.name.clone(), value.unwrap_or_default(), e.source.name().to_owned(), read_only.to_owned()]
    });
    let json = || {
        let synonym = |s: &client::ConfigSynonym| json!({ "name": s.name, "value": s.value, "source": s.source.name() });
        let entry = |e: &ConfigEntry| {
            json!({
                "name": e.name, "value": e.value, "source": e.source.name(), "read_only": e.read_only,
                "sensitive": e.is_sensitive, "documentation": e.documentation,
                "synonyms": e.synonyms.iter().map(synonym).collect::<Vec<_>>(),
            })
        };
        Value::Array(entries.iter().map(entry).collect())
    };
    Ok(output.print(["PROPERTY", "VALUE", "SOURCE", "READ-ONLY"], rows, json)?)
}
