//! Idempotent and transactional producers.

use log::producer::{MarkerCheck, Transactional, VerificationGuard};
use log::{AbortedTxn, Error, Log, LogConfig, Origin, Recovery, Refusal};
use protocol::records::BatchHeader;
use protocol::{Offset, ProducerEpoch, ProducerId};
use stdx::Now;

use crate::support::*;

fn check(log: &mut Log, epoch: i16, sequence: i32, records: usize, expect: Result<i64, ()>) {
    let mut batch = of_producer(1, epoch, sequence, records, false);
    match (log.append_as_leader(&mut batch, EPOCH, NOW, Origin::Client), expect) {
        (Ok(info), Ok(first)) => assert_eq!(info.first_offset, Offset(first), "{epoch} {sequence}"),
        (Err(Error::Refused(_)), Err(())) => {}
        (found, _) => panic!("epoch {epoch}, sequence {sequence}: {found:?}"),
    }
}

#[test]
fn sequences_go_on_without_gaps() {
    let (_, mut log) = new_log(small());
    // An unknown producer may start anywhere: its records may be deleted.
    check(&mut log, 0, 7, 2, Ok(0));
    check(&mut log, 0, 9, 1, Ok(2));
    check(&mut log, 0, 11, 1, Err(()));
    check(&mut log, 0, 8, 2, Err(()));
    check(&mut log, 0, 10, 1, Ok(3));
    // A new epoch starts at 0.
    check(&mut log, 1, 11, 1, Err(()));
    check(&mut log, 1, 0, 1, Ok(4));
    check(&mut log, 1, 0, 2, Err(()));
    check(&mut log, 0, 11, 1, Err(()));
    let refusal = refused(&mut log, of_producer(1, 0, 0, 1, false));
    let epochs = (ProducerEpoch(0), ProducerEpoch(1));
    assert_eq!(
        refusal,
        Refusal::ProducerEpoch { producer_id: ProducerId(1), found: epochs.0, last: epochs.1 }
    );
}

#[test]
fn sequences_wrap() {
    let (_, mut log) = new_log(small());
    check(&mut log, 0, i32::MAX - 1, 4, Ok(0));
    check(&mut log, 0, i32::MAX - 1, 4, Ok(0));
    check(&mut log, 0, 2, 1, Ok(4));
    let (_, mut log) = new_log(small());
    check(&mut log, 0, i32::MAX, 1, Ok(0));
    check(&mut log, 0, 0, 1, Ok(1));
    check(&mut log, 0, i32::MAX, 1, Ok(0));
}

#[test]
fn producers_outlive_their_records() {
    for power_loss in [false, true] {
        let (disk, mut log) = new_log(LogConfig { retention_bytes: 0, ..small() });
        (0..3).for_each(|at| check(&mut log, 0, at, 1, Ok(i64::from(at))));
        // Everything goes before any of it was flushed.
        log.set_high_watermark(Offset(3));
        log.retain(NOW).unwrap();
        assert_eq!(log.log_start_offset(), Offset(3));
        check(&mut log, 0, 3, 1, Ok(3));
        if power_loss {
            log.flush().unwrap();
            disk.crash();
        } else {
            disk.kill();
        }
        let mut log = open(&disk, small(), Recovery { log_start_offset: Offset(3), ..Recovery::default() });
        assert_eq!(log.log_end_offset(), Offset(4));
        let again = append(&mut log, of_producer(1, 0, 1, 1, false));
        assert_eq!((again.first_offset, again.duplicate), (Offset(1), true), "{power_loss}");
    }
}

