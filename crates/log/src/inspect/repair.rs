//! Mending a partition's files: a plan of what can be done about what [`verify`] finds, and carrying it out.
//!
//! Nobody may have the log open. Only damage before the recovery point is mended: past it the next start cuts the log itself. What
//! leaves the log stays beside it, in files with the suffix `.corrupt`, which neither this crate nor Apache Kafka looks at.
//! Every step can be interrupted: what is left is a log with the same damage, or one whose indexes are built anew by the next start.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::Offset;

use super::directory::LogDirectory;
use super::files::{self, CORRUPT};
use super::finding::{Finding, What};
use super::verify::{PartitionReport, Scope, verify};
use super::walk::{BatchWalk, Damage, Step};
use crate::checkpoint::{LEADER_EPOCHS, OffsetCheckpoint, format_leader_epochs};
use crate::config::LogConfig;
use crate::dir::{Dir, Kind, parse_name};
use crate::disk::{Disk, DiskFile};
use crate::error::{At as _, Error, Result, corrupt};
use crate::leader_epochs::LeaderEpochs;
use crate::log_dir::parse_partition_dir;
use crate::producer::ProducerState;
use crate::segment::Segment;
use crate::txn_index;

/// More findings than this are mended in another run.
const MAX_FINDINGS: usize = 100_000;
const COPY_BYTES: usize = 1 << 20;

/// What to do about bytes that are no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Take them out. Their offsets are missing from then on, as after a compaction; everything else keeps its own.
    TakeOut,
    /// End the log where the first of them is. Its offsets, and all after them, are given anew.
    Cut,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take bytes out of a segment.
    TakeOut {
        /// The segment.
        segment: Offset,
        /// Which bytes.
        damages: Vec<Damage>,
    },
    /// Cut a segment, and set those after it aside.
    Cut {
        /// The segment.
        segment: Offset,
        /// Where to cut.
        position: u64,
        /// The end of the log then.
        end: Offset,
        /// Where it ended.
        old_end: Offset,
        /// How many bytes go, with the segments after it.
        bytes: u64,
        /// The segments after it.
        later: Vec<Offset>,
    },
    /// Begin a new segment, so that offsets which were in use are not given again.
    EndAt {
        /// Where the log goes on.
        offset: Offset,
    },
    /// Build the offset index and time index of a segment anew.
    RebuildIndexes {
        /// The segment.
        segment: Offset,
    },
    /// Build the index of aborted transactions of a segment anew.
    RebuildTxnIndex {
        /// The segment.
        segment: Offset,
    },
    /// Build `leader-epoch-checkpoint` anew from the batches.
    RebuildLeaderEpochs,
    /// Set a file aside: the next start does without it, or writes it anew.
    SetAside {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = |segment: &Offset| format!("{:020}.log", segment.get());
        match self {
            Self::TakeOut { segment, damages } => {
                let bytes: u64 = damages.iter().map(|damage| damage.bytes).sum();
                write!(f, "take {bytes} bytes at {} place(s) out of {}", damages.len(), log(segment))
            }
            Self::Cut { segment, position, end, bytes, later, .. } => {
                write!(f, "cut {} at byte {position}", log(segment))?;
                if !later.is_empty() {
                    write!(f, " and set the {} segment(s) after it aside", later.len())?;
                }
                write!(f, ": {bytes} bytes, and the log ends at offset {end}")
            }
            Self::EndAt { offset } => {
                write!(f, "begin a segment at offset {offset}, so that no offset is given twice")
            }
            Self::RebuildIndexes { segment } => write!(f, "build the indexes of {} anew", log(segment)),
            Self::RebuildTxnIndex { segment } => {
                write!(f, "build the index of aborted transactions of {} anew", log(segment))
            }
            Self::RebuildLeaderEpochs => write!(f, "build {LEADER_EPOCHS} anew from the batches"),
            Self::SetAside { path } => write!(f, "set {} aside", name_of(path)),
        }
    }
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// What can be done about the findings of a partition.
#[derive(Debug)]
pub struct Plan {
    /// What was found.
    pub report: PartitionReport,
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// Findings that stay as they are: past the recovery point, or where nothing says what would be right.
    pub left: Vec<Finding>,
    scope: Scope,
}

