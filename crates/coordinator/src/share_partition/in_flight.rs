//! The records between start and end of a share-partition: runs of offsets that are in one state.
//!
//! Kafka keeps batches, and each offset of a batch by itself as soon as two of them differ. Runs are split where that is
//! needed and joined where it is over. Of the batch that a run was delivered in first only its size is kept.

use std::collections::{BTreeMap, BTreeSet};

use protocol::Offset;

use super::record_state::{AcquisitionLock, RecordState};

/// Offsets in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) last_offset: Offset,
    pub(super) state: RecordState,
    /// How often they were delivered; 0 for what is not in the log.
    pub(super) delivery_count: i16,
    /// How many offsets were delivered together the first time.
    pub(super) batch_len: i64,
}

/// A part of the range that was looked at: a run, or offsets of which nothing is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) first_offset: Offset,
    pub(super) last_offset: Offset,
    pub(super) run: Option<&'a Run>,
}

/// The runs, by their first offsets; they do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct InFlight {
    runs: BTreeMap<Offset, Run>,
    /// When locks are over, with the first offset of the run: of all runs whose fate nobody is writing.
    locks: BTreeSet<(u64, Offset)>,
}

fn lock_of(run: &Run) -> Option<u64> {
    match &run.state {
        RecordState::Acquired(AcquisitionLock { until_ms, writing: None, .. }) => Some(*until_ms),
        _ => None,
    }
}

impl InFlight {
    /// One past the last offset of which something is known.
    pub(super) fn end(&self) -> Option<Offset> {
        self.runs.last_key_value().map(|(_, run)| run.last_offset + 1)
    }

