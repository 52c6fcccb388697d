//! The 61 bytes in front of the records of a batch.

use super::Error;
use crate::compression::Codec;
use crate::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// Where each field of the header starts.
pub(super) mod at {
    pub(crate) const BASE_OFFSET: usize = 0;
    pub(crate) const BATCH_LENGTH: usize = 8;
    pub(crate) const PARTITION_LEADER_EPOCH: usize = 12;
    pub(crate) const MAGIC: usize = 16;
    pub(crate) const CRC: usize = 17;
    pub(crate) const ATTRIBUTES: usize = 21;
    pub(crate) const LAST_OFFSET_DELTA: usize = 23;
    pub(crate) const BASE_TIMESTAMP: usize = 27;
    pub(crate) const MAX_TIMESTAMP: usize = 35;
    pub(crate) const PRODUCER_ID: usize = 43;
    pub(crate) const PRODUCER_EPOCH: usize = 51;
    pub(crate) const BASE_SEQUENCE: usize = 53;
    pub(crate) const RECORD_COUNT: usize = 57;
    pub(crate) const RECORDS: usize = 61;
}

const MAGIC: i8 = 2;
/// The least length field of a message of magic 0: crc, magic, attributes, and the lengths of a null key and value.
const MIN_BATCH_LENGTH_V0: i32 = 14;
/// The least length field of a batch: the header after the length field itself.
const MIN_BATCH_LENGTH: i32 = (at::RECORDS - at::PARTITION_LEADER_EPOCH) as i32;

/// Whose clock the timestamps of a batch are from (KIP-32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's: each record has its own.
    #[default]
    CreateTime,
    /// The broker's: every record has the batch's max timestamp.
    LogAppendTime,
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// How the records are compressed; an error where the id has no meaning.
    pub fn codec(self) -> Result<Codec, Error> {
        let id = (self.0 & Self::CODEC) as u8;
        Codec::from_id(id).ok_or(Error::UnknownCodec(id))
    }

    /// Whose clock the timestamps are from.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the records belong to a transaction, or end one.
    pub const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the records are control records, which consumers do not see.
    pub const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp is the time from which tombstones may go (KIP-534).
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// These attributes with another codec.
    pub const fn with_codec(self, codec: Codec) -> Self {
        Self((self.0 & !Self::CODEC) | codec.id() as i16)
    }

    /// These attributes with another timestamp type.
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, matches!(timestamp_type, TimestampType::LogAppendTime))
    }

    /// These attributes with the transactional bit set or cleared.
    pub const fn with_transactional(self, on: bool) -> Self {
        self.with(Self::TRANSACTIONAL, on)
    }

    /// These attributes with the control bit set or cleared.
    pub const fn with_control(self, on: bool) -> Self {
        self.with(Self::CONTROL, on)
    }

    /// These attributes with the delete horizon bit set or cleared.
    pub const fn with_delete_horizon(self, on: bool) -> Self {
        self.with(Self::DELETE_HORIZON, on)
    }

    const fn with(self, bit: i16, on: bool) -> Self {
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }
}

/// The header of a record batch of magic 2, as [`BatchHeader::parse`] found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record, when the batch was first written.
    pub base_offset: Offset,
    /// The bytes of the batch after this field: see [`BatchHeader::size_bytes`].
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch. Not covered by the crc.
    pub partition_leader_epoch: LeaderEpoch,
    /// CRC-32C of the batch from the attributes to the end.
    pub crc: u32,
    /// Compression, timestamp type and the kinds of batch.
    pub attributes: Attributes,
    /// The last offset less the base offset; compaction keeps it. Not negative.
    pub last_offset_delta: i32,
    /// The timestamp of the first record, or the delete horizon: what the timestamp deltas of the records add to.
    pub base_timestamp: i64,
    /// The greatest timestamp of the records, or the append time. In milliseconds, as all times of a batch.
    pub max_timestamp: i64,
    /// The producer that wrote the batch, or -1.
    pub producer_id: ProducerId,
    /// The producer's epoch, or -1.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of the first record, or -1.
    pub base_sequence: i32,
    /// How many records follow. Not negative; 0 in a batch that compaction has emptied.
    pub record_count: i32,
}

impl BatchHeader {
    /// The size of a header.
    pub const SIZE_BYTES: usize = at::RECORDS;
    /// The base offset and the length field: bytes of a batch that its length field does not count.
    pub const LOG_OVERHEAD_BYTES: usize = at::PARTITION_LEADER_EPOCH;

