//! The comparison of a partition's files with each other, and with what the log directory says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::records::{Batch, ControlType};
use protocol::{LeaderEpoch, Offset};

use super::files::{self, FileKind};
use super::finding::{Finding, Findings, What};
use super::indexes::Indexes;
use super::walk::{BatchWalk, Damage, Step};
use crate::checkpoint::{LEADER_EPOCHS, PARTITION_METADATA};
use crate::config::LogConfig;
use crate::dir::{Dir, Kind};
use crate::disk::Disk;
use crate::error::{At as _, Result};
use crate::log::Recovery;

/// What the log directory says of a partition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    /// What a start would be told.
    pub recovery: Recovery,
    /// From `replication-offset-checkpoint`.
    pub high_watermark: Option<Offset>,
    /// A node writes to the log. Then only what lies before the recovery point is looked at, and of the last segment no index.
    pub running: bool,
}

impl Scope {
    /// Bytes before this offset were durable: a start does not expect to find them torn.
    pub const fn trusted(&self) -> Offset {
        if self.recovery.clean_shutdown { Offset(i64::MAX) } else { self.recovery.recovery_point }
    }
}

/// What was looked at, and what was found.
#[derive(Clone, Debug)]
pub struct PartitionReport {
    /// The partition's directory.
    pub path: PathBuf,
    /// What is wrong.
    pub findings: Findings,
    /// How many files were looked at.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Batches that are as they should be.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Where the first segment begins, or the log, where that is later.
    pub log_start_offset: Offset,
    /// The offset after the last batch, or where the last segment begins.
    pub log_end_offset: Offset,
    /// How often offsets are missing between batches: compaction leaves such gaps, and so does a repair.
    pub gaps: u64,
    /// The first of them: the first offset that is missing, and the next that is there.
    pub first_gap: Option<(Offset, Offset)>,
}

/// Looks at everything in a partition's directory. Reads only. Errors are those of the disk; everything else is a finding.
pub fn verify(
    disk: &Arc<dyn Disk>,
    path: &Path,
    scope: &Scope,
    max_findings: usize,
) -> Result<PartitionReport> {
    let mut verify = Verify {
        dir: Dir::new(disk.clone(), path.to_owned()),
        scope: *scope,
        epochs: Vec::new(),
        epoch: LeaderEpoch::UNKNOWN,
        report: PartitionReport {
            path: path.to_owned(),
            findings: Findings::new(max_findings),
            files: 0,
            bytes: 0,
            batches: 0,
            records: 0,
            log_start_offset: scope.recovery.log_start_offset,
            log_end_offset: scope.recovery.log_start_offset,
            gaps: 0,
            first_gap: None,
        },
    };
    verify.run()?;
    Ok(verify.report)
}

struct Verify {
    dir: Dir,
    scope: Scope,
    epochs: Vec<(LeaderEpoch, Offset)>,
    /// Of the last batch.
    epoch: LeaderEpoch,
    report: PartitionReport,
}

/// The files of a partition's directory that a log consists of.
#[derive(Default)]
struct Listing {
    segments: Vec<Offset>,
    snapshots: Vec<Offset>,
    topic_id: bool,
    leader_epochs: bool,
}

impl Verify {
    fn run(&mut self) -> Result<()> {
        let listing = self.list()?;
        self.read_small_files(&listing)?;
        if let Some(first) = listing.segments.first() {
            self.report.log_start_offset = self.report.log_start_offset.max(*first);
            self.report.log_end_offset = *first;
        }
        for (at, base) in listing.segments.iter().enumerate() {
            self.check_segment(*base, listing.segments.get(at + 1).copied())?;
        }
        for offset in &listing.snapshots {
            self.check_snapshot(*offset)?;
        }
        if !self.scope.running {
            self.check_bounds(&listing);
        }
        Ok(())
    }

    fn list(&mut self) -> Result<Listing> {
        let mut listing = Listing::default();
        for entry in self.dir.disk.list(&self.dir.path).at("list", &self.dir.path)? {
            let path = self.dir.path.join(&entry.name);
            // Names of files that were set aside are kinds too, but not of this log any more.
            match FileKind::of(&path) {
                Some(FileKind::Segment(base)) if path == self.dir.file(base, Kind::Log) => {
                    listing.segments.push(base);
                }
                Some(FileKind::Snapshot(offset)) if path == self.dir.file(offset, Kind::Snapshot) => {
                    listing.snapshots.push(offset);
                }
                Some(FileKind::TopicId) => listing.topic_id = entry.name == PARTITION_METADATA,
                Some(FileKind::LeaderEpochs) => listing.leader_epochs = entry.name == LEADER_EPOCHS,
                _ => {}
            }
        }
        Ok(listing)
    }

