//! AddPartitionsToTxn and AddOffsetsToTxn: partitions belong to a transaction before anything is written to them; and
//! the question of a partition whether it does (KIP-890).

use protocol::ErrorCode;
use stdx::Now;

use super::TransactionCoordinator;
use super::request::{Claim, Response};
use super::transaction::{Transaction, TransactionState, TransactionVersion};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken};

impl TransactionCoordinator {
    pub(super) fn add_partitions(
        &self,
        now: Now,
        token: ReplyToken,
        claim: Claim<'_>,
        version: TransactionVersion,
        partitions: &[(&str, i32)],
    ) -> Result<Outcome<Self>, CommitError> {
        let (id, transaction) = match self.writable(claim) {
            Ok(found) => found,
            Err(error) => return Ok(Outcome::reply(token, Response::Done(error))),
        };
        let are_there = || partitions.iter().all(|(topic, partition)| transaction.has(topic, *partition));
        let mut outcome = Outcome::default();
        if transaction.state != TransactionState::Ongoing || !are_there() {
            let next = transaction.extended(partitions.iter().copied(), version, now.unix_ms);
            self.change(now, &id, &next, &mut outcome)?;
        }
        outcome.replies.push(Reply { token, response: Response::Done(ErrorCode::None) });
        Ok(outcome)
    }

    pub(super) fn verify_partitions(
        &self,
        token: ReplyToken,
        claim: Claim<'_>,
        partitions: &[(&str, i32)],
    ) -> Outcome<Self> {
        let found = self.writable(claim);
        let verify = |(topic, partition): &(&str, i32)| match &found {
            Ok((_, transaction)) if transaction.has(topic, *partition) => ErrorCode::None,
            Ok(_) => ErrorCode::TransactionAbortable,
            Err(error) => *error,
        };
        Outcome::reply(token, Response::Verified(partitions.iter().map(verify).collect()))
    }

    /// The transaction, if its producer may write.
    fn writable(&self, claim: Claim<'_>) -> Result<(std::sync::Arc<str>, &Transaction), ErrorCode> {
        let (id, transaction) = self.claimed(claim)?;
        if transaction.producer_id != claim.producer_id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        if transaction.producer_epoch != claim.producer_epoch {
            return Err(ErrorCode::ProducerFenced);
        }
        if transaction.state.is_prepared() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        Ok((id, transaction))
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn partitions_join_a_transaction() {
        check(&[
            ("add t 1000:0 a-0", "INVALID_PRODUCER_ID_MAPPING"),
            ("init t", "1000:0"),
            ("verify t 1000:0 a-0", "TRANSACTION_ABORTABLE"),
            ("add t 1000:0 a-0", "ok"),
            ("add t 1000:0 a-1,b-0", "ok"),
            // What is there is not written again: a failing disk is not asked.
            ("fail-append", ""),
            ("add t 1000:0 a-0,b-0", "ok"),
            ("add t 1000:0 c-0", "COORDINATOR_NOT_AVAILABLE"),
            ("describe t", "Ongoing 1000:0 a-0 a-1 b-0"),
            ("verify t 1000:0 a-0,c-0", "NONE TRANSACTION_ABORTABLE"),
            ("add t 1000:1 a-0", "PRODUCER_FENCED"),
            ("add t 999:0 a-0", "INVALID_PRODUCER_ID_MAPPING"),
            ("verify t 1000:1 a-0,b-0", "PRODUCER_FENCED PRODUCER_FENCED"),
            ("commit t 1000:0 v=0", "1000:0"),
            ("add t 1000:0 a-0", "CONCURRENT_TRANSACTIONS"),
            ("verify t 1000:0 a-0", "CONCURRENT_TRANSACTIONS"),
            ("markers", "t 1000:0 commit a-0 a-1 b-0"),
            ("add t 1000:0 c-0", "ok"),
            ("describe t", "Ongoing 1000:0 c-0"),
        ]);
    }
}
