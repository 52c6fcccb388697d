//! What a leader checks on batches before it appends them, and how it stamps them. Pure: bytes in, bytes out.
//!
//! On the plain path (records as the topic wants them) the batch stays where it is: offset and epoch are patched
//! into the header, which the crc does not cover, and nothing is copied. Only a changed timestamp costs a new crc. A batch is built
//! anew when `compression.type` wants another codec, or when the offsets inside are not 0, 1, 2 …, which Kafka
//! mends for compressed batches and we for all. As in Kafka, a compressed batch is unpacked in every case, because keys,
//! timestamps and counts can be checked in no other way.
//!
//! Not here: what needs memory of earlier batches (sequences, epochs): see [`crate::producer`].

use protocol::compression::{Codec, Compression};
use protocol::records::{self, Batch, BatchBuilder, BatchHeader, BatchMut, Header, NewRecord, TimestampType};
use protocol::{LeaderEpoch, Offset};

use crate::config::LogConfig;
pub use crate::refusal::{RecordError, RecordProblem, Refusal};

/// Who appends, which says how much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A produce request: everything is checked.
    Client,
    /// A group, transaction or share coordinator of this broker: no sequences; control batches are fine.
    Coordinator,
    /// The leader of the metadata quorum: the records are not looked at.
    RaftLeader,
    /// Batches that a leader or this log accepted before: nothing is refused.
    Replication,
}

/// Most records that a refusal lists.
const MAX_RECORD_ERRORS: usize = 1000;

/// What to check against.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The topic's configuration.
    pub config: &'a LogConfig,
    /// The epoch of this leader.
    pub leader_epoch: LeaderEpoch,
    /// Who appends.
    pub origin: Origin,
    /// The append time.
    pub now_ms: i64,
}

/// Batches that may be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validated {
    /// The batch that was built anew; `None`: append the first [`Validated::size_bytes`] of what was given.
    pub rebuilt: Option<Vec<u8>>,
    /// How much to append.
    pub size_bytes: usize,
    /// The offset of the last record.
    pub last_offset: Offset,
    /// The greatest timestamp.
    pub max_timestamp: i64,
    /// The append time, where the topic's timestamps are of that kind.
    pub log_append_time: Option<i64>,
}

/// Checks whole batches and stamps them with offsets from `first_offset` on and with the leader's epoch. An
/// incomplete batch at the end is ignored, as Kafka does.
///
/// After an error the bytes may be stamped partly: they must not be appended.
pub fn validate(records: &mut [u8], first_offset: Offset, rules: Rules<'_>) -> Result<Validated, Refusal> {
    let size_bytes = check_batches(records, rules)?;
    let mut validated = Validated {
        rebuilt: None,
        size_bytes,
        last_offset: first_offset,
        max_timestamp: -1,
        log_append_time: None,
    };
    let append_time = rules.config.message_timestamp_type == TimestampType::LogAppendTime;
    if append_time && rules.origin != Origin::RaftLeader {
        validated.log_append_time = Some(rules.now_ms);
    }
    let (mut at, mut next_offset) = (0, first_offset);
    while at < size_bytes {
        let batch = Batch::parse(&records[at..]).map_err(Refusal::Batch)?;
        let header = *batch.header();
        let max_timestamp = if rules.origin == Origin::RaftLeader {
            header.max_timestamp
        } else {
            match check_records(&batch, next_offset, rules)? {
                Checked::AsItIs { max_timestamp } => stamped_time(max_timestamp, rules),
                Checked::Rebuilt { max_timestamp, bytes } => {
                    check_size(bytes.len(), rules)?;
                    if validated.rebuilt.is_none() && at > 0 {
                        validated.rebuilt = Some(records[..at].to_vec());
                    }
                    validated.rebuilt.get_or_insert_default().extend_from_slice(&bytes);
                    validated.max_timestamp = validated.max_timestamp.max(max_timestamp);
                    next_offset += i64::from(header.record_count);
                    at += header.size_bytes();
                    continue;
                }
            }
        };
        let stamped = &mut records[at..at + header.size_bytes()];
        stamp(stamped, next_offset, max_timestamp, rules)?;
        if let Some(rebuilt) = &mut validated.rebuilt {
            rebuilt.extend_from_slice(stamped);
        }
        validated.max_timestamp = validated.max_timestamp.max(max_timestamp);
        next_offset += i64::from(header.last_offset_delta) + 1;
        at += header.size_bytes();
    }
    if let Some(rebuilt) = &validated.rebuilt {
        validated.size_bytes = rebuilt.len();
    }
    validated.last_offset = Offset(next_offset.get() - 1);
    Ok(validated)
}

/// Checks that need the headers and the crc only. Returns how many bytes are whole batches.
fn check_batches(records: &[u8], rules: Rules<'_>) -> Result<usize, Refusal> {
    let mut walk = records::batches(records);
    let mut count = 0;
    for batch in walk.by_ref() {
        let batch = batch.map_err(Refusal::Batch)?;
        count += 1;
        let header = batch.header();
        if rules.origin == Origin::Client {
            if count > 1 {
                return Err(Refusal::MoreThanOneBatch);
            }
            check_client_header(header)?;
        }
        let found = header.partition_leader_epoch;
        if rules.origin == Origin::RaftLeader && found != LeaderEpoch::UNKNOWN && found != rules.leader_epoch
        {
            return Err(Refusal::LeaderEpoch { found, expected: rules.leader_epoch });
        }
        if i64::from(header.last_offset_delta) + 1 != i64::from(header.record_count) {
            let (last_offset_delta, record_count) = (header.last_offset_delta, header.record_count);
            return Err(Refusal::Count { last_offset_delta, record_count });
        }
        check_size(header.size_bytes(), rules)?;
        batch.verify_crc().map_err(Refusal::Batch)?;
    }
    if count == 0 {
        return Err(Refusal::NoBatch);
    }
    Ok(records.len() - walk.rest().len())
}

