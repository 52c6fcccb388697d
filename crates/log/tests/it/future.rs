//! A log that moves to another log directory, with crashes at every point: there is always exactly one, with everything.

use std::path::Path;

use log::disk::Disk as _;
use log::disk::sim::SimDisk;
use log::{Error, FutureLog, Log, MoveError, Origin, Recovery, log_dir};
use proptest::prelude::*;
use protocol::{LeaderEpoch, Offset, ProducerId, TopicPartition, Uuid};

use crate::support::*;

const DIRS: [&str; 2] = ["/data", "/other"];
const TOPIC_ID: Uuid = Uuid([7; 16]);

fn topic_partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn two_directories(seed: u64) -> SimDisk {
    let disk = disk(seed);
    disk.create_dir_all(Path::new(DIRS[1])).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

/// What a log has from its start on, byte by byte.
fn content(log: &Log) -> Vec<u8> {
    bytes(&log.read(log.log_start_offset(), u64::MAX, true, log.log_end_offset()).unwrap())
}

/// Copies up to an offset, so many bytes at most.
fn copy(log: &Log, future: &mut FutureLog, max_bytes: u64, up_to: Offset) -> log::Result<()> {
    future.follow_start(log, NOW)?;
    for range in future.missing(log, log::Source::Disk, max_bytes, up_to)?.ranges {
        let mut bytes = vec![0; range.len as usize];
        assert_eq!(range.file.read_at(&mut bytes, range.position).unwrap() as u64, range.len);
        future.append(&bytes, NOW)?;
    }
    Ok(())
}

fn create(disk: &SimDisk, log: &Log, to: usize) -> log::Result<FutureLog> {
    FutureLog::create(disk.shared(), Path::new(DIRS[to]), log, TOPIC_ID, Uuid([9; 16]), NOW)
}

fn lists(disk: &SimDisk) -> [log_dir::Contents; 2] {
    DIRS.map(|dir| log_dir::list(disk, Path::new(dir)).unwrap())
}

/// A log with several segments, transactions, producers and epochs, of which the first records are deleted.
fn rich(disk: &SimDisk) -> Log {
    let mut log = open(disk, small(), Recovery::default());
    log.write_topic_id(TOPIC_ID).unwrap();
    append(&mut log, of_producer(1, 0, 0, 2, false));
    for at in 0..6 {
        append(&mut log, of_producer(2, 0, at * 2, 2, true));
        append(&mut log, packed(protocol::compression::Codec::Lz4, 3));
        append_marker(&mut log, marker(2, 0, at % 2 == 0, 0));
    }
    log.start_leader_epoch(LeaderEpoch(5));
    log.append_as_leader(&mut plain(2), LeaderEpoch(5), NOW, Origin::Client).unwrap();
    let end = log.log_end_offset();
    log.set_high_watermark(end);
    log.advance_log_start_offset(Offset(2)).unwrap();
    log.flush().unwrap();
    log
}

#[test]
fn a_moved_log_is_the_same_log() {
    let disk = two_directories(1);
    let mut log = rich(&disk);
    let mut future = create(&disk, &log, 1).unwrap();
    while future.end_offset() < log.log_end_offset() {
        copy(&log, &mut future, 300, log.log_end_offset()).unwrap();
    }
    assert_eq!(future.size_bytes(), content(&log).len() as u64);
    let facts = |log: &Log| {
        let start = log.log_start_offset();
        let epochs = [0, 3, 4, 5].map(|epoch| log.end_offset_for_epoch(LeaderEpoch(epoch)));
        let aborted = log.aborted_transactions(start, log.log_end_offset()).unwrap();
        (content(log), start, log.log_end_offset(), log.last_stable_offset(), epochs, aborted)
    };
    let before = (facts(&log), log.producers().clone());
    assert!(!before.0.5.is_empty(), "aborted transactions are moved");
    let files = log.move_to(future, Uuid([3; 16]), NOW, |_| Ok(())).unwrap();
    assert_eq!((log.path(), log.durable_offset()), (Path::new("/other/t-0"), log.log_end_offset()));
    assert_eq!((facts(&log), log.producers().clone()), before);
    // A producer whose records are gone is remembered: this is its last batch once more.
    assert!(append(&mut log, of_producer(1, 0, 0, 2, false)).duplicate);
    assert_eq!(files.parent(), Some(Path::new("/data")));
    assert_eq!(lists(&disk)[0].deleted, std::slice::from_ref(&files));
    log_dir::remove_partition(&disk, &files).unwrap();

    // Also after a crash, which loses nothing.
    disk.crash();
    let recovery =
        Recovery { recovery_point: before.0.2, log_start_offset: before.0.1, ..Recovery::default() };
    let (mut log, report) =
        Log::open(disk.shared(), Path::new("/other/t-0"), topic_partition(), small(), recovery, NOW).unwrap();
    assert_eq!(report.cut, None);
    log.set_high_watermark(log.log_end_offset());
    assert_eq!(facts(&log), before.0);
    assert!(append(&mut log, of_producer(1, 0, 0, 2, false)).duplicate);
    assert_eq!(log::checkpoint::read_topic_id(&disk, log.path()).unwrap(), Some(TOPIC_ID));
}

#[test]
fn a_copy_that_has_not_everything_takes_no_place() {
    let disk = two_directories(1);
    let mut log = rich(&disk);
    let mut future = create(&disk, &log, 1).unwrap();
    copy(&log, &mut future, 300, log.log_end_offset()).unwrap();
    let refused = log.move_to(future, Uuid([3; 16]), NOW, |_| Ok(()));
    assert!(matches!(refused, Err(MoveError::To(Error::UnexpectedAppendOffset { .. }))));
    append(&mut log, plain(1));
    assert_eq!(lists(&disk)[0].partitions.len(), 1);
    assert_eq!(lists(&disk)[1].future.len(), 1);
}

#[test]
fn a_log_whose_old_directory_fails_in_the_end_stays_there() {
    // Which operation of the move it is that fails, is tried one after the other.
    let (mut from_failed, mut to_failed) = (0, 0);
    for fail in 0.. {
        let disk = two_directories(1);
        let mut log = rich(&disk);
        let mut future = create(&disk, &log, 1).unwrap();
        copy(&log, &mut future, u64::MAX, log.log_end_offset()).unwrap();
        let before = disk.operations();
        disk.fail_at(before + fail);
        let moved = log.move_to(future, Uuid([3; 16]), NOW, |_| Ok(()));
        let [old, new] = lists(&disk);
        match moved {
            Ok(_) => {
                assert_eq!((old.partitions.len(), new.partitions.len(), new.future.len()), (0, 1, 0));
                break;
            }
            Err(MoveError::To(_)) => {
                to_failed += 1;
                assert_eq!((old.partitions.len(), new.partitions.len(), new.future.len()), (1, 0, 1));
                append(&mut log, plain(1));
            }
            Err(MoveError::From(_)) => {
                from_failed += 1;
                // The name may be gone already, and the disk has not said that it knows.
                assert_eq!((new.partitions.len(), new.future.len()), (0, 1));
                assert!(log.is_fenced());
            }
        }
    }
    assert!(from_failed == 2 && to_failed > 5, "{from_failed} {to_failed}");
}

#[derive(Clone, Debug)]
enum Op {
    Append { producer: i64, records: usize },
    Flush,
    DeleteRecords { at: u16 },
    Retain,
    Begin,
    Copy { max_bytes: u64 },
    Assign,
    Move,
    Crash,
    CrashWithin { operations: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1i64..4, 1usize..4).prop_map(|(producer, records)| Op::Append { producer, records }),
        4 => Just(Op::Flush),
        1 => any::<u16>().prop_map(|at| Op::DeleteRecords { at }),
        1 => Just(Op::Retain),
        2 => Just(Op::Begin),
        6 => (0u64..2000).prop_map(|max_bytes| Op::Copy { max_bytes }),
        2 => Just(Op::Assign),
        4 => Just(Op::Move),
        1 => Just(Op::Crash),
        3 => (0u64..60).prop_map(|operations| Op::CrashWithin { operations }),
    ]
}

