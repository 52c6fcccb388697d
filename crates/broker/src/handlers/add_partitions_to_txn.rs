//! AddPartitionsToTxn, api key 24, versions 0 to 5: partitions belong to a transaction before anything is written to them.
//!
//! 2: PRODUCER_FENCED. 3: flexible. 4: from brokers: several transactions, and whether partitions are there (KIP-890).
//! 5: partitions join as they are written to. Where one partition does not exist none is added. Decided by `coordinator::txn`.

use coordinator::txn::{self, Claim, TransactionVersion};
use protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
use protocol::{ErrorCode, ProducerEpoch, ProducerId};

use super::init_producer_id::before_fenced;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};
use crate::topics::is_internal;

/// The first version whose clients know PRODUCER_FENCED.
const FENCED: i16 = 2;
/// The first version of brokers.
const BATCHED: i16 = 4;
/// The first version of transactions of the second kind.
const RAISES_EPOCH: i16 = 5;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: AddPartitionsToTxnRequest<'_> = request.decode()?;
    if request.version >= BATCHED {
        let mut results = Vec::with_capacity(body.transactions.len());
        for transaction in &body.transactions {
            results.push(AddPartitionsToTxnResult {
                transactional_id: transaction.transactional_id.to_string().into(),
                topic_results: add(node, request.version, transaction).await?,
                ..AddPartitionsToTxnResult::default()
            });
        }
        return request.answer(&AddPartitionsToTxnResponse {
            results_by_transaction: results,
            ..AddPartitionsToTxnResponse::default()
        });
    }
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: body.v3_and_below_transactional_id,
        producer_id: body.v3_and_below_producer_id,
        producer_epoch: body.v3_and_below_producer_epoch,
        topics: body.v3_and_below_topics,
        ..AddPartitionsToTxnTransaction::default()
    };
    let results_by_topic_v3_and_below = add(node, request.version, &transaction).await?;
    request.answer(&AddPartitionsToTxnResponse {
        results_by_topic_v3_and_below,
        ..AddPartitionsToTxnResponse::default()
    })
}

async fn add(
    node: &Node,
    version: i16,
    transaction: &AddPartitionsToTxnTransaction<'_>,
) -> Result<Vec<AddPartitionsToTxnTopicResult<'static>>, Malformed> {
    let partitions: Vec<(&str, i32)> = transaction
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|index| (&*topic.name, *index)))
        .collect();
    let missing = missing(node, version, &partitions);
    if missing.iter().any(|error| !error.is_none()) {
        let not_attempted = |error: ErrorCode| {
            if error.is_none() { ErrorCode::OperationNotAttempted } else { error }
        };
        return Ok(results(&transaction.topics, missing.into_iter().map(not_attempted)));
    }
    let claim = Claim {
        transactional_id: &transaction.transactional_id,
        producer_id: ProducerId(transaction.producer_id),
        producer_epoch: ProducerEpoch(transaction.producer_epoch),
    };
    let errors = if transaction.verify_only {
        let asked = txn::Request::VerifyPartitions(claim, &partitions);
        match node.transactions().ask(claim.transactional_id, asked).await {
            Some(txn::Response::Verified(errors)) => errors,
            _ => return Err(Malformed::Stopping),
        }
    } else {
        let kind = if version >= RAISES_EPOCH { TransactionVersion::V2 } else { TransactionVersion::V0 };
        let added = node.transactions().add_partitions(claim, kind, &partitions).await;
        vec![added.ok_or(Malformed::Stopping)?; partitions.len()]
    };
    let told = |error| if version < FENCED { before_fenced(error) } else { error };
    Ok(results(&transaction.topics, errors.into_iter().map(told)))
}

/// What is wrong with each partition in itself. Clients may not write to internal topics.
fn missing(node: &Node, version: i16, partitions: &[(&str, i32)]) -> Vec<ErrorCode> {
    let image = node.image();
    let check = |(topic, index): &(&str, i32)| {
        if version < BATCHED && is_internal(topic) {
            return ErrorCode::TopicAuthorizationFailed;
        }
        match image.topic(topic) {
            Some(topic) if topic.partitions.contains_key(index) => ErrorCode::None,
            _ => ErrorCode::UnknownTopicOrPartition,
        }
    };
    partitions.iter().map(check).collect()
}

/// An error for each partition, in their order.
fn results(
    topics: &[AddPartitionsToTxnTopic<'_>],
    mut errors: impl Iterator<Item = ErrorCode>,
) -> Vec<AddPartitionsToTxnTopicResult<'static>> {
    let topics = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().zip(&mut errors);
        let partitions = partitions.map(|(index, error)| AddPartitionsToTxnPartitionResult {
            partition_index: *index,
            partition_error_code: error.code(),
            ..AddPartitionsToTxnPartitionResult::default()
        });
        AddPartitionsToTxnTopicResult {
            name: topic.name.to_string().into(),
            results_by_partition: partitions.collect(),
            ..AddPartitionsToTxnTopicResult::default()
        }
    });
    topics.collect()
}
