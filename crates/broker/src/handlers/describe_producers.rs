//! DescribeProducers, api key 61, version 0: the producers that partitions remember, with their open transactions (KIP-664).

use metadata::topic_name;
use protocol::ErrorCode;
use protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use protocol::messages::{DescribeProducersRequest, DescribeProducersResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: DescribeProducersRequest<'_> = request.decode()?;
    let topics = body.topics.iter().map(|topic| TopicResponse {
        name: topic.name.to_string().into(),
        partitions: topic.partition_indexes.iter().map(|index| describe(node, &topic.name, *index)).collect(),
        ..TopicResponse::default()
    });
    request.answer(&DescribeProducersResponse {
        topics: topics.collect(),
        ..DescribeProducersResponse::default()
    })
}

fn describe(node: &Node, topic: &str, index: i32) -> PartitionResponse<'static> {
    let refuse = |error: ErrorCode, message: Option<String>| PartitionResponse {
        partition_index: index,
        error_code: error.code(),
        error_message: message.map(Into::into),
        ..PartitionResponse::default()
    };
    if let Err(error) = topic_name::validate(topic) {
        return refuse(ErrorCode::InvalidTopicException, Some(error));
    }
    match node.partition_by_name(topic, index) {
        Ok(partition) => PartitionResponse {
            partition_index: index,
            active_producers: partition.log().producers().producers().map(state).collect(),
            ..PartitionResponse::default()
        },
        Err(error) => {
            let message = "This server does not host this topic-partition.";
            refuse(error, node.image().topic(topic).is_none().then(|| message.to_owned()))
        }
    }
}

fn state(entry: &log::producer::ProducerEntry) -> ProducerState {
    ProducerState {
        producer_id: entry.producer_id.get(),
        producer_epoch: entry.producer_epoch.get().into(),
        last_sequence: entry.last_sequence(),
        last_timestamp: entry.last_timestamp,
        coordinator_epoch: entry.coordinator_epoch,
        current_txn_start_offset: entry.current_txn_first_offset.map_or(-1, |offset| offset.get()),
        ..ProducerState::default()
    }
}
