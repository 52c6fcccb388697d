//! What is written through the share coordinator (WriteShareGroupState), and what follows when it is or cannot be.

use protocol::{ErrorCode, LeaderEpoch, Offset};

use super::SharePartition;
use super::acquire::OffsetRange;
use super::in_flight::Run;
use super::record_state::{AcquisitionLock, DeadLetterCause, RecordState};
use crate::share_state::StateBatch;

/// Which write: the shell tells its end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// To be written. Writes may overtake each other: of two that speak of one record the later says more deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Tell [`SharePartition::written`] of it.
    pub id: WriteId,
    /// Of the state that is changed.
    pub state_epoch: i32,
    /// Of this leader.
    pub leader_epoch: LeaderEpoch,
    /// Where the share-partition starts.
    pub start_offset: Offset,
    /// How many offsets from there on are done with when this is written.
    pub delivery_complete_count: i32,
    /// What changes.
    pub batches: Vec<StateBatch>,
}

/// Records that go to the dead letter topic. When they are there, or cannot get there:
/// [`SharePartition::dead_lettered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The first of them.
    pub first_offset: Offset,
    /// The last of them.
    pub last_offset: Offset,
    /// How often they were delivered.
    pub delivery_count: i16,
    /// Why.
    pub cause: DeadLetterCause,
}

/// What the shell is to do after something has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// To be written.
    pub write: Option<Write>,
    /// To be sent.
    pub dead_letters: Vec<DeadLetter>,
}

/// How a write has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// What whoever asked for it is answered.
    pub error: ErrorCode,
    /// This is not the share-partition's leader any more, or its state was begun anew: it must be loaded again before
    /// anything else.
    pub fenced: bool,
    /// To be sent.
    pub dead_letters: Vec<DeadLetter>,
}

impl Effects {
    pub(super) fn dead_letter(&mut self, of: &StateBatch, cause: DeadLetterCause) {
        self.dead_letters.push(of.dead_letter(cause));
    }
}

impl StateBatch {
    fn dead_letter(&self, cause: DeadLetterCause) -> DeadLetter {
        DeadLetter {
            first_offset: self.first_offset,
            last_offset: self.last_offset,
            delivery_count: self.delivery_count,
            cause,
        }
    }
}

impl SharePartition {
    /// Writes the fate of records that are in somebody's hands until then.
    pub(super) fn write_fates(&mut self, changes: Vec<StateBatch>) -> Option<Write> {
        let range =
            |it: &StateBatch| OffsetRange { first_offset: it.first_offset, last_offset: it.last_offset };
        let ranges = changes.iter().map(range).collect();
        self.write(changes, ranges)
    }

    /// Writes what has happened already.
    pub(super) fn write_changes(&mut self, changes: Vec<StateBatch>) -> Option<Write> {
        self.write(changes, Vec::new())
    }

    fn write(&mut self, mut batches: Vec<StateBatch>, ranges: Vec<OffsetRange>) -> Option<Write> {
        if batches.is_empty() {
            return None;
        }
        batches.sort_unstable_by_key(|batch| batch.first_offset);
        batches.dedup_by(|next, batch| {
            let alike = batch.last_offset + 1 == next.first_offset
                && batch.delivery_state == next.delivery_state
                && batch.delivery_count == next.delivery_count;
            if alike {
                batch.last_offset = next.last_offset;
            }
            alike
        });
        let id = self.next_write;
        self.next_write = WriteId(id.0 + 1);
        self.writes.insert(id, ranges);
        Some(Write {
            id,
            state_epoch: self.state_epoch,
            leader_epoch: self.leader_epoch,
            start_offset: self.start_offset,
            delivery_complete_count: self.delivery_complete_count(),
            batches,
        })
    }

    /// A write has ended, well or with the error that the share coordinator, or who asked it, has told.
    pub fn written(&mut self, id: WriteId, error: ErrorCode) -> Written {
        let mut written = Written { error: member_error(error), ..Written::default() };
        written.fenced = is_fenced(written.error);
        for range in self.writes.remove(&id).unwrap_or_default() {
            self.in_flight.change(range.first_offset, range.last_offset, |run| match &run.state {
                RecordState::Acquired(AcquisitionLock { writing: Some(to), .. }) if error.is_none() => {
                    (**to).clone()
                }
                // The lock goes on; if its time is over meanwhile, it ends at once.
                RecordState::Acquired(lock) => {
                    RecordState::Acquired(AcquisitionLock { writing: None, ..lock.clone() })
                }
                state => state.clone(),
            });
            if error.is_none() {
                self.collect_dead_letters(range, &mut written.dead_letters);
            }
        }
        self.advance_start();
        written
    }

    fn collect_dead_letters(&self, range: OffsetRange, dead_letters: &mut Vec<DeadLetter>) {
        for part in self.in_flight.segments(range.first_offset, range.last_offset) {
            if let Some(&Run { state: RecordState::Archiving(cause), delivery_count, .. }) = part.run {
                let (first_offset, last_offset) = (part.first_offset, part.last_offset);
                dead_letters.push(DeadLetter { first_offset, last_offset, delivery_count, cause });
            }
        }
    }

    /// These records are in the dead letter topic, or cannot get there: as in Kafka they are given up either way.
    pub fn dead_lettered(&mut self, first_offset: Offset, last_offset: Offset) -> Option<Write> {
        let first_offset = first_offset.max(self.start_offset);
        let changes = self.in_flight.segments(first_offset, last_offset).filter_map(|part| {
            let run = part.run.filter(|run| matches!(run.state, RecordState::Archiving(_)))?;
            Some(StateBatch {
                first_offset: part.first_offset,
                last_offset: part.last_offset,
                delivery_state: RecordState::Archived.id(),
                delivery_count: run.delivery_count,
            })
        });
        let changes: Vec<StateBatch> = changes.collect();
        self.in_flight.change(first_offset, last_offset, |run| match run.state {
            RecordState::Archiving(_) => RecordState::Archived,
            _ => run.state.clone(),
        });
        let write = self.write_changes(changes);
        self.advance_start();
        write
    }
}

/// What a member is told of an error of the share coordinator.
pub fn member_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::NotCoordinator
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::CoordinatorLoadInProgress => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::FencedLeaderEpoch | ErrorCode::FencedStateEpoch => ErrorCode::NotLeaderOrFollower,
        ErrorCode::None | ErrorCode::GroupIdNotFound | ErrorCode::UnknownTopicOrPartition => error,
        _ => ErrorCode::UnknownServerError,
    }
}

fn is_fenced(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NotLeaderOrFollower | ErrorCode::GroupIdNotFound | ErrorCode::UnknownTopicOrPartition
    )
}
