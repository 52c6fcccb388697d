//! Records that the image keeps without interpreting them, made independent of the bytes they were read from.

use std::borrow::Cow;

use protocol::messages::access_control_entry_record::AccessControlEntryRecord;
use protocol::messages::delegation_token_record::DelegationTokenRecord;
use protocol::messages::register_controller_record::{
    ControllerEndpoint, ControllerFeature, RegisterControllerRecord,
};
use protocol::messages::user_scram_credential_record::UserScramCredentialRecord;

use super::broker::text;

fn blob(bytes: &[u8]) -> Cow<'static, [u8]> {
    Cow::Owned(bytes.to_owned())
}

pub(super) fn controller(record: &RegisterControllerRecord<'_>) -> RegisterControllerRecord<'static> {
    let endpoint = |e: &ControllerEndpoint<'_>| ControllerEndpoint {
        name: text(&e.name),
        host: text(&e.host),
        port: e.port,
        security_protocol: e.security_protocol,
        unknown_tagged_fields: e.unknown_tagged_fields.clone(),
    };
    let feature = |f: &ControllerFeature<'_>| ControllerFeature {
        name: text(&f.name),
        min_supported_version: f.min_supported_version,
        max_supported_version: f.max_supported_version,
        unknown_tagged_fields: f.unknown_tagged_fields.clone(),
    };
    RegisterControllerRecord {
        controller_id: record.controller_id,
        incarnation_id: record.incarnation_id,
        zk_migration_ready: record.zk_migration_ready,
        end_points: record.end_points.iter().map(endpoint).collect(),
        features: record.features.iter().map(feature).collect(),
        unknown_tagged_fields: record.unknown_tagged_fields.clone(),
    }
}

pub(super) fn acl(record: &AccessControlEntryRecord<'_>) -> AccessControlEntryRecord<'static> {
    AccessControlEntryRecord {
        id: record.id,
        resource_type: record.resource_type,
        resource_name: text(&record.resource_name),
        pattern_type: record.pattern_type,
        principal: text(&record.principal),
        host: text(&record.host),
        operation: record.operation,
        permission_type: record.permission_type,
        unknown_tagged_fields: record.unknown_tagged_fields.clone(),
    }
}

pub(super) fn scram(record: &UserScramCredentialRecord<'_>) -> UserScramCredentialRecord<'static> {
    UserScramCredentialRecord {
        name: text(&record.name),
        mechanism: record.mechanism,
        salt: blob(&record.salt),
        stored_key: blob(&record.stored_key),
        server_key: blob(&record.server_key),
        iterations: record.iterations,
        unknown_tagged_fields: record.unknown_tagged_fields.clone(),
    }
}

pub(super) fn token(record: &DelegationTokenRecord<'_>) -> DelegationTokenRecord<'static> {
    DelegationTokenRecord {
        owner: text(&record.owner),
        requester: text(&record.requester),
        renewers: record.renewers.iter().map(|renewer| text(renewer)).collect(),
        issue_timestamp: record.issue_timestamp,
        max_timestamp: record.max_timestamp,
        expiration_timestamp: record.expiration_timestamp,
        token_id: text(&record.token_id),
        unknown_tagged_fields: record.unknown_tagged_fields.clone(),
    }
}
