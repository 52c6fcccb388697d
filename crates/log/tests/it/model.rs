//! Random operations, crashes among them, against a model that is a list of batches.

use log::disk::sim::SimDisk;
use log::{Error, Log, LogConfig, Origin, Recovery};
use proptest::prelude::*;
use protocol::Offset;

use crate::support::*;

#[derive(Clone, Debug)]
enum Op {
    Append {
        records: usize,
        value_bytes: usize,
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
    Flush,
    /// A flush that appends overtake.
    BeginFlush,
    EndFlush,
    Checkpoint,
    CloseIdle,
    Reopen,
    Crash,
    /// The power goes after so many more operations of the disk.
    CrashWithin {
        operations: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (1usize..4, 0usize..200).prop_map(|(records, value_bytes)| Op::Append { records, value_bytes }),
        4 => (any::<u16>(), 0u64..2000, any::<bool>())
            .prop_map(|(at, max_bytes, min_one)| Op::Read { at, max_bytes, min_one }),
        1 => any::<u16>().prop_map(|at| Op::Truncate { at }),
        1 => (0i64..9).prop_map(|ahead| Op::TruncateFully { ahead }),
        1 => (0i64..1500).prop_map(|retention_bytes| Op::Retain { retention_bytes }),
        1 => any::<u16>().prop_map(|at| Op::Advance { at }),
        2 => Just(Op::Flush),
        1 => Just(Op::BeginFlush),
        1 => Just(Op::EndFlush),
        1 => Just(Op::Checkpoint),
        1 => Just(Op::CloseIdle),
        1 => Just(Op::Reopen),
        1 => Just(Op::Crash),
        2 => (0u64..40).prop_map(|operations| Op::CrashWithin { operations }),
    ]
}

#[derive(Clone, Debug, PartialEq)]
struct Batch {
    first: i64,
    last: i64,
    bytes: Vec<u8>,
}

struct Model {
    disk: SimDisk,
    log: Option<Log>,
    flush: Option<log::FlushTarget>,
    batches: Vec<Batch>,
    start: i64,
    end: i64,
    /// What was reported as durable.
    durable: i64,
    /// The recovery point in the log directory's checkpoint.
    checkpoint: i64,
}

impl Model {
    fn new(seed: u64) -> Self {
        let disk = disk(seed);
        let log = Some(open(&disk, small(), Recovery::default()));
        Self { disk, log, flush: None, batches: Vec::new(), start: 0, end: 0, durable: 0, checkpoint: 0 }
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    /// Some offset of the log.
    fn offset(&self, at: u16) -> i64 {
        self.start + (self.end - self.start) * i64::from(at) / i64::from(u16::MAX)
    }

    /// An error is fine only when the power is gone. Then it comes back.
    fn run(&mut self, op: &Op) {
        if let Err(error) = self.try_run(op) {
            assert!(matches!(error, Error::Io { .. } | Error::Fenced { .. }), "{op:?}: {error}");
            self.crash(matches!(op, Op::Retain { .. }), matches!(op, Op::TruncateFully { .. }));
        }
        self.check();
    }

    fn try_run(&mut self, op: &Op) -> log::Result<()> {
        match op {
            Op::Append { records, value_bytes } => self.append(*records, *value_bytes)?,
            Op::Read { at, max_bytes, min_one } => self.read(self.offset(*at), *max_bytes, *min_one)?,
            Op::Truncate { at } => {
                let offset = self.offset(*at);
                // The batch with the offset goes as a whole.
                let inside = self.batches.iter().find(|batch| batch.last >= offset);
                let left = inside.map_or(offset, |batch| batch.first.min(offset));
                (self.durable, self.checkpoint) = (self.durable.min(left), self.checkpoint.min(left));
                self.log().truncate_to(Offset(offset), NOW)?;
                self.batches.retain(|batch| batch.last < offset);
                // Of a batch that is cut in two nothing remains.
                self.end = self.log().log_end_offset().get();
                let inside = self.batches.last().map_or(self.start, |last| last.last + 1);
                assert!(self.end == offset || self.end == inside, "{} {offset} {inside}", self.end);
                self.start = self.start.min(offset);
                (self.durable, self.checkpoint) = (self.durable.min(self.end), self.checkpoint.min(self.end));
            }
            Op::TruncateFully { ahead } => {
                let offset = self.end + ahead;
                (self.durable, self.checkpoint) = (0, 0);
                self.log().truncate_fully_and_start_at(Offset(offset), Offset(offset), NOW)?;
                self.batches.clear();
                (self.start, self.end) = (offset, offset);
            }
            Op::Retain { retention_bytes } => {
                let retention_bytes = *retention_bytes;
                let end = Offset(self.end);
                let log = self.log();
                log.set_high_watermark(end);
                log.set_config(LogConfig { retention_bytes, ..small() });
                log.retain(NOW)?;
                assert!(log.size_bytes() <= retention_bytes as u64 + 1000);
                self.start = self.log().log_start_offset().get();
                self.batches.retain(|batch| batch.last >= self.start);
            }
            Op::Advance { at } => {
                let offset = self.offset(*at);
                let end = Offset(self.end);
                self.log().set_high_watermark(end);
                self.log().advance_log_start_offset(Offset(offset))?;
                self.start = self.start.max(offset);
                self.batches.retain(|batch| batch.last >= self.start);
            }
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
            Op::Checkpoint => self.checkpoint = self.durable,
            Op::CloseIdle => self.log().close_idle_files(),
            Op::Reopen => {
                self.flush = None;
                self.log.take().unwrap().close()?;
                self.durable = self.end;
                self.checkpoint = self.end;
                let recovery = Recovery { clean_shutdown: true, ..self.recovery() };
                let (log, report) = try_open(&self.disk, small(), recovery)?;
                assert_eq!((report.segments_scanned, report.cut, report.indexes_rebuilt), (0, None, 0));
                self.log = Some(log);
            }
            Op::Crash => self.crash(false, false),
            Op::CrashWithin { operations } => self.disk.stop_at(self.disk.operations() + operations),
        }
        Ok(())
    }

    fn append(&mut self, records: usize, value_bytes: usize) -> log::Result<()> {
        let mut bytes = builder(&vec![NOW.unix_ms; records], value_bytes).build().unwrap();
        let end = self.end;
        let result = self.log().append_as_leader(&mut bytes, EPOCH, NOW, Origin::Client);
        if let Err(Error::Refused(_)) = result {
            return Ok(());
        }
        // After a failure it may be there, or not.
        self.batches.push(Batch { first: end, last: end + records as i64 - 1, bytes });
        self.end += records as i64;
        assert_eq!(result?.first_offset, Offset(end));
        Ok(())
    }

    fn read(&mut self, offset: i64, max_bytes: u64, min_one: bool) -> log::Result<()> {
        let end = Offset(self.end);
        let read = self.log().read(Offset(offset), max_bytes, min_one, end)?;
        let from = self.batches.partition_point(|batch| batch.last < offset);
        let (mut expect, mut size) = (Vec::new(), 0);
        for batch in &self.batches[from..] {
            size += batch.bytes.len() as u64;
            if size > max_bytes && !(min_one && expect.is_empty()) {
                break;
            }
            expect.extend_from_slice(&batch.bytes);
        }
        assert_eq!(bytes(&read), expect, "at {offset} with {max_bytes}");
        Ok(())
    }

    fn recovery(&self) -> Recovery {
        let (recovery_point, log_start_offset) = (Offset(self.checkpoint), Offset(self.start));
        Recovery { recovery_point, log_start_offset, ..Recovery::default() }
    }

    fn crash(&mut self, retaining: bool, truncating_fully: bool) {
        (self.log, self.flush) = (None, None);
        self.disk.crash();
        let (log, _) = try_open(&self.disk, small(), self.recovery()).unwrap();
        let (start, end) = (log.log_start_offset().get(), log.log_end_offset().get());
        assert!(end >= self.durable, "durable up to {}, found {end}", self.durable);
        assert!(start == self.start || retaining || truncating_fully, "{start} {}", self.start);
        self.start = start;
        self.batches.retain(|batch| batch.last >= start && batch.last < end);
        self.end = end;
        if self.batches.last().is_some_and(|last| last.last + 1 != end) {
            panic!("ends at {end}, the last batch is {:?}", self.batches.last());
        }
        self.log = Some(log);
    }

    /// The log is what the model says, byte for byte.
    fn check(&mut self) {
        let (start, end) = (Offset(self.start), Offset(self.end));
        let log = self.log.as_ref().unwrap();
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (start, end));
        let Ok(read) = log.read(start, u64::MAX, true, end) else {
            // The power is gone; the next operation that writes will say so.
            return;
        };
        let expect: Vec<u8> = self.batches.iter().flat_map(|batch| batch.bytes.clone()).collect();
        assert_eq!(bytes_or_none(&read).unwrap_or_else(|| expect.clone()), expect);
    }
}

/// The bytes, unless the disk has no power.
fn bytes_or_none(read: &log::FetchRead) -> Option<Vec<u8>> {
    read.ranges.iter().all(|range| range.file.len().is_ok()).then(|| bytes(read))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_its_model(seed: u64, ops in prop::collection::vec(op(), 1..60)) {
        let mut model = Model::new(seed);
        ops.iter().for_each(|op| model.run(op));
        model.crash(false, false);
        model.check();
    }
}
