//! Retention, and the start of the log.

use log::{Log, LogConfig, Recovery};
use protocol::Offset;
use stdx::Now;

use crate::support::*;

/// Segments of about three batches; batch `i` has offsets 2i and 2i + 1 and time 100 i.
fn twenty(config: &LogConfig) -> (log::disk::sim::SimDisk, Log) {
    let (disk, mut log) = new_log(config.clone());
    for at in 0..20 {
        append(&mut log, builder(&[at * 100, at * 100], 10).build().unwrap());
    }
    (disk, log)
}

fn at(ms: i64) -> Now {
    Now { unix_ms: ms, monotonic_ms: 0 }
}

#[test]
fn by_time_whole_segments_only() {
    let (_, mut log) = twenty(&small());
    log.set_high_watermark(log.log_end_offset());
    log.set_config(LogConfig { retention_ms: 1000, ..small() });
    let before = log.segment_count();
    let retained = log.retain(at(1900)).unwrap();
    assert!(retained.by_time >= 1 && retained.by_size == 0 && retained.bytes > 0);
    assert_eq!(log.segment_count(), before - retained.by_time);
    // No record that is young enough is gone; the first that is left belongs to a segment with such a record.
    let start = log.log_start_offset().get();
    assert!((10..=18).contains(&start), "{start}");
    assert_eq!(everything(&log)[0].0, start);
    // All of it, the active segment too; offsets go on.
    log.retain(at(1_000_000)).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset(40), Offset(40)));
    assert_eq!((log.segment_count(), log.size_bytes()), (1, 0));
    assert_eq!(append(&mut log, plain(1)).first_offset, Offset(40));
}

#[test]
fn by_size() {
    let (_, mut log) = twenty(&small());
    log.set_high_watermark(log.log_end_offset());
    let size = log.size_bytes();
    log.set_config(LogConfig { retention_bytes: size as i64 - 1, ..small() });
    assert_eq!(log.retain(at(0)).unwrap().by_size, 0, "less than a segment too much");
    log.set_config(LogConfig { retention_bytes: 1000, ..small() });
    assert!(log.retain(at(0)).unwrap().by_size > 0);
    assert!((1000..1500).contains(&log.size_bytes()), "{}", log.size_bytes());
}

#[test]
fn nothing_beyond_the_high_watermark() {
    let (_, mut log) = twenty(&small());
    log.set_config(LogConfig { retention_bytes: 0, ..small() });
    assert_eq!(log.retain(at(0)).unwrap().by_size, 0);
    log.set_high_watermark(Offset(15));
    log.retain(at(0)).unwrap();
    assert!(log.log_start_offset() <= Offset(15) && log.log_start_offset() > Offset(0));
}

#[test]
fn compacted_only_keeps_all_but_what_is_before_the_start() {
    let (disk, mut log) =
        twenty(&LogConfig { delete: false, retention_bytes: 0, retention_ms: 0, ..small() });
    log.set_high_watermark(log.log_end_offset());
    assert_eq!(log.retain(at(1_000_000)).unwrap(), log::Retained::default());
    assert!(log.advance_log_start_offset(Offset(21)).unwrap());
    assert!(!log.advance_log_start_offset(Offset(20)).unwrap());
    assert!(log.advance_log_start_offset(Offset(41)).is_err());
    let retained = log.retain(at(0)).unwrap();
    assert!(retained.by_log_start_offset > 0);
    assert_eq!(log.log_start_offset(), Offset(21));
    assert_eq!(everything(&log)[0], (20, 21));
    let deleted = files(&disk).into_iter().filter(|name| name.ends_with(".deleted")).count();
    assert_eq!(deleted, retained.files.len());
    // Opening again removes what waits to be removed, and starts where the checkpoint says.
    log.close().unwrap();
    let recovery = Recovery { log_start_offset: Offset(21), ..CLEAN };
    let (log, report) = try_open(&disk, small(), recovery).unwrap();
    assert_eq!(report.files_removed, deleted);
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset(21), Offset(40)));
}

#[test]
fn a_full_disk_keeps_retention_from_nothing_but_the_active_segment() {
    let (disk, mut log) = twenty(&small());
    log.set_high_watermark(log.log_end_offset());
    log.flush().unwrap();
    log.set_config(LogConfig { retention_ms: 1000, ..small() });
    disk.set_capacity_bytes(disk.used_bytes());
    let files = log.retain(at(1_000_000)).unwrap().files;
    assert!(!log.is_fenced() && !files.is_empty());
    assert_eq!(log.segment_count(), 1);
    assert!(log.size_bytes() > 0, "a new segment would need room");
    disk.set_capacity_bytes(disk.used_bytes() + 1000);
    log.retain(at(1_000_000)).unwrap();
    assert_eq!((log.log_start_offset(), log.size_bytes()), (Offset(40), 0));
    assert_eq!(append(&mut log, plain(1)).first_offset, Offset(40));
}
