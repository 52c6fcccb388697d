//! Looking up by time: what ListOffsets answers.

use protocol::{LeaderEpoch, Offset};

use super::Log;
use crate::access::Source;
use crate::error::{Result, corrupt};
use crate::scan::{Found, Scanner};
use crate::segment::Segment;

/// A record that was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampAndOffset {
    /// Its timestamp; -1 for earliest and latest.
    pub timestamp: i64,
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that appended it, where it is known.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Log {
    /// The start of the log.
    pub fn earliest_offset(&self) -> TimestampAndOffset {
        let offset = self.log_start_offset;
        TimestampAndOffset { timestamp: -1, offset, leader_epoch: self.epochs.of_offset(offset) }
    }

    /// The end of the log. What of it is visible is for the caller to say.
    pub fn latest_offset(&self) -> TimestampAndOffset {
        TimestampAndOffset { timestamp: -1, offset: self.log_end_offset, leader_epoch: self.epochs.latest() }
    }

    /// The first record with this timestamp or a later one, looked up from `source`.
    pub fn offset_for_timestamp(&self, source: Source, timestamp: i64) -> Result<Option<TimestampAndOffset>> {
        for segment in self.segments_from(self.log_start_offset) {
            if segment.size_bytes > 0
                && segment.largest_timestamp() >= timestamp
                && let Some(found) = self.find_in_segment(source, segment, timestamp)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record that has the greatest timestamp of the log; `None` in a log without timestamps.
    pub fn max_timestamp_offset(&self, source: Source) -> Result<Option<TimestampAndOffset>> {
        let newest = |a: &&Segment| a.max_timestamp.timestamp;
        let greatest = self.segments_from(self.log_start_offset).map(|segment| newest(&segment)).max();
        match greatest {
            Some(timestamp) if timestamp >= 0 => self.offset_for_timestamp(source, timestamp),
            _ => Ok(None),
        }
    }

    fn find_in_segment(
        &self,
        source: Source,
        segment: &Segment,
        timestamp: i64,
    ) -> Result<Option<TimestampAndOffset>> {
        let access = self.dir.access(source);
        let mut walk = segment.batches_for_timestamp(access, timestamp, self.log_start_offset)?;
        while let Some(found) = walk.next()? {
            if found.header.max_timestamp >= timestamp
                && let Some(found) = self.find_in_batch(&mut walk, found, timestamp)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record of a batch with this timestamp or a later one, that is not deleted.
    fn find_in_batch(
        &self,
        walk: &mut Scanner,
        found: Found,
        timestamp: i64,
    ) -> Result<Option<TimestampAndOffset>> {
        let broken = |error: protocol::records::Error| {
            corrupt(&self.dir.path, found.position.into(), error.to_string(), "readable records")
        };
        let batch = walk.batch(&found)?;
        let unpacked = batch.decompress(self.config.max_decompressed_bytes).map_err(broken)?;
        for record in batch.records(&unpacked) {
            let record = record.map_err(broken)?;
            if record.timestamp >= timestamp && record.offset >= self.log_start_offset {
                let epoch = found.header.partition_leader_epoch;
                return Ok(Some(TimestampAndOffset {
                    timestamp: record.timestamp,
                    offset: record.offset,
                    leader_epoch: (epoch >= LeaderEpoch(0)).then_some(epoch),
                }));
            }
        }
        Ok(None)
    }
}
