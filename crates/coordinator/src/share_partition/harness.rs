//! Scripts for table tests: a list of steps, each a command and its answer. Offsets are `FIRST-LAST`; `fetch` is told what
//! record batches the log has from the next fetch offset on; writes end well at once unless they are held.

use std::fmt::Write as _;
use std::sync::Arc;

use protocol::{ErrorCode, LeaderEpoch, Offset};
use stdx::Now;

use super::record_state::RecordState;
use super::*;
use crate::Error;
use crate::share_state::{ReadState, StateBatch};

pub(super) struct Shell {
    partition: SharePartition,
    now: Now,
    holds: bool,
    /// Not ended yet.
    writes: Vec<WriteId>,
    told: Vec<String>,
    dead_letters: Vec<DeadLetter>,
}

pub(super) fn range(text: &str) -> OffsetRange {
    let (first, last) = text.split_once('-').unwrap();
    OffsetRange { first_offset: Offset(first.parse().unwrap()), last_offset: Offset(last.parse().unwrap()) }
}

pub(super) fn show_batches(batches: &[StateBatch]) -> String {
    let one = |batch: &StateBatch| {
        let StateBatch { first_offset, last_offset, delivery_state, delivery_count } = batch;
        format!("{first_offset}-{last_offset}:{delivery_state}x{delivery_count}")
    };
    batches.iter().map(one).collect::<Vec<_>>().join(" ")
}

impl Shell {
    pub(super) fn new(config: SharePartitionConfig, state: &str) -> Result<Self, Error> {
        let mut read = ReadState { state_epoch: 0, start_offset: Offset(-1), batches: Vec::new() };
        for word in state.split_whitespace() {
            if let Some(start) = word.strip_prefix("start=") {
                read.start_offset = Offset(start.parse().unwrap());
                continue;
            }
            let (offsets, state) = word.split_once(':').unwrap();
            let (state, count) = state.split_once('x').unwrap();
            let OffsetRange { first_offset, last_offset } = range(offsets);
            read.batches.push(StateBatch {
                first_offset,
                last_offset,
                delivery_state: state.parse().unwrap(),
                delivery_count: count.parse().unwrap(),
            });
        }
        let (partition, dead_letters) = SharePartition::load(config, LeaderEpoch(1), &read, Offset(0))?;
        let now = Now::at_ms(1_000_000);
        Ok(Self { partition, now, holds: false, writes: Vec::new(), told: Vec::new(), dead_letters })
    }

    pub(super) fn load(state: &str) -> Result<Self, Error> {
        Self::new(SharePartitionConfig::default(), state)
    }

    fn end_write(&mut self, error: ErrorCode) -> String {
        let written = self.partition.written(self.writes.remove(0), error);
        self.dead_letters.extend(written.dead_letters);
        let error = if written.error.is_none() { "ok" } else { written.error.name() };
        format!("{error}{}", if written.fenced { " fenced" } else { "" })
    }

    /// The answer to whoever asked for the write, if it is there already.
    fn begin_write(&mut self, write: Option<Write>) -> String {
        let Some(write) = write else { return "ok".to_owned() };
        self.told.push(format!(
            "start={} done={} {}",
            write.start_offset,
            write.delivery_complete_count,
            show_batches(&write.batches)
        ));
        self.writes.push(write.id);
        if self.holds { String::new() } else { self.end_write(ErrorCode::None) }
    }

    fn acknowledge(&mut self, member: &str, ranges: &[&str], types: &[i8]) -> String {
        let acknowledgements: Vec<Acknowledgement<'_>> = ranges
            .iter()
            .map(|text| {
                let OffsetRange { first_offset, last_offset } = range(text);
                Acknowledgement { first_offset, last_offset, types }
            })
            .collect();
        match self.partition.acknowledge(self.now, member, &acknowledgements) {
            Ok(write) => self.begin_write(write),
            Err(refusal) => refusal.error.name().to_owned(),
        }
    }

    fn pass(&mut self, ms: u64) -> String {
        let until = self.now.plus_ms(ms);
        let mut text = Vec::new();
        while let Some(at) = self.partition.next_deadline_ms().filter(|at| *at <= until.monotonic_ms) {
            self.now = self.now.plus_ms(at.saturating_sub(self.now.monotonic_ms));
            let effects = self.partition.expire(self.now);
            self.dead_letters.extend(effects.dead_letters);
            text.extend(effects.write.iter().map(|write| show_batches(&write.batches)));
            self.begin_write(effects.write);
        }
        self.now = until;
        text.join(" ")
    }

