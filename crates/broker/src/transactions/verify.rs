//! The verification of what is about to be written in a transaction: its coordinator knows that the partition belongs to it,
//! or adds it (KIP-890), before anything is appended. So every transaction of a partition gets its marker.

use std::sync::Arc;

use coordinator::txn::{Claim, Request, Response, TransactionVersion};
use log::producer::{Transactional, VerificationGuard};
use protocol::ErrorCode;

use crate::error::Refusal;
use crate::node::Node;
use crate::partition::{InTransaction, Partition};

/// What the client of a request knows of KIP-890, by the request's version.
#[derive(Clone, Copy)]
pub(crate) struct Abilities {
    /// What is written to belongs to the transaction from then on; otherwise it was added before.
    pub(crate) adds_partitions: bool,
    /// The error that lets it abort and go on.
    pub(crate) knows_abortable: bool,
}

/// Records for a partition.
pub(crate) type Batch = (Arc<Partition>, Transactional);

/// How the batches of a Produce may be appended, as far as their transaction is concerned.
pub(crate) struct Verified {
    batches: Vec<(Arc<Partition>, Result<InTransaction, Refusal>)>,
}

impl Verified {
    /// Asks the coordinator about the transactional batches. `None` when the node stops first.
    pub(crate) async fn new(
        node: &Node,
        abilities: Abilities,
        transactional_id: &str,
        batches: Vec<Batch>,
    ) -> Option<Self> {
        let verified = match claim(transactional_id, &batches) {
            Ok(None) => vec![],
            Ok(Some(claim)) => verify(node, claim, abilities, &batches).await?,
            Err(refusal) => vec![Err(refusal); batches.len()],
        };
        let batches = batches.into_iter().zip(verified).map(|((partition, records), guard)| {
            (partition, guard.map(|guard| InTransaction { records, guard }))
        });
        Some(Self { batches: batches.collect() })
    }

    /// The transaction of the batch for a partition, if it is of one.
    pub(crate) fn of(&self, partition: &Arc<Partition>) -> Result<Option<InTransaction>, Refusal> {
        match self.batches.iter().find(|(of, _)| Arc::ptr_eq(of, partition)) {
            Some((_, transaction)) => transaction.clone().map(Some),
            None => Ok(None),
        }
    }
}

/// Who writes: one producer.
fn claim<'a>(transactional_id: &'a str, batches: &[Batch]) -> Result<Option<Claim<'a>>, Refusal> {
    let producer = |records: &Transactional| (records.producer_id, records.producer_epoch);
    let Some((_, first)) = batches.first() else { return Ok(None) };
    if batches.iter().any(|(_, records)| producer(records) != producer(first)) {
        let message = "Transactional records contained more than one producer ID";
        return Err(Refusal::new(ErrorCode::InvalidProducerIdMapping, message));
    }
    let (producer_id, producer_epoch) = producer(first);
    Ok(Some(Claim { transactional_id, producer_id, producer_epoch }))
}

/// The guard of each batch, `None` where the partition has records of the transaction already. `None` for all when the node
/// stops first.
pub(crate) async fn verify(
    node: &Node,
    claim: Claim<'_>,
    abilities: Abilities,
    batches: &[Batch],
) -> Option<Vec<Result<Option<VerificationGuard>, Refusal>>> {
    let mut patience = node.transactions().patience();
    loop {
        patience.prepare();
        // Anew each time: the marker that is waited for voids them.
        let guards: Vec<_> =
            batches.iter().map(|(partition, records)| partition.start_verification(*records)).collect();
        let unsure = batches.iter().zip(&guards).filter(|(_, guard)| guard.is_some());
        let unsure: Vec<(&str, i32)> =
            unsure.map(|((partition, _), _)| (partition.topic(), partition.index())).collect();
        let errors = if unsure.is_empty() { vec![] } else { ask(node, claim, abilities, &unsure).await? };
        if abilities.adds_partitions
            && errors.contains(&ErrorCode::ConcurrentTransactions)
            && patience.wait().await
        {
            continue;
        }
        let mut errors = errors.into_iter();
        let verified = guards.into_iter().map(|guard| {
            let error = guard.and_then(|_| errors.next()).unwrap_or(ErrorCode::None);
            if error.is_none() { Ok(guard) } else { Err(refusal(error, abilities)) }
        });
        return Some(verified.collect());
    }
}

/// What the coordinator says of each partition.
async fn ask(
    node: &Node,
    claim: Claim<'_>,
    abilities: Abilities,
    partitions: &[(&str, i32)],
) -> Option<Vec<ErrorCode>> {
    let request = if abilities.adds_partitions {
        Request::AddPartitions(claim, TransactionVersion::V2, partitions)
    } else if node.broker_configs().flag("transaction.partition.verification.enable") {
        Request::VerifyPartitions(claim, partitions)
    } else {
        return Some(vec![ErrorCode::None; partitions.len()]);
    };
    match node.transactions().ask(claim.transactional_id, request).await? {
        Response::Verified(errors) => Some(errors),
        Response::Done(error) => Some(vec![error; partitions.len()]),
        _ => Some(vec![ErrorCode::UnknownServerError; partitions.len()]),
    }
}

/// What the coordinator answers, as producers know it.
fn refusal(error: ErrorCode, abilities: Abilities) -> Refusal {
    match error {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch.into(),
        ErrorCode::InvalidTxnState => not_added(),
        ErrorCode::TransactionAbortable if !abilities.knows_abortable => not_added(),
        // Older clients do not repeat a request on these; on this one they do, and do not look for another leader.
        ErrorCode::ConcurrentTransactions
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => Refusal::new(
            ErrorCode::NotEnoughReplicas,
            format!(
                "Unable to verify the partition has been added to the transaction. Underlying error: {}",
                error.name()
            ),
        ),
        error => error.into(),
    }
}

fn not_added() -> Refusal {
    Refusal::new(ErrorCode::InvalidTxnState, "Partition was not added to the transaction")
}
