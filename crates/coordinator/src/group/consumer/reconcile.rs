//! The way of one member from what it has to what it is to have: it gives up first, and gets what others have given up.
//!
//! ```text
//!            target moved on                          nothing left to give up
//! Stable ──────────────────────▶ UnrevokedPartitions ─────────────────────────▶ the target's epoch
//!   ▲  └─ nothing to give up ─▶ the target's epoch: Stable, or UnreleasedPartitions while others still have some of it
//! ```

use std::collections::BTreeMap;

use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::{ErrorCode, Uuid};

use super::member::{CurrentAssignment, EpochedPartitions, MemberState, partitions_of};
use crate::group::modern::{Partitions, Refusal};

/// What the next step of a member depends on.
pub(super) struct Reconciliation<'a> {
    /// What it has.
    pub(super) current: &'a CurrentAssignment,
    /// The target's epoch.
    pub(super) target_epoch: i32,
    /// What it is to have.
    pub(super) target: &'a Partitions,
    /// Whether it subscribes to a topic now; the target may be older than the subscription.
    pub(super) subscribes: &'a dyn Fn(Uuid) -> bool,
    /// Whether its subscription has changed, so that what it has may be too much before there is a new target.
    pub(super) subscription_changed: bool,
    /// Whether another member has a partition.
    pub(super) is_taken: &'a dyn Fn(Uuid, i32) -> bool,
    /// What the member says it has; `None` where it says nothing.
    pub(super) owned: Option<&'a [TopicPartitions]>,
}

impl Reconciliation<'_> {
    /// What the member has from now on; `None` if that is what it has already.
    pub(super) fn next(&self) -> Result<Option<CurrentAssignment>, Refusal> {
        let current = self.current;
        let next = match current.state {
            _ if !self.subscription_changed && current.is_reconciled_to(self.target_epoch) => None,
            MemberState::Stable if current.member_epoch != self.target_epoch => Some(self.advance()),
            MemberState::Stable => self.give_up_unsubscribed(),
            MemberState::UnrevokedPartitions if self.still_owns(&current.pending_revocation) => {
                if self.subscription_changed { self.give_up_unsubscribed() } else { None }
            }
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => Some(self.advance()),
            // Only a later version can have written it: the member starts over, with nothing.
            MemberState::Unknown if self.owned.is_none_or(|owned| !owned.is_empty()) => {
                return Err(Refusal::new(
                    ErrorCode::FencedMemberEpoch,
                    "The consumer group member is in a unknown state. \
                     The member must abandon all its partitions and rejoin.",
                ));
            }
            MemberState::Unknown => Some(self.advance()),
        };
        Ok(next.filter(|next| next != current))
    }

    /// Whether the member may still read from one of these. Who says nothing may.
    fn still_owns(&self, partitions: &EpochedPartitions) -> bool {
        let Some(owned) = self.owned else { return !partitions.is_empty() };
        owned.iter().any(|topic| {
            partitions.get(&topic.topic_id).is_some_and(|pending| {
                topic.partitions.iter().any(|partition| pending.contains_key(partition))
            })
        })
    }

    /// As far towards the target as it can go.
    fn advance(&self) -> CurrentAssignment {
        let current = self.current;
        let wanted = |id, partition| self.target.contains(id, partition) && (self.subscribes)(id);
        let (mut assigned, pending_revocation) = split(&current.assigned, wanted);
        if !pending_revocation.is_empty() && self.still_owns(&pending_revocation) {
            return CurrentAssignment {
                member_epoch: current.member_epoch,
                previous_member_epoch: current.member_epoch,
                state: MemberState::UnrevokedPartitions,
                assigned,
                pending_revocation,
            };
        }
        let mut unreleased = false;
        for (id, partition) in self.target.iter() {
            let has = assigned.get(&id).is_some_and(|partitions| partitions.contains_key(&partition));
            if has || !(self.subscribes)(id) {
                continue;
            }
            if (self.is_taken)(id, partition) {
                unreleased = true;
            } else {
                assigned.entry(id).or_default().insert(partition, self.target_epoch);
            }
        }
        CurrentAssignment {
            member_epoch: self.target_epoch,
            previous_member_epoch: current.member_epoch,
            state: if unreleased { MemberState::UnreleasedPartitions } else { MemberState::Stable },
            assigned,
            pending_revocation: BTreeMap::new(),
        }
    }

    /// Before there is a new target: what it does not subscribe to any more goes.
    fn give_up_unsubscribed(&self) -> Option<CurrentAssignment> {
        let current = self.current;
        let (assigned, unsubscribed) = split(&current.assigned, |id, _| (self.subscribes)(id));
        if unsubscribed.is_empty() {
            return None;
        }
        let mut pending_revocation = current.pending_revocation.clone();
        for (id, partitions) in unsubscribed {
            pending_revocation.entry(id).or_default().extend(partitions);
        }
        let next =
            CurrentAssignment { previous_member_epoch: current.member_epoch, assigned, ..current.clone() };
        Some(if self.still_owns(&pending_revocation) {
            CurrentAssignment { state: MemberState::UnrevokedPartitions, pending_revocation, ..next }
        } else {
            next
        })
    }
}

/// The partitions that fulfil a condition, and the others.
fn split(
    partitions: &EpochedPartitions,
    keep: impl Fn(Uuid, i32) -> bool,
) -> (EpochedPartitions, EpochedPartitions) {
    let (mut kept, mut rest) = (EpochedPartitions::new(), EpochedPartitions::new());
    for (id, partition) in partitions_of(partitions) {
        let side = if keep(id, partition) { &mut kept } else { &mut rest };
        side.entry(id).or_default().insert(partition, partitions[&id][&partition]);
    }
    (kept, rest)
}
