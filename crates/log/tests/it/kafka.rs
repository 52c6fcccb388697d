//! A partition that Apache Kafka 4.3.1 wrote: `testdata/kafka-4.3.1/tiny-0`.
//!
//! Three records with each codec by the console producer (idempotent), then a transaction of five, then a clean shutdown.
//! Made by hand with `kafka-console-producer` and `kafka-producer-perf-test`, `index.interval.bytes=100`.

use std::collections::BTreeMap;
use std::path::Path;

use log::disk::{Disk as _, OsDisk};
use log::{Log, LogConfig, Recovery, checkpoint};
use protocol::records::batches;
use protocol::{LeaderEpoch, Offset, ProducerId, TopicPartition};
use stdx::Now;

use crate::support::{bytes, spans};

/// A copy, since opening a log may change it.
fn copy() -> tempfile::TempDir {
    let (dir, from) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let from = from.join("testdata/kafka-4.3.1/tiny-0");
    std::fs::create_dir(dir.path().join("tiny-0")).unwrap();
    for entry in OsDisk.list(&from).unwrap() {
        std::fs::copy(from.join(&entry.name), dir.path().join("tiny-0").join(&entry.name)).unwrap();
    }
    dir
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = OsDisk.list(dir).unwrap().into_iter().map(|entry| entry.name);
    names.map(|name| (name.clone(), std::fs::read(dir.join(name)).unwrap())).collect()
}

fn open(dir: &Path, clean_shutdown: bool) -> Log {
    let config = LogConfig { index_interval_bytes: 100, ..LogConfig::default() };
    let recovery = Recovery { clean_shutdown, ..Recovery::default() };
    let now = Now { unix_ms: 1_795_263_840_000, monotonic_ms: 0 };
    let topic_partition = TopicPartition::new("tiny", 0);
    let (mut log, report) = Log::open(OsDisk::shared(), dir, topic_partition, config, recovery, now).unwrap();
    assert_eq!((report.cut, report.indexes_rebuilt), (None, 0));
    log.set_high_watermark(log.log_end_offset());
    log
}

#[test]
fn is_read_and_closed_without_a_change() {
    let copy = copy();
    let dir = copy.path().join("tiny-0");
    let before = contents(&dir);
    let mut log = open(&dir, true);
    assert_eq!(
        (log.log_start_offset(), log.log_end_offset(), log.last_stable_offset()),
        (Offset(0), Offset(21), Offset(21))
    );
    assert_eq!(log.latest_leader_epoch(), Some(LeaderEpoch(0)));
    let read = log.read(Offset(0), u64::MAX, true, Offset(21)).unwrap();
    assert_eq!(spans(&read), [(0, 2), (3, 5), (6, 8), (9, 11), (12, 14), (15, 15), (16, 19), (20, 20)]);
    let mut values = Vec::new();
    for batch in batches(&bytes(&read)).take(5) {
        let batch = batch.unwrap();
        let unpacked = batch.decompress(1000).unwrap();
        values.extend(
            batch.records(&unpacked).map(|r| String::from_utf8(r.unwrap().value.unwrap().to_vec()).unwrap()),
        );
    }
    assert_eq!(values[..4], ["none 1", "none 2", "none 3", "gzip 1"]);
    assert_eq!(values[14], "zstd 3");
    let producers: Vec<_> =
        log.producers().producers().map(|p| (p.producer_id.get(), p.last_sequence())).collect();
    assert_eq!(producers, [(1000, 2), (1001, 2), (1002, 2), (1003, 2), (1004, 2), (1005, -1)]);
    assert!(checkpoint::read_topic_id(&OsDisk, &dir).unwrap().is_some());
    assert_eq!(
        log.offset_for_timestamp(log::Source::Disk, 1_795_263_811_600).unwrap().unwrap().offset,
        Offset(4)
    );
    log.close().unwrap();
    assert_eq!(contents(&dir), before);
}

#[test]
fn recovery_comes_to_the_same_as_kafka() {
    let copy = copy();
    let dir = copy.path().join("tiny-0");
    let clean = open(&dir, true).producers().clone();
    let before = contents(&dir);
    // As after a crash that left preallocated indexes.
    for index in ["00000000000000000000.index", "00000000000000000000.timeindex"] {
        OsDisk.open(&dir.join(index), false).unwrap().set_len(10_485_756).unwrap();
    }
    let mut log = open(&dir, false);
    let kept = log.producers().get(ProducerId(1005)).unwrap();
    assert_eq!((kept.producer_epoch, kept.coordinator_epoch), (protocol::ProducerEpoch(1), 4));
    assert_eq!(log.producers().producers().count(), clean.producers().count());
    log.close().unwrap();
    assert_eq!(contents(&dir), before);
}

#[test]
fn preallocated_indexes_are_used_as_they_are() {
    let copy = copy();
    let dir = copy.path().join("tiny-0");
    for index in ["00000000000000000000.index", "00000000000000000000.timeindex"] {
        OsDisk.open(&dir.join(index), false).unwrap().set_len(10_485_756).unwrap();
    }
    let log = open(&dir, true);
    for offset in 0..21 {
        let found = spans(&log.read(Offset(offset), 1, true, Offset(21)).unwrap());
        assert!(found[0].0 <= offset && offset <= found[0].1);
    }
}

#[test]
fn nothing_is_wrong_with_it() {
    let copy = copy();
    let scope = log::inspect::Scope {
        recovery: Recovery { clean_shutdown: true, recovery_point: Offset(21), ..Recovery::default() },
        ..Default::default()
    };
    let disk = log::disk::ReadOnlyDisk::shared();
    let report = log::inspect::verify(&disk, &copy.path().join("tiny-0"), &scope, 10).unwrap();
    assert_eq!(report.findings.list(), []);
    assert_eq!((report.batches, report.records, report.log_end_offset), (8, 21, Offset(21)));
}
