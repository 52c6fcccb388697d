//! What cleaning makes of one batch: the same bytes, fewer records, or nothing. Pure, but for the batch that it reads.
//!
//! The rules are Kafka's: of a key the newest record stays; a tombstone stays until the delete horizon that the first
//! cleaning writes into its batch (KIP-534); records of aborted transactions go, and markers once nothing of their transaction is
//! left; the last batch of an active producer stays, emptied if it must be, for its sequence and epoch, and so does the
//! last batch of the cleaned part, for its offset.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use protocol::records::{Batch, BatchBuilder, ControlType, Error, NewRecord};
use protocol::{Offset, ProducerEpoch, ProducerId};

use super::offset_map::{KeyHash, OffsetMap};
use super::transactions::{Control, Marker, Transactions};
use crate::producer::ProducerState;
use crate::txn_index::AbortedTxn;

/// By what the state of an active producer is known from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastRecord {
    /// The last offset of its last batch.
    Data(Offset),
    /// It has no batch in its epoch: a marker tells it.
    Marker(ProducerEpoch),
}

/// The last records of all producers that are remembered.
pub(crate) fn last_records(producers: &ProducerState) -> BTreeMap<ProducerId, LastRecord> {
    let last = |batch: Option<&crate::producer::BatchMeta>, epoch| {
        batch.map_or(LastRecord::Marker(epoch), |batch| LastRecord::Data(batch.last_offset))
    };
    producers
        .producers()
        .map(|entry| (entry.producer_id, last(entry.last_batch(), entry.producer_epoch)))
        .collect()
}

/// What the cleaning of a log knows, apart from the batch.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) now_ms: i64,
    pub(crate) delete_retention_ms: i64,
    pub(crate) max_decompressed_bytes: usize,
    /// Records before this offset are in the map, if they are the newest of their key.
    pub(crate) mapped_to: Offset,
    /// The batch that ends here stays.
    pub(crate) end: Offset,
    pub(crate) last_records: BTreeMap<ProducerId, LastRecord>,
}

/// What becomes of a batch.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome<'a> {
    /// The bytes that stay; `None` if none do.
    pub(crate) bytes: Option<Cow<'a, [u8]>>,
    /// A transaction whose marker stays, so that consumers need to know of it.
    pub(crate) aborted: Option<AbortedTxn>,
    /// How many records stay.
    pub(crate) records: u64,
}

/// Cleans a batch. Batches come in the order of their offsets, since `transactions` walks along.
pub(crate) fn clean<'a>(
    batch: &Batch<'a>,
    map: &OffsetMap,
    transactions: &mut Transactions,
    rules: &Rules,
) -> Result<Outcome<'a>, Error> {
    let header = batch.header();
    let is_control = header.attributes.is_control();
    let mut aborted = None;
    let unneeded = if is_control {
        match transactions.end(header, control(batch, rules)?) {
            Marker::Unneeded => true,
            Marker::Needed => false,
            Marker::EndsAborted(txn) => {
                aborted = Some(txn);
                false
            }
        }
    } else {
        transactions.is_aborted(header)
    };
    let horizon = header.delete_horizon_ms();
    let is_past_horizon = horizon.is_some_and(|horizon| horizon <= rules.now_ms);
    let drop_all = unneeded && (!is_control || is_past_horizon);
    let keep_header = rules.is_last_of_producer(batch) || header.next_offset() == rules.end;
    if drop_all && !keep_header {
        return Ok(Outcome { bytes: None, aborted, records: 0 });
    }

    let unpacked = batch.decompress(rules.max_decompressed_bytes)?;
    let entries = Entry::all(batch, &unpacked, map)?;
    let mut thinned = BatchBuilder::thinned(header)?;
    let mut kept = Vec::with_capacity(entries.len());
    let (mut records, mut has_tombstones) = (0, false);
    for entries in entries.chunks(AT_ONCE) {
        map.bring_near(entries.iter().filter_map(|entry| entry.key));
        for entry in entries {
            let keep = !drop_all && (is_control || rules.keeps(entry, map, is_past_horizon));
            kept.push(keep);
            records += u64::from(keep);
            has_tombstones |= keep && entry.is_tombstone;
        }
    }
    let outcome = |bytes| Ok(Outcome { bytes, aborted, records });
    if records == 0 && !keep_header {
        return outcome(None);
    }
    let set_horizon = (has_tombstones || (is_control && unneeded)) && horizon.is_none() && records > 0;
    if records == entries.len() as u64 && !set_horizon {
        return outcome(Some(Cow::Borrowed(batch.bytes())));
    }
    if set_horizon {
        let horizon = rules.now_ms.saturating_add(rules.delete_retention_ms);
        return outcome(Some(Cow::Owned(with_horizon(batch, &unpacked, &kept, horizon)?)));
    }
    // What stays is taken in runs, as it is.
    let mut at = 0;
    for run in kept.chunk_by(|a, b| a == b) {
        let of = &entries[at..at + run.len()];
        at += run.len();
        if let ([true, ..], [first, .., last] | [first @ last]) = (run, of) {
            let max_timestamp = of.iter().map(|entry| entry.timestamp).max().unwrap_or(first.timestamp);
            let bytes = &unpacked[first.bytes.start..last.bytes.end];
            thinned.append_run(bytes, run.len() as i32, last.offset_delta, max_timestamp)?;
        }
    }
    outcome(Some(Cow::Owned(thinned.build()?)))
}

