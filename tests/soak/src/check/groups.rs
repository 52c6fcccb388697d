//! What a group has committed, its members have read: at least once means no record is passed over.

use std::collections::BTreeMap;

use super::history::History;
use super::violation::{Rule, Violation};
use crate::event::{Kind, Op, Outcome, TopicPartition, What};

/// What the members of a group have read of a partition: where each stretch starts and ends.
type Stretches = BTreeMap<i64, i64>;

pub(crate) fn check(history: &History<'_>, found: &mut Vec<Violation>) {
    let mut read: BTreeMap<(&str, &TopicPartition), Stretches> = BTreeMap::new();
    for event in history.events {
        let kind = history.client(&event.by).and_then(|client| client.kind);
        if let (What::Read { partition, runs }, Some(Kind::Member { group, .. })) = (&event.what, kind) {
            let stretches = read.entry((group, partition)).or_default();
            for run in runs {
                let end = stretches.entry(run.offset).or_insert(0);
                *end = (run.offset + i64::from(run.count)).max(*end);
            }
        }
    }
    for (group, (by, at, committed)) in last_committed(history) {
        for (partition, committed) in committed {
            let nothing = Stretches::new();
            let stretches = read.get(&(group, partition)).unwrap_or(&nothing);
            let gap = first_gap(stretches, *committed, |offset| history.may_start_at(partition, offset));
            if let Some((first, last)) = gap {
                let text = format!("group {group} committed {committed}, no member was given these");
                found.push(Violation::new(Rule::GroupSkipped, at, by, text).on(partition, first, last));
            }
        }
    }
}

/// What each group has committed, when it was looked at last, and by whom.
fn last_committed<'a>(history: &History<'a>) -> BTreeMap<&'a str, (&'a str, u64, &'a crate::event::Offsets)> {
    let looks = history.operations.iter().filter_map(|operation| match (operation.op, operation.outcome?) {
        (Op::FetchCommitted { group }, Outcome::Committed { offsets }) => {
            Some((&**group, (operation.by, operation.start, offsets)))
        }
        _ => None,
    });
    looks.collect()
}

/// The first offsets below `committed` that no stretch covers and that cannot have been deleted.
fn first_gap(
    stretches: &Stretches,
    committed: i64,
    may_start_at: impl Fn(i64) -> bool,
) -> Option<(i64, i64)> {
    let mut covered = 0;
    for (start, end) in stretches.iter().map(|(start, end)| (*start, *end)).chain([(committed, committed)]) {
        let start = start.min(committed);
        if start > covered && !may_start_at(start) {
            return Some((covered, start - 1));
        }
        covered = end.max(covered);
    }
    None
}
