//! What is known of a run while it goes on.

use std::collections::BTreeMap;
use std::fmt;

use crate::event::{Event, Offsets, Op, Outcome, Run, What};

/// Counts of what happened, and what the watcher saw last.
#[derive(Default)]
pub(crate) struct Figures {
    acknowledged: u64,
    read: u64,
    commits: u64,
    starts: u64,
    clients: u64,
    /// What each group has committed, and where the logs start and end.
    committed: BTreeMap<String, Offsets>,
    log_starts: Offsets,
    log_ends: Offsets,
    /// Which group an operation asks for, by who asks and the operation's id.
    asked: BTreeMap<(String, u64), String>,
}

impl Figures {
    /// Counts an event.
    pub(crate) fn take(&mut self, event: &Event) {
        let count = |runs: &[Run]| runs.iter().map(|run| u64::from(run.count)).sum::<u64>();
        match &event.what {
            What::Acknowledged { runs, .. } => self.acknowledged += count(runs),
            What::Read { runs, .. } => self.read += count(runs),
            What::NodeSpawned => self.starts += 1,
            What::Opened { .. } => self.clients += 1,
            What::Began { op: Op::Commit { .. }, .. } => self.commits += 1,
            What::Began { op: Op::FetchCommitted { group }, id } => {
                self.asked.insert((event.by.clone(), *id), group.clone());
            }
            What::Ended { id, outcome: Outcome::Committed { offsets } } => {
                if let Some(group) = self.asked.remove(&(event.by.clone(), *id)) {
                    self.committed.insert(group, offsets.clone());
                }
            }
            What::Ended { outcome: Outcome::Bounds { start, end }, .. } => {
                self.log_starts.clone_from(start);
                self.log_ends.clone_from(end);
            }
            _ => {}
        }
    }

    /// What a group still has to read and commit, in words.
    pub(crate) fn behind(&self, group: &str) -> Vec<String> {
        let known =
            |all: Option<&Offsets>, partition| all.and_then(|all| all.get(partition)).copied().unwrap_or(0);
        let behind = self.log_ends.iter().filter_map(|(partition, end)| {
            let committed = known(self.committed.get(group), partition).max(0);
            // Of an empty log there is nothing to read, and so nothing to commit.
            let any = known(Some(&self.log_starts), partition) < *end;
            (any && committed < *end).then(|| format!("group {group}: {partition} at {committed} of {end}"))
        });
        behind.collect()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, read, commits, starts, clients, .. } = self;
        write!(
            f,
            "{acknowledged} acknowledged, {read} read, {commits} commits, {starts} starts, {clients} clients so far"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TopicPartition;

    #[track_caller]
    fn check(bounds: (i64, i64), committed: i64, expect: &[&str]) {
        let of = |offset| Offsets::from([(TopicPartition::new("t", 0), offset)]);
        let mut figures = Figures::default();
        let whats = [
            What::Began { id: 1, op: Op::FetchCommitted { group: "g".to_owned() } },
            What::Ended { id: 1, outcome: Outcome::Committed { offsets: of(committed) } },
            What::Ended { id: 2, outcome: Outcome::Bounds { start: of(bounds.0), end: of(bounds.1) } },
        ];
        for what in whats {
            figures.take(&Event { at: 1, by: "w".to_owned(), what });
        }
        assert_eq!(figures.behind("g"), expect);
    }

    #[test]
    fn a_group_is_behind_while_there_is_something_to_read() {
        check((0, 9), 9, &[]);
        check((0, 9), 5, &["group g: t-0 at 5 of 9"]);
        check((0, 9), -1, &["group g: t-0 at 0 of 9"]);
        check((0, 0), -1, &[]);
        check((9, 9), 5, &[]);
        check((8, 9), 5, &["group g: t-0 at 5 of 9"]);
    }
}
