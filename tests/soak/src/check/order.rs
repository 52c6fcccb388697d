//! What a producer may expect of its records' order and number.
//!
//! An idempotent producer's records are in each partition once and in the order of sending, whatever became of their
//! acknowledgements. A plain producer that has one request under way is acknowledged in order; repetitions of requests
//! may leave its records more than once, and those that it gave up anywhere. Any other plain producer is promised none
//! of this.

use std::collections::BTreeMap;

use super::evidence::{Evidence, Origin};
use super::history::History;
use super::violation::{Rule, Violation};
use crate::event::{Micros, TopicPartition};

pub(crate) fn check(history: &History<'_>, evidence: &Evidence<'_>, found: &mut Vec<Violation>) {
    let mut first: BTreeMap<Origin<'_>, (&TopicPartition, i64)> = BTreeMap::new();
    for (partition, offsets) in places(evidence) {
        let mut highest: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
        for (offset, (origin, at, acknowledged)) in offsets {
            let (producer, number) = origin;
            let Some(client) = history.client(producer) else { continue };
            if client.idempotent() {
                if let Some((other, before)) = first.get(&origin) {
                    let text = format!("its record {number} is at {other} offset {before} also");
                    found.push(
                        Violation::new(Rule::Duplicated, at, producer, text).on(partition, offset, offset),
                    );
                    continue;
                }
                first.insert(origin, (partition, offset));
            }
            let ordered = client.idempotent() || (client.in_flight_one() && acknowledged);
            if !ordered {
                continue;
            }
            let (before, place) = *highest.get(producer).unwrap_or(&(number, offset));
            if number < before {
                let text = format!("its record {number} comes after its record {before} at offset {place}");
                found.push(Violation::new(Rule::Reordered, at, producer, text).on(partition, offset, offset));
            }
            highest.insert(producer, if number < before { (before, place) } else { (number, offset) });
        }
    }
}

/// Duplicates that nobody is promised to be spared.
pub(crate) fn allowed_duplicates(history: &History<'_>, evidence: &Evidence<'_>) -> u64 {
    let mut times: BTreeMap<Origin<'_>, u64> = BTreeMap::new();
    for (origin, _, _) in places(evidence).into_values().flat_map(BTreeMap::into_values) {
        if history.client(origin.0).is_some_and(|client| !client.idempotent()) {
            *times.entry(origin).or_default() += 1;
        }
    }
    times.into_values().map(|times| times - 1).sum()
}

type Places<'e, 'a> = BTreeMap<&'a TopicPartition, BTreeMap<i64, (Origin<'a>, Micros, bool)>>;

/// Everything that was seen anywhere; what the last reader saw wins where an offset changed.
fn places<'e, 'a>(evidence: &'e Evidence<'a>) -> Places<'e, 'a> {
    let mut places: Places<'e, 'a> = BTreeMap::new();
    for (partition, seen) in &evidence.seen {
        let of = places.entry(partition).or_default();
        of.extend(seen.iter().map(|(offset, seen)| (*offset, (seen.origin, seen.at, seen.acknowledged))));
    }
    for (partition, last) in &evidence.last {
        let of = places.entry(partition).or_default();
        for (offset, origin) in last {
            let known = of.get(offset).filter(|(known, _, _)| known == origin);
            let (at, acknowledged) = known.map_or((0, false), |(_, at, acknowledged)| (*at, *acknowledged));
            of.insert(*offset, (*origin, at, acknowledged));
        }
    }
    places
}
