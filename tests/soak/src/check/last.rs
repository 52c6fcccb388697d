//! What the node holds at the end, against everything that was seen before: nothing acknowledged or read is lost, no
//! offset between start and end is empty, no bound of a log moved back.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, Origin, Seen};
use super::history::{History, Operation};
use super::violation::{Rule, Violation};
use crate::event::{Kind, Micros, Offsets, Op, Outcome, TopicPartition};

pub(crate) fn check(history: &History<'_>, evidence: &Evidence<'_>, found: &mut Vec<Violation>) {
    bounds(history, found);
    let Some((reader, at, start, end)) = last_bounds(history) else { return };
    let nothing = BTreeMap::new();
    for (partition, end) in end {
        let start = start.get(partition).copied().unwrap_or(0);
        let last = evidence.last.get(partition).unwrap_or(&nothing);
        for offset in (start..*end).filter(|offset| !last.contains_key(offset)) {
            let violation = Violation::new(Rule::Hole, at, reader, format!("the log is {start} to {end}"));
            violation.on(partition, offset, offset).note(found);
        }
    }
    for (&partition, seen) in &evidence.seen {
        let last = evidence.last.get(partition).unwrap_or(&nothing);
        // A log without bounds is one that the last reader did not find: it holds nothing.
        let start = start.get(partition).copied().unwrap_or(0);
        for (&offset, seen) in seen {
            lost(history, partition, offset, seen, start, last.get(&offset), found);
        }
    }
    without_offset(history, evidence, found);
}

fn lost(
    history: &History<'_>,
    partition: &TopicPartition,
    offset: i64,
    seen: &Seen<'_>,
    start: i64,
    last: Option<&Origin<'_>>,
    found: &mut Vec<Violation>,
) {
    let instead = match last {
        Some(origin) if *origin == seen.origin => return,
        None if offset < start && history.may_start_at(partition, offset + 1) => return,
        None if offset < start => format!("the log starts at {start}, and nobody deleted it"),
        None => "the log does not hold it".to_owned(),
        Some((producer, _)) => format!("the log holds a record of {producer} there"),
    };
    let how = if seen.acknowledged { "acknowledged" } else { "read" };
    let text = format!("{how}, record of {}; {instead}", seen.origin.0);
    Violation::new(Rule::Lost, seen.at, seen.by, text).on(partition, offset, offset).note(found);
}

/// Records whose acknowledgement named no offset are somewhere.
fn without_offset(history: &History<'_>, evidence: &Evidence<'_>, found: &mut Vec<Violation>) {
    let mut there: BTreeMap<&TopicPartition, BTreeSet<Origin<'_>>> = BTreeMap::new();
    for (partition, origin, at) in &evidence.nowhere {
        let there = there.entry(partition).or_insert_with(|| {
            evidence.last.get(partition).into_iter().flat_map(BTreeMap::values).copied().collect()
        });
        if !there.contains(origin) && !history.is_ever_deleted(partition) {
            let text = format!("{partition}: record {} was acknowledged and is nowhere", origin.1);
            found.push(Violation::new(Rule::Lost, *at, origin.0, text));
        }
    }
}

/// Who read last, when it asked for the bounds, and what they were.
fn last_bounds<'a>(history: &History<'a>) -> Option<(&'a str, Micros, &'a Offsets, &'a Offsets)> {
    history.operations.iter().rev().find_map(|operation| {
        let kind = history.client(operation.by)?.kind?;
        match operation.outcome? {
            Outcome::Bounds { start, end } if *kind == (Kind::Reader { last: true }) => {
                Some((operation.by, operation.start, start, end))
            }
            _ => None,
        }
    })
}

/// A bound that one operation found, or made, holds for every operation that began after it ended.
fn bounds(history: &History<'_>, found: &mut Vec<Violation>) {
    let mut by_end: Vec<&Operation<'_>> = history.operations.iter().collect();
    by_end.sort_by_key(|operation| operation.latest);
    let mut ended = by_end.into_iter().peekable();
    let (mut starts, mut ends) = (Offsets::new(), Offsets::new());
    for operation in &history.operations {
        while let Some(before) = ended.next_if(|before| before.latest < operation.start) {
            match (before.op, before.outcome) {
                (Op::DeleteRecords { partition, before }, Some(Outcome::Done)) => {
                    raise(&mut starts, partition, *before);
                }
                (_, Some(Outcome::Bounds { start, end })) => {
                    start.iter().for_each(|(partition, offset)| raise(&mut starts, partition, *offset));
                    end.iter().for_each(|(partition, offset)| raise(&mut ends, partition, *offset));
                }
                _ => {}
            }
        }
        let Some(Outcome::Bounds { start, end }) = operation.outcome else { continue };
        let both = [(Rule::StartMovedBack, start, &starts), (Rule::EndMovedBack, end, &ends)];
        for (rule, observed, known) in both {
            for (partition, offset) in observed {
                if let Some(before) = known.get(partition).filter(|before| *before > offset) {
                    let text = format!("it was {before}");
                    let violation = Violation::new(rule, operation.start, operation.by, text);
                    found.push(violation.on(partition, *offset, *offset));
                }
            }
        }
    }
}

fn raise(known: &mut Offsets, partition: &TopicPartition, offset: i64) {
    let known = known.entry(partition.clone()).or_insert(offset);
    *known = offset.max(*known);
}
