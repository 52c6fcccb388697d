//! The metadata log on disk: segments of record batches, and where each entry lies in them.
//!
//! The log is kept to what the newest snapshot does not cover. An entry's index is counted from the snapshot's (or
//! from 0), so nothing besides the batches and the snapshot needs to be kept to know it. Batches before the snapshot's
//! end may still be in the first segment; they are no longer entries.
//!
//! Not here: reads by offset for those who follow the log over the wire.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openraft::entry::EntryPayload;

use super::disk;
use super::epochs::LeaderEpochs;
use super::segment::{Found, Segment};
use crate::codec::{self, Context};
use crate::error::{Damage, Error};
use crate::types::{Entry, LogId, NodeId, log_id};

/// What a snapshot says of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Covered {
    /// The offset after the last record that it covers.
    pub(crate) end_offset: i64,
    /// The last entry that it covers.
    pub(crate) last_log_id: Option<LogId>,
    /// The voters as of that entry, where it names them.
    pub(crate) voters: Option<BTreeSet<NodeId>>,
}

/// Where an entry lies.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The base offset of its segment.
    segment: i64,
    at: u64,
    size_bytes: u32,
    base_offset: i64,
    epoch: i32,
}

/// The log.
#[derive(Debug)]
pub(crate) struct MetadataLog {
    dir: PathBuf,
    /// Ascending; never empty. The last one is appended to.
    segments: Vec<Segment>,
    /// The entries after `purged`, without a gap.
    entries: VecDeque<Position>,
    purged: Option<LogId>,
    next_offset: i64,
    /// The voters that the newest membership names: what a `LeaderChangeMessage` repeats for those who read it.
    voters: BTreeSet<NodeId>,
    /// Whether there is a membership, in the log or in its snapshot.
    has_membership: bool,
    has_data: bool,
    epochs: LeaderEpochs,
    segment_max_bytes: u64,
    /// Whether the next append starts a segment, so that the one before it can go with the next snapshot.
    roll: bool,
}

impl MetadataLog {
    /// Opens the log of a directory, which must exist, and repairs what a crash can have left.
    pub(crate) fn open(dir: &Path, covered: Covered, segment_max_bytes: u64) -> Result<Self, Error> {
        let bases: Vec<i64> =
            disk::names(dir)?.iter().filter_map(|name| Segment::base_offset_of(name)).collect();
        let segments: Vec<Segment> =
            bases.iter().map(|base| Segment::open(dir, *base)).collect::<Result<_, _>>()?;
        let mut log = Self {
            dir: dir.to_owned(),
            segments,
            entries: VecDeque::new(),
            purged: covered.last_log_id,
            next_offset: covered.end_offset,
            voters: covered.voters.clone().unwrap_or_default(),
            has_membership: covered.voters.is_some(),
            has_data: covered.last_log_id.is_some(),
            epochs: LeaderEpochs::new(dir),
            segment_max_bytes,
            roll: false,
        };
        log.delete_covered(covered.end_offset)?;
        log.recover(&covered)?;
        log.epochs.write()?;
        Ok(log)
    }

