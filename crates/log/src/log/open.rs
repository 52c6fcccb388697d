//! Opening a log, after a clean shutdown or a crash.
//!
//! After a clean shutdown nothing is scanned but the few batches after the last index entry. After a crash the segments from the one with the recovery point on are walked: headers
//! before the recovery point, whole batches with their crc after it. The walk rebuilds the indexes, the producers' state
//! (from the snapshot before it) and the leader epochs. The first batch that is not whole and valid, and all after
//! it, are cut off: such a tail was never acknowledged as durable. Before the recovery point that is not a torn
//! tail but damage: it is an error with file and position, and nothing is changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use protocol::{Offset, TopicPartition};
use stdx::Now;

use super::flush::Durability;
use super::{Log, roll_jitter_ms, swap};
use crate::config::LogConfig;
use crate::dir::{DELETED, Dir, Kind, file_name, parse_name};
use crate::disk::Disk;
use crate::error::{At as _, Error, Result, corrupt};
use crate::leader_epochs::LeaderEpochs;
use crate::producer::{self, ProducerState};
use crate::scan::{Found, Scanner};
use crate::segment::Segment;

/// What is known from the log directory about the last run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The log directory was closed cleanly: see [`crate::log_dir::LogDir::clean_shutdown`].
    pub clean_shutdown: bool,
    /// From `recovery-point-offset-checkpoint`; 0 if it has no entry.
    pub recovery_point: Offset,
    /// From `log-start-offset-checkpoint`; 0 if it has no entry.
    pub log_start_offset: Offset,
    /// From `cleaner-offset-checkpoint`; 0 if it has no entry. Gaps before it are no damage, nor those before the recovery
    /// point, which [`Log::replace`] waits for; Apache Kafka does not.
    pub clean_to: Offset,
}

/// What opening a log had to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Segments that were walked after a crash.
    pub segments_scanned: usize,
    /// Segments whose indexes were missing or bad, and were rebuilt.
    pub indexes_rebuilt: usize,
    /// The tail that was cut off.
    pub cut: Option<Cut>,
    /// Files that an earlier run had left to be removed, and were.
    pub files_removed: usize,
}

/// A tail that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment's file.
    pub path: PathBuf,
    /// From where on.
    pub position: u64,
    /// How much, with the segments after it.
    pub bytes: u64,
    /// The end of the log that remains.
    pub log_end_offset: Offset,
    /// What was wrong there.
    pub reason: String,
}

/// The files of a partition's directory.
#[derive(Default)]
struct Listing {
    segments: Vec<Offset>,
    files: BTreeSet<(Offset, Kind)>,
    snapshots: BTreeSet<Offset>,
    removed: usize,
}

impl Log {
    /// Opens the log in a directory, which is made if there is none.
    ///
    /// The caller holds the lock of the log directory, and deletes the mark of a clean shutdown before the first append.
    pub fn open(
        disk: Arc<dyn Disk>,
        path: &Path,
        topic_partition: TopicPartition,
        config: impl Into<Arc<LogConfig>>,
        recovery: Recovery,
        now: Now,
    ) -> Result<(Self, RecoveryReport)> {
        let config = config.into();
        disk.create_dir_all(path).at("create", path)?;
        let dir = Arc::new(Dir::new(disk, path.to_owned()));
        let listing = list(&dir)?;
        let mut report = RecoveryReport { files_removed: listing.removed, ..RecoveryReport::default() };
        let jitter = |base_offset| roll_jitter_ms(&topic_partition, base_offset, &config);
        let mut segments = Vec::with_capacity(listing.segments.len());
        for base_offset in &listing.segments {
            segments.push(Segment::existing(&dir, *base_offset, now.unix_ms, jitter(*base_offset))?);
        }
        let active = match segments.pop() {
            Some(active) => active,
            None => {
                let base_offset = recovery.log_start_offset;
                Segment::create(&dir, base_offset, now.unix_ms, jitter(base_offset))?
            }
        };
        // One that a process made which then was killed, or had nothing to close in it, may have a name that is not on the
        // disk yet.
        let is_empty = segments.is_empty() && active.size_bytes == 0;
        let dir_is_new = !recovery.clean_shutdown || is_empty;
        let is_new = listing.segments.is_empty() && listing.snapshots.is_empty();
        // There is nothing to recover where there is nothing.
        let recovery = Recovery { clean_shutdown: recovery.clean_shutdown || is_new, ..recovery };
        let first = segments.first().unwrap_or(&active).base_offset;
        let log_start_offset = recovery.log_start_offset.max(first);
        let mut log = Self {
            epochs: LeaderEpochs::load(&dir)?,
            dir,
            topic_partition,
            config,
            older: segments,
            log_end_offset: active.base_offset,
            active,
            log_start_offset,
            high_watermark: log_start_offset,
            producers: ProducerState::default(),
            snapshots: listing.snapshots.clone(),
            durability: Durability::new(dir_is_new),
            fenced: Arc::new(AtomicBool::new(false)),
        };
        log.load(&listing, recovery, now, &mut report)?;
        Ok((log, report))
    }