impl Plan {
    /// Looks at a partition, and says what can be done. Writes nothing.
    pub fn make(disk: &Arc<dyn Disk>, path: &Path, scope: &Scope, method: Method) -> Result<Self> {
        let report = verify(disk, path, scope, MAX_FINDINGS)?;
        let (mut actions, mut left) = (Vec::new(), Vec::new());
        let mut end = None;
        for finding in report.findings.list() {
            let action = match &finding.what {
                _ if !finding.before_recovery_point => None,
                What::Batches { segment, damage } => {
                    Some(Action::TakeOut { segment: *segment, damages: vec![damage.clone()] })
                }
                What::Index { segment } => Some(Action::RebuildIndexes { segment: *segment }),
                What::TxnIndex { segment } => Some(Action::RebuildTxnIndex { segment: *segment }),
                What::End { needed } => {
                    end = Some(*needed);
                    continue;
                }
                What::LeaderEpochs => Some(Action::RebuildLeaderEpochs),
                What::Snapshot | What::TopicId => Some(Action::SetAside { path: finding.path.clone() }),
                What::Records | What::LeaderEpoch | What::Segment | What::Directory => None,
            };
            match action {
                Some(action) => add(&mut actions, action),
                None => left.push(finding.clone()),
            }
        }
        let first = actions.iter().position(|action| matches!(action, Action::TakeOut { .. }));
        if let (Method::Cut, Some(first)) = (method, first) {
            let cut = cut(disk, path, &actions[first], &report, scope)?;
            if let Action::Cut { segment, .. } = &cut {
                let stays = |of: &Offset| of <= segment;
                actions.retain(|action| match action {
                    Action::RebuildIndexes { segment } | Action::RebuildTxnIndex { segment } => {
                        stays(segment)
                    }
                    other => !matches!(other, Action::TakeOut { .. }),
                });
            }
            actions.insert(0, cut);
        } else if let Some(offset) = end {
            // Behind what is taken out, before indexes are built.
            let at = actions.partition_point(|action| matches!(action, Action::TakeOut { .. }));
            actions.insert(at, Action::EndAt { offset });
        }
        Ok(Self { report, actions, left, scope: *scope })
    }

    /// The ranges of offsets that are lost, with the bytes that held them. An unknown end is `None`.
    pub fn lost(&self) -> Vec<(Offset, Option<Offset>, u64)> {
        let mut lost = Vec::new();
        for action in &self.actions {
            match action {
                Action::TakeOut { damages, .. } => {
                    let of = |damage: &Damage| (damage.first_offset, damage.next_offset, damage.bytes);
                    lost.extend(damages.iter().map(of));
                }
                Action::Cut { end, old_end, bytes, .. } => lost.push((*end, Some(*old_end), *bytes)),
                _ => {}
            }
        }
        lost
    }

    /// Does it, durably. Answers the files that were set aside. `log_dir` is the log directory, where the partition stands in one,
    /// whose lock the caller holds.
    pub fn carry_out(&self, disk: &Arc<dyn Disk>, log_dir: Option<&LogDirectory>) -> Result<Vec<PathBuf>> {
        let mut repair = Repair {
            dir: Dir::new(disk.clone(), self.report.path.clone()),
            scope: self.scope,
            log_dir,
            aside: Vec::new(),
        };
        for action in &self.actions {
            repair.carry_out(action)?;
        }
        repair.dir.sync()?;
        Ok(repair.aside)
    }
}

/// Adds an action, once, and the bytes of a segment to those that are taken out of it already.
fn add(actions: &mut Vec<Action>, action: Action) {
    if let Action::TakeOut { segment: new, damages: more } = &action {
        let same = actions.iter_mut().find_map(|action| match action {
            Action::TakeOut { segment, damages } if segment == new => Some(damages),
            _ => None,
        });
        if let Some(damages) = same {
            damages.extend(more.iter().cloned());
            return;
        }
        let at = actions.partition_point(|action| matches!(action, Action::TakeOut { .. }));
        actions.insert(at, action);
    } else if !actions.contains(&action) {
        actions.push(action);
    }
}

