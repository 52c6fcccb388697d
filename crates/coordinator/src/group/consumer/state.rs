//! The states of a consumer group. They follow from its epochs and members and are not kept.

use std::fmt;

/// Where a consumer group stands. Kafka's fifth state, `Dead`, is a group that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsumerGroupState {
    /// No members; offsets perhaps.
    Empty,
    /// Its epoch has no target yet.
    Assigning,
    /// Members are on their way to the target.
    Reconciling,
    /// Everybody has what the target says.
    Stable,
}

impl ConsumerGroupState {
    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

impl fmt::Display for ConsumerGroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
