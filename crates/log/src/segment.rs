//! A segment: a file of batches, `BASE_OFFSET.log`, with its indexes. Only the last segment of a log grows.
//!
//! Positions are 32 bits, as in the index: a segment has at most 2 GiB.

use std::path::PathBuf;
use std::sync::Arc;

use protocol::Offset;
use protocol::records::{BatchHeader, batches};
use stdx::Now;

use crate::access::Access;
use crate::clean::SegmentFacts;
use crate::config::LogConfig;
use crate::dir::{Dir, Kind};
use crate::disk::DiskFile;
use crate::error::{At as _, Result, corrupt};
use crate::handles::LazyFile;
use crate::offset_index::{OffsetIndex, OffsetPosition};
use crate::scan::{Found, Scanner};
use crate::time_index::{TimeIndex, TimestampOffset};
use crate::txn_index::TxnIndex;
use crate::unchecked::Unchecked;

/// The most that a segment's file can have: Kafka keeps positions as Java's `int`.
pub(crate) const MAX_SEGMENT_BYTES: u32 = i32::MAX as u32;

/// One segment. Offsets in it are at or after `base_offset`.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base_offset: Offset,
    pub(crate) size_bytes: u32,
    pub(crate) log: LazyFile,
    pub(crate) offset_index: OffsetIndex,
    pub(crate) time_index: TimeIndex,
    pub(crate) txn_index: TxnIndex,
    /// The greatest timestamp and its batch's last offset; timestamp -1 if there is none.
    pub(crate) max_timestamp: TimestampOffset,
    /// The greatest timestamp of the first batch: what `segment.ms` counts from.
    first_timestamp: Option<i64>,
    /// When this segment was made or opened, for segments without timestamps.
    created_ms: i64,
    /// When it was written last.
    modified_ms: i64,
    /// This much earlier than `segment.ms` it is rolled.
    roll_jitter_ms: i64,
    bytes_since_index_entry: u32,
    /// What was there before this process.
    pub(crate) unchecked: Unchecked,
}

impl Segment {
    /// Makes the file of a segment without records: its name says from where the log goes on. The indexes' files
    /// are made when they are written.
    pub(crate) fn create(dir: &Dir, base_offset: Offset, now_ms: i64, roll_jitter_ms: i64) -> Result<Self> {
        let segment = Self::new(base_offset, now_ms, roll_jitter_ms);
        segment.log.get(dir, base_offset, true)?;
        Ok(segment)
    }

    const fn new(base_offset: Offset, now_ms: i64, roll_jitter_ms: i64) -> Self {
        Self {
            base_offset,
            size_bytes: 0,
            log: LazyFile::new(Kind::Log),
            offset_index: OffsetIndex::new(base_offset),
            time_index: TimeIndex::new(base_offset),
            txn_index: TxnIndex::new(base_offset),
            max_timestamp: TimestampOffset { timestamp: -1, offset: base_offset },
            first_timestamp: None,
            created_ms: now_ms,
            modified_ms: now_ms,
            roll_jitter_ms,
            bytes_since_index_entry: 0,
            unchecked: Unchecked::none(),
        }
    }

    /// A segment whose file exists, without its indexes: [`Segment::load_indexes`] or [`Segment::reset_indexes`] follows.
    pub(crate) fn existing(dir: &Dir, base_offset: Offset, now_ms: i64, roll_jitter_ms: i64) -> Result<Self> {
        let mut segment = Self::new(base_offset, now_ms, roll_jitter_ms);
        let path = dir.file(base_offset, Kind::Log);
        let stat = dir.disk.stat(&path).at("look at", &path)?;
        let stat = stat.ok_or_else(|| corrupt(&path, 0, "no file", "a segment"))?;
        if stat.len > MAX_SEGMENT_BYTES.into() {
            return Err(corrupt(&path, 0, format!("{} bytes", stat.len), "at most 2 GiB"));
        }
        segment.size_bytes = stat.len as u32;
        segment.unchecked = Unchecked::all(segment.size_bytes);
        segment.modified_ms = stat.modified_ms;
        Ok(segment)
    }

