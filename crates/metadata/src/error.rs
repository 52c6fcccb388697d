//! What can be wrong with a metadata log. Refusals of requests are not errors: they are replies.

use protocol::wire::{DecodeError, EncodeError};
use protocol::{Offset, Uuid};

/// Why a record of the metadata log cannot be read, written or applied. Each means that the log is damaged, or was
/// written by a newer release: going on would lose what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The frame around a record has a version that we do not know.
    #[error("metadata record at offset {offset}: unknown frame version {frame_version}, expected 1")]
    UnknownFrameVersion {
        /// Where.
        offset: Offset,
        /// What the frame says.
        frame_version: u32,
    },
    /// A record of a type or version that Kafka 4.4 does not have.
    #[error(
        "metadata record at offset {offset}: type {api_key} version {version} is unknown: written by a newer release?"
    )]
    UnknownRecord {
        /// Where.
        offset: Offset,
        /// The type's number.
        api_key: u32,
        /// Its version.
        version: u32,
    },
    /// A record's bytes are not of its schema.
    #[error("metadata record at offset {offset}: type {api_key} version {version}: {source}")]
    Malformed {
        /// Where.
        offset: Offset,
        /// The type's number.
        api_key: i16,
        /// Its version.
        version: i16,
        /// What is wrong.
        source: DecodeError,
    },
    /// The frame's own numbers cannot be read.
    #[error("metadata record at offset {offset}: unreadable frame: {source}")]
    MalformedFrame {
        /// Where.
        offset: Offset,
        /// What is wrong.
        source: DecodeError,
    },
    /// Bytes follow a record.
    #[error("metadata record at offset {offset}: {bytes} bytes of garbage after a record of type {api_key}")]
    TrailingBytes {
        /// Where.
        offset: Offset,
        /// The type's number.
        api_key: i16,
        /// How many.
        bytes: usize,
    },
    /// A record holds what the finalized `metadata.version` has no place for.
    #[error("metadata record of type {api_key} at metadata.version {metadata_version}: {source}")]
    Unwritable {
        /// The type's number.
        api_key: i16,
        /// The level.
        metadata_version: i16,
        /// What is wrong.
        source: EncodeError,
    },
    /// The log is of a `metadata.version` that we do not speak.
    #[error(
        "metadata record at offset {offset}: metadata.version {level} is not supported, expected {min} to {max}"
    )]
    UnsupportedMetadataVersion {
        /// Where.
        offset: Offset,
        /// The level the log says.
        level: i16,
        /// The lowest that we speak.
        min: i16,
        /// The highest that we speak.
        max: i16,
    },
    /// A topic is created twice.
    #[error("metadata record at offset {offset}: topic '{name}' ({topic_id}) exists already")]
    DuplicateTopic {
        /// Where.
        offset: Offset,
        /// Its name.
        name: String,
        /// The new id.
        topic_id: Uuid,
    },
    /// A record speaks of a topic that does not exist.
    #[error("metadata record at offset {offset}: no topic with id {topic_id}")]
    UnknownTopicId {
        /// Where.
        offset: Offset,
        /// The id.
        topic_id: Uuid,
    },
    /// A record speaks of a topic that does not exist.
    #[error("metadata record at offset {offset}: no topic '{name}'")]
    UnknownTopicName {
        /// Where.
        offset: Offset,
        /// The name.
        name: String,
    },
    /// A record changes a partition that does not exist.
    #[error("metadata record at offset {offset}: topic {topic_id} has no partition {partition}")]
    UnknownPartition {
        /// Where.
        offset: Offset,
        /// The topic.
        topic_id: Uuid,
        /// The partition.
        partition: i32,
    },
    /// A record changes a broker that is not registered, or not with that epoch.
    #[error("metadata record at offset {offset}: no broker {broker_id} registered with epoch {broker_epoch}")]
    UnknownBroker {
        /// Where.
        offset: Offset,
        /// The broker.
        broker_id: i32,
        /// The epoch the record says.
        broker_epoch: i64,
    },
    /// A record removes an access control entry that does not exist.
    #[error("metadata record at offset {offset}: no access control entry {id}")]
    UnknownAcl {
        /// Where.
        offset: Offset,
        /// The entry.
        id: Uuid,
    },
    /// A field has a value without a meaning.
    #[error("metadata record at offset {offset}: {field} cannot be {value}")]
    InvalidValue {
        /// Where.
        offset: Offset,
        /// The record's and the field's name.
        field: &'static str,
        /// The value.
        value: i64,
    },
    /// A transaction begins inside another, or ends where there is none.
    #[error("metadata record at offset {offset}: {what}")]
    TransactionState {
        /// Where.
        offset: Offset,
        /// What is wrong.
        what: &'static str,
    },
}
