//! Cutting: followers that must forget what their leader does not have, and records deleted by request.

use std::path::PathBuf;

use protocol::Offset;
use stdx::Now;

use super::Log;
use crate::error::{Error, Result};
use crate::producer::ProducerState;
use crate::segment::Segment;

impl Log {
    /// Forgets everything from an offset on. The end of the log is the offset then, or the start of the batch that
    /// contained it. Returns files that are renamed and remain to be removed.
    ///
    /// The recovery point moves back: write the checkpoint of the log directory before the next append, so that a
    /// recovery does not trust bytes that are written anew.
    pub fn truncate_to(&mut self, offset: Offset, now: Now) -> Result<Vec<PathBuf>> {
        self.fencing(|log| log.try_truncate_to(offset, now))
    }

    fn try_truncate_to(&mut self, offset: Offset, now: Now) -> Result<Vec<PathBuf>> {
        if offset >= self.log_end_offset {
            // An epoch that this broker began as a leader without appending anything.
            self.epochs.truncate_from_end(self.log_end_offset);
            return Ok(Vec::new());
        }
        if self.segments().next().is_some_and(|first| first.base_offset > offset) {
            return self.try_truncate_fully(offset, offset, now);
        }
        let mut files = Vec::new();
        // The newest first: what is left after a crash has no gap.
        while self.active.base_offset > offset
            && let Some(before) = self.older.pop()
        {
            let removed = std::mem::replace(&mut self.active, before);
            files.extend(self.mark_deleted(&removed)?);
        }
        if !files.is_empty() {
            // Before the cut is durable: a segment that came back after a crash would leave a hole before it.
            self.dir.sync()?;
        }
        let end = match self.active.locate(self.dir.waiting(), offset)? {
            Some(first) => first.header.base_offset.max(self.log_start_offset).min(offset),
            None => offset,
        };
        let remaining = self.active.truncate_to(&self.dir, offset, now.unix_ms)?;
        self.log_end_offset = end;
        self.log_start_offset = self.log_start_offset.min(end);
        self.high_watermark = self.high_watermark.min(end);
        self.epochs.truncate_from_end(end);
        self.durability.truncated(end);
        self.remove_snapshots(|snapshot| snapshot > end)?;
        self.load_snapshot(end, now)?;
        self.replay_producers(end)?;
        if remaining < end {
            // The log ends inside of a batch that is gone: the name of a segment remembers where.
            self.roll(end, now)?;
        }
        Ok(files)
    }

    /// Forgets everything and goes on at an offset. The log starts at `log_start_offset`, which is at most that.
    /// Returns files that are renamed and remain to be removed. For the checkpoint see [`Log::truncate_to`].
    pub fn truncate_fully_and_start_at(
        &mut self,
        offset: Offset,
        log_start_offset: Offset,
        now: Now,
    ) -> Result<Vec<PathBuf>> {
        self.fencing(|log| log.try_truncate_fully(offset, log_start_offset.min(offset), now))
    }

    fn try_truncate_fully(
        &mut self,
        offset: Offset,
        log_start_offset: Offset,
        now: Now,
    ) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        while let Some(segment) = self.older.pop() {
            let newer = std::mem::replace(&mut self.active, segment);
            files.extend(self.mark_deleted(&newer)?);
        }
        files.extend(self.active.mark_deleted(&self.dir)?);
        self.active = self.create_segment(offset, now)?;
        self.dir.sync()?;
        self.remove_snapshots(|_| true)?;
        self.producers = ProducerState::new(offset);
        self.epochs.clear();
        self.log_start_offset = log_start_offset;
        self.log_end_offset = offset;
        self.high_watermark = offset;
        self.durability.truncated(offset);
        Ok(files)
    }

    /// Renames the files of a segment that was taken out, and the snapshot at its base.
    pub(super) fn mark_deleted(&mut self, segment: &Segment) -> Result<Vec<PathBuf>> {
        self.durability.names_changed();
        self.snapshots.remove(&segment.base_offset);
        segment.mark_deleted(&self.dir)
    }

    /// Moves the start of the log: DeleteRecords, or what a leader says. The files go with the next retention. Does
    /// nothing if the log starts there already. Beyond the high watermark it is an error.
    ///
    /// Durable with the next checkpoint of the log directory.
    pub fn advance_log_start_offset(&mut self, offset: Offset) -> Result<bool> {
        self.check_not_fenced()?;
        if offset > self.high_watermark {
            return Err(Error::OffsetOutOfRange {
                offset,
                log_start_offset: self.log_start_offset,
                log_end_offset: self.high_watermark,
            });
        }
        if offset <= self.log_start_offset {
            return Ok(false);
        }
        self.log_start_offset = offset;
        self.epochs.truncate_from_start(offset);
        Ok(true)
    }
}
