//! What a leader accepts, refuses, and writes.

use log::validate::{RecordError, RecordProblem};
use log::{Error, Log, LogConfig, Origin, Refusal};
use protocol::compression::{Codec, Compression};
use protocol::records::{BatchBuilder, NewRecord, TimestampType, batches};
use protocol::{LeaderEpoch, Offset};
use stdx::Now;

use crate::support::*;

fn stored(log: &Log) -> Vec<u8> {
    bytes(&log.read(Offset::ZERO, u64::MAX, true, log.log_end_offset()).unwrap())
}

#[test]
fn stamps_offset_and_epoch_in_place() {
    let (_, mut log) = new_log(small());
    append(&mut log, plain(3));
    let mut batch = plain(2);
    let info = log.append_as_leader(&mut batch, LeaderEpoch(9), NOW, Origin::Client).unwrap();
    assert_eq!((info.first_offset, info.last_offset), (Offset(3), Offset(4)));
    assert_eq!((info.log_append_time, info.duplicate), (None, false));
    let all = stored(&log);
    assert!(all.ends_with(&batch), "what is written is what was given");
    let header = *batches(&batch).next().unwrap().unwrap().header();
    assert_eq!((header.base_offset, header.partition_leader_epoch), (Offset(3), LeaderEpoch(9)));
    assert_eq!(log.end_offset_for_epoch(EPOCH), Some((EPOCH, Offset(3))));
}

/// Refuses a batch that was changed, with the crc mended.
fn check(edit: impl FnOnce(&mut Vec<u8>), expect: Refusal) {
    let (_, mut log) = new_log(LogConfig { max_message_bytes: 200, ..small() });
    let mut batch = plain(2);
    edit(&mut batch);
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(refused(&mut log, batch), expect);
    assert_eq!(log.log_end_offset(), Offset::ZERO);
}

#[test]
fn refuses_headers_that_a_client_may_not_send() {
    check(|b| b[7] = 5, Refusal::BaseOffset(Offset(5)));
    check(|b| b[60] = 1, Refusal::Count { last_offset_delta: 1, record_count: 1 });
    check(|b| b[26] = 0, Refusal::Count { last_offset_delta: 0, record_count: 2 });
    check(|b| b[22] |= 0x20, Refusal::ControlBatch);
    check(|b| b[16] = 1, Refusal::Batch(protocol::records::Error::OldMagic(1)));
    check(|b| b[22] |= 7, Refusal::Batch(protocol::records::Error::UnknownCodec(7)));
    check(
        |b| b[43..51].copy_from_slice(&4i64.to_be_bytes()),
        Refusal::Sequence { producer_id: protocol::ProducerId(4), base_sequence: -1 },
    );
    check(
        |b| *b = builder(&[1], 300).build().unwrap(),
        Refusal::TooLarge { size_bytes: builder(&[1], 300).build().unwrap().len(), max_bytes: 200 },
    );
    let (_, mut log) = new_log(small());
    assert_eq!(refused(&mut log, [plain(1), plain(1)].concat()), Refusal::MoreThanOneBatch);
}

#[test]
fn refuses_what_is_no_batch_or_corrupt() {
    let (_, mut log) = new_log(small());
    assert_eq!(refused(&mut log, Vec::new()), Refusal::NoBatch);
    assert_eq!(refused(&mut log, plain(1)[..70].to_vec()), Refusal::NoBatch);
    for at in 21..plain(1).len() {
        let mut batch = plain(1);
        batch[at] ^= 0x10;
        let refusal = refused(&mut log, batch);
        assert!(!matches!(refusal, Refusal::NoBatch), "byte {at}: {refusal}");
    }
    assert_eq!(everything(&log), []);
    // An incomplete batch after a whole one is ignored.
    append(&mut log, [plain(1), plain(1)[..30].to_vec()].concat());
    assert_eq!(everything(&log), [(0, 0)]);
}

