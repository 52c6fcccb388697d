//! The figures of a run.

use std::collections::BTreeMap;
use std::fmt;

use super::evidence::Evidence;
use super::history::History;
use super::order;
use crate::event::{Acks, End, Kind, Micros, Op, Outcome, What};

/// What a run did and what its clients saw of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) read: u64,
    pub(crate) commits: u64,
    pub(crate) changes: u64,
    pub(crate) unknown: u64,
    pub(crate) duplicates_allowed: u64,
    pub(crate) killed: u64,
    pub(crate) terminated: u64,
    pub(crate) pauses: u64,
    pub(crate) client_deaths: u64,
    pub(crate) client_pauses: u64,
    /// The longest time between two acknowledgements to one producer, and to which.
    pub(crate) longest_outage: (Micros, String),
    /// From the start of the process that follows a kill to the first acknowledgement, sorted.
    pub(crate) first_acknowledgements: Vec<Micros>,
    /// Resident bytes and open files when the load had begun, and at the end.
    pub(crate) sizes: Option<[(u64, u64); 2]>,
}

pub(crate) fn of(history: &History<'_>, evidence: &Evidence<'_>) -> Summary {
    let mut summary = Summary {
        read: evidence.reads,
        duplicates_allowed: order::allowed_duplicates(history, evidence),
        ..Summary::default()
    };
    count_operations(history, &mut summary);
    let mut last: BTreeMap<&str, Micros> = BTreeMap::new();
    let (mut killed, mut spawned) = (false, None);
    for event in history.events {
        match &event.what {
            What::Sent { count, .. } => {
                last.entry(&event.by).or_insert(event.at);
                summary.sent += u64::from(*count);
            }
            What::Acknowledged { runs, .. } => {
                let kind = history.client(&event.by).and_then(|client| client.kind);
                if matches!(kind, Some(Kind::Producer { acks: Acks::None, .. })) {
                    continue;
                }
                summary.acknowledged += runs.iter().map(|run| u64::from(run.count)).sum::<u64>();
                let before = last.insert(&event.by, event.at).unwrap_or(event.at);
                let outage = event.at.saturating_sub(before);
                if outage > summary.longest_outage.0 {
                    summary.longest_outage = (outage, event.by.clone());
                }
                if let Some(spawned) = spawned.take() {
                    summary.first_acknowledgements.push(event.at.saturating_sub(spawned));
                }
            }
            What::NodeEnded { end } => {
                killed = *end == End::Killed;
                spawned = None;
                summary.killed += u64::from(killed);
                summary.terminated += u64::from(*end == End::Terminated);
            }
            What::NodeSpawned if killed => spawned = Some(event.at),
            What::NodePaused => summary.pauses += 1,
            What::ClientEnded { killed: true, .. } => summary.client_deaths += 1,
            What::ClientPaused { .. } => summary.client_pauses += 1,
            What::NodeSize { rss_bytes, open_files } => {
                let size = (*rss_bytes, *open_files);
                summary.sizes = Some([summary.sizes.map_or(size, |[first, _]| first), size]);
            }
            _ => {}
        }
    }
    summary.first_acknowledgements.sort_unstable();
    summary
}

fn count_operations(history: &History<'_>, summary: &mut Summary) {
    for operation in &history.operations {
        match (operation.op, operation.outcome) {
            (_, None) => summary.unknown += 1,
            (Op::Commit { .. }, Some(Outcome::Done)) => summary.commits += 1,
            (_, Some(Outcome::Done)) => summary.changes += 1,
            _ => {}
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |micros: Micros| format!("{} ms", micros / 1000);
        let first = &self.first_acknowledgements;
        let median = first.get(first.len() / 2).map_or("none".to_owned(), |micros| ms(*micros));
        let longest = first.last().map_or("none".to_owned(), |micros| ms(*micros));
        let (outage, producer) = &self.longest_outage;
        let mut row = |name: &str, value: String| writeln!(f, "  {name:<56}{value}");
        row("records sent", self.sent.to_string())?;
        row("records acknowledged (acks=1, acks=all)", self.acknowledged.to_string())?;
        row("records read, each by each reader", self.read.to_string())?;
        row("duplicates of plain producers, which are allowed", self.duplicates_allowed.to_string())?;
        row("commits acknowledged", self.commits.to_string())?;
        row("changes of topics and deletions acknowledged", self.changes.to_string())?;
        row("operations whose end nobody knows", self.unknown.to_string())?;
        row("node killed", self.killed.to_string())?;
        row("node stopped by SIGTERM", self.terminated.to_string())?;
        row("node paused", self.pauses.to_string())?;
        row("clients killed", self.client_deaths.to_string())?;
        row("clients paused", self.client_pauses.to_string())?;
        row("longest outage that a producer saw", format!("{} ({producer})", ms(*outage)))?;
        row("start after a kill to first acknowledgement, median", median)?;
        row("start after a kill to first acknowledgement, longest", longest)?;
        if let Some([(first_rss, first_files), (rss, files)]) = self.sizes {
            let mib = |bytes: u64| bytes >> 20;
            row("node resident, first and last", format!("{} MiB, {} MiB", mib(first_rss), mib(rss)))?;
            row("node open files, first and last", format!("{first_files}, {files}"))?;
        }
        Ok(())
    }
}
