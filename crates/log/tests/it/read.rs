//! Reads return whole batches, in order, and skip nothing.

use log::{Error, Log};
use protocol::Offset;

use crate::support::*;

/// Twenty batches of two records in several segments.
fn twenty() -> Log {
    let (_, mut log) = new_log(small());
    for _ in 0..20 {
        append(&mut log, plain(2));
    }
    assert!(log.segment_count() > 3, "{} segments", log.segment_count());
    log
}

#[test]
fn every_size_limit_reads_the_log_from_the_beginning_without_a_gap() {
    let log = twenty();
    let all: Vec<(i64, i64)> = (0..20).map(|batch| (batch * 2, batch * 2 + 1)).collect();
    assert_eq!(everything(&log), all);
    for max_bytes in (1..3000).step_by(7).chain([999, 1000, 1001]) {
        let (mut offset, mut found) = (Offset::ZERO, Vec::new());
        while offset < log.log_end_offset() {
            let read = log.read(offset, max_bytes, true, log.log_end_offset()).unwrap();
            let spans = spans(&read);
            let (first, last) = (spans[0], spans[spans.len() - 1]);
            assert_eq!(read.first_offset, Offset(first.0));
            assert_eq!(read.next_offset, Offset(last.1 + 1), "at {offset} with {max_bytes}");
            assert!(read.len_bytes() <= max_bytes || spans.len() == 1);
            offset = read.next_offset;
            found.extend(spans);
        }
        assert_eq!(found, all, "with {max_bytes} bytes at a time");
    }
}

#[test]
fn a_limit_beyond_a_segment_goes_on_in_the_next() {
    let log = twenty();
    let segment = u64::from(log.config().segment_bytes);
    let read = log.read(Offset::ZERO, 2 * segment, true, log.log_end_offset()).unwrap();
    assert!(read.ranges.len() >= 2);
    assert!(read.len_bytes() > segment);
}

#[test]
fn inside_a_batch_the_whole_batch() {
    let log = twenty();
    for offset in 0..40 {
        let read = log.read(Offset(offset), 1, true, log.log_end_offset()).unwrap();
        assert_eq!(spans(&read), [(offset / 2 * 2, offset / 2 * 2 + 1)]);
    }
}

#[test]
fn without_min_one_message_what_does_not_fit_is_left_out() {
    let log = twenty();
    let one = log.read(Offset::ZERO, 1, true, log.log_end_offset()).unwrap().len_bytes();
    let read = |max_bytes| log.read(Offset::ZERO, max_bytes, false, log.log_end_offset()).unwrap();
    assert_eq!(spans(&read(one - 1)), []);
    assert_eq!(read(one - 1).next_offset, Offset::ZERO);
    assert_eq!(spans(&read(one)), [(0, 1)]);
    assert_eq!(spans(&read(2 * one - 1)), [(0, 1)]);
}

#[test]
fn nothing_at_or_beyond_the_upper_bound() {
    let log = twenty();
    for bound in 0..=40 {
        let read = log.read(Offset::ZERO, u64::MAX, true, Offset(bound)).unwrap();
        let visible: Vec<(i64, i64)> = (0..bound / 2).map(|batch| (batch * 2, batch * 2 + 1)).collect();
        assert_eq!(spans(&read), visible, "bound {bound}");
    }
    assert_eq!(spans(&log.read(Offset(30), u64::MAX, true, Offset(10)).unwrap()), []);
}

#[test]
fn out_of_range() {
    let mut log = twenty();
    let end = log.log_end_offset();
    assert_eq!(spans(&log.read(end, 100, true, end).unwrap()), []);
    assert!(matches!(log.read(end + 1, 100, true, end), Err(Error::OffsetOutOfRange { .. })));
    log.set_high_watermark(end);
    log.advance_log_start_offset(Offset(5)).unwrap();
    assert!(matches!(log.read(Offset(4), 100, true, end), Err(Error::OffsetOutOfRange { .. })));
    assert_eq!(spans(&log.read(Offset(5), 1, true, end).unwrap()), [(4, 5)]);
}

#[test]
fn a_deleted_segment_stays_readable_while_its_range_is_held() {
    let mut log = twenty();
    let read = log.read(Offset::ZERO, u64::MAX, true, log.log_end_offset()).unwrap();
    let before = bytes(&read);
    log.set_high_watermark(log.log_end_offset());
    log.set_config(log::LogConfig { retention_bytes: 0, ..small() });
    let retained = log.retain(NOW).unwrap();
    assert!(!retained.files.is_empty());
    assert_eq!(bytes(&read), before);
}

#[test]
fn by_time() {
    let (_, mut log) = new_log(log::LogConfig { message_timestamp_after_max_ms: i64::MAX, ..small() });
    // Batches that go back in time, too.
    for start in [100, 200, 150, 300, 400, 390, 500, 600] {
        append(&mut log, builder(&[start, start + 5, start + 9], 100).build().unwrap());
    }
    assert!(log.segment_count() > 2);
    let check = |timestamp, expect: Option<(i64, i64)>| {
        let found = log.offset_for_timestamp(log::Source::Disk, timestamp).unwrap();
        assert_eq!(found.map(|found| (found.timestamp, found.offset.get())), expect, "{timestamp}");
    };
    check(-1, Some((100, 0)));
    check(100, Some((100, 0)));
    check(101, Some((105, 1)));
    check(150, Some((200, 3)));
    check(206, Some((209, 5)));
    check(210, Some((300, 9)));
    check(395, Some((400, 12)));
    check(609, Some((609, 23)));
    check(610, None);
    let greatest = log.max_timestamp_offset(log::Source::Disk).unwrap().unwrap();
    assert_eq!((greatest.timestamp, greatest.offset, greatest.leader_epoch), (609, Offset(23), Some(EPOCH)));
    assert_eq!(log.earliest_offset().offset, Offset(0));
    assert_eq!(log.latest_offset().offset, Offset(24));
    assert_eq!(log.latest_offset().leader_epoch, Some(EPOCH));
}
