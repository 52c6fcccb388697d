//! ApiVersions, api key 18, versions 0 to 5: what is served, derived from the table of APIs.
//!
//! 3: flexible, features, the client's name and version (KIP-511, KIP-584). 4: supported features from 0. 5: cluster
//! and node the client believes to talk to, `REBOOTSTRAP_REQUIRED` if it is mistaken (KIP-1242). A version that we do not know is answered at version 0 with
//! `UNSUPPORTED_VERSION` and our range for this API, so that the client can ask again.

use protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use protocol::{ApiKey, ErrorCode};

use ::metadata::{Feature, MetadataVersion};

use crate::apis::APIS;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request, encode_answer};

/// The first version whose clients can read of features that are supported from level 0 on.
const SUPPORTED_FROM_0: i16 = 4;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ApiVersionsRequest<'_> = request.decode()?;
    if request.version >= 3
        && !(is_valid(&body.client_software_name) && is_valid(&body.client_software_version))
    {
        let error_code = ErrorCode::InvalidRequest.code();
        return request.answer(&ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() });
    }
    if let Some(cluster_id) = &body.cluster_id
        && (**cluster_id != *node.cluster_id() || body.node_id != node.id().get())
    {
        let error_code = ErrorCode::RebootstrapRequired.code();
        return request.answer(&ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() });
    }
    let image = node.image();
    let mut response = ApiVersionsResponse { api_keys: api_keys(), ..ApiVersionsResponse::default() };
    response.finalized_features_epoch = image.last_offset().map_or(-1, |offset| offset.get());
    // What is not served is not advertised, though an Apache Kafka may have finalized it before it left this cluster to us.
    let served = Feature::served().map(|feature| (feature.name, 0, feature.latest));
    let (min, max) = (MetadataVersion::MIN.level(), MetadataVersion::LATEST.level());
    for (name, min_version, max_version) in [(MetadataVersion::FEATURE, min, max)].into_iter().chain(served) {
        if min_version > 0 || request.version >= SUPPORTED_FROM_0 {
            response.supported_features.push(SupportedFeatureKey {
                name: name.into(),
                min_version,
                max_version,
                ..SupportedFeatureKey::default()
            });
        }
        let level = image.feature_level(name);
        if level > 0 {
            response.finalized_features.push(FinalizedFeatureKey {
                name: name.into(),
                max_version_level: level,
                min_version_level: level,
                ..FinalizedFeatureKey::default()
            });
        }
    }
    request.answer(&response)
}

/// What is told to a client whose version of this API we do not know (KIP-511).
pub(crate) fn unsupported_version(correlation_id: i32) -> Result<Answer, Malformed> {
    let versions = ApiKey::ApiVersions.stable_versions();
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: vec![row(ApiKey::ApiVersions, *versions.start(), *versions.end())],
        ..ApiVersionsResponse::default()
    };
    encode_answer(ApiKey::ApiVersions, 0, correlation_id, &response)
}

fn api_keys() -> Vec<ApiVersion> {
    let rows = APIS.iter().filter(|row| row.is_advertised()).map(|api| {
        let versions = api.versions();
        // librdkafka before 2.8 takes a broker without Produce 0 for one without any Produce (KAFKA-18659).
        let low = if api.api == ApiKey::Produce { 0 } else { *versions.start() };
        row(api.api, low, *versions.end())
    });
    rows.collect()
}

fn row(api: ApiKey, min_version: i16, max_version: i16) -> ApiVersion {
    ApiVersion { api_key: api.key(), min_version, max_version, ..ApiVersion::default() }
}

/// A client's software name or version: letters, digits, dots and dashes, neither first nor last a dot or dash.
fn is_valid(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let bytes = text.as_bytes();
    bytes.iter().all(|byte| inner(*byte))
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_are_kafkas() {
        let check = |text, expect| assert_eq!(is_valid(text), expect, "{text:?}");
        check("apache-kafka-java", true);
        check("4.4.0", true);
        check("", false);
        check("-a", false);
        check("a.", false);
        check("a b", false);
    }
}
