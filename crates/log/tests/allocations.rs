//! Appending and fetching a batch allocates nothing that grows with its records: a test binary of its own, since its
//! allocator counts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use allocation_counter::{AllocationInfo, measure};
use log::disk::OsDisk;
use log::{Log, LogConfig, Origin, Recovery};
use protocol::compression::Codec;
use protocol::records::{BatchBuilder, NewRecord};
use protocol::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition};
use stdx::Now;

const NOW: Now = Now::at_ms(1_000_000);
const EPOCH: LeaderEpoch = LeaderEpoch(1);

fn batch(records: usize, codec: Codec, producer: Option<i32>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Offset::ZERO);
    for number in 0..records {
        let (key, value) = (number.to_string(), format!("the value of {number}"));
        let record = NewRecord {
            timestamp: NOW.unix_ms,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            ..NewRecord::default()
        };
        builder.append_next(record).unwrap();
    }
    if let Some(sequence) = producer {
        builder = builder.producer(ProducerId(7), ProducerEpoch(0), sequence);
    }
    builder.compression(codec).build().unwrap()
}

/// How much the records of a batch unpack to.
fn records_bytes(records: usize) -> usize {
    batch(records, Codec::None, None).len()
}

/// What appending a batch of so many records allocates, and reading it.
fn costs(records: usize, codec: Codec, idempotent: bool) -> (AllocationInfo, AllocationInfo) {
    let dir = tempfile::tempdir().unwrap();
    // An index entry for each batch, so that both sizes have one.
    let config = LogConfig { index_interval_bytes: 0, ..LogConfig::default() };
    let (mut log, _) = Log::open(
        OsDisk::shared(),
        &dir.path().join("t-0"),
        TopicPartition::new("t", 0),
        config,
        Recovery::default(),
        NOW,
    )
    .unwrap();
    let sequence = |sequence| idempotent.then_some(sequence);
    // Whatever is made once, and the producer is known.
    for at in 0..3 {
        let mut batch = batch(1, codec, sequence(at));
        log.append_as_leader(&mut batch, EPOCH, NOW, Origin::Client).unwrap();
    }
    let mut batch = batch(records, codec, sequence(3));
    let append = measure(|| {
        log.append_as_leader(&mut batch, EPOCH, NOW, Origin::Client).unwrap();
    });
    let end = log.log_end_offset();
    assert_eq!(end, Offset(3 + records as i64));
    let read = measure(|| {
        let read = log.read(Offset(3), 1 << 20, true, end).unwrap();
        assert_eq!((read.first_offset, read.next_offset), (Offset(3), end));
    });
    (append, read)
}

#[test]
fn a_batch_costs_the_same_however_many_records_it_has() {
    for codec in [Codec::None, Codec::Lz4] {
        for idempotent in [false, true] {
            let ((append_one, read_one), (append, read)) =
                (costs(1, codec, idempotent), costs(10_000, codec, idempotent));
            let case = format!("{codec:?}, idempotent: {idempotent}");
            assert_eq!(read.count_total, read_one.count_total, "read, {case}");
            // The walk's buffer, no longer than the file.
            assert!(read.bytes_total < 8 << 10, "{read:?}, {case}");
            if codec == Codec::None {
                assert_eq!(append.count_total, append_one.count_total, "append, {case}");
                assert_eq!(append.bytes_total, append_one.bytes_total, "append, {case}");
            } else {
                // To look at the records they are unpacked, into one buffer whose size doubles as it fills.
                let doublings = u64::from(records_bytes(10_000).ilog2());
                assert!(
                    append.count_total <= append_one.count_total + doublings,
                    "append, {case}: {append:?}"
                );
            }
            assert!(append.count_total < 20 && read.count_total < 20, "{append:?} {read:?}");
        }
    }
}
