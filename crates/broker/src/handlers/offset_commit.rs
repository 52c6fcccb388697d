//! OffsetCommit, api key 8, versions 2 to 10: commits offsets of a group.
//!
//! 5: no retention time. 6: leader epochs. 7: group.instance.id. 8: flexible. 9: the new group protocol's errors
//! (KIP-848). 10: topics by id. Topics and partitions that do not exist are answered here, the rest is decided by
//! `coordinator::group`; the answer comes when the commit is durable.

use coordinator::group;
use protocol::ErrorCode;
use protocol::messages::OffsetCommitRequest;
use protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
use protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// The first version that names topics by id.
const TOPIC_IDS: i16 = 10;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let mut body: OffsetCommitRequest<'_> = request.decode()?;
    let image = node.image();
    let mut refused: Vec<OffsetCommitResponseTopic<'static>> = vec![];
    let asked = std::mem::take(&mut body.topics);
    for mut topic in asked {
        let found = if request.version >= TOPIC_IDS {
            image.topic_by_id(topic.topic_id)
        } else {
            image.topic(&topic.name)
        };
        let Some(found) = found else {
            let error = if request.version >= TOPIC_IDS {
                ErrorCode::UnknownTopicId
            } else {
                ErrorCode::UnknownTopicOrPartition
            };
            refused.push(refuse(&topic, |_| true, error));
            continue;
        };
        topic.topic_id = found.id;
        topic.name = found.name.to_string().into();
        let exists = |index: i32| found.partitions.contains_key(&index);
        if topic.partitions.iter().any(|partition| !exists(partition.partition_index)) {
            refused.push(refuse(&topic, |index| !exists(index), ErrorCode::UnknownTopicOrPartition));
            topic.partitions.retain(|partition| exists(partition.partition_index));
        }
        if !topic.partitions.is_empty() {
            body.topics.push(topic);
        }
    }
    if body.topics.is_empty() && !refused.is_empty() {
        let response = protocol::messages::OffsetCommitResponse { topics: refused, ..Default::default() };
        return request.answer(&response);
    }
    let asked = node.groups().ask(&body.group_id, group::Request::OffsetCommit(request.version, &body));
    match asked.answer().await {
        Some(group::Response::OffsetCommit(mut response)) => {
            for topic in refused {
                match response
                    .topics
                    .iter_mut()
                    .find(|known| known.topic_id == topic.topic_id && known.name == topic.name)
                {
                    Some(known) => known.partitions.extend(topic.partitions),
                    None => response.topics.push(topic),
                }
            }
            request.answer(&response)
        }
        _ => Err(Malformed::Stopping),
    }
}

fn refuse(
    topic: &OffsetCommitRequestTopic<'_>,
    which: impl Fn(i32) -> bool,
    error: ErrorCode,
) -> OffsetCommitResponseTopic<'static> {
    let partitions = topic.partitions.iter().map(|p| p.partition_index).filter(|index| which(*index));
    OffsetCommitResponseTopic {
        name: topic.name.to_string().into(),
        topic_id: topic.topic_id,
        partitions: partitions
            .map(|partition_index| OffsetCommitResponsePartition {
                partition_index,
                error_code: error.code(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}
