//! The files of a log and a log directory by their names, and what those hold that are no segments.

use std::collections::BTreeMap;
use std::path::Path;

use protocol::{LeaderEpoch, Offset, TopicPartition, Uuid};

use crate::checkpoint::{self, LEADER_EPOCHS, MetaProperties, OffsetCheckpoint};
use crate::clean::{CLEANED, SWAP};
use crate::dir::{DELETED, Kind, parse_name};
use crate::disk::{Disk, read_file};
use crate::error::{Result, corrupt};
use crate::offset_index::OffsetIndex;
use crate::producer::{self, ProducerState};
use crate::time_index::TimeIndex;
use crate::txn_index::{self, AbortedTxn};

/// The suffix of what a repair has taken out of a log.
pub const CORRUPT: &str = ".corrupt";
/// No index is greater: Kafka's `segment.index.bytes` is an `int`.
const MAX_INDEX_BYTES: u64 = i32::MAX as u64;

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `.log`: batches from an offset on.
    Segment(Offset),
    /// `.index` of the segment at an offset.
    OffsetIndex(Offset),
    /// `.timeindex` of the segment at an offset.
    TimeIndex(Offset),
    /// `.txnindex` of the segment at an offset.
    TxnIndex(Offset),
    /// `.snapshot`: the producers at an offset.
    Snapshot(Offset),
    /// `OFFSET-EPOCH.checkpoint`: a snapshot of the cluster metadata, which is batches too.
    QuorumSnapshot,
    /// A checkpoint of a log directory.
    Checkpoint(OffsetCheckpoint),
    /// `leader-epoch-checkpoint`.
    LeaderEpochs,
    /// `partition.metadata`.
    TopicId,
    /// `meta.properties`.
    MetaProperties,
}

impl FileKind {
    /// The kind of a file; `None` if the name says nothing. Names of files that were set aside (`.deleted`, `.cleaned`, `.swap`,
    /// `.corrupt`) count as what they were.
    pub fn of(path: &Path) -> Option<Self> {
        let mut name = path.file_name()?.to_str()?;
        for suffix in [CORRUPT, DELETED, CLEANED, SWAP] {
            name = name.strip_suffix(suffix).unwrap_or(name);
        }
        if let Some((offset, kind)) = parse_name(name) {
            return Some(match kind {
                Kind::Log => Self::Segment(offset),
                Kind::OffsetIndex => Self::OffsetIndex(offset),
                Kind::TimeIndex => Self::TimeIndex(offset),
                Kind::TxnIndex => Self::TxnIndex(offset),
                Kind::Snapshot => Self::Snapshot(offset),
            });
        }
        // What was cut out of a segment: `OFFSET.log.POSITION`.
        if let Some((segment, position)) = name.rsplit_once('.')
            && position.bytes().all(|digit| digit.is_ascii_digit())
            && let Some((offset, Kind::Log)) = parse_name(segment)
        {
            return Some(Self::Segment(offset));
        }
        let checkpoint = OffsetCheckpoint::ALL.into_iter().find(|checkpoint| checkpoint.file_name() == name);
        match name {
            LEADER_EPOCHS => Some(Self::LeaderEpochs),
            checkpoint::PARTITION_METADATA => Some(Self::TopicId),
            MetaProperties::FILE => Some(Self::MetaProperties),
            _ if name.ends_with(".checkpoint") => Some(Self::QuorumSnapshot),
            _ => checkpoint.map(Self::Checkpoint),
        }
    }
}

/// An entry of an offset index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The batch that begins at the position has this offset or ends before it.
    pub offset: Offset,
    /// The start of a batch.
    pub position: u32,
}

/// An entry of a time index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeEntry {
    /// No record up to the offset has a greater timestamp.
    pub timestamp: i64,
    /// The offset.
    pub offset: Offset,
}

/// The entries of an offset index. Zeroes at the end are Kafka's preallocated space.
pub fn offset_index(disk: &dyn Disk, path: &Path, base: Offset) -> Result<Vec<IndexEntry>> {
    let entries = entries::<8>(disk, path)?;
    let entry = |entry: &[u8; 8]| {
        let found = OffsetIndex::new(base).parse(*entry);
        IndexEntry { offset: found.offset, position: found.position }
    };
    Ok(entries.iter().map(entry).collect())
}

