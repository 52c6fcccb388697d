//! Entries of the raft log as record batches, and back.
//!
//! | entry | batch |
//! |---|---|
//! | blank | control batch of a `LeaderChangeMessage` |
//! | membership | control batch of a `VotersRecord`; the first of a log has a `KRaftVersionRecord` before it |
//! | normal | data batch of the proposed metadata records |
//!
//! An entry's term is its batch's leader epoch. Its index is not in the batch: entries are contiguous, so the n-th
//! batch after a known one is the n-th entry after it.

pub(crate) mod control;

use std::collections::BTreeSet;

use bytes::Bytes;
use openraft::entry::EntryPayload;
use protocol::records::{Batch, BatchBuilder, BatchMut, ControlType, NewRecord};
use protocol::{LeaderEpoch, Offset};

use crate::error::{Damage, Error};
use crate::state_machine::CommittedBatch;
use crate::types::{Entry, NodeId, Proposal, broker_id, epoch_of, log_id};
use control::Control;

/// The largest batch of a metadata log, as Kafka's controllers have it.
pub(crate) const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Builds a data batch of framed metadata records, all of one time.
pub(crate) struct DataBatch {
    builder: BatchBuilder,
    timestamp_ms: i64,
}

impl DataBatch {
    pub(crate) fn new(base_offset: Offset, epoch: LeaderEpoch, timestamp_ms: i64) -> Self {
        Self { builder: BatchBuilder::new(base_offset).partition_leader_epoch(epoch), timestamp_ms }
    }

    fn record<'a>(&self, framed: &'a Bytes) -> NewRecord<'a> {
        NewRecord { timestamp: self.timestamp_ms, value: Some(framed), ..NewRecord::default() }
    }

    pub(crate) const fn len(&self) -> i32 {
        self.builder.record_count()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of the batch with one more record.
    pub(crate) fn size_with(&self, framed: &Bytes) -> usize {
        self.builder.size_with_bytes(&self.record(framed))
    }

    pub(crate) fn push(&mut self, framed: &Bytes) -> Result<(), Error> {
        let found_bytes = self.size_with(framed);
        if found_bytes > MAX_BATCH_BYTES {
            return Err(Error::TooLarge { found_bytes, max_bytes: MAX_BATCH_BYTES });
        }
        Ok(self.builder.append_next(self.record(framed))?)
    }

    pub(crate) fn build(self) -> Result<Vec<u8>, Error> {
        Ok(self.builder.build()?)
    }
}

/// The batch of a proposal, whose offset and epoch the log will stamp.
pub(crate) fn proposal(records: &[Bytes], now_ms: i64) -> Result<Proposal, Error> {
    if records.is_empty() {
        return Err(Error::Empty);
    }
    let mut batch = DataBatch::new(Offset::ZERO, LeaderEpoch::UNKNOWN, now_ms);
    records.iter().try_for_each(|record| batch.push(record))?;
    Ok(Proposal { batch: batch.build()?.into() })
}

/// A control batch, stamped.
pub(crate) fn control_batch(
    controls: &[Control],
    base_offset: Offset,
    epoch: LeaderEpoch,
    now_ms: i64,
) -> Result<Vec<u8>, Error> {
    let mut builder = BatchBuilder::new(base_offset).partition_leader_epoch(epoch);
    for control in controls {
        builder.append_control(control.kind, now_ms, &control.value)?;
    }
    Ok(builder.build()?)
}

/// What an entry's batch holds besides the entry.
pub(crate) struct Context<'a> {
    /// The offset of its first record.
    pub(crate) base_offset: i64,
    /// The leader of its term.
    pub(crate) leader: NodeId,
    /// The voters as of the entry before it.
    pub(crate) voters: &'a BTreeSet<NodeId>,
    /// When it is appended.
    pub(crate) now_ms: i64,
}