    fn fetch(&mut self, member: &str, words: &[&str], options: &[&str]) -> String {
        let option = |key: &str| {
            options
                .iter()
                .find_map(|option| option.split_once('=').filter(|(k, _)| *k == key))
                .map(|(_, v)| v)
        };
        let number = |key: &str, default: i64| option(key).map_or(default, |text| text.parse().unwrap());
        let batches: Vec<OffsetRange> = words.iter().map(|word| range(word)).collect();
        let aborted: Vec<OffsetRange> = option("aborted").map(range).into_iter().collect();
        let limits = AcquireLimits {
            mode: if option("mode").is_some() {
                AcquireMode::RecordLimit
            } else {
                AcquireMode::BatchOptimized
            },
            max_records: number("max", 500) as i32,
            batch_size: number("batch", 500) as i32,
        };
        let fetch_offset = Offset(number("from", self.partition.next_fetch_offset().get()));
        let fetched = Fetched { fetch_offset, batches: &batches, aborted: &aborted };
        let acquired = self.partition.acquire(self.now, &Arc::from(member), limits, fetched);
        let one =
            |it: &AcquiredRecords| format!("{}-{}x{}", it.first_offset, it.last_offset, it.delivery_count);
        acquired.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn show(&self) -> String {
        let mut text = format!("{}>", self.partition.start_offset);
        for (first_offset, run) in self.partition.in_flight.iter() {
            write!(text, " {first_offset}-{}:{}", run.last_offset, name(&run.state)).unwrap();
            if let RecordState::Acquired(lock) = &run.state
                && let Some(to) = &lock.writing
            {
                write!(text, "={}", name(to)).unwrap();
            }
            if run.delivery_count > 1 {
                write!(text, "*{}", run.delivery_count).unwrap();
            }
        }
        text
    }

    pub(super) fn run(&mut self, command: &str) -> String {
        let (options, words): (Vec<&str>, Vec<&str>) =
            command.split_whitespace().partition(|word| word.contains('='));
        let member = words.get(1).copied().unwrap_or_default();
        match words[0] {
            "fetch" => self.fetch(member, &words[2..], &options),
            "accept" => self.acknowledge(member, &words[2..], &[1]),
            "release-records" => self.acknowledge(member, &words[2..], &[2]),
            "reject" => self.acknowledge(member, &words[2..], &[3]),
            "renew" => self.acknowledge(member, &words[2..], &[4]),
            "ack" => {
                let types: Vec<i8> = words[3].split(',').map(|text| text.parse().unwrap()).collect();
                self.acknowledge(member, &words[2..3], &types)
            }
            "leave" => {
                let write = self.partition.release_member(member);
                self.begin_write(write)
            }
            "hold" => {
                self.holds = true;
                String::new()
            }
            "release" => {
                self.holds = false;
                let ends: Vec<String> =
                    (0..self.writes.len()).map(|_| self.end_write(ErrorCode::None)).collect();
                ends.join(" ")
            }
            "fail" => {
                let error = ErrorCode::ALL.iter().find(|error| error.name() == member).unwrap();
                self.end_write(*error)
            }
            "pass" => self.pass(member.parse().unwrap()),
            "log-start" => {
                self.partition.log_start_moved(Offset(member.parse().unwrap()));
                String::new()
            }
            "dead-letters" => {
                let one = |it: DeadLetter| {
                    let cause = match it.cause {
                        DeadLetterCause::Rejected => "rejected",
                        DeadLetterCause::DeliveryCountExceeded => "exceeded",
                    };
                    format!("{}-{}x{} {cause}", it.first_offset, it.last_offset, it.delivery_count)
                };
                self.dead_letters.drain(..).map(one).collect::<Vec<_>>().join(" ")
            }
            "dead-lettered" => {
                let OffsetRange { first_offset, last_offset } = range(member);
                let write = self.partition.dead_lettered(first_offset, last_offset);
                self.begin_write(write);
                String::new()
            }
            "written" => std::mem::take(&mut self.told).join("; "),
            "next" => self.partition.next_fetch_offset().to_string(),
            "can-acquire" => self.partition.can_acquire().to_string(),
            "show" => self.show(),
            other => panic!("no command {other}"),
        }
    }
}

fn name(state: &RecordState) -> &str {
    match state {
        RecordState::Available => "available",
        RecordState::Acquired(lock) => &lock.member_id,
        RecordState::Acknowledged => "acknowledged",
        RecordState::Archiving(_) => "archiving",
        RecordState::Archived => "archived",
    }
}

#[track_caller]
fn check_shell(mut shell: Shell, script: &[(&str, &str)]) {
    for (step, (command, expect)) in script.iter().enumerate() {
        assert_eq!(shell.run(command), *expect, "step {step}: {command}");
    }
}

/// Runs a script on a new share-partition and compares every answer.
#[track_caller]
pub(super) fn check(script: &[(&str, &str)]) {
    check_with(SharePartitionConfig::default(), script);
}

/// The same with a configuration.
#[track_caller]
pub(super) fn check_with(config: SharePartitionConfig, script: &[(&str, &str)]) {
    check_shell(Shell::new(config, "").unwrap(), script);
}

/// The same on one that was read: `start=OFFSET` and batches as `FIRST-LAST:STATExCOUNT`.
#[track_caller]
pub(super) fn check_from(state: &str, script: &[(&str, &str)]) {
    check_shell(Shell::load(state).unwrap(), script);
}
