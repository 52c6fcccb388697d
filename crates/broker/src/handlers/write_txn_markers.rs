//! WriteTxnMarkers, api key 27, versions 1 and 2: ends transactions in partitions of this broker. From other brokers'
//! coordinators, and from `kafka-transactions abort` for transactions that no coordinator knows of.
//!
//! 2: how the transaction was done (KIP-1228). Answered once the markers are durable.

use coordinator::txn::TransactionVersion;
use protocol::messages::write_txn_markers_request::WritableTxnMarker;
use protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use protocol::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use protocol::{ErrorCode, ProducerEpoch, ProducerId};

use crate::error::Refusal;
use crate::node::Node;
use crate::partition::Marker;
use crate::purgatory::Watch;
use crate::request::{Answer, Malformed, Request};
use crate::transactions::end_transaction;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: WriteTxnMarkersRequest<'_> = request.decode()?;
    let mut markers = Vec::with_capacity(body.markers.len());
    for marker in &body.markers {
        markers.push(write(node, marker).await);
    }
    request.answer(&WriteTxnMarkersResponse { markers, ..WriteTxnMarkersResponse::default() })
}

async fn write(node: &Node, asked: &WritableTxnMarker<'_>) -> WritableTxnMarkerResult<'static> {
    let version = TransactionVersion::from_level(asked.transaction_version.into());
    let marker = Marker {
        producer_id: ProducerId(asked.producer_id),
        producer_epoch: ProducerEpoch(asked.producer_epoch),
        coordinator_epoch: asked.coordinator_epoch,
        committed: asked.transaction_result,
        is_of_epoch: version == TransactionVersion::V2,
    };
    let appended = asked.topics.iter().map(|topic| {
        let indexes = topic.partition_indexes.iter();
        indexes.map(|index| end_transaction(node, &topic.name, *index, marker)).collect::<Vec<_>>()
    });
    let appended: Vec<_> = appended.collect();
    let mut topics = Vec::with_capacity(asked.topics.len());
    for (topic, appended) in asked.topics.iter().zip(appended) {
        let mut partitions = Vec::with_capacity(appended.len());
        for (index, appended) in topic.partition_indexes.iter().zip(appended) {
            let error = match appended {
                Ok((partition, until)) => {
                    let watch = Watch::default();
                    let durable = watch.until(None, |watch| partition.poll_durable(until, watch)).await;
                    durable.and_then(Result::err).map_or(ErrorCode::None, |refusal| refusal.code)
                }
                Err(Refusal { code, .. }) => code,
            };
            partitions.push(WritableTxnMarkerPartitionResult {
                partition_index: *index,
                error_code: error.code(),
                ..WritableTxnMarkerPartitionResult::default()
            });
        }
        topics.push(WritableTxnMarkerTopicResult {
            name: topic.name.to_string().into(),
            partitions,
            ..WritableTxnMarkerTopicResult::default()
        });
    }
    WritableTxnMarkerResult { producer_id: asked.producer_id, topics, ..WritableTxnMarkerResult::default() }
}
