//! What the machine is asked, what it answers, and what it has the shell do. Requests that name several transactional
//! ids come here split by id; the shell merges the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::messages::ListTransactionsResponse;
use protocol::messages::describe_transactions_response::TransactionState as DescribedTransaction;
use protocol::wire::Str;
use protocol::{ErrorCode, ProducerEpoch, ProducerId};

use super::transaction::{NO_EPOCH, NO_PRODUCER, Transaction, TransactionState, TransactionVersion};

/// Who asks: a producer as it knows itself.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Its transactional id.
    pub transactional_id: &'a str,
    /// Its producer id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
}

/// A producer begins, or goes on after an error.
#[derive(Clone, Copy, Debug)]
pub struct InitProducerId<'a> {
    /// Its transactional id.
    pub transactional_id: &'a str,
    /// `transaction.timeout.ms`.
    pub timeout_ms: i32,
    /// What it has been, where it goes on (KIP-360).
    pub expected: Option<(ProducerId, ProducerEpoch)>,
    /// An id that nobody has, in case that one is needed: see [`Response::NeedsProducerId`].
    pub fresh: Option<ProducerId>,
}

/// A producer ends its transaction.
#[derive(Clone, Copy, Debug)]
pub struct EndTxn<'a> {
    /// Who.
    pub claim: Claim<'a>,
    /// Whether it commits.
    pub committed: bool,
    /// How the client does transactions: [`TransactionVersion::V2`] from version 5 of the request on.
    pub version: TransactionVersion,
    /// An id that nobody has, in case that one is needed: see [`Response::NeedsProducerId`].
    pub fresh: Option<ProducerId>,
}

/// Which transactions ListTransactions is to list; empty lists are no condition.
#[derive(Clone, Copy)]
pub struct Filter<'a> {
    /// In one of these states, by name.
    pub states: &'a [Str<'a>],
    /// Of one of these producers.
    pub producer_ids: &'a [i64],
    /// Begun longer ago than this; negative is no condition.
    pub longer_than_ms: i64,
    /// With an id that this is true of.
    pub is_asked: &'a (dyn Fn(&str) -> bool + Sync),
}

/// A request to the transactional ids of one partition of `__transaction_state`.
#[derive(Clone, Copy)]
pub enum Request<'a> {
    /// InitProducerId with a transactional id.
    InitProducerId(InitProducerId<'a>),
    /// AddPartitionsToTxn of a producer or of a broker that was written to, AddOffsetsToTxn.
    AddPartitions(Claim<'a>, TransactionVersion, &'a [(&'a str, i32)]),
    /// AddPartitionsToTxn that only asks whether they are there (`verifyOnly`).
    VerifyPartitions(Claim<'a>, &'a [(&'a str, i32)]),
    /// EndTxn.
    EndTxn(EndTxn<'a>),
    /// The markers are where they should be.
    MarkersWritten(&'a WriteMarkers),
    /// DescribeTransactions.
    DescribeTransaction(&'a str),
    /// ListTransactions.
    ListTransactions(Filter<'a>),
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// To InitProducerId and EndTxn: who the producer is from now on.
    Producer {
        /// Why not.
        error: ErrorCode,
        /// Its id; -1 with an error.
        producer_id: ProducerId,
        /// Its epoch; -1 with an error.
        producer_epoch: ProducerEpoch,
    },
    /// Nothing was done: ask again with an id that nobody has.
    NeedsProducerId,
    /// To AddPartitions, of all of them, and to MarkersWritten.
    Done(ErrorCode),
    /// To VerifyPartitions, of each as they were asked.
    Verified(Vec<ErrorCode>),
    /// To DescribeTransaction.
    Described(Box<DescribedTransaction<'static>>),
    /// To ListTransactions.
    Listed(ListTransactionsResponse<'static>),
}

impl Response {
    /// To InitProducerId and EndTxn: who the producer is.
    pub const fn producer(producer_id: ProducerId, producer_epoch: ProducerEpoch) -> Self {
        Self::Producer { error: ErrorCode::None, producer_id, producer_epoch }
    }

    /// To InitProducerId and EndTxn: why not.
    pub const fn no_producer(error: ErrorCode) -> Self {
        Self::Producer { error, producer_id: NO_PRODUCER, producer_epoch: NO_EPOCH }
    }

    /// The answer that says `error` in every place where its API has one.
    pub(super) fn refusal(request: Request<'_>, error: ErrorCode) -> Self {
        match request {
            Request::InitProducerId(_) | Request::EndTxn(_) => Self::no_producer(error),
            Request::AddPartitions(..) | Request::MarkersWritten(_) => Self::Done(error),
            Request::VerifyPartitions(_, partitions) => Self::Verified(vec![error; partitions.len()]),
            Request::DescribeTransaction(id) => Self::Described(Box::new(DescribedTransaction {
                transactional_id: Str::Owned(id.to_owned()),
                error_code: error.code(),
                ..DescribedTransaction::default()
            })),
            Request::ListTransactions(_) => Self::Listed(ListTransactionsResponse {
                error_code: error.code(),
                ..ListTransactionsResponse::default()
            }),
        }
    }

    /// Takes back what the answer says: it could not be made durable.
    pub(super) fn failed(self, error: ErrorCode) -> Self {
        match self {
            Self::Producer { .. } => Self::no_producer(error),
            Self::NeedsProducerId => Self::NeedsProducerId,
            Self::Done(_) => Self::Done(error),
            Self::Verified(each) => Self::Verified(vec![error; each.len()]),
            Self::Described(described) => Self::Described(Box::new(DescribedTransaction {
                transactional_id: described.transactional_id,
                error_code: error.code(),
                ..DescribedTransaction::default()
            })),
            Self::Listed(_) => Self::Listed(ListTransactionsResponse {
                error_code: error.code(),
                ..ListTransactionsResponse::default()
            }),
        }
    }
}

/// The end of a transaction is decided: its partitions are to have their markers, and the machine is to be told
/// ([`Request::MarkersWritten`]). A partition that is no more needs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteMarkers {
    /// Whose transaction.
    pub transactional_id: Arc<str>,
    /// Its producer.
    pub producer_id: ProducerId,
    /// The epoch of the markers.
    pub producer_epoch: ProducerEpoch,
    /// Whether it commits.
    pub committed: bool,
    /// How its client does transactions: with the second version the epoch is new to the partitions (KIP-1228).
    pub version: TransactionVersion,
    /// Where to.
    pub partitions: BTreeMap<Arc<str>, BTreeSet<i32>>,
}

impl WriteMarkers {
    /// The markers of a transaction whose end is decided.
    pub(super) fn of(id: &Arc<str>, transaction: &Transaction) -> Option<Self> {
        transaction.state.is_prepared().then(|| Self {
            transactional_id: Arc::clone(id),
            producer_id: transaction.producer_id,
            producer_epoch: transaction.producer_epoch,
            committed: transaction.state == TransactionState::PrepareCommit,
            version: transaction.client_version,
            partitions: transaction.partitions.clone(),
        })
    }
}