/// What the checkpoints of a directory say.
#[derive(Clone, Copy, Default)]
struct Checkpoint {
    recovery_point: Offset,
    log_start: Offset,
}

/// A node of two directories, and what it has promised.
struct Node {
    disk: SimDisk,
    log: Log,
    future: Option<FutureLog>,
    home: usize,
    /// By the metadata.
    assigned: usize,
    checkpoints: [Checkpoint; 2],
    /// Offset and bytes of every batch that was appended and not lost.
    batches: Vec<(Offset, Vec<u8>)>,
    sequences: [i32; 4],
    durable: Offset,
    start: Offset,
    moves: usize,
}

impl Node {
    fn new(seed: u64) -> Self {
        let disk = two_directories(seed);
        let mut log = open(&disk, small(), Recovery::default());
        log.write_topic_id(TOPIC_ID).unwrap();
        log.flush().unwrap();
        Self {
            disk,
            log,
            future: None,
            home: 0,
            assigned: 0,
            checkpoints: Default::default(),
            batches: vec![],
            sequences: [0; 4],
            durable: Offset::ZERO,
            start: Offset::ZERO,
            moves: 0,
        }
    }

    fn run(&mut self, op: &Op) {
        match self.try_run(op) {
            Ok(()) => self.check(),
            Err(Error::Io { .. } | Error::Fenced { .. }) => self.crash(),
            Err(error) => panic!("{op:?}: {error}"),
        }
    }

