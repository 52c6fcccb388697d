//! What a partition remembers of its idempotent and transactional producers (KIP-98): the last five batches of each,
//! its epoch, and its open transaction. Pure, but for the snapshot's codec, which is pure as well.
//!
//! [`ProducerState::check`] proposes, [`ProducerState::apply`] does. Replaying a log applies what
//! was written without refusing anything.

mod entry;
mod snapshot;
mod verification;

use std::collections::BTreeMap;

use protocol::records::{self, Batch, BatchHeader};
use protocol::{Offset, ProducerId};

pub use entry::{BatchMeta, ProducerEntry};
pub(crate) use snapshot::{decode, encode};
use verification::Verification;
pub use verification::{MarkerCheck, Transactional, VerificationGuard};

use crate::txn_index::AbortedTxn;
use crate::validate::{Origin, Refusal};

/// The most that a marker may unpack to: it is 6 bytes.
const MAX_MARKER_BYTES: usize = 1024;

/// All producers of a partition that it still remembers.
#[derive(Clone, Debug, Default)]
pub struct ProducerState {
    producers: BTreeMap<ProducerId, ProducerEntry>,
    /// Open transactions, by their first offset.
    open: BTreeMap<Offset, ProducerId>,
    /// Ended transactions, first to last offset, whose marker may still be above the high watermark.
    unreplicated: BTreeMap<Offset, Offset>,
    /// The offset after the last batch that is in here.
    end_offset: Offset,
    /// Transactions about to begin here. Not of the log: forgotten with the process.
    verifications: BTreeMap<ProducerId, Verification>,
    /// How many guards were given.
    guards: u64,
}

/// What appending some batches would change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    producers: Vec<ProducerEntry>,
    opened: Vec<(Offset, ProducerId)>,
    ended: Vec<Ended>,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    producer_id: ProducerId,
    first_offset: Offset,
    last_offset: Offset,
    aborted: bool,
}

/// What [`ProducerState::check`] found.
#[derive(Debug)]
pub(crate) enum Check {
    /// Something new, to be applied once it is written.
    New(Changes),
    /// A client sent a batch again that is already in the log.
    Duplicate(BatchMeta),
}

/// As the log has it.
impl PartialEq for ProducerState {
    fn eq(&self, other: &Self) -> bool {
        (&self.producers, &self.open, &self.unreplicated, self.end_offset)
            == (&other.producers, &other.open, &other.unreplicated, other.end_offset)
    }
}

impl ProducerState {
    /// A partition without producers, up to an offset.
    pub(crate) fn new(end_offset: Offset) -> Self {
        Self { end_offset, ..Self::default() }
    }

    /// Of producers all of whose records are before an offset.
    pub(crate) fn before(&self, offset: Offset) -> Self {
        let mut before = Self::new(offset);
        let is_before =
            |entry: &&ProducerEntry| entry.last_batch().is_none_or(|last| last.last_offset < offset);
        self.producers.values().filter(is_before).for_each(|entry| before.insert(entry.clone()));
        before
    }

    /// Checks batches that carry their final offsets.
    pub(crate) fn check(&self, batches: &[u8], origin: Origin) -> Result<Check, Refusal> {
        let mut changes = Changes::default();
        for batch in records::batches(batches) {
            let batch = batch.map_err(Refusal::Batch)?;
            if !batch.header().has_producer_id() {
                continue;
            }
            if let Some(duplicate) = self.check_batch(&batch, origin, &mut changes)? {
                return Ok(Check::Duplicate(duplicate));
            }
        }
        Ok(Check::New(changes))
    }

    fn check_batch(
        &self,
        batch: &Batch<'_>,
        origin: Origin,
        changes: &mut Changes,
    ) -> Result<Option<BatchMeta>, Refusal> {
        let header = batch.header();
        let producer_id = header.producer_id;
        let known = self.producers.get(&producer_id);
        if origin == Origin::Client
            && let Some(duplicate) = known.and_then(|known| known.find_duplicate(header))
        {
            return Ok(Some(duplicate));
        }
        let at = changes.producers.iter().position(|entry| entry.producer_id == producer_id);
        let at = at.unwrap_or_else(|| {
            changes.producers.push(known.cloned().unwrap_or_else(|| ProducerEntry::new(producer_id)));
            changes.producers.len() - 1
        });
        let entry = &mut changes.producers[at];
        if header.attributes.is_control() {
            if let Some((marker, timestamp)) = read_marker(batch)? {
                let first_offset = entry.end_transaction(header, marker, timestamp, origin)?;
                changes.ended.extend(first_offset.map(|first_offset| Ended {
                    producer_id,
                    first_offset,
                    last_offset: header.base_offset,
                    aborted: !marker.committed,
                }));
            }
        } else if entry.append(header, origin)? {
            changes.opened.push((header.base_offset, producer_id));
        }
        Ok(None)
    }

