//! DescribeTopicPartitions, api key 75, version 0: topics by pages, with eligible leader replicas (KIP-966).

use ::metadata::{ClusterImage, Topic};
use protocol::ErrorCode;
use protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};

use crate::node::Node;
use crate::operations;
use crate::request::{Answer, Malformed, Request};
use crate::topics::is_internal;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: DescribeTopicPartitionsRequest<'_> = request.decode()?;
    let image = node.image();
    if !is_valid(&body) {
        return request.answer(&refusal(&body));
    }
    let (start, first_partition) = match &body.cursor {
        Some(cursor) => (&*cursor.topic_name, cursor.partition_index),
        None => ("", 0),
    };
    let limit = usize::try_from(body.response_partition_limit)
        .unwrap_or(0)
        .clamp(1, node.config().network.max_request_partition_size_limit as usize);
    let mut page = Page { response: DescribeTopicPartitionsResponse::default(), room: limit };
    if body.topics.is_empty() {
        for topic in image.topics_from(start) {
            let from = if *topic.name == *start { first_partition } else { 0 };
            if !page.add(topic, from, &image) {
                break;
            }
        }
    } else {
        let mut names: Vec<&str> =
            body.topics.iter().map(|topic| &*topic.name).filter(|name| *name >= start).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let from = if name == start { first_partition } else { 0 };
            let more = match image.topic(name) {
                Some(topic) => page.add(topic, from, &image),
                None => page.add_missing(name),
            };
            if !more {
                break;
            }
        }
    }
    request.answer(&page.response)
}

/// A cursor is at a partition, of a topic that is asked for.
fn is_valid(body: &DescribeTopicPartitionsRequest<'_>) -> bool {
    let Some(cursor) = &body.cursor else { return true };
    let asked = body.topics.is_empty() || body.topics.iter().any(|topic| *topic.name == *cursor.topic_name);
    asked && cursor.partition_index >= 0
}

fn refusal(body: &DescribeTopicPartitionsRequest<'_>) -> DescribeTopicPartitionsResponse<'static> {
    let topics = body.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(topic.name.to_string().into()),
        ..Default::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..Default::default() }
}

struct Page {
    response: DescribeTopicPartitionsResponse<'static>,
    room: usize,
}

impl Page {
    /// Adds the partitions of a topic as far as there is room; whether there may be more.
    fn add(&mut self, topic: &Topic, from: i32, image: &ClusterImage) -> bool {
        if self.room == 0 {
            self.stop_at(&topic.name, from);
            return false;
        }
        let mut partitions = vec![];
        let mut next = None;
        for (index, partition) in topic.partitions.range(from..) {
            if self.room == 0 {
                next = Some(*index);
                break;
            }
            self.room -= 1;
            let ids = |brokers: &[protocol::BrokerId]| {
                brokers.iter().map(|broker| broker.get()).collect::<Vec<_>>()
            };
            let alive =
                |broker: protocol::BrokerId| image.broker(broker).is_some_and(|broker| !broker.fenced);
            let leader = partition.leader.filter(|leader| alive(*leader));
            partitions.push(DescribeTopicPartitionsResponsePartition {
                error_code: if leader.is_some() { 0 } else { ErrorCode::LeaderNotAvailable.code() },
                partition_index: *index,
                leader_id: leader.map_or(-1, |leader| leader.get()),
                leader_epoch: partition.leader_epoch.get(),
                replica_nodes: ids(&partition.replicas),
                isr_nodes: ids(&partition.isr),
                eligible_leader_replicas: Some(ids(&partition.elr)),
                last_known_elr: Some(ids(&partition.last_known_elr)),
                offline_replicas: ids(&partition
                    .replicas
                    .iter()
                    .copied()
                    .filter(|replica| !image.is_online(partition, *replica))
                    .collect::<Vec<_>>()),
                ..Default::default()
            });
        }
        self.response.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(topic.name.to_string().into()),
            topic_id: topic.id,
            is_internal: is_internal(&topic.name),
            partitions,
            topic_authorized_operations: operations::TOPIC,
            ..Default::default()
        });
        if let Some(next) = next {
            self.stop_at(&topic.name, next);
        }
        next.is_none()
    }

    fn add_missing(&mut self, name: &str) -> bool {
        let error = match ::metadata::topic_name::validate(name) {
            Ok(()) => ErrorCode::UnknownTopicOrPartition,
            Err(_) => ErrorCode::InvalidTopicException,
        };
        self.response.topics.push(DescribeTopicPartitionsResponseTopic {
            error_code: error.code(),
            name: Some(name.to_owned().into()),
            is_internal: is_internal(name),
            topic_authorized_operations: operations::TOPIC,
            ..Default::default()
        });
        true
    }

    fn stop_at(&mut self, topic: &str, partition_index: i32) {
        self.response.next_cursor =
            Some(Cursor { topic_name: topic.to_owned().into(), partition_index, ..Cursor::default() });
    }
}

#[cfg(test)]
mod tests {
    use protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};

    use super::*;

    #[test]
    fn a_cursor_is_at_a_partition_of_what_is_asked_for() {
        let check = |topics: &[&'static str], cursor: Option<(&'static str, i32)>, expect: bool| {
            let body = DescribeTopicPartitionsRequest {
                topics: topics
                    .iter()
                    .map(|name| TopicRequest { name: (*name).into(), ..Default::default() })
                    .collect(),
                cursor: cursor.map(|(topic, partition_index)| Cursor {
                    topic_name: topic.into(),
                    partition_index,
                    ..Default::default()
                }),
                ..Default::default()
            };
            assert_eq!(is_valid(&body), expect, "{topics:?} {cursor:?}");
        };
        check(&["a"], None, true);
        check(&["a"], Some(("a", 3)), true);
        check(&["a"], Some(("a", -1)), false);
        check(&["a"], Some(("b", 0)), false);
        check(&[], Some(("b", 0)), true);
    }
}
