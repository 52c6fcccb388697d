//! The transactional ids of one partition of `__transaction_state`: who may write with which epoch, which partitions belong
//! to a transaction, how it ends. As Kafka 4.4, for clients of both kinds of transactions (KIP-98, KIP-890).
//!
//! A transition is one record. What decides the end of a transaction is a record too; once that is committed the shell is
//! told to write the markers ([`WriteMarkers`]), and tells when every partition has its own. The only soft state is the
//! epoch that a producer had before its last InitProducerId, by which it may ask again (KIP-360).

mod add_partitions;
mod complete;
mod config;
mod describe;
mod end;
mod expiry;
mod init_producer_id;
mod list;
mod record;
mod request;
mod transaction;

#[cfg(test)]
mod harness;
#[cfg(test)]
mod simulation;

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::{ErrorCode, Offset, ProducerEpoch};
use stdx::Now;

pub use config::TransactionConfig;
pub use list::unknown_states;
pub use request::{Claim, EndTxn, Filter, InitProducerId, Request, Response, WriteMarkers};
pub use transaction::{Transaction, TransactionState, TransactionVersion};

use crate::runtime::{Machine, Outcome, Reply, ReplyToken, TimerChange};
use crate::{CommitError, CoordinatorRecord, Error};

/// What a timer of a transaction is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionTimer {
    /// The transaction of this id has had its time.
    Timeout(Arc<str>),
    /// Expired ids are looked for, from the one after this on.
    Expiry(Option<Arc<str>>),
}

/// The machine.
#[derive(Clone, Debug)]
pub struct TransactionCoordinator {
    config: TransactionConfig,
    transactions: BTreeMap<Arc<str>, Transaction>,
    /// By which epoch, beside its own, the producer may ask for an id again. Lost at fail-over, as in Kafka.
    last_epochs: BTreeMap<Arc<str>, ProducerEpoch>,
}

/// Changes of the epochs by which producers may ask again; none is forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SoftChange {
    last_epochs: Vec<(Arc<str>, Option<ProducerEpoch>)>,
}

impl TransactionCoordinator {
    /// Transactional ids of an empty partition.
    pub fn new(config: TransactionConfig) -> Self {
        Self { config, transactions: BTreeMap::new(), last_epochs: BTreeMap::new() }
    }

    /// A transactional id.
    pub fn transaction(&self, transactional_id: &str) -> Option<&Transaction> {
        self.transactions.get(transactional_id)
    }

    /// All of them.
    pub fn transactions(&self) -> impl Iterator<Item = (&Arc<str>, &Transaction)> {
        self.transactions.iter()
    }

    /// The answer where no coordinator has the transactional id: what is wrong in itself is told first, as Kafka does.
    pub fn without_coordinator(request: Request<'_>) -> Response {
        let id = match &request {
            Request::InitProducerId(request) => Some(request.transactional_id),
            Request::AddPartitions(claim, ..) | Request::VerifyPartitions(claim, _) => {
                Some(claim.transactional_id)
            }
            Request::EndTxn(request) => Some(request.claim.transactional_id),
            Request::DescribeTransaction(id) => Some(*id),
            Request::MarkersWritten(_) | Request::ListTransactions(_) => None,
        };
        let error = if id == Some("") { ErrorCode::InvalidRequest } else { ErrorCode::NotCoordinator };
        Response::refusal(request, error)
    }

    /// The transaction that a request is about, if its producer is who may ask.
    fn claimed(&self, claim: Claim<'_>) -> Result<(Arc<str>, &Transaction), ErrorCode> {
        if claim.transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let found = self.transactions.get_key_value(claim.transactional_id);
        let (id, transaction) = found.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        Ok((Arc::clone(id), transaction))
    }

