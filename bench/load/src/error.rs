//! Why a load could not be run.

use protocol::ErrorCode;
use rdkafka::error::KafkaError;

/// What every command returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a load could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or a socket.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The system refused.
    #[error("the system refused: {0}")]
    System(#[from] rustix::io::Errno),
    /// Our own client.
    #[error("{0}")]
    Client(#[from] client::Error),
    /// librdkafka.
    #[error("librdkafka: {0}")]
    Librdkafka(#[from] KafkaError),
    /// A setting that makes no sense.
    #[error("{0}")]
    Setting(String),
    /// A group's coordinator.
    #[error("{what} of {group}: {code}")]
    Refused { what: &'static str, group: String, code: ErrorCode },
    /// What came is not what was sent.
    #[error("{failed} of {sent} records were not acknowledged")]
    Undelivered { failed: u64, sent: u64 },
    /// A reader that got nothing more.
    #[error("only {received} of {wanted} records came")]
    Missing { received: u64, wanted: u64 },
    /// A rate that the broker cannot hold.
    #[error("did not keep up: {open} records were not acknowledged {wait_s} s after the last was due")]
    Behind { open: u64, wait_s: u64 },
    /// A thread that panicked.
    #[error("a thread of the load panicked")]
    Thread,
}

impl Error {
    /// Whether trying again later may help.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Client(error) => error.is_retriable(),
            Self::Refused { code, .. } => code.is_retriable(),
            _ => false,
        }
    }
}
