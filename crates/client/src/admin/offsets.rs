//! Offsets of partitions, and the deletion of what is before one.

use std::collections::BTreeMap;

use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::{DeleteRecordsRequest, ListOffsetsRequest};
use protocol::{BrokerId, ErrorCode, LeaderEpoch, TopicPartition};

use super::Admin;
use crate::cluster::Purpose;
use crate::{Cluster, Error, Isolation, Result};

/// The timestamps that stand for places.
pub(crate) const LATEST: i64 = -1;
pub(crate) const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The oldest record's.
    Earliest,
    /// The next record's.
    Latest,
    /// The first record's with this timestamp (milliseconds since the Unix epoch) or a later one.
    Timestamp(i64),
    /// The record's with the greatest timestamp (KIP-734).
    MaxTimestamp,
    /// The oldest record's on the leader's own disks (KIP-405).
    EarliestLocal,
}

impl OffsetSpec {
    const fn wire(self) -> i64 {
        match self {
            Self::Earliest => EARLIEST,
            Self::Latest => LATEST,
            Self::Timestamp(ms) => ms,
            Self::MaxTimestamp => MAX_TIMESTAMP,
            Self::EarliestLocal => EARLIEST_LOCAL,
        }
    }
}

/// An offset that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; -1 where there is no such record.
    pub offset: i64,
    /// The record's timestamp; -1 where the place has none.
    pub timestamp: i64,
    /// The record's leader epoch; -1 where it is not known.
    pub leader_epoch: LeaderEpoch,
}

type Found<T> = BTreeMap<TopicPartition, Result<T>>;

/// Partitions by their leaders; those without one have failed already.
async fn by_leader<V: Copy, T>(
    cluster: &Cluster,
    asked: &BTreeMap<TopicPartition, V>,
    found: &mut Found<T>,
) -> BTreeMap<BrokerId, Vec<(TopicPartition, V)>> {
    let mut leaders: BTreeMap<BrokerId, Vec<_>> = BTreeMap::new();
    for (partition, value) in asked {
        match cluster.leader(partition).await {
            Ok((leader, _)) => leaders.entry(leader).or_default().push((partition.clone(), *value)),
            Err(error) => drop(found.insert(partition.clone(), Err(error))),
        }
    }
    leaders
}

/// Asks the leaders for offsets by timestamp. One attempt; every partition gets its result.
pub(crate) async fn list(
    cluster: &Cluster,
    asked: &BTreeMap<TopicPartition, i64>,
    isolation: Isolation,
) -> Found<ListedOffset> {
    let mut found = Found::new();
    for (leader, partitions) in by_leader(cluster, asked, &mut found).await {
        match list_at(cluster, leader, &partitions, isolation).await {
            Ok(results) => found.extend(results),
            Err(error) => found.extend(partitions.into_iter().map(|(p, _)| (p, Err(error.clone())))),
        }
    }
    found
}

async fn list_at(
    cluster: &Cluster,
    leader: BrokerId,
    partitions: &[(TopicPartition, i64)],
    isolation: Isolation,
) -> Result<Found<ListedOffset>> {
    let connection = cluster.broker(leader, Purpose::Control).await?;
    let mut topics: Vec<ListOffsetsTopic<'_>> = Vec::new();
    for (p, timestamp) in partitions {
        let data = ListOffsetsPartition {
            partition_index: p.partition,
            timestamp: *timestamp,
            ..Default::default()
        };
        match topics.last_mut().filter(|t| *t.name == *p.topic) {
            Some(topic) => topic.partitions.push(data),
            None => topics.push(ListOffsetsTopic {
                name: (&*p.topic).into(),
                partitions: vec![data],
                ..Default::default()
            }),
        }
    }
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation as i8,
        topics,
        timeout_ms: cluster.config().connection.request_timeout.as_millis().min(i32::MAX as u128) as i32,
        ..Default::default()
    };
    let answer = connection.call(&request).await?;
    let response = answer.decode()?;
    let of = |p: &TopicPartition| {
        let topic = response.topics.iter().find(|t| *t.name == *p.topic);
        let data = topic.and_then(|t| t.partitions.iter().find(|d| d.partition_index == p.partition));
        let code = data.map_or(ErrorCode::UnknownServerError.code(), |d| d.error_code);
        Error::check(format!("cannot list the offsets of {p}"), answer.broker(), code, None)?;
        let (offset, timestamp, epoch) =
            data.map_or((-1, -1, -1), |d| (d.offset, d.timestamp, d.leader_epoch));
        Ok(ListedOffset { offset, timestamp, leader_epoch: LeaderEpoch(epoch) })
    };
    Ok(partitions.iter().map(|(p, _)| (p.clone(), of(p))).collect())
}

