//! What a leader sent of one partition, unpacked batch by batch as the application takes it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use protocol::records::{Batch, ControlType, Error as RecordsError};
use protocol::{LeaderEpoch, TopicPartition};

use super::{ConsumerRecord, Isolation, Position};
use crate::{Error, Header, Result};

/// How batches are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) isolation: Isolation,
    pub(super) check_crcs: bool,
    pub(super) max_unpacked_bytes: usize,
}

/// A transaction that was aborted: none of its records from `first_offset` to its marker count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aborted {
    pub(super) producer_id: i64,
    pub(super) first_offset: i64,
}

#[derive(Debug)]
pub(super) struct Fetched {
    broker: Arc<str>,
    rules: Rules,
    rest: Bytes,
    /// Ascending by first offset; consumed as reading passes them.
    aborted: VecDeque<Aborted>,
    /// The producers whose aborted transaction is being passed.
    aborting: BTreeSet<i64>,
    /// Records of the current batch, and the position after it.
    current: VecDeque<ConsumerRecord>,
    after_current: Option<Position>,
    /// Whether a batch was read already.
    seen_one: bool,
}

impl Fetched {
    pub(super) fn new(broker: Arc<str>, rules: Rules, records: Bytes, mut aborted: Vec<Aborted>) -> Self {
        aborted.sort_by_key(|a| a.first_offset);
        Self {
            broker,
            rules,
            rest: records,
            aborted: aborted.into(),
            aborting: BTreeSet::new(),
            current: VecDeque::new(),
            after_current: None,
            seen_one: false,
        }
    }

    /// Moves up to `room` records to `out` and the position behind them. True once there is nothing left.
    pub(super) fn take(
        &mut self,
        partition: &TopicPartition,
        position: &mut Position,
        room: usize,
        out: &mut Vec<ConsumerRecord>,
    ) -> Result<bool> {
        let mut room = room;
        loop {
            while room > 0
                && let Some(record) = self.current.pop_front()
            {
                *position = Position { offset: record.offset + 1, epoch: record.leader_epoch };
                out.push(record);
                room -= 1;
            }
            if !self.current.is_empty() {
                return Ok(false);
            }
            // Also past what compaction or an aborted transaction has emptied.
            if let Some(after) = self.after_current.take() {
                *position = after;
            }
            if self.rest.is_empty() {
                return Ok(true);
            }
            if room == 0 {
                return Ok(false);
            }
            let more =
                self.next_batch(partition, position.offset).map_err(|error| Error::CorruptRecords {
                    partition: partition.clone(),
                    broker: self.broker.clone(),
                    offset: position.offset,
                    reason: error.to_string().into(),
                })?;
            if !more {
                return Ok(true);
            }
        }
    }

    /// Unpacks the next batch into `current`. False at the incomplete tail of an answer.
    fn next_batch(&mut self, partition: &TopicPartition, from: i64) -> Result<bool, RecordsError> {
        let rest = self.rest.clone();
        let batch = match Batch::parse(&rest) {
            Ok(batch) => batch,
            // A leader may cut the last batch short, but never the first.
            Err(RecordsError::Truncated { .. }) if self.seen_one => {
                self.rest.clear();
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if self.rules.check_crcs {
            batch.verify_crc()?;
        }
        let header = *batch.header();
        let after = Position { offset: header.next_offset().get(), epoch: header.partition_leader_epoch };
        self.after_current = Some(Position { offset: after.offset.max(from), ..after });
        if self.counts(&batch)? && after.offset > from {
            self.unpack(partition, &batch, from, &rest)?;
        }
        self.rest = rest.slice(batch.bytes().len()..);
        self.seen_one = true;
        Ok(true)
    }

    /// Whether a batch holds records for the application.
    fn counts(&mut self, batch: &Batch<'_>) -> Result<bool, RecordsError> {
        let header = batch.header();
        let producer_id = header.producer_id.get();
        if self.rules.isolation == Isolation::ReadCommitted {
            let last = header.last_offset().get();
            while let Some(aborted) = self.aborted.front().filter(|a| a.first_offset <= last) {
                self.aborting.insert(aborted.producer_id);
                self.aborted.pop_front();
            }
        }
        if header.attributes.is_control() {
            let unpacked = batch.decompress(self.rules.max_unpacked_bytes)?;
            if let Some(marker) = batch.records(&unpacked).next().transpose()?
                && matches!(marker.control_type(), Ok(ControlType::Abort))
            {
                self.aborting.remove(&producer_id);
            }
            return Ok(false);
        }
        Ok(!(header.attributes.is_transactional() && self.aborting.contains(&producer_id)))
    }

    fn unpack(
        &mut self,
        partition: &TopicPartition,
        batch: &Batch<'_>,
        from: i64,
        frame: &Bytes,
    ) -> Result<(), RecordsError> {
        let header = batch.header();
        // Plain records are shared with the frame; packed ones with what they were unpacked to.
        let unpacked = match batch.decompress(self.rules.max_unpacked_bytes)? {
            std::borrow::Cow::Borrowed(plain) => frame.slice_ref(plain),
            std::borrow::Cow::Owned(unpacked) => Bytes::from(unpacked),
        };
        let share = |field: Option<&[u8]>| field.map(|f| unpacked.slice_ref(f));
        for record in batch.records(&unpacked) {
            let record = record?;
            if record.offset.get() < from {
                continue;
            }
            let headers = record
                .headers
                .into_iter()
                .map(|h| Header { key: h.key_text().into_owned(), value: share(h.value) })
                .collect();
            self.current.push_back(ConsumerRecord {
                partition: partition.clone(),
                offset: record.offset.get(),
                leader_epoch: LeaderEpoch(header.partition_leader_epoch.get()),
                timestamp: record.timestamp,
                timestamp_type: header.attributes.timestamp_type(),
                key: share(record.key),
                value: share(record.value),
                headers,
            });
        }
        Ok(())
    }
}
