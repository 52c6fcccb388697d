//! Damaged files: what is found, where, and what a repair makes of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::checkpoint::OffsetCheckpoint;
use log::disk::Disk;
use log::disk::sim::SimDisk;
use log::inspect::directory::LogDirectory;
use log::inspect::repair::{Action, Method, Plan};
use log::inspect::{BatchWalk, Finding, PartitionReport, Scope, Step, What, verify};
use log::{Log, Origin, Recovery, log_dir};
use protocol::{LeaderEpoch, Offset, TopicPartition, Uuid};

use crate::support::*;

const DATA: &str = "/data";

/// A log of 20 batches with two records each, in several segments, with producers, an aborted transaction and two epochs; closed
/// in order, as a node does.
fn closed() -> SimDisk {
    let disk = disk(1);
    let mut log = open(&disk, small(), Recovery::default());
    log.write_topic_id(Uuid::METADATA_TOPIC).unwrap();
    for at in 0..6 {
        let mut batch = of_producer(1, 0, at * 2, 2, false);
        log.append_as_leader(&mut batch, LeaderEpoch(2), NOW, Origin::Client).unwrap();
    }
    append(&mut log, of_producer(2, 0, 0, 2, true));
    append_marker(&mut log, marker(2, 0, false, 0));
    append(&mut log, of_producer(2, 0, 2, 1, true));
    append_marker(&mut log, marker(2, 0, true, 0));
    for _ in 0..10 {
        append(&mut log, plain(2));
    }
    assert!(log.segment_count() > 3);
    close(&disk, log);
    disk
}

fn close(disk: &SimDisk, mut log: Log) {
    log.set_high_watermark(log.log_end_offset());
    log.close().unwrap();
    let (id, end) = (log.topic_partition().clone(), log.log_end_offset());
    for checkpoint in [OffsetCheckpoint::RecoveryPoint, OffsetCheckpoint::HighWatermark] {
        checkpoint.write(disk, Path::new(DATA), [(&id, end)]).unwrap();
    }
    log_dir::mark_clean(disk, Path::new(DATA), 1).unwrap();
}

fn scope(disk: &SimDisk) -> Scope {
    LogDirectory::read(disk, Path::new(DATA)).unwrap().scope(&TopicPartition::new("t", 0), false)
}

fn look(disk: &SimDisk) -> PartitionReport {
    verify(&disk.shared(), Path::new(DIR), &scope(disk), 100).unwrap()
}

fn findings(disk: &SimDisk) -> Vec<Finding> {
    look(disk).findings.list().to_vec()
}

fn repair(disk: &SimDisk, method: Method) -> (Plan, Vec<PathBuf>) {
    let shared = disk.shared();
    let plan = Plan::make(&shared, Path::new(DIR), &scope(disk), method).unwrap();
    let directory = LogDirectory::read(disk, Path::new(DATA)).unwrap();
    let aside = plan.carry_out(&shared, Some(&directory)).unwrap();
    (plan, aside)
}

