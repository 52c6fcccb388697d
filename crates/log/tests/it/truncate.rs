//! Followers cut their logs.

use log::{Origin, Recovery};
use protocol::{LeaderEpoch, Offset};

use crate::support::*;

#[test]
fn to_an_offset_with_all_that_belongs_to_it() {
    let (disk, mut log) = new_log(small());
    for epoch in 0..10 {
        let mut batch = of_producer(1, 0, epoch * 2, 2, false);
        log.append_as_leader(&mut batch, LeaderEpoch(epoch), NOW, Origin::Client).unwrap();
    }
    log.flush().unwrap();
    let files_to_remove = log.truncate_to(Offset(7), NOW).unwrap();
    assert!(!files_to_remove.is_empty());
    // The batch that contains the offset is gone as a whole.
    assert_eq!((log.log_end_offset(), log.durable_offset()), (Offset(6), Offset(6)));
    assert_eq!(everything(&log), [(0, 1), (2, 3), (4, 5)]);
    assert_eq!(log.latest_leader_epoch(), Some(LeaderEpoch(2)));
    assert_eq!(log.producers().producers().next().unwrap().last_sequence(), 5);
    log.append_as_leader(&mut of_producer(1, 0, 6, 1, false), LeaderEpoch(12), NOW, Origin::Client).unwrap();
    assert_eq!(log.end_offset_for_epoch(LeaderEpoch(2)), Some((LeaderEpoch(2), Offset(6))));
    log.close().unwrap();
    let log = open(&disk, small(), CLEAN);
    assert_eq!(everything(&log), [(0, 1), (2, 3), (4, 5), (6, 6)]);
    assert_eq!(log.latest_leader_epoch(), Some(LeaderEpoch(12)));
}

#[test]
fn beyond_the_end_only_forgets_an_empty_epoch() {
    let (_, mut log) = new_log(small());
    append(&mut log, plain(2));
    log.start_leader_epoch(LeaderEpoch(8));
    assert_eq!(log.latest_leader_epoch(), Some(LeaderEpoch(8)));
    assert!(log.truncate_to(Offset(2), NOW).unwrap().is_empty());
    assert_eq!(log.latest_leader_epoch(), Some(EPOCH));
    assert_eq!(log.log_end_offset(), Offset(2));
}

#[test]
fn fully() {
    let (disk, mut log) = new_log(small());
    for at in 0..20 {
        append(&mut log, of_producer(1, 0, at, 1, false));
    }
    log.truncate_fully_and_start_at(Offset(100), Offset(90), NOW).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset(90), Offset(100)));
    assert_eq!((log.latest_leader_epoch(), log.producers().producers().count()), (None, 0));
    drop(log);
    disk.crash();
    let recovery = Recovery { log_start_offset: Offset(90), ..Recovery::default() };
    let mut log = open(&disk, small(), recovery);
    assert_eq!(log.log_end_offset(), Offset(100));
    assert_eq!(append(&mut log, plain(1)).first_offset, Offset(100));
}

#[test]
fn a_flush_from_before_says_nothing_about_what_came_after() {
    let (_, mut log) = new_log(small());
    for _ in 0..4 {
        append(&mut log, plain(1));
    }
    let target = log.flush_target().unwrap().unwrap();
    target.sync().unwrap();
    log.truncate_to(Offset(1), NOW).unwrap();
    for _ in 0..3 {
        append(&mut log, plain(1));
    }
    log.mark_flushed(&target);
    assert_eq!(log.durable_offset(), Offset(0));
    log.flush().unwrap();
    assert_eq!(log.durable_offset(), Offset(4));
}
