//! The verification of transactions with their coordinator (KIP-890): the first batch of a transaction is appended only
//! where the coordinator knows that the partition belongs to it, so that a marker will end it.
//!
//! Between the question and the append anything can happen; the guard that came with the question is void once a marker
//! of the transaction was written. Nothing of this is durable: who was verified and not appended is verified again.

use protocol::records::BatchHeader;
use protocol::{ProducerEpoch, ProducerId};

use super::{ProducerEntry, ProducerState};
use crate::validate::Refusal;

/// Records that a producer is about to append in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transactional {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of the first record; -1 for those of a coordinator.
    pub base_sequence: i32,
    /// Whether the transaction has a producer epoch of its own: its sequences begin with 0, and a marker of its epoch ends
    /// the one before it.
    pub is_of_epoch: bool,
}

impl Transactional {
    /// What a batch is; `None` if it is of no transaction, or ends one.
    pub fn of(header: &BatchHeader, is_of_epoch: bool) -> Option<Self> {
        let is = header.has_producer_id()
            && header.attributes.is_transactional()
            && !header.attributes.is_control();
        is.then_some(Self {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            is_of_epoch,
        })
    }
}

/// What a verification is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(u64);

/// A producer whose transaction is being verified, or is and has no batch yet.
#[derive(Clone, Debug)]
pub(super) struct Verification {
    producer_epoch: ProducerEpoch,
    /// Of all batches that asked: the first of them has to come first.
    lowest_sequence: i32,
    guard: VerificationGuard,
    is_of_epoch: bool,
    since_ms: i64,
}

impl Verification {
    /// Whether it is one still, after something was appended for the producer.
    pub(super) fn outlives(&self, entry: &ProducerEntry) -> bool {
        self.is_of_epoch
            && entry.current_txn_first_offset.is_none()
            && entry.producer_epoch <= self.producer_epoch
    }
}

/// What a marker finds in a partition (KIP-1228).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerCheck {
    /// It is to be written.
    Write,
    /// It was written before.
    Written,
}

impl ProducerState {
    /// Begins a verification: `None` if there is no need, since the partition has records of the transaction.
    pub(crate) fn start_verification(
        &mut self,
        records: Transactional,
        now_ms: i64,
    ) -> Option<VerificationGuard> {
        if !self.needs_verification(records) {
            return None;
        }
        let (next, guards) = (self.guards + 1, &mut self.guards);
        let verification = self.verifications.entry(records.producer_id).or_insert_with(|| {
            *guards = next;
            Verification {
                producer_epoch: records.producer_epoch,
                lowest_sequence: records.base_sequence,
                guard: VerificationGuard(next),
                is_of_epoch: records.is_of_epoch,
                since_ms: now_ms,
            }
        });
        if verification.producer_epoch < records.producer_epoch {
            verification.producer_epoch = records.producer_epoch;
            verification.lowest_sequence = records.base_sequence;
        } else if verification.producer_epoch == records.producer_epoch {
            verification.lowest_sequence = verification.lowest_sequence.min(records.base_sequence);
        }
        Some(verification.guard)
    }

    /// Whether they may be appended, as far as the transaction is concerned.
    pub(crate) fn check_verified(
        &self,
        records: Transactional,
        guard: Option<VerificationGuard>,
    ) -> Result<(), Refusal> {
        if !self.needs_verification(records) {
            return Ok(());
        }
        let known = self.verifications.get(&records.producer_id);
        let Some(verification) = known.filter(|verification| Some(verification.guard) == guard) else {
            return Err(Refusal::NotVerified(records.producer_id));
        };
        let last = self.producers.get(&records.producer_id);
        let begins = last.is_none_or(|last| last.producer_epoch < records.producer_epoch);
        let comes_late = verification.producer_epoch == records.producer_epoch
            && records.base_sequence > verification.lowest_sequence;
        if comes_late || records.is_of_epoch && begins && records.base_sequence > 0 {
            return Err(Refusal::OutOfOrderSequence {
                producer_id: records.producer_id,
                epoch: records.producer_epoch,
                found: records.base_sequence,
                last_epoch: last.map_or(super::entry::NO_EPOCH, |last| last.producer_epoch),
                last: last.map_or(-1, ProducerEntry::last_sequence),
            });
        }
        Ok(())
    }

    /// Whether a marker is to be written. With an epoch of its own for every transaction (`is_of_epoch`) the marker's must be
    /// new to the partition, and is known when it comes again. Otherwise one more does no harm, and voids guards.
    pub(crate) fn check_marker(
        &self,
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
        is_of_epoch: bool,
    ) -> Result<MarkerCheck, Refusal> {
        let Some(entry) = self.producers.get(&producer_id) else { return Ok(MarkerCheck::Write) };
        let is_new = if is_of_epoch {
            producer_epoch > entry.producer_epoch
        } else {
            producer_epoch >= entry.producer_epoch
        };
        if is_new {
            return Ok(MarkerCheck::Write);
        }
        if is_of_epoch && producer_epoch == entry.producer_epoch && entry.current_txn_first_offset.is_none() {
            return Ok(MarkerCheck::Written);
        }
        Err(Refusal::ProducerEpoch { producer_id, found: producer_epoch, last: entry.producer_epoch })
    }

    fn needs_verification(&self, records: Transactional) -> bool {
        let entry = self.producers.get(&records.producer_id);
        !entry.is_some_and(|entry| {
            entry.current_txn_first_offset.is_some() && entry.producer_epoch == records.producer_epoch
        })
    }

    pub(super) fn remove_expired_verifications(&mut self, now_ms: i64, expiration_ms: i64) {
        self.verifications.retain(|_, it| now_ms.saturating_sub(it.since_ms) < expiration_ms);
    }
}