fn reopen(disk: &SimDisk) -> Log {
    let scope = scope(disk);
    open(disk, small(), scope.recovery)
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn flip(disk: &SimDisk, name: &str, position: u64) {
    let file = disk.open(&path(name), false).unwrap();
    let mut byte = [0];
    assert_eq!(file.read_at(&mut byte, position).unwrap(), 1, "{name} has no byte {position}");
    file.write_at(&[byte[0] ^ 0x55], position).unwrap();
}

/// The segments' names, with position, size and offsets of each batch.
type Layout = Vec<(String, Vec<(u64, u64, i64, i64)>)>;

fn layout(disk: &SimDisk) -> Layout {
    let logs = files(disk).into_iter().filter(|name| name.ends_with(".log"));
    let walk = |name: &str| {
        let mut walk = BatchWalk::open(disk, &path(name), Offset(0), None).unwrap();
        let mut batches = Vec::new();
        while let Some(Step::Batch { position, header }) = walk.step().unwrap() {
            let (first, last) = (header.base_offset.get(), header.last_offset().get());
            batches.push((position, header.size_bytes() as u64, first, last));
        }
        batches
    };
    logs.map(|name| (name.clone(), walk(&name))).collect()
}

#[test]
fn a_good_log_has_no_findings() {
    let disk = closed();
    let report = look(&disk);
    assert_eq!(report.findings.list(), []);
    assert_eq!((report.batches, report.records, report.gaps), (20, 37, 0));
    assert_eq!((report.log_start_offset, report.log_end_offset), (Offset(0), Offset(37)));
    let size: usize =
        disk.dump().iter().filter(|(path, _)| path.starts_with(DIR)).map(|(_, f)| f.len()).sum();
    assert_eq!(report.bytes, size as u64);
    let plan = Plan::make(&disk.shared(), Path::new(DIR), &scope(&disk), Method::TakeOut).unwrap();
    assert!(plan.actions.is_empty() && plan.left.is_empty());
    assert!(LogDirectory::read(&disk, Path::new(DATA)).unwrap().findings.is_empty());
}

#[test]
fn every_byte_of_a_batch_counts_and_a_repair_loses_that_batch_only() {
    let (name, batches) = layout(&closed()).swap_remove(1);
    let (position, size, first, last) = batches[1];
    for at in position..position + size {
        let disk = closed();
        let before = everything(&reopen(&disk));
        let disk = closed();
        flip(&disk, &name, at);
        let found = findings(&disk);
        let finding = found.first().unwrap_or_else(|| panic!("byte {} is not noticed", at - position));
        assert_eq!((finding.path.clone(), finding.position), (path(&name), position), "{finding:?}");
        assert!(finding.before_recovery_point);
        if finding.what == What::LeaderEpoch {
            assert!((12..16).contains(&(at - position)), "only what no crc covers");
            continue;
        }
        assert!(matches!(finding.what, What::Batches { .. }), "{finding:?}");

        let (plan, aside) = repair(&disk, Method::TakeOut);
        assert_eq!(plan.lost(), [(Offset(first), Some(Offset(last + 1)), size)]);
        assert_eq!(aside, [path(&format!("{name}.{position}.corrupt"))]);
        assert_eq!(disk.dump()[&aside[0]].len() as u64, size);
        assert_eq!(findings(&disk), []);
        let expect: Vec<_> = before.into_iter().filter(|span| *span != (first, last)).collect();
        assert_eq!(everything(&reopen(&disk)), expect);
    }
}

#[test]
fn what_is_taken_out_leaves_a_gap_that_a_crash_does_not_widen() {
    for victim in 0..20 {
        let disk = closed();
        let all: Vec<_> = layout(&disk)
            .into_iter()
            .flat_map(|(name, b)| b.into_iter().map(move |b| (name.clone(), b)))
            .collect();
        let (name, (position, _, first, last)) = all[victim].clone();
        flip(&disk, &name, position + 61);
        repair(&disk, Method::TakeOut);
        assert_eq!(findings(&disk), [], "{victim}");
        let mut log = reopen(&disk);
        log_dir::mark_dirty(&disk, Path::new(DATA)).unwrap();
        assert_eq!(log.log_end_offset(), Offset(37), "offsets are not given twice");
        append(&mut log, plain(1));
        log.flush().unwrap();
        drop(log);
        disk.crash();
        let log = reopen(&disk);
        let mut expect: Vec<_> = all.iter().map(|(_, (.., first, last))| (*first, *last)).collect();
        expect.retain(|span| *span != (first, last));
        expect.push((37, 37));
        assert_eq!(everything(&log), expect, "{victim}");
    }
}

#[test]
fn a_cut_keeps_what_is_before_and_sets_the_rest_aside() {
    let disk = closed();
    let segments = layout(&disk);
    let (name, batches) = &segments[1];
    let (position, _, first, _) = batches[1];
    flip(&disk, name, position + 61);
    let bytes_before = disk.dump();
    let (plan, aside) = repair(&disk, Method::Cut);
    let lost: u64 = plan.lost().iter().map(|(.., bytes)| bytes).sum();
    let (end, old_end) = (Offset(first), Some(Offset(37)));
    assert_eq!(plan.lost(), [(end, old_end, lost)]);
    // The tail of one segment, and the others as they were.
    assert_eq!(disk.dump()[&aside[0]], bytes_before[&path(name)][position as usize..]);
    for (name, _) in &segments[2..] {
        assert_eq!(disk.dump()[&path(&format!("{name}.corrupt"))], bytes_before[&path(name)]);
    }
    assert_eq!(findings(&disk), []);
    assert_eq!(scope(&disk).recovery.recovery_point, end);
    let mut log = reopen(&disk);
    assert_eq!(log.log_end_offset(), end);
    assert_eq!(append(&mut log, plain(2)).first_offset, end);
}

#[test]
fn garbage_of_any_length_is_skipped_to_the_next_batch() {
    let disk = closed();
    let (name, batches) = layout(&disk).swap_remove(0);
    let content = disk.dump()[&path(&name)].clone();
    let at = batches[1].0 as usize;
    for len in [1, 11, 12, 61, 200, 5000, 3_000_000] {
        let garbage: Vec<u8> = (0..len).map(|i| if i % 7 == 0 { 2 } else { (i * 31) as u8 }).collect();
        let changed = [&content[..at], &garbage, &content[at..]].concat();
        disk.open(&path(&name), false).unwrap().write_at(&changed, 0).unwrap();
        let mut walk = BatchWalk::open(&disk, &path(&name), Offset(0), None).unwrap();
        let (mut found, mut damaged) = (0, Vec::new());
        while let Some(step) = walk.step().unwrap() {
            match step {
                Step::Batch { .. } => found += 1,
                Step::Damage(damage) => damaged.push((damage.position, damage.bytes)),
            }
        }
        assert_eq!((found, damaged), (batches.len(), vec![(at as u64, len as u64)]));
    }
}

#[test]
fn a_tail_past_the_recovery_point_is_left_to_the_next_start() {
    let disk = closed();
    log_dir::mark_dirty(&disk, Path::new(DATA)).unwrap();
    let (name, batches) = layout(&disk).pop().unwrap();
    let (position, _, first, _) = *batches.last().unwrap();
    let id = TopicPartition::new("t", 0);
    OffsetCheckpoint::RecoveryPoint.write(&disk, Path::new(DATA), [(&id, Offset(first))]).unwrap();
    flip(&disk, &name, position + 61);
    let found = findings(&disk);
    assert!(!found.is_empty() && found.iter().all(|finding| !finding.before_recovery_point), "{found:?}");
    let before = disk.dump();
    let (plan, _) = repair(&disk, Method::TakeOut);
    assert!(plan.actions.is_empty());
    assert_eq!(plan.left, found);
    assert_eq!(disk.dump(), before);
    assert_eq!(reopen(&disk).log_end_offset(), Offset(first));
}

/// Damages files one by one: each is found at its place, and the log is as before once it is repaired.
#[test]
fn damaged_files_beside_the_segments_are_found_and_mended() {
    let names: Vec<_> = files(&closed())
        .into_iter()
        .filter(|name| !name.ends_with(".log") && !closed().dump()[&path(name)].is_empty())
        .collect();
    let count = |suffix: &str| names.iter().filter(|name| name.ends_with(suffix)).count();
    assert!(count(".index") > 2 && count(".timeindex") > 2 && count(".snapshot") > 2, "{names:?}");
    assert_eq!((count(".txnindex"), count("checkpoint"), count(".metadata")), (1, 1, 1));
    for name in names {
        let disk = closed();
        let before = everything(&reopen(&disk));
        let disk = closed();
        // The first field that says something.
        let at = if name.ends_with(".txnindex") || name.ends_with(".timeindex") { 7 } else { 4 };
        flip(&disk, &name, at);
        let found = findings(&disk);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert_eq!(found[0].path, path(&name));
        let (plan, _) = repair(&disk, Method::TakeOut);
        assert_eq!((plan.actions.len(), plan.lost().len()), (1, 0), "{name}: {:?}", plan.actions);
        assert_eq!(findings(&disk), [], "{name}");
        let log = reopen(&disk);
        assert_eq!(everything(&log), before, "{name}");
        let aborted = log.aborted_transactions(Offset(0), Offset(37)).unwrap();
        assert_eq!(aborted.iter().map(|txn| txn.last_offset.get()).collect::<Vec<_>>(), [14], "{name}");
        assert_eq!(log.end_offset_for_epoch(LeaderEpoch(2)), Some((LeaderEpoch(2), Offset(12))), "{name}");
        assert!(log.producers().get(protocol::ProducerId(1)).is_some(), "{name}");
    }
}

#[test]
fn indexes_that_are_missing_or_lead_astray_are_found() {
    let check = |change: &dyn Fn(&SimDisk), file: &str, expect: &str| {
        let disk = closed();
        change(&disk);
        let found = findings(&disk);
        assert!(
            found
                .iter()
                .any(|f| f.path == path(file) && f.expected.contains(expect) && f.before_recovery_point),
            "{file} {expect}: {found:?}"
        );
        let plan = Plan::make(&disk.shared(), Path::new(DIR), &scope(&disk), Method::TakeOut).unwrap();
        assert!(matches!(plan.actions[..], [Action::RebuildIndexes { .. }]), "{:?}", plan.actions);
    };
    let index = "00000000000000000000.index";
    let times = "00000000000000000000.timeindex";
    let write = |name: &'static str, at: u64, bytes: &'static [u8]| {
        move |disk: &SimDisk| disk.open(&path(name), false).unwrap().write_at(bytes, at).unwrap()
    };
    check(&|disk| disk.remove_file(&path(index)).unwrap(), index, "an index of the segment");
    check(&|disk| disk.remove_file(&path(times)).unwrap(), times, "an index of the segment");
    check(&write(index, 7, &[1]), index, "the position of a batch");
    check(&write(index, 3, &[0]), index, "an offset from that batch on");
    check(&write(index, 8, &[0; 7]), index, "entries that grow");
    check(&write(index, 100, &[1, 2, 3]), index, "whole entries");
    check(&write(times, 11, &[99]), times, "an offset before the end of the segment");
    check(&write(times, 0, &[0; 8]), times, "at least 1000000");
    check(&write(times, 0, &[1; 8]), times, "the greatest up to there");
}

#[test]
fn a_log_that_ends_too_early_does_not_give_offsets_twice() {
    let disk = closed();
    let last = files(&disk).into_iter().rfind(|name| name.ends_with(".log")).unwrap();
    for name in files(&disk).iter().filter(|name| name.starts_with(&last[..20])) {
        disk.remove_file(&path(name)).unwrap();
    }
    let found = findings(&disk);
    assert!(matches!(found[..], [Finding { what: What::End { needed: Offset(37) }, .. }]), "{found:?}");
    repair(&disk, Method::TakeOut);
    assert_eq!(findings(&disk), []);
    let mut log = reopen(&disk);
    assert_eq!(append(&mut log, plain(1)).first_offset, Offset(37));
}

#[test]
fn checkpoints_that_cannot_be_read_are_findings_of_the_directory() {
    for checkpoint in OffsetCheckpoint::ALL {
        let disk = closed();
        let path = Path::new(DATA).join(checkpoint.file_name());
        disk.open(&path, true).unwrap().write_at(b"0\n9\n", 0).unwrap();
        let found = LogDirectory::read(&disk, Path::new(DATA)).unwrap().findings;
        assert!(matches!(found.list(), [Finding { what: What::Directory, .. }]), "{found:?}");
        assert_eq!(found.list()[0].path, path);
    }
}

/// A node writes: the tail is torn, the last segment's indexes are behind.
#[test]
fn of_a_running_log_only_what_is_durable_counts() {
    let disk = disk(1);
    let mut log = open(&disk, small(), Recovery::default());
    for _ in 0..10 {
        append(&mut log, plain(2));
    }
    log.flush().unwrap();
    let id = TopicPartition::new("t", 0);
    OffsetCheckpoint::RecoveryPoint.write(&disk, Path::new(DATA), [(&id, log.durable_offset())]).unwrap();
    append(&mut log, plain(2));
    let (name, batches) = layout(&disk).pop().unwrap();
    let (position, ..) = *batches.last().unwrap();
    flip(&disk, &name, position + 61);
    let running = Scope { running: true, ..scope(&disk) };
    let report = verify(&disk.shared(), Path::new(DIR), &running, 100).unwrap();
    assert_eq!(report.findings.list(), []);
    assert_eq!(report.log_end_offset, Offset(20));
    flip(&disk, "00000000000000000000.log", 70);
    let report = verify(&disk.shared(), Path::new(DIR), &running, 100).unwrap();
    assert!(matches!(report.findings.list(), [Finding { what: What::Batches { .. }, position: 0, .. }]));
}

#[test]
fn findings_are_bounded() {
    let disk = closed();
    for (name, batches) in layout(&disk) {
        batches.iter().step_by(2).for_each(|(position, ..)| flip(&disk, &name, position + 61));
    }
    let report = verify(&disk.shared(), Path::new(DIR), &scope(&disk), 3).unwrap();
    assert_eq!(report.findings.list().len(), 3);
    assert!(report.findings.left_out() >= 5);
    assert!(!report.findings.is_empty());
}

/// The power goes at each operation of a repair in turn: what is there then is mended by another one.
#[test]
fn a_repair_that_is_interrupted_loses_no_more() {
    for method in [Method::TakeOut, Method::Cut] {
        for stop_at in 0.. {
            let disk = closed();
            let (name, batches) = layout(&disk).swap_remove(1);
            let (position, _, first, last) = batches[1];
            let mut expect = everything(&reopen(&disk));
            expect.retain(|span| match method {
                Method::TakeOut => *span != (first, last),
                Method::Cut => span.0 < first,
            });
            let disk = closed();
            disk.crash();
            flip(&disk, &name, position + 61);
            disk.open(&path(&name), false).unwrap().sync_data().unwrap();
            let shared: Arc<dyn Disk> = disk.shared();
            let plan = Plan::make(&shared, Path::new(DIR), &scope(&disk), method).unwrap();
            let directory = LogDirectory::read(&disk, Path::new(DATA)).unwrap();
            disk.stop_at(disk.operations() + stop_at);
            let done = plan.carry_out(&shared, Some(&directory)).is_ok();
            disk.crash();
            repair(&disk, method);
            repair(&disk, Method::TakeOut);
            assert_eq!(findings(&disk), [], "{method:?} stopped at {stop_at}");
            assert_eq!(everything(&reopen(&disk)), expect, "{method:?} stopped at {stop_at}");
            if done {
                assert!(stop_at > 10);
                break;
            }
        }
    }
}