    /// Finds the entries that the snapshot does not cover.
    fn recover(&mut self, covered: &Covered) -> Result<(), Error> {
        let Some(first) = self.segments.first() else { return self.start_over(covered.end_offset) };
        if first.base_offset > covered.end_offset {
            let damage = Damage::Gap { found: first.base_offset, expected: covered.end_offset };
            return Err(Error::corrupt(&first.path, 0, damage));
        }
        let (mut end_offset, mut epoch) = (first.base_offset, 0);
        // Whether a batch ends where the snapshot does, in the epoch that the snapshot was made in.
        let snapshot_epoch =
            covered.last_log_id.map_or(0, |id| crate::types::epoch_of(id.leader_id.term).get());
        let mut agrees = first.base_offset == covered.end_offset;
        let count = self.segments.len();
        for (i, segment) in self.segments.iter_mut().enumerate() {
            if segment.base_offset != end_offset {
                let damage = Damage::Offset { found: segment.base_offset, expected: end_offset };
                return Err(Error::corrupt(&segment.path, 0, damage));
            }
            for Found { at, header, voters, is_membership } in segment.recover(&mut epoch, i + 1 == count)? {
                self.epochs.assign(epoch_of(&header), header.base_offset.get());
                end_offset = header.next_offset().get();
                agrees |= end_offset == covered.end_offset && epoch_of(&header) == snapshot_epoch;
                if header.base_offset.get() < covered.end_offset {
                    continue;
                }
                self.has_data |= !header.attributes.is_control();
                self.has_membership |= is_membership;
                self.voters = voters.unwrap_or_else(|| std::mem::take(&mut self.voters));
                self.entries.push_back(Position {
                    segment: segment.base_offset,
                    at,
                    size_bytes: header.size_bytes() as u32,
                    base_offset: header.base_offset.get(),
                    epoch: epoch_of(&header),
                });
            }
        }
        if !agrees {
            // A snapshot of another leader was installed over a log that had not caught up, or had gone astray: none
            // of it is committed beyond the snapshot.
            tracing::warn!(dir = %self.dir.display(), end_offset, snapshot = covered.end_offset, "log replaced by its snapshot");
            return self.start_over(covered.end_offset);
        }
        self.next_offset = end_offset;
        Ok(())
    }

    /// The last purged entry.
    pub(crate) const fn purged(&self) -> Option<LogId> {
        self.purged
    }

    /// The last entry, purged or not.
    pub(crate) fn last(&self) -> Option<LogId> {
        let last = self.entries.back().map(|last| log_id(last.epoch, self.indexes().end - 1));
        last.or(self.purged)
    }

    /// The voters that the newest membership names; none before there is one.
    pub(crate) const fn voters(&self) -> &BTreeSet<NodeId> {
        &self.voters
    }

    /// Whether there are entries and nothing in the log or its snapshot records the voters: they are configured
    /// (`kraft.version` 0).
    pub(crate) fn has_configured_voters(&self) -> bool {
        self.last().is_some() && !self.has_membership
    }

    /// Takes the voters that are configured for those of the log.
    pub(crate) fn configure_voters(&mut self, voters: BTreeSet<NodeId>) {
        self.voters = voters;
    }

    /// Whether the log or its snapshot ever held a batch that is not a control batch.
    pub(crate) const fn has_data(&self) -> bool {
        self.has_data
    }

    /// The indexes of the entries.
    pub(crate) fn indexes(&self) -> Range<u64> {
        let start = self.purged.map_or(0, |id| id.index + 1);
        start..start + self.entries.len() as u64
    }

    /// Appends entries of a leader's term, into the page cache. They are durable once the returned file is synced.
    pub(crate) fn append(
        &mut self,
        entries: impl IntoIterator<Item = Entry>,
        leader: NodeId,
        now_ms: i64,
    ) -> Result<Arc<File>, Error> {
        let mut bytes = Vec::new();
        let mut positions = Vec::new();
        let (mut next_index, mut base_offset) = (self.indexes().end, self.next_offset);
        self.roll_if_due()?;
        let segment = self.active();
        let (segment_base, start) = (segment.base_offset, segment.size_bytes);
        for entry in entries {
            assert_eq!(entry.log_id.index, next_index, "the entries of a log are contiguous");
            let batch =
                codec::encode(&entry, &Context { base_offset, leader, voters: &self.voters, now_ms })?;
            let header = *protocol::records::Batch::parse(&batch)?.header();
            self.epochs.assign(epoch_of(&header), base_offset);
            positions.push(Position {
                segment: segment_base,
                at: start + bytes.len() as u64,
                size_bytes: batch.len() as u32,
                base_offset,
                epoch: epoch_of(&header),
            });
            match &entry.payload {
                EntryPayload::Membership(membership) => {
                    self.voters = membership.voter_ids().collect();
                    self.has_membership = true;
                }
                EntryPayload::Normal(_) => self.has_data = true,
                EntryPayload::Blank => {}
            }
            bytes.extend_from_slice(&batch);
            (next_index, base_offset) = (next_index + 1, header.next_offset().get());
        }
        // Before the batches: the file may say more than the log has, never less.
        self.epochs.write()?;
        let segment = self.active();
        segment.append(&bytes)?;
        let file = Arc::clone(&segment.file);
        self.entries.extend(positions);
        self.next_offset = base_offset;
        Ok(file)
    }

