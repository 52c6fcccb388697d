//! What a history is made of: events, one JSON object a line. Every writer has a file of its own.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Microseconds on the machine's monotonic clock, which all processes share.
pub(crate) type Micros = u64;

/// Now, on that clock.
pub(crate) fn now() -> Micros {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1000
}

/// One partition of one topic; in text `topic-3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct TopicPartition {
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

impl TopicPartition {
    pub(crate) fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.to_owned(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl From<TopicPartition> for String {
    fn from(tp: TopicPartition) -> Self {
        tp.to_string()
    }
}

impl TryFrom<String> for TopicPartition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.rsplit_once('-').and_then(|(topic, n)| Some((topic, n.parse().ok()?)));
        parts.map(|(topic, partition)| Self::new(topic, partition)).ok_or(text)
    }
}

/// Offsets of partitions.
pub(crate) type Offsets = BTreeMap<TopicPartition, i64>;

/// Records that follow one another in a partition and in what their producer sent: `count` of them, the first is the
/// producer's record `first` and stands at `offset`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) offset: i64,
    pub(crate) producer: String,
    pub(crate) first: u64,
    pub(crate) count: u32,
}

impl Run {
    /// Each record: its offset, its number.
    pub(crate) fn records(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        (0..self.count).map(|n| (self.offset + i64::from(n), self.first + u64::from(n)))
    }
}

/// Adds a record to runs, to the last one where it continues that.
pub(crate) fn extend(runs: &mut Vec<Run>, offset: i64, producer: &str, number: u64) {
    if let Some(last) = runs.last_mut()
        && last.producer == producer
        && last.first + u64::from(last.count) == number
        && last.offset + i64::from(last.count) == offset
    {
        last.count += 1;
        return;
    }
    runs.push(Run { offset, producer: producer.to_owned(), first: number, count: 1 });
}

/// How a producer asks for acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Acks {
    None,
    Leader,
    All,
}

/// What a client is; it decides what the checker may ask of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Kind {
    /// `in_flight_one`: it sends a request only when the one before is answered.
    Producer { idempotent: bool, acks: Acks, in_flight_one: bool },
    /// Of a group. `automatic`: librdkafka commits by itself, and not every commit is told.
    Member { group: String, automatic: bool },
    /// Reads every partition from its beginning. `last`: what it finds is what the node holds at the end.
    Reader { last: bool },
    /// Asks for committed offsets and for the bounds of logs.
    Watcher,
    /// Changes topics.
    Admin,
}

/// A topic as it is described.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TopicState {
    pub(crate) partitions: i32,
    pub(crate) retention_ms: i64,
    /// Where the log of partition 0 ends, if only the admin writes to it; else 0.
    pub(crate) end: i64,
}

/// What is asked of the node besides records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Op {
    /// `since`: where it was asked for before the event was written.
    Commit {
        group: String,
        offsets: Offsets,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Micros>,
    },
    FetchCommitted {
        group: String,
    },
    /// The start and the end of every log of the load.
    Bounds,
    DeleteRecords {
        partition: TopicPartition,
        before: i64,
    },
    Create {
        topic: String,
        state: TopicState,
    },
    Alter {
        topic: String,
        retention_ms: i64,
    },
    Grow {
        topic: String,
        partitions: i32,
    },
    /// One record more in partition 0, whose log ends at `end`.
    Append {
        topic: String,
        end: i64,
    },
    Delete {
        topic: String,
    },
    Describe {
        topic: String,
    },
}

/// How an operation ended. Without one, nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    Done,
    /// It may have happened, and may happen still until the node ends.
    Unknown {
        error: String,
    },
    /// To `FetchCommitted`: a partition without a committed offset is absent.
    Committed {
        offsets: Offsets,
    },
    /// To `Bounds`.
    Bounds {
        start: Offsets,
        end: Offsets,
    },
    /// To `Describe`.
    Described {
        state: Option<TopicState>,
    },
}

