//! Compaction: of the records with the same key the newest stays (`cleanup.policy=compact`).
//!
//! A cleaning is a job of its own, beside the log: [`Log::start_cleaning`](crate::Log::start_cleaning) hands out complete
//! segments, [`Cleaning::map`] reads the dirty ones for the newest offset of every key, and [`Cleaning::next`] writes,
//! group by group, what remains of them into files with the suffix `.cleaned`, synced.
//! [`Log::replace`](crate::Log::replace) then puts them in the place of the old ones. Appends, reads and retention go on.
//!
//! # Files and crashes
//! | step | names | found at the next start |
//! |---|---|---|
//! | write, sync | `.cleaned` | removed |
//! | take over | indexes, then the log: `.cleaned` → `.swap` | as long as a `.cleaned` is there: all removed |
//! | old ones go | → `.deleted` | the swap is finished: old segments that it covers are removed |
//! | in place | the log, then the indexes: `.swap` → as always | the rest is renamed |

mod filter;
mod offset_map;
mod plan;
mod transactions;

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use protocol::Offset;
use stdx::Now;

use crate::config::LogConfig;
use crate::dir::{Dir, Kind};
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::producer::ProducerState;
use crate::scan::{Found, Scanner};
use crate::segment::{MAX_SEGMENT_BYTES, Segment};
use crate::txn_index::AbortedTxn;
use crate::validate::Refusal;

use filter::{AT_ONCE, Rules};
use offset_map::OffsetMap;
use transactions::Transactions;

pub use plan::Cleanable;
pub(crate) use plan::{SegmentFacts, cleanable};

/// The suffix of files that a cleaning writes.
pub(crate) const CLEANED: &str = ".cleaned";
/// The suffix of cleaned files that take the place of others.
pub(crate) const SWAP: &str = ".swap";

/// Is told of bytes that were read or written, as they are: to keep a limit of I/O, or to end the cleaning with an error.
pub type Pace<'a> = &'a mut dyn FnMut(usize) -> Result<()>;

/// A complete segment as a cleaning sees it. It may leave the log while this is held; its bytes stay.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) facts: SegmentFacts,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) path: PathBuf,
    pub(crate) modified_ms: i64,
    pub(crate) jitter_ms: i64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleaningReport {
    /// Bytes read, for the map and for the copy.
    pub bytes_read: u64,
    /// Bytes of the new segments.
    pub bytes_written: u64,
    /// Records read for the copy.
    pub records_read: u64,
    /// Records in the new segments.
    pub records_kept: u64,
    /// How many keys the map had.
    pub keys: usize,
    /// How many it had room for.
    pub max_keys: usize,
}

/// The cleaning of a log, under way.
pub struct Cleaning {
    dir: Arc<Dir>,
    config: Arc<LogConfig>,
    generation: u64,
    now: Now,
    first_dirty: Offset,
    sources: Vec<Source>,
    aborted: Vec<AbortedTxn>,
    rules: Rules,
    limits: CleaningLimits,
    map: OffsetMap,
    transactions: Transactions,
    groups: VecDeque<Range<usize>>,
    report: CleaningReport,
}

/// A new segment that waits to take the place of old ones: see [`Log::replace`](crate::Log::replace).
#[derive(Debug)]
#[must_use]
pub struct Cleaned {
    pub(crate) segment: Segment,
    /// The base offsets of those that it replaces.
    pub(crate) replaces: Vec<Offset>,
    /// Of the log's truncations when it was made.
    pub(crate) generation: u64,
}

/// What a log hands to its cleaning.
pub(crate) struct Parts<'a> {
    pub(crate) dir: Arc<Dir>,
    pub(crate) config: Arc<LogConfig>,
    pub(crate) generation: u64,
    pub(crate) sources: Vec<Source>,
    pub(crate) aborted: Vec<AbortedTxn>,
    pub(crate) producers: &'a ProducerState,
}

/// What limits a cleaning.
#[derive(Clone, Copy, Debug)]
pub struct CleaningLimits {
    /// Memory for the newest offsets of keys, 24 bytes each: where it does not do, less of the log is cleaned.
    pub map_bytes: usize,
    /// The share of that memory's places that are taken at most.
    pub map_load: f64,
    /// How much is gathered before it is written. A batch is not divided.
    pub write_bytes: usize,
    /// Random bits that nobody knows who writes keys.
    pub seed: [u64; 2],
}

