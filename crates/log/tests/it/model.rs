//! Random operations and faults against a model that is a list of batches: appends with and without producers and transactions,
//! rolls, reads, cuts, retention, deletions, flushes, cleanings; the power or the process gone at any operation of the disk,
//! operations that fail, a disk that is full.
//!
//! One model for all of it, compaction included: where no cleaning has been, the log is the model's byte for byte; where one
//! has, what is there is as it was written, and of every key the last committed word is. What cleaning makes of tombstones and
//! markers as time goes on has a model of its own, in `clean`: there time runs and nothing else happens to the log.
//!
//! `MILLSTREAM_CRASH_POINTS` is how many crashes to go through.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use log::disk::sim::SimDisk;
use log::inspect::{Finding, Scope, What, verify};
use log::{CleaningLimits, Error, Log, LogConfig, Origin, Recovery};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use protocol::compression::Codec;
use protocol::records::{Batch, BatchBuilder, ControlType, NewRecord, batches};
use protocol::{Offset, ProducerEpoch, ProducerId};

use crate::support::*;

/// Those with transactions have the first ids.
const TRANSACTIONAL: u8 = 3;
const PRODUCERS: u8 = 5;

#[derive(Clone, Debug)]
enum Op {
    Append {
        keys: Vec<u8>,
        value_bytes: usize,
        tombstone: bool,
        packed: bool,
        /// One of the producers, in whose transaction it is, if it has transactions.
        producer: Option<u8>,
        /// Into a new segment.
        roll: bool,
    },
    EndTransaction {
        producer: u8,
        commit: bool,
    },
    /// A producer sends its last batch again.
    Resend {
        producer: u8,
    },
    Read {
        at: u16,
        max_bytes: u64,
        min_one: bool,
    },
    Truncate {
        at: u16,
    },
    TruncateFully {
        ahead: i64,
    },
    Retain {
        retention_bytes: i64,
    },
    Advance {
        at: u16,
    },
    Clean {
        map_slots: usize,
    },
    Flush,
    /// A flush that appends overtake.
    BeginFlush,
    EndFlush,
    Checkpoint,
    CloseIdle,
    Reopen,
    /// The power goes.
    Crash,
    /// Only the process ends.
    Kill,
    /// The power goes after so many more operations of the disk.
    CrashWithin {
        operations: u64,
    },
    /// One of the next operations of the disk fails; the process gives up then.
    FailWithin {
        operations: u64,
    },
    /// So many bytes more, and the disk is full.
    Full {
        room_bytes: u64,
    },
    Room,
}

fn op() -> impl Strategy<Value = Op> {
    let append = (
        prop::collection::vec(0u8..6, 1..4),
        0usize..120,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        prop::option::of(0..PRODUCERS),
        prop::bool::weighted(0.2),
    );
    let append = append.prop_map(|(keys, value_bytes, tombstone, packed, producer, roll)| Op::Append {
        keys,
        value_bytes,
        tombstone,
        packed,
        producer,
        roll,
    });
    prop_oneof![
        16 => append,
        4 => (0..TRANSACTIONAL, any::<bool>())
            .prop_map(|(producer, commit)| Op::EndTransaction { producer, commit }),
        2 => (0..PRODUCERS).prop_map(|producer| Op::Resend { producer }),
        4 => (any::<u16>(), 0u64..2000, any::<bool>())
            .prop_map(|(at, max_bytes, min_one)| Op::Read { at, max_bytes, min_one }),
        1 => any::<u16>().prop_map(|at| Op::Truncate { at }),
        1 => (0i64..9).prop_map(|ahead| Op::TruncateFully { ahead }),
        1 => (0i64..1500).prop_map(|retention_bytes| Op::Retain { retention_bytes }),
        1 => any::<u16>().prop_map(|at| Op::Advance { at }),
        2 => (2usize..20).prop_map(|map_slots| Op::Clean { map_slots }),
        2 => Just(Op::Flush),
        1 => Just(Op::BeginFlush),
        1 => Just(Op::EndFlush),
        1 => Just(Op::Checkpoint),
        1 => Just(Op::CloseIdle),
        1 => Just(Op::Reopen),
        1 => Just(Op::Crash),
        1 => Just(Op::Kill),
        4 => (0u64..60).prop_map(|operations| Op::CrashWithin { operations }),
        1 => (0u64..40).prop_map(|operations| Op::FailWithin { operations }),
        1 => (0u64..1000).prop_map(|room_bytes| Op::Full { room_bytes }),
        1 => Just(Op::Room),
    ]
}

