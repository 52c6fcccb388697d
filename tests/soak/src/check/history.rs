//! A history in the shape that the rules ask of it: clients, operations with their ends, deletions.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Kind, Micros, Op, Outcome, TopicPartition, What};

/// What is known of a client.
#[derive(Default)]
pub(crate) struct Client<'a> {
    pub(crate) kind: Option<&'a Kind>,
    /// When its process ended.
    pub(crate) ended: Option<Micros>,
    /// Its records: (first number, topic), and the number of the next one.
    pub(crate) sent: Vec<(u64, &'a str)>,
    pub(crate) next: u64,
}

impl Client<'_> {
    pub(crate) fn idempotent(&self) -> bool {
        matches!(self.kind, Some(Kind::Producer { idempotent: true, .. }))
    }

    pub(crate) fn in_flight_one(&self) -> bool {
        matches!(self.kind, Some(Kind::Producer { in_flight_one: true, .. }))
    }

    /// The topic that a record of this number was sent to.
    pub(crate) fn sent_to(&self, number: u64) -> Option<&str> {
        let after = self.sent.partition_point(|(first, _)| *first <= number);
        let (_, topic) = self.sent.get(after.checked_sub(1)?)?;
        (number < self.next).then_some(topic)
    }
}

/// An operation from its beginning to its end, as far as it has one.
pub(crate) struct Operation<'a> {
    pub(crate) by: &'a str,
    pub(crate) op: &'a Op,
    pub(crate) start: Micros,
    /// `None`: nobody knows how it ended.
    pub(crate) outcome: Option<&'a Outcome>,
    /// When it can have happened at the latest. An unanswered request can lie in the node's sockets until that ends.
    pub(crate) latest: Micros,
}

impl Operation<'_> {
    pub(crate) fn done(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Done))
    }
}

/// A history, indexed.
pub(crate) struct History<'a> {
    pub(crate) events: &'a [Event],
    pub(crate) clients: BTreeMap<&'a str, Client<'a>>,
    /// In the order of their beginnings.
    pub(crate) operations: Vec<Operation<'a>>,
    /// The highest offset up to which deletion was asked for.
    deletions: BTreeMap<&'a TopicPartition, i64>,
    /// Topics whose oldest segments the node may delete at any time.
    retained: BTreeSet<&'a str>,
    node_ends: Vec<Micros>,
}

impl<'a> History<'a> {
    pub(crate) fn new(events: &'a [Event]) -> Self {
        let ends = events.iter().filter(|event| matches!(event.what, What::NodeEnded { .. }));
        let mut history = Self {
            events,
            clients: clients(events),
            operations: vec![],
            deletions: BTreeMap::new(),
            retained: BTreeSet::new(),
            node_ends: ends.map(|event| event.at).collect(),
        };
        history.operations = history.match_operations();
        for operation in &history.operations {
            if let Op::DeleteRecords { partition, before } = operation.op {
                let asked = history.deletions.entry(partition).or_default();
                *asked = before.max(asked).to_owned();
            }
        }
        for event in events {
            if let What::Topic { topic, retention: true } = &event.what {
                history.retained.insert(topic);
            }
        }
        history
    }

    /// Whether everything before `offset` may be gone: deleted on request, or by the topic's retention.
    pub(crate) fn may_start_at(&self, partition: &TopicPartition, offset: i64) -> bool {
        offset == 0
            || self.retained.contains(&*partition.topic)
            || self.deletions.get(partition).is_some_and(|asked| offset <= *asked)
    }

    /// Whether anything may be gone from a partition.
    pub(crate) fn is_ever_deleted(&self, partition: &TopicPartition) -> bool {
        self.may_start_at(partition, 1)
    }

    /// What is known of a client.
    pub(crate) fn client(&self, name: &str) -> Option<&Client<'a>> {
        self.clients.get(name)
    }

    /// The first event of the history: times are told from here.
    pub(crate) fn origin(&self) -> Micros {
        self.events.first().map_or(0, |event| event.at)
    }

    /// When the requests of a client that asked nothing since `after` are gone at the latest: with the node's process.
    pub(crate) fn drained(&self, after: Option<Micros>) -> Micros {
        let next = after.and_then(|at| self.node_ends.get(self.node_ends.partition_point(|end| *end < at)));
        next.copied().unwrap_or(Micros::MAX)
    }

    fn match_operations(&self) -> Vec<Operation<'a>> {
        let mut operations: Vec<Operation<'a>> = vec![];
        let mut open = BTreeMap::new();
        for event in self.events {
            match &event.what {
                What::Began { id, op } => {
                    open.insert((&*event.by, *id), operations.len());
                    let since = if let Op::Commit { since, .. } = op { *since } else { None };
                    operations.push(Operation {
                        by: &event.by,
                        op,
                        start: since.unwrap_or(event.at),
                        outcome: None,
                        latest: self.drained(self.client(&event.by).and_then(|client| client.ended)),
                    });
                }
                What::Ended { id, outcome } => {
                    let index = open.remove(&(&*event.by, *id));
                    if let Some(operation) = index.and_then(|index| operations.get_mut(index)) {
                        let unknown = matches!(outcome, Outcome::Unknown { .. });
                        operation.outcome = (!unknown).then_some(outcome);
                        operation.latest = if unknown { self.drained(Some(event.at)) } else { event.at };
                    }
                }
                _ => {}
            }
        }
        operations.sort_by_key(|operation| operation.start);
        operations
    }
}

fn clients(events: &[Event]) -> BTreeMap<&str, Client<'_>> {
    let mut clients: BTreeMap<&str, Client<'_>> = BTreeMap::new();
    for event in events {
        match &event.what {
            What::Opened { client_kind } => clients.entry(&event.by).or_default().kind = Some(client_kind),
            What::ClientEnded { name, .. } => clients.entry(name).or_default().ended = Some(event.at),
            What::Sent { topic, first, count } => {
                let client = clients.entry(&event.by).or_default();
                client.next = first + u64::from(*count);
                if client.sent.last().is_none_or(|(_, last)| last != topic) {
                    client.sent.push((*first, topic));
                }
            }
            _ => {}
        }
    }
    clients
}
