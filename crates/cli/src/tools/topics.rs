//! `millstream topics`.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::{Admin, Isolation, NewTopic, Topic};
use protocol::{ErrorCode, TopicPartition};
use serde_json::{Value, json};

use super::output::{Output, count, list};
use super::{Result, ToolError, complain, open, report};
use crate::args::{Time, TopicsArgs, TopicsCommand};

pub(super) async fn run(args: TopicsArgs) -> Result<()> {
    let (admin, output) = open(&args.common).await?;
    match args.command {
        TopicsCommand::List { exclude_internal } => {
            let mut topics = admin.list_topics().await?;
            topics.retain(|t| !(exclude_internal && t.is_internal));
            print_list(&output, &topics)
        }
        TopicsCommand::Create {
            topics,
            partitions,
            replication_factor,
            configs,
            if_not_exists,
            validate_only,
        } => {
            let configs: BTreeMap<_, _> = configs.into_iter().collect();
            let topic = |name| NewTopic {
                name,
                partitions,
                replication_factor,
                configs: configs.clone(),
                ..Default::default()
            };
            let topics: Vec<_> = topics.into_iter().map(topic).collect();
            create(&admin, &output, &topics, if_not_exists, validate_only).await
        }
        TopicsCommand::Describe { topics } => describe(&admin, &output, &topics).await,
        TopicsCommand::Alter { topic, partitions, validate_only } => {
            admin.create_partitions(&topic, partitions, validate_only).await?;
            let verb = if validate_only { "could have" } else { "has" };
            output.say(&format!(
                "topic '{topic}' {verb} {}",
                count(partitions as usize, "partition", "partitions")
            ))?;
            Ok(())
        }
        TopicsCommand::Delete { topics, if_exists } => {
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            let mut results = admin.delete_topics(&names).await?;
            results.retain(|(_, r)| !(if_exists && is_code(r, ErrorCode::UnknownTopicOrPartition)));
            for (name, _) in results.iter().filter(|(_, r)| r.is_ok()) {
                output.say(&format!("deleted topic '{name}'"))?;
            }
            report(results)
        }
        TopicsCommand::Offsets { topic, time } => offsets(&admin, &output, &topic, time).await,
        TopicsCommand::DeleteRecords { topic, before, partitions } => {
            delete_records(&admin, &output, &topic, before, &partitions).await
        }
    }
}

fn is_code<T>(result: &client::Result<T>, code: ErrorCode) -> bool {
    result.as_ref().is_err_and(|e| e.code() == Some(code))
}

fn print_list(output: &Output, topics: &[Arc<Topic>]) -> Result<()> {
    let replicas = |t: &Topic| t.partitions.iter().map(|p| p.replicas.len()).max().unwrap_or(0);
    let rows = topics.iter().map(|t| {
        [
            t.name.to_string(),
            t.partitions.len().to_string(),
            replicas(t).to_string(),
            if t.is_internal { "yes" } else { "no" }.to_owned(),
        ]
    });
    let json = || {
        let topic = |t: &Arc<Topic>| {
            json!({
                "topic": &*t.name, "topic_id": t.id.to_string(), "partitions": t.partitions.len(),
                "replication_factor": replicas(t), "internal": t.is_internal,
            })
        };
        topics.iter().map(topic).collect()
    };
    Ok(output.print(["TOPIC", "PARTITIONS", "REPLICAS", "INTERNAL"], rows, json)?)
}

async fn create(
    admin: &Admin,
    output: &Output,
    topics: &[NewTopic],
    if_not_exists: bool,
    validate_only: bool,
) -> Result<()> {
    let results = admin.create_topics(topics, validate_only).await?;
    let mut created = Vec::new();
    let mut rest = Vec::new();
    for (name, result) in results {
        match result {
            Ok(topic) => {
                let verb = if validate_only { "could create" } else { "created" };
                output.say(&match topic.partitions {
                    1.. => format!(
                        "{verb} topic '{name}' with {} and {}",
                        count(topic.partitions as usize, "partition", "partitions"),
                        count(topic.replication_factor.max(0) as usize, "replica", "replicas")
                    ),
                    _ => format!("{verb} topic '{name}'"),
                })?;
                created.push(json!({
                    "topic": name, "topic_id": topic.id.to_string(), "partitions": topic.partitions,
                    "replication_factor": topic.replication_factor,
                }));
            }
            Err(error) if if_not_exists && error.code() == Some(ErrorCode::TopicAlreadyExists) => {
                output.say(&format!("topic '{name}' exists already"))?;
            }
            Err(error) => rest.push((name, Err(error))),
        }
    }
    if output.is_json() {
        output.document(&Value::Array(created))?;
    }
    report(rest)
}