/// The cut at the first of the bytes that would be taken out.
fn cut(
    disk: &Arc<dyn Disk>,
    path: &Path,
    take_out: &Action,
    report: &PartitionReport,
    scope: &Scope,
) -> Result<Action> {
    let Action::TakeOut { segment, damages } = take_out else { return Ok(take_out.clone()) };
    let Some(first) = damages.first() else { return Ok(take_out.clone()) };
    let dir = Dir::new(disk.clone(), path.to_owned());
    let later = segments(&dir)?.into_iter().filter(|base| base > segment).collect::<Vec<_>>();
    let mut bytes = 0;
    for base in later.iter().chain([segment]) {
        let path = dir.file(*base, Kind::Log);
        bytes += disk.stat(&path).at("look at", &path)?.map_or(0, |stat| stat.len);
    }
    Ok(Action::Cut {
        segment: *segment,
        position: first.position,
        end: first.first_offset,
        old_end: report.log_end_offset.max(scope.recovery.recovery_point),
        bytes: bytes - first.position,
        later,
    })
}

/// The base offsets of the segments in a directory.
fn segments(dir: &Dir) -> Result<Vec<Offset>> {
    let names = dir.disk.list(&dir.path).at("list", &dir.path)?;
    let parsed = names.iter().filter_map(|entry| parse_name(&entry.name));
    Ok(parsed.filter(|(_, kind)| *kind == Kind::Log).map(|(base, _)| base).collect())
}

struct Repair<'a> {
    dir: Dir,
    scope: Scope,
    log_dir: Option<&'a LogDirectory>,
    aside: Vec<PathBuf>,
}

