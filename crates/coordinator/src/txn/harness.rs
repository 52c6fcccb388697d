//! A shell of one coordinator over a log in memory, and scripts for table tests: a list of steps, each a command and its
//! answer. Producers are written as `ID:EPOCH`, partitions as `topic-0`; ids that nobody has are 1000, 1001, …

use std::fmt::Write as _;

use protocol::wire::Str;
use protocol::{ErrorCode, Offset, ProducerEpoch, ProducerId};
use stdx::Now;

use super::*;
use crate::runtime::{Proposal, ReplyToken, Runtime, RuntimeConfig};

/// A coordinator and its log.
pub(super) struct Shell {
    runtime: Runtime<TransactionCoordinator>,
    config: TransactionConfig,
    log: Vec<CoordinatorRecord>,
    now: Now,
    append_error: Option<CommitError>,
    commits: bool,
    next_token: u64,
    next_id: i64,
    replies: Vec<Reply<Response>>,
    /// Markers that are to be written.
    pub(super) markers: Vec<WriteMarkers>,
}

impl Shell {
    pub(super) fn new(config: TransactionConfig) -> Self {
        let mut shell = Self {
            runtime: Runtime::new(TransactionCoordinator::new(config.clone()), RuntimeConfig::default()),
            config,
            log: Vec::new(),
            now: Now::at_ms(1_000_000),
            append_error: None,
            commits: true,
            next_token: 0,
            next_id: 1000,
            replies: Vec::new(),
            markers: Vec::new(),
        };
        shell.restart();
        shell
    }

    /// A new coordinator from the log.
    fn restart(&mut self) {
        self.markers.clear();
        self.runtime =
            Runtime::new(TransactionCoordinator::new(self.config.clone()), RuntimeConfig::default());
        for (offset, record) in self.log.iter().enumerate() {
            self.runtime.load(Offset(offset as i64), record).unwrap();
        }
        self.runtime.loaded(self.now, self.end(), self.end());
        self.markers.extend(self.runtime.take_actions());
    }

    fn end(&self) -> Offset {
        Offset(self.log.len() as i64)
    }

    fn carry_out(&mut self, proposal: Proposal<TransactionCoordinator>) {
        let base = self.end();
        let error = if proposal.records().is_empty() { None } else { self.append_error.take() };
        let appended = error.map_or(Ok(base), Err);
        if appended.is_ok() {
            self.log.extend_from_slice(proposal.records());
        }
        self.replies.extend(self.runtime.conclude(self.now, proposal, appended));
        if self.commits {
            self.commit();
        }
    }

    fn commit(&mut self) {
        let end = self.end();
        self.replies.extend(self.runtime.committed(end));
        self.markers.extend(self.runtime.take_actions());
    }

    fn pass(&mut self, ms: u64) {
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

    fn ask(&mut self, request: Request<'_>) -> Option<Response> {
        self.next_token += 1;
        let token = ReplyToken(self.next_token);
        let proposal = self.runtime.propose(self.now, token, request);
        self.carry_out(proposal);
        let at = self.replies.iter().position(|reply| reply.token == token)?;
        Some(self.replies.remove(at).response)
    }

    /// Asks again with a fresh id where one is needed.
    fn ask_with_id<'a>(&mut self, request: impl Fn(Option<ProducerId>) -> Request<'a>) -> Option<Response> {
        match self.ask(request(None)) {
            Some(Response::NeedsProducerId) => {
                let fresh = ProducerId(self.next_id);
                self.next_id += 1;
                self.ask(request(Some(fresh)))
            }
            answer => answer,
        }
    }

    pub(super) fn machine(&self) -> &TransactionCoordinator {
        self.runtime.machine()
    }

    /// Tells that markers are written.
    pub(super) fn written(&mut self, markers: &WriteMarkers) {
        self.ask(Request::MarkersWritten(markers));
    }