/// What retention takes before it was ever flushed is not missed by a producer that sends it again.
#[test]
fn producers_outlive_records_that_no_flush_has_seen() {
    // Whether the checkpoint of the log's start was written or not.
    for (seed, log_start_offset) in (0..200).flat_map(|seed| [(seed, Offset(0)), (seed, Offset(4))]) {
        let disk = disk(seed);
        let config = LogConfig { retention_bytes: 0, ..small() };
        let mut log = open(&disk, config.clone(), Recovery::default());
        check(&mut log, 0, 0, 1, Ok(0));
        log.flush().unwrap();
        (1..4).for_each(|at| check(&mut log, 0, at, 1, Ok(i64::from(at))));
        log.set_high_watermark(Offset(4));
        log.retain(NOW).unwrap();
        assert_eq!(log.log_start_offset(), Offset(4));
        check(&mut log, 0, 4, 1, Ok(4));
        disk.crash();
        let known = Recovery { recovery_point: Offset(1), log_start_offset, ..Recovery::default() };
        let mut log = open(&disk, config, known);
        for sequence in 1..6 {
            let mut again = of_producer(1, 0, sequence, 1, false);
            let appended = log.append_as_leader(&mut again, EPOCH, NOW, Origin::Client);
            assert!(appended.is_ok(), "seed {seed}: {appended:?}");
        }
    }
}

#[test]
fn a_snapshot_that_a_crash_has_torn_is_not_kept() {
    use log::disk::Disk as _;
    let (disk, mut log) = new_log(small());
    (0..3).for_each(|at| check(&mut log, 0, at, 1, Ok(i64::from(at))));
    log.flush().unwrap();
    // The power went while the log was closed.
    disk.crash();
    disk.open(&std::path::Path::new(DIR).join("00000000000000000003.snapshot"), true).unwrap();
    let known = Recovery { recovery_point: Offset(3), log_start_offset: Offset(3), ..Recovery::default() };
    open(&disk, small(), known).close().unwrap();
    let mut log = open(&disk, small(), Recovery { clean_shutdown: true, ..known });
    let again = append(&mut log, of_producer(1, 0, 1, 1, false));
    assert_eq!((again.first_offset, again.duplicate), (Offset(1), true));
}

#[test]
fn a_segment_that_was_durable_before_it_was_complete_keeps_its_producers() {
    for seed in 0..20 {
        let disk = disk(seed);
        let config = LogConfig { segment_bytes: 500, retention_bytes: 0, ..small() };
        let mut log = open(&disk, config.clone(), Recovery::default());
        (0..3).for_each(|at| check(&mut log, 0, at, 1, Ok(i64::from(at))));
        log.flush().unwrap();
        append(&mut log, plain(20));
        assert_eq!(log.segment_count(), 2);
        log.flush().unwrap();
        log.set_high_watermark(Offset(3));
        log.advance_log_start_offset(Offset(3)).unwrap();
        for path in log.retain(NOW).unwrap().files {
            use log::disk::Disk as _;
            disk.remove_file(&path).unwrap();
        }
        log.flush().unwrap();
        disk.crash();
        let known =
            Recovery { recovery_point: Offset(23), log_start_offset: Offset(3), ..Recovery::default() };
        let mut log = open(&disk, config, known);
        let again = append(&mut log, of_producer(1, 0, 1, 1, false));
        assert_eq!((again.first_offset, again.duplicate), (Offset(1), true), "seed {seed}");
    }
}

#[test]
fn five_batches_are_remembered_also_after_a_crash() {
    let (disk, mut log) = new_log(small());
    (0..7).for_each(|at| check(&mut log, 0, at * 2, 2, Ok(i64::from(at) * 2)));
    let after = |log: &mut Log| {
        for at in 2..7 {
            let info = append(log, of_producer(1, 0, at * 2, 2, false));
            let expect = (Offset(i64::from(at) * 2), Offset(i64::from(at) * 2 + 1), true);
            assert_eq!((info.first_offset, info.last_offset, info.duplicate), expect);
        }
        check(log, 0, 2, 2, Err(()));
        assert_eq!(log.log_end_offset(), Offset(14));
    };
    after(&mut log);
    log.flush().unwrap();
    drop(log);
    disk.crash();
    after(&mut open(&disk, LogConfig { segment_bytes: 100_000, ..small() }, Recovery::default()));
}

