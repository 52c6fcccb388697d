//! Random members, leaders and share coordinators over a log with holes: brokers crash, writes fail or are answered too late,
//! members die with records in their hands, the log's start moves.
//!
//! A record is in one member's hands at a time; one whose acceptance was answered is never delivered again, by no leader; none
//! is delivered more often than may be; none is passed over that nobody has spoken of; and all get through in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{ErrorCode, LeaderEpoch, Offset};
use stdx::Random;

use super::*;
use crate::share_state::harness::{Shell, key, subject};
use crate::share_state::{self, ReadState, Response, ShareStateConfig, WriteState};

const STEPS: usize = 250;
const MEMBERS: [&str; 3] = ["m", "n", "o"];
const LIMIT: i16 = 4;

/// What may have happened to a record.
#[derive(Clone, Debug, Default)]
struct Fate {
    /// Somebody was told that it is done with.
    done: bool,
    /// Somebody has asked for that.
    asked: bool,
    /// The most deliveries that anybody was told of.
    deliveries: i16,
}

/// A write on its way: asked for by somebody, or not.
struct OnItsWay {
    write: Write,
    asked: Vec<OffsetRange>,
}

struct Simulation {
    random: Random,
    coordinator: Shell,
    config: SharePartitionConfig,
    partition: SharePartition,
    leader_epoch: i32,
    /// The record batches of the log.
    log: Vec<OffsetRange>,
    aborted: Vec<OffsetRange>,
    log_start: i64,
    fates: BTreeMap<i64, Fate>,
    /// Who has which offset, until when.
    held: BTreeMap<i64, (&'static str, u64)>,
    writes: Vec<OnItsWay>,
    /// On their way to the dead letter topic.
    dead_letters: Vec<DeadLetter>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        let mut coordinator =
            Shell::new(ShareStateConfig { updates_per_snapshot: 3, ..ShareStateConfig::default() });
        let key = key("g", 0);
        coordinator.ask(share_state::Request::Initialize(subject(&key), 0, Offset(-1)));
        let config = SharePartitionConfig {
            delivery_count_limit: LIMIT,
            max_record_locks: 40,
            dead_letters: random.below(2) == 0,
            ..SharePartitionConfig::default()
        };
        let read = ReadState { state_epoch: 0, start_offset: Offset(0), batches: Vec::new() };
        let (partition, dead_letters) =
            SharePartition::load(config, LeaderEpoch(0), &read, Offset(0)).unwrap();
        let mut simulation = Self {
            random,
            coordinator,
            config,
            partition,
            leader_epoch: 0,
            log: Vec::new(),
            aborted: Vec::new(),
            log_start: 0,
            fates: BTreeMap::new(),
            held: BTreeMap::new(),
            writes: Vec::new(),
            dead_letters,
        };
        simulation.lead();
        simulation
    }

    fn below(&mut self, bound: usize) -> i64 {
        self.random.below(bound) as i64
    }

    fn end_of_log(&self) -> i64 {
        self.log.last().map_or(self.log_start, |batch| batch.last_offset.get() + 1)
    }

    fn append(&mut self) {
        if self.end_of_log() > 400 {
            return;
        }
        let hole = if self.random.below(4) == 0 { self.below(5) } else { 0 };
        let first = self.end_of_log() + hole;
        let batch = OffsetRange { first_offset: Offset(first), last_offset: Offset(first + self.below(8)) };
        if self.random.below(6) == 0 {
            self.aborted.push(batch);
        }
        self.log.push(batch);
    }

    fn is_deliverable(&self, offset: i64) -> bool {
        let has = |all: &[OffsetRange]| {
            all.iter().any(|it| it.first_offset.get() <= offset && offset <= it.last_offset.get())
        };
        offset >= self.log_start && has(&self.log) && !has(&self.aborted)
    }

    /// A new leader reads what there is. It may take several tries.
    fn lead(&mut self) {
        self.leader_epoch += 1;
        self.held.clear();
        self.dead_letters.clear();
        // What a dead leader has sent may still arrive, before the next one reads or after.
        let key = key("g", 0);
        loop {
            if self.random.below(4) == 0 {
                self.coordinator.fail_next_append();
            }
            if !self.writes.is_empty() && self.random.below(2) == 0 {
                let at = self.random.below(self.writes.len());
                let late = self.writes.remove(at);
                self.store(&late.write);
            }
            let leader_epoch = LeaderEpoch(self.leader_epoch);
            let answer =
                self.coordinator.ask(share_state::Request::Read(subject(&key), leader_epoch)).unwrap();
            let Response::State(read) = answer else { continue };
            let (partition, dead_letters) =
                SharePartition::load(self.config, leader_epoch, &read, Offset(self.log_start)).unwrap();
            self.partition = partition;
            self.dead_letters = dead_letters;
            break;
        }
        let stale = std::mem::take(&mut self.writes);
        for late in stale {
            assert_ne!(self.store(&late.write), ErrorCode::None, "a former leader is fenced");
        }
        if self.log_start > self.partition.start_offset().get() {
            self.partition.log_start_moved(Offset(self.log_start));
        }
    }

