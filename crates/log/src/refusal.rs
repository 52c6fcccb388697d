//! Why batches are refused, and which Kafka error code says so.

use protocol::compression;
use protocol::records;
use protocol::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// Why batches are refused. Each names the Kafka error code that the broker answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No whole batch at all. `INVALID_RECORD`.
    #[error("no record batch")]
    NoBatch,
    /// A client sent several batches for one partition. `INVALID_RECORD`.
    #[error("more than one record batch")]
    MoreThanOneBatch,
    /// A header or crc that is wrong. `CORRUPT_MESSAGE`; but `INVALID_RECORD` for magic 0 and 1, and
    /// `UNSUPPORTED_COMPRESSION_TYPE` for an unknown codec.
    #[error(transparent)]
    Batch(records::Error),
    /// Records inside that cannot be read, or are not as many as the header says. `INVALID_RECORD`.
    #[error("invalid records: {0}")]
    Content(records::Error),
    /// Compressed bytes that cannot be unpacked. `CORRUPT_MESSAGE`, or `MESSAGE_TOO_LARGE` where they
    /// unpack to more than we allow.
    #[error("cannot unpack records: {0}")]
    Compression(compression::Error),
    /// A batch greater than `max.message.bytes`. `MESSAGE_TOO_LARGE`.
    #[error("batch of {size_bytes} bytes is greater than max.message.bytes={max_bytes}")]
    TooLarge {
        /// The batch's size, after compression where we compressed.
        size_bytes: usize,
        /// The limit.
        max_bytes: u32,
    },
    /// Batches greater than a segment may be. `RECORD_LIST_TOO_LARGE`.
    #[error("batches of {size_bytes} bytes are greater than segment.bytes={max_bytes}")]
    LargerThanSegment {
        /// The size of all batches.
        size_bytes: usize,
        /// The limit.
        max_bytes: u32,
    },
    /// A client's batch does not start at offset 0. `INVALID_RECORD`.
    #[error("base offset is {0}, expected 0")]
    BaseOffset(Offset),
    /// The offsets do not match the number of records, or there are none. `INVALID_RECORD`.
    #[error("last offset delta {last_offset_delta} does not match a count of {record_count} records")]
    Count {
        /// From the header.
        last_offset_delta: i32,
        /// From the header.
        record_count: i32,
    },
    /// A client wrote control records. `INVALID_RECORD`.
    #[error("clients may not write control records")]
    ControlBatch,
    /// An idempotent producer sent no sequence. `INVALID_RECORD`.
    #[error("producer {producer_id} sent sequence {base_sequence}, expected 0 or greater")]
    Sequence {
        /// The producer.
        producer_id: ProducerId,
        /// What it sent.
        base_sequence: i32,
    },
    /// A batch that carries another epoch than the leader's. `INVALID_RECORD`.
    #[error("batch is of leader epoch {found}, expected {expected}")]
    LeaderEpoch {
        /// What the batch carries.
        found: LeaderEpoch,
        /// The leader's.
        expected: LeaderEpoch,
    },
    /// Single records that are refused, and with them the batch. `INVALID_TIMESTAMP` if any of them is for its
    /// timestamp, else `INVALID_RECORD`; from version 8 of Produce the list goes into `record_errors` (KIP-467).
    #[error("{} records are refused, the first of them: {}", .0.len(), .0.first().map_or("", |first| first.problem.text()))]
    Records(Vec<RecordError>),
    /// The last offset would not fit into 64 bits. `INVALID_RECORD`.
    #[error("the partition has no offsets left")]
    OffsetsExhausted,
    /// Not the sequence that comes next. `OUT_OF_ORDER_SEQUENCE_NUMBER`.
    #[error(
        "producer {producer_id} sent sequence {found} in epoch {epoch}, last was {last} in epoch {last_epoch}"
    )]
    OutOfOrderSequence {
        /// The producer.
        producer_id: ProducerId,
        /// The epoch that it sent.
        epoch: ProducerEpoch,
        /// The first sequence that it sent.
        found: i32,
        /// The epoch of its last batch.
        last_epoch: ProducerEpoch,
        /// The last sequence of its last batch, or -1.
        last: i32,
    },
    /// A producer that has been fenced. `INVALID_PRODUCER_EPOCH`.
    #[error("producer {producer_id} has epoch {found}, the partition has seen {last}")]
    ProducerEpoch {
        /// The producer.
        producer_id: ProducerId,
        /// The epoch that it sent.
        found: ProducerEpoch,
        /// The greatest epoch seen.
        last: ProducerEpoch,
    },
    /// A plain batch within the producer's transaction. `INVALID_TXN_STATE`.
    #[error("producer {0} sent a batch outside of its open transaction")]
    NotInTransaction(ProducerId),
    /// The partition was not made sure to belong to the producer's transaction, or that ended meanwhile (KIP-890).
    /// `INVALID_TXN_STATE`.
    #[error("producer {0} sent a batch of a transaction that the partition does not belong to")]
    NotVerified(ProducerId),
    /// A marker of a transaction coordinator that has been replaced. `TRANSACTION_COORDINATOR_FENCED`.
    #[error(
        "marker for producer {producer_id} is of coordinator epoch {found}, the partition has seen {last}"
    )]
    CoordinatorEpoch {
        /// The producer whose transaction ends.
        producer_id: ProducerId,
        /// The marker's.
        found: i32,
        /// The greatest seen.
        last: i32,
    },
}

/// A record that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Which of the batch, from 0.
    pub index: i32,
    /// Why.
    pub problem: RecordProblem,
}

/// Why a record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordProblem {
    /// Compacted topics need keys. `INVALID_RECORD`.
    NoKey,
    /// Outside `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`. `INVALID_TIMESTAMP`.
    Timestamp,
    /// The producer said that the timestamps are of append time. `INVALID_TIMESTAMP`.
    TimestampType,
}

impl RecordProblem {
    /// For people: what `record_errors` carries.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoKey => "a compacted topic does not accept a record without a key",
            Self::Timestamp => "the timestamp is out of the range that the topic accepts",
            Self::TimestampType => "a producer may not set the timestamp type to LogAppendTime",
        }
    }
}