#[test]
fn a_clean_restart_knows_the_last_five_batches() {
    let (disk, mut log) = new_log(small());
    (0..7).for_each(|at| check(&mut log, 0, at * 2, 2, Ok(i64::from(at) * 2)));
    log.close().unwrap();
    let mut log = open(&disk, small(), CLEAN);
    (2..7).for_each(|at| check(&mut log, 0, at * 2, 2, Ok(i64::from(at) * 2)));
    check(&mut log, 0, 2, 2, Err(()));
    check(&mut log, 0, 15, 1, Err(()));
    check(&mut log, 0, 14, 1, Ok(14));
}

#[test]
fn silent_producers_are_forgotten() {
    let (_, mut log) = new_log(LogConfig { producer_id_expiration_ms: 1000, ..small() });
    append(&mut log, of_producer(1, 0, 0, 1, false));
    append(&mut log, of_producer(2, 0, 0, 1, true));
    let at = |ms| Now::at_ms(NOW.monotonic_ms + ms);
    log.remove_expired_producers(at(999));
    assert_eq!(log.producers().producers().count(), 2);
    log.remove_expired_producers(at(1000));
    // The one with a transaction stays.
    let left: Vec<_> = log.producers().producers().map(|producer| producer.producer_id).collect();
    assert_eq!(left, [ProducerId(2)]);
}

fn stable(log: &mut Log) -> i64 {
    log.set_high_watermark(log.log_end_offset());
    log.last_stable_offset().get()
}

#[test]
fn the_last_stable_offset_waits_for_the_oldest_transaction() {
    let (disk, mut log) = new_log(small());
    append(&mut log, plain(1));
    append(&mut log, of_producer(1, 0, 0, 2, true));
    append(&mut log, of_producer(2, 0, 0, 2, true));
    assert_eq!(stable(&mut log), 1);
    append_marker(&mut log, marker(2, 0, false, 1));
    assert_eq!(stable(&mut log), 1);
    append_marker(&mut log, marker(1, 0, true, 1));
    // Decided, but the marker is not replicated.
    log.set_high_watermark(Offset(5));
    assert_eq!(log.last_stable_offset(), Offset(1));
    assert_eq!(stable(&mut log), 7);
    let aborted = AbortedTxn {
        producer_id: ProducerId(2),
        first_offset: Offset(3),
        last_offset: Offset(5),
        last_stable_offset: Offset(1),
    };
    let found = |log: &Log, from, to| log.aborted_transactions(Offset(from), Offset(to)).unwrap();
    assert_eq!(found(&log, 0, 7), [aborted]);
    assert_eq!(found(&log, 0, 3), []);
    assert_eq!(found(&log, 6, 7), []);
    // All of that after a clean restart, and rebuilt after a crash.
    log.close().unwrap();
    let mut log = open(&disk, small(), CLEAN);
    assert_eq!((stable(&mut log), found(&log, 0, 7)), (7, vec![aborted]));
    drop(log);
    disk.crash();
    let mut log = open(&disk, small(), Recovery::default());
    assert_eq!((stable(&mut log), found(&log, 0, 7)), (7, vec![aborted]));
}

#[test]
fn an_open_transaction_survives_segments_and_restarts() {
    let (disk, mut log) = new_log(small());
    append(&mut log, of_producer(1, 0, 0, 2, true));
    for _ in 0..20 {
        append(&mut log, plain(2));
    }
    assert!(log.segment_count() > 3);
    log.close().unwrap();
    let mut log = open(&disk, small(), CLEAN);
    assert_eq!(stable(&mut log), 0);
    log.flush().unwrap();
    drop(log);
    disk.crash();
    let mut log = open(&disk, small(), Recovery { recovery_point: Offset(42), ..Recovery::default() });
    assert_eq!(stable(&mut log), 0);
    append_marker(&mut log, marker(1, 0, false, 0));
    assert_eq!(stable(&mut log), 43);
    assert_eq!(log.aborted_transactions(Offset(0), Offset(2)).unwrap().len(), 1);
}

