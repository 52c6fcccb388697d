//! What a violation is, and how it is told.

use std::fmt;

use crate::event::{Micros, TopicPartition};

/// The promise that was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// A record was acknowledged or read, and is not where it was.
    Lost,
    /// An offset held one record for one client and another for another.
    Changed,
    /// An idempotent producer's record is there more than once.
    Duplicated,
    /// Records are in another order than they were sent in.
    Reordered,
    /// A log has offsets between its start and its end that hold nothing.
    Hole,
    /// A record is not as it was sent.
    Damaged,
    /// A record is there that nobody sent.
    NotSent,
    /// The start of a log moved back: what was deleted is there again.
    StartMovedBack,
    /// The end of a log moved back.
    EndMovedBack,
    /// A consumer was given an offset again without having asked.
    ReadBack,
    /// A consumer was not given records that lay before it.
    Skipped,
    /// A committed offset is older than one that was acknowledged.
    CommitMovedBack,
    /// A committed offset is there that nobody committed.
    CommitUnheardOf,
    /// A group committed past records that no member was given.
    GroupSkipped,
    /// A topic is not as the acknowledged changes made it.
    Topic,
    /// A client's library gave up, though it was given time.
    GaveUp,
    /// Something did not happen in time.
    Overdue,
    /// The node logged what a sound node does not log, or ended by itself.
    Unsound,
    /// The node's memory or open files grew without bound.
    Growth,
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) at: Micros,
    /// The client that was promised.
    pub(crate) client: String,
    pub(crate) partition: Option<TopicPartition>,
    /// The first and the last of the offsets.
    pub(crate) offsets: Option<(i64, i64)>,
    pub(crate) text: String,
}

impl Violation {
    pub(crate) fn new(rule: Rule, at: Micros, client: &str, text: impl Into<String>) -> Self {
        Self { rule, at, client: client.to_owned(), partition: None, offsets: None, text: text.into() }
    }

    pub(crate) fn on(mut self, partition: &TopicPartition, first: i64, last: i64) -> Self {
        self.partition = Some(partition.clone());
        self.offsets = Some((first, last));
        self
    }

    /// Takes a violation in, with the one before where it is the same for the next offset.
    pub(crate) fn note(self, found: &mut Vec<Self>) {
        if let (Some(last), Some((first, end))) = (found.last_mut(), self.offsets)
            && (last.rule, &last.client, &last.partition, &last.text)
                == (self.rule, &self.client, &self.partition, &self.text)
            && last.offsets.is_some_and(|(_, before)| before + 1 == first)
        {
            last.offsets = last.offsets.map(|(start, _)| (start, end));
            return;
        }
        found.push(self);
    }

    /// The line that tells it; times count from `origin`.
    pub(crate) fn line(&self, origin: Micros) -> String {
        let mut line = format!("{} at {}: {}", self.rule, seconds(self.at, origin), self.client);
        if let Some(partition) = &self.partition {
            line += &format!(": {partition}");
        }
        match self.offsets {
            Some((first, last)) if first == last => line += &format!(" offset {first}"),
            Some((first, last)) => line += &format!(" offsets {first} to {last}"),
            None => {}
        }
        line + ": " + &self.text
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Changed => "changed",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Hole => "hole",
            Self::Damaged => "damaged",
            Self::NotSent => "not sent",
            Self::StartMovedBack => "log start moved back",
            Self::EndMovedBack => "log end moved back",
            Self::ReadBack => "read back",
            Self::Skipped => "skipped",
            Self::CommitMovedBack => "committed offset moved back",
            Self::CommitUnheardOf => "committed offset that nobody committed",
            Self::GroupSkipped => "committed and never read",
            Self::Topic => "topic",
            Self::GaveUp => "gave up",
            Self::Overdue => "overdue",
            Self::Unsound => "unsound",
            Self::Growth => "growth",
        })
    }
}

/// A time as seconds from `origin`.
pub(crate) fn seconds(at: Micros, origin: Micros) -> String {
    let micros = at.saturating_sub(origin);
    format!("{}.{:03} s", micros / 1_000_000, micros / 1000 % 1000)
}