    /// Applies what was checked, once the batches up to `end_offset` are written. Answers which transactions
    /// were aborted, for the index. `now_ms` is when they were appended, where that is known.
    pub(crate) fn apply(
        &mut self,
        changes: Changes,
        end_offset: Offset,
        now_ms: Option<i64>,
    ) -> Vec<AbortedTxn> {
        for mut entry in changes.producers {
            entry.last_seen_ms = now_ms;
            if self.verifications.get(&entry.producer_id).is_some_and(|it| !it.outlives(&entry)) {
                self.verifications.remove(&entry.producer_id);
            }
            self.producers.insert(entry.producer_id, entry);
        }
        self.open.extend(changes.opened);
        self.end_offset = end_offset;
        let mut aborted = Vec::new();
        for ended in changes.ended {
            let others = self.open.iter().find(|(_, producer_id)| **producer_id != ended.producer_id);
            let last_stable_offset = others.map_or(ended.last_offset + 1, |(first_offset, _)| *first_offset);
            if ended.aborted {
                aborted.push(AbortedTxn {
                    producer_id: ended.producer_id,
                    first_offset: ended.first_offset,
                    last_offset: ended.last_offset,
                    last_stable_offset,
                });
            }
            self.open.remove(&ended.first_offset);
            self.unreplicated.insert(ended.first_offset, ended.last_offset);
        }
        aborted
    }

    /// Applies a batch that is in the log already. `batch` needs its records only if it is a control batch.
    pub(crate) fn replay(
        &mut self,
        header: &BatchHeader,
        control: Option<&Batch<'_>>,
    ) -> Result<Vec<AbortedTxn>, Refusal> {
        let mut changes = Changes::default();
        if header.has_producer_id() {
            match control {
                Some(batch) => {
                    self.check_batch(batch, Origin::Replication, &mut changes)?;
                }
                None => {
                    let known = self.producers.get(&header.producer_id).cloned();
                    let mut entry = known.unwrap_or_else(|| ProducerEntry::new(header.producer_id));
                    if entry.append(header, Origin::Replication)? {
                        changes.opened.push((header.base_offset, header.producer_id));
                    }
                    changes.producers.push(entry);
                }
            }
        }
        Ok(self.apply(changes, header.next_offset(), None))
    }

    /// The offset after the last batch that is in here.
    pub(crate) const fn end_offset(&self) -> Offset {
        self.end_offset
    }

    /// Moves the end where batches went missing, for instance by compaction.
    pub(crate) fn set_end_offset(&mut self, end_offset: Offset) {
        self.end_offset = end_offset;
    }

    /// The first offset of a transaction that is open, or whose end may not be replicated yet.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        let open = self.open.keys().next();
        let unreplicated = self.unreplicated.keys().next();
        open.into_iter().chain(unreplicated).min().copied()
    }

    /// Forgets ended transactions whose marker is below the high watermark.
    pub(crate) fn set_high_watermark(&mut self, high_watermark: Offset) {
        self.unreplicated.retain(|_, last_offset| *last_offset >= high_watermark);
    }

    /// Forgets idempotent producers that have been silent for `expiration_ms`. Those in a transaction stay. Unlike Kafka
    /// this goes by when they appended, not by the timestamps of their records: who writes old ones is not forgotten.
    pub(crate) fn remove_expired(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, entry| !entry.is_expired(now_ms, expiration_ms));
        self.remove_expired_verifications(now_ms, expiration_ms);
    }

    /// The producers, for DescribeProducers and tests.
    pub fn producers(&self) -> impl Iterator<Item = &ProducerEntry> {
        self.producers.values()
    }

    /// What is remembered of a producer.
    pub fn get(&self, producer_id: ProducerId) -> Option<&ProducerEntry> {
        self.producers.get(&producer_id)
    }

    fn insert(&mut self, entry: ProducerEntry) {
        if let Some(first_offset) = entry.current_txn_first_offset {
            self.open.insert(first_offset, entry.producer_id);
        }
        self.producers.insert(entry.producer_id, entry);
    }
}

/// The transaction marker of a control batch with its timestamp; none if it is another kind, or compacted away.
fn read_marker(batch: &Batch<'_>) -> Result<Option<(records::EndTxnMarker, i64)>, Refusal> {
    let unpacked = batch.decompress(MAX_MARKER_BYTES).map_err(Refusal::Content)?;
    let Some(record) = batch.records(&unpacked).next() else { return Ok(None) };
    let record = record.map_err(Refusal::Content)?;
    let marker = record.end_txn_marker().map_err(Refusal::Content)?;
    Ok(marker.map(|marker| (marker, record.timestamp)))
}
