//! Compaction: what stays, by Kafka's rules, and that no crash loses more.

use std::collections::{BTreeMap, BTreeSet};

use log::disk::sim::SimDisk;
use log::{Cleanable, CleaningLimits, CleaningReport, Error, Log, LogConfig, Origin, Recovery, Result};
use proptest::prelude::*;
use protocol::compression::Codec;
use protocol::records::{BatchBuilder, ControlType, NewRecord, batches};
use protocol::{Offset, ProducerEpoch, ProducerId};
use stdx::Now;

use crate::support::*;

const LIMITS: CleaningLimits =
    CleaningLimits { map_bytes: 1 << 16, map_load: 0.9, write_bytes: 1000, seed: [7, 11] };
const RETENTION_MS: i64 = 1000;

fn compacted() -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        delete_retention_ms: RETENTION_MS,
        min_cleanable_dirty_ratio: 0.0,
        ..small()
    }
}

/// A batch of records: key, and value or none for a tombstone.
fn keyed(records: &[(&str, Option<&str>)]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(Offset::ZERO);
    for (key, value) in records {
        let record = NewRecord {
            timestamp: NOW.unix_ms,
            key: Some(key.as_bytes()),
            value: value.map(str::as_bytes),
            ..NewRecord::default()
        };
        builder.append_next(record).unwrap();
    }
    builder
}

fn put(log: &mut Log, records: &[(&str, Option<&str>)]) {
    append(log, keyed(records).build().unwrap());
}

/// Ends the segment: only complete ones are cleaned.
fn roll(log: &mut Log) {
    let before = log.config().segment_bytes;
    set_segment_bytes(log, 90);
    append(log, keyed(&[("roll", Some("r"))]).build().unwrap());
    set_segment_bytes(log, before);
    settle(log);
}

fn set_segment_bytes(log: &mut Log, segment_bytes: u32) {
    let mut config = log.config().clone();
    config.segment_bytes = segment_bytes;
    log.set_config(config);
}

fn settle(log: &mut Log) {
    log.set_high_watermark(log.log_end_offset());
    log.flush().unwrap();
}

fn try_clean(
    log: &mut Log,
    what: Cleanable,
    limits: CleaningLimits,
    now: Now,
) -> Result<(Offset, CleaningReport)> {
    let mut cleaning = log.start_cleaning(what, limits, now)?;
    let clean_to = cleaning.map(&mut |_| Ok(()))?;
    while let Some(cleaned) = cleaning.next(&mut |_| Ok(()))? {
        log.replace(cleaned)?.unwrap();
    }
    log.flush()?;
    Ok((clean_to, cleaning.report()))
}

/// Cleans from an offset on; where the log is clean then.
fn clean_from(log: &mut Log, first_dirty: i64, now_ms: i64) -> i64 {
    let now = Now { unix_ms: now_ms, monotonic_ms: 0 };
    let what = log.cleanable(Some(Offset(first_dirty)), now).unwrap().unwrap();
    try_clean(log, what, LIMITS, now).unwrap().0.get()
}

/// Offset, key and value of every record.
fn records(log: &Log) -> Vec<(i64, String, Option<String>)> {
    let read = log.read(log.log_start_offset(), u64::MAX, true, log.log_end_offset()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut found = Vec::new();
    for batch in batches(&bytes(&read)) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        if batch.header().attributes.is_control() {
            continue;
        }
        let unpacked = batch.decompress(1 << 20).unwrap();
        for record in batch.records(&unpacked) {
            let record = record.unwrap();
            found.push((record.offset.get(), text(record.key.unwrap()), record.value.map(text)));
        }
    }
    found
}

