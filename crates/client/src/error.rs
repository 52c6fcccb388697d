//! What can go wrong, with what a person needs to act on it: what failed, on which broker, what to try.

use std::sync::Arc;
use std::time::Duration;

use protocol::wire::{DecodeError, EncodeError};
use protocol::{ApiKey, ErrorCode};

use crate::hint::hint;

/// Why a call failed. Cheap to clone: one failed batch fails each of its records.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No TCP connection.
    #[error("cannot connect to broker {broker}: {reason}; check the address and that a broker listens on it")]
    Connect {
        /// `host:port`.
        broker: Arc<str>,
        /// What the operating system says.
        reason: Arc<str>,
    },
    /// The connection ended with requests in flight.
    #[error("lost the connection to broker {broker} during {api}: {reason}; see that broker's log")]
    Disconnected {
        /// `host:port`.
        broker: Arc<str>,
        /// The request that was in flight.
        api: ApiKey,
        /// How it ended.
        reason: Arc<str>,
    },
    /// No answer in time. The connection is given up with it.
    #[error("broker {broker} did not answer {api} within {} ms; it may be overloaded or not speak Kafka's protocol", after.as_millis())]
    Timeout {
        /// `host:port`.
        broker: Arc<str>,
        /// The request.
        api: ApiKey,
        /// The patience that ran out.
        after: Duration,
    },
    /// The broker answered with an error.
    #[error("{what} (broker {broker}): {code}{}{}", detail(message), hint(*code))]
    Refused {
        /// What was attempted: "cannot create topic 'a'".
        what: Arc<str>,
        /// `host:port`.
        broker: Arc<str>,
        /// The broker's code.
        code: ErrorCode,
        /// The broker's words, where it sent some.
        message: Option<Arc<str>>,
    },
    /// The broker answered with a number that Kafka 4.4 does not know.
    #[error("{what} (broker {broker}): unknown error code {code}; the broker is newer than this client")]
    UnknownCode {
        /// What was attempted.
        what: Arc<str>,
        /// `host:port`.
        broker: Arc<str>,
        /// The number.
        code: i16,
    },
    /// Retries until the deadline did not help.
    #[error("{what}: gave up after {} ms; the last failure: {last}", after.as_millis())]
    Deadline {
        /// What was attempted.
        what: Arc<str>,
        /// How long.
        after: Duration,
        /// The last failure.
        last: Box<Error>,
    },
    /// A broker without a version of an API that we have.
    #[error(
        "broker {broker} does not serve {api} in a version between {min} and {max}{}; upgrade the broker or this client",
        theirs.map_or(String::new(), |(min, max)| format!(" (it has {min} to {max})"))
    )]
    UnsupportedVersion {
        /// `host:port`.
        broker: Arc<str>,
        /// The API.
        api: ApiKey,
        /// The lowest version that would do.
        min: i16,
        /// The highest version that would do.
        max: i16,
        /// What the broker has, if it has the API at all.
        theirs: Option<(i16, i16)>,
    },
    /// An answer that is not what the protocol says.
    #[error(
        "broker {broker} sent a malformed answer to {api}: {source}; is this a Kafka listener without TLS?"
    )]
    Decode {
        /// `host:port`.
        broker: Arc<str>,
        /// The request.
        api: ApiKey,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
    /// A request that the negotiated version cannot express.
    #[error("cannot write {api} for broker {broker}: {source}; the broker is too old for what was asked")]
    Encode {
        /// `host:port`.
        broker: Arc<str>,
        /// The request.
        api: ApiKey,
        /// What does not fit.
        source: EncodeError,
    },
    /// Records that cannot be read.
    #[error(
        "records of {partition} from broker {broker} at offset {offset} cannot be read: {reason}; seek past them or restore the partition"
    )]
    CorruptRecords {
        /// The partition.
        partition: protocol::TopicPartition,
        /// `host:port`.
        broker: Arc<str>,
        /// The position of the reader.
        offset: i64,
        /// What is wrong.
        reason: Arc<str>,
    },
    /// Records that cannot be packed.
    #[error("cannot pack a batch for {partition}: {reason}; try another compression")]
    Pack {
        /// The partition.
        partition: protocol::TopicPartition,
        /// What is wrong.
        reason: Arc<str>,
    },
    /// A record that no request has room for.
    #[error(
        "a record of {bytes} bytes is over the limit of {limit} bytes; raise max_request_bytes here and max.message.bytes on the topic"
    )]
    RecordTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A position with nothing stored under it and no rule for what to do.
    #[error("{partition} has no committed offset and no reset rule; choose earliest or latest, or seek")]
    NoOffset {
        /// The partition.
        partition: protocol::TopicPartition,
    },
    /// A call that makes no sense.
    #[error("{0}")]
    Invalid(Arc<str>),
    /// The producer or consumer was closed before this was done.
    #[error("{0} was closed")]
    Closed(&'static str),
}

fn detail(message: &Option<Arc<str>>) -> String {
    message.as_ref().map_or(String::new(), |m| format!(": {}", m.trim_end_matches('.')))
}

impl Error {
    /// The broker's answer to `what`: an error unless `code` is 0.
    pub(crate) fn check(
        what: impl Into<Arc<str>>,
        broker: &Arc<str>,
        code: i16,
        message: Option<&str>,
    ) -> Result<(), Self> {
        let broker = broker.clone();
        match ErrorCode::from_code(code) {
            Some(ErrorCode::None) => Ok(()),
            Some(code) => Err(Self::Refused {
                what: what.into(),
                broker,
                code,
                message: message.filter(|m| !m.is_empty()).map(Into::into),
            }),
            None => Err(Self::UnknownCode { what: what.into(), broker, code }),
        }
    }

    /// The broker's code, if it answered with one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Deadline { last, .. } => last.code(),
            _ => None,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Disconnected { .. } | Self::Timeout { .. } => true,
            Self::Refused { code, .. } => code.is_retriable(),
            _ => false,
        }
    }

    /// Whether it is not known if the broker did what was asked.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Disconnected { .. } | Self::Timeout { .. } | Self::Decode { .. })
            || self.code() == Some(ErrorCode::RequestTimedOut)
            || self.code() == Some(ErrorCode::NotEnoughReplicasAfterAppend)
    }
}
