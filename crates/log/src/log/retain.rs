//! Retention: which segments may go, by `retention.ms`, `retention.bytes`, and the start of the log.

use std::path::PathBuf;

use protocol::Offset;
use stdx::Now;

use super::Log;
use crate::error::{At as _, Result};
use crate::segment::Segment;

/// What retention did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// How many segments are gone because the log starts after them.
    pub by_log_start_offset: usize,
    /// How many are gone for `retention.bytes`.
    pub by_size: usize,
    /// How many are gone for `retention.ms`.
    pub by_time: usize,
    /// Their size.
    pub bytes: u64,
    /// Their files, renamed to `.deleted`: to be removed after `file.delete.delay.ms`. Opening the log removes them too.
    pub files: Vec<PathBuf>,
}

impl Log {
    /// Takes the segments out of the log that its configuration does not keep, the oldest first, none at or beyond
    /// the high watermark. If the active segment is due, a new one is begun.
    ///
    /// The start of the log moves with it; write its checkpoint before the files are removed.
    pub fn retain(&mut self, now: Now) -> Result<Retained> {
        self.fencing(|log| {
            let mut retained = Retained::default();
            let (start, active) = (log.log_start_offset, log.active.base_offset);
            let before_start = |segment: &Segment, end| end <= start && segment.base_offset != active;
            retained.by_log_start_offset = log.retain_while(now, &mut retained, before_start)?;
            if log.config.delete {
                retained.by_size = log.retain_by_size(now, &mut retained)?;
                retained.by_time = log.retain_by_time(now, &mut retained)?;
            }
            Ok(retained)
        })
    }

    fn retain_by_size(&mut self, now: Now, retained: &mut Retained) -> Result<usize> {
        let Ok(most) = u64::try_from(self.config.retention_bytes) else { return Ok(0) };
        let Some(mut excess) = self.size_bytes().checked_sub(most) else { return Ok(0) };
        let due = |segment: &Segment, _| {
            let size = u64::from(segment.size_bytes);
            // One that a cleaning has emptied too: the others are behind it.
            let due = excess >= size;
            excess = excess.saturating_sub(size);
            due
        };
        self.retain_while(now, retained, due)
    }

    fn retain_by_time(&mut self, now: Now, retained: &mut Retained) -> Result<usize> {
        let most_ms = self.config.retention_ms;
        if most_ms < 0 {
            return Ok(0);
        }
        let due = |segment: &Segment, _| now.unix_ms.saturating_sub(segment.largest_timestamp()) > most_ms;
        self.retain_while(now, retained, due)
    }

    /// Takes out segments for as long as they are due, which is asked with the segment and its end.
    fn retain_while(
        &mut self,
        now: Now,
        retained: &mut Retained,
        mut due: impl FnMut(&Segment, Offset) -> bool,
    ) -> Result<usize> {
        let high_watermark = self.high_watermark;
        let count = self.segments().take_while(|segment| {
            let end = self.segment_end(segment);
            let active_and_empty = segment.base_offset == self.active.base_offset && segment.size_bytes == 0;
            end <= high_watermark && !active_and_empty && due(segment, end)
        });
        let count = count.count();
        if count > self.older.len() {
            match self.roll(self.log_end_offset, now) {
                // Room is what retention makes: the active segment goes when there is some.
                Err(error) if error.is_full() => {}
                rolled => rolled?,
            }
        }
        let count = count.min(self.older.len());
        let Some(start) = self.segments().nth(count).map(|first| first.base_offset) else { return Ok(0) };
        if count > 0 {
            self.sync_producers_at(start)?;
        }
        let gone: Vec<Segment> = self.older.drain(..count).collect();
        if count > 0 && start > self.log_start_offset {
            self.log_start_offset = start;
            self.epochs.truncate_from_start(start);
        }
        for segment in &gone {
            retained.bytes += u64::from(segment.size_bytes);
            retained.files.extend(self.mark_deleted(segment)?);
        }
        Ok(gone.len())
    }

    /// What goes before it was flushed cannot be replayed after a crash: the producers' state at its end goes to the disk
    /// first.
    pub(super) fn sync_producers_at(&self, start: Offset) -> Result<()> {
        // What ends where the last flush did may have been completed after it.
        if start < self.durable_offset() {
            return Ok(());
        }
        if let Some((path, file)) = self.snapshot_file(start)? {
            file.sync_data().at("sync", &path)?;
        }
        self.dir.sync()
    }
}