/// So many keys are looked up at the same time.
pub(super) const AT_ONCE: usize = 16;

/// What the cleaning needs to know of a record.
struct Entry {
    key: Option<KeyHash>,
    offset: Offset,
    offset_delta: i32,
    timestamp: i64,
    is_tombstone: bool,
    /// Where it is in the unpacked records.
    bytes: Range<usize>,
}

impl Entry {
    fn all(batch: &Batch<'_>, unpacked: &[u8], map: &OffsetMap) -> Result<Vec<Self>, Error> {
        let mut records = batch.records(unpacked);
        let mut entries = Vec::with_capacity(records.size_hint().1.unwrap_or_default());
        let mut start = 0;
        while let Some(record) = records.next() {
            let record = record?;
            let end = unpacked.len() - records.rest().len();
            entries.push(Self {
                key: record.key.map(|key| map.hash(key)),
                offset: record.offset,
                offset_delta: record.offset_delta,
                timestamp: record.timestamp,
                is_tombstone: record.value.is_none(),
                bytes: start..end,
            });
            start = end;
        }
        Ok(entries)
    }
}

/// The batch with the records that stay, and the time from which its tombstones may go in place of its base timestamp.
fn with_horizon(
    batch: &Batch<'_>,
    unpacked: &[u8],
    kept: &[bool],
    horizon_ms: i64,
) -> Result<Vec<u8>, Error> {
    let mut builder = BatchBuilder::like(batch.header())?.delete_horizon(horizon_ms);
    for (record, _) in batch.records(unpacked).zip(kept).filter(|(_, keep)| **keep) {
        let record = record?;
        let headers: Vec<_> = record.headers.iter().collect();
        builder.append(NewRecord {
            offset_delta: record.offset_delta,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: &headers,
        })?;
    }
    builder.build()
}

/// What the first record of a control batch says.
pub(crate) fn control(batch: &Batch<'_>, rules: &Rules) -> Result<Control, Error> {
    let unpacked = batch.decompress(rules.max_decompressed_bytes)?;
    let Some(record) = batch.records(&unpacked).next() else { return Ok(Control::Empty) };
    Ok(match record?.control_type()? {
        ControlType::Commit => Control::Commit,
        ControlType::Abort => Control::Abort,
        _ => Control::Other,
    })
}

impl Rules {
    fn is_last_of_producer(&self, batch: &Batch<'_>) -> bool {
        let header = batch.header();
        header.has_producer_id()
            && match self.last_records.get(&header.producer_id) {
                Some(LastRecord::Data(last_offset)) => header.last_offset() == *last_offset,
                Some(LastRecord::Marker(epoch)) => {
                    header.attributes.is_control() && header.producer_epoch == *epoch
                }
                None => false,
            }
    }

    fn keeps(&self, entry: &Entry, map: &OffsetMap, is_past_horizon: bool) -> bool {
        if entry.offset >= self.mapped_to {
            return true;
        }
        // Without a key it cannot be: the leader refuses it.
        let Some(key) = entry.key else { return false };
        let is_newest = map.get(key).is_none_or(|newest| entry.offset >= newest);
        is_newest && !(entry.is_tombstone && is_past_horizon)
    }
}