/// A batch that was appended.
#[derive(Clone, Debug, PartialEq)]
struct Written {
    first: i64,
    last: i64,
    bytes: Vec<u8>,
    producer: Option<u8>,
    kind: Kind,
    /// Key, and value or none for a tombstone.
    records: Vec<(String, Option<Vec<u8>>)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    Transactional,
    Marker { commit: bool },
}

struct Model {
    compact: bool,
    disk: SimDisk,
    log: Option<Log>,
    flush: Option<log::FlushTarget>,
    /// Since the log began, but for what was cut.
    written: Vec<Written>,
    start: i64,
    end: i64,
    /// What was reported as durable.
    durable: i64,
    /// The recovery point in the log directory's checkpoint.
    checkpoint: i64,
    /// No cleaning has been at or after this.
    cleaned: i64,
    /// Where the next one begins.
    clean_to: i64,
    /// How far it was replicated when it was cleaned: a leader does not send a replica back below that.
    replicated: i64,
    /// The outcomes of transactions whose markers are not known to be durable. A coordinator has decided them, and sends the marker
    /// until it is; the producer does not go on before.
    owed: BTreeMap<u8, bool>,
    /// The next sequence of each producer, if its batches are all there. One that is forgotten does not begin anew.
    sequences: [i32; PRODUCERS as usize],
    /// Batches of transactions before the log's start were never durable, and may be lost: nobody knows which are open.
    unsure: bool,
}

static CRASHES: AtomicU64 = AtomicU64::new(0);

impl Model {
    fn new(seed: u64, compact: bool) -> Self {
        let disk = disk(seed);
        let mut model = Self {
            compact,
            disk,
            log: None,
            flush: None,
            written: Vec::new(),
            start: 0,
            end: 0,
            durable: 0,
            checkpoint: 0,
            cleaned: 0,
            clean_to: 0,
            replicated: 0,
            owed: BTreeMap::new(),
            sequences: [0; PRODUCERS as usize],
            unsure: false,
        };
        model.log = Some(open(&model.disk, model.config(), Recovery::default()));
        model
    }

