//! What can be wrong with a record batch.

use crate::compression;

/// What is wrong with a record batch: what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end before the batch does.
    #[error("truncated batch: {found} bytes where {needed} are needed")]
    Truncated {
        /// Bytes needed, from the start of the batch.
        needed: usize,
        /// Bytes present.
        found: usize,
    },
    /// The length field is smaller than any batch of this magic.
    #[error("batch length {found} is less than the minimum {min}")]
    BatchLength {
        /// The length field.
        found: i32,
        /// The least it can be.
        min: i32,
    },
    /// A message set of magic 0 or 1, which Kafka 4 no longer accepts (KIP-724).
    #[error("message format v{0} is no longer supported: expected magic 2")]
    OldMagic(i8),
    /// A magic that no version of Kafka has written.
    #[error("unknown magic {0}: expected 2")]
    UnknownMagic(i8),
    /// A negative number of records.
    #[error("negative record count {0}")]
    RecordCount(i32),
    /// A last offset before the base offset.
    #[error("negative last offset delta {0}")]
    LastOffsetDelta(i32),
    /// Offsets that do not fit into 64 bits.
    #[error("base offset {base_offset} with last offset delta {last_offset_delta} overflows")]
    OffsetOverflow {
        /// The batch's base offset.
        base_offset: i64,
        /// The batch's last offset delta.
        last_offset_delta: i32,
    },
    /// The checksum in the header is not the one of the bytes.
    #[error("corrupt batch at offset {base_offset}: stored crc {stored:#010x}, computed {computed:#010x}")]
    Crc {
        /// The batch's base offset.
        base_offset: i64,
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A compression id without a meaning.
    #[error("unknown compression id {0}")]
    UnknownCodec(u8),
    /// The records cannot be packed or unpacked.
    #[error(transparent)]
    Compression(#[from] compression::Error),
    /// More records announced than the bytes can hold.
    #[error("{left} records announced in {bytes} bytes")]
    RecordsMissing {
        /// Records still to come.
        left: i32,
        /// Bytes still to read.
        bytes: usize,
    },
    /// Bytes after the last record.
    #[error("{0} bytes after the last record")]
    TrailingBytes(usize),
    /// A record's length that is negative or more than the bytes left.
    #[error("invalid record length {0}")]
    RecordLength(i32),
    /// A record that ends inside of a field.
    #[error("record ends in the middle of a field")]
    RecordEnds,
    /// A record that is longer than its fields.
    #[error("{0} bytes after the last field of a record")]
    RecordRemains(usize),
    /// A variable-length integer that is too long, or too large for its type.
    #[error("variable-length integer out of bounds")]
    Varint,
    /// A number of headers that is negative or more than the bytes left can hold.
    #[error("invalid number of record headers {0}")]
    HeaderCount(i32),
    /// A header's key cannot be null.
    #[error("invalid record header key length {0}")]
    HeaderKeyLength(i32),
    /// The offsets of records must increase, from 0 on.
    #[error("offset delta {found} does not follow {last}")]
    OffsetOrder {
        /// The offset delta of the record.
        found: i32,
        /// The one before it, or -1.
        last: i32,
    },
    /// A batch cannot be larger than its length field can say.
    #[error("batch of {0} bytes is larger than the format allows")]
    TooLarge(usize),
    /// A control record whose key is not what Kafka writes.
    #[error("control record without a type: a key of {0} bytes")]
    ControlKey(usize),
    /// The value of an end marker of a transaction is not what Kafka writes.
    #[error("end transaction marker without a coordinator epoch: a value of {0} bytes")]
    EndTxnMarker(usize),
    /// A version before the first.
    #[error("invalid version {0} of a control record")]
    ControlVersion(i16),
}
