//! What can go wrong in a coordinator, and what a client is told of it.

use protocol::wire::DecodeError;
use protocol::{ErrorCode, Offset};

/// A record of the internal topic that cannot be replayed. The partition's coordinator must not serve: it would
/// answer from a state that the log does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key has no room for its type.
    #[error("a coordinator key of {length_bytes} bytes has no type")]
    MissingType {
        /// The key's length.
        length_bytes: usize,
    },
    /// A record of a known type does not decode.
    #[error("a coordinator record of type {record_type} is malformed: {source}")]
    Malformed {
        /// The first two bytes of the key.
        record_type: i16,
        /// What is wrong.
        source: DecodeError,
    },
    /// Bytes are left after a key or value of a known type.
    #[error("a coordinator record of type {record_type} has {trailing_bytes} bytes too many")]
    Trailing {
        /// The first two bytes of the key.
        record_type: i16,
        /// How many are left.
        trailing_bytes: usize,
    },
    /// A record of a type that does not belong into the topic.
    #[error("a coordinator record of the unknown type {record_type}")]
    UnknownType {
        /// The first two bytes of the key.
        record_type: i16,
    },
    /// Share state whose batches do not ascend, or that are in a state that there is not.
    #[error(
        "share state of {first_offset} to {last_offset}: {delivery_state}, delivered {delivery_count} times"
    )]
    InvalidStateBatch {
        /// The first offset.
        first_offset: Offset,
        /// The last offset.
        last_offset: Offset,
        /// The state's number.
        delivery_state: i8,
        /// The delivery count.
        delivery_count: i16,
    },
    /// A transaction in a state that there is not.
    #[error("a transaction in the unknown state {state}")]
    UnknownState {
        /// Its number.
        state: i8,
    },
}

/// Why what a machine proposed did not become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// This broker does not lead the partition any more.
    #[error("not the leader of the partition")]
    NotLeader,
    /// Fewer replicas are in sync than `min.insync.replicas`.
    #[error("not enough replicas are in sync")]
    NotEnoughReplicas,
    /// Not committed within `offsets.commit.timeout.ms`.
    #[error("not committed in time")]
    TimedOut,
    /// The disk is full or failed.
    #[error("storage failed")]
    Storage,
    /// The transaction that the records belong to is not known, or has ended meanwhile.
    #[error("not part of an open transaction")]
    NotInTransaction,
    /// The producer of the transaction has been fenced.
    #[error("the producer is fenced")]
    ProducerFenced,
    /// The records do not fit: a name or the whole is longer than the log takes.
    #[error("the records are too large")]
    TooLarge,
}

impl CommitError {
    /// What Kafka's coordinators answer in this case, so that clients look the coordinator up again or retry.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::NotLeader | Self::Storage => ErrorCode::NotCoordinator,
            Self::NotEnoughReplicas | Self::TimedOut => ErrorCode::CoordinatorNotAvailable,
            Self::NotInTransaction => ErrorCode::InvalidTxnState,
            Self::ProducerFenced => ErrorCode::InvalidProducerEpoch,
            Self::TooLarge => ErrorCode::UnknownServerError,
        }
    }
}
