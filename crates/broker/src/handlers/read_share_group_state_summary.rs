//! ReadShareGroupStateSummary, api key 87, versions 0 and 1: where share-partitions start and how much of them is done with (KIP-932).
//!
//! 1: how many offsets are done with (KIP-1226).
//! Decided by `coordinator::share_state`, for each share-partition at the coordinator that it has.

use std::sync::Arc;

use coordinator::share_state;
use protocol::messages::read_share_group_state_summary_response::{PartitionResult, ReadStateSummaryResult};
use protocol::messages::{ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};
use crate::shares::{asks_something, error_of, key};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ReadShareGroupStateSummaryRequest<'_> = request.decode()?;
    let mut response = ReadShareGroupStateSummaryResponse::default();
    if !asks_something(&body.group_id, body.topics.iter().map(|topic| topic.partitions.len())) {
        return request.answer(&response);
    }
    let (image, group_id) = (node.image(), Arc::from(&*body.group_id));
    // All are asked before the first is answered: they wait for one write of the disk.
    let mut asked = vec![];
    for topic in &body.topics {
        for partition in &topic.partitions {
            let key = key(&group_id, topic.topic_id, partition.partition);
            asked.push(node.shares().ask(&image, &key, share_state::Request::ReadSummary));
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
            if let share_state::Response::Summary(summary) = answer {
                result.state_epoch = summary.state_epoch;
                result.leader_epoch = summary.leader_epoch.get();
                result.start_offset = summary.start_offset.get();
                result.delivery_complete_count = summary.delivery_complete_count;
            }
            partitions.push(result);
        }
        response.results.push(ReadStateSummaryResult {
            topic_id: topic.topic_id,
            partitions,
            ..Default::default()
        });
    }
    request.answer(&response)
}