    /// All runs, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Offset, &Run)> {
        self.runs.iter().map(|(first, run)| (*first, run))
    }

    /// The first run.
    pub(super) fn first(&self) -> Option<(Offset, &Run)> {
        self.iter().next()
    }

    /// The lock that is over first: when, and where.
    pub(super) fn next_lock(&self) -> Option<(u64, Offset)> {
        self.locks.first().copied()
    }

    /// The run that begins here.
    pub(super) fn at(&self, first_offset: Offset) -> Option<&Run> {
        self.runs.get(&first_offset)
    }

    /// The run or gap at `offset`, from there on and up to `last_offset`.
    pub(super) fn segment(&self, offset: Offset, last_offset: Offset) -> Segment<'_> {
        let before = self.runs.range(..=offset).next_back().filter(|(_, run)| run.last_offset >= offset);
        let (end, run) = match before {
            Some((_, run)) => (run.last_offset, Some(run)),
            None => {
                let next = self.runs.range(offset..).next();
                (next.map_or(last_offset, |(first, _)| *first + -1), None)
            }
        };
        Segment { first_offset: offset, last_offset: end.min(last_offset), run }
    }

    /// The runs and gaps from `offset` up to `last_offset`.
    pub(super) fn segments(&self, offset: Offset, last_offset: Offset) -> impl Iterator<Item = Segment<'_>> {
        let mut next = offset;
        std::iter::from_fn(move || {
            (next <= last_offset).then(|| {
                let segment = self.segment(next, last_offset);
                next = segment.last_offset + 1;
                segment
            })
        })
    }

    /// From now on these offsets are this, whatever they were.
    pub(super) fn put(&mut self, first_offset: Offset, run: Run) {
        self.split(first_offset);
        self.split(run.last_offset + 1);
        let covered: Vec<Offset> = self.runs.range(first_offset..=run.last_offset).map(|it| *it.0).collect();
        covered.into_iter().for_each(|first| drop(self.remove(first)));
        let next = run.last_offset + 1;
        self.insert(first_offset, run);
        self.join(next);
        self.join(first_offset);
    }

    /// Changes the state of what is known of these offsets.
    pub(super) fn change(
        &mut self,
        first_offset: Offset,
        last_offset: Offset,
        mut to: impl FnMut(&Run) -> RecordState,
    ) {
        let parts: Vec<(Offset, Run)> = self
            .segments(first_offset, last_offset)
            .filter_map(|part| {
                let run = part.run?;
                let state = to(run);
                Some((part.first_offset, Run { last_offset: part.last_offset, state, ..run.clone() }))
            })
            .collect();
        parts.into_iter().for_each(|(first, run)| self.put(first, run));
    }

    /// Forgets everything below.
    pub(super) fn remove_below(&mut self, offset: Offset) {
        self.split(offset);
        while let Some((first, _)) = self.first().filter(|(first, _)| *first < offset) {
            self.remove(first);
        }
    }

    fn insert(&mut self, first_offset: Offset, run: Run) {
        if let Some(until_ms) = lock_of(&run) {
            self.locks.insert((until_ms, first_offset));
        }
        self.runs.insert(first_offset, run);
    }

    fn remove(&mut self, first_offset: Offset) -> Option<Run> {
        let run = self.runs.remove(&first_offset)?;
        if let Some(until_ms) = lock_of(&run) {
            self.locks.remove(&(until_ms, first_offset));
        }
        Some(run)
    }

    /// Makes a run begin at this offset, if there is one around it.
    fn split(&mut self, offset: Offset) {
        let Some((first, run)) = self.runs.range(..offset).next_back() else { return };
        if run.last_offset < offset {
            return;
        }
        let tail = run.clone();
        let head = Run { last_offset: offset + -1, ..tail.clone() };
        let first = *first;
        self.remove(first);
        self.insert(first, head);
        self.insert(offset, tail);
    }

    /// Joins the run that begins here with the one before, if they are alike.
    fn join(&mut self, offset: Offset) {
        let Some((first, before)) = self.runs.range(..offset).next_back() else { return };
        let Some(run) = self.runs.get(&offset) else { return };
        let alike = before.last_offset + 1 == offset
            && before.state == run.state
            && before.delivery_count == run.delivery_count
            && before.batch_len == run.batch_len;
        if alike {
            let joined = Run { last_offset: run.last_offset, ..before.clone() };
            let first = *first;
            self.remove(first);
            self.remove(offset);
            self.insert(first, joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(last: i64, kind: u8) -> Run {
        let state = match kind {
            0 => RecordState::Available,
            1 => RecordState::Archived,
            writing => RecordState::Acquired(AcquisitionLock {
                member_id: "m".into(),
                until_ms: 100 + u64::from(writing),
                writing: (writing == 3).then(|| Box::new(RecordState::Acknowledged)),
            }),
        };
        Run { last_offset: Offset(last), state, delivery_count: 1, batch_len: 1 }
    }

    proptest! {
        #[test]
        fn every_offset_is_what_was_last_said_of_it(
            steps in prop::collection::vec((0i64..30, 0i64..12, 0u8..7), 0..30),
        ) {
            let mut in_flight = InFlight::default();
            let mut model: BTreeMap<i64, RecordState> = BTreeMap::new();
            for (first, more, kind) in steps {
                let last = first + more;
                match kind {
                    0..=3 => {
                        let run = run(last, kind);
                        (first..=last).for_each(|offset| drop(model.insert(offset, run.state.clone())));
                        in_flight.put(Offset(first), run);
                    }
                    4 | 5 => {
                        in_flight.change(Offset(first), Offset(last), |_| RecordState::Available);
                        model.range_mut(first..=last).for_each(|(_, state)| *state = RecordState::Available);
                    }
                    _ => {
                        in_flight.remove_below(Offset(first));
                        model.retain(|offset, _| *offset >= first);
                    }
                }
                for offset in 0..45 {
                    let segment = in_flight.segment(Offset(offset), Offset(50));
                    prop_assert_eq!(segment.run.map(|run| &run.state), model.get(&offset));
                    prop_assert!(segment.last_offset >= Offset(offset));
                }
                let runs: Vec<(Offset, &Run)> = in_flight.iter().collect();
                for pair in runs.windows(2) {
                    let touch = pair[0].1.last_offset + 1 == pair[1].0;
                    prop_assert!(pair[0].1.last_offset < pair[1].0);
                    prop_assert!(!touch || pair[0].1.state != pair[1].1.state, "not joined");
                }
                let locks: BTreeSet<(u64, Offset)> =
                    runs.iter().filter_map(|(first, run)| Some((lock_of(run)?, *first))).collect();
                prop_assert_eq!(&locks, &in_flight.locks);
                prop_assert_eq!(in_flight.end(), model.keys().last().map(|last| Offset(last + 1)));
            }
        }
    }
}
