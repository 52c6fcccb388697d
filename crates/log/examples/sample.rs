//! Writes a partition with everything that a log can hold, or reads one, for a look with Kafka's tools.
//!
//! `cargo run -p millstream-log --example sample write DIR/t-0`, then `kafka-dump-log --deep-iteration --files …`;
//! `cargo run -p millstream-log --example sample read DIR/t-0` after Apache Kafka has written it. Read a copy: opening a log
//! recovers it.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::path::Path;

use log::disk::OsDisk;
use log::{Log, LogConfig, Origin, Recovery, checkpoint, log_dir};
use protocol::compression::Codec;
use protocol::records::{BatchBuilder, EndTxnMarker, Header, NewRecord, batches};
use protocol::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Uuid};
use stdx::Now;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "write", dir] => write(Path::new(dir)),
        [_, "read", dir] => read(Path::new(dir), false),
        [_, "read-clean", dir] => read(Path::new(dir), true),
        _ => Err("usage: sample write|read|read-clean DIR".into()),
    }
}

fn open(dir: &Path, clean_shutdown: bool) -> Outcome<Log> {
    let name = dir.file_name().and_then(|name| name.to_str()).and_then(log_dir::parse_partition_dir);
    let config = LogConfig { segment_bytes: 20_000, retention_ms: -1, ..LogConfig::default() };
    let recovery = Recovery { clean_shutdown, ..Recovery::default() };
    let now = Now { unix_ms: 1_800_000_000_000, monotonic_ms: 0 };
    let (log, report) =
        Log::open(OsDisk::shared(), dir, name.ok_or("no partition's name")?, config, recovery, now)?;
    println!("{report:?}");
    Ok(log)
}

fn write(dir: &Path) -> Outcome<()> {
    let mut log = open(dir, false)?;
    log.write_topic_id(Uuid::from_random(42))?;
    for at in 0..60_i64 {
        let epoch = LeaderEpoch((at / 20) as i32);
        let now = Now { unix_ms: 1_800_000_000_000 + at, monotonic_ms: 0 };
        let codec = Codec::ALL[at as usize % Codec::ALL.len()];
        let mut builder = BatchBuilder::new(Offset(0)).compression(codec);
        if at % 3 == 0 {
            builder = builder.producer(ProducerId(7), ProducerEpoch(0), (at / 3 * 10) as i32);
        } else if at % 10 == 1 {
            builder = builder.producer(ProducerId(at), ProducerEpoch(1), 0).transactional(true);
        }
        for record in 0..10 {
            let (key, value) = (format!("key {at} {record}"), "value ".repeat(20));
            let headers = [Header::new("h", Some(b"1")), Header::new("h", None)];
            builder.append_next(NewRecord {
                offset_delta: 0,
                timestamp: now.unix_ms,
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                headers: &headers,
            })?;
        }
        log.append_as_leader(&mut builder.build()?, epoch, now, Origin::Client)?;
        if at % 10 == 1 && at % 3 != 0 && at != 31 {
            let marker = EndTxnMarker { committed: at % 20 == 1, coordinator_epoch: 1 };
            let mut builder = BatchBuilder::new(Offset(0));
            builder = builder.producer(ProducerId(at), ProducerEpoch(1), -1).transactional(true);
            builder.append_control(marker.control_type(), now.unix_ms, &marker.value())?;
            log.append_as_leader(&mut builder.build()?, epoch, now, Origin::Coordinator)?;
        }
    }
    println!("{} segments, log end offset {}", log.segment_count(), log.log_end_offset());
    Ok(log.close()?)
}

fn read(dir: &Path, clean: bool) -> Outcome<()> {
    let mut log = open(dir, clean)?;
    log.set_high_watermark(log.log_end_offset());
    println!("topic id {:?}", checkpoint::read_topic_id(&OsDisk, dir)?);
    println!(
        "offsets {} to {}, last stable {}, {} segments, {} bytes, epoch {:?}, max timestamp {:?}",
        log.log_start_offset(),
        log.log_end_offset(),
        log.last_stable_offset(),
        log.segment_count(),
        log.size_bytes(),
        log.latest_leader_epoch(),
        log.max_timestamp_offset(log::Source::Disk)?,
    );
    let (mut offset, mut found, mut records) = (log.log_start_offset(), 0, 0);
    while offset < log.log_end_offset() {
        let read = log.read(offset, 5000, true, log.log_end_offset())?;
        for range in &read.ranges {
            let mut bytes = vec![0; range.len as usize];
            range.file.read_at(&mut bytes, range.position)?;
            for batch in batches(&bytes) {
                let batch = batch?;
                batch.verify_crc()?;
                found += 1;
                records += batch.records(&batch.decompress(1 << 24)?).filter(Result::is_ok).count();
            }
        }
        offset = read.next_offset;
    }
    println!("{found} batches, {records} records");
    log.producers().producers().for_each(|producer| println!("{producer:?}"));
    let aborted = log.aborted_transactions(log.log_start_offset(), log.log_end_offset())?;
    println!("aborted: {aborted:?}");
    Ok(())
}