impl Repair<'_> {
    fn carry_out(&mut self, action: &Action) -> Result<()> {
        match action {
            Action::TakeOut { segment, damages } => self.take_out(*segment, damages),
            Action::Cut { segment, position, end, later, .. } => self.cut(*segment, *position, *end, later),
            Action::EndAt { offset } => {
                self.dir.open(&self.dir.file(*offset, Kind::Log), true)?;
                self.dir.sync()
            }
            Action::RebuildIndexes { segment } => self.rebuild_indexes(*segment),
            Action::RebuildTxnIndex { segment } => self.rebuild_txn_index(*segment),
            Action::RebuildLeaderEpochs => self.rebuild_leader_epochs(),
            Action::SetAside { path } => self.set_aside(path),
        }
    }

    /// A name for what leaves the log that nothing has yet.
    fn name_aside(&self, path: &Path, position: Option<u64>) -> Result<PathBuf> {
        let mut name = path.as_os_str().to_owned();
        if let Some(position) = position {
            name.push(format!(".{position}"));
        }
        for again in 0.. {
            let mut name = name.clone();
            if again > 0 {
                name.push(format!(".{again}"));
            }
            name.push(CORRUPT);
            let path = PathBuf::from(name);
            if self.dir.disk.stat(&path).at("look at", &path)?.is_none() {
                return Ok(path);
            }
        }
        Ok(PathBuf::from(name))
    }

    fn set_aside(&mut self, path: &Path) -> Result<()> {
        let aside = self.name_aside(path, None)?;
        self.dir.disk.rename(path, &aside).at("rename", path)?;
        self.aside.push(aside);
        self.dir.sync()
    }

    fn copy_aside(&mut self, from: &dyn DiskFile, path: &Path, position: u64, bytes: u64) -> Result<()> {
        let aside = self.name_aside(path, Some(position))?;
        let to = self.dir.open(&aside, true)?;
        copy(from, path, position, bytes, &*to, &aside, 0)?;
        to.sync_data().at("sync", &aside)?;
        self.aside.push(aside);
        Ok(())
    }

    /// Writes the segment anew without some of its bytes, and puts it in the place of the old one.
    fn take_out(&mut self, segment: Offset, damages: &[Damage]) -> Result<()> {
        let path = self.dir.file(segment, Kind::Log);
        let file = self.dir.open(&path, false)?;
        let stat = self.dir.disk.stat(&path).at("look at", &path)?;
        let stat = stat.ok_or_else(|| corrupt(&path, 0, "no file", "a segment"))?;
        for damage in damages {
            self.copy_aside(&*file, &path, damage.position, damage.bytes)?;
        }
        // A name that the next start removes, if this is as far as it goes.
        let mut new_path = path.as_os_str().to_owned();
        new_path.push(".tmp");
        let new_path = PathBuf::from(new_path);
        let new = self.dir.open(&new_path, true)?;
        new.set_len(0).at("truncate", &new_path)?;
        let (mut from, mut to) = (0, 0);
        let end = Damage { position: stat.len, bytes: 0, ..damages[0].clone() };
        for damage in damages.iter().chain([&end]) {
            let good = damage.position - from;
            copy(&*file, &path, from, good, &*new, &new_path, to)?;
            to += good;
            from = damage.position + damage.bytes;
        }
        new.sync_data().at("sync", &new_path)?;
        new.set_modified_ms(stat.modified_ms).at("set the time of", &new_path)?;
        self.remove_indexes(segment)?;
        self.dir.disk.rename(&new_path, &path).at("rename", &new_path)?;
        self.dir.sync()?;
        self.rebuild_indexes(segment)
    }

    /// Positions in them will not be right any more. The next start builds what is missing.
    fn remove_indexes(&self, segment: Offset) -> Result<()> {
        self.dir.remove(&self.dir.file(segment, Kind::OffsetIndex))?;
        self.dir.remove(&self.dir.file(segment, Kind::TimeIndex))?;
        self.dir.sync()
    }

    fn cut(&mut self, segment: Offset, position: u64, end: Offset, later: &[Offset]) -> Result<()> {
        let path = self.dir.file(segment, Kind::Log);
        let file = self.dir.open(&path, false)?;
        let len = file.len().at("read the length of", &path)?;
        self.copy_aside(&*file, &path, position, len - position)?;
        self.dir.sync()?;
        // The newest first: what is left after a crash has no gap.
        for base in later.iter().rev() {
            for kind in Kind::OF_SEGMENTS {
                let path = self.dir.file(*base, kind);
                if self.dir.disk.stat(&path).at("look at", &path)?.is_some() {
                    self.set_aside(&path)?;
                }
            }
        }
        for entry in self.dir.disk.list(&self.dir.path).at("list", &self.dir.path)? {
            if parse_name(&entry.name).is_some_and(|(at, kind)| kind == Kind::Snapshot && at > end) {
                self.set_aside(&self.dir.path.join(entry.name))?;
            }
        }
        self.remove_indexes(segment)?;
        file.set_len(position).at("truncate", &path)?;
        file.sync_data().at("sync", &path)?;
        self.rebuild_indexes(segment)?;
        let txns = self.dir.file(segment, Kind::TxnIndex);
        if self.dir.disk.stat(&txns).at("look at", &txns)?.is_some() {
            self.rebuild_txn_index(segment)?;
        }
        self.lower_checkpoints(end)
    }

    /// What is appended from here on must not count as durable before it is.
    fn lower_checkpoints(&self, end: Offset) -> Result<()> {
        let (Some(log_dir), Some(id)) = (self.log_dir, parse_partition_dir(name_of(&self.dir.path))) else {
            return Ok(());
        };
        for checkpoint in [OffsetCheckpoint::RecoveryPoint, OffsetCheckpoint::HighWatermark] {
            // Another partition may have been cut since the directory was read.
            let mut offsets = checkpoint.read(&*self.dir.disk, &log_dir.path)?;
            if let Some(offset) = offsets.get_mut(&id).filter(|offset| **offset > end) {
                *offset = end;
                let offsets = offsets.iter().map(|(id, offset)| (id, *offset));
                checkpoint.write(&*self.dir.disk, &log_dir.path, offsets)?;
            }
        }
        Ok(())
    }

    fn rebuild_indexes(&self, segment: Offset) -> Result<()> {
        let mut segment = Segment::existing(&self.dir, segment, 0, 0)?;
        segment.rebuild_indexes(&self.dir, &LogConfig::default())?;
        segment.sync(&self.dir)?;
        self.dir.sync()
    }

    /// Replays the producers, from the last good snapshot on, as a recovery does.
    fn rebuild_txn_index(&self, segment: Offset) -> Result<()> {
        let all = segments(&self.dir)?;
        let (mut producers, from) = self.producers_before(segment, &all)?;
        let mut entries = Vec::new();
        let upto = all.partition_point(|base| *base <= segment);
        let first = all.partition_point(|base| *base <= from).saturating_sub(1);
        for (at, base) in all.iter().enumerate().take(upto).skip(first) {
            let path = self.dir.file(*base, Kind::Log);
            let mut walk = BatchWalk::open(&*self.dir.disk, &path, *base, all.get(at + 1).copied())?;
            while let Some(step) = walk.step()? {
                let Step::Batch { position, header } = step else { continue };
                if header.base_offset < from {
                    continue;
                }
                let batch = walk.batch()?.filter(|_| header.attributes.is_control());
                let aborted = producers.replay(&header, batch.as_ref()).map_err(|refusal| {
                    corrupt(&path, position, refusal.to_string(), "a transaction marker")
                })?;
                if *base == segment {
                    entries.extend(aborted.iter().flat_map(txn_index::encode));
                }
            }
        }
        let path = self.dir.file(segment, Kind::TxnIndex);
        if entries.is_empty() {
            // A segment without aborted transactions has no such file.
            self.dir.remove(&path)?;
            return self.dir.sync();
        }
        self.dir.replace(name_of(&path), &entries)
    }

    /// The producers' state at or before the start of a segment, and from which offset on it has to be replayed.
    fn producers_before(&self, segment: Offset, all: &[Offset]) -> Result<(ProducerState, Offset)> {
        let names = self.dir.disk.list(&self.dir.path).at("list", &self.dir.path)?;
        let snapshots = names.iter().filter_map(|entry| parse_name(&entry.name));
        let before = snapshots.filter(|(at, kind)| *kind == Kind::Snapshot && *at <= segment);
        let mut before: Vec<Offset> = before.map(|(at, _)| at).collect();
        while let Some(at) = before.pop() {
            match files::snapshot(&*self.dir.disk, &self.dir.file(at, Kind::Snapshot), at) {
                Ok(producers) => return Ok((producers, at)),
                Err(Error::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let first = all.first().copied().unwrap_or(segment);
        Ok((ProducerState::new(first), first))
    }

    fn rebuild_leader_epochs(&mut self) -> Result<()> {
        self.set_aside(&self.dir.path.join(LEADER_EPOCHS))?;
        let mut epochs = LeaderEpochs::default();
        let all = segments(&self.dir)?;
        for (at, base) in all.iter().enumerate() {
            let path = self.dir.file(*base, Kind::Log);
            let mut walk = BatchWalk::open(&*self.dir.disk, &path, *base, all.get(at + 1).copied())?;
            while let Some(step) = walk.step()? {
                if let Step::Batch { header, .. } = step {
                    epochs.assign(header.partition_leader_epoch, header.base_offset);
                }
            }
        }
        epochs.truncate_from_start(self.scope.recovery.log_start_offset);
        let (_, bytes) = epochs.unwritten().unwrap_or((0, format_leader_epochs([])));
        self.dir.replace(LEADER_EPOCHS, &bytes)
    }
}

/// Copies bytes from one file to another. Fewer than asked for are an error.
fn copy(
    from: &dyn DiskFile,
    from_path: &Path,
    mut position: u64,
    mut bytes: u64,
    to: &dyn DiskFile,
    to_path: &Path,
    mut to_position: u64,
) -> Result<()> {
    let mut chunk = vec![0; bytes.min(COPY_BYTES as u64) as usize];
    while bytes > 0 {
        let most = bytes.min(COPY_BYTES as u64) as usize;
        let read = from.read_at(&mut chunk[..most], position).at("read", from_path)?;
        if read == 0 {
            return Err(corrupt(from_path, position, "the end of the file", "the bytes just read"));
        }
        to.write_at(&chunk[..read], to_position).at("write", to_path)?;
        (position, to_position, bytes) =
            (position + read as u64, to_position + read as u64, bytes - read as u64);
    }
    Ok(())
}
