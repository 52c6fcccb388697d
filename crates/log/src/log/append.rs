//! Appending.

use protocol::records::batches;
use protocol::{LeaderEpoch, Offset};
use stdx::Now;

use super::Log;
use crate::error::{Error, Result};
use crate::producer::{Changes, Check};
use crate::segment::{Incoming, MAX_SEGMENT_BYTES};
use crate::validate::{Origin, Refusal, Rules, validate};

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// The offset of the first record; of a duplicate, the one that it got the first time.
    pub first_offset: Offset,
    /// The offset of the last record.
    pub last_offset: Offset,
    /// The append time, where the topic's timestamps are of that kind; of a duplicate, its timestamp.
    pub log_append_time: Option<i64>,
    /// The start of the log.
    pub log_start_offset: Offset,
    /// A client sent what is in the log already: nothing was appended.
    pub duplicate: bool,
}

impl Log {
    /// Checks whole batches, stamps them in place with offsets, epoch and, where the topic wants it, time, and appends
    /// them. They are in the page cache then, not durable: see [`Log::flush_target`].
    ///
    /// [`Error::Refused`] leaves the log as it was; the bytes given may be stamped.
    pub fn append_as_leader(
        &mut self,
        records: &mut [u8],
        leader_epoch: LeaderEpoch,
        now: Now,
        origin: Origin,
    ) -> Result<AppendInfo> {
        self.check_not_fenced()?;
        let rules = Rules { config: &self.config, leader_epoch, origin, now_ms: now.unix_ms };
        let first_offset = self.log_end_offset;
        let validated = validate(records, first_offset, rules)?;
        let bytes = match &validated.rebuilt {
            Some(rebuilt) => rebuilt,
            None => &records[..validated.size_bytes],
        };
        self.check_size(bytes)?;
        let changes = match self.producers.check(bytes, origin)? {
            Check::New(changes) => changes,
            Check::Duplicate(batch) => {
                return Ok(AppendInfo {
                    first_offset: batch.first_offset(),
                    last_offset: batch.last_offset,
                    log_append_time: Some(batch.timestamp),
                    log_start_offset: self.log_start_offset,
                    duplicate: true,
                });
            }
        };
        let incoming = Incoming {
            size_bytes: bytes.len(),
            first_offset,
            last_offset: validated.last_offset,
            max_timestamp: validated.max_timestamp,
        };
        self.write(bytes, incoming, changes, now)?;
        Ok(self.appended(incoming, validated.log_append_time))
    }

    /// Appends batches that a leader sent, as they are. Offsets may have gaps, but must go on after the log's end. An
    /// incomplete batch at the end is left out; `None` if there is no whole one.
    pub fn append_as_follower(&mut self, records: &[u8], now: Now) -> Result<Option<AppendInfo>> {
        self.check_not_fenced()?;
        let Some(incoming) = self.check_from_leader(records)? else { return Ok(None) };
        let bytes = &records[..incoming.size_bytes];
        let Check::New(changes) = self.producers.check(bytes, Origin::Replication)? else { return Ok(None) };
        self.write(bytes, incoming, changes, now)?;
        Ok(Some(self.appended(incoming, None)))
    }

    fn check_from_leader(&self, records: &[u8]) -> Result<Option<Incoming>> {
        let mut incoming: Option<Incoming> = None;
        let mut next_offset = self.log_end_offset;
        for batch in batches(records) {
            let batch = batch.map_err(Refusal::Batch)?;
            batch.verify_crc().map_err(Refusal::Batch)?;
            let header = batch.header();
            if header.base_offset < next_offset {
                let (first_offset, log_end_offset) = (header.base_offset, next_offset);
                return Err(Error::UnexpectedAppendOffset { first_offset, log_end_offset });
            }
            next_offset = header.next_offset();
            let before = incoming.unwrap_or(Incoming {
                size_bytes: 0,
                first_offset: header.base_offset,
                last_offset: header.base_offset,
                max_timestamp: -1,
            });
            incoming = Some(Incoming {
                size_bytes: before.size_bytes + header.size_bytes(),
                first_offset: before.first_offset,
                last_offset: header.last_offset(),
                max_timestamp: before.max_timestamp.max(header.max_timestamp),
            });
        }
        Ok(incoming)
    }

    const fn appended(&self, incoming: Incoming, log_append_time: Option<i64>) -> AppendInfo {
        AppendInfo {
            first_offset: incoming.first_offset,
            last_offset: incoming.last_offset,
            log_append_time,
            log_start_offset: self.log_start_offset,
            duplicate: false,
        }
    }

    fn check_size(&self, bytes: &[u8]) -> Result<()> {
        let max_bytes = self.config.segment_bytes.min(MAX_SEGMENT_BYTES);
        if bytes.len() > max_bytes as usize {
            return Err(Refusal::LargerThanSegment { size_bytes: bytes.len(), max_bytes }.into());
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], incoming: Incoming, changes: Changes, now: Now) -> Result<()> {
        if self.active.should_roll(&self.dir, &incoming, now, &self.config)? {
            // What a roll has written before the disk was full is written again by the next attempt.
            let rolled = self.roll(incoming.first_offset, now);
            rolled.inspect_err(|error| {
                if !error.is_full() {
                    self.fence();
                }
            })?;
        }
        if let Err(error) = self.active.append(&self.dir, bytes, now.unix_ms, &self.config) {
            // A full disk is an error to producers, never a corrupt log: with the torn part cut off, the log goes
            // on. Any other error leaves it open what the disk holds.
            if !error.is_full() || self.active.cut_back(&self.dir).is_err() {
                self.fence();
            }
            return Err(error);
        }
        for batch in batches(bytes).flatten() {
            self.epochs.assign(batch.header().partition_leader_epoch, batch.header().base_offset);
        }
        self.log_end_offset = incoming.last_offset + 1;
        self.durability.touched();
        for txn in self.producers.apply(changes, self.log_end_offset, Some(now.unix_ms)) {
            self.durability.names_changed();
            self.active.txn_index.append(&self.dir, &txn).inspect_err(|_| self.fence())?;
        }
        Ok(())
    }
}