    fn config(&self) -> LogConfig {
        LogConfig { compact: self.compact, ..small() }
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    /// Some offset of the log.
    fn offset(&self, at: u16) -> i64 {
        self.start + (self.end - self.start) * i64::from(at) / i64::from(u16::MAX)
    }

    /// The batches that consumers may see.
    fn visible(&self) -> &[Written] {
        &self.written[self.written.partition_point(|batch| batch.last < self.start)..]
    }

    /// An error is fine only when the disk does not do as it should. Then the process ends.
    fn run(&mut self, op: &Op) {
        if let Err(error) = self.try_run(op) {
            assert!(matches!(error, Error::Io { .. } | Error::Fenced { .. }), "{op:?}: {error}");
            // A disk without power loses what was not synced; one that is full or failed once does not. But for a cut whose sync
            // failed: it is there until the power goes, and nobody knows.
            let lost = self.disk.is_stopped() || matches!(op, Op::Truncate { .. });
            self.restart(lost, matches!(op, Op::Retain { .. }), matches!(op, Op::TruncateFully { .. }));
            // What was half cut off may come back as long as no flush has seen the names.
            self.log().flush().unwrap();
        }
        self.check();
    }

    fn try_run(&mut self, op: &Op) -> log::Result<()> {
        match op {
            Op::Append { keys, value_bytes, tombstone, packed, producer, roll } => {
                let value = (!tombstone).then_some(*value_bytes);
                self.append(keys, value, *packed, *producer, *roll)?;
            }
            Op::EndTransaction { producer, commit } => {
                self.owed.entry(*producer).or_insert(*commit);
                self.pay(*producer)?;
            }
            Op::Resend { producer } => self.resend(*producer)?,
            Op::Read { at, max_bytes, min_one } => self.read(self.offset(*at), *max_bytes, *min_one)?,
            Op::Truncate { at } => self.truncate(self.offset(*at).max(self.replicated))?,
            Op::TruncateFully { .. } if self.compact => {}
            Op::TruncateFully { ahead } => {
                let offset = self.end + ahead;
                (self.durable, self.checkpoint) = (0, 0);
                self.log().truncate_fully_and_start_at(Offset(offset), Offset(offset), NOW)?;
                self.written.clear();
                (self.start, self.end) = (offset, offset);
            }
            Op::Retain { retention_bytes } => {
                let retention_bytes = *retention_bytes;
                let (end, config) = (Offset(self.end), self.config());
                let log = self.log();
                log.set_high_watermark(end);
                log.set_config(LogConfig { retention_bytes, ..config });
                let retained = log.retain(NOW);
                self.start = self.start.max(self.log().log_start_offset().get());
                retained?;
                assert!(self.log().size_bytes() <= retention_bytes as u64 + 1000);
                let config = self.config();
                self.log().set_config(config);
            }
            Op::Advance { at } => {
                let offset = self.offset(*at);
                let end = Offset(self.end);
                self.log().set_high_watermark(end);
                self.log().advance_log_start_offset(Offset(offset))?;
                self.start = self.start.max(offset);
            }
            Op::Clean { map_slots } => self.clean(*map_slots)?,
            Op::Flush => {
                self.log().flush()?;
                assert_eq!(self.log().durable_offset().get(), self.end);
                self.durable = self.end;
            }
            Op::BeginFlush => self.flush = self.log().flush_target()?,
            Op::EndFlush => {
                if let Some(target) = self.flush.take() {
                    target.sync()?;
                    self.log().mark_flushed(&target);
                    self.durable = self.log().durable_offset().get();
                }
            }
            Op::Checkpoint => self.checkpoint = self.log().durable_offset().get(),
            Op::CloseIdle => self.log().close_idle_files(),
            Op::Reopen => self.reopen()?,
            Op::Crash => self.restart(true, false, false),
            Op::Kill => {
                let (start, end) = (self.start, self.end);
                self.restart(false, false, false);
                assert_eq!((self.start, self.end), (start, end), "the process lost what it had written");
            }
            Op::CrashWithin { operations } => self.disk.stop_at(self.disk.operations() + operations),
            Op::FailWithin { operations } => self.disk.fail_at(self.disk.operations() + operations),
            Op::Full { room_bytes } => self.disk.set_capacity_bytes(self.disk.used_bytes() + room_bytes),
            Op::Room => self.disk.set_capacity_bytes(u64::MAX),
        }
        Ok(())
    }

    fn append(
        &mut self,
        keys: &[u8],
        value_bytes: Option<usize>,
        packed: bool,
        producer: Option<u8>,
        roll: bool,
    ) -> log::Result<()> {
        let mut builder = BatchBuilder::new(Offset::ZERO);
        let mut records = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            let key = format!("k{key}");
            let offset = self.end + index as i64;
            let value = value_bytes.map(|bytes| format!("{offset}{}", "v".repeat(bytes)).into_bytes());
            let record = NewRecord {
                timestamp: NOW.unix_ms,
                key: Some(key.as_bytes()),
                value: value.as_deref(),
                ..NewRecord::default()
            };
            builder.append_next(record).unwrap();
            records.push((key, value));
        }
        let mut kind = Kind::Plain;
        if let Some(producer) = producer {
            self.pay(producer)?;
            let transactional = producer < TRANSACTIONAL;
            let sequence = self.next_sequence(producer, keys.len());
            let (id, epoch) = (ProducerId(producer.into()), ProducerEpoch(0));
            builder = builder.producer(id, epoch, sequence).transactional(transactional);
            kind = if transactional { Kind::Transactional } else { Kind::Plain };
        }
        let bytes = builder.compression(if packed { Codec::Lz4 } else { Codec::None }).build().unwrap();
        let config = self.config();
        if roll && bytes.len() < 500 {
            // Full with whatever is in it.
            let segment_bytes = bytes.len() as u32;
            self.log().set_config(LogConfig { segment_bytes, ..config });
        }
        let put = self.put(bytes, producer, kind, records);
        self.log().set_config(config);
        put
    }