    /// Counts a file.
    fn looked_at(&mut self, path: &Path) -> Result<()> {
        if let Some(stat) = self.dir.disk.stat(path).at("look at", path)? {
            self.report.files += 1;
            self.report.bytes += stat.len;
        }
        Ok(())
    }

    fn read_small_files(&mut self, listing: &Listing) -> Result<()> {
        let disk = self.dir.disk.clone();
        if listing.topic_id {
            let path = self.dir.path.join(PARTITION_METADATA);
            self.looked_at(&path)?;
            if let Err(error) = files::topic_id(&*disk, &path) {
                self.report.findings.add_corrupt(error, What::TopicId, true)?;
            }
        }
        if !listing.leader_epochs {
            return Ok(());
        }
        let path = self.dir.path.join(LEADER_EPOCHS);
        self.looked_at(&path)?;
        match files::leader_epochs(&*disk, &path) {
            Ok(epochs) => self.epochs = epochs,
            Err(error) => self.report.findings.add_corrupt(error, What::LeaderEpochs, true)?,
        }
        let grow = |pair: &[(LeaderEpoch, Offset)]| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1;
        if let Some(wrong) = self.epochs.windows(2).find(|pair| !grow(pair)) {
            let found = format!(
                "epoch {} from offset {} after epoch {} from offset {}",
                wrong[1].0, wrong[1].1, wrong[0].0, wrong[0].1
            );
            let finding =
                Finding::new(&path, 0, found, "epochs and offsets that grow", What::LeaderEpochs, true);
            self.report.findings.add(finding);
            self.epochs.clear();
        }
        Ok(())
    }

    fn check_snapshot(&mut self, offset: Offset) -> Result<()> {
        let path = self.dir.file(offset, Kind::Snapshot);
        if self.scope.running && offset >= self.scope.trusted() {
            return Ok(());
        }
        self.looked_at(&path)?;
        match files::snapshot(&*self.dir.disk, &path, offset) {
            Err(error) if self.is_gone(&error) => Ok(()),
            Err(error) => {
                // The next start removes those beyond the end.
                let before = offset < self.scope.trusted() && offset <= self.report.log_end_offset;
                self.report.findings.add_corrupt(error, What::Snapshot, before)
            }
            Ok(_) => Ok(()),
        }
    }

    /// A running node has removed what was listed.
    fn is_gone(&self, error: &crate::Error) -> bool {
        self.scope.running && error.is_not_found()
    }

    fn check_segment(&mut self, base: Offset, limit: Option<Offset>) -> Result<()> {
        let path = self.dir.file(base, Kind::Log);
        self.note_gap(base, limit.is_some(), &path, 0);
        let mut walk = match BatchWalk::open(&*self.dir.disk, &path, base, limit) {
            Err(error) if self.is_gone(&error) => return Ok(()),
            Err(error) => return self.report.findings.add_corrupt(error, What::Segment, true),
            Ok(walk) => walk,
        };
        self.looked_at(&path)?;
        let with_indexes = !self.scope.running || limit.is_some();
        let mut indexes = if with_indexes { Some(Indexes::load(&self.dir, base)?) } else { None };
        self.report.log_end_offset = base;
        let mut wrong_epoch = false;
        while let Some(step) = walk.step()? {
            match step {
                Step::Damage(damage) => {
                    if self.scope.running && damage.first_offset >= self.scope.trusted() {
                        break;
                    }
                    if let Some(indexes) = &mut indexes {
                        indexes.damage(&damage);
                    }
                    self.add_damage(&path, base, damage);
                }
                Step::Batch { position, header } => {
                    self.note_gap(header.base_offset, false, &path, position);
                    self.report.log_end_offset = header.next_offset();
                    let before = header.base_offset < self.scope.trusted();
                    if before && !wrong_epoch {
                        wrong_epoch = self.check_epoch(&path, position, &header);
                    }
                    let Some(batch) = walk.batch()? else { continue };
                    let marker = self.check_records(&path, position, &batch, before);
                    self.report.batches += 1;
                    self.report.records += header.record_count as u64;
                    if let Some(indexes) = &mut indexes {
                        indexes.batch(position, &header, marker);
                    }
                }
            }
        }
        if let Some(indexes) = indexes {
            self.report.files += indexes.files;
            self.report.bytes += indexes.bytes;
            // A segment that was not complete, or not durable, gets its indexes anew.
            let end = limit.unwrap_or(self.report.log_end_offset);
            let durable =
                if limit.is_some() { end < self.scope.trusted() } else { self.scope.recovery.clean_shutdown };
            let expected = durable && !is_quorum(&self.dir.path);
            indexes.finish(&mut self.report.findings, walk.len_bytes(), expected, durable);
        }
        Ok(())
    }

