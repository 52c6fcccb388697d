//! Topics under changes: every description must be what the acknowledged changes made of the topic, each change whose
//! answer nobody saw having happened or not, until the node ends.

use std::collections::{BTreeMap, BTreeSet};

use super::history::{History, Operation};
use super::violation::{Rule, Violation};
use crate::event::{Op, Outcome, TopicState};

/// What a topic may be: absent, or there with its properties.
type States = BTreeSet<Option<TopicState>>;

pub(crate) fn check(history: &History<'_>, found: &mut Vec<Violation>) {
    let mut topics: BTreeMap<&str, Vec<&Operation<'_>>> = BTreeMap::new();
    for operation in &history.operations {
        match operation.op {
            Op::Create { topic, .. }
            | Op::Alter { topic, .. }
            | Op::Grow { topic, .. }
            | Op::Append { topic, .. }
            | Op::Delete { topic }
            | Op::Describe { topic } => topics.entry(topic).or_default().push(operation),
            Op::Commit { .. } | Op::FetchCommitted { .. } | Op::Bounds | Op::DeleteRecords { .. } => {}
        }
    }
    for (topic, operations) in topics {
        follow(topic, &operations, found);
    }
}

fn follow(topic: &str, operations: &[&Operation<'_>], found: &mut Vec<Violation>) {
    let mut states: States = [None].into();
    // Changes that may happen still.
    let mut open: Vec<&Operation<'_>> = vec![];
    for operation in operations {
        states = closure(states, &open);
        // What is over has happened by now or never will; `states` holds both.
        open.retain(|change| change.latest >= operation.start);
        match operation.outcome {
            Some(Outcome::Described { state }) => {
                if !states.contains(state) {
                    let text = format!("topic {topic} is {}, expected {}", told(state), all(&states));
                    found.push(Violation::new(Rule::Topic, operation.latest, operation.by, text));
                }
                states = [state.clone()].into();
            }
            Some(Outcome::Done) => {
                let after: States =
                    states.iter().filter_map(|state| apply(operation.op, state.as_ref())).collect();
                if after.is_empty() {
                    let text = format!(
                        "topic {topic}: {:?} was acknowledged, and it was {}",
                        operation.op,
                        all(&states)
                    );
                    found.push(Violation::new(Rule::Topic, operation.latest, operation.by, text));
                } else {
                    states = after;
                }
            }
            _ => {
                open.push(operation);
                states = closure(states, &open);
            }
        }
    }
}

/// Everything that `states` may become by any of the changes, in any order.
fn closure(mut states: States, changes: &[&Operation<'_>]) -> States {
    loop {
        let more: Vec<_> = states
            .iter()
            .flat_map(|state| changes.iter().filter_map(move |change| apply(change.op, state.as_ref())))
            .filter(|state| !states.contains(state))
            .collect();
        if more.is_empty() {
            return states;
        }
        states.extend(more);
    }
}

/// What a change makes of a topic; `None` where the node would refuse it.
fn apply(op: &Op, state: Option<&TopicState>) -> Option<Option<TopicState>> {
    match (op, state) {
        (Op::Create { state, .. }, None) => Some(Some(state.clone())),
        (Op::Alter { retention_ms, .. }, Some(state)) => {
            Some(Some(TopicState { retention_ms: *retention_ms, ..state.clone() }))
        }
        (Op::Grow { partitions, .. }, Some(state)) if *partitions > state.partitions => {
            Some(Some(TopicState { partitions: *partitions, ..state.clone() }))
        }
        (Op::Append { end, .. }, Some(state)) if *end == state.end => {
            Some(Some(TopicState { end: end + 1, ..state.clone() }))
        }
        (Op::Delete { .. }, Some(_)) => Some(None),
        _ => None,
    }
}

fn told(state: &Option<TopicState>) -> String {
    state.as_ref().map_or("absent".to_owned(), |state| {
        let TopicState { partitions, retention_ms, end } = state;
        format!("there with {partitions} partitions, retention.ms={retention_ms}, {end} records")
    })
}

fn all(states: &States) -> String {
    states.iter().map(told).collect::<Vec<_>>().join(", or ")
}