    fn store(&mut self, write: &Write) -> ErrorCode {
        let key = key("g", 0);
        let state = WriteState {
            state_epoch: write.state_epoch,
            leader_epoch: write.leader_epoch,
            start_offset: write.start_offset,
            delivery_complete_count: write.delivery_complete_count,
            batches: &write.batches,
        };
        match self.coordinator.ask(share_state::Request::Write(subject(&key), state)).unwrap() {
            Response::Done => ErrorCode::None,
            Response::Refused(refusal) => refusal.error,
            other => panic!("{other:?}"),
        }
    }

    fn begin(&mut self, write: Option<Write>, asked: Vec<OffsetRange>) {
        match write {
            Some(write) => self.writes.push(OnItsWay { write, asked }),
            None => self.answered(&asked),
        }
    }

    /// Somebody was told that these records are done with.
    fn answered(&mut self, asked: &[OffsetRange]) {
        for range in asked {
            for offset in range.first_offset.get()..=range.last_offset.get() {
                self.fates.entry(offset).or_default().done = true;
            }
        }
    }

    /// One of the writes ends: well, badly, or badly although it was done.
    fn end_a_write(&mut self) {
        if self.writes.is_empty() {
            return;
        }
        let at = self.random.below(self.writes.len());
        let OnItsWay { write, asked } = self.writes.remove(at);
        let error = match self.random.below(6) {
            0 => ErrorCode::NotCoordinator,
            1 => {
                self.store(&write);
                ErrorCode::CoordinatorNotAvailable
            }
            _ => {
                if self.random.below(6) == 0 {
                    self.coordinator.fail_next_append();
                }
                self.store(&write)
            }
        };
        let written = self.partition.written(write.id, error);
        assert!(!written.fenced, "there is no other leader");
        if written.error.is_none() {
            self.answered(&asked);
        }
        self.dead_letters.extend(written.dead_letters);
    }

    fn fetch(&mut self, member: &'static str) -> bool {
        let fetch_offset = self.partition.next_fetch_offset();
        let readable = self
            .log
            .iter()
            .filter(|batch| batch.last_offset >= fetch_offset && batch.last_offset.get() >= self.log_start);
        let most = 1 + self.random.below(4);
        let batches: Vec<OffsetRange> = readable.copied().take(most).collect();
        let limits = AcquireLimits {
            mode: if self.random.below(2) == 0 {
                AcquireMode::RecordLimit
            } else {
                AcquireMode::BatchOptimized
            },
            max_records: 1 + self.below(20) as i32,
            batch_size: 1 + self.below(10) as i32,
        };
        let fetched = Fetched { fetch_offset, batches: &batches, aborted: &self.aborted };
        let now = self.coordinator.now;
        let acquired = self.partition.acquire(now, &Arc::from(member), limits, fetched);
        let until = now.monotonic_ms + u64::from(self.config.record_lock_duration_ms);
        let mut count = 0;
        for records in &acquired {
            assert!(records.delivery_count <= LIMIT, "{records:?}");
            for offset in records.first_offset.get()..=records.last_offset.get() {
                assert!(
                    self.held.insert(offset, (member, until)).is_none(),
                    "{offset} is in somebody's hands"
                );
                let deliverable = self.is_deliverable(offset);
                let in_hole = !self
                    .log
                    .iter()
                    .any(|it| it.first_offset.get() <= offset && offset <= it.last_offset.get());
                assert!(deliverable || in_hole, "{offset} must not be delivered");
                let fate = self.fates.entry(offset).or_default();
                assert!(!fate.done, "{offset} was done with");
                fate.deliveries = fate.deliveries.max(records.delivery_count);
                count += 1;
            }
        }
        if limits.mode == AcquireMode::RecordLimit {
            assert!(count <= limits.max_records, "{count} records for a limit of {}", limits.max_records);
        }
        count > 0
    }

    fn acknowledge(&mut self, member: &'static str, accept_all: bool) {
        let held: Vec<i64> =
            self.held.iter().filter(|(_, (who, _))| *who == member).map(|(offset, _)| *offset).collect();
        let mut acknowledged: Vec<(i64, i8)> = Vec::new();
        for offset in held {
            let how = match self.random.below(if accept_all { 1 } else { 10 }) {
                0 | 1 | 5 => 1,
                2 => 2,
                3 => 3,
                4 => 4,
                _ => continue,
            };
            // What is not in the log is a gap.
            let in_log = self.is_deliverable(offset);
            acknowledged.push((offset, if in_log || how == 4 { how } else { 0 }));
        }
        let runs: Vec<(i64, Vec<i8>)> = acknowledged
            .chunk_by(|one, next| one.0 + 1 == next.0)
            .map(|run| (run[0].0, run.iter().map(|(_, how)| *how).collect()))
            .collect();
        let said: Vec<Acknowledgement<'_>> = runs
            .iter()
            .map(|(first, types)| Acknowledgement {
                first_offset: Offset(*first),
                last_offset: Offset(first + types.len() as i64 - 1),
                types,
            })
            .collect();
        if said.is_empty() {
            return;
        }
        let now = self.coordinator.now;
        let write = self.partition.acknowledge(now, member, &said).unwrap();
        let mut asked = Vec::new();
        for (offset, how) in acknowledged {
            if how == 4 {
                let until = now.monotonic_ms + u64::from(self.config.record_lock_duration_ms);
                self.held.insert(offset, (member, until));
                continue;
            }
            if how != 2 {
                self.fates.entry(offset).or_default().asked = true;
                let at = Offset(offset);
                asked.push(OffsetRange { first_offset: at, last_offset: at });
            }
            self.held.remove(&offset);
        }
        self.begin(write, asked);
    }

