//! What must always hold, a file each. An invariant hears every event with what was known before it, and says what is
//! wrong.

mod acknowledged;
mod commits;
mod content;
mod exactly_once;
mod generations;
mod leader_epochs;
mod metadata;
mod offsets;
mod owners;
mod recovery;
mod replay;
mod timestamps;

use super::event::Event;
use super::history::History;
use super::plan::Plan;

/// One oracle.
pub(crate) trait Invariant {
    /// Its name, for the report.
    fn name(&self) -> &'static str;
    /// Looks at an event. An error says what is wrong.
    fn observe(&mut self, event: &Event<'_>, history: &History) -> Result<(), String>;
}

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant that does not hold; `panic` if an assertion of the node failed.
    pub invariant: String,
    /// What was found.
    pub found: String,
}

/// All oracles with the memory they share.
pub(crate) struct Oracles {
    history: History,
    invariants: Vec<Box<dyn Invariant>>,
    /// The first thing that was wrong.
    violation: Option<Violation>,
}

impl Oracles {
    pub(crate) fn new(plan: &Plan) -> Self {
        let invariants: Vec<Box<dyn Invariant>> = vec![
            Box::new(acknowledged::Acknowledged::new(plan)),
            Box::<content::Content>::default(),
            Box::<exactly_once::ExactlyOnce>::default(),
            Box::<offsets::Offsets>::default(),
            Box::<recovery::Recovery>::default(),
            Box::<timestamps::Timestamps>::default(),
            Box::<leader_epochs::LeaderEpochs>::default(),
            Box::new(commits::CommittedOffsets::new(plan)),
            Box::new(owners::Owners::new(plan)),
            Box::new(generations::Generations::new(plan)),
            Box::<replay::Replay>::default(),
            Box::<metadata::Metadata>::default(),
        ];
        Self { history: History::default(), invariants, violation: None }
    }

    pub(crate) fn observe(&mut self, event: &Event<'_>) {
        for invariant in &mut self.invariants {
            if let Err(found) = invariant.observe(event, &self.history) {
                let name = invariant.name().to_owned();
                self.violation.get_or_insert(Violation { invariant: name, found });
            }
        }
        self.history.apply(event);
    }

    /// Something is wrong that no invariant has seen.
    pub(crate) fn object(&mut self, invariant: &str, found: String) {
        self.violation.get_or_insert(Violation { invariant: invariant.to_owned(), found });
    }

    /// What is known of everything, for those who want to ask about it.
    pub(crate) const fn history(&self) -> &History {
        &self.history
    }

    pub(crate) const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }
}
