//! A consumer goes forward and leaves nothing out: offsets that it reads follow one another, but where records were
//! deleted before it. Where a member of a group begins is a matter of committed offsets.

use std::collections::BTreeMap;

use super::history::History;
use super::violation::{Rule, Violation};
use crate::event::{Event, Kind, Run, TopicPartition, What};

pub(crate) fn check(history: &History<'_>, found: &mut Vec<Violation>) {
    let mut next: BTreeMap<(&str, &TopicPartition), i64> = BTreeMap::new();
    for event in history.events {
        match &event.what {
            What::Assigned { partitions } | What::Revoked { partitions } => {
                for partition in partitions {
                    next.remove(&(&*event.by, partition));
                }
            }
            What::Read { partition, runs } => {
                let key = (&*event.by, partition);
                let kind = history.client(&event.by).and_then(|client| client.kind);
                // Without a group, it begins where the log does; the last one says itself where that is.
                let begins = matches!(kind, Some(Kind::Reader { last: false })).then_some(0);
                for run in runs {
                    if let Some(expected) = next.get(&key).copied().or(begins) {
                        follow(history, event, partition, run, expected, found);
                    }
                    next.insert(key, run.offset + i64::from(run.count));
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
    expected: i64,
    found: &mut Vec<Violation>,
) {
    if run.offset < expected {
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
