//! Against batches that Apache Kafka 4.3.1 built: `interop/codec-oracle/records` writes `testdata/records`.

use super::*;
use crate::compression::{Codec, Compression};
use crate::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

const TIME: i64 = 1_700_000_000_000;
const CAP_BYTES: usize = 1 << 20;

macro_rules! golden {
    ($($name:literal)*) => {
        /// A batch that Java built.
        fn java(name: &str) -> Vec<u8> {
            match name {
                $($name => include_bytes!(concat!("../../testdata/records/", $name, ".bin")).to_vec(),)*
                _ => panic!("no golden batch {name}"),
            }
        }
    };
}

golden! {
    "plain" "idempotent" "transactional" "log-append-time" "delete-horizon" "sparse" "empty"
    "gzip" "gzip-large" "snappy" "snappy-large" "lz4" "lz4-large" "lz4-high" "lz4-high-large" "zstd" "zstd-large"
    "control-commit" "control-abort" "control-leader-change" "control-snapshot-header" "control-snapshot-footer"
    "control-kraft-version" "control-kraft-voters"
}

fn base() -> BatchBuilder {
    BatchBuilder::new(Offset(1000)).partition_leader_epoch(LeaderEpoch(5))
}

fn producer(base_sequence: i32) -> BatchBuilder {
    base().producer(ProducerId(7), ProducerEpoch(2), base_sequence)
}

/// The records of most batches.
fn records(mut builder: BatchBuilder) -> BatchBuilder {
    let headers = [
        Header::new("h", Some(b"1")),
        Header::new("h", None),
        Header::new("", Some(b"")),
        Header::new("é", Some(b"x")),
        Header::new("h", Some(b"1")),
    ];
    for record in [
        NewRecord { timestamp: TIME, value: Some(b"value"), ..NewRecord::default() },
        NewRecord { timestamp: TIME + 500, key: Some(b""), ..NewRecord::default() },
        NewRecord {
            timestamp: TIME - 3,
            key: Some(b"key"),
            value: Some(b""),
            headers: &headers,
            offset_delta: 0,
        },
    ] {
        builder.append_next(record).unwrap();
    }
    builder
}

/// Records that fill more than a block of any codec.
fn large(mut builder: BatchBuilder) -> BatchBuilder {
    let value: Vec<u8> = (0..150_000).map(|i| (i / 100) as u8).collect();
    for value in [&value[..], b"after"] {
        let record =
            NewRecord { timestamp: TIME, key: Some(b"key"), value: Some(value), ..NewRecord::default() };
        builder.append_next(record).unwrap();
    }
    builder
}

/// Both the bytes that we build and the records that we read are Java's.
fn check(name: &str, ours: BatchBuilder) {
    let (java, ours) = (java(name), ours.build().unwrap());
    assert_eq!(ours, java, "{name}");
    let batch = Batch::parse(&java).unwrap();
    assert_eq!(batch.verify_crc(), Ok(()), "{name}");
    for record in batch.records(batch.payload()) {
        record.unwrap();
    }
}

#[test]
fn plain_batches_are_the_same_bytes() {
    check("plain", records(base()));
    check("idempotent", records(producer(i32::MAX - 1)));
    check("transactional", records(producer(0).transactional(true)));
    check("log-append-time", records(base().log_append_time(TIME + 9999)));
    check("delete-horizon", records(base().delete_horizon(TIME + 86_400_000)));
}

#[test]
fn batches_after_compaction_are_the_same_bytes() {
    let sparse = java("sparse");
    let mut builder = BatchBuilder::like(Batch::parse(&sparse).unwrap().header()).unwrap();
    for (offset_delta, key) in [(0, b"a"), (3, b"b"), (7, b"c")] {
        let record = NewRecord { offset_delta, timestamp: TIME, key: Some(key), ..NewRecord::default() };
        builder.append(record).unwrap();
    }
    check("sparse", builder);
    let empty = java("empty");
    check("empty", BatchBuilder::like(Batch::parse(&empty).unwrap().header()).unwrap());
}

