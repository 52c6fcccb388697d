//! Committed offsets: reading and writing them as a member of the group, or beside it.

use std::collections::BTreeMap;

use protocol::messages::OffsetCommitRequest;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::{ErrorCode, LeaderEpoch, TopicPartition};
use tokio::time::Instant;

use super::{Consumer, Position};
use crate::cluster::Purpose;
use crate::connection::CallOptions;
use crate::{Cluster, Error, Result};

/// Version 10 of OffsetCommit and OffsetFetch names topics by id: of no use to us, who know them by name.
pub(crate) const BY_NAME: i16 = 9;

/// Who commits: a member of a generation, or someone beside the group.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Committer<'a> {
    pub(crate) member_id: &'a str,
    pub(crate) group_instance_id: Option<&'a str>,
    /// The generation; none beside the group, which is refused while it has members.
    pub(crate) generation: Option<i32>,
}

/// An offset to commit: where to go on, the epoch of what was read before, and a note.
#[derive(Clone, Debug)]
pub(crate) struct ToCommit {
    pub(crate) offset: i64,
    pub(crate) epoch: LeaderEpoch,
    pub(crate) metadata: String,
}

/// Commits for a group: what became of each partition. One attempt.
pub(crate) async fn commit(
    cluster: &Cluster,
    group: &str,
    who: Committer<'_>,
    offsets: &BTreeMap<TopicPartition, ToCommit>,
) -> Result<Vec<(TopicPartition, Result<()>)>> {
    let mut topics: Vec<OffsetCommitRequestTopic<'_>> = Vec::new();
    for (partition, to_commit) in offsets {
        let data = OffsetCommitRequestPartition {
            partition_index: partition.partition,
            committed_offset: to_commit.offset,
            committed_leader_epoch: to_commit.epoch.get(),
            committed_metadata: Some(to_commit.metadata.as_str().into()),
            ..Default::default()
        };
        match topics.last_mut().filter(|t| *t.name == *partition.topic) {
            Some(topic) => topic.partitions.push(data),
            None => topics.push(OffsetCommitRequestTopic {
                name: (&*partition.topic).into(),
                partitions: vec![data],
                ..Default::default()
            }),
        }
    }
    let request = OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: who.generation.unwrap_or(-1),
        member_id: who.member_id.into(),
        group_instance_id: who.group_instance_id.map(Into::into),
        topics,
        ..Default::default()
    };
    let connection = cluster.coordinator(group, Purpose::Group).await?;
    let options = CallOptions { at_most: BY_NAME, ..Default::default() };
    let answer = connection.call_with(&request, options).await?;
    let response = answer.decode()?;
    let mut outcome = Vec::new();
    for topic in &response.topics {
        for p in &topic.partitions {
            let partition = TopicPartition::new(&*topic.name, p.partition_index);
            let what = format!("cannot commit the offset of {partition} for group '{group}'");
            outcome.push((partition, Error::check(what, answer.broker(), p.error_code, None)));
        }
    }
    Ok(outcome)
}

impl Consumer {
    /// Commits the position of every partition that is read: all that `poll` has returned counts as dealt with.
    pub async fn commit(&mut self) -> Result<()> {
        let positions = self.reading.iter().filter_map(|(p, r)| Some((p.clone(), r.position?)));
        let positions = positions.collect();
        self.commit_positions(&positions).await
    }

    /// Commits chosen offsets: each is the offset after the last record that was dealt with.
    pub async fn commit_offsets(&mut self, offsets: &BTreeMap<TopicPartition, i64>) -> Result<()> {
        let position = |offset: &i64| Position { offset: *offset, epoch: LeaderEpoch::UNKNOWN };
        let positions = offsets.iter().map(|(p, offset)| (p.clone(), position(offset))).collect();
        self.commit_positions(&positions).await
    }

    async fn commit_positions(&self, positions: &BTreeMap<TopicPartition, Position>) -> Result<()> {
        let Some(group) = &self.config.group_id else {
            return Err(Error::Invalid("committing needs a group id".into()));
        };
        if positions.is_empty() {
            return Ok(());
        }
        let to_commit = |p: &Position| ToCommit { offset: p.offset, epoch: p.epoch, metadata: String::new() };
        let offsets = positions.iter().map(|(partition, p)| (partition.clone(), to_commit(p))).collect();
        let who = self.identity.as_ref().map_or_else(Committer::default, |identity| Committer {
            member_id: &identity.member_id,
            group_instance_id: self.config.group_instance_id.as_deref(),
            generation: Some(identity.generation),
        });
        let mut retry = self.cluster.retry(format!("cannot commit offsets for group '{group}'"));
        loop {
            let outcome = commit(&self.cluster, group, who, &offsets).await;
            let outcome = outcome.and_then(|parts| parts.into_iter().try_for_each(|(_, result)| result));
            let Err(error) = outcome else { return Ok(()) };
            self.cluster.doubt_coordinator(group, &error);
            retry.again(error).await?;
        }
    }

    /// A commit that nobody asked for: what fails is logged, and made good by the next one.
    pub(super) async fn commit_quietly(&mut self) {
        match self.commit().await {
            Ok(()) => {}
            // The partitions are about to be given back, which commits again, or are someone else's.
            Err(error) if error.code() == Some(ErrorCode::RebalanceInProgress) => {
                tracing::debug!(%error, "offsets not committed");
            }
            Err(error) => tracing::warn!(%error, "offsets not committed"),
        }
    }

    pub(super) async fn auto_commit(&mut self) {
        let due =
            self.config.auto_commit && self.config.group_id.is_some() && self.commit_at <= Instant::now();
        if due && !self.reading.is_empty() {
            self.commit_at = Instant::now() + self.config.auto_commit_interval;
            self.commit_quietly().await;
        }
    }

    /// The committed positions of these partitions, as far as there are any.
    pub(super) async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Position>> {
        let Some(group) = &self.config.group_id else { return Ok(BTreeMap::new()) };
        let stable = self.config.isolation == super::Isolation::ReadCommitted;
        let found =
            crate::admin::group_offsets::fetch_offsets(&self.cluster, group, Some(partitions), stable).await;
        let found = found.inspect_err(|error| self.cluster.doubt_coordinator(group, error))?;
        let position = |o: crate::GroupOffset| Position { offset: o.offset, epoch: o.leader_epoch };
        found.into_iter().map(|(p, offset)| Ok((p, position(offset?)))).collect()
    }
}
