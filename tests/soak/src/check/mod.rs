//! The checker: a pure function from a history to what was promised and not kept. It knows no node, no client and no
//! clock, so that a history can be judged again, and so that it has tests of its own.

mod commits;
mod evidence;
mod groups;
mod history;
mod last;
mod order;
mod reading;
mod soundness;
#[cfg(test)]
mod story;
mod summary;
#[cfg(test)]
mod tests;
mod topics;
mod violation;

pub(crate) use summary::Summary;
pub(crate) use violation::{Rule, Violation};

use crate::event::Event;
use evidence::Evidence;
use history::History;

/// Every violation of a history, which is in the order of time.
pub(crate) fn check(events: &[Event]) -> Vec<Violation> {
    let history = History::new(events);
    let mut found = vec![];
    let evidence = Evidence::gather(&history, &mut found);
    last::check(&history, &evidence, &mut found);
    order::check(&history, &evidence, &mut found);
    reading::check(&history, &mut found);
    commits::check(&history, &mut found);
    groups::check(&history, &mut found);
    topics::check(&history, &mut found);
    soundness::check(&history, &mut found);
    found.sort_by_key(|violation| (violation.rule, violation.at));
    found
}

/// The figures of a history.
pub(crate) fn summarise(events: &[Event]) -> Summary {
    let history = History::new(events);
    let evidence = Evidence::gather(&history, &mut vec![]);
    summary::of(&history, &evidence)
}