impl Cleaning {
    pub(crate) fn new(parts: Parts<'_>, what: Cleanable, limits: CleaningLimits, now: Now) -> Self {
        let Parts { dir, config, generation, sources, aborted, producers } = parts;
        let rules = Rules {
            now_ms: now.unix_ms,
            delete_retention_ms: config.delete_retention_ms,
            max_decompressed_bytes: config.max_decompressed_bytes,
            mapped_to: what.first_dirty,
            end: what.end,
            last_records: filter::last_records(producers),
        };
        Self {
            dir,
            config,
            generation,
            now,
            first_dirty: what.first_dirty,
            sources,
            transactions: Transactions::new(aborted.clone()),
            aborted,
            rules,
            limits,
            // Its memory is not taken under the log's lock.
            map: OffsetMap::new(0, 0, limits.map_load, limits.seed),
            groups: VecDeque::new(),
            report: CleaningReport::default(),
        }
    }

    /// Reads the dirty part. Answers up to where the log is clean once every group of [`Cleaning::next`] is in place.
    pub fn map(&mut self, pace: Pace<'_>) -> Result<Offset> {
        let CleaningLimits { map_bytes, map_load, seed, .. } = self.limits;
        let records = (self.rules.end - self.first_dirty).max(0) as u64;
        self.map = OffsetMap::new(records, map_bytes, map_load, seed);
        let ends = self.sources.iter().skip(1).map(|next| next.facts.base_offset).chain([self.rules.end]);
        let dirty = self.sources.iter().zip(ends).skip_while(|(_, end)| *end <= self.first_dirty);
        let from = self.sources.get(self.sources.len() - dirty.clone().count());
        // Those that ended before the walk would be taken for open ones.
        let from = from.map_or(self.rules.end, |first| first.facts.base_offset);
        let ahead = self.aborted.iter().filter(|txn| txn.last_offset >= from);
        let mut transactions = Transactions::new(ahead.copied().collect());
        let mut mapped_to = self.first_dirty;
        for (source, end) in dirty {
            let mut walk = source.walk();
            let mut full = false;
            while let Some(found) = walk.next()? {
                pace(found.header.size_bytes())?;
                self.report.bytes_read += found.header.size_bytes() as u64;
                if !map_batch(
                    &mut self.map,
                    &mut walk,
                    &found,
                    &mut transactions,
                    &self.rules,
                    self.first_dirty,
                )? {
                    full = true;
                    break;
                }
                mapped_to = mapped_to.max(found.header.next_offset());
            }
            if full {
                break;
            }
            mapped_to = end;
        }
        (self.report.keys, self.report.max_keys) = (self.map.len(), self.map.max_len());
        self.rules.mapped_to = mapped_to;
        // What begins after the map's end stays as it is.
        let copied = self.sources.partition_point(|source| source.facts.base_offset < mapped_to);
        let facts: Vec<SegmentFacts> = self.sources[..copied].iter().map(|source| source.facts).collect();
        let end = self.sources.get(copied).map_or(self.rules.end, |next| next.facts.base_offset);
        self.groups = plan::groups(&facts, end, &self.config).into();
        Ok(mapped_to)
    }

    /// Cleans the next group of segments. `None` after the last. After an error the cleaning is over, and leaves no files.
    pub fn next(&mut self, pace: Pace<'_>) -> Result<Option<Cleaned>> {
        let Some(group) = self.groups.pop_front() else { return Ok(None) };
        let base_offset = self.sources[group.start].facts.base_offset;
        let cleaned = self.clean(group, pace);
        if cleaned.is_err() {
            self.groups.clear();
            // What remains goes with the next start; the error that led here is the one to tell.
            let _ = discard(&self.dir, base_offset);
        }
        cleaned.map(Some)
    }