#[test]
fn records_need_keys_on_compacted_topics() {
    let config = LogConfig { compact: true, ..small() };
    let (_, mut log) = new_log(config);
    let mut builder = builder(&[NOW.unix_ms], 1);
    for key in [None, Some(b"k".as_slice()), None] {
        builder.append_next(NewRecord { timestamp: NOW.unix_ms, key, ..NewRecord::default() }).unwrap();
    }
    let error = |index| RecordError { index, problem: RecordProblem::NoKey };
    for codec in [Codec::None, Codec::Lz4] {
        let batch = builder.clone().compression(codec).build().unwrap();
        assert_eq!(refused(&mut log, batch), Refusal::Records(vec![error(1), error(3)]));
    }
}

#[test]
fn timestamps_within_bounds() {
    let config =
        LogConfig { message_timestamp_before_max_ms: 100, message_timestamp_after_max_ms: 10, ..small() };
    let (_, mut log) = new_log(config);
    let now = NOW.unix_ms;
    append(&mut log, builder(&[now - 100, now + 10, -1], 1).build().unwrap());
    let error = |index| RecordError { index, problem: RecordProblem::Timestamp };
    let batch = builder(&[now - 101, now, now + 11], 1).build().unwrap();
    assert_eq!(refused(&mut log, batch), Refusal::Records(vec![error(0), error(2)]));
    let batch = builder(&[i64::MAX, i64::MIN], 1).build().unwrap();
    assert_eq!(refused(&mut log, batch), Refusal::Records(vec![error(0), error(1)]));
}

#[test]
fn append_time_is_the_brokers() {
    let config = LogConfig { message_timestamp_type: TimestampType::LogAppendTime, ..small() };
    let (_, mut log) = new_log(config);
    for codec in [Codec::None, Codec::Zstd] {
        let info = append(&mut log, builder(&[5, 6], 1).compression(codec).build().unwrap());
        assert_eq!(info.log_append_time, Some(NOW.unix_ms));
    }
    for batch in batches(&stored(&log)) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        assert_eq!(batch.header().attributes.timestamp_type(), TimestampType::LogAppendTime);
        let unpacked = batch.decompress(1000).unwrap();
        assert!(batch.records(&unpacked).all(|record| record.unwrap().timestamp == NOW.unix_ms));
    }
    let batch = builder(&[5], 1).log_append_time(7).build().unwrap();
    let error = RecordError { index: 0, problem: RecordProblem::TimestampType };
    assert_eq!(refused(&mut log, batch), Refusal::Records(vec![error]));
}

#[test]
fn compression_is_the_topics() {
    for source in Codec::ALL {
        for target in Codec::ALL {
            let level = target.levels().map_or(target.default_level(), |levels| *levels.start());
            let compression = Some(Compression::with_level(target, level).unwrap());
            let (_, mut log) = new_log(LogConfig { compression, ..small() });
            append(&mut log, plain(1));
            let given = packed(source, 5);
            append(&mut log, given.clone());
            let all = stored(&log);
            let last = batches(&all).last().unwrap().unwrap();
            last.verify_crc().unwrap();
            assert_eq!(last.header().attributes.codec(), Ok(target));
            assert_eq!((last.header().base_offset, last.header().partition_leader_epoch), (Offset(1), EPOCH));
            let unpacked = last.decompress(10_000).unwrap();
            assert_eq!(
                last.records(&unpacked).map(|record| record.unwrap().offset.get()).collect::<Vec<_>>(),
                [1, 2, 3, 4, 5]
            );
            if source == target {
                assert_eq!(last.payload(), &given[61..], "what need not change does not");
            }
        }
    }
}

#[test]
fn a_bomb_is_refused() {
    let (_, mut log) = new_log(LogConfig { max_decompressed_bytes: 1000, ..small() });
    let batch = builder(&[1], 100_000).compression(Codec::Gzip).build().unwrap();
    assert!(matches!(
        refused(&mut log, batch),
        Refusal::Compression(protocol::compression::Error::TooLarge { .. })
    ));
}

