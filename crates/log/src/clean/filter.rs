//! What cleaning makes of one batch: the same bytes, fewer records, or nothing. Pure, but for the batch that it reads.
//!
//! The rules are Kafka's: of a key the newest record stays; a tombstone stays until the delete horizon that the first
//! cleaning writes into its batch (KIP-534); records of aborted transactions go, and markers once nothing of their transaction is
//! left; the last batch of an active producer stays, emptied if it must be, for its sequence and epoch, and so does the
//! last batch of the cleaned part, for its offset.

use std::borrow::Cow;
use std::collections::BTreeMap;

use protocol::records::{Batch, BatchBuilder, ControlType, Error, NewRecord, Record};
use protocol::{Offset, ProducerEpoch, ProducerId};

use super::offset_map::OffsetMap;
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
    let mut kept = Vec::with_capacity(header.record_count as usize);
    let (mut all, mut has_tombstones) = (true, false);
    for record in batch.records(&unpacked) {
        let record = record?;
        let keep = !drop_all && (is_control || rules.keeps(&record, map, is_past_horizon));
        if keep {
            has_tombstones |= record.value.is_none();
            kept.push(record);
        }
        all &= keep;
    }
    let records = kept.len() as u64;
    let outcome = |bytes| Ok(Outcome { bytes, aborted, records });
    if kept.is_empty() && !keep_header {
        return outcome(None);
    }
    let set_horizon = (has_tombstones || (is_control && unneeded)) && horizon.is_none() && !kept.is_empty();
    if all && !set_horizon {
        return outcome(Some(Cow::Borrowed(batch.bytes())));
    }
    let mut builder = BatchBuilder::like(header)?;
    if set_horizon {
        builder = builder.delete_horizon(rules.now_ms.saturating_add(rules.delete_retention_ms));
    }
    for record in kept {
        let headers: Vec<_> = record.headers.iter().collect();
        builder.append(NewRecord {
            offset_delta: record.offset_delta,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: &headers,
        })?;
    }
    outcome(Some(Cow::Owned(builder.build()?)))
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

    fn keeps(&self, record: &Record<'_>, map: &OffsetMap, is_past_horizon: bool) -> bool {
        if record.offset >= self.mapped_to {
            return true;
        }
        // Without a key it cannot be: the leader refuses it.
        let Some(key) = record.key else { return false };
        let is_newest = map.get(key).is_none_or(|newest| record.offset >= newest);
        is_newest && (record.value.is_some() || !is_past_horizon)
    }
}