    /// Takes the indexes as they are; an error if one is missing or cannot be.
    pub(crate) fn load_indexes(&mut self, dir: &Dir) -> Result<()> {
        self.offset_index = OffsetIndex::load(dir, self.base_offset, self.size_bytes)?;
        self.time_index = TimeIndex::load(dir, self.base_offset)?;
        self.max_timestamp = self.time_index.last();
        // Looking at their entries has opened them; an old segment that nobody reads has no open file.
        self.offset_index.entries.file().close();
        self.time_index.entries.file().close();
        Ok(())
    }

    pub(crate) fn set_txn_index_exists(&mut self) {
        self.txn_index = TxnIndex::existing(self.base_offset);
    }

    /// Empties the indexes, before the segment is walked again.
    pub(crate) fn reset_indexes(&mut self, dir: &Dir, with_txn_index: bool) -> Result<()> {
        self.offset_index = OffsetIndex::new(self.base_offset);
        self.offset_index.entries.truncate(dir, self.base_offset, 0)?;
        self.time_index = TimeIndex::new(self.base_offset);
        self.time_index.entries.truncate(dir, self.base_offset, 0)?;
        if with_txn_index {
            self.txn_index.reset(dir)?;
        }
        self.max_timestamp = self.time_index.last();
        self.bytes_since_index_entry = 0;
        Ok(())
    }

    /// Empties the segment and its indexes, whatever an earlier attempt has left in their files.
    pub(crate) fn reset(&mut self, dir: &Dir) -> Result<()> {
        self.txn_index = TxnIndex::existing(self.base_offset);
        self.reset_indexes(dir, true)?;
        self.log_file(dir)?.set_len(0).at("truncate", &self.log.path(dir, self.base_offset))?;
        self.size_bytes = 0;
        self.unchecked.cut(0);
        Ok(())
    }

    /// Builds the indexes anew, from a file that is good. The index of aborted transactions stays.
    pub(crate) fn rebuild_indexes(&mut self, dir: &Dir, config: &LogConfig) -> Result<()> {
        self.reset_indexes(dir, false)?;
        let mut walk = self.headers_from(dir.waiting(), 0)?;
        while let Some(found) = walk.next()? {
            self.index(dir, found.position, &found.header, config.index_interval_bytes);
        }
        self.seal(dir)
    }

    /// Puts a batch at a position into the indexes.
    pub(crate) fn index(&mut self, dir: &Dir, position: u32, header: &BatchHeader, interval_bytes: u32) {
        if header.max_timestamp > self.max_timestamp.timestamp {
            self.max_timestamp =
                TimestampOffset { timestamp: header.max_timestamp, offset: header.last_offset() };
        }
        if position == 0 {
            self.first_timestamp = Some(header.max_timestamp);
        }
        if self.bytes_since_index_entry > interval_bytes {
            self.offset_index.append(dir, OffsetPosition { offset: header.last_offset(), position });
            self.time_index.maybe_append(dir, self.max_timestamp);
            self.bytes_since_index_entry = 0;
        }
        self.bytes_since_index_entry =
            self.bytes_since_index_entry.saturating_add(header.size_bytes() as u32);
    }

    /// Appends whole, checked batches. After an error the segment is as it was if [`Segment::cut_back`] succeeds.
    pub(crate) fn append(&mut self, dir: &Dir, bytes: &[u8], now_ms: i64, config: &LogConfig) -> Result<()> {
        let file = self.log.get_to_write(dir, self.base_offset)?;
        file.write_at(bytes, self.size_bytes.into())
            .at("append to", &self.log.path(dir, self.base_offset))?;
        for batch in batches(bytes).flatten() {
            self.index(dir, self.size_bytes, batch.header(), config.index_interval_bytes);
            self.size_bytes += batch.header().size_bytes() as u32;
        }
        self.modified_ms = now_ms;
        Ok(())
    }

    /// Removes what a failed append may have left behind the end, durably: what lies before may be durable already, and
    /// then no later flush looks at this file again.
    pub(crate) fn cut_back(&self, dir: &Dir) -> Result<()> {
        let (file, path) = (self.log_file(dir)?, self.log.path(dir, self.base_offset));
        file.set_len(self.size_bytes.into()).at("truncate", &path)?;
        file.sync_data().at("sync", &path)
    }

