//! The committed offsets of groups: fetch, move, delete.

use std::collections::BTreeMap;

use protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use protocol::messages::{OffsetDeleteRequest, OffsetFetchRequest};
use protocol::{ApiKey, LeaderEpoch, TopicPartition};

use super::Admin;
use crate::cluster::Purpose;
use crate::connection::CallOptions;
use crate::consumer::commit::{self, BY_NAME, Committer, ToCommit};
use crate::{Cluster, Error, Result};

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// Where the group goes on.
    pub offset: i64,
    /// The epoch of what was read before; -1 if it was not told.
    pub leader_epoch: LeaderEpoch,
    /// The note beside it.
    pub metadata: String,
}

/// The committed offsets of a group: of these partitions, or of all that have one. One attempt.
pub(crate) async fn fetch_offsets(
    cluster: &Cluster,
    group: &str,
    partitions: Option<&[TopicPartition]>,
    require_stable: bool,
) -> Result<BTreeMap<TopicPartition, Result<GroupOffset>>> {
    let connection = cluster.coordinator(group, Purpose::Group).await?;
    let version = connection.version(ApiKey::OffsetFetch, BY_NAME)?;
    let by_topic = partitions.map(by_topic);
    let request = if version >= 8 {
        // KIP-709: many groups at once.
        let topic = |(name, indexes): (String, Vec<i32>)| OffsetFetchRequestTopics {
            name: name.into(),
            partition_indexes: indexes,
            ..Default::default()
        };
        let topics = by_topic.map(|t| t.into_iter().map(topic).collect());
        let group = OffsetFetchRequestGroup { group_id: group.into(), topics, ..Default::default() };
        OffsetFetchRequest { groups: vec![group], topics: Some(vec![]), require_stable, ..Default::default() }
    } else {
        let topic = |(name, indexes): (String, Vec<i32>)| OffsetFetchRequestTopic {
            name: name.into(),
            partition_indexes: indexes,
            ..Default::default()
        };
        let topics = by_topic.map(|t| t.into_iter().map(topic).collect());
        let require_stable = require_stable && version >= 7;
        OffsetFetchRequest { group_id: group.into(), topics, require_stable, ..Default::default() }
    };
    let options = CallOptions { at_most: BY_NAME, ..Default::default() };
    let answer = connection.call_with(&request, options).await?;
    let response = answer.decode()?;
    let what = || format!("cannot fetch the offsets of group '{group}'");
    let mut found = BTreeMap::new();
    let mut add = |topic: &str, index, offset: i64, epoch, metadata: Option<&str>, code| {
        let partition = TopicPartition::new(topic, index);
        let committed = Error::check(format!("{} in {partition}", what()), answer.broker(), code, None);
        // -1 stands where nothing is committed.
        if offset >= 0 || committed.is_err() {
            let metadata = metadata.unwrap_or_default().to_owned();
            let offset = GroupOffset { offset, leader_epoch: LeaderEpoch(epoch), metadata };
            found.insert(partition, committed.map(|()| offset));
        }
    };
    for group in &response.groups {
        Error::check(what(), answer.broker(), group.error_code, None)?;
        for t in &group.topics {
            for p in &t.partitions {
                let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
                add(&t.name, p.partition_index, offset, epoch, p.metadata.as_deref(), p.error_code);
            }
        }
    }
    Error::check(what(), answer.broker(), response.error_code, None)?;
    for t in &response.topics {
        for p in &t.partitions {
            let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
            add(&t.name, p.partition_index, offset, epoch, p.metadata.as_deref(), p.error_code);
        }
    }
    Ok(found)
}

fn by_topic(partitions: &[TopicPartition]) -> BTreeMap<String, Vec<i32>> {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for p in partitions {
        topics.entry(p.topic.to_string()).or_default().push(p.partition);
    }
    topics
}

impl Admin {
    /// The committed offsets of a group.
    pub async fn group_offsets(&self, group: &str) -> Result<BTreeMap<TopicPartition, GroupOffset>> {
        let mut retry = self.cluster.retry(format!("cannot fetch the offsets of group '{group}'"));
        loop {
            let found = fetch_offsets(&self.cluster, group, None, false).await;
            let found: Result<_> = found.and_then(|f| f.into_iter().map(|(p, o)| Ok((p, o?))).collect());
            match found {
                Ok(found) => return Ok(found),
                Err(error) => {
                    self.cluster.doubt_coordinator(group, &error);
                    retry.again(error).await?;
                }
            }
        }
    }

    /// Moves the committed offsets of a group without members.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<Vec<(TopicPartition, Result<()>)>> {
        let to_commit =
            |offset: &i64| ToCommit { offset: *offset, epoch: LeaderEpoch::UNKNOWN, metadata: String::new() };
        let offsets = offsets.iter().map(|(p, offset)| (p.clone(), to_commit(offset))).collect();
        let mut retry = self.cluster.retry(format!("cannot reset the offsets of group '{group}'"));
        loop {
            let outcome = commit::commit(&self.cluster, group, Committer::default(), &offsets).await;
            // A coordinator that moves says so of each partition.
            let moving = outcome.and_then(|parts| {
                let first = parts.iter().find_map(|(_, r)| r.as_ref().err().filter(|e| e.is_retriable()));
                first.cloned().map_or(Ok(parts), Err)
            });
            match moving {
                Ok(parts) => return Ok(parts),
                Err(error) => {
                    self.cluster.doubt_coordinator(group, &error);
                    retry.again(error).await?;
                }
            }
        }
    }

    /// Deletes committed offsets of a group that does not subscribe to their topics.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Result<()>)>> {
        let topic = |(name, indexes): (String, Vec<i32>)| OffsetDeleteRequestTopic {
            name: name.into(),
            partitions: indexes
                .into_iter()
                .map(|partition_index| OffsetDeleteRequestPartition { partition_index, ..Default::default() })
                .collect(),
            ..Default::default()
        };
        let request = OffsetDeleteRequest {
            group_id: group.into(),
            topics: by_topic(partitions).into_iter().map(topic).collect(),
            ..Default::default()
        };
        let what = format!("cannot delete offsets of group '{group}'");
        let mut retry = self.cluster.retry(what.as_str());
        let attempt = async || {
            let answer = self.coordinator_call(group, &request).await?;
            let response = answer.decode()?;
            Error::check(what.as_str(), answer.broker(), response.error_code, None)?;
            let mut results = Vec::new();
            for t in &response.topics {
                for p in &t.partitions {
                    let partition = TopicPartition::new(&*t.name, p.partition_index);
                    let what = format!("{what} in {partition}");
                    results.push((partition, Error::check(what, answer.broker(), p.error_code, None)));
                }
            }
            Ok(results)
        };
        loop {
            match attempt().await {
                Ok(results) => return Ok(results),
                Err(error) => {
                    let error: Error = error;
                    self.cluster.doubt_coordinator(group, &error);
                    retry.again(error).await?;
                }
            }
        }
    }
}
