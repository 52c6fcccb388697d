//! Why a change of properties is refused. The texts are those of Kafka: tools show them and tests compare them.

use protocol::ErrorCode;
use stdx::properties;

/// A refused change: what the client is answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The configuration would be wrong.
    #[error("{0}")]
    InvalidConfig(#[source] Reason),
    /// The request makes no sense, or asks for what cannot change.
    #[error("{0}")]
    InvalidRequest(#[source] Reason),
}

impl Error {
    /// The code that goes with the text.
    pub fn code(&self) -> ErrorCode {
        match self {
            Error::InvalidConfig(_) => ErrorCode::InvalidConfig,
            Error::InvalidRequest(_) => ErrorCode::InvalidRequest,
        }
    }
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Error {
        Error::InvalidConfig(reason)
    }
}

impl From<properties::Error> for Error {
    fn from(error: properties::Error) -> Error {
        Error::InvalidConfig(Reason::Property(error))
    }
}

/// What is wrong with a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the text of each variant says what it is")]
pub enum Reason {
    #[error(transparent)]
    Property(properties::Error),
    #[error("Error due to duplicate config keys")]
    DuplicateNames,
    #[error("Null value not supported for : {}", .0.join(", "))]
    NullValues(Vec<String>),
    #[error("Unknown operations type {0}")]
    UnknownOperation(i8),
    #[error(
        "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes."
    )]
    ValueTooLong,
    #[error("Can't {operation} to key {name} because its type is not LIST.")]
    NotAList { operation: &'static str, name: String },

    #[error("Unknown {resource} config name: {name}")]
    UnknownName { resource: &'static str, name: String },
    #[error("conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})")]
    CompactionLags { min: i64, max: i64 },
    #[error(
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
    )]
    TieredStorageDisabled,
    #[error(
        "Remote log storage only supports topics with cleanup.policy=delete or cleanup.policy being an empty list."
    )]
    RemoteStorageCleanupPolicy,
    #[error(
        "It is invalid to disable remote storage without deleting remote data. If you want to keep the remote data and \
         turn to read only, please set `remote.storage.enable=true,remote.log.copy.disable=true`. If you want to \
         disable remote storage and delete all remote data, please set \
         `remote.storage.enable=false,remote.log.delete.on.disable=true`."
    )]
    RemoteStorageLeftBehind,
    #[error(
        "When `remote.log.copy.disable` is set to true, the `local.{0}` and `{0}` must be set to the identical value \
         because there will be no more logs copied to the remote storage."
    )]
    RemoteCopyDisabled(&'static str),

    #[error("Config value {operation} is not allowed for config key: {name}")]
    BrokerNotAList { operation: &'static str, name: String },
    #[error("Unknown config name: {0}")]
    BrokerUnknownList(String),
    #[error("Cannot update these configs dynamically: [{}]", .0.join(", "))]
    ReadOnly(Vec<String>),
    #[error(
        "These security configs can be dynamically updated only per-listener using the listener prefix: [{}]",
        .0.join(", ")
    )]
    NeedsListener(Vec<String>),
    #[error(
        "Cannot update these configs at default cluster level, broker id must be specified: [{}]", .0.join(", ")
    )]
    NeedsBroker(Vec<String>),
    #[error("This version of millstream cannot update these configs dynamically: [{}]", .0.join(", "))]
    NotYetDynamic(Vec<String>),
    #[error("requirement failed: {0}")]
    Requirement(String),
    #[error("{0}")]
    GroupBounds(String),
    #[error(
        "Dynamic thread count update validation failed for {name}={value}, value should {bound} the current value {current}"
    )]
    ThreadCount { name: &'static str, value: i64, bound: &'static str, current: i64 },

    #[error("{name} must be in the range {min} to {max} inclusive.")]
    GroupRange { name: &'static str, min: i64, max: i64 },
    #[error("{name} must be less than or equal to {max}")]
    GroupMaximum { name: &'static str, max: i64 },
    #[error("{name} must be greater than or equal to {min}")]
    GroupMinimum { name: &'static str, min: i64 },
    #[error("{kind}.session.timeout.ms must be greater than {kind}.heartbeat.interval.ms")]
    SessionWithinHeartbeat { kind: &'static str },
    #[error("streams.rack.aware.assignment.tags must not contain duplicate tag keys.")]
    DuplicateTags,
    #[error(
        "streams.assignor.name '{name}' is not a registered task assignor. Registered assignors are: [{}].",
        registered.join(", ")
    )]
    UnknownAssignor { name: String, registered: Vec<String> },
    #[error("errors.deadletterqueue.topic.name: DLQ topic name must not start with '__'")]
    InternalDeadLetterTopic,

    #[error("Subscription name can't be empty")]
    NoSubscriptionName,
    #[error("Unknown client metrics configuration: {0}")]
    UnknownClientMetrics(String),
    #[error("Invalid value {0} for interval.ms, interval must be between 100 and 3600000 (1 hour)")]
    PushInterval(i64),
    #[error("Illegal client matching pattern: {0}")]
    MatchPattern(String),

    #[error("Logger {0} does not exist!")]
    UnknownLogger(String),
    #[error(
        "Cannot set the log level of {logger} to {level} as it is not a supported log level. Valid log levels are \
         DEBUG, ERROR, FATAL, INFO, TRACE, WARN"
    )]
    LogLevel { logger: String, level: String },
    #[error("Removing the log level of the root logger is not allowed")]
    RootLogger,
    #[error("{0} operation is not allowed for the BROKER_LOGGER resource")]
    LoggerOperation(&'static str),
}
