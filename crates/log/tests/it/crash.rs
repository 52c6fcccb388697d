//! Faults of the disk: what is durable stays, what is torn is cut, what is damaged is said.

use std::path::Path;

use log::disk::Disk as _;
use log::disk::sim::SimDisk;
use log::{Error, Log, LogConfig, Origin, Recovery, log_dir};
use protocol::{LeaderEpoch, Offset};

use crate::support::*;

#[test]
fn every_crash_point_keeps_what_was_durable() {
    // The same run, with the power gone at each operation of the disk in turn.
    for stop_at in 0.. {
        let disk = disk(stop_at);
        let start = disk.operations();
        disk.stop_at(start + stop_at);
        let durable = run(&disk);
        let finished = disk.operations() < start + stop_at;
        disk.crash();
        let log = open(&disk, small(), Recovery::default());
        let spans = everything(&log);
        assert!(log.log_end_offset().get() >= durable, "stopped at {stop_at}");
        assert_eq!(spans.len() as i64 * 2, log.log_end_offset().get(), "stopped at {stop_at}");
        if finished {
            assert!(stop_at > 50, "{stop_at} operations only");
            return;
        }
    }
}

/// Appends until the power goes; answers what was reported as durable.
fn run(disk: &SimDisk) -> i64 {
    let mut durable = 0;
    let Ok((mut log, _)) = try_open(disk, small(), Recovery::default()) else { return 0 };
    for at in 0..30 {
        let appended =
            log.append_as_leader(&mut of_producer(1, 0, at * 2, 2, false), EPOCH, NOW, Origin::Client);
        if appended.is_err() || at % 3 == 0 && log.flush().is_err() {
            return durable;
        }
        durable = log.durable_offset().get();
    }
    durable
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let (disk, mut log) = new_log(small());
    log.flush().unwrap();
    append(&mut log, plain(1));
    disk.fail_at(disk.operations());
    let target = log.flush_target().unwrap().unwrap();
    assert!(matches!(target.sync(), Err(Error::Io { operation: "sync", .. })));
    log.mark_flushed(&target);
    assert_eq!(log.durable_offset(), Offset(0));
    // A second sync would succeed, and say nothing.
    assert!(matches!(log.flush_target(), Err(Error::Fenced { .. })));
    let result = log.append_as_leader(&mut plain(1), EPOCH, NOW, Origin::Client);
    assert!(matches!(result, Err(Error::Fenced { .. })));
    // Reading goes on.
    assert_eq!(everything(&log), [(0, 0)]);
}

#[test]
fn a_failed_sync_is_made_good_by_the_next_process() {
    let (disk, mut log) = new_log(LogConfig { segment_bytes: 1_000_000, ..small() });
    append(&mut log, plain(1));
    log.flush().unwrap();
    append(&mut log, plain(2));
    disk.fail_at(disk.operations());
    assert!(log.flush().is_err());
    // The process ends, and the next one finds everything in the page cache, where it counts as written.
    disk.kill();
    let mut log = open(&disk, small(), Recovery { recovery_point: Offset(1), ..Recovery::default() });
    assert_eq!((log.log_end_offset(), log.durable_offset()), (Offset(3), Offset(1)));
    log.flush().unwrap();
    assert_eq!(log.durable_offset(), Offset(3));
    disk.crash();
    let log = open(&disk, small(), Recovery { recovery_point: Offset(3), ..Recovery::default() });
    assert_eq!(everything(&log), [(0, 0), (1, 2)]);
}

