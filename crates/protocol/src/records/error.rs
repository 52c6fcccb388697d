//! What can be wrong with the bytes of a record batch.

/// Bytes that are no record batch: what was found and what was expected.
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
}
