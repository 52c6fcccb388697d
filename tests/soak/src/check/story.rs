//! Histories written by hand, a line an event, a second a line; an operation takes half of its second.
//!
//! ```text
//! p: idempotent | plain acks=0|1|all [one] | member G [auto] | reader | last | watcher | admin
//! p sends T FIRST+COUNT            p acked T-0@OFFSET FIRST+COUNT      p acked T-0@OFFSET? ...  r reads T-0@OFFSET p:FIRST+COUNT ...
//! m assigned T-0 ...               m revoked T-0 ...
//! m commits G T-0=5                w sees G T-0=5 | T-0=-1             w bounds T-0=0..10
//! a empties T-0 5                  a creates T PARTITIONS RETENTION    a alters T RETENTION
//! a grows T PARTITIONS             a appends T END                     a deletes T
//! a describes T PARTITIONS RETENTION [END] | absent
//! node killed | terminated | gone | spawned | ready | paused | resumed | said TEXT | size MIB FILES
//! p dies | leaves | gaveup FIRST+COUNT | fatal | damaged T-0@OFFSET
//! topic T retention                overdue TEXT                        wait SECONDS
//! ```
//! A verb with `?` has no known end; with `(N` it only begins as operation N, and `p N)` ends that.

use super::check;
use crate::event::{
    Acks, End, Event, Kind, Micros, Offsets, Op, Outcome, Run, TopicPartition, TopicState, What,
};

const SECOND: Micros = 1_000_000;

/// Checks a story: the rules that it violates, each once.
#[track_caller]
pub(super) fn check_story(story: &str, expect: &[&str]) {
    let found = check(&events(story));
    let mut rules: Vec<String> = found.iter().map(|violation| violation.rule.to_string()).collect();
    rules.dedup();
    let lines: Vec<String> = found.iter().map(|violation| violation.line(0)).collect();
    assert_eq!(rules, expect, "{story}\n{lines:#?}");
}

/// Checks a story that has one violation, and how that is told.
#[track_caller]
pub(super) fn check_line(story: &str, expect: &str) {
    let lines: Vec<String> = check(&events(story)).iter().map(|violation| violation.line(0)).collect();
    assert_eq!(lines, [expect], "{story}");
}

pub(super) fn events(story: &str) -> Vec<Event> {
    let mut at = 0;
    let mut id = 1000;
    let mut events = vec![];
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        at += SECOND;
        id += 1;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["wait", seconds] => at += seconds.parse::<Micros>().unwrap() * SECOND,
            [by, rest @ ..] => {
                let whats = whats(by.trim_end_matches(':'), rest, id);
                for (n, (by, what)) in whats.into_iter().enumerate() {
                    events.push(Event { at: at + n as Micros * SECOND / 2, by, what });
                }
            }
            [] => {}
        }
    }
    events
}

fn whats(by: &str, words: &[&str], id: u64) -> Vec<(String, What)> {
    let as_client = |what| vec![(by.to_owned(), what)];
    let as_soak = |what| vec![("soak".to_owned(), what)];
    let name = by.to_owned();
    let opened = |client_kind| as_client(What::Opened { client_kind });
    let producer =
        |idempotent, acks, in_flight_one| opened(Kind::Producer { idempotent, acks, in_flight_one });
    let text = |words: &[&str]| words.join(" ");
    match (by, words) {
        ("topic", [topic, "retention"]) => {
            as_soak(What::Topic { topic: (*topic).to_owned(), retention: true })
        }
        ("overdue", what) => as_soak(What::Overdue { what: text(what) }),
        ("node", ["killed"]) => as_soak(What::NodeEnded { end: End::Killed }),
        ("node", ["terminated"]) => as_soak(What::NodeEnded { end: End::Terminated }),
        ("node", ["gone"]) => as_soak(What::NodeEnded { end: End::ByItself }),
        ("node", ["spawned"]) => as_soak(What::NodeSpawned),
        ("node", ["ready"]) => as_soak(What::NodeReady),
        ("node", ["paused"]) => as_soak(What::NodePaused),
        ("node", ["resumed"]) => as_soak(What::NodeResumed),
        ("node", ["said", line @ ..]) => as_soak(What::NodeSaid { line: text(line) }),
        ("node", ["size", mib, files]) => {
            let rss_bytes = mib.parse::<u64>().unwrap() << 20;
            as_soak(What::NodeSize { rss_bytes, open_files: files.parse().unwrap() })
        }
        (_, ["dies"]) => as_soak(What::ClientEnded { name, killed: true }),
        (_, ["leaves"]) => as_soak(What::ClientEnded { name, killed: false }),
        (_, ["idempotent"]) => producer(true, Acks::All, false),
        (_, ["plain", acks, one @ ..]) => {
            let acks = match *acks {
                "acks=0" => Acks::None,
                "acks=1" => Acks::Leader,
                _ => Acks::All,
            };
            producer(false, acks, one == ["one"])
        }
        (_, ["member", group, auto @ ..]) => {
            opened(Kind::Member { group: (*group).to_owned(), automatic: auto == ["auto"] })
        }
        (_, ["reader"]) => opened(Kind::Reader { last: false }),
        (_, ["last"]) => opened(Kind::Reader { last: true }),
        (_, ["watcher"]) => opened(Kind::Watcher),
        (_, ["admin"]) => opened(Kind::Admin),
        (_, ["sends", topic, records]) => {
            let (first, count) = range(records);
            as_client(What::Sent { topic: (*topic).to_owned(), first, count })
        }
        (_, ["gaveup", records]) => {
            let (first, count) = range(records);
            as_client(What::GaveUp { first, count, error: "timed out".to_owned() })
        }
        (_, ["fatal"]) => as_client(What::Fatal { error: "fenced".to_owned() }),
        (_, ["damaged", at]) => {
            let (partition, offset) = place(at);
            as_client(What::Damaged { partition, offset, why: "its bytes differ".to_owned() })
        }
        (_, ["acked", at, records @ ..]) => {
            let (partition, runs) = runs(at, records.iter().map(|records| (by, *records)));
            as_client(What::Acknowledged { partition, runs })
        }
        (_, ["reads", at, records @ ..]) => {
            let (partition, runs) = runs(at, records.iter().map(|records| records.split_once(':').unwrap()));
            as_client(What::Read { partition, runs })
        }
        (_, ["assigned", partitions @ ..]) => as_client(What::Assigned { partitions: all(partitions) }),
        (_, ["revoked", partitions @ ..]) => as_client(What::Revoked { partitions: all(partitions) }),
        (_, [end]) if end.ends_with(')') => {
            let id = end.trim_end_matches(')').parse().unwrap();
            as_client(What::Ended { id, outcome: Outcome::Done })
        }
        (_, [verb, rest @ ..]) => operation(by, verb, rest, id),
        _ => panic!("{by} {words:?}"),
    }
}

