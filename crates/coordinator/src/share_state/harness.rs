//! A shell of one coordinator over a log in memory, and scripts for table tests: a list of steps, each a command and its
//! answer. Share-partitions are `GROUP/PARTITION` of one topic that has ten; batches are `FIRST-LAST:STATExCOUNT`.

use std::fmt::Write as _;

use protocol::{LeaderEpoch, Uuid};

use super::*;
use crate::runtime::{Proposal, Runtime, RuntimeConfig};

pub(crate) const TOPIC: Uuid = Uuid([7; 16]);

/// A coordinator and its log.
pub(crate) struct Shell {
    runtime: Runtime<ShareCoordinator>,
    config: ShareStateConfig,
    /// What was pruned is `None`.
    log: Vec<Option<CoordinatorRecord>>,
    pub(crate) now: Now,
    append_error: Option<CommitError>,
    commits: bool,
    next_token: u64,
    replies: Vec<Reply<Response>>,
}

pub(crate) fn key(group_id: &str, partition: i32) -> SharePartitionKey {
    SharePartitionKey { group_id: group_id.into(), topic_id: TOPIC, partition }
}

pub(crate) fn subject(key: &SharePartitionKey) -> Subject<'_> {
    Subject { key, exists: key.topic_id == TOPIC && key.partition < 10 }
}

impl Shell {
    pub(crate) fn new(config: ShareStateConfig) -> Self {
        let machine = ShareCoordinator::new(config.clone());
        let mut shell = Self {
            runtime: Runtime::new(machine, RuntimeConfig::default()),
            config,
            log: Vec::new(),
            now: Now::at_ms(1_000_000),
            append_error: None,
            commits: true,
            next_token: 0,
            replies: Vec::new(),
        };
        shell.restart();
        shell
    }

    /// A new coordinator from the log.
    pub(crate) fn restart(&mut self) {
        self.runtime = Runtime::new(ShareCoordinator::new(self.config.clone()), RuntimeConfig::default());
        for (offset, record) in self.log.iter().enumerate() {
            if let Some(record) = record {
                self.runtime.load(Offset(offset as i64), record).unwrap();
            }
        }
        self.runtime.loaded(self.now, self.end(), self.end());
    }

    fn end(&self) -> Offset {
        Offset(self.log.len() as i64)
    }

    pub(crate) fn log_len(&self) -> usize {
        self.log.iter().flatten().count()
    }

    fn carry_out(&mut self, proposal: Proposal<ShareCoordinator>) {
        let base = self.end();
        let error = if proposal.records().is_empty() { None } else { self.append_error.take() };
        let appended = error.map_or(Ok(base), Err);
        if appended.is_ok() {
            self.log.extend(proposal.records().iter().cloned().map(Some));
        }
        self.replies.extend(self.runtime.conclude(self.now, proposal, appended));
        if self.commits {
            self.commit();
        }
    }

    fn commit(&mut self) {
        let end = self.end();
        self.replies.extend(self.runtime.committed(end));
        for Action::Prune(before) in self.runtime.take_actions() {
            self.log[..before.get() as usize].fill(None);
        }
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        let until = self.now.plus_ms(ms);
        while let Some(at) = self.runtime.next_deadline_ms().filter(|at| *at <= until.monotonic_ms) {
            self.now = self.now.plus_ms(at.saturating_sub(self.now.monotonic_ms));
            while let Some(proposal) = self.runtime.due(self.now) {
                self.carry_out(proposal);
            }
            self.replies.extend(self.runtime.overdue(self.now));
        }
        self.now = until;
    }

    pub(crate) fn fail_next_append(&mut self) {
        self.append_error = Some(CommitError::NotEnoughReplicas);
    }

    pub(crate) fn ask(&mut self, request: Request<'_>) -> Option<Response> {
        self.next_token += 1;
        let token = ReplyToken(self.next_token);
        let proposal = self.runtime.propose(self.now, token, request);
        self.carry_out(proposal);
        let at = self.replies.iter().position(|reply| reply.token == token)?;
        Some(self.replies.remove(at).response)
    }

    pub(crate) fn machine(&self) -> &ShareCoordinator {
        self.runtime.machine()
    }

