//! EndTxn: the transaction is decided. With the first kind of transactions a repeated request is known by the state; with
//! the second by its epoch, which the first one has raised, so that a late one cannot end the next transaction (KIP-890).

use std::sync::Arc;

use protocol::{ErrorCode, ProducerEpoch, ProducerId};
use stdx::Now;

use super::TransactionCoordinator;
use super::request::{EndTxn, Response};
use super::transaction::{NO_PRODUCER, Transaction, TransactionState};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken};

/// What is done about a request.
enum Decision {
    /// The end is decided.
    Prepare,
    /// It was asked before, and is over.
    IsOver,
}

impl TransactionCoordinator {
    pub(super) fn end(
        &self,
        now: Now,
        token: ReplyToken,
        request: EndTxn<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let refuse = |error| Ok(Outcome::reply(token, Response::no_producer(error)));
        let (id, transaction) = match self.claimed(request.claim) {
            Ok(found) => found,
            Err(error) => return refuse(error),
        };
        match decide(request, transaction) {
            Err(error) => refuse(error),
            Ok(Decision::IsOver) => {
                let same = Response::producer(transaction.producer_id, transaction.producer_epoch);
                Ok(Outcome::reply(token, same))
            }
            Ok(Decision::Prepare) => {
                let needs_id = request.version.raises_epoch() && transaction.is_exhausted();
                match (needs_id, request.fresh) {
                    (true, None) => Ok(Outcome::reply(token, Response::NeedsProducerId)),
                    (true, Some(fresh)) => self.prepare(now, token, &id, transaction, request, fresh),
                    (false, _) => self.prepare(now, token, &id, transaction, request, NO_PRODUCER),
                }
            }
        }
    }

    fn prepare(
        &self,
        now: Now,
        token: ReplyToken,
        id: &Arc<str>,
        transaction: &Transaction,
        request: EndTxn<'_>,
        next_producer_id: ProducerId,
    ) -> Result<Outcome<Self>, CommitError> {
        let next = transaction.prepared(request.committed, request.version, next_producer_id, now.unix_ms);
        let mut outcome = Outcome::default();
        self.change(now, id, &next, &mut outcome)?;
        if request.version.raises_epoch() {
            outcome.soft.last_epochs.push((Arc::clone(id), Some(transaction.producer_epoch)));
        }
        let after = next.completed(now.unix_ms);
        let response = Response::producer(after.producer_id, after.producer_epoch);
        outcome.replies.push(Reply { token, response });
        Ok(outcome)
    }
}