/// How the node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Killed,
    Terminated,
    /// Nobody asked for it.
    ByItself,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    // What the soak does.
    /// A topic of the load; `retention`: the node may delete its oldest segments at any time.
    Topic {
        topic: String,
        retention: bool,
    },
    NodeSpawned,
    NodeReady,
    NodeEnded {
        end: End,
    },
    NodePaused,
    NodeResumed,
    /// Taken when there was load for a while, and at the end.
    NodeSize {
        rss_bytes: u64,
        open_files: u64,
    },
    /// A line that a sound node does not log.
    NodeSaid {
        line: String,
    },
    ClientPaused {
        name: String,
    },
    /// `killed`: by SIGKILL.
    ClientEnded {
        name: String,
        killed: bool,
    },
    /// Something did not happen in time.
    Overdue {
        what: String,
    },
    /// Files were damaged on purpose.
    Sabotaged {
        how: String,
    },

    // What clients do.
    Opened {
        client_kind: Kind,
    },
    /// The producer's records from number `first` on are handed to the client library.
    Sent {
        topic: String,
        first: u64,
        count: u32,
    },
    /// Acknowledged with offsets; the offset is -1 where the answer has none.
    Acknowledged {
        partition: TopicPartition,
        runs: Vec<Run>,
    },
    /// The library gave up: nobody knows whether the records are in the log.
    GaveUp {
        first: u64,
        count: u32,
        error: String,
    },
    /// The client cannot go on.
    Fatal {
        error: String,
    },
    Assigned {
        partitions: Vec<TopicPartition>,
    },
    Revoked {
        partitions: Vec<TopicPartition>,
    },
    Read {
        partition: TopicPartition,
        runs: Vec<Run>,
    },
    /// A record that nobody sent like that.
    Damaged {
        partition: TopicPartition,
        offset: i64,
        why: String,
    },
    Began {
        id: u64,
        #[serde(flatten)]
        op: Op,
    },
    Ended {
        id: u64,
        #[serde(flatten)]
        outcome: Outcome,
    },
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) at: Micros,
    /// Who wrote it: the soak itself, or a client by its name.
    pub(crate) by: String,
    #[serde(flatten)]
    pub(crate) what: What,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_line(what: What, expect: &str) {
        let event = Event { at: 7, by: "a".to_owned(), what };
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(line, expect);
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn an_event_is_a_line() {
        let tp = TopicPartition::new("load-x", 3);
        let run = Run { offset: 9, producer: "p".to_owned(), first: 4, count: 2 };
        check_line(What::NodeSpawned, r#"{"at":7,"by":"a","event":"node_spawned"}"#);
        check_line(
            What::Read { partition: tp.clone(), runs: vec![run] },
            r#"{"at":7,"by":"a","event":"read","partition":"load-x-3","runs":[{"offset":9,"producer":"p","first":4,"count":2}]}"#,
        );
        check_line(
            What::Began {
                id: 1,
                op: Op::Commit { group: "g".to_owned(), offsets: [(tp.clone(), 5)].into(), since: None },
            },
            r#"{"at":7,"by":"a","event":"began","id":1,"op":"commit","group":"g","offsets":{"load-x-3":5}}"#,
        );
        check_line(
            What::Ended { id: 1, outcome: Outcome::Committed { offsets: [(tp, 5)].into() } },
            r#"{"at":7,"by":"a","event":"ended","id":1,"outcome":"committed","offsets":{"load-x-3":5}}"#,
        );
        check_line(
            What::Opened { client_kind: Kind::Member { group: "g".to_owned(), automatic: true } },
            r#"{"at":7,"by":"a","event":"opened","client_kind":{"kind":"member","group":"g","automatic":true}}"#,
        );
    }

    #[test]
    fn records_that_follow_one_another_are_one_run() {
        let mut runs = vec![];
        for (offset, producer, number) in [(5, "a", 1), (6, "a", 2), (7, "b", 3), (8, "b", 5), (10, "b", 6)] {
            extend(&mut runs, offset, producer, number);
        }
        let found: Vec<_> = runs.iter().map(|r| (r.offset, r.first, r.count)).collect();
        assert_eq!(found, [(5, 1, 2), (7, 3, 1), (8, 5, 1), (10, 6, 1)]);
        assert_eq!(runs[0].records().collect::<Vec<_>>(), [(5, 1), (6, 2)]);
    }
}