    fn add_damage(&mut self, path: &Path, segment: Offset, damage: Damage) {
        let before = damage.first_offset < self.scope.trusted();
        if let Some(next) = damage.next_offset {
            self.report.log_end_offset = self.report.log_end_offset.max(next);
        }
        let (position, found, expected) = (damage.position, damage.found.clone(), damage.expected);
        let what = What::Batches { segment, damage };
        self.report.findings.add(Finding::new(path, position, found, expected, what, before));
    }

    /// The log goes on at an offset; is something missing before?
    fn note_gap(&mut self, next: Offset, between_segments: bool, path: &Path, position: u64) {
        let end = self.report.log_end_offset;
        if next <= end {
            return;
        }
        self.report.gaps += 1;
        self.report.first_gap.get_or_insert((end, next));
        let needed = next > self.report.log_start_offset && next > self.scope.recovery.clean_to;
        if between_segments && !self.scope.running && needed && end >= self.scope.trusted() {
            let found = format!("the segment begins at offset {next}");
            let expected = format!("offset {end}, where the one before ends");
            self.report.findings.add(Finding::new(path, position, found, expected, What::Segment, false));
        }
    }

    /// Whether the epoch of a batch is not the one that was the leader's at its offset.
    fn check_epoch(&mut self, path: &Path, position: u64, header: &protocol::records::BatchHeader) -> bool {
        let epoch = header.partition_leader_epoch;
        let of = |offset| self.epochs.iter().take_while(|(_, start)| *start <= offset).last();
        let expected = match of(header.base_offset) {
            Some((expected, _)) if *expected != epoch => format!("{expected}, as {LEADER_EPOCHS} has it"),
            _ if epoch < self.epoch => format!("at least {}, as in the batch before", self.epoch),
            _ => {
                self.epoch = epoch;
                return false;
            }
        };
        let found = format!("leader epoch {epoch} at offset {}", header.base_offset);
        self.report.findings.add(Finding::new(path, position, found, expected, What::LeaderEpoch, true));
        true
    }

    /// Reads all records. Answers what kind of control batch it is, where it is one.
    fn check_records(
        &mut self,
        path: &Path,
        position: u64,
        batch: &Batch<'_>,
        before: bool,
    ) -> Option<ControlType> {
        match read_records(batch) {
            Ok(marker) => marker,
            Err(found) => {
                let expected = format!(
                    "{} records up to offset {}",
                    batch.header().record_count,
                    batch.header().last_offset()
                );
                self.report.findings.add(Finding::new(
                    path,
                    position,
                    found,
                    expected,
                    What::Records,
                    before,
                ));
                None
            }
        }
    }

    fn check_bounds(&mut self, listing: &Listing) {
        let end = self.report.log_end_offset;
        let Recovery { recovery_point, log_start_offset, clean_shutdown, .. } = self.scope.recovery;
        let path =
            listing.segments.last().map_or(self.dir.path.clone(), |last| self.dir.file(*last, Kind::Log));
        // After a crash the high watermark may be of records that were in no disk's hands yet.
        let high_watermark = self.scope.high_watermark.filter(|_| clean_shutdown).unwrap_or_default();
        let bounds = [
            (recovery_point, "the recovery point"),
            (high_watermark, "the high watermark"),
            (log_start_offset, "the log's start"),
        ];
        let Some((needed, name)) = bounds.into_iter().max_by_key(|(offset, _)| *offset) else { return };
        if needed > end {
            let (found, expected) =
                (format!("the log ends at offset {end}"), format!("{name}, {needed}, or later"));
            let what = What::End { needed };
            self.report.findings.add(Finding::new(&path, 0, found, expected, what, true));
        }
    }
}

/// The log of the cluster metadata has no indexes.
fn is_quorum(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("__cluster_metadata-")
}

fn read_records(batch: &Batch<'_>) -> std::result::Result<Option<ControlType>, String> {
    let header = batch.header();
    let unpacked =
        batch.decompress(LogConfig::default().max_decompressed_bytes).map_err(|error| error.to_string())?;
    let mut marker = None;
    let mut next = header.base_offset;
    for record in batch.records(&unpacked) {
        let record = record.map_err(|error| error.to_string())?;
        if record.offset < next || record.offset > header.last_offset() {
            return Err(format!("a record at offset {} where {next} is next", record.offset));
        }
        next = record.offset + 1;
        if header.attributes.is_control() && marker.is_none() {
            marker = Some(record.control_type().map_err(|error| error.to_string())?);
        }
    }
    Ok(marker)
}
