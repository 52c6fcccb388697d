//! Cleaning: what a log hands to it, and how its outcome takes the place of old segments. See [`crate::clean`].

use std::path::PathBuf;

use protocol::Offset;
use stdx::Now;

use super::Log;
use crate::clean::{
    self, CLEANED, Cleanable, Cleaned, Cleaning, CleaningLimits, Parts, SWAP, SegmentFacts, Source,
};
use crate::dir::Kind;
use crate::error::Result;

impl Log {
    /// What could be cleaned, and whether it is due. `None` where `cleanup.policy` has no `compact`, or nothing is dirty.
    ///
    /// `first_dirty` is what the last [`Cleaning::map`] answered, from `cleaner-offset-checkpoint`. Only what is durable can be
    /// cleaned, and only complete segments.
    pub fn cleanable(&mut self, first_dirty: Option<Offset>, now: Now) -> Result<Option<Cleanable>> {
        if !self.config.compact {
            return Ok(None);
        }
        let start = self.log_start_offset;
        // A checkpoint beyond the end is of a log that was cut since.
        let first_dirty =
            first_dirty.filter(|at| (start..=self.log_end_offset).contains(at)).unwrap_or(start);
        let segments: Vec<SegmentFacts> = self.segments().map(|segment| segment.facts()).collect();
        let stable = self.last_stable_offset().min(self.durable_offset());
        let mut what = clean::cleanable(&segments, first_dirty, stable, now, &self.config);
        if what.dirty_bytes == 0 {
            return Ok(None);
        }
        what.due =
            what.dirty_ratio() > self.config.min_cleanable_dirty_ratio || self.is_overdue(&what, now)?;
        Ok(Some(what))
    }

    /// Whether a dirty record is older than `max.compaction.lag.ms`.
    fn is_overdue(&mut self, what: &Cleanable, now: Now) -> Result<bool> {
        let until = now.unix_ms.saturating_sub(self.config.max_compaction_lag_ms.max(0));
        if until <= 0 {
            return Ok(false);
        }
        let dir = self.dir.clone();
        let dirty =
            self.older.partition_point(|segment| segment.base_offset <= what.first_dirty).saturating_sub(1);
        for segment in self.older[dirty..].iter_mut().take_while(|segment| segment.base_offset < what.end) {
            if segment.first_timestamp(&dir)?.is_some_and(|first| first > 0 && first < until) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Hands out the segments for a cleaning. One at a time: its files have fixed names.
    pub fn start_cleaning(&self, what: Cleanable, limits: CleaningLimits, now: Now) -> Result<Cleaning> {
        self.check_not_fenced()?;
        let mut sources = Vec::new();
        for segment in self.older.iter().take_while(|segment| segment.base_offset < what.end) {
            sources.push(Source {
                facts: segment.facts(),
                file: segment.log_file(&self.dir)?,
                path: segment.log.path(&self.dir, segment.base_offset),
                modified_ms: segment.modified_ms(),
                jitter_ms: segment.jitter_ms(),
            });
        }
        let start = self.segments().next().map_or(what.first_dirty, |first| first.base_offset);
        let parts = Parts {
            dir: self.dir.clone(),
            config: self.config.clone(),
            generation: self.durability.generation(),
            sources,
            // With those whose marker lies beyond what is cleaned.
            aborted: self.aborted_transactions(start, what.end)?,
            producers: &self.producers,
        };
        Ok(Cleaning::new(parts, what, limits, now))
    }

    /// Puts a cleaned segment in the place of those that it was made of. Answers their files, renamed, which remain to be removed
    /// (see [`super::Retained::files`]); `None` if the log has changed there meanwhile, and the cleaning is to be given up.
    ///
    /// The recovery point that is on the disk must have passed these segments: before it, a gap in the offsets is no damage.
    /// Durable when this returns; after the last group the log may count as clean.
    pub fn replace(&mut self, cleaned: Cleaned) -> Result<Option<Vec<PathBuf>>> {
        let Cleaned { segment, replaces, generation } = cleaned;
        let base = segment.base_offset;
        let from = self.older.partition_point(|older| older.base_offset < base);
        let there = self.older[from..].iter().map(|older| older.base_offset).take(replaces.len());
        if generation != self.durability.generation() || !there.eq(replaces.iter().copied()) {
            clean::discard(&self.dir, base)?;
            return Ok(None);
        }
        self.fencing(|log| {
            // From here on the new one counts: the log's own file is the last to say so.
            for kind in Kind::OF_SEGMENTS.into_iter().rev() {
                log.dir.with_suffix(CLEANED).rename(base, kind, SWAP)?;
            }
            let mut files = Vec::new();
            for old in &replaces {
                // The producers' state at the start of the new segment is what it was at the start of the first.
                let kinds = if *old == base { &Kind::OF_SEGMENTS[..] } else { &Kind::ALL[..] };
                for kind in kinds {
                    files.extend(log.dir.mark_deleted(*old, *kind)?);
                }
                if *old != base {
                    log.snapshots.remove(old);
                }
            }
            for kind in Kind::OF_SEGMENTS {
                log.dir.with_suffix(SWAP).rename(base, kind, "")?;
            }
            log.dir.sync()?;
            log.older.splice(from..from + replaces.len(), [segment]);
            Ok(Some(files))
        })
    }
}
