//! Refusals. The APIs of these groups say in words what is wrong, beside the code.

use protocol::ErrorCode;

use crate::CommitError;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::group) struct Refusal {
    pub(in crate::group) error: ErrorCode,
    pub(in crate::group) message: String,
}

impl Refusal {
    pub(in crate::group) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }
}

/// Why an operation ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::group) enum Stop {
    /// The request is refused, and nothing changes.
    Refused(Refusal),
    /// What was decided cannot be written.
    Unwritable(CommitError),
}

impl Stop {
    /// For an API that says nothing in words.
    pub(in crate::group) fn from_code(error: ErrorCode) -> Self {
        Self::Refused(Refusal::new(error, ""))
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CommitError> for Stop {
    fn from(error: CommitError) -> Self {
        Self::Unwritable(error)
    }
}