fn short(log: &Log) -> String {
    let show = |(offset, key, value): &(i64, String, Option<String>)| {
        format!("{offset}:{key}={}", value.as_deref().unwrap_or("-"))
    };
    records(log).iter().map(show).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_newest_of_each_key_stays_at_its_offset() {
    let (_, mut log) = new_log(compacted());
    put(&mut log, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    put(&mut log, &[("a", Some("2")), ("c", Some("2"))]);
    put(&mut log, &[("c", Some("3"))]);
    roll(&mut log);
    assert_eq!(clean_from(&mut log, 0, 0), 6);
    assert_eq!(short(&log), "1:b=1 3:a=2 5:c=3 6:roll=r");
    assert_eq!(everything(&log), [(0, 2), (3, 4), (5, 5), (6, 6)], "batches keep the offsets they had");
    // A read begins at an offset whose record is gone.
    assert_eq!(spans(&log.read(Offset(4), 1, true, Offset(7)).unwrap()), [(3, 4)]);
    assert_eq!(log.cleanable(Some(Offset(6)), NOW).unwrap(), None, "all of it is clean");
}

#[test]
fn what_becomes_empty_goes_but_for_the_last_batch() {
    let (disk, mut log) = new_log(compacted());
    for value in ["1", "2", "3"] {
        put(&mut log, &[("a", Some(value))]);
        put(&mut log, &[("b", Some(value))]);
    }
    put(&mut log, &[("z", Some("1"))]);
    roll(&mut log);
    put(&mut log, &[("z", Some("2"))]);
    roll(&mut log);
    let end = clean_from(&mut log, 0, 0);
    assert_eq!(short(&log), "4:a=3 5:b=3 7:roll=r 8:z=2 9:roll=r");
    assert_eq!(end, 9);
    let mut log = reopen(&disk, log);
    assert_eq!(short(&log), "4:a=3 5:b=3 7:roll=r 8:z=2 9:roll=r");
    assert_eq!(log.cleanable(Some(Offset(9)), NOW).unwrap(), None);
}

fn reopen(disk: &SimDisk, mut log: Log) -> Log {
    log.close().unwrap();
    let config = log.config().clone();
    drop(log);
    let mut log = open(disk, config, CLEAN);
    settle(&mut log);
    log
}

#[test]
fn every_codec_is_kept() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let (_, mut log) = new_log(compacted());
        append(&mut log, keyed(&[("a", Some("1")), ("b", Some("1"))]).compression(codec).build().unwrap());
        append(&mut log, keyed(&[("a", Some("2"))]).compression(codec).build().unwrap());
        roll(&mut log);
        clean_from(&mut log, 0, 0);
        assert_eq!(short(&log), "1:b=1 2:a=2 3:roll=r");
        let read = log.read(Offset(0), 1, true, Offset(2)).unwrap();
        let first = bytes(&read);
        assert_eq!(batches(&first).next().unwrap().unwrap().header().attributes.codec().unwrap(), codec);
    }
}

#[test]
fn tombstones_stay_until_their_horizon() {
    let (_, mut log) = new_log(compacted());
    put(&mut log, &[("a", Some("1")), ("b", Some("1"))]);
    put(&mut log, &[("a", None)]);
    roll(&mut log);
    let clean_to = clean_from(&mut log, 0, 5000);
    assert_eq!(short(&log), "1:b=1 2:a=- 3:roll=r");
    let horizon = |log: &Log| {
        let read = log.read(Offset(2), 1, true, Offset(3)).unwrap();
        batches(&bytes(&read)).next().unwrap().unwrap().header().delete_horizon_ms()
    };
    assert_eq!(horizon(&log), Some(5000 + RETENTION_MS));
    put(&mut log, &[("c", Some("1"))]);
    roll(&mut log);
    let clean_to = clean_from(&mut log, clean_to, 5999);
    assert_eq!(horizon(&log), Some(6000), "the first cleaning has set it");
    put(&mut log, &[("c", Some("2"))]);
    roll(&mut log);
    clean_from(&mut log, clean_to, 6000);
    assert_eq!(short(&log), "1:b=1 5:roll=r 6:c=2 7:roll=r");
}

