//! From failures to Kafka's error codes: the only map, exhaustive, so that a new failure asks for its code.

use log::validate::{RecordProblem, Refusal as LogRefusal};
use protocol::ErrorCode;
use protocol::compression;
use protocol::records;

/// Why a partition refused something, as a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: Option<String>,
    /// Single records that were refused (KIP-467).
    pub(crate) records: Vec<RecordRefusal>,
    /// The log start offset, where the answer tells it; -1 otherwise.
    pub(crate) log_start_offset: i64,
}

/// A record that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordRefusal {
    pub(crate) index: i32,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()), records: vec![], log_start_offset: -1 }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None, records: vec![], log_start_offset: -1 }
    }
}

impl From<&LogRefusal> for Refusal {
    fn from(refusal: &LogRefusal) -> Self {
        let records = match refusal {
            LogRefusal::Records(errors) => errors
                .iter()
                .map(|error| RecordRefusal { index: error.index, message: error.problem.text().to_owned() })
                .collect(),
            _ => vec![],
        };
        Self { code: code_of(refusal), message: Some(refusal.to_string()), records, log_start_offset: -1 }
    }
}

fn code_of(refusal: &LogRefusal) -> ErrorCode {
    match refusal {
        LogRefusal::NoBatch
        | LogRefusal::MoreThanOneBatch
        | LogRefusal::Content(_)
        | LogRefusal::BaseOffset(_)
        | LogRefusal::Count { .. }
        | LogRefusal::ControlBatch
        | LogRefusal::Sequence { .. }
        | LogRefusal::LeaderEpoch { .. }
        | LogRefusal::OffsetsExhausted => ErrorCode::InvalidRecord,
        LogRefusal::Batch(records::Error::OldMagic(_)) => ErrorCode::InvalidRecord,
        LogRefusal::Batch(_) => ErrorCode::CorruptMessage,
        LogRefusal::Compression(compression::Error::TooLarge { .. }) => ErrorCode::MessageTooLarge,
        LogRefusal::Compression(_) => ErrorCode::CorruptMessage,
        LogRefusal::TooLarge { .. } => ErrorCode::MessageTooLarge,
        LogRefusal::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
        LogRefusal::Records(errors) if errors.iter().any(|e| e.problem != RecordProblem::NoKey) => {
            ErrorCode::InvalidTimestamp
        }
        LogRefusal::Records(_) => ErrorCode::InvalidRecord,
        LogRefusal::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        LogRefusal::ProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
        LogRefusal::NotInTransaction(_) | LogRefusal::NotVerified(_) => ErrorCode::InvalidTxnState,
        LogRefusal::CoordinatorEpoch { .. } => ErrorCode::TransactionCoordinatorFenced,
    }
}