    pub(super) fn run(&mut self, command: &str) -> String {
        let (options, words): (Vec<_>, Vec<_>) =
            command.split_whitespace().partition(|word| word.contains('='));
        let option = |key: &str| {
            options
                .iter()
                .find_map(|option| option.split_once('=').filter(|(k, _)| *k == key))
                .map(|(_, v)| v)
        };
        let number = |key, default: i64| option(key).map_or(default, |text| text.parse().unwrap());
        let version = TransactionVersion::from_level(number("v", 2) as i16);
        let transactional_id = words.get(1).copied().unwrap_or("");
        let claim = || {
            let (producer_id, producer_epoch) = producer(words[2]);
            Claim { transactional_id, producer_id, producer_epoch }
        };
        let partitions =
            || words.get(3).copied().unwrap_or("").split(',').filter_map(partition).collect::<Vec<_>>();
        let answer = match words[0] {
            "init" => self.ask_with_id(|fresh| {
                Request::InitProducerId(InitProducerId {
                    transactional_id,
                    timeout_ms: number("timeout", 60_000) as i32,
                    expected: option("expect").map(producer),
                    fresh,
                })
            }),
            "add" => self.ask(Request::AddPartitions(claim(), version, &partitions())),
            "verify" => self.ask(Request::VerifyPartitions(claim(), &partitions())),
            verb @ ("commit" | "abort") => self.ask_with_id(|fresh| {
                Request::EndTxn(EndTxn { claim: claim(), committed: verb == "commit", version, fresh })
            }),
            "markers" => {
                let markers = std::mem::take(&mut self.markers);
                let mut text = String::new();
                for markers in &markers {
                    self.written(markers);
                    write!(text, "{}", shown(markers)).unwrap();
                }
                return text;
            }
            "again" => {
                // As if they had been lost.
                return self.markers.iter().map(shown).collect();
            }
            "describe" => self.ask(Request::DescribeTransaction(transactional_id)),
            "list" => {
                let states: Vec<Str<'_>> =
                    option("states").unwrap_or("").split(',').map(Str::Borrowed).collect();
                let states = if states == [Str::Borrowed("")] { &[] } else { &states[..] };
                let producer_ids: Vec<i64> = option("id").into_iter().map(|id| id.parse().unwrap()).collect();
                self.ask(Request::ListTransactions(Filter {
                    states,
                    producer_ids: &producer_ids,
                    longer_than_ms: number("longer", -1),
                    is_asked: &|id| option("name").is_none_or(|name| name == id),
                }))
            }
            "pass" => {
                self.pass(transactional_id.parse().unwrap());
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
                return std::mem::take(&mut self.replies)
                    .into_iter()
                    .map(|reply| told(reply.response))
                    .collect();
            }
            "fail-append" => {
                self.append_error = Some(CommitError::NotEnoughReplicas);
                return String::new();
            }
            other => panic!("no command {other}"),
        };
        answer.map_or_else(String::new, told)
    }
}

fn producer(text: &str) -> (ProducerId, ProducerEpoch) {
    let (id, epoch) = text.split_once(':').unwrap();
    (ProducerId(id.parse().unwrap()), ProducerEpoch(epoch.parse().unwrap()))
}

fn partition(text: &str) -> Option<(&str, i32)> {
    text.rsplit_once('-').map(|(topic, partition)| (topic, partition.parse().unwrap()))
}

fn shown(markers: &WriteMarkers) -> String {
    let verb = if markers.committed { "commit" } else { "abort" };
    let mut text =
        format!("{} {}:{} {verb}", markers.transactional_id, markers.producer_id, markers.producer_epoch);
    for (topic, partitions) in &markers.partitions {
        partitions.iter().for_each(|partition| write!(text, " {topic}-{partition}").unwrap());
    }
    text
}

fn named(code: i16) -> String {
    ErrorCode::from_code(code).unwrap().name().to_owned()
}

fn told(response: Response) -> String {
    match response {
        Response::Producer { error: ErrorCode::None, producer_id, producer_epoch } => {
            format!("{producer_id}:{producer_epoch}")
        }
        Response::Producer { error, .. } | Response::Done(error) if error != ErrorCode::None => {
            named(error.code())
        }
        Response::Producer { .. } | Response::Done(_) => "ok".to_owned(),
        Response::NeedsProducerId => "needs an id".to_owned(),
        Response::Verified(each) => {
            each.iter().map(|error| named(error.code())).collect::<Vec<_>>().join(" ")
        }
        Response::Described(it) if it.error_code != 0 => named(it.error_code),
        Response::Described(it) => {
            let mut text = format!("{} {}:{}", it.transaction_state, it.producer_id, it.producer_epoch);
            for topic in &it.topics {
                topic.partitions.iter().for_each(|index| write!(text, " {}-{index}", topic.topic).unwrap());
            }
            text
        }
        Response::Listed(it) => {
            let listed = it
                .transaction_states
                .iter()
                .map(|one| format!("{}={}", one.transactional_id, one.transaction_state));
            let unknown = it.unknown_state_filters.iter().map(|name| format!("?{name}"));
            listed.chain(unknown).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Runs a script and compares every answer.
#[track_caller]
pub(super) fn check(script: &[(&str, &str)]) {
    check_with(TransactionConfig::default(), script);
}

/// The same with a configuration.
#[track_caller]
pub(super) fn check_with(config: TransactionConfig, script: &[(&str, &str)]) {
    let mut shell = Shell::new(config);
    for (step, (command, expect)) in script.iter().enumerate() {
        assert_eq!(shell.run(command), *expect, "step {step}: {command}");
    }
}
