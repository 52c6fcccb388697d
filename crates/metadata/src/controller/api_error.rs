//! A refusal, as replies carry it.

use std::borrow::Cow;

use protocol::ErrorCode;

/// A code with its text. Kafka's texts are part of what people's scripts and tests read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// What went wrong.
    pub code: ErrorCode,
    /// Why; `None` where the code says it all.
    pub message: Option<Cow<'static, str>>,
}

macro_rules! refusals {
    ($($name:ident $code:ident;)*) => {
        impl ApiError {$(
            #[doc = concat!("`", stringify!($code), "` with this text.")]
            pub fn $name(message: impl Into<Cow<'static, str>>) -> Self {
                Self { code: ErrorCode::$code, message: Some(message.into()) }
            }
        )*}
    };
}

refusals! {
    duplicate_broker_registration DuplicateBrokerRegistration;
    inconsistent_cluster_id InconsistentClusterId;
    invalid_config InvalidConfig;
    invalid_partitions InvalidPartitions;
    invalid_registration InvalidRegistration;
    invalid_replica_assignment InvalidReplicaAssignment;
    invalid_replication_factor InvalidReplicationFactor;
    invalid_request InvalidRequest;
    invalid_topic InvalidTopicException;
    policy_violation PolicyViolation;
    stale_broker_epoch StaleBrokerEpoch;
    topic_already_exists TopicAlreadyExists;
    unknown_topic_id UnknownTopicId;
    unknown_topic_or_partition UnknownTopicOrPartition;
    unsupported_version UnsupportedVersion;
}

impl ApiError {
    /// A code without a text.
    pub const fn bare(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    /// More records than one request may make.
    pub(super) fn excessively_large_batch() -> Self {
        Self::policy_violation("Unable to perform excessively large batch operation.")
    }

    /// The code and text of a result, as responses carry them: 0 and null for success.
    pub fn fields<T>(result: &Result<T, Self>) -> (i16, Option<Cow<'static, str>>) {
        match result {
            Ok(_) => (ErrorCode::None.code(), None),
            Err(error) => (error.code.code(), error.message.clone()),
        }
    }
}
