//! ReadShareGroupState, api key 84, version 0: what leaders of partitions begin with (KIP-932).
//!
//! Decided by `coordinator::share_state`, for each share-partition at the coordinator that it has.

use std::sync::Arc;

use coordinator::share_state;
use protocol::LeaderEpoch;
use protocol::messages::read_share_group_state_response::{PartitionResult, ReadStateResult, StateBatch};
use protocol::messages::{ReadShareGroupStateRequest, ReadShareGroupStateResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};
use crate::shares::{asks_something, error_of, key};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ReadShareGroupStateRequest<'_> = request.decode()?;
    let mut response = ReadShareGroupStateResponse::default();
    if !asks_something(&body.group_id, body.topics.iter().map(|topic| topic.partitions.len())) {
        return request.answer(&response);
    }
    let (image, group_id) = (node.image(), Arc::from(&*body.group_id));
    // All are asked before the first is answered: they wait for one write of the disk.
    let mut asked = vec![];
    for topic in &body.topics {
        for partition in &topic.partitions {
            let key = key(&group_id, topic.topic_id, partition.partition);
            let leader_epoch = LeaderEpoch(partition.leader_epoch);
            asked.push(
                node.shares().ask(&image, &key, |subject| share_state::Request::Read(subject, leader_epoch)),
            );
        }
    }
    let mut asked = asked.into_iter();
    for topic in &body.topics {
        let mut partitions = vec![];
        for (partition, asked) in topic.partitions.iter().zip(asked.by_ref()) {
            let answer = asked.answer().await?;
            let (error_code, error_message) = error_of(&answer);
            let mut result = PartitionResult {
                partition: partition.partition,
                error_code,
                error_message,
                ..Default::default()
            };
            if let share_state::Response::State(state) = answer {
                result.state_epoch = state.state_epoch;
                result.start_offset = state.start_offset.get();
                result.state_batches = state.batches.iter().map(batch).collect();
            }
            partitions.push(result);
        }
        response.results.push(ReadStateResult { topic_id: topic.topic_id, partitions, ..Default::default() });
    }
    request.answer(&response)
}

fn batch(batch: &share_state::StateBatch) -> StateBatch {
    StateBatch {
        first_offset: batch.first_offset.get(),
        last_offset: batch.last_offset.get(),
        delivery_state: batch.delivery_state,
        delivery_count: batch.delivery_count,
        ..Default::default()
    }
}