    pub(crate) fn log_file(&self, dir: &Dir) -> Result<Arc<dyn DiskFile>> {
        self.log.get(dir, self.base_offset, false)
    }

    /// Whether batches must go into a new segment.
    pub(crate) fn should_roll(
        &mut self,
        dir: &Dir,
        next: &Incoming,
        now: Now,
        config: &LogConfig,
    ) -> Result<bool> {
        let size = u64::from(self.size_bytes);
        if size == 0 {
            return Ok(!self.can_hold(next.last_offset));
        }
        let full = size + next.size_bytes as u64 > u64::from(config.segment_bytes.min(MAX_SEGMENT_BYTES))
            || index_is_full(self.offset_index.entries.len(), OffsetIndex::ENTRY_BYTES, config)
            || index_is_full(self.time_index.entries.len() + 1, TimeIndex::ENTRY_BYTES, config)
            || !self.can_hold(next.last_offset);
        Ok(full || self.waited_ms(dir, next, now)? > config.segment_ms.saturating_sub(self.roll_jitter_ms))
    }

    /// Whether the distance from the base offset fits into an index entry.
    pub(crate) fn can_hold(&self, offset: Offset) -> bool {
        i32::try_from(offset - self.base_offset).is_ok()
    }

    /// The time from the first batch to the next, or where there are no timestamps since this segment was made.
    fn waited_ms(&mut self, dir: &Dir, next: &Incoming, now: Now) -> Result<i64> {
        match self.first_timestamp(dir)? {
            Some(first) if first >= 0 => Ok(next.max_timestamp.saturating_sub(first)),
            _ => Ok(now.unix_ms.saturating_sub(self.created_ms)),
        }
    }

    /// The greatest timestamp of the first batch.
    pub(crate) fn first_timestamp(&mut self, dir: &Dir) -> Result<Option<i64>> {
        if self.first_timestamp.is_none() && self.size_bytes > 0 {
            let first = self.headers_from(dir.waiting(), 0)?.next()?;
            self.first_timestamp = first.map(|first| first.header.max_timestamp);
        }
        Ok(self.first_timestamp)
    }

    /// What retention takes for the age of the newest record.
    pub(crate) const fn largest_timestamp(&self) -> i64 {
        if self.max_timestamp.timestamp >= 0 { self.max_timestamp.timestamp } else { self.modified_ms }
    }

    /// No more batches will come: completes the indexes.
    pub(crate) fn seal(&mut self, dir: &Dir) -> Result<()> {
        self.time_index.maybe_append(dir, self.max_timestamp);
        self.write_indexes(dir)
    }

    /// Puts the pending index entries into their files.
    pub(crate) fn write_indexes(&mut self, dir: &Dir) -> Result<()> {
        self.offset_index.entries.write(dir, self.base_offset)?;
        self.time_index.entries.write(dir, self.base_offset)
    }

    /// Makes a complete segment durable, but for its names.
    pub(crate) fn sync(&self, dir: &Dir) -> Result<()> {
        let log = (self.log.path(dir, self.base_offset), self.log_file(dir)?);
        for (path, file) in self.index_files(dir)?.into_iter().chain([log]) {
            file.sync_data().at("sync", &path)?;
        }
        Ok(())
    }

    /// When the segment was written last, milliseconds since the Unix epoch.
    pub(crate) const fn modified_ms(&self) -> i64 {
        self.modified_ms
    }

    /// Sets that, of the file as well.
    pub(crate) fn set_modified(&mut self, dir: &Dir, modified_ms: i64) -> Result<()> {
        let path = self.log.path(dir, self.base_offset);
        self.log_file(dir)?.set_modified_ms(modified_ms).at("set the time of", &path)?;
        self.modified_ms = modified_ms;
        Ok(())
    }

