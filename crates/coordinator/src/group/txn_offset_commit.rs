//! TxnOffsetCommit, versions 0 to 6: offsets that count with the transaction that they belong to (KIP-98, KIP-447). Version 3
//! added who the consumer is; version 5 adds the partition to the transaction (KIP-890), which the handler has done; version 6
//! names topics by id.

use protocol::messages::TxnOffsetCommitRequest;
use protocol::{ErrorCode, ProducerEpoch, ProducerId};
use stdx::Now;

use super::classic::{ClassicGroup, GroupState};
use super::offsets::CommittedOffset;
use super::request::{Request, Response};
use super::{GroupCoordinator, record};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken, TransactionalProducer};

impl GroupCoordinator {
    pub(super) fn txn_offset_commit(
        &self,
        now: Now,
        token: ReplyToken,
        request: &TxnOffsetCommitRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let answer = |error| Response::refusal(Request::TxnOffsetCommit(request), error);
        let consumer_group = self.durable.consumer.get(&*request.group_id);
        let fence = consumer_group.map(|group| {
            group.check_txn_commit(
                &request.member_id,
                request.group_instance_id.as_deref(),
                request.generation_id_or_member_epoch,
            )
        });
        let fence = match fence.transpose() {
            Ok(fence) => fence,
            Err(error) => return Ok(Outcome::reply(token, answer(error))),
        };
        let valid = match self.group(&request.group_id) {
            _ if fence.is_some() => Ok(()),
            Some(group) => validate(&group, request),
            None if request.generation_id_or_member_epoch >= 0 => Err(ErrorCode::IllegalGeneration),
            None => self.check_room_for_group(&request.group_id),
        };
        if let Err(error) = valid {
            return Ok(Outcome::reply(token, answer(error)));
        }
        let mut response = answer(ErrorCode::None);
        let mut outcome = Outcome::default();
        let Response::TxnOffsetCommit(answers) = &mut response else { return Ok(outcome) };
        for (topic, answers) in request.topics.iter().zip(&mut answers.topics) {
            for (partition, answer) in topic.partitions.iter().zip(&mut answers.partitions) {
                let metadata = partition.committed_metadata.as_deref().unwrap_or("");
                if !self.has_room_for(metadata) {
                    answer.error_code = ErrorCode::OffsetMetadataTooLarge.code();
                    continue;
                }
                let fenced = fence.map(|fence| fence.check(topic.topic_id, partition.partition_index));
                if let Some(Err(error)) = fenced {
                    answer.error_code = in_transactions(error).code();
                    continue;
                }
                let committed = CommittedOffset {
                    offset: partition.committed_offset,
                    leader_epoch: Some(partition.committed_leader_epoch).filter(|epoch| *epoch != -1),
                    metadata: metadata.into(),
                    commit_timestamp_ms: now.unix_ms,
                    expire_timestamp_ms: None,
                    topic_id: topic.topic_id,
                };
                let (group_id, index) = (&request.group_id, partition.partition_index);
                outcome.records.push(record::offset(group_id, &topic.name, index, Some(&committed))?);
            }
        }
        outcome.transaction = Some(TransactionalProducer {
            id: ProducerId(request.producer_id),
            epoch: ProducerEpoch(request.producer_epoch),
        });
        outcome.replies.push(Reply { token, response });
        Ok(outcome)
    }
}

/// TxnOffsetCommit does not know of stale member epochs.
pub(super) fn in_transactions(error: ErrorCode) -> ErrorCode {
    if error == ErrorCode::StaleMemberEpoch { ErrorCode::IllegalGeneration } else { error }
}

