//! A batch on the producer's side: records that wait, and the bytes they become.

use bytes::Bytes;
use protocol::compression::Compression;
use protocol::records::{BatchBuilder, Header as WireHeader, NewRecord};
use protocol::{Offset, ProducerEpoch, ProducerId, TopicPartition};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::{ProducerRecord, RecordMetadata};
use crate::{Error, Header, Result};

/// A batch's header, and what a record adds beyond its fields at most: five lengths, two deltas, attributes.
const BATCH_OVERHEAD_BYTES: usize = 61;
const RECORD_OVERHEAD_BYTES: usize = 1 + 5 * 5 + 10;
const HEADER_OVERHEAD_BYTES: usize = 2 * 5;

/// The most that a batch with only this record takes, not packed.
pub(super) fn size_bound(record: &ProducerRecord) -> usize {
    let len = |field: &Option<Bytes>| field.as_ref().map_or(0, Bytes::len);
    let headers =
        record.headers.iter().map(|h| h.key.len() + len(&h.value) + HEADER_OVERHEAD_BYTES).sum::<usize>();
    BATCH_OVERHEAD_BYTES + RECORD_OVERHEAD_BYTES + len(&record.key) + len(&record.value) + headers
}

/// A record that waits for its outcome. It holds its share of the buffer until then.
#[derive(Debug)]
pub(super) struct PendingRecord {
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<Header>,
    pub(super) timestamp: i64,
    pub(super) bytes: usize,
    pub(super) done: oneshot::Sender<Result<RecordMetadata>>,
    pub(super) _room: OwnedSemaphorePermit,
}

/// The identity under which a batch is sent, the same at every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) producer_id: ProducerId,
    pub(super) producer_epoch: ProducerEpoch,
    pub(super) base_sequence: i32,
}

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) records: Vec<PendingRecord>,
    pub(super) bytes: usize,
    pub(super) created: Instant,
    /// No more records, and no more waiting for them.
    pub(super) sealed: bool,
    pub(super) stamp: Option<Stamp>,
    encoded: Option<Bytes>,
    /// Failed attempts.
    pub(super) attempts: u32,
    pub(super) retry_at: Option<Instant>,
    /// Whether an attempt may have been appended without our knowing.
    pub(super) ambiguous: bool,
    pub(super) last_error: Option<Error>,
    /// Whoever flushes: told by being dropped.
    pub(super) waiters: Vec<oneshot::Sender<()>>,
}

impl Batch {
    pub(super) const fn new(created: Instant) -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            created,
            sealed: false,
            stamp: None,
            encoded: None,
            attempts: 0,
            retry_at: None,
            ambiguous: false,
            last_error: None,
            waiters: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, record: PendingRecord) {
        self.bytes += record.bytes;
        self.records.push(record);
    }

    /// The bytes to send, made once.
    pub(super) fn encode(&mut self, partition: &TopicPartition, compression: Compression) -> Result<Bytes> {
        if let Some(encoded) = &self.encoded {
            return Ok(encoded.clone());
        }
        let cannot = |error: protocol::records::Error| Error::Pack {
            partition: partition.clone(),
            reason: error.to_string().into(),
        };
        let mut builder = BatchBuilder::new(Offset::ZERO).compression(compression);
        if let Some(stamp) = self.stamp {
            builder = builder.producer(stamp.producer_id, stamp.producer_epoch, stamp.base_sequence);
        }
        for record in &self.records {
            let headers: Vec<_> =
                record.headers.iter().map(|h| WireHeader::new(&h.key, h.value.as_deref())).collect();
            builder
                .append_next(NewRecord {
                    timestamp: record.timestamp,
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    headers: &headers,
                    ..Default::default()
                })
                .map_err(cannot)?;
        }
        let encoded = Bytes::from(builder.build().map_err(cannot)?);
        self.encoded = Some(encoded.clone());
        Ok(encoded)
    }

    /// Forgets the identity, so that the next attempt gets a new one.
    pub(super) fn restamp(&mut self) {
        self.stamp = None;
        self.encoded = None;
    }

    /// Two batches of half the records, in order. Flushers wait for the second.
    pub(super) fn split(mut self) -> (Self, Self) {
        let mut second = Self::new(self.created);
        for record in self.records.split_off(self.records.len() / 2) {
            second.push(record);
        }
        second.sealed = true;
        second.waiters = std::mem::take(&mut self.waiters);
        self.bytes -= second.bytes;
        self.restamp();
        (self, second)
    }

    /// The records are at `base_offset` and on.
    pub(super) fn delivered(
        self,
        partition: &TopicPartition,
        base_offset: Option<i64>,
        append_time: Option<i64>,
    ) {
        for (record, index) in self.records.into_iter().zip(0..) {
            let metadata = RecordMetadata {
                partition: partition.clone(),
                offset: base_offset.map(|base| base + index),
                timestamp: append_time.unwrap_or(record.timestamp),
            };
            // Nobody may be interested.
            let _ = record.done.send(Ok(metadata));
        }
    }

    /// None of the records is known to be there.
    pub(super) fn failed(self, error: &Error) {
        for record in self.records {
            let _ = record.done.send(Err(error.clone()));
        }
    }
}