    /// What a cleaning plans with.
    pub(crate) fn facts(&self) -> SegmentFacts {
        SegmentFacts {
            base_offset: self.base_offset,
            size_bytes: self.size_bytes.into(),
            offset_index_bytes: self.offset_index.entries.size_bytes(),
            time_index_bytes: self.time_index.entries.size_bytes(),
            largest_timestamp: self.largest_timestamp(),
        }
    }

    pub(crate) const fn jitter_ms(&self) -> i64 {
        self.roll_jitter_ms
    }

    /// The files of the indexes, which were written, to be synced.
    pub(crate) fn index_files(&self, dir: &Dir) -> Result<Vec<(PathBuf, Arc<dyn DiskFile>)>> {
        let mut files = vec![self.offset_index.entries.file(), self.time_index.entries.file()];
        files.extend(self.txn_index.exists().then(|| self.txn_index.file()));
        let open =
            |file: &LazyFile| Ok((file.path(dir, self.base_offset), file.get(dir, self.base_offset, false)?));
        files.into_iter().map(open).collect()
    }

    /// All of its batches are durable: their file may be closed.
    pub(crate) fn synced(&self) {
        self.log.synced();
    }

    /// Closes the files that can be opened again at any time.
    pub(crate) fn close_files(&self) {
        self.log.close();
        self.close_indexes();
    }

    pub(crate) fn close_indexes(&self) {
        self.txn_index.file().close();
        if self.offset_index.entries.is_written() {
            self.offset_index.entries.file().close();
        }
        if self.time_index.entries.is_written() {
            self.time_index.entries.file().close();
        }
    }

    /// A walk over headers from the start of a batch.
    pub(crate) fn headers_from(&self, access: Access<'_>, position: u32) -> Result<Scanner> {
        let path = self.log.path(access.dir, self.base_offset);
        let walk = Scanner::headers(self.log_file(access.dir)?, path, position, self.size_bytes);
        Ok(walk.from(access.source))
    }

    /// A walk over whole batches.
    pub(crate) fn batches_from(&self, access: Access<'_>, position: u32) -> Result<Scanner> {
        let path = self.log.path(access.dir, self.base_offset);
        let walk = Scanner::batches(self.log_file(access.dir)?, path, position, self.size_bytes);
        Ok(walk.from(access.source))
    }

    /// The first batch that ends at or after an offset.
    pub(crate) fn locate(&self, access: Access<'_>, offset: Offset) -> Result<Option<Found>> {
        if self.size_bytes == 0 {
            return Ok(None);
        }
        let start = self.offset_index.position_before(access, offset)?;
        let mut walk = self.headers_from(access, start)?;
        let mut checked = start == 0;
        while let Some(found) = walk.next()? {
            // An index that leads beyond the offset would make the read skip records.
            checked |= found.header.base_offset <= offset;
            if !checked {
                break;
            }
            if found.header.last_offset() >= offset {
                return Ok(Some(found));
            }
        }
        if !checked {
            let path = self.offset_index.entries.file().path(access.dir, self.base_offset);
            return Err(corrupt(
                &path,
                0,
                format!("{offset} at position {start}"),
                "the batch with that offset or one before",
            ));
        }
        Ok(None)
    }

    /// The greatest end of a batch at or before `limit`, for walks that begin at the start of a batch, `start`; and
    /// the offset after that batch. `None` if the first batch does not fit.
    pub(crate) fn end_before(
        &self,
        access: Access<'_>,
        start: u32,
        limit: u32,
    ) -> Result<Option<(u32, Offset)>> {
        let from = self.offset_index.batch_start_before(access, limit)?.max(start);
        let mut end = None;
        let mut walk = self.headers_from(access, from)?;
        while let Some(found) = walk.next()? {
            if found.end() > limit {
                // With nothing before it, the batch begins at an entry of the index.
                return Ok(end.or((from > start).then_some((from, found.header.base_offset))));
            }
            end = Some((found.end(), found.header.next_offset()));
        }
        Ok(end)
    }

