//! One producer: its epoch, its last five batches, its open transaction; and the rules of what may follow.

use protocol::records::{BatchHeader, EndTxnMarker};
use protocol::{Offset, ProducerEpoch, ProducerId};

use crate::validate::{Origin, Refusal};

/// How many batches are remembered: as many as a client may have in flight.
const MAX_BATCHES: usize = 5;
pub(super) const NO_EPOCH: ProducerEpoch = ProducerEpoch(-1);
const NO_SEQUENCE: i32 = -1;

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMeta {
    /// The sequence of its last record.
    pub last_sequence: i32,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// How many offsets it spans, less one.
    pub offset_delta: i32,
    /// Its greatest timestamp.
    pub timestamp: i64,
}

impl BatchMeta {
    /// The offset of its first record.
    pub fn first_offset(&self) -> Offset {
        self.last_offset + -i64::from(self.offset_delta)
    }

    /// The sequence of its first record. Sequences wrap from `i32::MAX` to 0.
    pub const fn first_sequence(&self) -> i32 {
        if self.last_sequence < self.offset_delta {
            // i32::MAX + 1 - (delta - last), without leaving 32 bits.
            return i32::MAX - (self.offset_delta - self.last_sequence) + 1;
        }
        self.last_sequence - self.offset_delta
    }
}

/// What is remembered of a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// Who.
    pub producer_id: ProducerId,
    /// Its greatest epoch, or -1 before its first batch.
    pub producer_epoch: ProducerEpoch,
    /// The epoch of the coordinator that wrote its last marker, or -1.
    pub coordinator_epoch: i32,
    /// The greatest timestamp of its last batch or marker, or -1.
    pub last_timestamp: i64,
    /// Where its open transaction starts.
    pub current_txn_first_offset: Option<Offset>,
    /// When it last appended, by this node's clock: what it is forgotten by. `None` after a replay, which cannot know.
    pub(super) last_seen_ms: Option<i64>,
    /// The last batches of this epoch, the newest last.
    batches: [Option<BatchMeta>; MAX_BATCHES],
}

impl ProducerEntry {
    pub(super) const fn new(producer_id: ProducerId) -> Self {
        Self {
            producer_id,
            producer_epoch: NO_EPOCH,
            coordinator_epoch: -1,
            last_timestamp: -1,
            current_txn_first_offset: None,
            last_seen_ms: None,
            batches: [None; MAX_BATCHES],
        }
    }

    /// With one batch, as a snapshot has it.
    pub(super) const fn with_last_batch(mut self, batch: Option<BatchMeta>) -> Self {
        self.batches[MAX_BATCHES - 1] = batch;
        self
    }

    /// The batches before the last that are remembered, the oldest first.
    pub(super) fn earlier_batches(&self) -> impl Iterator<Item = &BatchMeta> {
        self.batches[..MAX_BATCHES - 1].iter().flatten()
    }

    /// Puts back [`Self::earlier_batches`]. More than are remembered is refused.
    pub(super) fn set_earlier_batches(&mut self, earlier: &[BatchMeta]) -> Option<()> {
        let from = (MAX_BATCHES - 1).checked_sub(earlier.len())?;
        for (place, batch) in self.batches[from..].iter_mut().zip(earlier) {
            *place = Some(*batch);
        }
        Some(())
    }

    /// The last batch of this epoch.
    pub const fn last_batch(&self) -> Option<&BatchMeta> {
        self.batches[MAX_BATCHES - 1].as_ref()
    }

    /// The last sequence of this epoch, or -1.
    pub fn last_sequence(&self) -> i32 {
        self.last_batch().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    pub(super) fn find_duplicate(&self, header: &BatchHeader) -> Option<BatchMeta> {
        if header.producer_epoch != self.producer_epoch {
            return None;
        }
        let sequences = (header.base_sequence, header.last_sequence());
        self.batches
            .iter()
            .flatten()
            .find(|batch| (batch.first_sequence(), batch.last_sequence) == sequences)
            .copied()
    }

    /// Takes up a batch of records. Says whether it opens a transaction.
    pub(super) fn append(&mut self, header: &BatchHeader, origin: Origin) -> Result<bool, Refusal> {
        self.check_epoch(header, origin)?;
        if origin == Origin::Client {
            self.check_sequence(header)?;
        }
        self.set_epoch(header.producer_epoch);
        self.batches.rotate_left(1);
        self.batches[MAX_BATCHES - 1] = Some(BatchMeta {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
        self.last_timestamp = header.max_timestamp;
        match (self.current_txn_first_offset, header.attributes.is_transactional()) {
            (Some(_), false) if origin != Origin::Replication => {
                Err(Refusal::NotInTransaction(self.producer_id))
            }
            (None, true) => {
                self.current_txn_first_offset = Some(header.base_offset);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Takes up a transaction marker. Answers where the transaction began, if it had any records here.
    pub(super) fn end_transaction(
        &mut self,
        header: &BatchHeader,
        marker: EndTxnMarker,
        timestamp: i64,
        origin: Origin,
    ) -> Result<Option<Offset>, Refusal> {
        self.check_epoch(header, origin)?;
        if marker.coordinator_epoch < self.coordinator_epoch && origin != Origin::Replication {
            return Err(Refusal::CoordinatorEpoch {
                producer_id: self.producer_id,
                found: marker.coordinator_epoch,
                last: self.coordinator_epoch,
            });
        }
        self.set_epoch(header.producer_epoch);
        self.coordinator_epoch = marker.coordinator_epoch;
        self.last_timestamp = timestamp;
        Ok(self.current_txn_first_offset.take())
    }

    fn check_epoch(&self, header: &BatchHeader, origin: Origin) -> Result<(), Refusal> {
        if header.producer_epoch < self.producer_epoch && origin != Origin::Replication {
            return Err(Refusal::ProducerEpoch {
                producer_id: self.producer_id,
                found: header.producer_epoch,
                last: self.producer_epoch,
            });
        }
        Ok(())
    }

    /// A producer that is not known may start with any sequence: its records may have been deleted. A new epoch
    /// starts with 0, and within an epoch sequences have no gaps.
    fn check_sequence(&self, header: &BatchHeader) -> Result<(), Refusal> {
        let (last, next) = (self.last_sequence(), header.base_sequence);
        let good = if self.producer_epoch == NO_EPOCH {
            true
        } else if header.producer_epoch != self.producer_epoch {
            next == 0
        } else {
            i64::from(next) == i64::from(last) + 1 || (last == i32::MAX && next == 0)
        };
        if good {
            return Ok(());
        }
        Err(Refusal::OutOfOrderSequence {
            producer_id: self.producer_id,
            epoch: header.producer_epoch,
            found: next,
            last_epoch: self.producer_epoch,
            last,
        })
    }

    fn set_epoch(&mut self, epoch: ProducerEpoch) {
        if self.producer_epoch != epoch {
            self.producer_epoch = epoch;
            self.batches = [None; MAX_BATCHES];
        }
    }

    /// Whether it was silent for too long. One that was only replayed is seen now for the first time.
    pub(super) fn is_expired(&mut self, now_ms: i64, expiration_ms: i64) -> bool {
        let seen = *self.last_seen_ms.get_or_insert(now_ms);
        self.current_txn_first_offset.is_none() && now_ms.saturating_sub(seen) >= expiration_ms
    }
}
