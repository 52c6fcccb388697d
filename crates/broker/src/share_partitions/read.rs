//! What is read of a log for members of a share group: batches in memory, since their bounds decide who gets what.

use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use coordinator::share_partition::{
    AbortedTransaction, BatchKind, FetchedBatch, OffsetRange, aborted_batches,
};
use protocol::records::{Records, Segment, batches};
use protocol::{ErrorCode, Offset};

use crate::partition::Read;

/// What the marker of a transaction may unpack to.
const MAX_MARKER_BYTES: usize = 1 << 10;

/// Record batches of a partition.
#[derive(Default)]
pub(crate) struct Fetched {
    bytes: Bytes,
    /// Where each batch is in the bytes, and its offsets.
    batches: Vec<(std::ops::Range<usize>, OffsetRange)>,
    /// The offsets of the batches alone.
    pub(crate) offsets: Vec<OffsetRange>,
    /// Those that belong to aborted transactions.
    pub(crate) aborted: Vec<OffsetRange>,
}

impl Fetched {
    /// Loads what was found, on a thread that may wait for the disk.
    pub(crate) fn load(read: &Read) -> Result<Self, ErrorCode> {
        let mut bytes = Vec::new();
        if let Records::Segments(segments) = &read.records {
            for segment in segments {
                match segment {
                    Segment::Bytes(part) => bytes.extend_from_slice(part),
                    Segment::File(range) => {
                        let from = bytes.len();
                        let len = usize::try_from(range.len).map_err(|_| ErrorCode::KafkaStorageError)?;
                        bytes.resize(from + len, 0);
                        let part = bytes.get_mut(from..).unwrap_or_default();
                        let read = range.file.read_exact_at(part, range.offset);
                        read.map_err(|_| ErrorCode::KafkaStorageError)?;
                    }
                }
            }
        }
        let mut fetched = Self { bytes: bytes.into(), ..Self::default() };
        let all = fetched.parse()?;
        if let Some(aborted) = &read.aborted {
            let transaction = |(producer_id, first_offset): &(_, _)| AbortedTransaction {
                producer_id: *producer_id,
                first_offset: *first_offset,
            };
            let transactions: Vec<AbortedTransaction> = aborted.iter().map(transaction).collect();
            fetched.aborted = aborted_batches(&all, &transactions);
        }
        Ok(fetched)
    }

    fn parse(&mut self) -> Result<Vec<FetchedBatch>, ErrorCode> {
        let mut all = Vec::new();
        let mut at = 0;
        let bytes = self.bytes.clone();
        for batch in batches(&bytes) {
            let batch = batch.map_err(|_| ErrorCode::CorruptMessage)?;
            let header = batch.header();
            let offsets = OffsetRange { first_offset: header.base_offset, last_offset: header.last_offset() };
            let kind = if header.attributes.is_control() {
                let unpacked = batch.decompress(MAX_MARKER_BYTES).map_err(|_| ErrorCode::CorruptMessage)?;
                let marker =
                    batch.records(&unpacked).find_map(|record| record.ok()?.end_txn_marker().ok()?);
                BatchKind::Marker { aborts: marker.is_some_and(|marker| !marker.committed) }
            } else if header.attributes.is_transactional() {
                BatchKind::Transactional
            } else {
                BatchKind::Plain
            };
            all.push(FetchedBatch { offsets, producer_id: header.producer_id, kind });
            self.batches.push((at..at + header.size_bytes(), offsets));
            self.offsets.push(offsets);
            at += header.size_bytes();
        }
        Ok(all)
    }

    /// How many bytes there are.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The batches from the one with the first offset to the one with the last.
    pub(crate) fn slice(&self, first_offset: Offset, last_offset: Offset) -> Records<'static> {
        let touched = self
            .batches
            .iter()
            .filter(|(_, it)| it.last_offset >= first_offset && it.first_offset <= last_offset);
        let (mut from, mut to) = (usize::MAX, 0);
        for (range, _) in touched {
            from = from.min(range.start);
            to = to.max(range.end);
        }
        if from < to { Records::Shared(self.bytes.slice(from..to)) } else { Records::default() }
    }
}
