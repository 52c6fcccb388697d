//! What every offset was seen to hold, by producers that were acknowledged and by consumers that read.

use std::collections::BTreeMap;

use super::history::History;
use super::violation::{Rule, Violation};
use crate::event::{Acks, Event, Kind, Micros, Run, TopicPartition, What};

/// Which record it is: its producer and its number there.
pub(crate) type Origin<'a> = (&'a str, u64);

/// What is known of one offset.
pub(crate) struct Seen<'a> {
    pub(crate) origin: Origin<'a>,
    /// The first who saw it, and when.
    pub(crate) by: &'a str,
    pub(crate) at: Micros,
    pub(crate) acknowledged: bool,
}

/// What was seen, but for what the last reader saw, which stands apart.
#[derive(Default)]
pub(crate) struct Evidence<'a> {
    pub(crate) seen: BTreeMap<&'a TopicPartition, BTreeMap<i64, Seen<'a>>>,
    pub(crate) last: BTreeMap<&'a TopicPartition, BTreeMap<i64, Origin<'a>>>,
    /// Acknowledged without an offset, as a repetition is that the node has seen before.
    pub(crate) nowhere: Vec<(&'a TopicPartition, Origin<'a>, Micros)>,
    /// How many records were read, once for each reader.
    pub(crate) reads: u64,
}

impl<'a> Evidence<'a> {
    pub(crate) fn gather(history: &History<'a>, found: &mut Vec<Violation>) -> Self {
        let mut evidence = Self::default();
        for event in history.events {
            let kind = history.client(&event.by).and_then(|client| client.kind);
            match (&event.what, kind) {
                // Of acks=0 the library knows only that it has written them to a socket.
                (What::Acknowledged { .. }, Some(Kind::Producer { acks: Acks::None, .. })) => {}
                (What::Acknowledged { partition, runs }, _) => {
                    evidence.take(event, partition, runs, true, found);
                }
                (What::Read { partition, runs }, Some(Kind::Reader { last: true })) => {
                    let last = evidence.last.entry(partition).or_default();
                    for run in runs {
                        last.extend(run.records().map(|(offset, n)| (offset, (&*run.producer, n))));
                        not_sent(history, event, partition, run, found);
                    }
                }
                (What::Read { partition, runs }, _) => {
                    evidence.take(event, partition, runs, false, found);
                    runs.iter().for_each(|run| not_sent(history, event, partition, run, found));
                }
                _ => {}
            }
        }
        evidence
    }

    fn take(
        &mut self,
        event: &'a Event,
        partition: &'a TopicPartition,
        runs: &'a [Run],
        acknowledged: bool,
        found: &mut Vec<Violation>,
    ) {
        let seen = self.seen.entry(partition).or_default();
        for run in runs {
            self.reads += if acknowledged { 0 } else { u64::from(run.count) };
            for (offset, number) in run.records() {
                let origin = (&*run.producer, number);
                if offset < 0 {
                    self.nowhere.push((partition, origin, event.at));
                    continue;
                }
                let new = Seen { origin, by: &event.by, at: event.at, acknowledged };
                let known = seen.entry(offset).or_insert(new);
                known.acknowledged |= acknowledged;
                if known.origin != origin {
                    let (other, n) = known.origin;
                    let text = format!(
                        "holds record {number} of {}, for {} it held record {n} of {other}",
                        run.producer, known.by
                    );
                    let violation = Violation::new(Rule::Changed, event.at, &event.by, text);
                    violation.on(partition, offset, offset).note(found);
                }
            }
        }
    }
}

fn not_sent(
    history: &History<'_>,
    event: &Event,
    partition: &TopicPartition,
    run: &Run,
    found: &mut Vec<Violation>,
) {
    let producer = history.client(&run.producer);
    for (offset, number) in run.records() {
        if producer.and_then(|producer| producer.sent_to(number)) != Some(&*partition.topic) {
            let text = format!("it holds a record of {} that it did not send there", run.producer);
            Violation::new(Rule::NotSent, event.at, &event.by, text)
                .on(partition, offset, offset)
                .note(found);
        }
    }
}
