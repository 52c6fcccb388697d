//! A member of a consumer group: what it wants, what it has, what it is to have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use protocol::Uuid;

use crate::group::modern::Partitions;

/// The member epoch of a static member that has left and means to come back.
pub(crate) const LEFT_STATIC_EPOCH: i32 = -2;

/// What a member wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberMetadata {
    /// `group.instance.id` of a static member (KIP-345).
    pub instance_id: Option<Arc<str>>,
    /// Where it stands.
    pub rack_id: Option<Arc<str>>,
    /// The client id of its last full request.
    pub client_id: Arc<str>,
    /// The address of its last full request, as Java prints it.
    pub client_host: Arc<str>,
    /// The names that it subscribes to.
    pub subscribed_topic_names: BTreeSet<Arc<str>>,
    /// The pattern that it subscribes to; never empty.
    pub subscribed_topic_regex: Option<Arc<str>>,
    /// How long it may take to give up partitions; -1 where that is not known.
    pub rebalance_timeout_ms: i32,
    /// The assignor that it asks for.
    pub server_assignor: Option<Arc<str>>,
    /// What it said in its last JoinGroup, where it speaks the classic protocol.
    pub classic: Option<ClassicMember>,
}

/// The classic side of a member that speaks the classic protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassicMember {
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// The protocols that it supports with what it says for each, the most wanted first.
    pub protocols: Vec<(Arc<str>, Bytes)>,
}

/// Where a member stands on its way to its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberState {
    /// It has what it is to have in its epoch.
    #[default]
    Stable,
    /// It has to give up partitions before it can go on.
    UnrevokedPartitions,
    /// It waits for partitions that others have to give up.
    UnreleasedPartitions,
    /// A state that a later version wrote.
    Unknown,
}

impl MemberState {
    /// The number in a record.
    pub(super) const fn number(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }

    pub(super) const fn from_number(number: i8) -> Self {
        match number {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            _ => Self::Unknown,
        }
    }
}

/// Partitions by topic, each with the epoch in which the member got it (KIP-1251). No topic is without partitions.
pub type EpochedPartitions = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// What a member has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CurrentAssignment {
    /// The epoch that it was told last; 0 before it was told any.
    pub member_epoch: i32,
    /// The one before, which it may still speak in when an answer was lost.
    pub previous_member_epoch: i32,
    /// Where it stands.
    pub state: MemberState,
    /// What it has and keeps.
    pub assigned: EpochedPartitions,
    /// What it has and has to give up.
    pub pending_revocation: EpochedPartitions,
}

impl CurrentAssignment {
    /// Of a member that was told nothing yet.
    pub const fn new() -> Self {
        Self {
            member_epoch: 0,
            previous_member_epoch: 0,
            state: MemberState::Stable,
            assigned: BTreeMap::new(),
            pending_revocation: BTreeMap::new(),
        }
    }

    /// Every partition that nobody else may have, whether it keeps it or not.
    pub fn owned(&self) -> impl Iterator<Item = (Uuid, i32)> {
        [&self.assigned, &self.pending_revocation].into_iter().flat_map(partitions_of)
    }

    /// Whether it is where a target wants it.
    pub fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.member_epoch == target_epoch
    }

    /// In which epoch it got a partition that it has.
    pub(super) fn assignment_epoch(&self, topic_id: Uuid, partition: i32) -> Option<i32> {
        let epoch = |partitions: &EpochedPartitions| partitions.get(&topic_id)?.get(&partition).copied();
        epoch(&self.assigned).or_else(|| epoch(&self.pending_revocation))
    }

    /// Whether the two have the same partitions to keep.
    pub(super) fn assigns_as(&self, other: &Self) -> bool {
        partitions_of(&self.assigned).eq(partitions_of(&other.assigned))
    }
}

/// The partitions without their epochs.
pub(super) fn partitions_of(partitions: &EpochedPartitions) -> impl Iterator<Item = (Uuid, i32)> {
    partitions.iter().flat_map(|(id, by_number)| by_number.keys().map(|partition| (*id, *partition)))
}

/// The parts of a member as the log has them. They come by records of their own, in any order after a compaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) metadata: Option<Arc<MemberMetadata>>,
    pub(super) current: Option<Arc<CurrentAssignment>>,
    pub(super) target: Option<Arc<Partitions>>,
}

static NO_ASSIGNMENT: CurrentAssignment = CurrentAssignment::new();
static NO_PARTITIONS: Partitions = Partitions::new();

impl Parts {
    pub(super) fn is_empty(&self) -> bool {
        self.metadata.is_none() && self.current.is_none() && self.target.is_none()
    }

    /// It is a member as soon as its metadata is there.
    pub(super) fn member(&self) -> Option<Member<'_>> {
        Some(Member {
            metadata: self.metadata.as_deref()?,
            current: self.current.as_deref().unwrap_or(&NO_ASSIGNMENT),
            target: self.target.as_deref().unwrap_or(&NO_PARTITIONS),
        })
    }
}

/// A member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// What it wants.
    pub metadata: &'a MemberMetadata,
    /// What it has.
    pub current: &'a CurrentAssignment,
    /// What it is to have.
    pub target: &'a Partitions,
}

impl Member<'_> {
    /// Whether it speaks the classic protocol.
    pub fn is_classic(&self) -> bool {
        self.metadata.classic.is_some()
    }
}