    /// A transition: the record, and the timer that goes with the new state.
    fn change(
        &self,
        now: Now,
        id: &Arc<str>,
        next: &Transaction,
        outcome: &mut Outcome<Self>,
    ) -> Result<(), CommitError> {
        outcome.records.push(record::record(id, Some(next), self.config.version)?);
        let was_ongoing =
            self.transactions.get(id).is_some_and(|before| before.state == TransactionState::Ongoing);
        match next.state {
            TransactionState::Ongoing if !was_ongoing => outcome.timers.push(next.timeout(id, now)),
            TransactionState::Ongoing => {}
            _ if was_ongoing => {
                outcome.timers.push(TimerChange::Cancel(TransactionTimer::Timeout(Arc::clone(id))));
            }
            _ => {}
        }
        if let Some(markers) = WriteMarkers::of(id, next) {
            outcome.actions.push(markers);
        }
        Ok(())
    }
}

impl Transaction {
    /// When its time is over.
    fn timeout(&self, id: &Arc<str>, now: Now) -> TimerChange<TransactionTimer> {
        let left_ms = self.start_ms.saturating_add(self.timeout_ms.into()).saturating_sub(now.unix_ms);
        TimerChange::after(TransactionTimer::Timeout(Arc::clone(id)), now, left_ms)
    }
}

impl Machine for TransactionCoordinator {
    type Request<'a> = Request<'a>;
    type Response = Response;
    type Soft = SoftChange;
    type Timer = TransactionTimer;
    type Action = WriteMarkers;

    fn propose(
        &self,
        now: Now,
        token: ReplyToken,
        request: Request<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        match request {
            Request::InitProducerId(request) => self.init_producer_id(now, token, request),
            Request::AddPartitions(claim, version, partitions) => {
                self.add_partitions(now, token, claim, version, partitions)
            }
            Request::VerifyPartitions(claim, partitions) => {
                Ok(self.verify_partitions(token, claim, partitions))
            }
            Request::EndTxn(request) => self.end(now, token, request),
            Request::MarkersWritten(markers) => self.markers_written(now, token, markers),
            Request::DescribeTransaction(transactional_id) => Ok(self.describe(token, transactional_id)),
            Request::ListTransactions(filter) => Ok(self.list(now, token, filter)),
        }
    }

    fn expire(&self, now: Now, timer: &TransactionTimer) -> Result<Outcome<Self>, CommitError> {
        match timer {
            TransactionTimer::Timeout(id) => self.time_out(now, id),
            TransactionTimer::Expiry(after) => self.expire_ids(now, after.as_ref()),
        }
    }

    fn loaded(&self, now: Now) -> Outcome<Self> {
        let mut outcome = Outcome::default();
        for (id, transaction) in &self.transactions {
            if transaction.state == TransactionState::Ongoing {
                outcome.timers.push(transaction.timeout(id, now));
            }
            // Somebody may not have got his marker.
            outcome.actions.extend(WriteMarkers::of(id, transaction));
        }
        outcome.timers.push(self.next_expiry(now));
        outcome
    }

    fn unload(&mut self) -> Vec<Reply<Response>> {
        self.last_epochs.clear();
        Vec::new()
    }

    fn replay(&mut self, _offset: Offset, record: &CoordinatorRecord) -> Result<(), Error> {
        let (id, transaction) = record::decode(record)?;
        match transaction {
            Some(transaction) => drop(self.transactions.insert(id, transaction)),
            None => drop(self.transactions.remove(&id)),
        }
        Ok(())
    }

    fn apply(&mut self, soft: SoftChange) {
        for (id, epoch) in soft.last_epochs {
            match epoch {
                Some(epoch) => drop(self.last_epochs.insert(id, epoch)),
                None => drop(self.last_epochs.remove(&id)),
            }
        }
    }

    fn snapshot_records(&self) -> impl Iterator<Item = Result<CoordinatorRecord, CommitError>> {
        self.transactions
            .iter()
            .map(|(id, transaction)| record::record(id, Some(transaction), self.config.version))
    }

    fn refuse(request: Request<'_>, error: ErrorCode) -> Response {
        Response::refusal(request, error)
    }

    fn fail(response: Response, error: CommitError) -> Response {
        response.failed(error.code())
    }
}
