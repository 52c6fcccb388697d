//! What a sound node does not do: log errors, end by itself, stay silent, grow; and what a sound client does not do
//! with a sound node: give up.

use super::history::History;
use super::violation::{Rule, Violation, seconds};
use crate::event::{Acks, End, Kind, Micros, What};

/// How long a node that is up may acknowledge nothing, though producers send.
const SILENCE: Micros = 20_000_000;

/// The node may be so many times as large at the end, and this much more.
const GROWTH: (u64, u64, u64) = (2, 96 << 20, 100);

pub(crate) fn check(history: &History<'_>, found: &mut Vec<Violation>) {
    for event in history.events {
        let (rule, text) = match &event.what {
            What::NodeSaid { line } => (Rule::Unsound, format!("the node logged: {line}")),
            What::NodeEnded { end: End::ByItself } => (Rule::Unsound, "the node ended by itself".to_owned()),
            What::Overdue { what } => (Rule::Overdue, what.clone()),
            What::GaveUp { first, count, error } => {
                (Rule::GaveUp, format!("{count} records from {first} on: {error}"))
            }
            What::Fatal { error } => (Rule::GaveUp, format!("fatal: {error}")),
            What::Damaged { partition, offset, why } => {
                let violation = Violation::new(Rule::Damaged, event.at, &event.by, why);
                found.push(violation.on(partition, *offset, *offset));
                continue;
            }
            _ => continue,
        };
        found.push(Violation::new(rule, event.at, &event.by, text));
    }
    silence(history, found);
    growth(history, found);
}

fn silence(history: &History<'_>, found: &mut Vec<Violation>) {
    let mut producers = 0_u32;
    // Since when an acknowledgement is due.
    let mut due: Option<Micros> = None;
    let mut up = false;
    for event in history.events {
        if let Some(since) = due.filter(|since| event.at > since + SILENCE) {
            let text =
                format!("no acknowledgement since {}, and the node is up", seconds(since, history.origin()));
            found.push(Violation::new(Rule::Overdue, event.at, "producers", text));
            due = None;
        }
        let is_producer = |name: &str| {
            let kind = history.client(name).and_then(|client| client.kind);
            matches!(kind, Some(Kind::Producer { .. }))
        };
        let without_acks = |name: &str| {
            let kind = history.client(name).and_then(|client| client.kind);
            matches!(kind, Some(Kind::Producer { acks: Acks::None, .. }))
        };
        match &event.what {
            What::Opened { client_kind: Kind::Producer { .. } } => producers += 1,
            What::ClientEnded { name, .. } if is_producer(name) => producers = producers.saturating_sub(1),
            What::NodeReady | What::NodeResumed => up = true,
            What::NodePaused | What::NodeEnded { .. } => up = false,
            What::Acknowledged { .. } if !without_acks(&event.by) => {}
            _ => continue,
        }
        due = (up && producers > 0).then_some(event.at);
    }
}

fn growth(history: &History<'_>, found: &mut Vec<Violation>) {
    let sizes = history.events.iter().filter_map(|event| match event.what {
        What::NodeSize { rss_bytes, open_files } => Some((event.at, rss_bytes, open_files)),
        _ => None,
    });
    let sizes: Vec<_> = sizes.collect();
    let (Some((_, first_rss, first_files)), Some((at, rss, files))) = (sizes.first(), sizes.last()) else {
        return;
    };
    let (times, more_bytes, more_files) = GROWTH;
    if *rss > first_rss * times + more_bytes || *files > first_files * times + more_files {
        let text =
            format!("resident {first_rss} bytes became {rss}, {first_files} open files became {files}");
        found.push(Violation::new(Rule::Growth, *at, "node", text));
    }
}
