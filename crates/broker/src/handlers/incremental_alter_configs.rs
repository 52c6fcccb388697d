//! IncrementalAlterConfigs, api key 44, versions 0 to 1: sets, deletes, appends to and subtracts from configurations
//! (KIP-339). 1: flexible. Decided by `metadata::controller`; the levels of loggers (KIP-412) are this node's own.

use std::sync::Arc;

use metadata::ApiError;
use metadata::configs::{Change, ResourceType};
use protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use protocol::{BrokerId, ErrorCode};

use crate::controller::decide;
use crate::error::Refusal;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let mut body: IncrementalAlterConfigsRequest<'_> = request.decode()?;
    let all = std::mem::take(&mut body.resources);
    let (loggers, others): (Vec<_>, Vec<_>) =
        all.iter().cloned().partition(|resource| resource.resource_type == ResourceType::BrokerLogger as i8);
    body.resources = others;
    let mut responses: Vec<_> = loggers
        .iter()
        .map(|resource| {
            let twice =
                loggers.iter().filter(|other| other.resource_name == resource.resource_name).count() > 1;
            alter_loggers(node, resource, twice, body.validate_only)
        })
        .collect();
    if !body.resources.is_empty() {
        let reply = decide(node, |machine, image, _| machine.incremental_alter_configs(image, &body)).await;
        responses.extend(reply.unwrap_or_else(|error| refuse(&body, error)).responses);
    }
    // In the order of the request.
    let place = |response: &AlterConfigsResourceResponse<'_>| {
        all.iter().position(|resource| {
            resource.resource_type == response.resource_type
                && resource.resource_name == response.resource_name
        })
    };
    responses.sort_by_key(place);
    request
        .answer(&IncrementalAlterConfigsResponse { responses, ..IncrementalAlterConfigsResponse::default() })
}

fn alter_loggers(
    node: &Node,
    resource: &AlterConfigsResource<'_>,
    twice: bool,
    only_check: bool,
) -> AlterConfigsResourceResponse<'static> {
    let alter = || {
        if twice {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "Each resource must appear at most once."));
        }
        own_node(node.id(), &resource.resource_name)?;
        let operations = resource.configs.iter().map(|c| (&*c.name, c.config_operation, c.value.as_deref()));
        let altered =
            Change::incremental(operations).and_then(|change| node.loggers().alter(&change, only_check));
        altered.map_err(|error| {
            let error = ApiError::from(error);
            Refusal { message: error.message.map(Into::into), ..Refusal::from(error.code) }
        })
    };
    let (code, message) = match alter() {
        Ok(()) => (ErrorCode::None, None),
        Err(refusal) => (refusal.code, refusal.message),
    };
    AlterConfigsResourceResponse {
        error_code: code.code(),
        error_message: message.map(Into::into),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.to_string().into(),
        ..AlterConfigsResourceResponse::default()
    }
}

/// Refuses the loggers of another node.
fn own_node(own: BrokerId, name: &str) -> Result<(), Refusal> {
    let refuse = |message| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    match name.parse::<i32>() {
        Ok(id) if id == own.get() => Ok(()),
        Ok(id) => refuse(format!("Unexpected node id. Expected {own}, but received {id}")),
        Err(_) => refuse(format!("Node id must be an integer, but it is: {name}")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loggers_are_those_of_this_node() {
        for (name, expect) in [
            ("1", None),
            ("7", Some("Unexpected node id. Expected 1, but received 7")),
            ("", Some("Node id must be an integer, but it is: ")),
        ] {
            let refused = own_node(BrokerId(1), name).err().and_then(|refusal| refusal.message);
            assert_eq!(refused.as_deref(), expect, "{name}");
        }
    }
}