    fn try_run(&mut self, op: &Op) -> log::Result<()> {
        let other = 1 - self.home;
        match op {
            Op::Append { producer, records } => {
                let sequence = &mut self.sequences[*producer as usize];
                let mut batch = of_producer(*producer, 0, *sequence, *records, false);
                let first_offset = self.log.log_end_offset();
                let appended = self.log.append_as_leader(&mut batch, EPOCH, NOW, Origin::Client);
                // One that failed may be there after a crash.
                self.batches.push((first_offset, batch));
                self.log.set_high_watermark(appended?.last_offset + 1);
                *sequence += *records as i32;
            }
            Op::Flush => {
                self.log.flush()?;
                self.durable = self.log.durable_offset();
                self.checkpoints[self.home].recovery_point = self.durable;
            }
            Op::DeleteRecords { at } => {
                let span = self.durable.get() - self.log.log_start_offset().get();
                let before = self.log.log_start_offset() + span * i64::from(*at) / 65536;
                self.log.advance_log_start_offset(before)?;
                self.write_start();
            }
            Op::Retain => {
                let retained = self.log.retain(NOW)?;
                self.write_start();
                for file in retained.files {
                    self.disk.remove_file(&file).map_err(gone)?;
                }
            }
            Op::Begin => {
                if self.future.is_none() {
                    self.future = Some(create(&self.disk, &self.log, other)?);
                }
            }
            Op::Copy { max_bytes } => {
                if let Some(future) = &mut self.future {
                    copy(&self.log, future, *max_bytes, self.durable.max(self.log.log_start_offset()))?;
                }
            }
            Op::Assign => {
                if self.future.is_some() {
                    self.assigned = other;
                }
            }
            Op::Move => {
                if self.assigned == other
                    && let Some(mut future) = self.future.take()
                {
                    copy(&self.log, &mut future, u64::MAX, self.log.log_end_offset())?;
                    let checkpoint = &mut self.checkpoints[other];
                    let write = |log: &Log| {
                        *checkpoint = Checkpoint {
                            recovery_point: log.durable_offset(),
                            log_start: log.log_start_offset(),
                        };
                        Ok(())
                    };
                    let moved = self.log.move_to(future, Uuid([3; 16]), NOW, write);
                    let files = moved.map_err(|error| match error {
                        MoveError::From(error) | MoveError::To(error) => error,
                    })?;
                    self.home = other;
                    self.moves += 1;
                    self.durable = self.log.durable_offset();
                    log_dir::remove_partition(&self.disk, &files)?;
                }
            }
            Op::Crash => self.crash(),
            Op::CrashWithin { operations } => self.disk.stop_at(self.disk.operations() + operations),
        }
        Ok(())
    }

