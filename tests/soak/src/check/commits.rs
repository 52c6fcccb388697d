//! Committed offsets as a register a group and partition: what is seen must be what some commit wrote, and no commit
//! that was acknowledged before the look may have begun after that one was over.
//!
//! A commit whose answer nobody saw may have happened, until the node ends; once it was seen, it has. An automatic
//! member commits where it has read to and tells of it afterwards: of one that ended, everything beyond what it told
//! of is a commit of that kind. Where a member begins to read in an assignment is a look, too.

use std::collections::BTreeMap;

use super::history::{History, Operation};
use super::violation::{Rule, Violation, seconds};
use crate::event::{Kind, Micros, Op, Outcome, TopicPartition, What};

/// A commit of one offset, or of any offset out of a range.
#[derive(Clone)]
struct Write<'a> {
    by: &'a str,
    /// The lowest and the highest value that it may have written.
    values: (i64, i64),
    start: Micros,
    latest: Micros,
    /// It happened.
    certain: bool,
}

/// Someone saw a value; -1 is none.
struct Look<'a> {
    by: &'a str,
    value: i64,
    start: Micros,
    end: Micros,
    /// The beginning of an assignment: where the committed offset is gone from the log, or none, it begins elsewhere.
    begins: bool,
}

#[derive(Default)]
struct Register<'a> {
    writes: Vec<Write<'a>>,
    looks: Vec<Look<'a>>,
}

type Registers<'a> = BTreeMap<(&'a str, &'a TopicPartition), Register<'a>>;

pub(crate) fn check(history: &History<'_>, found: &mut Vec<Violation>) {
    let mut registers = Registers::new();
    for operation in &history.operations {
        take(operation, &mut registers);
    }
    of_members(history, &mut registers);
    for ((group, partition), mut register) in registers {
        register.looks.sort_by_key(|look| look.end);
        // Those that are certain by their ends, with the latest beginning of all up to there.
        let mut certain: Vec<Write<'_>> = register.writes.iter().filter(|w| w.certain).cloned().collect();
        certain.sort_by_key(|write| write.latest);
        let looks = std::mem::take(&mut register.looks);
        for look in &looks {
            register.judge(history, group, partition, look, &mut certain, found);
        }
    }
}

fn take<'a>(operation: &Operation<'a>, registers: &mut Registers<'a>) {
    match (operation.op, operation.outcome) {
        (Op::Commit { group, offsets, .. }, _) => {
            for (partition, offset) in offsets {
                registers.entry((group, partition)).or_default().writes.push(Write {
                    by: operation.by,
                    values: (*offset, *offset),
                    start: operation.start,
                    latest: operation.latest,
                    certain: operation.done(),
                });
            }
        }
        (Op::FetchCommitted { group }, Some(Outcome::Committed { offsets })) => {
            for (partition, offset) in offsets {
                registers.entry((group, partition)).or_default().looks.push(Look {
                    by: operation.by,
                    value: *offset,
                    start: operation.start,
                    end: operation.latest,
                    begins: false,
                });
            }
        }
        _ => {}
    }
}

/// What members do without an operation: they begin to read somewhere, and automatic ones commit.
fn of_members<'a>(history: &History<'a>, registers: &mut Registers<'a>) {
    let mut assigned: BTreeMap<(&str, &TopicPartition), Micros> = BTreeMap::new();
    let mut reached: BTreeMap<(&str, &TopicPartition), (Micros, i64)> = BTreeMap::new();
    for event in history.events {
        let Some(Kind::Member { group, .. }) = history.client(&event.by).and_then(|client| client.kind)
        else {
            continue;
        };
        match &event.what {
            What::Assigned { partitions } => {
                assigned.extend(partitions.iter().map(|partition| ((&*event.by, partition), event.at)));
            }
            What::Read { partition, runs } => {
                let key = (&*event.by, partition);
                let Some((first, last)) = runs.first().zip(runs.last()) else { continue };
                if let Some(start) = assigned.remove(&key) {
                    let look =
                        Look { by: &event.by, value: first.offset, start, end: event.at, begins: true };
                    registers.entry((group, partition)).or_default().looks.push(look);
                }
                let next = last.offset + i64::from(last.count);
                let (_, highest) = reached.entry(key).or_insert((event.at, next));
                *highest = next.max(*highest);
            }
            _ => {}
        }
    }
    for ((name, partition), (start, highest)) in reached {
        let Some(client) = history.client(name) else { continue };
        let Some(Kind::Member { group, automatic: true }) = client.kind else { continue };
        if client.ended.is_none() {
            continue;
        }
        let register = registers.entry((group, partition)).or_default();
        let told = register.writes.iter().filter(|write| write.by == name && write.certain);
        let (told, start) = told.map(|write| (write.values.0, write.start)).max().unwrap_or((-1, start));
        if highest > told {
            let latest = history.drained(client.ended);
            let values = (told + 1, highest);
            register.writes.push(Write { by: name, values, start, latest, certain: false });
        }
    }
}

impl<'a> Register<'a> {
    fn judge(
        &mut self,
        history: &History<'a>,
        group: &str,
        partition: &TopicPartition,
        look: &Look<'a>,
        certain: &mut Vec<Write<'a>>,
        found: &mut Vec<Violation>,
    ) {
        let over = certain.iter().filter(|write| write.latest <= look.start);
        let newest = over.max_by_key(|write| write.start);
        let overwritten = newest.map_or(0, |write| write.start);
        // It may be the last one: no certain one began after it was over and ended before the look.
        let stands = |write: &Write<'_>| write.start <= look.end && write.latest >= overwritten;
        let holds = |write: &Write<'_>| (write.values.0..=write.values.1).contains(&look.value);
        let candidates =
            || (0..self.writes.len()).filter(|i| self.writes.get(*i).is_some_and(|w| stands(w) && holds(w)));
        if let Some(first) = candidates().next() {
            if candidates().nth(1).is_none()
                && let Some(write) = self.writes.get_mut(first)
                && !write.certain
                && write.values.0 == write.values.1
            {
                write.certain = true;
                write.latest = write.latest.min(look.end);
                certain.push(write.clone());
            }
            return;
        }
        if look.value < 0 && newest.is_none() {
            return;
        }
        // The log may have lost what was committed, or nothing was committed: then it begins where the log does.
        let before = self.writes.iter().any(|write| stands(write) && write.values.0 < look.value);
        if look.begins && history.may_start_at(partition, look.value) && (newest.is_none() || before) {
            return;
        }
        let verb = if look.begins { "began to read" } else { "saw" };
        let violation = match newest.filter(|newest| look.value < newest.values.0) {
            Some(newest) => {
                let text = format!(
                    "group {group}: {verb} {}, {} was acknowledged to {} for a commit begun at {}",
                    look.value,
                    newest.values.0,
                    newest.by,
                    seconds(newest.start, history.origin())
                );
                Violation::new(Rule::CommitMovedBack, look.end, look.by, text)
            }
            None => {
                let text = format!("group {group}: {verb} {}, which nobody committed just then", look.value);
                Violation::new(Rule::CommitUnheardOf, look.end, look.by, text)
            }
        };
        found.push(violation.on(partition, look.value, look.value));
    }
}