fn check_client_header(header: &BatchHeader) -> Result<(), Refusal> {
    if header.base_offset != Offset::ZERO {
        return Err(Refusal::BaseOffset(header.base_offset));
    }
    if header.attributes.is_control() {
        return Err(Refusal::ControlBatch);
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        let (producer_id, base_sequence) = (header.producer_id, header.base_sequence);
        return Err(Refusal::Sequence { producer_id, base_sequence });
    }
    Ok(())
}

fn check_size(size_bytes: usize, rules: Rules<'_>) -> Result<(), Refusal> {
    let max_bytes = rules.config.max_message_bytes;
    if size_bytes > max_bytes as usize {
        return Err(Refusal::TooLarge { size_bytes, max_bytes });
    }
    Ok(())
}

enum Checked {
    AsItIs { max_timestamp: i64 },
    Rebuilt { max_timestamp: i64, bytes: Vec<u8> },
}

/// Looks at every record of a batch, and builds the batch anew if it cannot stay as it is: in another codec, with gaps
/// between offsets, or compressed in a way that not all clients can read.
fn check_records(batch: &Batch<'_>, first_offset: Offset, rules: Rules<'_>) -> Result<Checked, Refusal> {
    let header = batch.header();
    let source = header.attributes.codec().map_err(Refusal::Batch)?;
    let unpacked = batch.decompress(rules.config.max_decompressed_bytes).map_err(|error| match error {
        records::Error::Compression(error) => Refusal::Compression(error),
        error => Refusal::Batch(error),
    })?;
    let mut errors = Vec::new();
    let mut max_timestamp = -1;
    let mut consecutive = true;
    for (index, record) in (0..).zip(batch.records(&unpacked)) {
        let record = record.map_err(Refusal::Content)?;
        consecutive &= record.offset_delta == index;
        max_timestamp = max_timestamp.max(record.timestamp);
        let problem = if rules.config.compact && record.key.is_none() {
            Some(RecordProblem::NoKey)
        } else {
            check_timestamp(record.timestamp, header.attributes.timestamp_type(), rules)
        };
        if let Some(problem) = problem {
            errors.push(RecordError { index, problem });
            if errors.len() == MAX_RECORD_ERRORS {
                break;
            }
        }
    }
    if !errors.is_empty() {
        return Err(Refusal::Records(errors));
    }
    let target = rules.config.compression.unwrap_or_else(|| source.into());
    // Kafka does not compress control records that were written plain.
    let as_it_is = target.codec() == source || header.attributes.is_control() && source == Codec::None;
    if as_it_is && consecutive && source.is_portable(batch.payload()) {
        return Ok(Checked::AsItIs { max_timestamp });
    }
    let bytes = rebuild(batch, &unpacked, first_offset, target, rules)?;
    Ok(Checked::Rebuilt { max_timestamp: stamped_time(max_timestamp, rules), bytes })
}

fn check_timestamp(timestamp: i64, of_batch: TimestampType, rules: Rules<'_>) -> Option<RecordProblem> {
    let config = rules.config;
    if config.message_timestamp_type == TimestampType::CreateTime && timestamp != -1 {
        let age_ms = i128::from(rules.now_ms) - i128::from(timestamp);
        let good = age_ms <= i128::from(config.message_timestamp_before_max_ms)
            && -age_ms <= i128::from(config.message_timestamp_after_max_ms);
        return (!good).then_some(RecordProblem::Timestamp);
    }
    (of_batch == TimestampType::LogAppendTime).then_some(RecordProblem::TimestampType)
}

const fn stamped_time(max_timestamp: i64, rules: Rules<'_>) -> i64 {
    match rules.config.message_timestamp_type {
        TimestampType::CreateTime => max_timestamp,
        TimestampType::LogAppendTime => rules.now_ms,
    }
}

fn rebuild(
    batch: &Batch<'_>,
    unpacked: &[u8],
    first_offset: Offset,
    target: Compression,
    rules: Rules<'_>,
) -> Result<Vec<u8>, Refusal> {
    let header = batch.header();
    let mut builder = BatchBuilder::new(first_offset)
        .compression(target)
        .producer(header.producer_id, header.producer_epoch, header.base_sequence)
        .transactional(header.attributes.is_transactional())
        .control(header.attributes.is_control())
        .partition_leader_epoch(rules.leader_epoch);
    if rules.config.message_timestamp_type == TimestampType::LogAppendTime {
        builder = builder.log_append_time(rules.now_ms);
    }
    for record in batch.records(unpacked) {
        let record = record.map_err(Refusal::Content)?;
        let headers: Vec<Header<'_>> = record.headers.iter().collect();
        let record = NewRecord {
            offset_delta: 0,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: &headers,
        };
        builder.append_next(record).map_err(Refusal::Content)?;
    }
    builder.build().map_err(Refusal::Content)
}

/// Writes offset, epoch and time into a batch.
fn stamp(bytes: &mut [u8], offset: Offset, max_timestamp: i64, rules: Rules<'_>) -> Result<(), Refusal> {
    let mut batch = BatchMut::parse(bytes).map_err(Refusal::Batch)?;
    batch.set_base_offset(offset).map_err(|_| Refusal::OffsetsExhausted)?;
    batch.set_partition_leader_epoch(rules.leader_epoch);
    if rules.origin != Origin::RaftLeader {
        let kind = rules.config.message_timestamp_type;
        batch.set_max_timestamp(kind, max_timestamp);
    }
    Ok(())
}
