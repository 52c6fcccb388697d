//! InitProducerId with a transactional id: an epoch for a producer that begins, which fences all before it (KIP-98), or
//! for one that goes on after an error (KIP-360).

use std::sync::Arc;

use protocol::{ErrorCode, ProducerEpoch};
use stdx::Now;

use super::TransactionCoordinator;
use super::request::{InitProducerId, Response};
use super::transaction::{NO_EPOCH, Transaction, TransactionState, is_exhausted};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken};

/// What is done about a request.
enum Decision {
    /// The producer has this from now on, and may ask again by the epoch, if there is one.
    Begin(Box<Transaction>, Option<ProducerEpoch>),
    /// The transaction that is open is aborted first; the client asks again meanwhile.
    Fence(Box<Transaction>),
    NeedsProducerId,
}

impl TransactionCoordinator {
    pub(super) fn init_producer_id(
        &self,
        now: Now,
        token: ReplyToken,
        request: InitProducerId<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let (id, before) = match self.transactions.get_key_value(request.transactional_id) {
            Some((id, before)) => (Arc::clone(id), Some(before)),
            None => (request.transactional_id.into(), None),
        };
        let decision = match self.decide(now, request, &id, before) {
            Ok(decision) => decision,
            Err(error) => return Ok(Outcome::reply(token, Response::no_producer(error))),
        };
        let mut outcome = Outcome::default();
        let response = match decision {
            Decision::NeedsProducerId => return Ok(Outcome::reply(token, Response::NeedsProducerId)),
            Decision::Begin(next, last_epoch) => {
                self.change(now, &id, &next, &mut outcome)?;
                outcome.soft.last_epochs.push((id, last_epoch));
                Response::producer(next.producer_id, next.producer_epoch)
            }
            Decision::Fence(next) => {
                self.change(now, &id, &next, &mut outcome)?;
                let last_epoch = before.and_then(|before| self.epoch_before_fence(before));
                outcome.soft.last_epochs.push((id, last_epoch));
                Response::no_producer(ErrorCode::ConcurrentTransactions)
            }
        };
        outcome.replies.push(Reply { token, response });
        Ok(outcome)
    }

    /// By which epoch the producer of a transaction that the coordinator aborts may ask again.
    pub(super) fn epoch_before_fence(&self, before: &Transaction) -> Option<ProducerEpoch> {
        self.config.version.raises_epoch().then_some(before.producer_epoch)
    }