    fn load(
        &mut self,
        listing: &Listing,
        recovery: Recovery,
        now: Now,
        report: &mut RecoveryReport,
    ) -> Result<()> {
        if !recovery.clean_shutdown {
            self.durability.touched();
            self.drop_dead_segments()?;
        }
        // Bytes from here on may be torn.
        let trusted = if recovery.clean_shutdown { Offset(i64::MAX) } else { recovery.recovery_point };
        // A segment that ends at the recovery point itself may have been completed after its last flush: its indexes are
        // durable with the flush that follows.
        let intact = if recovery.clean_shutdown {
            self.segment_count()
        } else {
            self.segments().skip(1).take_while(|next| next.base_offset < trusted).count()
        };
        self.load_intact_segments(listing, intact, report)?;
        if recovery.clean_shutdown {
            self.log_end_offset = self.active.load_tail(&self.dir)?;
        } else {
            let start = self.segments().nth(intact).map_or(Offset::ZERO, |segment| segment.base_offset);
            // A later snapshot may be of records that are lost, or torn: none was waited for that is not at the start of
            // an intact segment. The walk writes them anew.
            self.remove_snapshots(|offset| offset > start)?;
            self.load_snapshot(start, now)?;
            self.replay_producers(start)?;
            self.recover_segments(intact, trusted, recovery.clean_to, report)?;
        }
        if self.log_end_offset < self.log_start_offset {
            // Someone deleted segments.
            let start = self.log_start_offset;
            self.truncate_fully_and_start_at(start, start, now)?;
        } else if recovery.clean_shutdown {
            self.load_snapshot(self.log_end_offset, now)?;
            self.replay_producers(self.log_end_offset)?;
        }
        self.epochs.truncate_from_end(self.log_end_offset);
        self.epochs.truncate_from_start(self.log_start_offset);
        self.high_watermark = self.log_start_offset;
        self.remove_stray_snapshots()?;
        // What recovery has kept past the recovery point was read, but may be in the page cache only.
        let durable =
            if recovery.clean_shutdown { self.log_end_offset } else { trusted.min(self.log_end_offset) };
        self.durability.loaded(durable);
        self.close_idle_files();
        Ok(())
    }