    /// Walks the batches after the last index entry: completes the greatest timestamp, and finds the offset after the
    /// last batch. For the segment that grows on.
    pub(crate) fn load_tail(&mut self, dir: &Dir) -> Result<Offset> {
        let last = self.offset_index.last(dir.waiting())?.map_or(0, |last| last.position);
        let mut next_offset = self.base_offset;
        if self.size_bytes > 0 {
            let mut walk = self.headers_from(dir.waiting(), last)?;
            while let Some(Found { header, .. }) = walk.next()? {
                next_offset = header.next_offset();
                if header.max_timestamp > self.max_timestamp.timestamp {
                    self.max_timestamp =
                        TimestampOffset { timestamp: header.max_timestamp, offset: header.last_offset() };
                }
            }
            self.bytes_since_index_entry = self.size_bytes - last;
        }
        Ok(next_offset)
    }

    /// Drops all batches that reach to or beyond an offset, and makes that durable. Answers the offset after those
    /// that remain.
    pub(crate) fn truncate_to(&mut self, dir: &Dir, offset: Offset, now_ms: i64) -> Result<Offset> {
        let Some(found) = self.locate(dir.waiting(), offset)? else { return self.load_tail(dir) };
        self.offset_index.truncate_to(dir, found.header.base_offset)?;
        self.time_index.truncate_to(dir, found.header.base_offset)?;
        self.txn_index.truncate_to(dir, offset)?;
        self.cut(dir, found.position)?;
        self.max_timestamp = self.time_index.last();
        if self.size_bytes == 0 {
            self.created_ms = now_ms;
            self.first_timestamp = None;
            self.bytes_since_index_entry = 0;
        }
        self.load_tail(dir)
    }

    /// Cuts the file.
    pub(crate) fn cut(&mut self, dir: &Dir, size_bytes: u32) -> Result<()> {
        let path = self.log.path(dir, self.base_offset);
        let file = self.log_file(dir)?;
        file.set_len(size_bytes.into()).at("truncate", &path)?;
        file.sync_data().at("sync", &path)?;
        self.size_bytes = size_bytes;
        self.unchecked.cut(size_bytes);
        Ok(())
    }

    /// Writes the bytes from a position on once more, as they are. What was read may be in the page cache only, and marked
    /// there as written by a sync that failed in an earlier process: no later sync would write it.
    pub(crate) fn write_again(&self, dir: &Dir, from: u32) -> Result<()> {
        const CHUNK_BYTES: u32 = 1 << 20;
        if from == self.size_bytes {
            return Ok(());
        }
        let path = self.log.path(dir, self.base_offset);
        let file = self.log.get_to_write(dir, self.base_offset)?;
        let mut position = from;
        let mut chunk = vec![0; (self.size_bytes - from).min(CHUNK_BYTES) as usize];
        while position < self.size_bytes {
            let most = (self.size_bytes - position).min(CHUNK_BYTES) as usize;
            let read = file.read_at(&mut chunk[..most], position.into()).at("read", &path)?;
            if read == 0 {
                return Err(corrupt(&path, position.into(), "the end of the file", "the batches just read"));
            }
            file.write_at(&chunk[..read], position.into()).at("write again to", &path)?;
            position += read as u32;
        }
        Ok(())
    }

    /// From where on a record with this timestamp, and an offset at or after `start`, may be.
    pub(crate) fn batches_for_timestamp(
        &self,
        access: Access<'_>,
        timestamp: i64,
        start: Offset,
    ) -> Result<Scanner> {
        let before = self.time_index.look_up(access, timestamp)?;
        let position = self.offset_index.position_before(access, before.offset.max(start))?;
        self.batches_from(access, position)
    }

    /// Renames the segment's files so that they are no longer part of the log; says what remains to be removed.
    pub(crate) fn mark_deleted(&self, dir: &Dir) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for kind in Kind::ALL {
            files.extend(dir.mark_deleted(self.base_offset, kind)?);
        }
        Ok(files)
    }
}

/// What is about to be appended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming {
    pub(crate) size_bytes: usize,
    pub(crate) first_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) max_timestamp: i64,
}

const fn index_is_full(entries: u32, entry_bytes: usize, config: &LogConfig) -> bool {
    entries as usize * entry_bytes + entry_bytes > config.segment_index_bytes as usize
}
