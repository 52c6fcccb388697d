//! Micro benchmarks of the log: time and allocations of an append, a read, an index look-up, a recovery scan and a compaction.
//!
//! `cargo bench -p millstream-log [NAME]`. Files are in the system's temporary directory (`TMPDIR`): the page cache is measured, not the
//! disk. Each line is the fastest of some rounds, which others on the machine disturb least. No statistics: what they would say of a
//! machine that also does other things is less than two runs side by side do.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use log::disk::OsDisk;
use log::{CleaningLimits, Log, LogConfig, Origin, Recovery};
use protocol::compression::Codec;
use protocol::records::{BatchBuilder, NewRecord};
use protocol::{LeaderEpoch, Offset, TopicPartition};
use stdx::Now;
use tempfile::TempDir;

const NOW: Now = Now::at_ms(1_000_000);
const EPOCH: LeaderEpoch = LeaderEpoch(1);
const ROUNDS: usize = 7;
const MIB: u64 = 1 << 20;

fn main() {
    // Cargo passes `--bench`.
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    println!("{:<44} {:>12} {:>10} {:>10} {:>12}", "", "time", "MB/s", "allocs", "alloc bytes");
    type Bench = (&'static str, fn(&str));
    let benches: [Bench; 5] = [
        ("append", append),
        ("read", read),
        ("look-up", look_up),
        ("recovery", recovery),
        ("compaction", compaction),
    ];
    benches.iter().filter(|(name, _)| name.contains(&wanted)).for_each(|(name, run)| run(name));
}

/// The fastest of some rounds, each with a state of its own; time and allocations of one of `operations`.
fn bench<S>(
    name: &str,
    operations: u64,
    bytes: u64,
    mut set_up: impl FnMut() -> S,
    mut run: impl FnMut(&mut S),
) {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let mut state = set_up();
        let start = Instant::now();
        run(&mut state);
        best = best.min(start.elapsed());
    }
    let mut state = set_up();
    let allocated = measure(|| run(&mut state));
    let one = best.as_nanos() as f64 / operations as f64;
    let (value, unit) = if one < 1e4 { (one, "ns") } else { (one / 1e3, "µs") };
    println!(
        "{name:<44} {value:>9.1} {unit} {:>10.0} {:>10.2} {:>12.0}",
        bytes as f64 / 1e6 / best.as_secs_f64(),
        allocated.count_total as f64 / operations as f64,
        allocated.bytes_total as f64 / operations as f64,
    );
}

/// A batch of `records` with values of some bytes, and keys from `key` on, of so many different ones.
fn batch(records: usize, value_bytes: usize, codec: Codec, key: usize, keys: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Offset::ZERO);
    let mut random = key as u64;
    for number in key..key + records {
        // Letters of which four bits say something: a codec makes them about half as long.
        let mut letter = || {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            b'a' + (random >> 60) as u8
        };
        let value: Vec<u8> = (0..value_bytes).map(|_| letter()).collect();
        // No two neighbours among the keys.
        let key = format!(
            "customer{:04}",
            ((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % keys as u64
        );
        let record = NewRecord {
            timestamp: NOW.unix_ms,
            key: Some(key.as_bytes()),
            value: Some(&value),
            ..NewRecord::default()
        };
        builder.append_next(record).unwrap();
    }
    builder.compression(codec).build().unwrap()
}

fn open(dir: &Path, config: LogConfig, recovery: Recovery) -> Log {
    let path = dir.join("t-0");
    Log::open(OsDisk::shared(), &path, TopicPartition::new("t", 0), config, recovery, NOW).unwrap().0
}

fn put(log: &mut Log, batch: &[u8]) {
    log.append_as_leader(&mut batch.to_vec(), EPOCH, NOW, Origin::Client).unwrap();
}

/// A log of about so many bytes, made of one batch again and again.
fn filled(batch: &[u8], bytes: u64, config: &LogConfig) -> (TempDir, Log) {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path(), config.clone(), Recovery::default());
    for _ in 0..bytes / batch.len() as u64 {
        put(&mut log, batch);
    }
    (dir, log)
}

const BATCHES: [(usize, usize, Codec); 4] =
    [(1, 100, Codec::None), (1000, 100, Codec::None), (1000, 100, Codec::Lz4), (16, 1000, Codec::None)];

