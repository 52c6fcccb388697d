//! Consumer groups of one member each, with one committed offset, over a few connections: what is left after it ends is
//! what groups cost a broker, without the sockets. The members are alive until their session ends.

use std::time::{Duration, Instant};

use client::{CallOptions, Cluster, Connection, Purpose};
use protocol::ErrorCode;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{JoinGroupRequest, OffsetCommitRequest, SyncGroupRequest};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::own::cluster;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    bootstrap: String,
    /// A topic that exists.
    #[arg(long)]
    topic: String,
    #[arg(long)]
    count: usize,
}

/// Long enough to be alive when the memory is looked at.
const SESSION_MS: i32 = 120_000;
/// How many groups are made at once, each over a connection of its own.
const AT_ONCE: usize = 16;
/// How long the coordinator may be on its way.
const PATIENCE: Duration = Duration::from_secs(30);
/// A subscription and an assignment of no topics: versions, an empty array, null user data.
const SUBSCRIPTION: &[u8] = b"\0\0\0\0\0\0\xff\xff\xff\xff";
/// Offset commits up to here name their topics; later versions, by id.
const COMMIT_BY_NAME: i16 = 9;

pub(crate) fn run(args: &Args) -> Result<Value> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let began = Instant::now();
        let mut makers = JoinSet::new();
        // Members of an earlier run may be alive still, and joining their group would wait for them.
        let run = std::process::id();
        for maker in 0..AT_ONCE {
            let (bootstrap, topic, count) = (args.bootstrap.clone(), args.topic.clone(), args.count);
            makers.spawn(async move {
                let cluster = cluster(&bootstrap)?;
                for number in (maker..count).step_by(AT_ONCE) {
                    patiently(&cluster, &format!("bench-group-{run}-{number:05}"), &topic).await?;
                }
                Ok::<_, Error>(())
            });
        }
        while let Some(done) = makers.join_next().await {
            done.map_err(|_| Error::Thread)??;
        }
        Ok(json!({ "groups": args.count, "seconds": began.elapsed().as_secs_f64() }))
    })
}

/// The first group of all has to wait until `__consumer_offsets` is there and its leaders have loaded it.
async fn patiently(cluster: &Cluster, name: &str, topic: &str) -> Result<()> {
    let began = Instant::now();
    let mut attempt = 0;
    loop {
        // A new name, because a member that an attempt has left behind would be waited for.
        match group(cluster, &format!("{name}-{attempt}"), topic).await {
            Err(error) if error.passes() && began.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                attempt += 1;
            }
            done => return done,
        }
    }
}

async fn group(cluster: &Cluster, group: &str, topic: &str) -> Result<()> {
    let connection = cluster.coordinator(group, Purpose::Group).await?;
    let (member_id, generation_id) = join(&connection, group).await?;
    let sync = SyncGroupRequest {
        group_id: group.into(),
        generation_id,
        member_id: member_id.as_str().into(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: member_id.as_str().into(),
            assignment: SUBSCRIPTION.into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = connection.call(&sync).await?;
    check("SyncGroup", group, answer.decode()?.error_code)?;
    let commit = OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: generation_id,
        member_id: member_id.as_str().into(),
        topics: vec![OffsetCommitRequestTopic {
            name: topic.into(),
            partitions: vec![OffsetCommitRequestPartition { committed_offset: 1, ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let options = CallOptions { at_most: COMMIT_BY_NAME, ..Default::default() };
    let answer = connection.call_with(&commit, options).await?;
    let response = answer.decode()?;
    for partition in response.topics.iter().flat_map(|t| &t.partitions) {
        check("OffsetCommit", group, partition.error_code)?;
    }
    Ok(())
}

/// The member's id and its generation. The first attempt learns the id (KIP-394).
async fn join(connection: &Connection, group: &str) -> Result<(String, i32)> {
    let mut member_id = String::new();
    for _ in 0..2 {
        let known = member_id.clone();
        let request = JoinGroupRequest {
            group_id: group.into(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: SESSION_MS,
            member_id: known.as_str().into(),
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol {
                name: "range".into(),
                metadata: SUBSCRIPTION.into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let options = CallOptions { timeout: Some(Duration::from_secs(30)), ..Default::default() };
        let answer = connection.call_with(&request, options).await?;
        let response = answer.decode()?;
        let joined = (response.member_id.to_string(), response.generation_id);
        if response.error_code != ErrorCode::MemberIdRequired.code() {
            check("JoinGroup", group, response.error_code)?;
            return Ok(joined);
        }
        member_id = joined.0;
    }
    Err(Error::Setting(format!("group {group}: the broker asks for a member id again and again")))
}

fn check(what: &'static str, group: &str, code: i16) -> Result<()> {
    match ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError) {
        ErrorCode::None => Ok(()),
        code => Err(Error::Refused { what, group: group.to_owned(), code }),
    }
}
