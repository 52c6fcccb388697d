//! InitializeShareGroupState, api key 83, version 0: begins the share state of share-partitions anew (KIP-932).
//!
//! Decided by `coordinator::share_state`, for each share-partition at the coordinator that it has.

use std::sync::Arc;

use coordinator::share_state;
use protocol::Offset;
use protocol::messages::initialize_share_group_state_response::{InitializeStateResult, PartitionResult};
use protocol::messages::{InitializeShareGroupStateRequest, InitializeShareGroupStateResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};
use crate::shares::{asks_something, error_of, key};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: InitializeShareGroupStateRequest<'_> = request.decode()?;
    let mut response = InitializeShareGroupStateResponse::default();
    if !asks_something(&body.group_id, body.topics.iter().map(|topic| topic.partitions.len())) {
        return request.answer(&response);
    }
    let (image, group_id) = (node.image(), Arc::from(&*body.group_id));
    // All are asked before the first is answered: they wait for one write of the disk.
    let mut asked = vec![];
    for topic in &body.topics {
        for partition in &topic.partitions {
            let key = key(&group_id, topic.topic_id, partition.partition);
            asked.push(node.shares().ask(&image, &key, |subject| {
                let start_offset = Offset(partition.start_offset);
                share_state::Request::Initialize(subject, partition.state_epoch, start_offset)
            }));
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
        response.results.push(InitializeStateResult {
            topic_id: topic.topic_id,
            partitions,
            ..Default::default()
        });
    }
    request.answer(&response)
}