#[test]
fn offsets_inside_are_mended() {
    let (_, mut log) = new_log(small());
    for codec in [Codec::None, Codec::Snappy] {
        // Two records at 0 and 2, with a header that says 0 to 1.
        let mut builder = builder(&[7], 1).compression(codec);
        builder.append(NewRecord { offset_delta: 2, timestamp: 8, ..NewRecord::default() }).unwrap();
        let mut batch = builder.build().unwrap();
        batch[26] = 1;
        let crc = crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        append(&mut log, batch);
    }
    assert_eq!(everything(&log), [(0, 1), (2, 3)]);
    let all = stored(&log);
    for batch in batches(&all) {
        let batch = batch.unwrap();
        let unpacked = batch.decompress(1000).unwrap();
        let deltas: Vec<i32> = batch.records(&unpacked).map(|record| record.unwrap().offset_delta).collect();
        assert_eq!(deltas, [0, 1]);
    }
}

#[test]
fn segments_roll_by_size_time_and_offset() {
    let (_, mut log) = new_log(LogConfig { segment_ms: 1000, segment_bytes: 10_000, ..small() });
    let at = |ms: i64| builder(&[ms], 1).build().unwrap();
    append(&mut log, at(0));
    append(&mut log, at(1000));
    assert_eq!(log.segment_count(), 1);
    append(&mut log, at(1001));
    assert_eq!(log.segment_count(), 2);
    // Without timestamps the time of the broker counts.
    let (_, mut log) = new_log(LogConfig { segment_ms: 1000, segment_bytes: 10_000, ..small() });
    append(&mut log, at(-1));
    let mut batch = at(-1);
    let later = Now::at_ms(NOW.monotonic_ms + 1001);
    log.append_as_leader(&mut batch, EPOCH, later, Origin::Client).unwrap();
    assert_eq!(log.segment_count(), 2);
    // What does not fit into a segment at all.
    let (_, mut log) = new_log(small());
    let batch = builder(&[1], 600).build().unwrap();
    assert!(matches!(refused(&mut log, batch), Refusal::LargerThanSegment { max_bytes: 500, .. }));
    // An offset too far from the base of the segment.
    let mut far = plain(1);
    far[..8].copy_from_slice(&(1i64 << 31).to_be_bytes());
    append(&mut log, plain(1));
    log.append_as_follower(&far, NOW).unwrap();
    assert_eq!(log.segment_count(), 2);
    assert_eq!(everything(&log), [(0, 0), (1 << 31, 1 << 31)]);
}

#[test]
fn followers_keep_what_the_leader_wrote() {
    let (_, mut leader) = new_log(small());
    for _ in 0..9 {
        append(&mut leader, packed(Codec::Lz4, 2));
    }
    let (_, mut follower) = new_log(small());
    let all = stored(&leader);
    let info = follower.append_as_follower(&all[..all.len() - 1], NOW).unwrap().unwrap();
    assert_eq!((info.first_offset, info.last_offset), (Offset(0), Offset(15)));
    assert_eq!(follower.end_offset_for_epoch(EPOCH), Some((EPOCH, Offset(16))));
    assert!(matches!(
        follower.append_as_follower(&all, NOW),
        Err(Error::UnexpectedAppendOffset { first_offset: Offset(0), log_end_offset: Offset(16) })
    ));
    assert_eq!(follower.append_as_follower(&[], NOW).unwrap(), None);
    let mut corrupt = all.clone();
    corrupt[100] ^= 1;
    assert!(matches!(new_log(small()).1.append_as_follower(&corrupt, NOW), Err(Error::Refused(_))));
}

#[test]
fn the_quorum_appends_several_batches_unread() {
    let (_, mut log) = new_log(small());
    // Records that are none: nobody looks.
    let mut batch = plain(2);
    let end = batch.len();
    batch[end - 3..].fill(0xff);
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    let mut both = [batch.clone(), batch].concat();
    let info = log.append_as_leader(&mut both, EPOCH, NOW, Origin::RaftLeader).unwrap();
    assert_eq!((info.first_offset, info.last_offset), (Offset(0), Offset(3)));
    assert_eq!(everything(&log), [(0, 1), (2, 3)]);
    let mut other = BatchBuilder::new(Offset(0)).partition_leader_epoch(LeaderEpoch(1));
    other.append_next(NewRecord::default()).unwrap();
    let mut other = other.build().unwrap();
    assert!(matches!(
        log.append_as_leader(&mut other, EPOCH, NOW, Origin::RaftLeader),
        Err(Error::Refused(Refusal::LeaderEpoch { found: LeaderEpoch(1), expected: EPOCH }))
    ));
}
