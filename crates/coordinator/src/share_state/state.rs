//! The state of one share-partition, and the two kinds of records that make it.

use protocol::{LeaderEpoch, Offset};

use super::batch::{StateBatch, combine};

/// All there is to know of a share-partition: a ShareSnapshot record is all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareState {
    /// Counts the snapshots.
    pub snapshot_epoch: i32,
    /// Counts how often it was begun anew.
    pub state_epoch: i32,
    /// Of the leader who read it last; 0 before. Nobody with a lower one reads or writes.
    pub leader_epoch: LeaderEpoch,
    /// Where it starts; -1 before anybody has chosen.
    pub start_offset: Offset,
    /// How many offsets from there on are done with; -1 when not known (KIP-1226).
    pub delivery_complete_count: i32,
    /// When it was made.
    pub create_ms: i64,
    /// When it was last written as a whole.
    pub write_ms: i64,
    /// What is known of the offsets from the start on.
    pub batches: Vec<StateBatch>,
}

/// What a ShareUpdate record says: what has changed since the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShareUpdate {
    /// Of the snapshot that it changes.
    pub snapshot_epoch: i32,
    /// -1 leaves it as it is.
    pub leader_epoch: LeaderEpoch,
    /// -1 leaves it as it is.
    pub start_offset: Offset,
    /// -1 when not known.
    pub delivery_complete_count: i32,
    /// Batches that have changed.
    pub batches: Vec<StateBatch>,
}

impl ShareState {
    /// As InitializeShareGroupState has it, after what there was before. With a start offset the lag can be computed from
    /// the beginning on.
    ///
    /// The leader's epoch stays: Kafka writes 0, and forgets whom it fenced when it next loads the log.
    pub(super) fn new(before: Option<&Self>, state_epoch: i32, start_offset: Offset, now_ms: i64) -> Self {
        Self {
            snapshot_epoch: before.map_or(0, |before| before.snapshot_epoch.wrapping_add(1)),
            state_epoch,
            leader_epoch: before.map_or(LeaderEpoch(0), |before| before.leader_epoch),
            start_offset,
            delivery_complete_count: if start_offset == Offset::UNKNOWN { -1 } else { 0 },
            create_ms: now_ms,
            write_ms: now_ms,
            batches: Vec::new(),
        }
    }

    /// The state after an update.
    pub(super) fn updated(&self, update: &ShareUpdate) -> Self {
        let or = |new, old| if new == Offset::UNKNOWN { old } else { new };
        let start_offset = or(update.start_offset, self.start_offset);
        Self {
            leader_epoch: match update.leader_epoch {
                LeaderEpoch::UNKNOWN => self.leader_epoch,
                leader_epoch => leader_epoch,
            },
            start_offset,
            delivery_complete_count: update.delivery_complete_count,
            batches: combine(self.batches.iter().chain(&update.batches).copied(), start_offset),
            ..self.clone()
        }
    }

    /// The same, written as a whole because somebody changes it.
    pub(super) fn snapshot(self, now_ms: i64) -> Self {
        Self { create_ms: now_ms, ..self.cold_snapshot(now_ms) }
    }

    /// The same, written as a whole only so that the log needs nothing older: that it was made before says so.
    pub(super) fn cold_snapshot(self, now_ms: i64) -> Self {
        Self { snapshot_epoch: self.snapshot_epoch.wrapping_add(1), write_ms: now_ms, ..self }
    }

    /// Whether nobody has changed it as a whole since it was written as one.
    pub(super) fn is_cold(&self) -> bool {
        self.create_ms != self.write_ms
    }
}

impl ShareUpdate {
    /// A state of which only this is known.
    pub(super) fn alone(self) -> ShareState {
        ShareState {
            snapshot_epoch: self.snapshot_epoch,
            state_epoch: 0,
            leader_epoch: self.leader_epoch,
            start_offset: self.start_offset,
            delivery_complete_count: self.delivery_complete_count,
            create_ms: 0,
            write_ms: 0,
            batches: self.batches,
        }
    }
}