    /// The header at the start of `bytes`, which need not hold the rest of the batch.
    ///
    /// Checks the length field, the magic, and that counts and offsets make sense; not the crc.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        // The length and the magic come first: a batch that cannot be is an error however short the bytes are.
        let truncated = Error::Truncated { needed: at::RECORDS, found: bytes.len() };
        if let Some(length) = bytes.get(at::BATCH_LENGTH..).and_then(<[u8]>::first_chunk) {
            check_length(i32::from_be_bytes(*length), MIN_BATCH_LENGTH_V0)?;
        }
        match bytes.get(at::MAGIC).map(|magic| *magic as i8) {
            None => return Err(truncated),
            Some(MAGIC) => {}
            Some(magic @ (0 | 1)) => return Err(Error::OldMagic(magic)),
            Some(magic) => return Err(Error::UnknownMagic(magic)),
        }
        let header: &[u8; at::RECORDS] = bytes.first_chunk().ok_or(truncated)?;
        let parsed = Self {
            base_offset: Offset(i64::from_be_bytes(field::<{ at::BASE_OFFSET }, 8>(header))),
            batch_length: i32::from_be_bytes(field::<{ at::BATCH_LENGTH }, 4>(header)),
            partition_leader_epoch: LeaderEpoch(i32::from_be_bytes(
                field::<{ at::PARTITION_LEADER_EPOCH }, 4>(header),
            )),
            crc: u32::from_be_bytes(field::<{ at::CRC }, 4>(header)),
            attributes: Attributes(i16::from_be_bytes(field::<{ at::ATTRIBUTES }, 2>(header))),
            last_offset_delta: i32::from_be_bytes(field::<{ at::LAST_OFFSET_DELTA }, 4>(header)),
            base_timestamp: i64::from_be_bytes(field::<{ at::BASE_TIMESTAMP }, 8>(header)),
            max_timestamp: i64::from_be_bytes(field::<{ at::MAX_TIMESTAMP }, 8>(header)),
            producer_id: ProducerId(i64::from_be_bytes(field::<{ at::PRODUCER_ID }, 8>(header))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(field::<{ at::PRODUCER_EPOCH }, 2>(header))),
            base_sequence: i32::from_be_bytes(field::<{ at::BASE_SEQUENCE }, 4>(header)),
            record_count: i32::from_be_bytes(field::<{ at::RECORD_COUNT }, 4>(header)),
        };
        parsed.check()?;
        Ok(parsed)
    }

    /// Writes the header over the first bytes of a batch.
    pub(super) fn write(&self, batch: &mut [u8]) {
        let mut put = |at: usize, field: &[u8]| batch[at..at + field.len()].copy_from_slice(field);
        put(at::BASE_OFFSET, &self.base_offset.get().to_be_bytes());
        put(at::BATCH_LENGTH, &self.batch_length.to_be_bytes());
        put(at::PARTITION_LEADER_EPOCH, &self.partition_leader_epoch.get().to_be_bytes());
        put(at::MAGIC, &MAGIC.to_be_bytes());
        put(at::CRC, &self.crc.to_be_bytes());
        put(at::ATTRIBUTES, &self.attributes.0.to_be_bytes());
        put(at::LAST_OFFSET_DELTA, &self.last_offset_delta.to_be_bytes());
        put(at::BASE_TIMESTAMP, &self.base_timestamp.to_be_bytes());
        put(at::MAX_TIMESTAMP, &self.max_timestamp.to_be_bytes());
        put(at::PRODUCER_ID, &self.producer_id.get().to_be_bytes());
        put(at::PRODUCER_EPOCH, &self.producer_epoch.get().to_be_bytes());
        put(at::BASE_SEQUENCE, &self.base_sequence.to_be_bytes());
        put(at::RECORD_COUNT, &self.record_count.to_be_bytes());
    }

    /// Whether counts and offsets make sense.
    pub(super) fn check(&self) -> Result<(), Error> {
        check_length(self.batch_length, MIN_BATCH_LENGTH)?;
        if self.record_count < 0 {
            return Err(Error::RecordCount(self.record_count));
        }
        if self.last_offset_delta < 0 {
            return Err(Error::LastOffsetDelta(self.last_offset_delta));
        }
        // With room for the next offset, so that the helpers below cannot overflow.
        if self.base_offset.get().checked_add(i64::from(self.last_offset_delta) + 1).is_none() {
            return Err(Error::OffsetOverflow {
                base_offset: self.base_offset.get(),
                last_offset_delta: self.last_offset_delta,
            });
        }
        Ok(())
    }

    /// The size of the whole batch, header included. At least [`BatchHeader::SIZE_BYTES`].
    pub const fn size_bytes(&self) -> usize {
        Self::LOG_OVERHEAD_BYTES + self.batch_length as usize
    }

    /// The offset of the last record that the batch was first written with.
    pub fn last_offset(&self) -> Offset {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The offset after the batch.
    pub fn next_offset(&self) -> Offset {
        self.base_offset + (i64::from(self.last_offset_delta) + 1)
    }

    /// Whether the batch was written by an idempotent or transactional producer.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > ProducerId::NONE
    }

    /// The sequence of the last record, or -1. Sequences wrap from `i32::MAX` to 0.
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        ((self.base_sequence as i64 + self.last_offset_delta as i64) & i32::MAX as i64) as i32
    }

    /// The time from which the tombstones of the batch may go, where compaction has set one (KIP-534).
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }
}