#[test]
fn the_name_of_a_partition_survives_also_if_its_first_process_did_not() {
    for seed in 0..20 {
        let disk = disk(seed);
        drop(open(&disk, small(), Recovery::default()));
        disk.kill();
        let mut log = open(&disk, small(), Recovery::default());
        append(&mut log, plain(1));
        log.flush().unwrap();
        drop(log);
        disk.crash();
        assert_eq!(everything(&open(&disk, small(), Recovery::default())), [(0, 0)], "seed {seed}");
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let (disk, mut log) = new_log(LogConfig { segment_bytes: 1_000_000, ..small() });
    for _ in 0..3 {
        append(&mut log, plain(2));
    }
    let used: usize = disk.dump().values().map(Vec::len).sum();
    disk.set_capacity_bytes(used as u64 + 20);
    for _ in 0..3 {
        let result = log.append_as_leader(&mut plain(2), EPOCH, NOW, Origin::Client);
        assert!(matches!(result, Err(Error::Io { operation: "append to", .. })), "{result:?}");
    }
    assert_eq!(everything(&log).len(), 3);
    disk.set_capacity_bytes(u64::MAX);
    assert_eq!(append(&mut log, plain(2)).first_offset, Offset(6));
    assert_eq!(everything(&log).len(), 4);
    log.close().unwrap();
    assert_eq!(everything(&open(&disk, small(), CLEAN)).len(), 4);
}

#[test]
fn what_a_full_disk_has_torn_does_not_come_back() {
    for seed in 0..20 {
        let disk = disk(seed);
        let mut log = open(&disk, small(), Recovery::default());
        append(&mut log, plain(2));
        log.flush().unwrap();
        disk.set_capacity_bytes(disk.used_bytes() + 20);
        assert!(log.append_as_leader(&mut plain(2), EPOCH, NOW, Origin::Client).is_err());
        disk.set_capacity_bytes(u64::MAX);
        // Into the next segment: nothing is written to the first any more.
        append(&mut log, plain(20));
        assert_eq!(log.segment_count(), 2);
        log.flush().unwrap();
        disk.crash();
        let log = open(&disk, small(), Recovery { recovery_point: Offset(22), ..Recovery::default() });
        assert_eq!(log.log_end_offset(), Offset(22), "seed {seed}");
    }
}

#[test]
fn a_full_disk_at_a_roll_too() {
    for room in 0..200 {
        let (disk, mut log) = new_log(small());
        let mut appended = 0;
        let used: usize = disk.dump().values().map(Vec::len).sum();
        disk.set_capacity_bytes(used as u64 + 450 + room);
        for _ in 0..20 {
            appended += usize::from(log.append_as_leader(&mut plain(2), EPOCH, NOW, Origin::Client).is_ok());
        }
        disk.set_capacity_bytes(u64::MAX);
        append(&mut log, plain(2));
        assert_eq!(everything(&log).len(), appended + 1, "room {room}");
        log.close().unwrap();
        assert_eq!(everything(&open(&disk, small(), CLEAN)).len(), appended + 1, "room {room}");
    }
}

#[test]
fn what_a_full_disk_leaves_of_a_roll_does_not_stay() {
    for room in 0..200 {
        let (disk, mut log) = new_log(small());
        append(&mut log, of_producer(1, 0, 0, 12, false));
        disk.set_capacity_bytes(disk.used_bytes() + room);
        // Does not fit, and then one that does.
        let _ = log.append_as_leader(&mut plain(20), EPOCH, NOW, Origin::Client);
        disk.set_capacity_bytes(u64::MAX);
        append(&mut log, plain(1));
        log.close().unwrap();
        let recovery = Recovery { clean_shutdown: true, ..Recovery::default() };
        let scope = log::inspect::Scope { recovery, ..Default::default() };
        let report = log::inspect::verify(&disk.shared(), Path::new(DIR), &scope, 10).unwrap();
        assert_eq!(report.findings.list(), [], "room {room}");
    }
}

/// A log of four batches in one segment, durable to offset 4, with the byte at a position changed.
fn damaged(position: u64, recovery_point: i64) -> log::Result<(Log, log::RecoveryReport)> {
    let (disk, mut log) = new_log(LogConfig { segment_bytes: 1_000_000, ..small() });
    for _ in 0..4 {
        append(&mut log, plain(2));
    }
    log.close().unwrap();
    let file = disk.open(&Path::new(DIR).join("00000000000000000000.log"), false).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, position).unwrap();
    file.write_at(&[byte[0] ^ 0xff], position).unwrap();
    try_open(&disk, small(), Recovery { recovery_point: Offset(recovery_point), ..Recovery::default() })
}

#[test]
fn a_corrupt_batch_past_the_recovery_point_is_cut_with_what_follows() {
    let batch = plain(2).len() as u64;
    let (log, report) = damaged(2 * batch + 70, 4).unwrap();
    assert_eq!(everything(&log), [(0, 1), (2, 3)]);
    let cut = report.cut.unwrap();
    assert_eq!((cut.position, cut.bytes, cut.log_end_offset), (2 * batch, 2 * batch, Offset(4)));
    assert!(cut.reason.contains("crc"), "{}", cut.reason);
}