    pub(super) fn run(&mut self, command: &str) -> String {
        let (options, words): (Vec<_>, Vec<_>) =
            command.split_whitespace().partition(|word| word.contains('='));
        let option = |key: &str, default: i64| {
            let found = options.iter().find_map(|option| option.split_once('=').filter(|(k, _)| *k == key));
            found.map_or(default, |(_, v)| v.parse().unwrap())
        };
        let (group_id, partition) = words.get(1).and_then(|word| word.split_once('/')).unwrap_or(("", "0"));
        let key = key(group_id, partition.parse().unwrap());
        let subject = subject(&key);
        let answer = match words[0] {
            "initialize" => {
                self.ask(Request::Initialize(subject, option("state", 0) as i32, Offset(option("start", -1))))
            }
            "read" => self.ask(Request::Read(subject, LeaderEpoch(option("leader", 0) as i32))),
            "write" => {
                let batches: Vec<StateBatch> = words[2..].iter().map(|word| batch(word)).collect();
                self.ask(Request::Write(
                    subject,
                    WriteState {
                        state_epoch: option("state", 0) as i32,
                        leader_epoch: LeaderEpoch(option("leader", 0) as i32),
                        start_offset: Offset(option("start", -1)),
                        delivery_complete_count: option("done", -1) as i32,
                        batches: &batches,
                    },
                ))
            }
            "delete" => self.ask(Request::Delete(subject)),
            "summary" => self.ask(Request::ReadSummary(subject)),
            "topic-deleted" => self.ask(Request::TopicsDeleted(&[TOPIC].into())),
            "log" => {
                let kinds = self.log.iter().map(|record| match record {
                    None => '.',
                    Some(record) if record.value.is_none() => 'x',
                    Some(record) if record.key[1] == 0 => 'S',
                    Some(_) => 'u',
                });
                return kinds.collect();
            }
            "pass" => {
                self.pass(words[1].parse().unwrap());
                return String::new();
            }
            "restart" => {
                self.restart();
                return String::new();
            }
            "hold" => {
                self.commits = false;
                return String::new();
            }
            "release" => {
                self.commits = true;
                self.commit();
                let replies = std::mem::take(&mut self.replies);
                return replies.into_iter().map(|reply| told(reply.response)).collect::<Vec<_>>().join(" ");
            }
            "fail-append" => {
                self.fail_next_append();
                return String::new();
            }
            other => panic!("no command {other}"),
        };
        answer.map_or_else(String::new, told)
    }
}

fn batch(text: &str) -> StateBatch {
    let parts: Vec<i64> = text.split(['-', ':', 'x']).map(|part| part.parse().unwrap()).collect();
    StateBatch {
        first_offset: Offset(parts[0]),
        last_offset: Offset(parts[1]),
        delivery_state: parts[2] as i8,
        delivery_count: parts[3] as i16,
    }
}

fn told(response: Response) -> String {
    match response {
        Response::Refused(refusal) => refusal.error.name().to_owned(),
        Response::Done => "ok".to_owned(),
        Response::More => "more".to_owned(),
        Response::State(it) => {
            let mut text = format!("state={} start={}", it.state_epoch, it.start_offset);
            for StateBatch { first_offset, last_offset, delivery_state, delivery_count } in it.batches {
                write!(text, " {first_offset}-{last_offset}:{delivery_state}x{delivery_count}").unwrap();
            }
            text
        }
        Response::Summary(it) => format!(
            "state={} leader={} start={} done={}",
            it.state_epoch, it.leader_epoch, it.start_offset, it.delivery_complete_count
        ),
    }
}

/// Runs a script and compares every answer.
#[track_caller]
pub(super) fn check(script: &[(&str, &str)]) {
    check_with(ShareStateConfig::default(), script);
}

/// The same with a configuration.
#[track_caller]
pub(super) fn check_with(config: ShareStateConfig, script: &[(&str, &str)]) {
    let mut shell = Shell::new(config);
    for (step, (command, expect)) in script.iter().enumerate() {
        assert_eq!(shell.run(command), *expect, "step {step}: {command}");
    }
}