impl Admin {
    /// Offsets of partitions. Every partition gets its result.
    pub async fn list_offsets(
        &self,
        asked: &BTreeMap<TopicPartition, OffsetSpec>,
        isolation: Isolation,
    ) -> BTreeMap<TopicPartition, Result<ListedOffset>> {
        let mut left: BTreeMap<_, _> = asked.iter().map(|(p, spec)| (p.clone(), spec.wire())).collect();
        let mut found = Found::new();
        let mut retry = self.cluster.retry("cannot list offsets");
        while !left.is_empty() {
            let mut again = None;
            for (partition, result) in list(&self.cluster, &left, isolation).await {
                match result {
                    Err(error) if error.is_retriable() => {
                        self.cluster.forget(&partition.topic);
                        again = Some(error.clone());
                        found.insert(partition, Err(error));
                    }
                    result => {
                        left.remove(&partition);
                        found.insert(partition, result);
                    }
                }
            }
            // Past the deadline the last errors stand.
            if let Some(error) = again
                && retry.again(error).await.is_err()
            {
                break;
            }
        }
        found
    }

    /// Deletes all records before the given offsets (-1: before the high watermark). The results are the new first
    /// offsets.
    pub async fn delete_records(
        &self,
        before: &BTreeMap<TopicPartition, i64>,
    ) -> BTreeMap<TopicPartition, Result<i64>> {
        let mut left = before.clone();
        let mut found = Found::new();
        let mut retry = self.cluster.retry("cannot delete records");
        while !left.is_empty() {
            let mut results = Found::new();
            for (leader, partitions) in by_leader(&self.cluster, &left, &mut results).await {
                match self.delete_records_at(leader, &partitions).await {
                    Ok(deleted) => results.extend(deleted),
                    Err(error) => {
                        results.extend(partitions.into_iter().map(|(p, _)| (p, Err(error.clone()))));
                    }
                }
            }
            let mut again = None;
            for (partition, result) in results {
                match &result {
                    Err(error) if error.is_retriable() => {
                        self.cluster.forget(&partition.topic);
                        again = Some(error.clone());
                    }
                    _ => drop(left.remove(&partition)),
                }
                found.insert(partition, result);
            }
            if let Some(error) = again
                && retry.again(error).await.is_err()
            {
                break;
            }
        }
        found
    }

    async fn delete_records_at(
        &self,
        leader: BrokerId,
        partitions: &[(TopicPartition, i64)],
    ) -> Result<Found<i64>> {
        let mut topics: Vec<DeleteRecordsTopic<'_>> = Vec::new();
        for (p, offset) in partitions {
            let data = DeleteRecordsPartition {
                partition_index: p.partition,
                offset: *offset,
                ..Default::default()
            };
            match topics.last_mut().filter(|t| *t.name == *p.topic) {
                Some(topic) => topic.partitions.push(data),
                None => topics.push(DeleteRecordsTopic {
                    name: (&*p.topic).into(),
                    partitions: vec![data],
                    ..Default::default()
                }),
            }
        }
        let request = DeleteRecordsRequest { topics, timeout_ms: self.timeout_ms(), ..Default::default() };
        let answer = self.cluster.broker(leader, Purpose::Control).await?.call(&request).await?;
        let response = answer.decode()?;
        let mut found = Found::new();
        for topic in &response.topics {
            for p in &topic.partitions {
                let partition = TopicPartition::new(&*topic.name, p.partition_index);
                let what = format!("cannot delete records of {partition}");
                let result = Error::check(what, answer.broker(), p.error_code, None);
                found.insert(partition, result.map(|()| p.low_watermark));
            }
        }
        Ok(found)
    }
}
