//! DeleteRecords, api key 21, versions 0 to 2: moves the log start offset (KIP-107). 2: flexible.
//!
//! -1 means the high watermark. The answer comes when the new start is on disk.

use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};
use crate::topics::is_internal;

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: DeleteRecordsRequest<'_> = request.decode()?;
    let mut response = DeleteRecordsResponse::default();
    for topic in &body.topics {
        let mut partitions = vec![];
        for asked in &topic.partitions {
            let result = match node.partition_by_name(&topic.name, asked.partition_index) {
                Err(error) => Err(error),
                Ok(_) if is_internal(&topic.name) => Err(ErrorCode::InvalidTopicException),
                Ok(partition) => node.delete_records(partition, asked.offset).await,
            };
            let (low_watermark, error_code) = match result {
                Ok(start) => (start.get(), 0),
                Err(error) => (-1, error.code()),
            };
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: asked.partition_index,
                low_watermark,
                error_code,
                ..Default::default()
            });
        }
        response.topics.push(DeleteRecordsTopicResult {
            name: topic.name.clone(),
            partitions,
            ..Default::default()
        });
    }
    request.answer(&response)
}