    /// Segments before the log's start that retention took, and that came back with a crash, may have lost what no flush had
    /// seen. The snapshot that retention synced first knows what they said; without one they were only not taken yet.
    fn drop_dead_segments(&mut self) -> Result<()> {
        let bases = self.segments().skip(1).map(|next| next.base_offset);
        let dead = bases.take_while(|base| *base <= self.log_start_offset).count();
        let Some(base) = self.segments().nth(dead).map(|first| first.base_offset) else { return Ok(()) };
        if dead == 0 {
            return Ok(());
        }
        let Some(producers) = self.read_snapshot(base)? else { return Ok(()) };
        // What an earlier process has written may be in the page cache only, and there for good where it was told that a sync
        // has failed.
        self.dir.write(&file_name(base, Kind::Snapshot), &producer::encode(&producers))?;
        self.sync_producers_at(base)?;
        for segment in self.older.drain(..dead).collect::<Vec<_>>() {
            for path in self.mark_deleted(&segment)? {
                self.dir.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Takes the indexes of the first segments as they are; rebuilds those that cannot be.
    fn load_intact_segments(
        &mut self,
        listing: &Listing,
        intact: usize,
        report: &mut RecoveryReport,
    ) -> Result<()> {
        for segment in self.older.iter_mut().chain([&mut self.active]).take(intact) {
            let base_offset = segment.base_offset;
            let has = |kind| listing.files.contains(&(base_offset, kind));
            if has(Kind::TxnIndex) {
                segment.set_txn_index_exists();
            }
            if segment.size_bytes == 0 && !has(Kind::OffsetIndex) && !has(Kind::TimeIndex) {
                continue;
            }
            match segment.load_indexes(&self.dir) {
                Ok(()) => {}
                Err(error) if error.is_not_found() || matches!(error, Error::Corrupt { .. }) => {
                    report.indexes_rebuilt += 1;
                    self.durability.names_changed();
                    segment.rebuild_indexes(&self.dir, &self.config)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Walks the segments from one on, which were not closed.
    fn recover_segments(
        &mut self,
        from: usize,
        trusted: Offset,
        clean_to: Offset,
        report: &mut RecoveryReport,
    ) -> Result<()> {
        let mut segments = std::mem::take(&mut self.older);
        let mut left = segments.split_off(from.min(segments.len())).into_iter();
        self.older = segments;
        // The active segment is at the end of what is left; each takes its place in turn.
        let newest = match left.next() {
            Some(first) => Some(std::mem::replace(&mut self.active, first)),
            None => None,
        };
        let mut later = left.chain(newest);
        loop {
            report.segments_scanned += 1;
            let mut cut = self.recover_active(trusted)?;
            let next = later.next();
            if cut.is_none()
                && let Some(next) = &next
            {
                cut = self.find_hole(next.base_offset, trusted, clean_to);
            }
            if let Some(mut cut) = cut {
                for segment in next.into_iter().chain(later).collect::<Vec<_>>().into_iter().rev() {
                    cut.bytes += u64::from(segment.size_bytes);
                    self.mark_deleted(&segment)?;
                }
                // A segment that came back after another crash could seem to continue what is appended now.
                self.dir.sync()?;
                report.cut = Some(cut);
                return Ok(());
            }
            let Some(next) = next else { return Ok(()) };
            self.active.seal(&self.dir)?;
            self.producers.set_end_offset(next.base_offset);
            self.take_snapshot()?;
            self.older.push(std::mem::replace(&mut self.active, next));
        }
    }

    /// Writes reach the disk in any order: a segment may have lost its last batches, and the next one kept its own.
    /// Compaction leaves such holes too, in what was trusted or clean already.
    fn find_hole(&self, next_base_offset: Offset, trusted: Offset, clean_to: Offset) -> Option<Cut> {
        let needed_from = self.log_end_offset.max(self.log_start_offset);
        let hole = next_base_offset > needed_from && self.log_end_offset >= trusted;
        (hole && next_base_offset > clean_to).then(|| Cut {
            path: self.dir.file(self.active.base_offset, Kind::Log),
            position: self.active.size_bytes.into(),
            bytes: 0,
            log_end_offset: self.log_end_offset,
            reason: format!("the end of the file where the next segment starts at {next_base_offset}"),
        })
    }

    /// Walks the active segment, and cuts it at the first batch that is not whole and valid. What remains of the part
    /// that may not be on the disk is written again, for the next flush to sync.
    fn recover_active(&mut self, trusted: Offset) -> Result<Option<Cut>> {
        let (intact, cut) = self.walk_active(trusted)?;
        self.active.write_again(&self.dir, intact)?;
        Ok(cut)
    }

    /// Answers where the batches end that are on the disk for sure, and what was cut.
    fn walk_active(&mut self, trusted: Offset) -> Result<(u32, Option<Cut>)> {
        let dir = self.dir.clone();
        self.active.set_txn_index_exists();
        self.active.reset_indexes(&dir, true)?;
        self.log_end_offset = self.active.base_offset;
        let mut walk = self.active.batches_from(dir.waiting(), 0)?;
        let mut intact = 0;
        loop {
            let position = walk.position();
            match self.recover_batch(&mut walk, trusted) {
                Ok(true) if self.log_end_offset <= trusted => intact = walk.position(),
                Ok(true) => {}
                Ok(false) => return Ok((intact, None)),
                Err(Error::Corrupt { found, path, .. }) if self.log_end_offset >= trusted => {
                    let bytes = u64::from(self.active.size_bytes - position);
                    self.active.cut(&dir, position)?;
                    let log_end_offset = self.log_end_offset;
                    self.durability.names_changed();
                    let cut = Cut { path, position: position.into(), bytes, log_end_offset, reason: found };
                    return Ok((intact, Some(cut)));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn recover_batch(&mut self, walk: &mut Scanner, trusted: Offset) -> Result<bool> {
        let Some(found) = walk.next()? else { return Ok(false) };
        let Found { position, header } = found;
        if header.base_offset < self.log_end_offset || !self.active.can_hold(header.last_offset()) {
            let path = self.dir.file(self.active.base_offset, Kind::Log);
            let found = format!("a batch at offset {}", header.base_offset);
            return Err(corrupt(&path, position.into(), found, "an offset after the batch before"));
        }
        if header.last_offset() >= trusted {
            walk.verified(&found)?;
        }
        self.replay_batch(walk, &found)?;
        self.active.index(&self.dir, position, &header, self.config.index_interval_bytes);
        self.epochs.assign_recovered(header.partition_leader_epoch, header.base_offset);
        self.log_end_offset = header.next_offset();
        Ok(true)
    }

    /// Brings the producers' state up to a batch. Aborted transactions go into the active segment's index.
    fn replay_batch(&mut self, walk: &mut Scanner, found: &Found) -> Result<()> {
        for txn in replay_into(&mut self.producers, walk, found)? {
            self.active.txn_index.append(&self.dir, &txn)?;
            self.durability.names_changed();
        }
        Ok(())
    }

    /// Brings the producers' state from where it is up to an offset, from segments whose indexes are good.
    pub(super) fn replay_producers(&mut self, up_to: Offset) -> Result<()> {
        let mut producers = std::mem::take(&mut self.producers);
        let from = producers.end_offset();
        for segment in self.segments_from(from) {
            if segment.base_offset >= up_to || producers.end_offset() >= up_to {
                break;
            }
            let Some(first) = segment.locate(self.dir.waiting(), producers.end_offset())? else { continue };
            let mut walk = segment.headers_from(self.dir.waiting(), first.position)?;
            while let Some(found) = walk.next()? {
                if found.header.base_offset >= up_to {
                    break;
                }
                replay_into(&mut producers, &mut walk, &found)?;
            }
        }
        producers.set_end_offset(up_to);
        self.producers = producers;
        Ok(())
    }

    /// Keeps the snapshots at the starts of segments, and the last one, which a clean shutdown wrote.
    fn remove_stray_snapshots(&mut self) -> Result<()> {
        let bases: BTreeSet<Offset> = self.segments().map(|segment| segment.base_offset).collect();
        let end = self.log_end_offset;
        let last = self.snapshots.range(..=end).next_back().copied();
        self.remove_snapshots(|offset| offset > end || (!bases.contains(&offset) && Some(offset) != last))
    }
}

fn replay_into(
    producers: &mut ProducerState,
    walk: &mut Scanner,
    found: &Found,
) -> Result<Vec<crate::txn_index::AbortedTxn>> {
    let path = walk.path().to_owned();
    let control = found.header.has_producer_id() && found.header.attributes.is_control();
    let batch = if control { Some(walk.batch(found)?) } else { None };
    producers
        .replay(&found.header, batch.as_ref())
        .map_err(|refusal| corrupt(&path, found.position.into(), refusal.to_string(), "a transaction marker"))
}

/// Looks through the directory, and removes what an earlier run had given up.
fn list(dir: &Dir) -> Result<Listing> {
    let mut listing = Listing { removed: swap::finish(dir)?, ..Listing::default() };
    let mut orphans = Vec::new();
    for entry in dir.disk.list(&dir.path).at("list", &dir.path)? {
        let path = dir.path.join(&entry.name);
        // KRaft's snapshots go by other rules (`.checkpoint.deleted`).
        let given_up = entry.name.ends_with(DELETED) && !entry.name.contains(".checkpoint")
            || entry.name.ends_with(".tmp");
        if entry.is_dir {
            continue;
        }
        if given_up {
            dir.remove(&path)?;
            listing.removed += 1;
        } else if let Some((offset, kind)) = parse_name(&entry.name) {
            match kind {
                Kind::Log => listing.segments.push(offset),
                Kind::Snapshot => {
                    listing.snapshots.insert(offset);
                }
                _ => {
                    listing.files.insert((offset, kind));
                    orphans.push((offset, path));
                }
            }
        }
    }
    for (offset, path) in orphans {
        if listing.segments.binary_search(&offset).is_err() {
            dir.remove(&path)?;
            listing.removed += 1;
        }
    }
    Ok(listing)
}
