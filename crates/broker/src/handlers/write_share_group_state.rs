//! WriteShareGroupState, api key 85, versions 0 and 1: what has changed in share-partitions (KIP-932).
//!
//! 1: how many offsets are done with (KIP-1226).
//! Decided by `coordinator::share_state`, for each share-partition at the coordinator that it has.

use std::sync::Arc;

use coordinator::share_state;
use protocol::messages::write_share_group_state_request::StateBatch;
use protocol::messages::write_share_group_state_response::{PartitionResult, WriteStateResult};
use protocol::messages::{WriteShareGroupStateRequest, WriteShareGroupStateResponse};
use protocol::{LeaderEpoch, Offset};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};
use crate::shares::{asks_something, error_of, key};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: WriteShareGroupStateRequest<'_> = request.decode()?;
    let mut response = WriteShareGroupStateResponse::default();
    if !asks_something(&body.group_id, body.topics.iter().map(|topic| topic.partitions.len())) {
        return request.answer(&response);
    }
    let (image, group_id) = (node.image(), Arc::from(&*body.group_id));
    // All are asked before the first is answered: they wait for one write of the disk.
    let mut asked = vec![];
    for topic in &body.topics {
        for partition in &topic.partitions {
            let key = key(&group_id, topic.topic_id, partition.partition);
            let batches: Vec<share_state::StateBatch> = partition.state_batches.iter().map(batch).collect();
            let write = share_state::WriteState {
                state_epoch: partition.state_epoch,
                leader_epoch: LeaderEpoch(partition.leader_epoch),
                start_offset: Offset(partition.start_offset),
                delivery_complete_count: partition.delivery_complete_count,
                batches: &batches,
            };
            asked
                .push(node.shares().ask(&image, &key, |subject| share_state::Request::Write(subject, write)));
        }
    }
    let mut asked = asked.into_iter();
    for topic in &body.topics {
        let mut partitions = vec![];
        for (partition, asked) in topic.partitions.iter().zip(asked.by_ref()) {
            let answer = asked.answer().await?;
            let (error_code, error_message) = error_of(&answer);
            partitions.push(PartitionResult {
                partition: partition.partition,
                error_code,
                error_message,
                ..Default::default()
            });
        }
        response.results.push(WriteStateResult {
            topic_id: topic.topic_id,
            partitions,
            ..Default::default()
        });
    }
    request.answer(&response)
}

fn batch(batch: &StateBatch) -> share_state::StateBatch {
    share_state::StateBatch {
        first_offset: Offset(batch.first_offset),
        last_offset: Offset(batch.last_offset),
        delivery_state: batch.delivery_state,
        delivery_count: batch.delivery_count,
    }
}