/// Unlike a plain commit it may come from a producer that knows nothing of the consumer, and during a rebalance.
fn validate(group: &ClassicGroup, request: &TxnOffsetCommitRequest<'_>) -> Result<(), ErrorCode> {
    let instance_id = request.group_instance_id.as_deref();
    let names_nobody = request.member_id.is_empty() && instance_id.is_none();
    if request.generation_id_or_member_epoch < 0 && (names_nobody || group.is(GroupState::Empty)) {
        return Ok(());
    }
    group.validate_member(&request.member_id, instance_id)?;
    if request.generation_id_or_member_epoch == group.generation_id {
        Ok(())
    } else {
        Err(ErrorCode::IllegalGeneration)
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn offsets_count_from_the_marker_on() {
        check(&[
            ("commit at=t-0 offset=5", "ok"),
            ("txn-commit producer=1 at=t-0 offset=6", "ok"),
            ("fetch", "ok t-0@5"),
            ("fetch stable=1", "ok t-0!UNSTABLE_OFFSET_COMMIT"),
            ("fetch stable=1 at=t-0", "ok t-0!UNSTABLE_OFFSET_COMMIT"),
            ("fetch stable=1 at=t-1", "ok t-1@-1"),
            ("restart", ""),
            ("fetch stable=1", "ok t-0!UNSTABLE_OFFSET_COMMIT"),
            ("end producer=1 commit=1", ""),
            ("fetch stable=1", "ok t-0@6"),
            ("txn-commit producer=1 at=t-0 offset=7", "ok"),
            ("end producer=1 commit=0", ""),
            ("fetch stable=1", "ok t-0@6"),
            ("restart", ""),
            ("fetch stable=1", "ok t-0@6"),
        ]);
    }

    #[test]
    fn the_newest_record_wins_whenever_it_is_committed() {
        check(&[
            ("txn-commit producer=1 at=t-0 offset=5", "ok"),
            ("commit at=t-0 offset=6", "ok"),
            ("fetch stable=1", "ok t-0!UNSTABLE_OFFSET_COMMIT"),
            ("end producer=1 commit=1", ""),
            ("fetch stable=1", "ok t-0@6"),
            ("txn-commit producer=1 at=t-0 offset=7", "ok"),
            ("txn-commit producer=2 at=t-0 offset=8", "ok"),
            ("end producer=2 commit=1", ""),
            ("fetch", "ok t-0@8"),
            ("end producer=1 commit=1", ""),
            ("fetch", "ok t-0@8"),
            ("txn-commit producer=1 at=t-0 offset=9", "ok"),
            ("txn-commit producer=2 at=t-0 offset=10", "ok"),
            ("txn-commit producer=1 at=t-0 offset=11", "ok"),
            ("end producer=2 commit=1", ""),
            ("end producer=1 commit=1", ""),
            ("fetch", "ok t-0@11"),
            ("restart", ""),
            ("fetch", "ok t-0@11"),
        ]);
    }

    #[test]
    fn what_is_deleted_is_deleted_in_open_transactions_too() {
        check(&[
            ("txn-commit producer=1 at=t-0 offset=5", "ok"),
            ("list", "ok g:classic:Empty:"),
            ("delete-offset at=t-0", "ok ok"),
            ("end producer=1 commit=1", ""),
            ("fetch", "ok"),
            ("txn-commit producer=1 at=t-0 offset=5", "ok"),
            ("delete", "ok"),
            ("end producer=1 commit=1", ""),
            ("fetch", "ok"),
            ("list", "ok"),
        ]);
    }

    #[test]
    fn a_member_has_to_be_of_the_generation() {
        check(&[
            ("txn-commit producer=1 generation=3", "ILLEGAL_GENERATION"),
            ("join a v=3 session=1800000 topics=t", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            // It has no assignment yet, which a transaction does not mind.
            ("txn-commit a producer=1", "a: ok"),
            ("sync a", "a: assigned"),
            ("txn-commit a producer=1 generation=0", "a: ILLEGAL_GENERATION"),
            ("txn-commit producer=1 id=x generation=1", "UNKNOWN_MEMBER_ID"),
            // A producer that does not know of the consumer.
            ("txn-commit producer=1", "ok"),
        ]);
    }
}