/// The batch of an entry.
pub(crate) fn encode(entry: &Entry, context: &Context<'_>) -> Result<Vec<u8>, Error> {
    let (base_offset, epoch) = (Offset(context.base_offset), epoch_of(entry.log_id.leader_id.term));
    let controls = match &entry.payload {
        EntryPayload::Normal(proposal) => {
            let mut batch = proposal.batch.to_vec();
            let mut stamp = BatchMut::parse(&mut batch)?;
            stamp.set_base_offset(base_offset)?;
            stamp.set_partition_leader_epoch(epoch);
            return Ok(batch);
        }
        EntryPayload::Blank => vec![control::leader_change(broker_id(context.leader).get(), context.voters)?],
        EntryPayload::Membership(membership) if entry.log_id.index == 0 => {
            vec![control::kraft_version()?, control::voters(membership, None)?]
        }
        EntryPayload::Membership(membership) => vec![control::voters(membership, None)?],
    };
    control_batch(&controls, base_offset, epoch, context.now_ms)
}

/// The entry of a batch that stands at `index`. The batch's crc is checked, its records only where they are control
/// records.
pub(crate) fn decode(index: u64, bytes: Bytes) -> Result<Entry, Damage> {
    let batch = Batch::parse(&bytes)?;
    batch.verify_crc()?;
    let header = *batch.header();
    let payload = if header.attributes.is_control() {
        control_payload(&batch)?
    } else {
        EntryPayload::Normal(Proposal { batch: bytes.clone() })
    };
    let mut entry = Entry::new(log_id(header.partition_leader_epoch.get(), index), payload);
    entry.offsets = Some((header.base_offset.get(), header.last_offset().get()));
    entry.size_bytes = bytes.len() as u64;
    Ok(entry)
}

fn control_payload(batch: &Batch<'_>) -> Result<EntryPayload<crate::types::TypeConfig>, Damage> {
    let unknown = Damage::Control { base_offset: batch.header().base_offset.get() };
    let mut known = false;
    for (kind, value) in control_records(batch)? {
        match kind {
            ControlType::KRaftVoters => {
                return Ok(EntryPayload::Membership(control::read_voters(&value)?.0));
            }
            ControlType::LeaderChange | ControlType::KRaftVersion => known = true,
            _ => {}
        }
    }
    if known { Ok(EntryPayload::Blank) } else { Err(unknown) }
}

/// The voters that a batch names: those of a membership, or those that a new leader repeats, which is all there is in a
/// log whose voters are configured (`kraft.version` 0).
pub(crate) fn named_voters(batch: &Batch<'_>) -> Result<Option<BTreeSet<NodeId>>, Damage> {
    let mut named = None;
    for (kind, value) in control_records(batch)? {
        match kind {
            ControlType::KRaftVoters => {
                return Ok(Some(control::read_voters(&value)?.0.voter_ids().collect()));
            }
            ControlType::LeaderChange => named = Some(control::read_leader_change(&value)?),
            _ => {}
        }
    }
    Ok(named)
}

/// The records of a control batch: their types and values.
pub(crate) fn control_records(batch: &Batch<'_>) -> Result<Vec<(ControlType, Vec<u8>)>, Damage> {
    let records = batch.decompress(MAX_BATCH_BYTES)?;
    batch
        .records(&records)
        .map(|record| {
            let record = record?;
            Ok((record.control_type()?, record.value.unwrap_or_default().to_vec()))
        })
        .collect()
}

/// The values of the records of a data batch, sharing its bytes.
pub(crate) fn values(bytes: &Bytes, batch: &Batch<'_>) -> Result<Vec<Bytes>, Damage> {
    let records = Bytes::from(match batch.decompress(MAX_BATCH_BYTES)? {
        std::borrow::Cow::Borrowed(plain) => return read_values(batch, plain, |v| bytes.slice_ref(v)),
        std::borrow::Cow::Owned(unpacked) => unpacked,
    });
    read_values(batch, &records, |v| records.slice_ref(v))
}

fn read_values(
    batch: &Batch<'_>,
    records: &[u8],
    share: impl Fn(&[u8]) -> Bytes,
) -> Result<Vec<Bytes>, Damage> {
    batch.records(records).map(|record| Ok(share(record?.value.unwrap_or_default()))).collect()
}

/// A data batch of the log as the state machine gets it.
pub(crate) fn committed(proposal: &Proposal) -> Result<CommittedBatch, Damage> {
    let batch = Batch::parse(&proposal.batch)?;
    let header = batch.header();
    Ok(CommittedBatch {
        base_offset: header.base_offset,
        epoch: header.partition_leader_epoch,
        append_time_ms: header.max_timestamp,
        records: values(&proposal.batch, &batch)?,
    })
}