    fn put(
        &mut self,
        mut bytes: Vec<u8>,
        producer: Option<u8>,
        kind: Kind,
        records: Vec<(String, Option<Vec<u8>>)>,
    ) -> log::Result<()> {
        let first = self.end;
        let origin = if matches!(kind, Kind::Marker { .. }) { Origin::Coordinator } else { Origin::Client };
        let result = self.log().append_as_leader(&mut bytes, EPOCH, NOW, origin);
        if let Err(Error::Refused(log::Refusal::LargerThanSegment { .. })) = result {
            return Ok(());
        }
        let last = first + records.len().max(1) as i64 - 1;
        let is_full = |error: &std::io::Error| error.kind() == std::io::ErrorKind::StorageFull;
        if matches!(&result, Err(Error::Io { source, .. }) if is_full(source)) && !self.disk.is_stopped() {
            // An error to the producer, and the log is as it was, or knows that it is not.
            if self.log().log_end_offset().get() == first {
                return Ok(());
            }
        }
        // After any other failure it may be there, or not.
        self.written.push(Written { first, last, bytes, producer, kind, records });
        self.end = last + 1;
        assert_eq!(result?.first_offset, Offset(first));
        Ok(())
    }

    /// Writes the marker of a transaction that is decided, if there is one.
    fn pay(&mut self, producer: u8) -> log::Result<()> {
        let Some(commit) = self.owed.get(&producer).copied() else { return Ok(()) };
        let kind = Kind::Marker { commit };
        self.put(marker(producer.into(), 0, commit, 0), Some(producer), kind, Vec::new())?;
        if self.compact {
            self.log().flush()?;
            self.durable = self.end;
        }
        self.owed.remove(&producer);
        Ok(())
    }

    fn last_of(&self, producer: u8) -> Option<&Written> {
        let of =
            |batch: &&Written| batch.producer == Some(producer) && !matches!(batch.kind, Kind::Marker { .. });
        self.written.iter().rfind(of)
    }

    fn next_sequence(&mut self, producer: u8, records: usize) -> i32 {
        let log = self.log.as_ref().unwrap();
        let sent = &mut self.sequences[usize::from(producer)];
        let known = log.producers().get(ProducerId(producer.into())).map(|known| known.last_sequence() + 1);
        let next = known.unwrap_or(*sent);
        *sent = (*sent).max(next + records as i32);
        next
    }

    fn resend(&mut self, producer: u8) -> log::Result<()> {
        let Some(last) = self.last_of(producer).cloned() else { return Ok(()) };
        let mut bytes = last.bytes;
        // Its base offset, which the producer does not know.
        bytes[..8].fill(0);
        let info = self.log().append_as_leader(&mut bytes, EPOCH, NOW, Origin::Client)?;
        assert!(info.duplicate, "producer {producer} is forgotten: {info:?}");
        assert_eq!((info.first_offset, info.last_offset), (Offset(last.first), Offset(last.last)));
        Ok(())
    }