#[test]
fn markers_and_plain_batches_out_of_order_are_refused() {
    let (_, mut log) = new_log(small());
    append(&mut log, of_producer(1, 3, 0, 1, true));
    assert_eq!(refused(&mut log, of_producer(1, 3, 1, 1, false)), Refusal::NotInTransaction(ProducerId(1)));
    append_marker(&mut log, marker(1, 3, true, 5));
    let coordinator = |log: &mut Log, mut batch: Vec<u8>| match log.append_as_leader(
        &mut batch,
        EPOCH,
        NOW,
        Origin::Coordinator,
    ) {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    let old = coordinator(&mut log, marker(1, 3, true, 4));
    assert_eq!(old, Refusal::CoordinatorEpoch { producer_id: ProducerId(1), found: 4, last: 5 });
    let old = coordinator(&mut log, marker(1, 2, true, 5));
    assert!(matches!(old, Refusal::ProducerEpoch { .. }));
    // A coordinator's own records have no sequences.
    let mut batch = of_producer(1, 3, -1, 1, true);
    log.append_as_leader(&mut batch, EPOCH, NOW, Origin::Coordinator).unwrap();
}

fn transactional(batch: &[u8], is_of_epoch: bool) -> Transactional {
    Transactional::of(&BatchHeader::parse(batch).unwrap(), is_of_epoch).unwrap()
}

/// Begins the verification of a batch; whether it may be appended then, where every transaction has its epoch or not.
fn verify(log: &mut Log, batch: &[u8], is_of_epoch: bool) -> Result<(), Refusal> {
    let guard = log.start_verification(transactional(batch, is_of_epoch), NOW);
    may_append(log, batch, guard, is_of_epoch)
}

fn may_append(
    log: &Log,
    batch: &[u8],
    guard: Option<VerificationGuard>,
    is_of_epoch: bool,
) -> Result<(), Refusal> {
    match log.check_verified(transactional(batch, is_of_epoch), guard) {
        Ok(()) => Ok(()),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn the_first_batch_of_a_transaction_needs_a_guard() {
    let (_, mut log) = new_log(small());
    let (first, second) = (of_producer(1, 3, 0, 1, true), of_producer(1, 3, 1, 1, true));
    let unverified = Err(Refusal::NotVerified(ProducerId(1)));
    assert_eq!(may_append(&log, &first, None, false), unverified);
    assert_eq!(verify(&mut log, &first, false), Ok(()));
    // Who asked later does not come first.
    assert!(matches!(verify(&mut log, &second, false), Err(Refusal::OutOfOrderSequence { .. })));
    append(&mut log, first.clone());
    assert_eq!(may_append(&log, &second, None, false), Ok(()));
    assert_eq!(may_append(&log, &of_producer(1, 4, 0, 1, true), None, false), unverified, "another epoch's");
    append_marker(&mut log, marker(1, 3, true, 5));
    assert_eq!(may_append(&log, &second, None, false), unverified, "another transaction");
}

#[test]
fn a_marker_voids_the_guard() {
    let (_, mut log) = new_log(small());
    let first = of_producer(1, 3, 0, 1, true);
    let guard = log.start_verification(transactional(&first, false), NOW);
    assert_eq!(
        guard,
        log.start_verification(transactional(&first, false), NOW),
        "one transaction, one guard"
    );
    append_marker(&mut log, marker(1, 3, false, 5));
    assert_eq!(may_append(&log, &first, guard, false), Err(Refusal::NotVerified(ProducerId(1))));
    assert_ne!(log.start_verification(transactional(&first, false), NOW), guard);
}

#[test]
fn the_marker_before_does_not_void_the_guard_of_a_new_epoch() {
    let (_, mut log) = new_log(small());
    append(&mut log, of_producer(1, 3, 0, 1, true));
    // The client goes on while the markers are being written.
    let next = of_producer(1, 4, 0, 1, true);
    let guard = log.start_verification(transactional(&next, true), NOW);
    append_marker(&mut log, marker(1, 4, true, 5));
    assert_eq!(may_append(&log, &next, guard, true), Ok(()));
    append_marker(&mut log, marker(1, 5, false, 5));
    assert_eq!(may_append(&log, &next, guard, true), Err(Refusal::NotVerified(ProducerId(1))));
}

#[test]
fn a_transaction_with_an_epoch_of_its_own_begins_with_sequence_0() {
    let (_, mut log) = new_log(small());
    let late = of_producer(1, 3, 5, 1, true);
    assert_eq!(verify(&mut log, &late, false), Ok(()), "its first records may be deleted");
    assert!(matches!(verify(&mut log, &late, true), Err(Refusal::OutOfOrderSequence { .. })));
    // After the marker of the transaction before, which has the epoch of this one.
    append_marker(&mut log, marker(1, 3, true, 5));
    assert_eq!(verify(&mut log, &of_producer(1, 3, 0, 1, true), true), Ok(()));
}

#[test]
fn verifications_are_forgotten_in_time() {
    let (_, mut log) = new_log(small());
    let first = of_producer(1, 3, 0, 1, true);
    let guard = log.start_verification(transactional(&first, false), NOW);
    log.remove_expired_producers(NOW);
    assert_eq!(may_append(&log, &first, guard, false), Ok(()));
    let later = Now { unix_ms: NOW.unix_ms + small().producer_id_expiration_ms, ..NOW };
    log.remove_expired_producers(later);
    assert_eq!(may_append(&log, &first, guard, false), Err(Refusal::NotVerified(ProducerId(1))));
}

#[test]
fn a_marker_is_written_once_and_in_its_own_epoch() {
    let (_, mut log) = new_log(small());
    let check = |log: &Log, epoch: i16, is_of_epoch: bool| match log.check_marker(
        ProducerId(1),
        ProducerEpoch(epoch),
        is_of_epoch,
    ) {
        Ok(check) => Some(check),
        Err(Error::Refused(Refusal::ProducerEpoch { .. })) => None,
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(check(&log, 3, true), Some(MarkerCheck::Write), "nothing was written here");
    append(&mut log, of_producer(1, 3, 0, 1, true));
    assert_eq!(check(&log, 2, false), None);
    assert_eq!(check(&log, 3, false), Some(MarkerCheck::Write));
    // A late marker of the transaction before.
    assert_eq!(check(&log, 3, true), None);
    assert_eq!(check(&log, 4, true), Some(MarkerCheck::Write));
    append_marker(&mut log, marker(1, 4, true, 5));
    assert_eq!(check(&log, 4, true), Some(MarkerCheck::Written));
    assert_eq!(check(&log, 4, false), Some(MarkerCheck::Write));
    assert_eq!(check(&log, 3, true), None);
}

/// Segments before the log's start go at a start, since the snapshot behind them knows their producers; but a process that is
/// killed may have left that in the page cache only.
#[test]
fn producers_of_deleted_records_survive_a_kill_and_then_a_crash() {
    for seed in 0..50 {
        let disk = disk(seed);
        let mut log = open(&disk, small(), Recovery::default());
        append(&mut log, of_producer(1, 0, 0, 2, true));
        log.flush().unwrap();
        append(&mut log, plain(15));
        append(&mut log, plain(10));
        assert!(log.segment_count() > 1);
        log.set_high_watermark(log.log_end_offset());
        log.advance_log_start_offset(Offset(17)).unwrap();
        drop(log);
        disk.kill();
        let recovery = Recovery { log_start_offset: Offset(17), ..Recovery::default() };
        drop(open(&disk, small(), recovery));
        disk.crash();
        let log = open(&disk, small(), recovery);
        let known = log.producers().get(ProducerId(1));
        // Where nothing is left of the log, nothing is known.
        assert!(known.is_some() || log.segment_count() == 1 && everything(&log).is_empty(), "seed {seed}");
    }
}
