//! A partition as a share group reads it, at the broker that leads it (KIP-932): which records are in whose hands, until
//! when, how often they were delivered, and what is done with.
//!
//! Everything here is the leader's own and ends with its leadership. What must outlive it is written through the share
//! coordinator ([`Write`]): what members acknowledge counts, and is answered, only once that is written; that somebody's
//! time was over is written too, but counts at once. A new leader begins with what [`SharePartition::load`] is given: what is
//! not known there is delivered, perhaps again; what was in members' hands is theirs no more.
//!
//! From the start offset on each offset belongs to a run of [`in_flight`], up to the end; gaps are what a former leader may
//! have delivered, and are fetched again. Offsets that turn out not to be in the log are archived where they stand.

mod aborted;
mod acknowledge;
mod acquire;
mod config;
mod expire;
mod in_flight;
mod load;
mod log_start;
mod record_state;
mod write;

#[cfg(test)]
mod harness;
#[cfg(test)]
mod simulation;

use std::collections::BTreeMap;

use protocol::{LeaderEpoch, Offset};

pub use aborted::{AbortedTransaction, BatchKind, FetchedBatch, aborted_batches};
pub use acknowledge::Acknowledgement;
pub use acquire::{AcquireLimits, AcquireMode, AcquiredRecords, Fetched, OffsetRange};
pub use config::SharePartitionConfig;
pub use record_state::{AcknowledgeType, DeadLetterCause};
pub use write::{DeadLetter, Effects, Write, WriteId, Written, member_error};

use in_flight::InFlight;

/// The machine of one share-partition.
#[derive(Clone, Debug)]
pub struct SharePartition {
    config: SharePartitionConfig,
    leader_epoch: LeaderEpoch,
    state_epoch: i32,
    /// Everything below is done with.
    start_offset: Offset,
    in_flight: InFlight,
    /// What is being written, with the offsets whose fate depends on it.
    writes: BTreeMap<WriteId, Vec<OffsetRange>>,
    next_write: WriteId,
}

impl SharePartition {
    /// The group's properties have changed. Locks that are held stay as long as they were to be.
    pub fn configure(&mut self, config: SharePartitionConfig) {
        self.config = config;
    }

    /// Of the leader whose this is.
    pub const fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The first offset that is not done with (Kafka's SPSO).
    pub const fn start_offset(&self) -> Offset {
        self.start_offset
    }

    /// One past the last offset that was delivered (one past Kafka's SPEO).
    pub fn end_offset(&self) -> Offset {
        self.in_flight.end().unwrap_or(self.start_offset)
    }

    /// Whether nobody holds a record and nothing is being written: it may be loaded again without anybody noticing.
    pub fn is_quiet(&self) -> bool {
        self.writes.is_empty() && self.in_flight.next_lock().is_none()
    }

    /// Where to read the log for the next member that fetches: the first record that may be delivered, or the end.
    pub fn next_fetch_offset(&self) -> Offset {
        let mut next = self.start_offset;
        for (first_offset, run) in self.in_flight.iter() {
            if first_offset > next || run.state == record_state::RecordState::Available {
                break;
            }
            next = run.last_offset + 1;
        }
        next
    }

    /// Whether there may be something to fetch: beyond the end only while there are locks left.
    pub fn can_acquire(&self) -> bool {
        self.records_in_flight() < i64::from(self.config.max_record_locks)
            || self.next_fetch_offset() < self.end_offset()
    }

    /// What counts against `group.share.partition.max.record.locks`: everything from start to end, done with or not.
    fn records_in_flight(&self) -> i64 {
        self.end_offset() - self.start_offset
    }

    /// How many offsets from the start on are done with, counting what is being written (KIP-1226).
    pub fn delivery_complete_count(&self) -> i32 {
        let done = self.in_flight.iter().filter(|(_, run)| run.state.is_terminal_when_written());
        let count: i64 = done.map(|(first_offset, run)| run.last_offset - first_offset + 1).sum();
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    /// What is done with at the start leaves.
    fn advance_start(&mut self) {
        while let Some((first_offset, run)) = self.in_flight.first() {
            if first_offset > self.start_offset || !run.state.is_terminal() {
                return;
            }
            self.start_offset = run.last_offset + 1;
            self.in_flight.remove_below(self.start_offset);
        }
    }
}
