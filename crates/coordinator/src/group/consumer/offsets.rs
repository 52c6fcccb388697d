//! Who may commit and fetch offsets of a consumer group.

use protocol::{ErrorCode, Uuid};

use super::{ConsumerGroup, Member};
use crate::group::txn_offset_commit::in_transactions;

/// From this version of OffsetCommit on members of the new protocol can commit.
const FIRST_COMMIT_VERSION: i16 = 9;

/// A commit that may be made, partition by partition.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::group) struct CommitFence<'a> {
    /// The member, where its epoch is an older one.
    late: Option<(Member<'a>, i32)>,
}

impl CommitFence<'_> {
    /// A member that has not heard of its newest epoch yet may commit what it has had since then (KIP-1251): a partition that it
    /// got in that epoch or before, and that nobody else can have.
    pub(in crate::group) fn check(&self, topic_id: Uuid, partition: i32) -> Result<(), ErrorCode> {
        let Some((member, epoch)) = self.late else { return Ok(()) };
        match member.current.assignment_epoch(topic_id, partition) {
            Some(assigned) if assigned <= epoch => Ok(()),
            _ => Err(stale(member)),
        }
    }
}

fn stale(member: Member<'_>) -> ErrorCode {
    if member.is_classic() { ErrorCode::IllegalGeneration } else { ErrorCode::StaleMemberEpoch }
}

impl ConsumerGroup {
    /// Whether a member may commit. Without an epoch it is an admin or a consumer that assigns its partitions itself, which may
    /// while there are no members.
    pub(in crate::group) fn check_commit(
        &self,
        version: i16,
        member_id: &str,
        member_epoch: i32,
    ) -> Result<CommitFence<'_>, ErrorCode> {
        if member_epoch < 0 && self.member_count() == 0 {
            return Ok(CommitFence::default());
        }
        let member = self.member(member_id).ok_or(ErrorCode::UnknownMemberId)?;
        if !member.is_classic() && version < FIRST_COMMIT_VERSION {
            return Err(ErrorCode::UnsupportedVersion);
        }
        let known = member.current.member_epoch;
        match member_epoch {
            epoch if epoch == known => Ok(CommitFence::default()),
            epoch if epoch > known => Err(stale(member)),
            epoch => Ok(CommitFence { late: Some((member, epoch)) }),
        }
    }

    /// The same in a transaction, whose producer may know nothing of the consumer.
    pub(in crate::group) fn check_txn_commit(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
        member_epoch: i32,
    ) -> Result<CommitFence<'_>, ErrorCode> {
        if member_epoch < 0 && member_id.is_empty() && instance_id.is_none() {
            return Ok(CommitFence::default());
        }
        self.check_commit(FIRST_COMMIT_VERSION, member_id, member_epoch).map_err(in_transactions)
    }

    /// Whether a member may fetch. Who names none is an admin or a client that does not tell.
    pub(in crate::group) fn check_fetch(
        &self,
        member_id: Option<&str>,
        member_epoch: i32,
    ) -> Result<(), ErrorCode> {
        if member_id.is_none() && member_epoch < 0 {
            return Ok(());
        }
        let member = member_id.and_then(|id| self.member(id)).ok_or(ErrorCode::UnknownMemberId)?;
        if member.current.member_epoch == member_epoch { Ok(()) } else { Err(stale(member)) }
    }
}