fn title(name: &str, records: usize, value_bytes: usize, codec: Codec) -> String {
    format!("{name}: {records} x {value_bytes} B, {codec:?}").to_lowercase()
}

fn append(name: &str) {
    for (records, value_bytes, codec) in BATCHES {
        let batch = batch(records, value_bytes, codec, 0, 1 << 20);
        let count = (32 * MIB / batch.len() as u64).min(20_000);
        // The stamp goes into a copy: what a connection has read is a batch's own bytes too.
        let set_up = || {
            let dir = tempfile::tempdir().unwrap();
            let mut log = open(dir.path(), LogConfig::default(), Recovery::default());
            put(&mut log, &batch);
            (dir, log, batch.clone())
        };
        let title = title(name, records, value_bytes, codec);
        bench(&title, count, count * batch.len() as u64, set_up, |(_, log, batch)| {
            for _ in 0..count {
                batch[..8].fill(0);
                log.append_as_leader(batch, EPOCH, NOW, Origin::Client).unwrap();
            }
        });
    }
}

fn read(name: &str) {
    for (records, value_bytes, codec) in BATCHES {
        let batch = batch(records, value_bytes, codec, 0, 1 << 20);
        let (_dir, log) = filled(&batch, 16 * MIB, &LogConfig::default());
        let end = log.log_end_offset();
        let count = 2000;
        let title = title(&format!("{name} of 1 MiB"), records, value_bytes, codec);
        bench(
            &title,
            count,
            count * MIB,
            || 0,
            |offset| {
                for _ in 0..count {
                    *offset = (*offset + 7919) % (end.get() * 3 / 4);
                    black_box(log.read(Offset(*offset), MIB, true, end).unwrap());
                }
            },
        );
    }
}

fn look_up(name: &str) {
    let batch = batch(1, 100, Codec::None, 0, 1 << 20);
    let (_dir, log) = filled(&batch, 64 * MIB, &LogConfig::default());
    let end = log.log_end_offset();
    let count = 10_000;
    bench(
        &format!("{name}: one batch of 64 MiB"),
        count,
        0,
        || 0,
        |offset| {
            for _ in 0..count {
                *offset = (*offset + 7919) % end.get();
                black_box(log.read(Offset(*offset), 1, true, end).unwrap());
            }
        },
    );
}

fn recovery(name: &str) {
    for (records, value_bytes, codec) in BATCHES {
        let batch = batch(records, value_bytes, codec, 0, 1 << 20);
        let (dir, log) = filled(&batch, 64 * MIB, &LogConfig::default());
        let bytes = log.size_bytes();
        drop(log);
        let title = title(name, records, value_bytes, codec);
        bench(
            &title,
            1,
            bytes,
            || (),
            |()| {
                black_box(open(dir.path(), LogConfig::default(), Recovery::default()));
            },
        );
    }
}

fn compaction(name: &str) {
    let config = LogConfig { compact: true, delete: false, segment_bytes: 4 << 20, ..LogConfig::default() };
    for (records, value_bytes, codec) in BATCHES.into_iter().skip(1) {
        for unique in [50, 5] {
            let set_up = || {
                let dir = tempfile::tempdir().unwrap();
                let mut log = open(dir.path(), config.clone(), Recovery::default());
                let total = (64 * MIB) as usize / (value_bytes + 20);
                let keys = total * unique / 100;
                let mut key = 0;
                while key < total {
                    put(&mut log, &batch(records, value_bytes, codec, key, keys));
                    key += records;
                }
                log.set_high_watermark(log.log_end_offset());
                log.flush().unwrap();
                (dir, log)
            };
            let bytes = set_up().1.cleanable(None, NOW).unwrap().unwrap().dirty_bytes;
            let title = title(&format!("{name}, {unique} % stay"), records, value_bytes, codec);
            bench(&title, 1, bytes, set_up, |(_, log)| {
                let what = log.cleanable(None, NOW).unwrap().unwrap();
                let limits = CleaningLimits {
                    map_bytes: 64 << 20,
                    map_load: 0.9,
                    write_bytes: 512 << 10,
                    seed: [1, 2],
                };
                let mut cleaning = log.start_cleaning(what, limits, NOW).unwrap();
                cleaning.map(&mut |_| Ok(())).unwrap();
                while let Some(cleaned) = cleaning.next(&mut |_| Ok(())).unwrap() {
                    log.replace(cleaned).unwrap().unwrap();
                }
            });
        }
    }
}