#[test]
fn a_corrupt_batch_before_it_is_an_error_with_its_place() {
    let batch = plain(2).len() as u64;
    // The magic byte: the walk over headers meets it.
    match damaged(batch + 16, 8) {
        Err(Error::Corrupt { path, position, .. }) => {
            assert!(path.ends_with("00000000000000000000.log"));
            assert_eq!(position, batch);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn missing_and_bad_indexes_are_rebuilt() {
    let (disk, mut log) = new_log(small());
    for _ in 0..20 {
        append(&mut log, plain(2));
    }
    log.close().unwrap();
    let (all, before) = (everything(&open(&disk, small(), CLEAN)), disk.dump());
    let dir = Path::new(DIR);
    disk.remove_file(&dir.join("00000000000000000000.index")).unwrap();
    let second = files(&disk).into_iter().filter(|name| name.ends_with(".timeindex")).nth(1).unwrap();
    disk.remove_file(&dir.join(second)).unwrap();
    let third = files(&disk).into_iter().filter(|name| name.ends_with(".index")).nth(2).unwrap();
    let third = disk.open(&dir.join(third), false).unwrap();
    third.write_at(&[0xff; 8], third.len().unwrap() - 8).unwrap();
    let (log, report) = try_open(&disk, small(), CLEAN).unwrap();
    assert_eq!(report.indexes_rebuilt, 3);
    assert_eq!(everything(&log), all);
    assert_eq!(disk.dump(), before);
}

#[test]
fn an_index_that_leads_astray_is_an_error_and_skips_nothing() {
    let (disk, mut log) = new_log(LogConfig { segment_bytes: 100_000, ..small() });
    for _ in 0..20 {
        append(&mut log, plain(2));
    }
    log.close().unwrap();
    let index = disk.open(&Path::new(DIR).join("00000000000000000000.index"), false).unwrap();
    // The position of the second entry: beyond the end of the segment, or in the next batch.
    for position in [[0x7f; 4], 600u32.to_be_bytes()] {
        index.write_at(&position, 12).unwrap();
        let log = open(&disk, small(), CLEAN);
        let wrong = (0..40).filter(|offset| match log.read(Offset(*offset), 1, true, Offset(40)) {
            Ok(read) => {
                assert_eq!(spans(&read), [(offset / 2 * 2, offset / 2 * 2 + 1)]);
                false
            }
            Err(Error::Corrupt { .. }) => true,
            Err(error) => panic!("{error}"),
        });
        assert!(wrong.count() > 0);
    }
}

#[test]
fn a_new_log_directory_survives() {
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        let dir = Path::new("/some/where/data");
        log_dir::create(&disk, dir).unwrap();
        log_dir::create(&disk, dir).unwrap();
        disk.crash();
        assert!(disk.stat(dir).unwrap().is_some(), "seed {seed}");
    }
}

#[test]
fn a_log_directory_has_one_owner_and_knows_how_it_was_left() {
    let disk = disk(1);
    let dir = Path::new("/data");
    let lock = log_dir::lock(&disk, dir).unwrap();
    assert!(matches!(log_dir::lock(&disk, dir), Err(Error::Locked { .. })));
    drop(lock);
    log_dir::lock(&disk, dir).unwrap();
    assert!(!log_dir::is_clean(&disk, dir).unwrap());
    log_dir::mark_clean(&disk, dir, 7).unwrap();
    disk.crash();
    assert!(log_dir::is_clean(&disk, dir).unwrap());
    log_dir::mark_dirty(&disk, dir).unwrap();
    disk.crash();
    assert!(!log_dir::is_clean(&disk, dir).unwrap());
}

#[test]
fn a_log_directory_knows_in_which_epoch_we_had_it() {
    let disk = disk(1);
    let dir = Path::new("/data");
    assert_eq!(log_dir::opened_in(&disk, dir).unwrap(), None);
    log_dir::mark_opened_in(&disk, dir, LeaderEpoch(12)).unwrap();
    disk.crash();
    assert_eq!(log_dir::opened_in(&disk, dir).unwrap(), Some(LeaderEpoch(12)));
    for garbage in [&b"x"[..], b"", b"\xff", &[b'1'; 100]] {
        let file = disk.open(&dir.join(".millstream"), true).unwrap();
        file.set_len(0).unwrap();
        file.write_at(garbage, 0).unwrap();
        assert_eq!(log_dir::opened_in(&disk, dir).unwrap(), None);
    }
}

#[test]
fn partitions_are_listed_and_deleted() {
    let (disk, mut log) = new_log(small());
    let data = Path::new("/data");
    let topic_partition = log.topic_partition().clone();
    let contents = log_dir::list(&disk, data).unwrap();
    assert_eq!(contents.partitions, [(topic_partition, Path::new(DIR).to_owned())]);
    let path = log.delete(protocol::Uuid::METADATA_TOPIC).unwrap();
    assert_eq!(path, Path::new("/data/t-0.00000000000000000000000000000001-delete"));
    let contents = log_dir::list(&disk, data).unwrap();
    assert_eq!((contents.partitions.len(), contents.deleted), (0, vec![path.clone()]));
    log_dir::remove_partition(&disk, &path).unwrap();
    assert!(disk.dump().keys().all(|path| !path.starts_with(DIR)));
}

/// A topic is deleted and made again while a flush of the old one waits for the disk.
#[test]
fn a_deleted_log_does_not_touch_the_next_one_of_its_name() {
    let (disk, mut old) = new_log(small());
    old.start_leader_epoch(LeaderEpoch(2));
    for _ in 0..5 {
        append(&mut old, plain(3));
    }
    let late = old.flush_target().unwrap().unwrap();
    old.flush().unwrap();
    old.close_idle_files();
    old.delete(protocol::Uuid::METADATA_TOPIC).unwrap();

    let mut new = open(&disk, small(), Recovery::default());
    append(&mut new, plain(1));
    new.flush().unwrap();
    let files = || disk.dump().into_iter().filter(|(path, _)| path.starts_with(DIR)).collect::<Vec<_>>();
    let before = files();

    assert!(matches!(late.sync(), Err(Error::Fenced { .. })));
    old.mark_flushed(&late);
    assert!(old.append_as_leader(&mut plain(1), LeaderEpoch(2), NOW, Origin::Client).is_err());
    assert!(old.read(Offset(0), 1000, true, Offset(15)).is_err());
    assert!(old.close().is_err());
    assert_eq!(files(), before);
}
