//! CreatePartitions, api key 37, versions 0 to 3: gives topics more partitions (KIP-195).
//!
//! 2: flexible. 3: throttling. Decided by `metadata::controller`.

use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

use crate::controller::decide;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: CreatePartitionsRequest<'_> = request.decode()?;
    let reply = decide(node, |machine, image, random| machine.create_partitions(image, &body, random)).await;
    request.answer(&reply.unwrap_or_else(|error| refuse(&body, error)))
}

/// The answer where the metadata log takes no records.
fn refuse(body: &CreatePartitionsRequest<'_>, error: ErrorCode) -> CreatePartitionsResponse<'static> {
    let row = |topic: &protocol::messages::create_partitions_request::CreatePartitionsTopic<'_>| {
        CreatePartitionsTopicResult {
            name: topic.name.to_string().into(),
            error_code: error.code(),
            ..CreatePartitionsTopicResult::default()
        }
    };
    CreatePartitionsResponse {
        results: body.topics.iter().map(row).collect(),
        ..CreatePartitionsResponse::default()
    }
}
