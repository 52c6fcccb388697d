//! What a leader writes into a batch in place, before it appends it.

use super::batch::crc;
use super::header::at;
use super::{Batch, BatchHeader, Error, TimestampType};
use crate::{LeaderEpoch, Offset};

/// A whole batch whose header can be re-stamped in place.
#[derive(Debug)]
pub struct BatchMut<'a> {
    header: BatchHeader,
    bytes: &'a mut [u8],
}

impl<'a> BatchMut<'a> {
    /// The batch at the start of `bytes`; what follows it is not touched.
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, Error> {
        let header = *Batch::parse(bytes)?.header();
        Ok(Self { header, bytes: &mut bytes[..header.size_bytes()] })
    }

    /// The header as it stands now.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The first offset, which the crc does not cover.
    pub fn set_base_offset(&mut self, base_offset: Offset) -> Result<(), Error> {
        let header = BatchHeader { base_offset, ..self.header };
        header.check()?;
        self.header = header;
        self.put(at::BASE_OFFSET, base_offset.get().to_be_bytes());
        Ok(())
    }

    /// The epoch of the leader that appends the batch, which the crc does not cover.
    pub fn set_partition_leader_epoch(&mut self, epoch: LeaderEpoch) {
        self.header.partition_leader_epoch = epoch;
        self.put(at::PARTITION_LEADER_EPOCH, epoch.get().to_be_bytes());
    }

    /// The timestamp type and the greatest timestamp. Computes the crc again, unless both are what they were.
    pub fn set_max_timestamp(&mut self, timestamp_type: TimestampType, max_timestamp: i64) {
        let attributes = self.header.attributes.with_timestamp_type(timestamp_type);
        if attributes == self.header.attributes && max_timestamp == self.header.max_timestamp {
            return;
        }
        self.header.attributes = attributes;
        self.header.max_timestamp = max_timestamp;
        self.put(at::ATTRIBUTES, attributes.0.to_be_bytes());
        self.put(at::MAX_TIMESTAMP, max_timestamp.to_be_bytes());
        self.header.crc = crc(self.bytes);
        self.put(at::CRC, self.header.crc.to_be_bytes());
    }

    /// Every record gets the time at which the leader appends it. Computes the crc again.
    pub fn set_log_append_time(&mut self, now_ms: i64) {
        self.set_max_timestamp(TimestampType::LogAppendTime, now_ms);
    }

    fn put<const N: usize>(&mut self, at: usize, field: [u8; N]) {
        self.bytes[at..at + N].copy_from_slice(&field);
    }
}