fn operation(by: &str, verb: &str, words: &[&str], id: u64) -> Vec<(String, What)> {
    let (verb, id, ends) = match verb.split_once('(') {
        Some((verb, id)) => (verb, id.parse().unwrap(), None),
        None => (verb.trim_end_matches('?'), id, Some(verb.ends_with('?'))),
    };
    let topic = words[0].to_owned();
    let number = |n: usize| words[n].parse::<i64>().unwrap();
    let end = || words.get(3).map_or(0, |end| end.parse().unwrap());
    let state = || TopicState { partitions: words[1].parse().unwrap(), retention_ms: number(2), end: end() };
    let mut outcome = Outcome::Done;
    let op = match verb {
        "commits" => Op::Commit { group: topic, offsets: offsets(&words[1..]), since: None },
        "sees" => {
            outcome = Outcome::Committed { offsets: offsets(&words[1..]) };
            Op::FetchCommitted { group: topic }
        }
        "bounds" => {
            let both = words.iter().map(|word| {
                let (partition, bounds) = word.split_once('=').unwrap();
                let (start, end) = bounds.split_once("..").unwrap();
                let tp = TopicPartition::try_from(partition.to_owned()).unwrap();
                ((tp.clone(), start.parse::<i64>().unwrap()), (tp, end.parse::<i64>().unwrap()))
            });
            let (start, end) = both.unzip();
            outcome = Outcome::Bounds { start, end };
            Op::Bounds
        }
        "empties" => Op::DeleteRecords { partition: all(&words[..1]).remove(0), before: number(1) },
        "creates" => Op::Create { topic, state: state() },
        "alters" => Op::Alter { topic, retention_ms: number(1) },
        "grows" => Op::Grow { topic, partitions: words[1].parse().unwrap() },
        "appends" => Op::Append { topic, end: number(1) },
        "deletes" => Op::Delete { topic },
        "describes" => {
            outcome = Outcome::Described { state: (words[1] != "absent").then(state) };
            Op::Describe { topic }
        }
        _ => panic!("{verb} {words:?}"),
    };
    let began = (by.to_owned(), What::Began { id, op });
    match ends {
        None => vec![began],
        Some(false) => vec![began, (by.to_owned(), What::Ended { id, outcome })],
        Some(true) => {
            let outcome = Outcome::Unknown { error: "no answer".to_owned() };
            vec![began, (by.to_owned(), What::Ended { id, outcome })]
        }
    }
}

fn range(text: &str) -> (u64, u32) {
    let (first, count) = text.split_once('+').unwrap();
    (first.parse().unwrap(), count.parse().unwrap())
}

fn place(text: &str) -> (TopicPartition, i64) {
    let (partition, offset) = text.split_once('@').unwrap();
    (TopicPartition::try_from(partition.to_owned()).unwrap(), offset.parse().unwrap())
}

/// Runs one behind the other from a place on.
fn runs<'a>(at: &str, records: impl Iterator<Item = (&'a str, &'a str)>) -> (TopicPartition, Vec<Run>) {
    let (partition, mut offset) = place(at);
    let runs = records.map(|(producer, records)| {
        let (first, count) = range(records);
        let run = Run { offset, producer: producer.to_owned(), first, count };
        offset += i64::from(count);
        run
    });
    let runs = runs.collect();
    (partition, runs)
}

fn all(partitions: &[&str]) -> Vec<TopicPartition> {
    partitions.iter().map(|text| TopicPartition::try_from((*text).to_owned()).unwrap()).collect()
}

fn offsets(words: &[&str]) -> Offsets {
    let offsets = words.iter().map(|word| {
        let (partition, offset) = word.split_once('=').unwrap();
        (TopicPartition::try_from(partition.to_owned()).unwrap(), offset.parse().unwrap())
    });
    offsets.collect()
}