    /// The entry at an index of [`MetadataLog::indexes`], read back and checked.
    pub(crate) fn read(&self, index: u64) -> Result<Entry, Error> {
        let (position, segment) = self.locate(index)?;
        codec::decode(index, segment.read(position.at, position.size_bytes)?)
            .map_err(|damage| Error::corrupt(&segment.path, position.at, damage))
    }

    /// Cuts the entries from an index on, durably.
    pub(crate) fn truncate(&mut self, since: u64) -> Result<(), Error> {
        let indexes = self.indexes();
        if !indexes.contains(&since) {
            return Ok(());
        }
        let (cut, _) = self.locate(since)?;
        // From the end, so that a crash leaves no gap.
        while let Some(segment) = self.segments.pop_if(|segment| segment.base_offset > cut.segment) {
            disk::delete(&segment.path)?;
            disk::sync_dir(&self.dir)?;
        }
        self.active().truncate(cut.at)?;
        self.entries.truncate((since - indexes.start) as usize);
        self.next_offset = cut.base_offset;
        self.epochs.truncate_from_end(cut.base_offset);
        self.epochs.write()
    }

    /// Forgets the entries up to one that a snapshot covers, and deletes the segments that nobody needs.
    /// `covered_end` is where the newest durable snapshot ends.
    pub(crate) fn purge(&mut self, upto: LogId, covered_end: Option<i64>) -> Result<(), Error> {
        let indexes = self.indexes();
        let gone = (upto.index + 1).saturating_sub(indexes.start).min(self.entries.len() as u64);
        self.entries.drain(..gone as usize);
        self.purged = self.purged.max(Some(upto));
        let Some(covered_end) = covered_end else { return Ok(()) };
        if covered_end > self.next_offset {
            self.start_over(covered_end)?;
        } else {
            self.delete_covered(covered_end)?;
            self.roll = true;
        }
        self.epochs.write()
    }

    /// Deletes each segment that ends before a snapshot does. A crash between two of them leaves no gap.
    fn delete_covered(&mut self, covered_end: i64) -> Result<(), Error> {
        while self.segments.get(1).is_some_and(|second| second.base_offset <= covered_end) {
            disk::delete(&self.segments[0].path)?;
            self.segments.remove(0);
        }
        let start = self.segments.first().map_or(covered_end, |first| first.base_offset);
        self.epochs.truncate_from_start(start);
        Ok(())
    }

    /// Leaves nothing but an empty segment where a snapshot ends.
    fn start_over(&mut self, offset: i64) -> Result<(), Error> {
        self.entries.clear();
        // From the end, so that a crash leaves no gap.
        while let Some(segment) = self.segments.pop() {
            disk::delete(&segment.path)?;
            disk::sync_dir(&self.dir)?;
        }
        self.next_offset = offset;
        self.epochs.truncate_from_end(0);
        self.push_segment()
    }

    fn roll_if_due(&mut self) -> Result<(), Error> {
        let active = self.active();
        let full = active.size_bytes >= self.segment_max_bytes || self.roll;
        self.roll = false;
        if full && self.active().size_bytes > 0 { self.push_segment() } else { Ok(()) }
    }