    fn pass(&mut self, ms: u64) {
        self.coordinator.pass(ms);
        let now = self.coordinator.now;
        let effects = self.partition.expire(now);
        self.dead_letters.extend(effects.dead_letters);
        self.begin(effects.write, Vec::new());
        self.held.retain(|_, (_, until)| *until > now.monotonic_ms);
    }

    fn send_dead_letters(&mut self) {
        for dead in std::mem::take(&mut self.dead_letters) {
            let write = self.partition.dead_lettered(dead.first_offset, dead.last_offset);
            self.begin(write, Vec::new());
        }
    }

    fn step(&mut self) {
        let member = MEMBERS[self.random.below(MEMBERS.len())];
        match self.random.below(20) {
            0 | 1 => self.append(),
            2..=7 => drop(self.fetch(member)),
            8..=10 => self.acknowledge(member, false),
            11..=13 => self.end_a_write(),
            14 => {
                let ms = [10, 5_000, 20_000, 40_000][self.random.below(4)];
                self.pass(ms);
            }
            15 => {
                let write = self.partition.release_member(member);
                self.held.retain(|_, (who, _)| *who != member);
                self.begin(write, Vec::new());
            }
            16 => self.send_dead_letters(),
            17 if self.random.below(3) == 0 => self.lead(),
            18 if self.random.below(8) == 0 => {
                self.log_start = self.end_of_log().min(self.log_start + self.below(30));
                self.log.retain(|batch| batch.last_offset.get() >= self.log_start);
                self.partition.log_start_moved(Offset(self.log_start));
                let log_start = self.log_start;
                self.held.retain(|offset, _| *offset >= log_start);
            }
            19 if self.random.below(4) == 0 => self.coordinator.restart(),
            _ => {}
        }
        self.check();
    }

    /// Nothing is passed over that can be delivered and that nobody has spoken of; who was told that he has a record has it.
    fn check(&self) {
        let start = self.partition.start_offset().get();
        for offset in self.log_start..start {
            if self.is_deliverable(offset) {
                let fate = self.fates.get(&offset).cloned().unwrap_or_default();
                assert!(
                    fate.asked || fate.deliveries == LIMIT,
                    "{offset} was passed over: {fate:?}, at {start}"
                );
            }
        }
        for (offset, (member, _)) in &self.held {
            let run = self.partition.in_flight.segment(Offset(*offset), Offset(*offset)).run.unwrap();
            match &run.state {
                record_state::RecordState::Acquired(lock) => assert_eq!(&*lock.member_id, *member),
                state => panic!("{member} has {offset}, which is {state:?}"),
            }
        }
        let done = self.partition.delivery_complete_count();
        assert!(i64::from(done) <= self.partition.end_offset() - self.partition.start_offset());
    }

    /// Everything works again: all get through.
    fn drain(&mut self) {
        self.held.clear();
        let mut rounds = 0;
        while self.partition.start_offset().get() < self.end_of_log() {
            rounds += 1;
            assert!(
                rounds < 2_000,
                "stuck at {}: {:?}",
                self.partition.start_offset(),
                self.partition.in_flight
            );
            for OnItsWay { write, asked } in std::mem::take(&mut self.writes) {
                let error = self.store(&write);
                let written = self.partition.written(write.id, error);
                if written.error.is_none() {
                    self.answered(&asked);
                }
                self.dead_letters.extend(written.dead_letters);
            }
            self.send_dead_letters();
            if self.fetch("m") {
                self.acknowledge("m", true);
            } else {
                self.pass(40_000);
            }
            self.check();
        }
    }
}

#[test]
fn any_schedule_delivers_what_it_must_and_no_more() {
    let seeds = std::env::var("SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(200);
    let mut delivered = 0;
    let mut twice: BTreeSet<u64> = BTreeSet::new();
    for seed in 0..seeds {
        let result = std::panic::catch_unwind(|| {
            let mut simulation = Simulation::new(seed);
            (0..STEPS).for_each(|_| simulation.step());
            simulation.drain();
            let often = simulation.fates.values().filter(|fate| fate.deliveries > 1).count();
            (simulation.fates.len(), often)
        });
        match result {
            Ok((records, often)) => {
                delivered += records;
                if often > 0 {
                    twice.insert(seed);
                }
            }
            Err(panic) => {
                eprintln!("seed {seed} failed");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(delivered > seeds as usize * 20, "the simulation gets somewhere: {delivered} records");
    assert!(twice.len() > seeds as usize / 2, "records come again: in {} of {seeds}", twice.len());
}
