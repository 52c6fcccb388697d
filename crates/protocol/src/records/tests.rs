//! What holds for every batch that is built, and for bytes that are none.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::compression::{Codec, Compression};
use crate::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

const CAP_BYTES: usize = 1 << 20;

/// A record that owns what it holds.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    offset_delta: i32,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Owned {
    fn append_to(&self, builder: &mut BatchBuilder) {
        let headers: Vec<_> =
            self.headers.iter().map(|(key, value)| Header::new(key, value.as_deref())).collect();
        let record = NewRecord {
            offset_delta: self.offset_delta,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
        };
        let size = builder.size_with_bytes(&record);
        builder.append(record).unwrap();
        assert_eq!(builder.size_bytes(), size);
    }

    fn of(record: &Record<'_>) -> Self {
        Self {
            offset_delta: record.offset_delta,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record
                .headers
                .iter()
                .map(|header| (header.key_text().into_owned(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}

prop_compose! {
    fn record()(
        gap in 0..3,
        timestamp in prop_oneof![Just(-1), 0..2_000_000_000_000_i64, any::<i64>()],
        key in option::of(vec(any::<u8>(), 0..20)),
        value in option::of(vec(any::<u8>(), 0..200)),
        headers in vec(("[a-c]{0,2}|é", option::of(vec(any::<u8>(), 0..5))), 0..4),
    ) -> Owned {
        Owned { offset_delta: gap, timestamp, key, value, headers }
    }
}

/// Records with increasing offset deltas.
fn records(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Owned>> {
    vec(record(), count).prop_map(|mut records| {
        let mut next = 0;
        for record in &mut records {
            record.offset_delta += next;
            next = record.offset_delta + 1;
        }
        records
    })
}

fn builder() -> impl Strategy<Value = BatchBuilder> {
    let codec = (0..5_u8).prop_map(|id| Codec::from_id(id).unwrap());
    (0..i64::MAX / 2, codec, any::<i16>(), 0..i32::MAX, any::<(i64, bool, bool)>(), option::of(0..1000_i64))
        .prop_map(|(offset, codec, epoch, sequence, (id, transactional, control), horizon)| {
            let builder = BatchBuilder::new(Offset(offset))
                .compression(codec)
                .producer(ProducerId(id), ProducerEpoch(epoch), sequence)
                .transactional(transactional)
                .control(control)
                .partition_leader_epoch(LeaderEpoch(i32::from(epoch)));
            match horizon {
                Some(ms) => builder.delete_horizon(ms),
                None => builder,
            }
        })
}

fn build(mut builder: BatchBuilder, records: &[Owned]) -> Vec<u8> {
    for record in records {
        record.append_to(&mut builder);
    }
    builder.build().unwrap()
}

/// Reads all there is to read; an error is as good as a record here.
fn read_all(bytes: &[u8]) {
    let mut walk = batches(bytes);
    for batch in walk.by_ref().flatten() {
        let _ = batch.verify_crc();
        let header = batch.header();
        let _ = (header.last_offset(), header.next_offset(), header.last_sequence(), header.size_bytes());
        let Ok(unpacked) = batch.decompress(CAP_BYTES) else { continue };
        let records = batch.records(&unpacked);
        let (_, most) = records.size_hint();
        let mut count = 0;
        for record in records {
            count += 1;
            if let Ok(record) = record {
                let _ = record.end_txn_marker();
                assert_eq!(record.headers.iter().count(), record.headers.len());
            }
        }
        assert!(count <= most.unwrap());
    }
    assert!(walk.rest().len() <= bytes.len());
}

proptest! {
    #[test]
    fn reads_what_it_builds(builder in builder(), written in records(1..20)) {
        let bytes = build(builder, &written);
        let mut walk = batches(&bytes);
        let batch = walk.next().unwrap().unwrap();
        prop_assert_eq!(walk.next(), None);
        prop_assert_eq!(batch.verify_crc(), Ok(()));
        let header = batch.header();
        prop_assert_eq!(header.record_count as usize, written.len());
        prop_assert_eq!(header.last_offset_delta, written.last().unwrap().offset_delta);
        prop_assert_eq!(header.max_timestamp, written.iter().map(|r| r.timestamp).max().unwrap().max(-1));
        let unpacked = batch.decompress(CAP_BYTES).unwrap();
        let read: Vec<_> = batch.records(&unpacked).map(|record| Owned::of(&record.unwrap())).collect();
        prop_assert_eq!(read, written);

        // Written once more from what was read, the batch is the same.
        let mut again = BatchBuilder::like(header).unwrap();
        for record in batch.records(&unpacked) {
            Owned::of(&record.unwrap()).append_to(&mut again);
        }
        prop_assert_eq!(again.build().unwrap(), bytes);
    }

    #[test]
    fn append_time_takes_the_place_of_every_timestamp(builder in builder(), written in records(1..5), now: i64) {
        let built = build(builder.clone().log_append_time(now), &written);
        let batch = Batch::parse(&built).unwrap();
        prop_assert_eq!(batch.header().max_timestamp, now);
        let unpacked = batch.decompress(CAP_BYTES).unwrap();
        for record in batch.records(&unpacked) {
            prop_assert_eq!(record.unwrap().timestamp, now);
        }
        // Stamped in place it is the same batch.
        let mut stamped = build(builder, &written);
        BatchMut::parse(&mut stamped).unwrap().set_log_append_time(now);
        prop_assert_eq!(stamped, built);
    }

    #[test]
    fn stamps_in_place(builder in builder(), written in records(1..5), offset in 0..i64::MAX / 2, epoch: i32) {
        let mut bytes = build(builder, &written);
        bytes.extend_from_slice(b"next");
        let before = *Batch::parse(&bytes).unwrap().header();
        let mut stamp = BatchMut::parse(&mut bytes).unwrap();
        stamp.set_base_offset(Offset(offset)).unwrap();
        stamp.set_partition_leader_epoch(LeaderEpoch(epoch));
        stamp.set_max_timestamp(before.attributes.timestamp_type(), before.max_timestamp);
        let stamped = *stamp.header();
        let after = Batch::parse(&bytes).unwrap();
        prop_assert_eq!(*after.header(), stamped);
        let expect = BatchHeader { base_offset: Offset(offset), partition_leader_epoch: LeaderEpoch(epoch), ..before };
        prop_assert_eq!(stamped, expect);
        prop_assert_eq!(after.verify_crc(), Ok(()));
        prop_assert!(bytes.ends_with(b"next"));
    }

    #[test]
    fn changed_batches_never_panic(
        builder in builder(), written in records(0..5), changes in vec((any::<Index>(), any::<u8>()), 1..5), cut: Index,
    ) {
        let mut bytes = build(builder, &written);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all(&bytes);
        read_all(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn changed_records_never_panic(written in records(1..5), garbage in vec(any::<u8>(), 0..30), at: Index, count: u8) {
        let mut bytes = build(BatchBuilder::new(Offset(0)), &written);
        let at = header::at::RECORDS + at.index(bytes.len() - header::at::RECORDS);
        let end = (at + garbage.len()).min(bytes.len());
        bytes.splice(at..end, garbage);
        bytes[header::at::RECORD_COUNT + 3] = count;
        let length = (bytes.len() - BatchHeader::LOG_OVERHEAD_BYTES) as i32;
        bytes[header::at::BATCH_LENGTH..header::at::PARTITION_LEADER_EPOCH].copy_from_slice(&length.to_be_bytes());
        read_all(&bytes);
    }

    #[test]
    fn garbage_never_panics(mut garbage in vec(any::<u8>(), 0..300), length: u8) {
        read_all(&garbage);
        if garbage.len() > header::at::MAGIC {
            garbage[header::at::BATCH_LENGTH..header::at::PARTITION_LEADER_EPOCH].copy_from_slice(&[0, 0, 0, length]);
            garbage[header::at::MAGIC] = 2;
            read_all(&garbage);
        }
    }
}

/// A batch of one record, whose header and records are then made what a test needs.
fn one_record(record_count: i32, records: &[u8]) -> Result<Vec<Owned>, Error> {
    let mut bytes = build(BatchBuilder::new(Offset(0)), &[]);
    bytes.extend_from_slice(records);
    let length = (bytes.len() - BatchHeader::LOG_OVERHEAD_BYTES) as i32;
    bytes[header::at::BATCH_LENGTH..header::at::PARTITION_LEADER_EPOCH]
        .copy_from_slice(&length.to_be_bytes());
    bytes[header::at::RECORD_COUNT..header::at::RECORDS].copy_from_slice(&record_count.to_be_bytes());
    let batch = Batch::parse(&bytes)?;
    let unpacked = batch.decompress(CAP_BYTES)?;
    batch.records(&unpacked).map(|record| record.map(|record| Owned::of(&record))).collect()
}

#[test]
fn refuses_what_is_no_record() {
    let check =
        |count, records: &[u8], expect| assert_eq!(one_record(count, records).err(), expect, "{records:?}");
    // Length, attributes, timestamp delta, offset delta, key length, value length, header count.
    check(1, &[12, 0, 0, 0, 1, 1, 0], None);
    check(0, &[], None);
    check(0, &[0], Some(Error::TrailingBytes(1)));
    check(1, &[12, 0, 0, 0, 1, 1, 0, 9], Some(Error::TrailingBytes(1)));
    check(2, &[12, 0, 0, 0, 1, 1, 0], Some(Error::RecordsMissing { left: 2, bytes: 7 }));
    check(i32::MAX, &[12, 0, 0, 0, 1, 1, 0], Some(Error::RecordsMissing { left: i32::MAX, bytes: 7 }));
    check(1, &[11, 0, 0, 0, 1, 1, 0], Some(Error::RecordLength(-6)));
    check(1, &[14, 0, 0, 0, 1, 1, 0], Some(Error::RecordLength(7)));
    check(1, &[14, 0, 0, 0, 1, 1, 0, 9], Some(Error::RecordRemains(1)));
    check(1, &[10, 0, 0, 0, 1, 1, 0], Some(Error::RecordEnds));
    check(1, &[12, 0, 0, 0, 8, 1, 0], Some(Error::RecordEnds));
    check(1, &[12, 0, 0, 0, 1, 1, 1], Some(Error::HeaderCount(-1)));
    check(1, &[12, 0, 0, 0, 1, 1, 2], Some(Error::HeaderCount(1)));
    check(1, &[16, 0, 0, 0, 1, 1, 2, 1, 1], Some(Error::HeaderKeyLength(-1)));
    check(1, &[16, 0, 0, 0, 1, 1, 2, 0, 1], None);
    check(1, &[0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0], Some(Error::Varint));
}

#[test]
fn an_error_ends_the_walk() {
    let bytes = build(BatchBuilder::new(Offset(0)), &[]);
    let batch = Batch::parse(&bytes).unwrap();
    let mut walk = batch.records(&[12, 0]);
    assert_eq!(walk.next(), Some(Err(Error::TrailingBytes(2))));
    assert_eq!(walk.next(), None);
    assert_eq!(walk.next(), None);
}

#[test]
fn unpacking_holds_its_cap() {
    let value = [7; 5000];
    let record = NewRecord { value: Some(&value), ..NewRecord::default() };
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(Offset(0)).compression(codec);
        builder.append(record).unwrap();
        let bytes = builder.build().unwrap();
        let batch = Batch::parse(&bytes).unwrap();
        let found = batch.decompress(4999).map(|unpacked| unpacked.len());
        match codec {
            Codec::None => assert_eq!(found, Ok(batch.payload().len())),
            codec => {
                let error = crate::compression::Error::TooLarge { codec, cap_bytes: 4999 };
                assert_eq!(found, Err(Error::Compression(error)));
            }
        }
    }
}

#[test]
fn offsets_increase() {
    let mut builder = BatchBuilder::new(Offset(0));
    let mut append = |offset_delta| builder.append(NewRecord { offset_delta, ..NewRecord::default() });
    assert_eq!(append(-1), Err(Error::OffsetOrder { found: -1, last: -1 }));
    assert_eq!(append(5), Ok(()));
    assert_eq!(append(5), Err(Error::OffsetOrder { found: 5, last: 5 }));
    assert_eq!(append(i32::MAX), Ok(()));
    let after = builder.append_next(NewRecord::default());
    assert_eq!(after, Err(Error::OffsetOrder { found: i32::MAX, last: i32::MAX }));
    assert_eq!(builder.record_count(), 2);
}

#[test]
fn a_batch_thinned_out_to_nothing_keeps_its_place() {
    let mut builder =
        BatchBuilder::new(Offset(100)).compression(Codec::Zstd).producer(ProducerId(7), ProducerEpoch(1), 40);
    for timestamp in [1000, 3000, 2000] {
        builder.append_next(NewRecord { timestamp, ..NewRecord::default() }).unwrap();
    }
    let full = builder.build().unwrap();
    let full = Batch::parse(&full).unwrap();
    let empty = BatchBuilder::like(full.header()).unwrap().build().unwrap();
    let empty = Batch::parse(&empty).unwrap();
    assert_eq!(empty.bytes().len(), BatchHeader::SIZE_BYTES);
    assert_eq!(empty.verify_crc(), Ok(()));
    assert_eq!(
        *empty.header(),
        BatchHeader {
            batch_length: 49,
            crc: empty.header().crc,
            attributes: Attributes::default(),
            base_timestamp: -1,
            record_count: 0,
            ..*full.header()
        }
    );
    assert_eq!((empty.header().last_offset(), empty.header().last_sequence()), (Offset(102), 42));
    assert_eq!(empty.header().max_timestamp, 3000);
}

#[test]
fn levels_reach_the_codec() {
    let value: Vec<u8> = (0..20_000_u32).map(|i| (i * i / 7) as u8).collect();
    let size = |level| {
        let compression = Compression::with_level(Codec::Zstd, level).unwrap();
        let mut builder = BatchBuilder::new(Offset(0)).compression(compression);
        builder.append(NewRecord { value: Some(&value), ..NewRecord::default() }).unwrap();
        builder.build().unwrap().len()
    };
    assert!(size(19) < size(-100_000));
}

#[test]
fn control_records_say_what_they_are() {
    let marker = EndTxnMarker { committed: true, coordinator_epoch: 9 };
    let mut builder = BatchBuilder::new(Offset(0)).producer(ProducerId(1), ProducerEpoch(0), -1);
    builder.append_end_txn_marker(5, marker).unwrap();
    let bytes = builder.build().unwrap();
    let batch = Batch::parse(&bytes).unwrap();
    assert!(batch.header().attributes.is_control() && batch.header().attributes.is_transactional());
    let record = batch.records(batch.payload()).next().unwrap().unwrap();
    assert_eq!(record.end_txn_marker(), Ok(Some(marker)));

    let with = |key: Option<&'static [u8]>, value: Option<&'static [u8]>| Record { key, value, ..record };
    let check =
        |key, value, expect| assert_eq!(with(key, value).end_txn_marker(), expect, "{key:?} {value:?}");
    check(None, None, Err(Error::ControlKey(0)));
    check(Some(&[0, 0, 0]), None, Err(Error::ControlKey(3)));
    check(Some(&[0, 0, 0, 2]), None, Ok(None));
    check(Some(&[0, 0, 9, 9]), None, Ok(None));
    check(Some(&[0, 0, 0, 0]), None, Err(Error::EndTxnMarker(0)));
    check(Some(&[0xff, 0xff, 0, 0]), None, Err(Error::ControlVersion(-1)));
    check(Some(&[0, 0, 0, 0]), Some(&[0xff, 0xff, 0, 0, 0, 9]), Err(Error::ControlVersion(-1)));
    // Later versions add at the end.
    let aborted = EndTxnMarker { committed: false, coordinator_epoch: 9 };
    check(Some(&[0, 1, 0, 0, 9]), Some(&[0, 1, 0, 0, 0, 9, 9]), Ok(Some(aborted)));
    for id in -1..9 {
        assert_eq!(ControlType::from_id(id).id(), id);
    }
}