fn decide(request: EndTxn<'_>, transaction: &Transaction) -> Result<Decision, ErrorCode> {
    use TransactionState as State;
    let EndTxn { claim, committed, version, .. } = request;
    // What the client could have been told is what the last end has made of its epoch.
    let raises = version.raises_epoch() && transaction.client_version.raises_epoch();
    let before = ProducerEpoch(claim.producer_epoch.get().saturating_add(1));
    let is_repeated =
        raises && transaction.producer_epoch == before && transaction.producer_id == claim.producer_id;
    let is_repeated_at_the_last = raises
        && transaction.previous_producer_id == claim.producer_id
        && claim.producer_epoch.get() == i16::MAX - 1
        && transaction.producer_epoch.get() == 0;
    if transaction.producer_id != claim.producer_id && !is_repeated_at_the_last {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    let is_current = claim.producer_epoch == transaction.producer_epoch;
    let is_valid = match transaction.state {
        // The epoch that the last end was answered with is the client's already, while its markers are being written.
        State::PrepareCommit | State::PrepareAbort if raises => is_repeated || is_current,
        State::CompleteCommit | State::CompleteAbort if raises => {
            is_repeated || is_repeated_at_the_last || is_current
        }
        _ => is_current,
    };
    if !is_valid {
        return Err(ErrorCode::ProducerFenced);
    }
    let is_repeated = is_repeated || is_repeated_at_the_last;
    let as_asked = |asked: bool, yes| if asked { Ok(yes) } else { Err(ErrorCode::InvalidTxnState) };
    match transaction.state {
        State::Ongoing => Ok(Decision::Prepare),
        State::PrepareCommit | State::PrepareAbort => Err(ErrorCode::ConcurrentTransactions),
        // With the second version a client may abort what has no partition that it has heard of.
        State::Empty => as_asked(!committed && version.raises_epoch(), Decision::Prepare),
        State::CompleteCommit | State::CompleteAbort if version.raises_epoch() && !is_repeated => {
            as_asked(!committed, Decision::Prepare)
        }
        State::CompleteCommit => as_asked(committed, Decision::IsOver),
        State::CompleteAbort => as_asked(!committed, Decision::IsOver),
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn the_first_kind_keeps_its_epoch() {
        check(&[
            ("commit t 1000:0 v=0", "INVALID_PRODUCER_ID_MAPPING"),
            ("init t", "1000:0"),
            ("commit t 1000:0 v=0", "INVALID_TXN_STATE"),
            ("abort t 1000:0 v=0", "INVALID_TXN_STATE"),
            ("add t 1000:0 a-0 v=0", "ok"),
            ("commit t 1000:1 v=0", "PRODUCER_FENCED"),
            ("commit t 999:0 v=0", "INVALID_PRODUCER_ID_MAPPING"),
            ("commit t 1000:0 v=0", "1000:0"),
            ("commit t 1000:0 v=0", "CONCURRENT_TRANSACTIONS"),
            ("abort t 1000:0 v=0", "CONCURRENT_TRANSACTIONS"),
            ("describe t", "PrepareCommit 1000:0 a-0"),
            ("markers", "t 1000:0 commit a-0"),
            ("describe t", "CompleteCommit 1000:0"),
            // The answer was lost.
            ("commit t 1000:0 v=0", "1000:0"),
            ("abort t 1000:0 v=0", "INVALID_TXN_STATE"),
            ("add t 1000:0 b-0 v=0", "ok"),
            ("abort t 1000:0 v=0", "1000:0"),
            ("markers", "t 1000:0 abort b-0"),
            ("abort t 1000:0 v=0", "1000:0"),
            ("commit t 1000:0 v=0", "INVALID_TXN_STATE"),
        ]);
    }

    #[test]
    fn the_second_kind_raises_it() {
        check(&[
            ("init t", "1000:0"),
            ("add t 1000:0 a-0", "ok"),
            ("commit t 1000:0", "1000:1"),
            ("describe t", "PrepareCommit 1000:1 a-0"),
            ("commit t 1000:0", "CONCURRENT_TRANSACTIONS"),
            ("abort t 1000:0", "CONCURRENT_TRANSACTIONS"),
            // A client whose first write of the next one has to wait may end it, or an older one of its kind.
            ("commit t 1000:1", "CONCURRENT_TRANSACTIONS"),
            ("abort t 1000:1", "CONCURRENT_TRANSACTIONS"),
            ("abort t 1000:1 v=0", "CONCURRENT_TRANSACTIONS"),
            ("commit t 1000:0 v=0", "PRODUCER_FENCED"),
            ("commit t 1000:2", "PRODUCER_FENCED"),
            ("markers", "t 1000:1 commit a-0"),
            // The answer was lost.
            ("commit t 1000:0", "1000:1"),
            ("abort t 1000:0", "INVALID_TXN_STATE"),
            ("add t 1000:1 a-0", "ok"),
            // A late one of the first transaction does not end the next.
            ("commit t 1000:0", "PRODUCER_FENCED"),
            ("abort t 1000:0", "PRODUCER_FENCED"),
            ("add t 1000:0 b-0", "PRODUCER_FENCED"),
            ("abort t 1000:1", "1000:2"),
            ("markers", "t 1000:2 abort a-0"),
            ("describe t", "CompleteAbort 1000:2"),
        ]);
    }

    #[test]
    fn the_second_kind_aborts_what_has_no_partition() {
        check(&[
            ("init t", "1000:0"),
            ("commit t 1000:0", "INVALID_TXN_STATE"),
            ("abort t 1000:0", "1000:1"),
            ("markers", "t 1000:1 abort"),
            ("abort t 1000:0", "1000:1"),
            ("commit t 1000:1", "INVALID_TXN_STATE"),
            ("abort t 1000:1", "1000:2"),
            ("markers", "t 1000:2 abort"),
            ("describe t", "CompleteAbort 1000:2"),
        ]);
    }

    #[test]
    fn the_second_kind_runs_out_of_epochs() {
        let mut script = vec![("init t".to_owned(), "1000:0".to_owned())];
        script.extend((1..=i16::MAX - 1).map(|epoch| ("init t".to_owned(), format!("1000:{epoch}"))));
        for (command, expect) in [
            ("add t 1000:32766 a-0", "ok"),
            ("commit t 1000:32766", "1001:0"),
            ("describe t", "PrepareCommit 1000:32767 a-0"),
            ("commit t 1000:32766", "CONCURRENT_TRANSACTIONS"),
            ("markers", "t 1000:32767 commit a-0"),
            ("commit t 1000:32766", "1001:0"),
            ("describe t", "CompleteCommit 1001:0"),
            ("add t 1001:0 a-0", "ok"),
            ("commit t 1000:32766", "INVALID_PRODUCER_ID_MAPPING"),
        ] {
            script.push((command.to_owned(), expect.to_owned()));
        }
        let script: Vec<_> = script.iter().map(|(command, expect)| (&**command, &**expect)).collect();
        check(&script);
    }

    #[test]
    fn markers_wait_for_the_decision_to_be_committed() {
        check(&[
            ("init t", "1000:0"),
            ("add t 1000:0 a-0", "ok"),
            ("hold", ""),
            ("commit t 1000:0", ""),
            ("markers", ""),
            ("release", "1000:1"),
            ("again", "t 1000:1 commit a-0"),
            // They are lost with the coordinator; the next one finds in the log that they are missing.
            ("restart", ""),
            ("again", "t 1000:1 commit a-0"),
            ("markers", "t 1000:1 commit a-0"),
            ("restart", ""),
            ("again", ""),
            ("describe t", "CompleteCommit 1000:1"),
        ]);
    }

    #[test]
    fn what_could_not_be_written_has_not_happened() {
        check(&[
            ("init t", "1000:0"),
            ("add t 1000:0 a-0", "ok"),
            ("fail-append", ""),
            ("commit t 1000:0", "COORDINATOR_NOT_AVAILABLE"),
            ("markers", ""),
            ("describe t", "Ongoing 1000:0 a-0"),
            ("commit t 1000:0", "1000:1"),
        ]);
    }
}