    fn decide(
        &self,
        now: Now,
        request: InitProducerId<'_>,
        id: &Arc<str>,
        before: Option<&Transaction>,
    ) -> Result<Decision, ErrorCode> {
        let InitProducerId { timeout_ms, expected, fresh, .. } = request;
        if request.transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        if timeout_ms <= 0 || timeout_ms > self.config.max_timeout_ms {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        let begin = |next, last| Ok(Decision::Begin(Box::new(next), last));
        let Some(before) = before else {
            if self.transactions.len() >= self.config.max_transactional_ids {
                return Err(ErrorCode::PolicyViolation);
            }
            // Who has lost everything, its id too, begins anew.
            let Some(fresh) = fresh else { return Ok(Decision::NeedsProducerId) };
            return begin(Transaction::new(fresh, timeout_ms, now.unix_ms), None);
        };
        if !expected.is_none_or(|(producer_id, epoch)| {
            producer_id == before.producer_id
                // It has not heard of its new id.
                || producer_id == before.previous_producer_id && is_exhausted(epoch)
        }) {
            return Err(ErrorCode::ProducerFenced);
        }
        match before.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                return Err(ErrorCode::ConcurrentTransactions);
            }
            TransactionState::Ongoing => {
                return Ok(Decision::Fence(Box::new(before.fenced(self.config.version, now.unix_ms))));
            }
            _ => {}
        }
        let expected = expected.map(|(_, epoch)| epoch);
        let last = self.last_epochs.get(id).copied();
        if before.is_exhausted() && expected.is_none_or(|epoch| epoch == before.producer_epoch) {
            let Some(fresh) = fresh else { return Ok(Decision::NeedsProducerId) };
            let last = expected.map(|_| before.producer_epoch);
            return begin(before.rotated(fresh, timeout_ms, now.unix_ms), last);
        }
        let raised = ProducerEpoch(before.producer_epoch.get() + 1);
        match expected {
            None => begin(before.begun(raised, timeout_ms, now.unix_ms), None),
            Some(epoch) if epoch == before.producer_epoch => {
                begin(before.begun(raised, timeout_ms, now.unix_ms), Some(epoch))
            }
            // It has not heard the answer.
            Some(epoch) if epoch != NO_EPOCH && Some(epoch) == last => {
                begin(before.begun(before.producer_epoch, timeout_ms, now.unix_ms), last)
            }
            Some(_) => Err(ErrorCode::ProducerFenced),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TransactionConfig;
    use super::super::harness::{check, check_with};

    #[test]
    fn every_begin_has_an_epoch_of_its_own() {
        check(&[
            ("init t", "1000:0"),
            ("describe t", "Empty 1000:0"),
            ("init t", "1000:1"),
            ("init u", "1001:0"),
            ("restart", ""),
            ("init t", "1000:2"),
            ("describe v", "TRANSACTIONAL_ID_NOT_FOUND"),
            ("fail-append", ""),
            ("init v", "COORDINATOR_NOT_AVAILABLE"),
            ("describe v", "TRANSACTIONAL_ID_NOT_FOUND"),
        ]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        check(&[
            ("init t timeout=0", "INVALID_TRANSACTION_TIMEOUT"),
            ("init t timeout=900001", "INVALID_TRANSACTION_TIMEOUT"),
            ("init t timeout=900000", "1000:0"),
        ]);
    }

    #[test]
    fn there_are_so_many_ids_and_no_more() {
        let config = TransactionConfig { max_transactional_ids: 1, ..TransactionConfig::default() };
        check_with(
            config,
            &[
                ("init t", "1000:0"),
                ("init u", "POLICY_VIOLATION"),
                ("init t", "1000:1"),
                ("list", "t=Empty"),
            ],
        );
    }

    #[test]
    fn a_producer_that_goes_on_is_known_by_its_epoch() {
        check(&[
            ("init t expect=5:3", "1000:0"),
            ("init t expect=1000:0", "1000:1"),
            // It has not heard the answer.
            ("init t expect=1000:0", "1000:1"),
            ("init t expect=1000:1", "1000:2"),
            ("init t expect=1000:0", "PRODUCER_FENCED"),
            ("init t expect=999:2", "PRODUCER_FENCED"),
            // Another one has begun.
            ("init t", "1000:3"),
            ("init t expect=1000:2", "PRODUCER_FENCED"),
            // By which it could ask again is lost with the coordinator, as in Kafka.
            ("init t expect=1000:3", "1000:4"),
            ("restart", ""),
            ("init t expect=1000:3", "PRODUCER_FENCED"),
        ]);
    }

    #[test]
    fn an_open_transaction_is_aborted_first() {
        check(&[
            ("init t", "1000:0"),
            ("add t 1000:0 a-0,b-1", "ok"),
            ("init t", "CONCURRENT_TRANSACTIONS"),
            ("describe t", "PrepareAbort 1000:1 a-0 b-1"),
            ("init t", "CONCURRENT_TRANSACTIONS"),
            ("add t 1000:0 a-0", "PRODUCER_FENCED"),
            ("commit t 1000:0", "CONCURRENT_TRANSACTIONS"),
            ("markers", "t 1000:1 abort a-0 b-1"),
            ("describe t", "CompleteAbort 1000:1"),
            ("init t", "1000:2"),
            ("commit t 1000:0", "PRODUCER_FENCED"),
        ]);
    }

    #[test]
    fn who_goes_on_after_an_error_gets_the_epoch_of_the_abort() {
        check(&[
            ("init t", "1000:0"),
            ("add t 1000:0 a-0", "ok"),
            ("init t expect=1000:0", "CONCURRENT_TRANSACTIONS"),
            ("describe t", "PrepareAbort 1000:1 a-0"),
            ("markers", "t 1000:1 abort a-0"),
            ("init t expect=1000:0", "1000:1"),
            ("init t expect=1000:0", "1000:1"),
            ("add t 1000:1 a-0", "ok"),
            ("commit t 1000:1", "1000:2"),
            ("init t expect=1000:1", "CONCURRENT_TRANSACTIONS"),
            ("markers", "t 1000:2 commit a-0"),
            // It was raised with the commit.
            ("init t expect=1000:1", "1000:2"),
        ]);
    }

    #[test]
    fn when_epochs_run_out_there_is_a_new_id() {
        let mut script = vec![("init t".to_owned(), "1000:0".to_owned())];
        script.extend((1..=i16::MAX - 1).map(|epoch| ("init t".to_owned(), format!("1000:{epoch}"))));
        for (command, expect) in [
            ("init t expect=1000:7", "PRODUCER_FENCED"),
            ("init t", "1001:0"),
            ("init t expect=1000:5", "PRODUCER_FENCED"),
            ("init t expect=1001:0", "1001:1"),
        ] {
            script.push((command.to_owned(), expect.to_owned()));
        }
        let script: Vec<_> = script.iter().map(|(command, expect)| (&**command, &**expect)).collect();
        check(&script);
    }
}
