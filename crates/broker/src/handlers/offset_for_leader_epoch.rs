//! OffsetForLeaderEpoch, api key 23, versions 2 to 4: where an epoch ended, for clients that look for truncation
//! (KIP-101, KIP-320).
//!
//! 3: replica id. 4: flexible.

use protocol::LeaderEpoch;
use protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: OffsetForLeaderEpochRequest<'_> = request.decode()?;
    let mut response = OffsetForLeaderEpochResponse::default();
    for topic in &body.topics {
        let rows = topic.partitions.iter().map(|asked| {
            let found = node.partition_by_name(&topic.topic, asked.partition).and_then(|partition| {
                partition.end_of_epoch(LeaderEpoch(asked.leader_epoch), asked.current_leader_epoch)
            });
            let (error_code, leader_epoch, end_offset) = match found {
                Ok((epoch, end)) => (0, epoch.get(), end.get()),
                Err(error) => (error.code(), -1, -1),
            };
            EpochEndOffset {
                error_code,
                partition: asked.partition,
                leader_epoch,
                end_offset,
                ..Default::default()
            }
        });
        response.topics.push(OffsetForLeaderTopicResult {
            topic: topic.topic.clone(),
            partitions: rows.collect(),
            ..Default::default()
        });
    }
    request.answer(&response)
}
