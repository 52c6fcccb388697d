//! A consumer goes forward and leaves nothing out: offsets that it reads follow one another, but where records were
//! deleted before it. Where a member of a group begins is a matter of committed offsets. One that is told of a change of its
//! assignment may be given again what it was last given of the partitions that it keeps: librdkafka stops and starts all of
//! them, each where it believes its reader to be.

use std::collections::BTreeMap;

use super::history::History;
use super::violation::{Rule, Violation};
use crate::event::{Event, Kind, Run, TopicPartition, What};

/// Where a consumer is in a partition.
#[derive(Clone, Copy)]
struct Position {
    /// The offset after the last that it read.
    next: i64,
    /// How far back it may go: to `next`, or to where its last read began.
    back_to: i64,
    last_began: i64,
}

pub(crate) fn check(history: &History<'_>, found: &mut Vec<Violation>) {
    let mut positions: BTreeMap<&str, BTreeMap<&TopicPartition, Position>> = BTreeMap::new();
    for event in history.events {
        match &event.what {
            What::Assigned { partitions } | What::Revoked { partitions } => {
                let of_member = positions.entry(&event.by).or_default();
                of_member.retain(|partition, _| !partitions.contains(partition));
                of_member.values_mut().for_each(|position| position.back_to = position.last_began);
            }
            What::Read { partition, runs } => {
                let of_client = positions.entry(&event.by).or_default();
                let kind = history.client(&event.by).and_then(|client| client.kind);
                // Without a group, it begins where the log does; the last one says itself where that is.
                let begins = matches!(kind, Some(Kind::Reader { last: false }));
                let begins = begins.then_some(Position { next: 0, back_to: 0, last_began: 0 });
                let Some(last_began) = runs.first().map(|first| first.offset) else { continue };
                for run in runs {
                    if let Some(position) = of_client.get(partition).copied().or(begins) {
                        follow(history, event, partition, run, position, found);
                    }
                    let next = run.offset + i64::from(run.count);
                    of_client.insert(partition, Position { next, back_to: next, last_began });
                }
            }
            _ => {}
        }
    }
}

fn follow(
    history: &History<'_>,
    event: &Event,
    partition: &TopicPartition,
    run: &Run,
    position: Position,
    found: &mut Vec<Violation>,
) {
    let expected = position.next;
    if run.offset < position.back_to {
        let last = run.offset + i64::from(run.count) - 1;
        let text = format!("it had read up to {}", expected - 1);
        found.push(Violation::new(Rule::ReadBack, event.at, &event.by, text).on(partition, run.offset, last));
    }
    if run.offset > expected && !history.may_start_at(partition, run.offset) {
        let text = format!("the next record that it was given is at {}", run.offset);
        let violation = Violation::new(Rule::Skipped, event.at, &event.by, text);
        found.push(violation.on(partition, expected, run.offset - 1));
    }
}
