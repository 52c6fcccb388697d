//! Files of a log directory, over the simulated disk.

use std::path::Path;

use log::checkpoint::{MetaProperties, OffsetCheckpoint, read_topic_id};
use log::disk::Disk as _;
use log::disk::sim::SimDisk;
use log::{Log, LogConfig, Origin, Recovery};
use protocol::records::{BatchBuilder, NewRecord};
use protocol::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition};
use stdx::Now;

const DATA: &str = "/data";
const DIR: &str = "/data/t-0";
const NOW: Now = Now::at_ms(1_000_000);
const EPOCH: LeaderEpoch = LeaderEpoch(3);

fn disk() -> Option<SimDisk> {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(DATA)).ok()?;
    Some(disk)
}

fn open(disk: &SimDisk, recovery: Recovery) -> Option<Log> {
    let config =
        LogConfig { segment_bytes: 500, index_interval_bytes: 100, retention_ms: -1, ..LogConfig::default() };
    let partition = TopicPartition::new("t", 0);
    Log::open(disk.shared(), Path::new(DIR), partition, config, recovery, NOW).ok().map(|(log, _)| log)
}

fn batch(sequence: i32) -> Option<Vec<u8>> {
    let mut builder = BatchBuilder::new(Offset(0)).producer(ProducerId(1), ProducerEpoch(0), sequence);
    for _ in 0..2 {
        builder
            .append_next(NewRecord { timestamp: NOW.unix_ms, value: Some(b"value"), ..NewRecord::default() })
            .ok()?;
    }
    builder.build().ok()
}

/// One file of a log is overwritten: the first byte chooses the file, the second where, the third what is known of the
/// last shutdown. The log is then opened, read, written and cut.
pub fn log_files(data: &[u8]) {
    let _ = try_log_files(data);
}

fn try_log_files(data: &[u8]) -> Option<()> {
    let (&[file, at, mode], garbage) = data.split_first_chunk::<3>()?;
    let disk = disk()?;
    let mut log = open(&disk, Recovery::default())?;
    for sequence in 0..10 {
        log.append_as_leader(&mut batch(sequence * 2)?, EPOCH, NOW, Origin::Client).ok()?;
    }
    log.close().ok()?;
    let names: Vec<_> = disk.list(Path::new(DIR)).ok()?.into_iter().map(|entry| entry.name).collect();
    let target = disk.open(&Path::new(DIR).join(&names[usize::from(file) % names.len()]), false).ok()?;
    let at = u64::from(at) * target.len().ok()? / 255;
    target.write_at(garbage, at).ok()?;
    if mode & 1 != 0 {
        target.set_len(at + garbage.len() as u64).ok()?;
    }
    let recovery = Recovery {
        clean_shutdown: mode & 2 != 0,
        recovery_point: Offset(i64::from(mode >> 2)),
        ..Recovery::default()
    };
    let mut log = open(&disk, recovery)?;
    let end = log.log_end_offset();
    // An offset that a file claims may be far away: some are tried.
    for offset in (0..end.get().min(30)).chain([end.get()]) {
        let _ = log.read(Offset(offset), 100, true, end);
    }
    let _ = log.offset_for_timestamp(log::Source::Disk, NOW.unix_ms);
    let _ = log.aborted_transactions(Offset(0), end);
    let _ = log.append_as_leader(&mut batch(0)?, EPOCH, NOW, Origin::Client);
    let _ = log.truncate_to(Offset(end.get() / 2), NOW);
    Some(())
}

/// Checkpoints, `meta.properties` and `partition.metadata`: the first byte chooses.
pub fn checkpoints(data: &[u8]) {
    let _ = try_checkpoints(data);
}

fn try_checkpoints(data: &[u8]) -> Option<()> {
    let (kind, content) = data.split_first()?;
    let disk = disk()?;
    let write = |name: &str| {
        disk.open(&Path::new(DATA).join(name), true).and_then(|file| file.write_at(content, 0)).ok()
    };
    match kind % 4 {
        0 => {
            write("recovery-point-offset-checkpoint")?;
            let _ = OffsetCheckpoint::RecoveryPoint.read(&disk, Path::new(DATA));
        }
        1 => {
            write("log-start-offset-checkpoint")?;
            let _ = OffsetCheckpoint::LogStartOffset.read(&disk, Path::new(DATA));
        }
        2 => {
            write("meta.properties")?;
            let _ = MetaProperties::read(&disk, Path::new(DATA));
        }
        _ => {
            write("partition.metadata")?;
            let _ = read_topic_id(&disk, Path::new(DATA));
        }
    }
    Some(())
}
