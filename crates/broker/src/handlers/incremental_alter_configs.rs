//! IncrementalAlterConfigs, api key 44, versions 0 to 1: sets, deletes, appends to and subtracts from configurations
//! (KIP-339). 1: flexible. Decided by `metadata::controller`.

use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use crate::controller::decide;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: IncrementalAlterConfigsRequest<'_> = request.decode()?;
    let reply = decide(node, |machine, image, _| machine.incremental_alter_configs(image, &body)).await;
    request.answer(&reply.unwrap_or_else(|error| refuse(&body, error)))
}

/// The answer where the metadata log takes no records.
fn refuse(
    body: &IncrementalAlterConfigsRequest<'_>,
    error: ErrorCode,
) -> IncrementalAlterConfigsResponse<'static> {
    let responses = body.resources.iter().map(|resource| AlterConfigsResourceResponse {
        error_code: error.code(),
        error_message: None,
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.to_string().into(),
        ..AlterConfigsResourceResponse::default()
    });
    IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..IncrementalAlterConfigsResponse::default()
    }
}
