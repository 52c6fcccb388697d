//! Builds a batch, record by record.

use super::batch::crc;
use super::header::at;
use super::varint::{MAX_VARINT_BYTES, put_varint, put_varlong, varint_size_bytes, varlong_size_bytes};
use super::{Attributes, BatchHeader, Error, Header, TimestampType};
use crate::compression::{Codec, Compression};
use crate::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// What stands where there is no timestamp.
const NO_TIMESTAMP: i64 = -1;
/// What stands where there is no sequence.
const NO_SEQUENCE: i32 = -1;
/// What stands where there is no producer epoch.
const NO_PRODUCER_EPOCH: ProducerEpoch = ProducerEpoch(-1);

/// A record to append.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewRecord<'a> {
    /// The record's offset less the batch's base offset.
    pub offset_delta: i32,
    /// In milliseconds.
    pub timestamp: i64,
    /// The key; null and empty differ.
    pub key: Option<&'a [u8]>,
    /// The value; null and empty differ.
    pub value: Option<&'a [u8]>,
    /// The headers, in their order.
    pub headers: &'a [Header<'a>],
}

impl NewRecord<'_> {
    /// The size of the record in a batch of this base timestamp, without its length in front.
    fn body_size_bytes(&self, base_timestamp: i64) -> usize {
        let attributes = 1;
        let headers: usize =
            self.headers.iter().map(|h| field_size_bytes(Some(h.key)) + field_size_bytes(h.value)).sum();
        attributes
            + varlong_size_bytes(self.timestamp.wrapping_sub(base_timestamp))
            + varint_size_bytes(self.offset_delta)
            + field_size_bytes(self.key)
            + field_size_bytes(self.value)
            + varint_size_bytes(self.headers.len() as i32)
            + headers
    }
}

/// Builds one batch of magic 2. What is not set is as a plain producer sends it: no producer id, create time,
/// uncompressed, no leader epoch.
///
/// The records are kept unpacked until [`BatchBuilder::build`].
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    /// What is known so far. Length, codec, crc and last offset delta are settled at the end, and so is the max
    /// timestamp: until then it is the one of a batch with append time, or without records.
    header: BatchHeader,
    compression: Compression,
    /// The greatest of the records so far.
    max_timestamp: i64,
    /// Of the last record so far, or -1.
    last_offset_delta: i32,
    /// Room for the header, then the records.
    bytes: Vec<u8>,
}

impl BatchBuilder {
    /// A batch without records at an offset.
    pub fn new(base_offset: Offset) -> Self {
        let header = BatchHeader {
            base_offset,
            batch_length: 0,
            partition_leader_epoch: LeaderEpoch::UNKNOWN,
            crc: 0,
            attributes: Attributes::default(),
            last_offset_delta: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            producer_id: ProducerId::NONE,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            record_count: 0,
        };
        Self::with(header, Compression::default())
    }

    /// A batch without records that takes the place of another, whose records are packed anew or thinned out.
    ///
    /// Everything but the records is the other's: offsets to the last, producer and sequence, epoch, append time or
    /// delete horizon, codec. A batch that stays empty keeps the max timestamp too, as compaction needs it.
    pub fn like(other: &BatchHeader) -> Result<Self, Error> {
        let compression = other.attributes.codec()?.into();
        let base_timestamp = other.delete_horizon_ms().unwrap_or(NO_TIMESTAMP);
        Ok(Self::with(BatchHeader { base_timestamp, record_count: 0, ..*other }, compression))
    }

    /// A batch like [`BatchBuilder::like`] that keeps the base timestamp too, so that records of the other can be taken as they
    /// are: see [`BatchBuilder::append_run`].
    pub fn thinned(other: &BatchHeader) -> Result<Self, Error> {
        let mut builder = Self::like(other)?;
        builder.header.base_timestamp = other.base_timestamp;
        Ok(builder)
    }

    fn with(header: BatchHeader, compression: Compression) -> Self {
        let bytes = vec![0; BatchHeader::SIZE_BYTES];
        Self { header, compression, max_timestamp: NO_TIMESTAMP, last_offset_delta: -1, bytes }
    }

    /// How to pack the records.
    pub fn compression(mut self, compression: impl Into<Compression>) -> Self {
        self.compression = compression.into();
        self
    }

    /// Every record has this time, the broker's, in place of its own.
    pub fn log_append_time(mut self, now_ms: i64) -> Self {
        self.header.attributes = self.header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        self.header.max_timestamp = now_ms;
        self
    }

