//! ListOffsets, api key 2, versions 1 to 11: offsets by time, and the special ones.
//!
//! 2: isolation level. 4: leader epochs. 6: flexible. 7: the record with the highest timestamp (-3, KIP-734).
//! 8: earliest local (-4, KIP-405). 9: latest tiered (-5). 10: a timeout. 11: earliest pending upload (-6, KIP-1023).
//! Nothing is tiered here: -4 is the log's start, -5 and -6 have no answer.

use std::collections::BTreeSet;

use protocol::ErrorCode;
use protocol::messages::list_offsets_request::ListOffsetsPartition;
use protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use crate::cold::Cold;
use crate::node::Node;
use crate::partition::{AtTime, Isolation, ReadError};
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ListOffsetsRequest<'_> = request.decode()?;
    let isolation =
        if body.isolation_level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    // Kafka refuses a partition that is named twice, wherever it stands.
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for topic in &body.topics {
        for partition in &topic.partitions {
            let key = (&*topic.name, partition.partition_index);
            if !seen.insert(key) {
                twice.insert(key);
            }
        }
    }
    let mut response = ListOffsetsResponse::default();
    for topic in &body.topics {
        let mut partitions = vec![];
        for asked in &topic.partitions {
            let index = asked.partition_index;
            let found = if twice.contains(&(&*topic.name, index)) {
                Err(ErrorCode::InvalidRequest)
            } else {
                look_up(node, request.version, &topic.name, asked, isolation).await
            };
            let (error_code, timestamp, offset, leader_epoch) = match found {
                Ok(found) => (0, found.timestamp, found.offset.get(), found.leader_epoch.get()),
                Err(error) => (error.code(), -1, -1, -1),
            };
            partitions.push(ListOffsetsPartitionResponse {
                partition_index: index,
                error_code,
                timestamp,
                offset,
                leader_epoch: if request.version >= 4 { leader_epoch } else { -1 },
                ..Default::default()
            });
        }
        response.topics.push(ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions,
            ..Default::default()
        });
    }
    request.answer(&response)
}

async fn look_up(
    node: &Node,
    version: i16,
    topic: &str,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<AtTime, ErrorCode> {
    let (index, timestamp) = (asked.partition_index, asked.timestamp);
    // A special timestamp is none in the versions before it.
    let known = match timestamp {
        -3 => version >= 7,
        -4 => version >= 8,
        -5 => version >= 9,
        -6 => version >= 11,
        other => other >= -2,
    };
    if !known {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let partition = node.partition_by_name(topic, index)?;
    let mut cold = Cold::default();
    loop {
        match partition.offset_at(timestamp, asked.current_leader_epoch, isolation, cold.source()) {
            Ok(found) => return Ok(found),
            Err(ReadError::Refused(code)) => return Err(code),
            Err(ReadError::NotCached(missing)) => {
                cold.add(missing);
                cold.load().await;
            }
        }
    }
}