fn check_length(found: i32, min: i32) -> Result<(), Error> {
    if found < min { Err(Error::BatchLength { found, min }) } else { Ok(()) }
}

/// The `N` bytes of a header from `AT` on. Out of bounds does not compile.
fn field<const AT: usize, const N: usize>(header: &[u8; at::RECORDS]) -> [u8; N] {
    const { assert!(AT + N <= at::RECORDS) };
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[AT..AT + N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_bytes(edit: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut bytes = vec![0; at::RECORDS];
        bytes[at::BATCH_LENGTH..at::PARTITION_LEADER_EPOCH].copy_from_slice(&MIN_BATCH_LENGTH.to_be_bytes());
        bytes[at::MAGIC] = 2;
        edit(&mut bytes);
        bytes
    }

    fn check(edit: impl FnOnce(&mut [u8]), expect: Error) {
        assert_eq!(BatchHeader::parse(&header_bytes(edit)), Err(expect));
    }

    #[test]
    fn refuses_what_cannot_be_a_batch() {
        check(|b| b[8..12].copy_from_slice(&13i32.to_be_bytes()), Error::BatchLength { found: 13, min: 14 });
        check(|b| b[8..12].copy_from_slice(&48i32.to_be_bytes()), Error::BatchLength { found: 48, min: 49 });
        check(
            |b| b[8..12].copy_from_slice(&(-1i32).to_be_bytes()),
            Error::BatchLength { found: -1, min: 14 },
        );
        check(|b| b[16] = 0, Error::OldMagic(0));
        check(|b| b[16] = 1, Error::OldMagic(1));
        check(|b| b[16] = 3, Error::UnknownMagic(3));
        check(|b| b[16] = 0xff, Error::UnknownMagic(-1));
        check(|b| b[57] = 0x80, Error::RecordCount(i32::MIN));
        check(|b| b[23] = 0x80, Error::LastOffsetDelta(i32::MIN));
        check(
            |b| b[..8].copy_from_slice(&i64::MAX.to_be_bytes()),
            Error::OffsetOverflow { base_offset: i64::MAX, last_offset_delta: 0 },
        );
    }

    #[test]
    fn short_bytes_are_truncated_not_wrong() {
        let whole = header_bytes(|_| {});
        for found in 0..whole.len() {
            assert_eq!(BatchHeader::parse(&whole[..found]), Err(Error::Truncated { needed: 61, found }));
        }
        // Enough to see that it can never become a batch.
        assert_eq!(BatchHeader::parse(&header_bytes(|b| b[16] = 1)[..17]), Err(Error::OldMagic(1)));
        assert_eq!(BatchHeader::parse(&[0; 12]), Err(Error::BatchLength { found: 0, min: 14 }));
    }

    #[test]
    fn sequences_wrap() {
        let last_sequence = |base_sequence, last_offset_delta| {
            let header = BatchHeader::parse(&header_bytes(|_| {})).unwrap();
            BatchHeader { base_sequence, last_offset_delta, ..header }.last_sequence()
        };
        assert_eq!(last_sequence(-1, 9), -1);
        assert_eq!(last_sequence(0, 9), 9);
        assert_eq!(last_sequence(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(last_sequence(i32::MAX, 1), 0);
        assert_eq!(last_sequence(i32::MAX - 2, 9), 6);
    }

    #[test]
    fn attributes_hold_one_bit_each() {
        let none = Attributes::default();
        assert_eq!(none.with_codec(Codec::Zstd).0, 0x04);
        assert_eq!(none.with_timestamp_type(TimestampType::LogAppendTime).0, 0x08);
        assert_eq!(none.with_transactional(true).0, 0x10);
        assert_eq!(none.with_control(true).0, 0x20);
        assert_eq!(none.with_delete_horizon(true).0, 0x40);
        assert_eq!(Attributes(0x7f).with_codec(Codec::Gzip).0, 0x79);
        assert_eq!(Attributes(0x0c).with_timestamp_type(TimestampType::CreateTime).0, 0x04);
        assert_eq!(Attributes(5).codec(), Err(Error::UnknownCodec(5)));
    }
}