async fn describe(admin: &Admin, output: &Output, names: &[String]) -> Result<()> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut topics, mut failed) = (Vec::new(), Vec::new());
    if names.is_empty() {
        topics = admin.list_topics().await?;
    } else {
        for (name, result) in admin.describe_topics(&names).await? {
            match result {
                Ok(topic) => topics.push(topic),
                Err(error) => failed.push((name, Err(error))),
            }
        }
    }
    let leader = |p: &client::Partition| p.leader.map_or_else(String::new, |l| l.to_string());
    let rows = topics.iter().flat_map(|t| {
        t.partitions.iter().map(|p| {
            let (replicas, isr, offline) = (list(&p.replicas), list(&p.isr), list(&p.offline));
            let epoch = p.leader_epoch.to_string();
            [t.name.to_string(), p.index.to_string(), leader(p), epoch, replicas, isr, offline]
        })
    });
    let header = ["TOPIC", "PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "OFFLINE"];
    let json = || {
        let ids = |ids: &[protocol::BrokerId]| ids.iter().map(|b| b.get()).collect::<Vec<_>>();
        let partition = |p: &client::Partition| {
            json!({
                "partition": p.index, "leader": p.leader.map(|l| l.get()), "leader_epoch": p.leader_epoch.get(),
                "replicas": ids(&p.replicas), "isr": ids(&p.isr), "offline": ids(&p.offline),
            })
        };
        let topic = |t: &Arc<Topic>| {
            json!({
                "topic": &*t.name, "topic_id": t.id.to_string(), "internal": t.is_internal,
                "partitions": t.partitions.iter().map(partition).collect::<Vec<_>>(),
            })
        };
        topics.iter().map(topic).collect()
    };
    if !topics.is_empty() || failed.is_empty() {
        output.print(header, rows, json)?;
    }
    report(failed)
}

/// The partitions of a topic that exists.
pub(super) async fn partitions_of(admin: &Admin, topic: &str) -> Result<Vec<TopicPartition>> {
    let described = admin.describe_topics(&[topic]).await?;
    let Some((_, found)) = described.into_iter().next() else { return Ok(Vec::new()) };
    let found = found?;
    Ok(found.partitions.iter().map(|p| TopicPartition::new(found.name.clone(), p.index)).collect())
}

async fn offsets(admin: &Admin, output: &Output, topic: &str, Time(spec): Time) -> Result<()> {
    let asked = partitions_of(admin, topic).await?.into_iter().map(|p| (p, spec)).collect();
    let (mut rows, mut json, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (p, result) in admin.list_offsets(&asked, Isolation::ReadUncommitted).await {
        match result {
            Ok(found) => {
                let number = |n: i64| if n < 0 { String::new() } else { n.to_string() };
                rows.push([
                    p.topic.to_string(),
                    p.partition.to_string(),
                    number(found.offset),
                    number(found.timestamp),
                ]);
                json.push(json!({
                    "topic": &*p.topic, "partition": p.partition, "offset": found.offset,
                    "timestamp": (found.timestamp >= 0).then_some(found.timestamp),
                }));
            }
            Err(error) => failed.push((p, Err(error))),
        }
    }
    output.print(["TOPIC", "PARTITION", "OFFSET", "TIMESTAMP"], rows, || Value::Array(json))?;
    report(failed)
}

async fn delete_records(
    admin: &Admin,
    output: &Output,
    topic: &str,
    before: i64,
    partitions: &[i32],
) -> Result<()> {
    let mut all = partitions_of(admin, topic).await?;
    let missing: Vec<_> = partitions.iter().filter(|p| !all.iter().any(|a| a.partition == **p)).collect();
    if !missing.is_empty() {
        complain(&format!(
            "topic '{topic}' has {} partitions, not {}; count from 0",
            all.len(),
            list(missing)
        ));
        return Err(ToolError::Reported(1));
    }
    all.retain(|p| partitions.is_empty() || partitions.contains(&p.partition));
    let before = all.into_iter().map(|p| (p, before)).collect();
    let (mut rows, mut json, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (p, result) in admin.delete_records(&before).await {
        match result {
            Ok(first) => {
                rows.push([p.topic.to_string(), p.partition.to_string(), first.to_string()]);
                json.push(json!({ "topic": &*p.topic, "partition": p.partition, "log_start_offset": first }));
            }
            Err(error) => failed.push((p, Err(error))),
        }
    }
    output.print(["TOPIC", "PARTITION", "LOG-START-OFFSET"], rows, || Value::Array(json))?;
    report(failed)
}