/// The entries of a time index. Zeroes at the end are Kafka's preallocated space.
pub fn time_index(disk: &dyn Disk, path: &Path, base: Offset) -> Result<Vec<TimeEntry>> {
    let entries = entries::<12>(disk, path)?;
    let entry = |entry: &[u8; 12]| {
        let found = TimeIndex::new(base).parse(*entry);
        TimeEntry { timestamp: found.timestamp, offset: found.offset }
    };
    Ok(entries.iter().map(entry).collect())
}

fn entries<const N: usize>(disk: &dyn Disk, path: &Path) -> Result<Vec<[u8; N]>> {
    let bytes = existing(disk, path, MAX_INDEX_BYTES)?;
    let (all, rest) = bytes.as_chunks::<N>();
    if rest.iter().any(|byte| *byte != 0) {
        let found = format!("{} bytes at the end", rest.len());
        return Err(corrupt(path, (bytes.len() - rest.len()) as u64, found, "whole entries"));
    }
    let used = all.iter().rposition(|entry| *entry != [0; N]).map_or(0, |last| last + 1);
    Ok(all[..used].to_vec())
}

/// The entries of an index of aborted transactions.
pub fn txn_index(disk: &dyn Disk, path: &Path, base: Offset) -> Result<Vec<AbortedTxn>> {
    txn_index::parse(path, base, &existing(disk, path, MAX_INDEX_BYTES)?)
}

/// The producers in a snapshot.
pub fn snapshot(disk: &dyn Disk, path: &Path, offset: Offset) -> Result<ProducerState> {
    let bytes = existing(disk, path, MAX_INDEX_BYTES)?;
    producer::decode(&bytes, offset).map_err(|found| corrupt(path, 0, found, "a snapshot of producers"))
}

/// The entries of a checkpoint; the path is that of the file.
pub fn offsets(
    disk: &dyn Disk,
    path: &Path,
    checkpoint: OffsetCheckpoint,
) -> Result<BTreeMap<TopicPartition, Offset>> {
    checkpoint.read_file(disk, path)
}

/// Epochs with their first offsets.
pub fn leader_epochs(disk: &dyn Disk, path: &Path) -> Result<Vec<(LeaderEpoch, Offset)>> {
    checkpoint::read_leader_epochs_file(disk, path)
}

/// The topic id of a partition's directory; `None` without a file.
pub fn topic_id(disk: &dyn Disk, path: &Path) -> Result<Option<Uuid>> {
    checkpoint::read_topic_id_file(disk, path)
}

/// The bytes of a file that must be there.
pub(super) fn existing(disk: &dyn Disk, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let not_found = || crate::Error::Io {
        operation: "open",
        path: path.to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    };
    read_file(disk, path, limit)?.ok_or_else(not_found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_name() {
        let check = |name: &str, expect| {
            assert_eq!(FileKind::of(&Path::new("/data/t-0").join(name)), expect, "{name}");
        };
        check("00000000000000000007.log", Some(FileKind::Segment(Offset(7))));
        check("00000000000000000007.log.deleted", Some(FileKind::Segment(Offset(7))));
        check("00000000000000000007.log.1234.corrupt", Some(FileKind::Segment(Offset(7))));
        check("00000000000000000007.index.cleaned", Some(FileKind::OffsetIndex(Offset(7))));
        check("00000000000000000007.timeindex", Some(FileKind::TimeIndex(Offset(7))));
        check("00000000000000000007.txnindex.swap", Some(FileKind::TxnIndex(Offset(7))));
        check("00000000000000000007.snapshot.corrupt", Some(FileKind::Snapshot(Offset(7))));
        check("00000000000000000007-0000000003.checkpoint", Some(FileKind::QuorumSnapshot));
        check("leader-epoch-checkpoint", Some(FileKind::LeaderEpochs));
        check(
            "recovery-point-offset-checkpoint",
            Some(FileKind::Checkpoint(OffsetCheckpoint::RecoveryPoint)),
        );
        check("partition.metadata", Some(FileKind::TopicId));
        check("meta.properties", Some(FileKind::MetaProperties));
        check("quorum-state", None);
        check("7.log", None);
    }
}