    fn push_segment(&mut self) -> Result<(), Error> {
        self.segments.push(Segment::open(&self.dir, self.next_offset)?);
        disk::sync_dir(&self.dir)
    }

    fn active(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a segment is there from open on: all that delete leave or push one")
    }

    fn locate(&self, index: u64) -> Result<(Position, &Segment), Error> {
        let missing =
            || Error::corrupt(&self.dir, 0, Damage::Incomplete { missing: "an entry that was asked for" });
        let nth = index.checked_sub(self.indexes().start).ok_or_else(missing)?;
        let position = *self.entries.get(nth as usize).ok_or_else(missing)?;
        let segment = self.segments.binary_search_by_key(&position.segment, |s| s.base_offset);
        Ok((position, segment.ok().and_then(|i| self.segments.get(i)).ok_or_else(missing)?))
    }
}

fn epoch_of(header: &protocol::records::BatchHeader) -> i32 {
    header.partition_leader_epoch.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::proposal;
    use crate::types::{Membership, Voter};

    fn data(epoch: i32, index: u64) -> Entry {
        let record = bytes::Bytes::from(index.to_string());
        Entry::new(log_id(epoch, index), EntryPayload::Normal(proposal(&[record], 0).unwrap()))
    }

    /// A log of `count` data entries of epoch 1, in segments of one entry each.
    fn one_each(dir: &Path, count: u64) -> MetadataLog {
        let mut log = MetadataLog::open(dir, Covered::default(), 1).unwrap();
        for index in 0..count {
            log.append([data(1, index)], 1, 0).unwrap();
        }
        log
    }

    fn reopened(dir: &Path, covered: Covered) -> Vec<LogId> {
        let log = MetadataLog::open(dir, covered, 1).unwrap();
        log.indexes().map(|index| log.read(index).unwrap().log_id).collect()
    }

    fn segments(dir: &Path) -> Vec<String> {
        let is_segment = |name: &String| Segment::base_offset_of(name).is_some();
        disk::names(dir).unwrap().into_iter().filter(is_segment).collect()
    }

    fn epochs(dir: &Path) -> String {
        std::fs::read_to_string(dir.join("leader-epoch-checkpoint")).unwrap()
    }

    #[test]
    fn segments_are_named_by_their_first_offset_and_read_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        drop(one_each(dir.path(), 3));
        assert_eq!(segments(dir.path()), [0, 1, 2].map(|offset| format!("{offset:020}.log")));
        assert_eq!(reopened(dir.path(), Covered::default()), [0, 1, 2].map(|index| log_id(1, index)));
    }

    #[test]
    fn a_truncated_log_goes_on_where_it_was_cut() {
        for since in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let mut log = one_each(dir.path(), 5);
            log.truncate(since).unwrap();
            assert_eq!(log.last(), since.checked_sub(1).map(|last| log_id(1, last)));
            log.append([data(2, since), data(2, since + 1)], 2, 0).unwrap();
            let expect: Vec<LogId> =
                (0..since).map(|i| log_id(1, i)).chain((since..since + 2).map(|i| log_id(2, i))).collect();
            let cut = if since == 0 { "0\n1\n2 0\n".into() } else { format!("0\n2\n1 0\n2 {since}\n") };
            assert_eq!(epochs(dir.path()), cut);
            std::fs::write(dir.path().join("leader-epoch-checkpoint"), "0\n1\n1 0\n").unwrap();
            assert_eq!(reopened(dir.path(), Covered::default()), expect, "since {since}");
            assert_eq!(epochs(dir.path()), cut, "a start sets right what another one has left");
        }
    }

    #[test]
    fn what_a_snapshot_covers_is_no_entry() {
        let covered = |epoch, index: u64| Covered {
            end_offset: index as i64 + 1,
            last_log_id: Some(log_id(epoch, index)),
            voters: Some(BTreeSet::from([1])),
        };
        let check = |covered: Covered, expect: &[LogId], names: &[i64]| {
            let dir = tempfile::tempdir().unwrap();
            drop(one_each(dir.path(), 5));
            assert_eq!(reopened(dir.path(), covered), expect);
            let names: Vec<String> = names.iter().map(|offset| format!("{offset:020}.log")).collect();
            assert_eq!(segments(dir.path()), names);
        };
        check(covered(1, 2), &[log_id(1, 3), log_id(1, 4)], &[3, 4]);
        check(covered(1, 4), &[], &[4]);
        // Of a leader whose log went further.
        check(covered(3, 9), &[], &[10]);
        // Of a leader whose log went elsewhere before the snapshot's end.
        check(covered(2, 4), &[], &[5]);
    }

    #[test]
    fn a_log_that_begins_after_its_snapshot_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(one_each(dir.path(), 5));
        std::fs::remove_file(dir.path().join(format!("{:020}.log", 0))).unwrap();
        let error = MetadataLog::open(dir.path(), Covered::default(), 1).unwrap_err();
        assert!(
            matches!(error, Error::Corrupt { damage: Damage::Gap { found: 1, expected: 0 }, .. }),
            "{error}"
        );
        std::fs::remove_file(dir.path().join(format!("{:020}.log", 3))).unwrap();
        let covered = Covered { end_offset: 1, last_log_id: Some(log_id(1, 0)), ..Covered::default() };
        let error = MetadataLog::open(dir.path(), covered, 1).unwrap_err();
        assert!(
            matches!(error, Error::Corrupt { damage: Damage::Offset { found: 4, expected: 3 }, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_purge_deletes_segments_only_before_the_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = one_each(dir.path(), 5);
        log.purge(log_id(1, 1), None).unwrap();
        assert_eq!(segments(dir.path()).len(), 5);
        log.purge(log_id(1, 3), Some(4)).unwrap();
        assert_eq!(segments(dir.path()), [format!("{:020}.log", 4)]);
        assert_eq!((log.purged(), log.last()), (Some(log_id(1, 3)), Some(log_id(1, 4))));
        assert_eq!(epochs(dir.path()), "0\n1\n1 4\n");
        // A snapshot of another leader, further than the log.
        log.purge(log_id(2, 20), Some(33)).unwrap();
        log.append([data(2, 21)], 2, 0).unwrap();
        let covered =
            Covered { end_offset: 33, last_log_id: Some(log_id(2, 20)), voters: Some(BTreeSet::default()) };
        assert_eq!(reopened(dir.path(), covered), [log_id(2, 21)]);
    }

    #[test]
    fn every_membership_comes_back() {
        let nodes = |ids: &[NodeId]| -> std::collections::BTreeMap<NodeId, Voter> {
            let voter = |id: &NodeId| (*id, Voter { directory_id: [*id as u8; 16], endpoints: Vec::new() });
            ids.iter().map(voter).collect()
        };
        let check = |configs: &[&[NodeId]], all: &[NodeId]| {
            let dir = tempfile::tempdir().unwrap();
            let configs = configs.iter().map(|ids| ids.iter().copied().collect()).collect();
            let membership = Membership::new(configs, nodes(all));
            let mut log = MetadataLog::open(dir.path(), Covered::default(), 1).unwrap();
            let entry = Entry::new(log_id(0, 0), EntryPayload::Membership(membership.clone()));
            log.append([entry], 1, 0).unwrap();
            let log = MetadataLog::open(dir.path(), Covered::default(), 1).unwrap();
            assert!(matches!(log.read(0).unwrap().payload, EntryPayload::Membership(m) if m == membership));
            assert_eq!(*log.voters(), membership.voter_ids().collect::<BTreeSet<_>>());
        };
        check(&[&[1]], &[1]);
        check(&[&[1, 2, 3]], &[1, 2, 3]);
        check(&[&[1], &[1, 2]], &[1, 2]);
        check(&[&[1]], &[1, 2]);
    }
}
