//! OffsetDelete, api key 47, version 0: forgets committed offsets of a group (KIP-496).
//!
//! Topics and partitions that do not exist are answered here, the rest is decided by `coordinator::group`.

use coordinator::group;
use protocol::ErrorCode;
use protocol::messages::OffsetDeleteRequest;
use protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let mut body: OffsetDeleteRequest<'_> = request.decode()?;
    let image = node.image();
    let mut refused: Vec<OffsetDeleteResponseTopic<'static>> = vec![];
    for topic in &mut body.topics {
        let exists = |index: i32| image.partition(&topic.name, index).is_some();
        let missing = topic.partitions.iter().map(|p| p.partition_index).filter(|index| !exists(*index));
        let partitions: Vec<_> = missing
            .map(|partition_index| OffsetDeleteResponsePartition {
                partition_index,
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
                ..Default::default()
            })
            .collect();
        if !partitions.is_empty() {
            refused.push(OffsetDeleteResponseTopic {
                name: topic.name.to_string().into(),
                partitions,
                ..Default::default()
            });
            let name = topic.name.clone();
            topic.partitions.retain(|partition| image.partition(&name, partition.partition_index).is_some());
        }
    }
    body.topics.retain(|topic| !topic.partitions.is_empty());
    let asked = node.groups().ask(&body.group_id, group::Request::OffsetDelete(&body));
    match asked.answer().await {
        Some(group::Response::OffsetDelete(mut response)) => {
            if response.error_code == 0 {
                for topic in refused {
                    match response.topics.iter_mut().find(|known| known.name == topic.name) {
                        Some(known) => known.partitions.extend(topic.partitions),
                        None => response.topics.push(topic),
                    }
                }
            }
            request.answer(&response)
        }
        _ => Err(Malformed::Stopping),
    }
}
