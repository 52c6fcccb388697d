//! What a record of a share-partition can be, and how a member acknowledges it.

use std::sync::Arc;

/// Why a record goes to the dead letter topic (KIP-1191).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterCause {
    /// A member rejected it.
    Rejected,
    /// It was delivered as often as may be.
    DeliveryCountExceeded,
}

/// The state of records, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RecordState {
    /// May be delivered.
    Available,
    /// In a member's hands.
    Acquired(AcquisitionLock),
    /// Done with.
    Acknowledged,
    /// Given up, on its way to the dead letter topic.
    Archiving(DeadLetterCause),
    /// Given up, or there is no such record.
    Archived,
}

/// Whose a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AcquisitionLock {
    pub(super) member_id: Arc<str>,
    /// Until this monotonic millisecond.
    pub(super) until_ms: u64,
    /// What becomes of it once that is written; meanwhile nothing else does, even if the time is over.
    pub(super) writing: Option<Box<RecordState>>,
}

impl RecordState {
    /// Its number in `__share_group_state`.
    pub(super) const fn id(&self) -> i8 {
        match self {
            Self::Available => 0,
            Self::Acquired(_) => 1,
            Self::Acknowledged => 2,
            Self::Archiving(_) => 3,
            Self::Archived => 4,
        }
    }

    /// Whether there is nothing more to do.
    pub(super) const fn is_terminal(&self) -> bool {
        matches!(self, Self::Acknowledged | Self::Archived)
    }

    /// Whether there is nothing more to do, or will be once that is written.
    pub(super) fn is_terminal_when_written(&self) -> bool {
        match self {
            Self::Acquired(AcquisitionLock { writing: Some(to), .. }) => to.is_terminal(),
            state => state.is_terminal(),
        }
    }
}

/// How a member acknowledges a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcknowledgeType {
    /// There is no such record.
    Gap,
    /// Processed.
    Accept,
    /// To be delivered again.
    Release,
    /// Not to be delivered again.
    Reject,
    /// Not done yet: the lock begins anew (KIP-1222).
    Renew,
}

impl AcknowledgeType {
    /// The type of a number on the wire.
    pub const fn from_id(id: i8) -> Option<Self> {
        match id {
            0 => Some(Self::Gap),
            1 => Some(Self::Accept),
            2 => Some(Self::Release),
            3 => Some(Self::Reject),
            4 => Some(Self::Renew),
            _ => None,
        }
    }
}