#[test]
fn control_batches_are_the_same_bytes() {
    for (name, committed) in [("control-commit", true), ("control-abort", false)] {
        let mut builder = producer(-1);
        builder.append_end_txn_marker(TIME, EndTxnMarker { committed, coordinator_epoch: 13 }).unwrap();
        check(name, builder);
    }
    for (name, control_type, value) in [
        ("control-leader-change", ControlType::LeaderChange, &[0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0, 1, 0][..]),
        ("control-snapshot-header", ControlType::SnapshotHeader, b"\0\0\0\0\x01\x8b\xcf\xe5\x68\0\0"),
        ("control-snapshot-footer", ControlType::SnapshotFooter, &[0, 0, 0]),
        ("control-kraft-version", ControlType::KRaftVersion, &[0, 0, 0, 1, 0]),
        (
            "control-kraft-voters",
            ControlType::KRaftVoters,
            b"\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0\0",
        ),
    ] {
        let mut builder = base();
        builder.append_control(control_type, TIME, value).unwrap();
        check(name, builder);
        let bytes = java(name);
        let batch = Batch::parse(&bytes).unwrap();
        let record = batch.records(batch.payload()).next().unwrap().unwrap();
        assert_eq!(record.control_type(), Ok(control_type));
        assert_eq!(record.end_txn_marker(), Ok(None));
    }
}

#[test]
fn packed_batches_hold_the_same_records() {
    for (name, codec) in [
        ("gzip", Codec::Gzip),
        ("snappy", Codec::Snappy),
        ("lz4", Codec::Lz4),
        ("lz4-high", Codec::Lz4),
        ("zstd", Codec::Zstd),
    ] {
        for (name, fill) in [(name.to_owned(), records as fn(_) -> _), (format!("{name}-large"), large)] {
            let (java, plain) = (java(&name), fill(base()).build().unwrap());
            let (batch, plain) = (Batch::parse(&java).unwrap(), Batch::parse(&plain).unwrap());
            assert_eq!(batch.verify_crc(), Ok(()), "{name}");
            assert!(batch.decompress(CAP_BYTES).unwrap() == plain.payload(), "{name}");
            let BatchHeader { crc, batch_length, .. } = *batch.header();
            let attributes = plain.header().attributes.with_codec(codec);
            assert_eq!(
                *batch.header(),
                BatchHeader { crc, batch_length, attributes, ..*plain.header() },
                "{name}"
            );
        }
    }
}

/// lz4 leaves little freedom: the same library gives the same bytes, and so the levels mean the same.
#[test]
fn lz4_levels_are_javas() {
    let high = Compression::with_level(Codec::Lz4, 12).unwrap();
    for (name, ours) in [
        ("lz4", records(base().compression(Codec::Lz4))),
        ("lz4-large", large(base().compression(Codec::Lz4))),
        ("lz4-high", records(base().compression(high))),
        ("lz4-high-large", large(base().compression(high))),
    ] {
        assert!(ours.build().unwrap() == java(name), "{name}");
    }
}

#[test]
fn every_field_is_read() {
    let bytes = java("plain");
    let mut walk = batches(&bytes);
    let batch = walk.next().unwrap().unwrap();
    assert_eq!((walk.next(), walk.rest()), (None, &[][..]));
    let read: Vec<_> = batch.records(batch.payload()).map(Result::unwrap).collect();
    let offsets: Vec<_> = read.iter().map(|record| (record.offset, record.timestamp)).collect();
    assert_eq!(offsets, [(Offset(1000), TIME), (Offset(1001), TIME + 500), (Offset(1002), TIME - 3)]);
    let fields: Vec<_> = read.iter().map(|record| (record.key, record.value)).collect();
    assert_eq!(
        fields,
        [(None, Some(&b"value"[..])), (Some(&b""[..]), None), (Some(&b"key"[..]), Some(&b""[..]))]
    );
    let headers: Vec<_> = read[2].headers.iter().map(|header| (header.key_text(), header.value)).collect();
    assert_eq!(
        headers,
        [
            ("h".into(), Some(&b"1"[..])),
            ("h".into(), None),
            ("".into(), Some(&b""[..])),
            ("é".into(), Some(&b"x"[..])),
            ("h".into(), Some(&b"1"[..])),
        ]
    );
    let empty = java("empty");
    let header = *Batch::parse(&empty).unwrap().header();
    assert_eq!((header.base_sequence, header.last_sequence(), header.max_timestamp), (40, 49, TIME));
    assert_eq!(BatchHeader::parse(&java("idempotent")).unwrap().last_sequence(), 0);
}
