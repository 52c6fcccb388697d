//! DeleteTopics, api key 20, versions 1 to 6: deletes topics with their records and committed offsets.
//!
//! 4: flexible. 5: error messages (KIP-599). 6: topics by id (KIP-516). Decided by `metadata::controller`.

use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::delete_topics_response::DeletableTopicResult;
use protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};

use crate::controller::decide;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: DeleteTopicsRequest<'_> = request.decode()?;
    let reply = decide(node, |machine, image, _| machine.delete_topics(image, &body, request.version)).await;
    request.answer(&reply.unwrap_or_else(|error| refuse(&body, error)))
}

/// The answer where the metadata log takes no records.
fn refuse(body: &DeleteTopicsRequest<'_>, error: ErrorCode) -> DeleteTopicsResponse<'static> {
    let row = |name: Option<&str>, topic_id| DeletableTopicResult {
        name: name.map(|name| name.to_owned().into()),
        topic_id,
        error_code: error.code(),
        ..DeletableTopicResult::default()
    };
    let by_name = body.topic_names.iter().map(|name| row(Some(name), protocol::Uuid::ZERO));
    let either = body.topics.iter().map(|topic| row(topic.name.as_deref(), topic.topic_id));
    DeleteTopicsResponse { responses: by_name.chain(either).collect(), ..DeleteTopicsResponse::default() }
}
