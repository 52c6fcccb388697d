//! CreateTopics, api key 19, versions 2 to 7: creates topics, or says whether it would.
//!
//! 4: -1 stands for the default number of partitions and replicas (KIP-464). 5: the configs that hold, flexible
//! (KIP-525). 6: throttling. 7: topic ids. Decided by `metadata::controller`; the answer comes when the topics exist
//! here.

use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::create_topics_response::CreatableTopicResult;
use protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};

use crate::controller::decide;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: CreateTopicsRequest<'_> = request.decode()?;
    let reply = decide(node, |machine, image, random| machine.create_topics(image, &body, random)).await;
    request.answer(&reply.unwrap_or_else(|error| refuse(&body, error)))
}

/// The answer where the metadata log takes no records.
fn refuse(body: &CreateTopicsRequest<'_>, error: ErrorCode) -> CreateTopicsResponse<'static> {
    let row = |topic: &protocol::messages::create_topics_request::CreatableTopic<'_>| CreatableTopicResult {
        name: topic.name.to_string().into(),
        error_code: error.code(),
        error_message: Some(error.name().into()),
        ..CreatableTopicResult::default()
    };
    CreateTopicsResponse { topics: body.topics.iter().map(row).collect(), ..CreateTopicsResponse::default() }
}