#[test]
fn the_last_batch_of_a_producer_stays_for_its_sequence() {
    let (disk, mut log) = new_log(compacted());
    append(
        &mut log,
        keyed(&[("a", Some("1"))]).producer(ProducerId(5), ProducerEpoch(0), 0).build().unwrap(),
    );
    append(
        &mut log,
        keyed(&[("a", Some("2"))]).producer(ProducerId(5), ProducerEpoch(0), 1).build().unwrap(),
    );
    put(&mut log, &[("a", Some("3"))]);
    roll(&mut log);
    clean_from(&mut log, 0, 0);
    assert_eq!(everything(&log), [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(short(&log), "2:a=3 3:roll=r", "emptied, not copied");
    // Only the log knows the producer after this.
    log.flush().unwrap();
    drop(log);
    disk.crash();
    for name in files(&disk).into_iter().filter(|name| name.ends_with(".snapshot")) {
        use log::disk::Disk as _;
        disk.remove_file(&std::path::Path::new(DIR).join(name)).unwrap();
    }
    let recovery = Recovery { recovery_point: Offset(4), ..Recovery::default() };
    let log = open(&disk, compacted(), recovery);
    assert_eq!(log.producers().get(ProducerId(5)).unwrap().last_sequence(), 1);
}

#[test]
fn aborted_transactions_go_and_their_markers_later() {
    let (_, mut log) = new_log(compacted());
    let transactional = |id, sequence, records: &[(&str, Option<&str>)]| {
        keyed(records)
            .producer(ProducerId(id), ProducerEpoch(0), sequence)
            .transactional(true)
            .build()
            .unwrap()
    };
    append(&mut log, transactional(1, 0, &[("a", Some("1"))]));
    append(&mut log, transactional(2, 0, &[("a", Some("aborted"))]));
    append_marker(&mut log, marker(2, 0, false, 0));
    append_marker(&mut log, marker(1, 0, true, 0));
    // Another batch of each, so that those before are not their last ones.
    append(&mut log, transactional(1, 1, &[("b", Some("1"))]));
    append_marker(&mut log, marker(1, 0, true, 0));
    append(&mut log, transactional(2, 1, &[("b", Some("aborted"))]));
    append_marker(&mut log, marker(2, 0, false, 0));
    roll(&mut log);
    let clean_to = clean_from(&mut log, 0, 5000);
    assert_eq!(short(&log), "0:a=1 4:b=1 8:roll=r");
    // What is left of aborted transactions is known to who reads committed: 7 ends one whose last batch stayed, emptied.
    let aborted = |log: &Log| -> Vec<_> {
        let found = log.aborted_transactions(Offset(0), Offset(9)).unwrap();
        found.iter().map(|txn| (txn.first_offset.get(), txn.last_offset.get())).collect()
    };
    assert_eq!(aborted(&log), [(1, 2), (6, 7)]);
    put(&mut log, &[("c", Some("1"))]);
    roll(&mut log);
    // Its records are gone: now the marker of the first one gets its horizon.
    let clean_to = clean_from(&mut log, clean_to, 6000);
    assert_eq!(aborted(&log), [(6, 7)]);
    assert!(everything(&log).contains(&(2, 2)));
    put(&mut log, &[("c", Some("2"))]);
    roll(&mut log);
    clean_from(&mut log, clean_to, 6000 + RETENTION_MS);
    assert!(!everything(&log).contains(&(2, 2)));
    assert!(
        everything(&log).contains(&(3, 3)),
        "the marker of a transaction that was committed, with records"
    );
}

#[test]
fn a_transaction_that_is_aborted_further_on_supersedes_nothing() {
    let (_, mut log) = new_log(compacted());
    put(&mut log, &[("a", Some("1")), ("b", Some("1"))]);
    let open =
        keyed(&[("a", Some("aborted"))]).producer(ProducerId(7), ProducerEpoch(0), 0).transactional(true);
    append(&mut log, open.build().unwrap());
    roll(&mut log);
    // The marker is in a segment that is not cleaned.
    append_marker(&mut log, marker(7, 0, false, 0));
    settle(&mut log);
    assert_eq!(clean_from(&mut log, 0, 0), 3);
    assert_eq!(short(&log), "0:a=1 1:b=1 3:roll=r");
}

#[test]
fn a_map_that_is_full_cleans_a_part() {
    let (_, mut log) = new_log(compacted());
    for round in 0..2 {
        for key in 0..20 {
            put(&mut log, &[(&format!("k{key}"), Some(&format!("{round}")))]);
        }
    }
    roll(&mut log);
    let what = log.cleanable(None, NOW).unwrap().unwrap();
    // Room for 27 keys: the first round, and seven that are there already.
    let limits = CleaningLimits { map_bytes: 30 * 24, ..LIMITS };
    let few = CleaningLimits { map_bytes: 12 * 24, ..LIMITS };
    let (clean_to, report) = try_clean(&mut log, what, few, NOW).unwrap();
    assert_eq!((clean_to, report.keys), (Offset(10), 10));
    let what = log.cleanable(Some(clean_to), NOW).unwrap().unwrap();
    let (clean_to, _) = try_clean(&mut log, what, limits, NOW).unwrap();
    assert_eq!(clean_to, Offset(40));
    let newest: Vec<_> = records(&log).into_iter().filter(|(_, key, _)| key != "roll").collect();
    assert!(newest.iter().filter(|(_, _, value)| value.as_deref() == Some("1")).count() == 20);
}

#[test]
fn the_young_the_undecided_and_the_active_stay() {
    let (_, mut log) = new_log(compacted());
    put(&mut log, &[("a", Some("1"))]);
    put(&mut log, &[("a", Some("2"))]);
    assert_eq!(log.cleanable(None, NOW).unwrap(), None, "the active segment");
    roll(&mut log);
    let lag = LogConfig { min_compaction_lag_ms: 500, ..compacted() };
    log.set_config(lag);
    let at = |ms| Now { unix_ms: NOW.unix_ms + ms, monotonic_ms: 0 };
    assert_eq!(log.cleanable(None, at(499)).unwrap(), None, "too young");
    assert_eq!(log.cleanable(None, at(500)).unwrap().unwrap().end, Offset(2));
    log.set_config(compacted());
    let open = keyed(&[("b", Some("1"))]).producer(ProducerId(1), ProducerEpoch(0), 0).transactional(true);
    append(&mut log, open.build().unwrap());
    roll(&mut log);
    roll(&mut log);
    assert_eq!(log.cleanable(None, NOW).unwrap().unwrap().end, Offset(2), "a transaction is open");
}

#[test]
fn due_by_the_share_that_is_dirty_or_by_age() {
    let (_, mut log) = new_log(compacted());
    for _ in 0..4 {
        put(&mut log, &[("a", Some("some value")), ("b", Some("some value"))]);
        roll(&mut log);
    }
    log.set_config(LogConfig { min_cleanable_dirty_ratio: 0.5, max_compaction_lag_ms: 1000, ..compacted() });
    let at = |ms| Now { unix_ms: NOW.unix_ms + ms, monotonic_ms: 0 };
    assert!(log.cleanable(None, at(0)).unwrap().unwrap().due);
    let what = log.cleanable(Some(Offset(9)), at(0)).unwrap().unwrap();
    assert!(!what.due && what.dirty_ratio() < 0.5, "{what:?}");
    assert!(!log.cleanable(Some(Offset(9)), at(1000)).unwrap().unwrap().due);
    assert!(log.cleanable(Some(Offset(9)), at(1001)).unwrap().unwrap().due);
}

#[test]
fn small_segments_become_one() {
    let (_, mut log) = new_log(compacted());
    for round in 0..6 {
        put(&mut log, &[("a", Some(&format!("{round}")))]);
        roll(&mut log);
    }
    let before = log.segment_count();
    clean_from(&mut log, 0, 0);
    assert!(log.segment_count() <= before / 2, "{} of {before}", log.segment_count());
    assert_eq!(short(&log), "9:roll=r 10:a=5 11:roll=r");
}

/// The oldest segment has nothing left in it, and those behind it are due.
#[test]
fn retention_goes_beyond_what_a_cleaning_has_emptied() {
    let (_, mut log) = new_log(LogConfig { delete: true, ..compacted() });
    let value = "v".repeat(300);
    for _ in 0..4 {
        put(&mut log, &[("a", Some(&value))]);
    }
    roll(&mut log);
    clean_from(&mut log, 0, 0);
    let before = log.size_bytes();
    assert_eq!(log.read(Offset(0), 1, true, log.log_end_offset()).unwrap().first_offset, Offset(3));
    log.set_config(LogConfig { delete: true, retention_bytes: 50, ..compacted() });
    log.retain(NOW).unwrap();
    assert!(log.size_bytes() < before.min(100), "{} of {before}", log.size_bytes());
}

#[test]
fn a_log_that_changed_meanwhile_keeps_what_it_has() {
    let (disk, mut log) = new_log(compacted());
    for round in 0..4 {
        put(&mut log, &[("a", Some(&format!("{round}")))]);
        roll(&mut log);
    }
    let what = log.cleanable(None, NOW).unwrap().unwrap();
    let mut cleaning = log.start_cleaning(what, LIMITS, NOW).unwrap();
    cleaning.map(&mut |_| Ok(())).unwrap();
    let cleaned = cleaning.next(&mut |_| Ok(())).unwrap().unwrap();
    log.advance_log_start_offset(Offset(3)).unwrap();
    log.retain(NOW).unwrap();
    let before = short(&log);
    assert_eq!(log.replace(cleaned).unwrap(), None);
    assert_eq!(short(&log), before);
    assert!(!files(&disk).iter().any(|name| name.ends_with(".cleaned")));
}

#[test]
fn a_cleaning_can_be_ended() {
    let (_, mut log) = new_log(compacted());
    put(&mut log, &[("a", Some("1"))]);
    put(&mut log, &[("a", Some("2"))]);
    roll(&mut log);
    let what = log.cleanable(None, NOW).unwrap().unwrap();
    let mut cleaning = log.start_cleaning(what, LIMITS, NOW).unwrap();
    let gone = || Error::Fenced { path: DIR.into() };
    assert!(cleaning.map(&mut |_| Err(gone())).is_err());
    assert_eq!(short(&log), "0:a=1 1:a=2 2:roll=r");
}

#[test]
fn a_cleaning_that_fails_leaves_the_log_and_no_files() {
    let (disk, mut log) = new_log(compacted());
    put(&mut log, &[("a", Some("1")), ("b", Some("1"))]);
    put(&mut log, &[("a", Some("2"))]);
    roll(&mut log);
    let what = log.cleanable(None, NOW).unwrap().unwrap();
    disk.set_capacity_bytes(disk.used_bytes() + 20);
    assert!(matches!(try_clean(&mut log, what, LIMITS, NOW), Err(Error::Io { .. })));
    assert!(!files(&disk).iter().any(|name| name.ends_with(".cleaned")));
    assert_eq!(short(&log), "0:a=1 1:b=1 2:a=2 3:roll=r");
    disk.set_capacity_bytes(u64::MAX);
    try_clean(&mut log, what, LIMITS, NOW).unwrap();
    assert_eq!(short(&log), "1:b=1 2:a=2 3:roll=r");
}

#[test]
fn a_gap_that_no_cleaning_has_made_is_where_the_log_ends() {
    use log::disk::Disk as _;
    let ends = |recovery: Recovery| {
        let (disk, mut log) = new_log(compacted());
        put(&mut log, &[("a", Some("1"))]);
        let one = log.size_bytes();
        put(&mut log, &[("b", Some("1"))]);
        roll(&mut log);
        drop(log);
        // The second batch is gone, and the next segment is there.
        let path = std::path::Path::new(DIR).join("00000000000000000000.log");
        disk.open(&path, false).unwrap().set_len(one).unwrap();
        disk.kill();
        open(&disk, compacted(), recovery).log_end_offset()
    };
    assert_eq!(ends(Recovery::default()), Offset(1), "nobody was told of the rest");
    assert_eq!(ends(Recovery { recovery_point: Offset(2), ..Recovery::default() }), Offset(3));
    assert_eq!(ends(Recovery { clean_to: Offset(2), ..Recovery::default() }), Offset(3));
}

#[derive(Clone, Debug)]
enum Op {
    Put {
        keys: Vec<u8>,
        tombstone: bool,
        codec: bool,
    },
    /// A batch in the transaction of one of three producers.
    PutInTransaction {
        producer: u8,
        keys: Vec<u8>,
        tombstone: bool,
    },
    EndTransaction {
        producer: u8,
        commit: bool,
    },
    Clean {
        later_ms: i64,
        map_slots: usize,
    },
    /// A cleaning that the end of the power meets.
    CleanAndCrash {
        operations: u64,
    },
    Crash,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (prop::collection::vec(0u8..6, 1..5), any::<bool>(), any::<bool>())
            .prop_map(|(keys, tombstone, codec)| Op::Put { keys, tombstone, codec }),
        6 => (0u8..3, prop::collection::vec(0u8..6, 1..4), any::<bool>())
            .prop_map(|(producer, keys, tombstone)| Op::PutInTransaction { producer, keys, tombstone }),
        4 => (0u8..3, any::<bool>()).prop_map(|(producer, commit)| Op::EndTransaction { producer, commit }),
        2 => (0i64..3000, 2usize..20).prop_map(|(later_ms, map_slots)| Op::Clean { later_ms, map_slots }),
        2 => (0u64..60).prop_map(|operations| Op::CleanAndCrash { operations }),
        1 => Just(Op::Crash),
        1 => Just(Op::Reopen),
    ]
}

/// A record that was written.
struct Written {
    key: String,
    value: Option<String>,
    /// The producer in whose transaction it is, as long as that is open.
    open: Option<u8>,
    aborted: bool,
}

struct Compacted {
    disk: SimDisk,
    log: Option<Log>,
    all: BTreeMap<i64, Written>,
    sequences: [i32; 3],
    clean_to: Offset,
    now_ms: i64,
    recovery_point: Offset,
}

impl Compacted {
    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    fn put(&mut self, keys: &[u8], tombstone: bool, codec: bool, producer: Option<u8>) {
        let mut builder = BatchBuilder::new(Offset::ZERO);
        let end = self.log().log_end_offset().get();
        for (index, key) in keys.iter().enumerate() {
            let (offset, key) = (end + index as i64, format!("k{key}"));
            let value = (!tombstone).then(|| format!("v{offset}"));
            let record = NewRecord {
                timestamp: self.now_ms,
                key: Some(key.as_bytes()),
                value: value.as_deref().map(str::as_bytes),
                ..NewRecord::default()
            };
            builder.append_next(record).unwrap();
            self.all.insert(offset, Written { key, value, open: producer, aborted: false });
        }
        let codec = if codec { Codec::Lz4 } else { Codec::None };
        if let Some(producer) = producer {
            let sequence = &mut self.sequences[usize::from(producer)];
            builder = builder
                .producer(ProducerId(producer.into()), ProducerEpoch(0), *sequence)
                .transactional(true);
            *sequence += keys.len() as i32;
        }
        let mut batch = builder.compression(codec).build().unwrap();
        self.log().append_as_leader(&mut batch, EPOCH, NOW, Origin::Client).unwrap();
        settle(self.log());
    }

    fn end_transaction(&mut self, producer: u8, commit: bool) {
        append_marker(self.log(), marker(producer.into(), 0, commit, 0));
        for written in self.all.values_mut().filter(|written| written.open == Some(producer)) {
            (written.open, written.aborted) = (None, !commit);
        }
        settle(self.log());
    }

    fn clean(&mut self, map_slots: usize) -> Result<()> {
        let now = Now { unix_ms: self.now_ms, monotonic_ms: 0 };
        let clean_to = self.clean_to;
        // The checkpoint comes first.
        self.recovery_point = self.log().durable_offset();
        let Some(what) = self.log().cleanable(Some(clean_to), now)? else { return Ok(()) };
        let limits = CleaningLimits { map_bytes: map_slots * 24, ..LIMITS };
        let (clean_to, _) = try_clean(self.log(), what, limits, now)?;
        self.clean_to = clean_to;
        Ok(())
    }

    fn crash(&mut self) {
        self.log = None;
        self.disk.crash();
        let recovery = Recovery { recovery_point: self.recovery_point, ..Recovery::default() };
        // Whatever the topic is configured to be now.
        let config = LogConfig { compact: false, ..compacted() };
        self.log = Some(open(&self.disk, config, recovery));
        self.log().set_config(compacted());
        settle(self.log());
    }

    fn run(&mut self, op: &Op) {
        self.now_ms += 10;
        match op {
            Op::Put { keys, tombstone, codec } => self.put(keys, *tombstone, *codec, None),
            Op::PutInTransaction { producer, keys, tombstone } => {
                self.put(keys, *tombstone, false, Some(*producer));
            }
            Op::EndTransaction { producer, commit } => self.end_transaction(*producer, *commit),
            Op::Clean { later_ms, map_slots } => {
                self.now_ms += later_ms;
                self.clean(*map_slots).unwrap();
            }
            Op::CleanAndCrash { operations } => {
                self.disk.stop_at(self.disk.operations() + operations);
                let outcome = self.clean(20);
                assert!(outcome.is_ok() || self.disk.is_stopped(), "{outcome:?}");
                self.crash();
            }
            Op::Crash => self.crash(),
            Op::Reopen => {
                let log = self.log.take().unwrap();
                self.log = Some(reopen(&self.disk, log));
            }
        }
        self.check();
    }

    fn check(&mut self) {
        let found = records(self.log());
        assert!(found.is_sorted_by_key(|(offset, ..)| *offset));
        for (offset, key, value) in found {
            let written = &self.all[&offset];
            assert_eq!((&written.key, &written.value), (&key, &value), "as it was written");
        }
        // Who reads what is committed knows of every key what was written last.
        let stable = self.log().last_stable_offset().get();
        let found = committed(self.log());
        let last: BTreeMap<_, _> =
            found.into_iter().map(|(offset, key, value)| (key, (offset, value))).collect();
        let mut newest = BTreeMap::new();
        for (offset, written) in self.all.range(..stable).filter(|(_, written)| !written.aborted) {
            newest.insert(written.key.clone(), (*offset, written.value.clone()));
        }
        for (key, (offset, value)) in &newest {
            match (last.get(key), value) {
                (Some(found), _) => assert_eq!(found, &(*offset, value.clone()), "{key}"),
                (None, None) => {}
                (None, Some(_)) => panic!("{key} at {offset} is gone"),
            }
        }
        assert!(last.keys().all(|key| newest.contains_key(key)), "of an aborted transaction: {last:?}");
    }
}

/// Offset, key and value of every record that a consumer with `read_committed` is given: it leaves out what the list of aborted
/// transactions tells it to.
fn committed(log: &Log) -> Vec<(i64, String, Option<String>)> {
    let stable = log.last_stable_offset();
    let read = log.read(log.log_start_offset(), u64::MAX, true, stable).unwrap();
    let mut ahead = log.aborted_transactions(read.first_offset, read.next_offset).unwrap();
    ahead.sort_by_key(|txn| std::cmp::Reverse(txn.first_offset));
    let mut aborting = BTreeSet::new();
    let mut left_out = BTreeSet::new();
    for batch in batches(&bytes(&read)) {
        let batch = batch.unwrap();
        let header = batch.header();
        while let Some(txn) = ahead.pop_if(|txn| txn.first_offset <= header.last_offset()) {
            aborting.insert(txn.producer_id);
        }
        if header.attributes.is_control() {
            let marker =
                batch.records(batch.payload()).next().map(|record| record.unwrap().control_type().unwrap());
            if marker == Some(ControlType::Abort) {
                aborting.remove(&header.producer_id);
            }
        } else if header.attributes.is_transactional() && aborting.contains(&header.producer_id) {
            left_out.extend(header.base_offset.get()..=header.last_offset().get());
        }
    }
    let mut found = records(log);
    found.retain(|(offset, ..)| *offset < stable.get() && !left_out.contains(offset));
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn of_every_key_the_last_word_stays(seed in any::<u64>(), ops in prop::collection::vec(op(), 1..60)) {
        let disk = disk(seed);
        let log = Some(open(&disk, compacted(), Recovery::default()));
        let mut compacted = Compacted {
            disk,
            log,
            all: BTreeMap::new(),
            sequences: [0; 3],
            clean_to: Offset(0),
            now_ms: NOW.unix_ms,
            recovery_point: Offset(0),
        };
        for op in &ops {
            compacted.run(op);
        }
    }
}