    fn write_start(&mut self) {
        // The checkpoint is a file as any other.
        if !self.disk.is_stopped() {
            self.start = self.log.log_start_offset();
            self.checkpoints[self.home].log_start = self.start;
        }
    }

    /// The power goes and comes back: the node looks for the log as a start does.
    fn crash(&mut self) {
        self.future = None;
        self.disk.crash();
        let contents = lists(&self.disk);
        for deleted in contents.iter().flat_map(|contents| &contents.deleted) {
            log_dir::remove_partition(&self.disk, deleted).unwrap();
        }
        let there: Vec<usize> = (0..2).filter(|dir| !contents[*dir].partitions.is_empty()).collect();
        self.home = match there[..] {
            [only] => only,
            [_, _] => self.assigned,
            _ => panic!("no log is left"),
        };
        let other = 1 - self.home;
        if there.len() == 2 {
            log_dir::remove_partition(&self.disk, &contents[other].partitions[0].1).unwrap();
            // Before the metadata can say once more that it is there.
            self.disk.sync_dir(Path::new(DIRS[other])).unwrap();
        }
        self.assigned = self.home;
        let checkpoint = self.checkpoints[self.home];
        let recovery = Recovery {
            recovery_point: checkpoint.recovery_point,
            log_start_offset: checkpoint.log_start,
            ..Recovery::default()
        };
        let path = Path::new(DIRS[self.home]).join("t-0");
        let (mut log, _) =
            Log::open(self.disk.shared(), &path, topic_partition(), small(), recovery, NOW).unwrap();
        let end = log.log_end_offset();
        log.set_high_watermark(end);
        assert!(end >= self.durable, "{end} is before {}, which was durable", self.durable);
        self.log = log;
        self.batches.retain(|(first, _)| *first < end);
        for (id, sequence) in self.sequences.iter_mut().enumerate() {
            let producer = self.log.producers().get(ProducerId(id as i64));
            *sequence = producer.map_or(0, |producer| producer.last_sequence() + 1);
        }
        self.checkpoints[self.home].recovery_point = self.log.durable_offset();
        self.start = self.log.log_start_offset();
        for (_, path) in contents.iter().flat_map(|contents| &contents.future) {
            log_dir::remove_partition(&self.disk, path).unwrap();
        }
        self.check();
    }

    fn check(&self) {
        assert!(self.log.log_start_offset() >= self.start, "deleted records are back");
        let all: Vec<u8> = self.batches.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        let found = content(&self.log);
        assert!(all.ends_with(&found), "not the records that were appended");
        let end = self.batches.last().map_or(Offset::ZERO, |(first, bytes)| {
            *first + i64::from(i32::from_be_bytes(bytes[23..27].try_into().unwrap())) + 1
        });
        assert_eq!(self.log.log_end_offset(), end.max(self.log.log_start_offset()));
    }
}

fn gone(source: std::io::Error) -> Error {
    Error::Io { operation: "remove", path: "".into(), source }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whenever_the_power_goes_there_is_one_log_with_everything(
        seed in any::<u64>(),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut node = Node::new(seed);
        for op in &ops {
            node.run(op);
        }
        // And the move can always be brought to its end.
        node.crash();
        for op in [Op::Flush, Op::Begin, Op::Assign, Op::Move] {
            node.run(&op);
        }
        prop_assert!(node.moves > 0);
    }
}