    fn clean(&mut self, group: Range<usize>, pace: Pace<'_>) -> Result<Cleaned> {
        let first = &self.sources[group.start];
        let last = &self.sources[group.end - 1];
        let dir = self.dir.with_suffix(CLEANED);
        let mut segment = Segment::create(&dir, first.facts.base_offset, self.now.unix_ms, first.jitter_ms)?;
        segment.reset(&dir)?;
        let mut out = Vec::new();
        for source in &self.sources[group.clone()] {
            let mut walk = source.walk();
            while let Some(found) = walk.next()? {
                let size = found.header.size_bytes();
                pace(size)?;
                self.report.bytes_read += size as u64;
                self.report.records_read += found.header.record_count as u64;
                let batch = walk.verified(&found)?;
                let outcome = filter::clean(&batch, &self.map, &mut self.transactions, &self.rules)
                    .map_err(|error| source.corrupt(&found, &error))?;
                self.report.records_kept += outcome.records;
                if let Some(txn) = &outcome.aborted {
                    segment.txn_index.append(&dir, txn)?;
                }
                if let Some(bytes) = outcome.bytes {
                    out.extend_from_slice(&bytes);
                }
                if out.len() >= self.limits.write_bytes {
                    self.write(&mut segment, &dir, &mut out, pace)?;
                }
            }
        }
        self.write(&mut segment, &dir, &mut out, pace)?;
        segment.seal(&dir)?;
        segment.set_modified(&dir, last.modified_ms)?;
        segment.sync(&dir)?;
        // They are opened again by the names that they have then.
        segment.close_files();
        self.report.bytes_written += u64::from(segment.size_bytes);
        let replaces = self.sources[group].iter().map(|source| source.facts.base_offset).collect();
        Ok(Cleaned { segment, replaces, generation: self.generation })
    }

    /// Appends what was gathered. Batches that are packed anew may have grown.
    fn write(&self, segment: &mut Segment, dir: &Dir, out: &mut Vec<u8>, pace: Pace<'_>) -> Result<()> {
        pace(out.len())?;
        let size_bytes = segment.size_bytes as usize + out.len();
        if size_bytes > MAX_SEGMENT_BYTES as usize {
            return Err(Refusal::LargerThanSegment { size_bytes, max_bytes: MAX_SEGMENT_BYTES }.into());
        }
        segment.append(dir, out, self.now.unix_ms, &self.config)?;
        out.clear();
        Ok(())
    }

    /// What was done so far.
    pub const fn report(&self) -> CleaningReport {
        self.report
    }
}

/// Removes the files of a segment that takes nobody's place.
pub(crate) fn discard(dir: &Dir, base_offset: Offset) -> Result<()> {
    let cleaned = dir.with_suffix(CLEANED);
    Kind::OF_SEGMENTS.into_iter().try_for_each(|kind| dir.remove(&cleaned.file(base_offset, kind)))
}

impl Source {
    fn walk(&self) -> Scanner {
        Scanner::batches(self.file.clone(), self.path.clone(), 0, self.facts.size_bytes as u32)
    }

    fn corrupt(&self, found: &Found, error: &protocol::records::Error) -> Error {
        crate::error::corrupt(&self.path, found.position.into(), error.to_string(), "a valid batch")
    }
}

/// Takes note of the keys of a batch. `false` if there is no room for all of them.
fn map_batch(
    map: &mut OffsetMap,
    walk: &mut Scanner,
    found: &Found,
    transactions: &mut Transactions,
    rules: &Rules,
    first_dirty: Offset,
) -> Result<bool> {
    let path = walk.path().to_owned();
    let batch = walk.verified(found)?;
    let at = |error: protocol::records::Error| {
        crate::error::corrupt(&path, found.position.into(), error.to_string(), "a valid batch")
    };
    if found.header.attributes.is_control() {
        transactions.end(&found.header, filter::control(&batch, rules).map_err(at)?);
        return Ok(true);
    }
    if transactions.is_aborted(&found.header) || found.header.next_offset() <= first_dirty {
        return Ok(true);
    }
    let unpacked = batch.decompress(rules.max_decompressed_bytes).map_err(at)?;
    let mut keys = Vec::with_capacity(AT_ONCE);
    let mut records = batch.records(&unpacked).peekable();
    while records.peek().is_some() {
        keys.clear();
        for record in records.by_ref().take(AT_ONCE) {
            let record = record.map_err(at)?;
            if let Some(key) = record.key.filter(|_| record.offset >= first_dirty) {
                keys.push((map.hash(key), record.offset));
            }
        }
        map.bring_near(keys.iter().map(|(hash, _)| *hash));
        if !keys.iter().all(|(hash, offset)| map.put(*hash, *offset)) {
            return Ok(false);
        }
    }
    Ok(true)
}
