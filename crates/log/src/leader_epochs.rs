//! `leader-epoch-checkpoint`: at which offset each leader's epoch began (KIP-101), by which replicas find where their
//! logs part.

use std::collections::BTreeMap;

use protocol::{LeaderEpoch, Offset};

use crate::checkpoint::{format_leader_epochs, read_leader_epochs};
use crate::dir::Dir;
use crate::error::Result;

/// The epochs of a log with the offsets at which they begin; both grow.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaderEpochs {
    starts: BTreeMap<LeaderEpoch, Offset>,
    /// The last of them, as long as it has no records: it is not in `starts`, nor in the file, and is known after a restart
    /// from the leader that begins anew.
    leading: Option<(LeaderEpoch, Offset)>,
    /// Counts changes; the file holds those up to `written`.
    changes: u64,
    written: u64,
}

impl LeaderEpochs {
    pub(crate) fn load(dir: &Dir) -> Result<Self> {
        let starts = read_leader_epochs(dir.disk.as_ref(), &dir.path)?.into_iter().collect();
        Ok(Self { starts, ..Self::default() })
    }

    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.all().next_back().map(|(epoch, _)| epoch)
    }

    /// The epoch of the record at an offset, as far as it is known.
    pub(crate) fn of_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.all().take_while(|(_, start)| *start <= offset).last().map(|(epoch, _)| epoch)
    }

    fn all(&self) -> impl DoubleEndedIterator<Item = (LeaderEpoch, Offset)> {
        self.starts.iter().map(|(epoch, start)| (*epoch, *start)).chain(self.leading)
    }

    /// A leader begins at the end of the log.
    pub(crate) fn begin(&mut self, epoch: LeaderEpoch, end: Offset) {
        if epoch < LeaderEpoch(0) || end < Offset::ZERO || self.latest() == Some(epoch) {
            return;
        }
        self.drop_contradicting(epoch, end);
        self.leading = Some((epoch, end));
    }

    /// Entries that contradict a new one were never agreed upon.
    fn drop_contradicting(&mut self, epoch: LeaderEpoch, start: Offset) {
        let before = self.starts.len();
        self.starts.retain(|old, old_start| *old < epoch && *old_start < start);
        self.changes += u64::from(self.starts.len() != before);
        self.leading = None;
    }

    /// A batch of an epoch begins at an offset.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch < LeaderEpoch(0) || start < Offset::ZERO {
            return;
        }
        if let Some((latest, latest_start)) = self.starts.last_key_value()
            && *latest == epoch
            && *latest_start <= start
        {
            return;
        }
        self.drop_contradicting(epoch, start);
        self.starts.insert(epoch, start);
        self.changes += 1;
    }

    /// A batch was found by recovery: news are later epochs than the file has, and those before them that the file has
    /// forgotten with a log start that a crash took back.
    pub(crate) fn assign_recovered(&mut self, epoch: LeaderEpoch, start: Offset) {
        if self.latest().is_none_or(|latest| latest < epoch) {
            return self.assign(epoch, start);
        }
        let known = self.starts.entry(epoch).or_insert(Offset(i64::MAX));
        if *known > start {
            *known = start;
            self.changes += 1;
        }
    }

    /// The greatest epoch up to the one asked for, and the offset at which the next one begins: OffsetForLeaderEpoch.
    pub(crate) fn end_offset_for(
        &self,
        epoch: LeaderEpoch,
        log_end_offset: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        if epoch == LeaderEpoch::UNKNOWN {
            return None;
        }
        if self.latest() == Some(epoch) {
            return Some((epoch, log_end_offset));
        }
        let (_, end) = self.all().find(|(other, _)| *other > epoch)?;
        let floor = self.starts.range(..=epoch).next_back().map_or(epoch, |(floor, _)| *floor);
        Some((floor, end))
    }

    /// Forgets epochs that begin at or after an offset.
    pub(crate) fn truncate_from_end(&mut self, end: Offset) {
        let before = self.starts.len();
        self.leading = self.leading.filter(|(_, start)| *start < end);
        self.starts.retain(|_, start| *start < end);
        self.changes += u64::from(self.starts.len() != before);
    }

    /// Forgets epochs that end before an offset.
    pub(crate) fn truncate_from_start(&mut self, log_start: Offset) {
        if let Some((_, start)) = &mut self.leading
            && *start <= log_start
        {
            *start = log_start;
            self.changes += u64::from(!self.starts.is_empty());
            self.starts.clear();
        }
        let covering = self
            .starts
            .iter()
            .rfind(|(_, start)| **start <= log_start)
            .map(|(epoch, start)| (*epoch, *start));
        let Some((epoch, start)) = covering else { return };
        let before = self.starts.len();
        self.starts.retain(|other, _| *other >= epoch);
        self.starts.insert(epoch, log_start);
        self.changes += u64::from(start != log_start || self.starts.len() != before);
    }

    pub(crate) fn clear(&mut self) {
        self.changes += u64::from(!self.starts.is_empty());
        self.starts.clear();
        self.leading = None;
    }

    /// The same, not yet in any file.
    pub(crate) fn moved(&self) -> Self {
        Self { changes: self.changes + 1, written: 0, ..self.clone() }
    }

    /// The bytes of the file and the change that they contain, if the file is behind.
    pub(crate) fn unwritten(&self) -> Option<(u64, Vec<u8>)> {
        (self.changes > self.written).then(|| {
            let starts = self.starts.iter().map(|(epoch, start)| (*epoch, *start));
            (self.changes, format_leader_epochs(starts))
        })
    }

    pub(crate) fn set_written(&mut self, change: u64) {
        self.written = self.written.max(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_finds_what_the_file_has_forgotten() {
        let mut found = epochs(&[(3, 5)]);
        found.assign_recovered(LeaderEpoch(2), Offset(2));
        found.assign_recovered(LeaderEpoch(3), Offset(4));
        found.assign_recovered(LeaderEpoch(3), Offset(7));
        let end = |epoch| found.end_offset_for(LeaderEpoch(epoch), Offset(9));
        assert_eq!(end(1), Some((LeaderEpoch(1), Offset(2))));
        assert_eq!(end(2), Some((LeaderEpoch(2), Offset(4))));
    }

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        entries.iter().for_each(|(epoch, start)| epochs.assign(LeaderEpoch(*epoch), Offset(*start)));
        epochs
    }

    fn entries(epochs: &LeaderEpochs) -> Vec<(i32, i64)> {
        epochs.starts.iter().map(|(epoch, start)| (epoch.get(), start.get())).collect()
    }

    #[test]
    fn assigning() {
        let check =
            |assigned: &[(i32, i64)], expect: &[(i32, i64)]| assert_eq!(entries(&epochs(assigned)), expect);
        check(&[(0, 0), (0, 5), (1, 9)], &[(0, 0), (1, 9)]);
        check(&[(-1, 0)], &[]);
        // A second leader without records takes the place of the first.
        check(&[(0, 0), (1, 9), (2, 9)], &[(0, 0), (2, 9)]);
        check(&[(0, 0), (1, 9), (2, 7)], &[(0, 0), (2, 7)]);
        check(&[(3, 10), (2, 20)], &[(2, 20)]);
        check(&[(3, 10), (3, 5)], &[(3, 5)]);
    }

    #[test]
    fn end_offsets() {
        let known = epochs(&[(2, 10), (4, 20), (5, 30)]);
        let check = |epoch, expect: Option<(i32, i64)>| {
            let found = known.end_offset_for(LeaderEpoch(epoch), Offset(99));
            assert_eq!(found.map(|(epoch, end)| (epoch.get(), end.get())), expect, "epoch {epoch}");
        };
        check(-1, None);
        check(0, Some((0, 10)));
        check(2, Some((2, 20)));
        check(3, Some((2, 20)));
        check(4, Some((4, 30)));
        check(5, Some((5, 99)));
        check(6, None);
        check(i32::MAX, None);
    }

    #[test]
    fn truncation() {
        let mut known = epochs(&[(2, 10), (4, 20), (5, 30)]);
        known.truncate_from_start(Offset(25));
        assert_eq!(entries(&known), [(4, 25), (5, 30)]);
        known.truncate_from_start(Offset(5));
        assert_eq!(entries(&known), [(4, 25), (5, 30)]);
        known.truncate_from_end(Offset(30));
        assert_eq!(entries(&known), [(4, 25)]);
        let (change, bytes) = known.unwritten().unwrap();
        assert_eq!(bytes, b"0\n1\n4 25\n");
        known.set_written(change);
        assert_eq!(known.unwritten(), None);
    }
}
