//! A log on a simulated disk, and batches to put into it.

use std::collections::BTreeMap;
use std::path::Path;

use log::disk::sim::SimDisk;
use log::{AppendInfo, Error, FetchRead, Log, LogConfig, Origin, Recovery, RecoveryReport, Refusal, Result};
use protocol::compression::Codec;
use protocol::records::{BatchBuilder, EndTxnMarker, NewRecord, batches};
use protocol::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition};
use stdx::Now;

pub(crate) const DIR: &str = "/data/t-0";
pub(crate) const NOW: Now = Now::at_ms(1_000_000);
pub(crate) const EPOCH: LeaderEpoch = LeaderEpoch(3);

/// Segments of a few batches, and an index entry for almost each of them.
pub(crate) fn small() -> LogConfig {
    LogConfig { segment_bytes: 500, index_interval_bytes: 100, retention_ms: -1, ..LogConfig::default() }
}

pub(crate) fn disk(seed: u64) -> SimDisk {
    use log::disk::Disk as _;
    let disk = SimDisk::new(seed);
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

pub(crate) fn try_open(
    disk: &SimDisk,
    config: LogConfig,
    recovery: Recovery,
) -> Result<(Log, RecoveryReport)> {
    let topic_partition = TopicPartition::new("t", 0);
    Log::open(disk.shared(), Path::new(DIR), topic_partition, config, recovery, NOW)
}

pub(crate) fn open(disk: &SimDisk, config: LogConfig, recovery: Recovery) -> Log {
    try_open(disk, config, recovery).unwrap().0
}

pub(crate) fn new_log(config: LogConfig) -> (SimDisk, Log) {
    let disk = disk(1);
    let log = open(&disk, config, Recovery::default());
    (disk, log)
}

pub(crate) const CLEAN: Recovery = Recovery {
    clean_shutdown: true,
    recovery_point: Offset(0),
    log_start_offset: Offset(0),
    clean_to: Offset(0),
};

/// A builder with records, each at its timestamp with its index as key and a value of some bytes.
pub(crate) fn builder(timestamps: &[i64], value_bytes: usize) -> BatchBuilder {
    let mut builder = BatchBuilder::new(Offset::ZERO);
    for (index, timestamp) in timestamps.iter().enumerate() {
        let (key, value) = (index.to_string(), vec![b'v'; value_bytes]);
        let record = NewRecord {
            timestamp: *timestamp,
            key: Some(key.as_bytes()),
            value: Some(&value),
            ..NewRecord::default()
        };
        builder.append_next(record).unwrap();
    }
    builder
}

/// So many records at the time of the test.
pub(crate) fn plain(records: usize) -> Vec<u8> {
    builder(&vec![NOW.unix_ms; records], 10).build().unwrap()
}

pub(crate) fn packed(codec: Codec, records: usize) -> Vec<u8> {
    builder(&vec![NOW.unix_ms; records], 10).compression(codec).build().unwrap()
}

pub(crate) fn of_producer(
    id: i64,
    epoch: i16,
    sequence: i32,
    records: usize,
    transactional: bool,
) -> Vec<u8> {
    let builder = builder(&vec![NOW.unix_ms; records], 10);
    let builder =
        builder.producer(ProducerId(id), ProducerEpoch(epoch), sequence).transactional(transactional);
    builder.build().unwrap()
}

pub(crate) fn marker(id: i64, epoch: i16, committed: bool, coordinator_epoch: i32) -> Vec<u8> {
    let marker = EndTxnMarker { committed, coordinator_epoch };
    let mut builder = BatchBuilder::new(Offset::ZERO)
        .producer(ProducerId(id), ProducerEpoch(epoch), -1)
        .transactional(true);
    builder.append_control(marker.control_type(), NOW.unix_ms, &marker.value()).unwrap();
    builder.build().unwrap()
}

pub(crate) fn append(log: &mut Log, mut batch: Vec<u8>) -> AppendInfo {
    log.append_as_leader(&mut batch, EPOCH, NOW, Origin::Client).unwrap()
}

pub(crate) fn append_marker(log: &mut Log, mut batch: Vec<u8>) -> AppendInfo {
    log.append_as_leader(&mut batch, EPOCH, NOW, Origin::Coordinator).unwrap()
}

pub(crate) fn refused(log: &mut Log, mut batch: Vec<u8>) -> Refusal {
    match log.append_as_leader(&mut batch, EPOCH, NOW, Origin::Client) {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

/// The bytes of a read's ranges.
pub(crate) fn bytes(read: &FetchRead) -> Vec<u8> {
    let mut all = Vec::new();
    for range in &read.ranges {
        let mut bytes = vec![0; range.len as usize];
        assert_eq!(range.file.read_at(&mut bytes, range.position).unwrap(), bytes.len());
        all.extend(bytes);
    }
    all
}

/// First and last offset of each batch that is read; every byte belongs to a whole and valid batch.
pub(crate) fn spans(read: &FetchRead) -> Vec<(i64, i64)> {
    let bytes = bytes(read);
    let mut walk = batches(&bytes);
    let span = |batch: std::result::Result<protocol::records::Batch<'_>, _>| {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        (batch.header().base_offset.get(), batch.header().last_offset().get())
    };
    let spans = walk.by_ref().map(span).collect();
    assert!(walk.rest().is_empty(), "a batch is not whole");
    spans
}

/// Every batch of the log, read in one go.
pub(crate) fn everything(log: &Log) -> Vec<(i64, i64)> {
    spans(&log.read(log.log_start_offset(), u64::MAX, true, log.log_end_offset()).unwrap())
}

/// The names of the files in the log's directory.
pub(crate) fn files(disk: &SimDisk) -> Vec<String> {
    let dump: BTreeMap<_, _> = disk.dump();
    let names = dump.into_keys().filter_map(|path| Some(path.strip_prefix(DIR).ok()?.to_str()?.to_owned()));
    names.collect()
}