    fn read(&mut self, offset: i64, max_bytes: u64, min_one: bool) -> log::Result<()> {
        let end = Offset(self.end);
        let read = self.log().read(Offset(offset), max_bytes, min_one, end)?;
        if offset < self.cleaned {
            // What `check` looks at; here it is that nothing is skipped.
            let first = read.first_offset.get();
            assert!(read.len_bytes() <= max_bytes || read.ranges.len() == 1);
            assert!(!min_one || !read.ranges.is_empty() || first == offset);
            return Ok(());
        }
        let from = self.written.partition_point(|batch| batch.last < offset);
        let (mut expect, mut size) = (Vec::new(), 0);
        for batch in &self.written[from..] {
            size += batch.bytes.len() as u64;
            if size > max_bytes && !(min_one && expect.is_empty()) {
                break;
            }
            expect.extend_from_slice(&batch.bytes);
        }
        assert_eq!(bytes(&read), expect, "at {offset} with {max_bytes}");
        Ok(())
    }

    fn truncate(&mut self, offset: i64) -> log::Result<()> {
        // The batch with the offset goes as a whole.
        let inside = self.written.iter().find(|batch| batch.last >= offset);
        let left = inside.map_or(offset, |batch| batch.first.min(offset));
        (self.durable, self.checkpoint) = (self.durable.min(left), self.checkpoint.min(left));
        self.log().truncate_to(Offset(offset), NOW)?;
        self.written.retain(|batch| batch.last < offset);
        // Of a batch that is cut in two nothing remains.
        self.end = self.log().log_end_offset().get();
        let inside = self.written.last().map_or(self.start, |last| last.last + 1).max(self.start);
        assert!(self.end == offset || self.end == inside, "{} {offset} {inside}", self.end);
        self.start = self.start.min(offset);
        (self.durable, self.checkpoint) = (self.durable.min(self.end), self.checkpoint.min(self.end));
        Ok(())
    }

    fn clean(&mut self, map_slots: usize) -> log::Result<()> {
        let end = Offset(self.end);
        self.log().set_high_watermark(end);
        // The checkpoint comes first.
        self.checkpoint = self.log().durable_offset().get();
        let clean_to = Offset(self.clean_to);
        let Some(what) = self.log().cleanable(Some(clean_to), NOW)? else { return Ok(()) };
        self.cleaned = self.cleaned.max(what.end.get());
        self.replicated = self.end;
        let limits =
            CleaningLimits { map_bytes: map_slots * 24, map_load: 0.9, write_bytes: 1000, seed: [7, 11] };
        let mut cleaning = self.log().start_cleaning(what, limits, NOW)?;
        let clean_to = cleaning.map(&mut |_| Ok(()))?;
        while let Some(cleaned) = cleaning.next(&mut |_| Ok(()))? {
            self.log().replace(cleaned)?.unwrap();
        }
        self.clean_to = clean_to.get();
        Ok(())
    }

    fn reopen(&mut self) -> log::Result<()> {
        self.flush = None;
        self.log.take().unwrap().close()?;
        self.durable = self.end;
        self.checkpoint = self.end;
        let recovery = Recovery { clean_shutdown: true, ..self.recovery() };
        self.verify(recovery);
        let (log, report) = try_open(&self.disk, self.config(), recovery)?;
        assert_eq!((report.segments_scanned, report.cut, report.indexes_rebuilt), (0, None, 0));
        self.log = Some(log);
        Ok(())
    }

    fn recovery(&self) -> Recovery {
        let (recovery_point, log_start_offset) = (Offset(self.checkpoint), Offset(self.start));
        Recovery { recovery_point, log_start_offset, ..Recovery::default() }
    }