    /// The idempotent producer of the batch. The control batch of a coordinator has a `base_sequence` of -1.
    pub fn producer(mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Self {
        self.header.producer_id = id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Whether the batch belongs to its producer's transaction.
    pub fn transactional(mut self, on: bool) -> Self {
        self.header.attributes = self.header.attributes.with_transactional(on);
        self
    }

    /// Whether this is a control batch. [`BatchBuilder::append_control`] makes it one.
    pub fn control(mut self, on: bool) -> Self {
        self.header.attributes = self.header.attributes.with_control(on);
        self
    }

    /// The epoch of the leader that appends the batch.
    pub fn partition_leader_epoch(mut self, epoch: LeaderEpoch) -> Self {
        self.header.partition_leader_epoch = epoch;
        self
    }

    /// The time from which the batch's tombstones may go (KIP-534). To be set before the first record.
    pub fn delete_horizon(mut self, delete_horizon_ms: i64) -> Self {
        debug_assert_eq!(
            self.header.record_count, 0,
            "the delete horizon takes the place of the base timestamp"
        );
        self.header.attributes = self.header.attributes.with_delete_horizon(true);
        self.header.base_timestamp = delete_horizon_ms;
        self
    }

    /// How many records there are.
    pub const fn record_count(&self) -> i32 {
        self.header.record_count
    }

    /// The size of the batch with the records so far, not packed.
    pub const fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What [`BatchBuilder::size_bytes`] would be after appending this record.
    pub fn size_with_bytes(&self, record: &NewRecord<'_>) -> usize {
        let body = record.body_size_bytes(self.base_timestamp(record));
        self.bytes.len() + varint_size_bytes(body as i32) + body
    }

    /// Appends a record at its offset delta, which must be greater than the one before.
    ///
    /// After an error the builder is as it was.
    pub fn append(&mut self, record: NewRecord<'_>) -> Result<(), Error> {
        if record.offset_delta <= self.last_offset_delta {
            return Err(Error::OffsetOrder { found: record.offset_delta, last: self.last_offset_delta });
        }
        let base_timestamp = self.base_timestamp(&record);
        let body = record.body_size_bytes(base_timestamp);
        // No field is longer than the record and no record than the batch, so their lengths fit as well.
        let size = self.bytes.len().saturating_add(MAX_VARINT_BYTES).saturating_add(body);
        if size > i32::MAX as usize {
            return Err(Error::TooLarge(size));
        }
        let out = &mut self.bytes;
        put_varint(out, body as i32);
        out.push(0);
        put_varlong(out, record.timestamp.wrapping_sub(base_timestamp));
        put_varint(out, record.offset_delta);
        put_field(out, record.key);
        put_field(out, record.value);
        put_varint(out, record.headers.len() as i32);
        for header in record.headers {
            put_field(out, Some(header.key));
            put_field(out, header.value);
        }
        self.header.base_timestamp = base_timestamp;
        self.header.record_count += 1;
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        self.last_offset_delta = record.offset_delta;
        Ok(())
    }

    /// Appends records of the batch that this one was [`BatchBuilder::thinned`] from: their bytes as they are, how many they are, the
    /// last one's offset delta, and their greatest timestamp.
    pub fn append_run(
        &mut self,
        bytes: &[u8],
        records: i32,
        last_offset_delta: i32,
        max_timestamp: i64,
    ) -> Result<(), Error> {
        if last_offset_delta <= self.last_offset_delta {
            return Err(Error::OffsetOrder { found: last_offset_delta, last: self.last_offset_delta });
        }
        let size = self.bytes.len().saturating_add(bytes.len());
        if size > i32::MAX as usize {
            return Err(Error::TooLarge(size));
        }
        self.bytes.extend_from_slice(bytes);
        self.header.record_count = self.header.record_count.saturating_add(records);
        self.max_timestamp = self.max_timestamp.max(max_timestamp);
        self.last_offset_delta = last_offset_delta;
        Ok(())
    }

    /// Appends a record right after the one before, whatever its offset delta says.
    pub fn append_next(&mut self, record: NewRecord<'_>) -> Result<(), Error> {
        let offset_delta = self.last_offset_delta.saturating_add(1);
        self.append(NewRecord { offset_delta, ..record })
    }

    /// The whole batch. Without records it is a header only, which compaction leaves behind for a producer's state.
    pub fn build(self) -> Result<Vec<u8>, Error> {
        let Self { mut header, compression, max_timestamp, last_offset_delta, bytes } = self;
        let empty = header.record_count == 0;
        let compression = if empty { Compression::default() } else { compression };
        let mut batch = bytes;
        if compression.codec() != Codec::None {
            let records = batch.split_off(BatchHeader::SIZE_BYTES);
            compression.compress(&records, &mut batch)?;
        }
        let length = batch.len() - BatchHeader::LOG_OVERHEAD_BYTES;
        header.batch_length = i32::try_from(length).map_err(|_| Error::TooLarge(batch.len()))?;
        header.attributes = header.attributes.with_codec(compression.codec());
        header.last_offset_delta = header.last_offset_delta.max(last_offset_delta);
        if !empty && header.attributes.timestamp_type() == TimestampType::CreateTime {
            header.max_timestamp = max_timestamp;
        }
        header.check()?;
        header.write(&mut batch);
        let crc = crc(&batch);
        batch[at::CRC..at::ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
        Ok(batch)
    }

    pub(super) const fn attributes_mut(&mut self) -> &mut Attributes {
        &mut self.header.attributes
    }

    /// The batch's base timestamp once it has this record: the first record's, or the delete horizon.
    const fn base_timestamp(&self, record: &NewRecord<'_>) -> i64 {
        if self.header.record_count == 0 && !self.header.attributes.has_delete_horizon() {
            record.timestamp
        } else {
            self.header.base_timestamp
        }
    }
}

fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varint(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
    }
}

fn field_size_bytes(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| varint_size_bytes(bytes.len() as i32) + bytes.len())
}
