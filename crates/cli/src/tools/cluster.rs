//! `millstream cluster`.

use client::Admin;
use protocol::ApiKey;
use serde_json::{Value, json};

use super::output::Output;
use super::{Result, open, report};
use crate::args::{ClusterArgs, ClusterCommand};

pub(super) async fn run(args: ClusterArgs) -> Result<()> {
    let (admin, output) = open(&args.common).await?;
    match args.command.unwrap_or(ClusterCommand::Describe) {
        ClusterCommand::Describe => describe(&admin, &output).await,
        ClusterCommand::ApiVersions => api_versions(&admin, &output).await,
        ClusterCommand::LogDirs => log_dirs(&admin, &output).await,
    }
}

async fn describe(admin: &Admin, output: &Output) -> Result<()> {
    let info = admin.describe_cluster().await?;
    let controller = info.controller.map_or_else(|| "unknown".to_owned(), |c| c.to_string());
    output.say(&format!("cluster {}, controller {controller}", info.cluster_id))?;
    let rows = info.brokers.iter().map(|b| {
        let fenced = if b.is_fenced { "yes" } else { "no" };
        [b.id.to_string(), b.address.clone(), b.rack.clone().unwrap_or_default(), fenced.to_owned()]
    });
    let json = || {
        let broker = |b: &client::BrokerInfo| json!({ "id": b.id.get(), "address": b.address, "rack": b.rack, "fenced": b.is_fenced });
        json!({
            "cluster_id": info.cluster_id, "controller": info.controller.map(|c| c.get()),
            "brokers": info.brokers.iter().map(broker).collect::<Vec<_>>(),
        })
    };
    Ok(output.print(["BROKER", "ADDRESS", "RACK", "FENCED"], rows, json)?)
}

async fn api_versions(admin: &Admin, output: &Output) -> Result<()> {
    let (mut rows, mut json) = (Vec::new(), Vec::new());
    for broker in admin.describe_cluster().await?.brokers {
        for (key, min, max) in admin.api_versions(broker.id).await?.iter() {
            let api = ApiKey::from_key(key);
            let used = api.and_then(|a| {
                let ours = a.stable_versions();
                let version = max.min(*ours.end());
                (version >= min && version >= *ours.start()).then_some(version)
            });
            let name = api.map_or_else(|| "unknown".to_owned(), |a| a.name().to_owned());
            let range = format!("{min} to {max}");
            let ours = used.map_or_else(String::new, |u| u.to_string());
            rows.push([broker.id.to_string(), key.to_string(), name.clone(), range, ours]);
            json.push(json!({
                "broker": broker.id.get(), "api_key": key, "api": name, "min_version": min, "max_version": max,
                "usable": used,
            }));
        }
    }
    Ok(output.print(["BROKER", "KEY", "API", "VERSIONS", "USABLE"], rows, || Value::Array(json))?)
}

async fn log_dirs(admin: &Admin, output: &Output) -> Result<()> {
    let (mut rows, mut json, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for broker in admin.describe_cluster().await?.brokers {
        for (path, result) in admin.log_dirs(broker.id).await? {
            let dir = match result {
                Ok(dir) => dir,
                Err(error) => {
                    failed.push((path, Err(error)));
                    continue;
                }
            };
            for r in &dir.replicas {
                let (topic, partition) = (r.partition.topic.to_string(), r.partition.partition.to_string());
                let (size, lag) = (r.size_bytes.to_string(), r.offset_lag.to_string());
                rows.push([broker.id.to_string(), dir.path.clone(), topic, partition, size, lag]);
            }
            let replica = |r: &client::LogDirReplica| {
                json!({
                    "topic": &*r.partition.topic, "partition": r.partition.partition, "size_bytes": r.size_bytes,
                    "offset_lag": r.offset_lag, "future": r.is_future,
                })
            };
            json.push(json!({
                "broker": broker.id.get(), "log_dir": dir.path, "total_bytes": dir.total_bytes,
                "usable_bytes": dir.usable_bytes, "replicas": dir.replicas.iter().map(replica).collect::<Vec<_>>(),
            }));
        }
    }
    let header = ["BROKER", "LOG-DIR", "TOPIC", "PARTITION", "BYTES", "LAG"];
    output.print(header, rows, || Value::Array(json))?;
    report(failed)
}