    /// The process ends, and the power with it or not; the next one begins with what is there.
    fn restart(&mut self, crash: bool, retaining: bool, truncating_fully: bool) {
        CRASHES.fetch_add(1, Ordering::Relaxed);
        (self.log, self.flush) = (None, None);
        if crash {
            self.disk.crash();
        } else {
            self.disk.kill();
        }
        self.disk.set_capacity_bytes(u64::MAX);
        let (log, _) = try_open(&self.disk, self.config(), self.recovery()).unwrap();
        let (start, end) = (log.log_start_offset().get(), log.log_end_offset().get());
        assert!(end >= self.durable, "durable up to {}, found {end}", self.durable);
        assert!(start == self.start || retaining || truncating_fully, "{start} {}", self.start);
        self.start = start;
        // What was deleted before it was durable is not missed.
        let wiped = truncating_fully || self.durable < start;
        let deleted = |batch: &Written| batch.last < start && (batch.last >= self.durable || wiped);
        self.unsure |= self.written.iter().any(|batch| deleted(batch) && batch.kind != Kind::Plain);
        self.written.retain(|batch| batch.last < end && !deleted(batch));
        self.end = end;
        if self.visible().last().is_some_and(|last| last.last + 1 != end) {
            panic!("ends at {end}, the last batch is {:?}", self.written.last());
        }
        self.log = Some(log);
        self.verify(self.recovery());
    }

    /// `millstream log verify` has nothing to say, but for snapshots: one that could neither be written nor removed may stay, and
    /// no start takes it for good.
    fn verify(&self, recovery: Recovery) {
        let scope = Scope { recovery, ..Scope::default() };
        let report = verify(&self.disk.shared(), Path::new(DIR), &scope, 10).unwrap();
        let is_damage = |finding: &&Finding| finding.before_recovery_point && finding.what != What::Snapshot;
        let damage: Vec<_> = report.findings.list().iter().filter(is_damage).collect();
        assert!(damage.is_empty(), "{damage:?}");
    }

    /// The log is what the model says.
    fn check(&mut self) {
        let (start, end) = (Offset(self.start), Offset(self.end));
        let log = self.log.as_ref().unwrap();
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (start, end));
        let Ok(read) = log.read(start, u64::MAX, true, end) else {
            // The power is gone; the next operation that writes will say so.
            assert!(self.disk.is_stopped());
            return;
        };
        let Some(bytes) = bytes_or_none(&read) else { return };
        let found: Vec<_> = batches(&bytes).map(|batch| batch.unwrap()).collect();
        let clean = found.partition_point(|batch| batch.header().base_offset.get() < self.cleaned);
        let dirty = self.written.partition_point(|batch| batch.last < self.cleaned.max(self.start));
        let found_bytes: Vec<&[u8]> = found[clean..].iter().map(|batch| batch.bytes()).collect();
        let expect: Vec<&[u8]> = self.written[dirty..].iter().map(|batch| &*batch.bytes).collect();
        assert_eq!(found_bytes, expect);
        found[..clean].iter().for_each(|batch| self.check_cleaned(batch));
        if self.compact && !self.unsure && !self.disk.is_stopped() {
            self.check_last_words(&read, &found);
        }
    }

    /// What a cleaning has left of a batch is as it was written.
    fn check_cleaned(&self, batch: &Batch<'_>) {
        batch.verify_crc().unwrap();
        let (first, last) = (batch.header().base_offset.get(), batch.header().last_offset().get());
        let was = self.written.iter().find(|was| was.first == first).expect("a batch that was written");
        assert_eq!(was.last, last);
        let unpacked = batch.decompress(1 << 20).unwrap();
        for record in batch.records(&unpacked).filter(|_| !batch.header().attributes.is_control()) {
            let record = record.unwrap();
            let (key, value) = &was.records[(record.offset.get() - first) as usize];
            assert_eq!((record.key, record.value), (Some(key.as_bytes()), value.as_deref()));
        }
    }

    /// Who reads what is committed knows of every key what was written last.
    fn check_last_words(&mut self, read: &log::FetchRead, found: &[Batch<'_>]) {
        let log = self.log.as_mut().unwrap();
        log.set_high_watermark(Offset(self.end));
        let stable = log.last_stable_offset();
        let Ok(aborted) = log.aborted_transactions(read.first_offset, stable) else { return };
        let mut words = BTreeMap::new();
        for batch in committed(found, aborted).filter(|batch| batch.header().last_offset() < stable) {
            let unpacked = batch.decompress(1 << 20).unwrap();
            for record in batch.records(&unpacked) {
                let record = record.unwrap();
                if record.offset.get() >= self.start {
                    words.insert(record.key.unwrap().to_vec(), (record.offset.get(), record.value.is_some()));
                }
            }
        }
        let expect = self.last_words();
        assert_eq!(words.keys().collect::<Vec<_>>(), expect.keys().collect::<Vec<_>>());
        assert_eq!(words, expect);
    }

    /// Of every key the offset of its last committed record, and whether that is no tombstone.
    fn last_words(&self) -> BTreeMap<Vec<u8>, (i64, bool)> {
        let mut open: BTreeMap<u8, Vec<&Written>> = BTreeMap::new();
        let mut decided: Vec<&Written> = Vec::new();
        for batch in &self.written {
            match (batch.kind, batch.producer) {
                (Kind::Plain, _) => decided.push(batch),
                (Kind::Transactional, Some(producer)) => open.entry(producer).or_default().push(batch),
                (Kind::Marker { commit }, Some(producer)) => {
                    let ended = open.remove(&producer).unwrap_or_default();
                    decided.extend(ended.into_iter().filter(|_| commit));
                }
                _ => {}
            }
        }
        let stable = open.values().filter_map(|batches| batches.first()).map(|batch| batch.first).min();
        decided.sort_by_key(|batch| batch.first);
        let mut words = BTreeMap::new();
        for batch in decided.into_iter().filter(|batch| stable.is_none_or(|stable| batch.last < stable)) {
            for (offset, (key, value)) in (batch.first..).zip(&batch.records) {
                if offset >= self.start {
                    words.insert(key.clone().into_bytes(), (offset, value.is_some()));
                }
            }
        }
        words
    }
}

