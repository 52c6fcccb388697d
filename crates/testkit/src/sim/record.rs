//! Records as the oracles see them: where they are, when they are from, what they are, who sent them.

use protocol::compression::Compression;
use protocol::records::{Batch, BatchBuilder, NewRecord, batches};
use protocol::{Offset, ProducerEpoch, ProducerId};

/// What a batch may unpack to.
const MAX_UNPACKED_BYTES: usize = 1 << 20;
/// How the value of a producer's record begins.
const MARK: &[u8; 2] = b"ms";

/// Who sent a record, as its value says: the number that counts up in a stream of one producer to one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) stream: u64,
    pub(crate) number: u64,
    /// The producer is idempotent: each number comes once, in order.
    pub(crate) exactly_once: bool,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rec {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    /// A hash of key and value.
    pub(crate) print: u64,
    /// A hash of the key.
    pub(crate) key: Option<u64>,
    pub(crate) is_tombstone: bool,
    pub(crate) source: Option<Source>,
    pub(crate) leader_epoch: i32,
}

/// One batch, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadBatch {
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    pub(crate) records: Vec<Rec>,
}

/// What is to be sent as one batch.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// Source, timestamp, size of the value's padding.
    pub(crate) records: Vec<(Source, i64, usize)>,
    pub(crate) compression: Compression,
    /// Id, epoch, first sequence.
    pub(crate) producer: Option<(ProducerId, ProducerEpoch, i32)>,
}

impl Content {
    /// The batch, as a producer sends it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Offset::ZERO).compression(self.compression);
        if let Some((id, epoch, sequence)) = self.producer {
            builder = builder.producer(id, epoch, sequence);
        }
        for (source, timestamp, padding) in &self.records {
            let (key, value) = (source.number.to_be_bytes(), value(*source, *padding));
            let key = (source.number % 3 != 0).then_some(&key[..]);
            let record =
                NewRecord { timestamp: *timestamp, key, value: Some(&value), ..NewRecord::default() };
            builder.append_next(record).expect("a batch of small records fits");
        }
        builder.build().expect("a batch of small records is built")
    }
}

fn value(source: Source, padding: usize) -> Vec<u8> {
    let mut value = MARK.to_vec();
    value.push(u8::from(source.exactly_once));
    value.extend(source.stream.to_be_bytes());
    value.extend(source.number.to_be_bytes());
    value.extend((0..padding).map(|at| (at as u8).wrapping_mul(source.number as u8)));
    value
}

fn source(value: &[u8]) -> Option<Source> {
    let rest = value.strip_prefix(MARK)?;
    let (exactly_once, rest) = rest.split_first()?;
    let (stream, rest) = rest.split_first_chunk()?;
    let (number, _) = rest.split_first_chunk()?;
    Some(Source {
        stream: u64::from_be_bytes(*stream),
        number: u64::from_be_bytes(*number),
        exactly_once: *exactly_once != 0,
    })
}

/// Reads whole batches, checking everything about them that can be checked.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<ReadBatch>, String> {
    let mut found = Vec::new();
    let mut walk = batches(bytes);
    for batch in walk.by_ref() {
        let batch = batch.map_err(|error| error.to_string())?;
        found.push(read_batch(&batch)?);
    }
    match walk.rest() {
        [] => Ok(found),
        rest => Err(format!("{} bytes after the last whole batch", rest.len())),
    }
}

fn read_batch(batch: &Batch<'_>) -> Result<ReadBatch, String> {
    let at = batch.header().base_offset;
    batch.verify_crc().map_err(|error| error.to_string())?;
    let unpacked = batch.decompress(MAX_UNPACKED_BYTES).map_err(|error| format!("at {at}: {error}"))?;
    let records = batch.records(&unpacked).map(|record| {
        let record = record.map_err(|error| format!("at {at}: {error}"))?;
        Ok(Rec {
            offset: record.offset.get(),
            timestamp: record.timestamp,
            print: print(record.key, record.value),
            key: record.key.map(|key| print(Some(key), None)),
            is_tombstone: record.value.is_none(),
            source: record.value.and_then(source),
            leader_epoch: batch.header().partition_leader_epoch.get(),
        })
    });
    Ok(ReadBatch {
        base_offset: at.get(),
        last_offset: batch.header().last_offset().get(),
        records: records.collect::<Result<_, String>>()?,
    })
}

/// FNV-1a.
fn print(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [key, value] {
        let length = part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes();
        for byte in length.iter().chain(part.unwrap_or_default()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}
