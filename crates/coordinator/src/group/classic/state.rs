//! The states of a classic group.

use std::fmt;

/// Where a classic group stands. Kafka's sixth state, `Dead`, is a group that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupState {
    /// No members; offsets perhaps.
    Empty,
    /// Waits for its members to join.
    PreparingRebalance,
    /// Has its members, waits for the leader's assignment.
    CompletingRebalance,
    /// Everybody has an assignment.
    Stable,
}

impl GroupState {
    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }

    /// Whether a group may go from here to `next`.
    pub(super) const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::PreparingRebalance, Self::Empty | Self::CompletingRebalance)
                | (Self::Empty | Self::CompletingRebalance | Self::Stable, Self::PreparingRebalance)
                | (Self::CompletingRebalance, Self::Stable)
        )
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