/// The batches of records that a consumer with `read_committed` is given: it leaves out what the list of aborted transactions
/// tells it to.
fn committed<'a, 'b>(
    found: &'b [Batch<'a>],
    mut aborted: Vec<log::AbortedTxn>,
) -> impl Iterator<Item = &'b Batch<'a>> {
    aborted.sort_by_key(|txn| std::cmp::Reverse(txn.first_offset));
    let mut aborting = BTreeSet::new();
    found.iter().filter(move |batch| {
        let header = batch.header();
        while let Some(txn) = aborted.pop_if(|txn| txn.first_offset <= header.last_offset()) {
            aborting.insert(txn.producer_id);
        }
        if header.attributes.is_control() {
            let marker = batch.records(batch.payload()).next().map(|record| record.unwrap().control_type());
            if marker == Some(Ok(ControlType::Abort)) {
                aborting.remove(&header.producer_id);
            }
            return false;
        }
        !(header.attributes.is_transactional() && aborting.contains(&header.producer_id))
    })
}

/// The bytes, unless the disk has no power.
fn bytes_or_none(read: &log::FetchRead) -> Option<Vec<u8>> {
    read.ranges.iter().all(|range| range.file.len().is_ok()).then(|| bytes(read))
}

fn run(seed: u64, compact: bool, ops: &[Op]) -> Result<(), TestCaseError> {
    let mut model = Model::new(seed, compact);
    ops.iter().for_each(|op| model.run(op));
    model.restart(true, false, false);
    model.check();
    Ok(())
}

#[test]
fn the_log_is_its_model() {
    let wanted = std::env::var("MILLSTREAM_CRASH_POINTS").map_or(4000, |count| count.parse().unwrap());
    let schedules = (any::<u64>(), any::<bool>(), prop::collection::vec(op(), 1..80));
    while CRASHES.load(Ordering::Relaxed) < wanted {
        let config = ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() };
        let outcome =
            TestRunner::new(config).run(&schedules, |(seed, compact, ops)| run(seed, compact, &ops));
        if let Err(error) = outcome {
            panic!("{error}");
        }
    }
    eprintln!("{} crashes", CRASHES.load(Ordering::Relaxed));
}
