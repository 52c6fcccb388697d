//! TxnOffsetCommit, api key 28, versions 0 to 6: commits offsets of a group with a transaction.
//!
//! 2: leader epochs. 3: flexible, who the consumer is (KIP-447). 4: TRANSACTION_ABORTABLE. 5: adds the partition of the
//! offsets to the transaction (KIP-890). 6: topics by id. Topics and partitions that do not exist are answered here; the
//! coordinator of the transaction is asked (`transactions/verify.rs`); the rest is decided by `coordinator::group`.

use coordinator::group;
use coordinator::txn::Claim;
use log::producer::Transactional;
use protocol::messages::TxnOffsetCommitRequest;
use protocol::messages::TxnOffsetCommitResponse;
use protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic;
use protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use protocol::{ErrorCode, ProducerEpoch, ProducerId};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};
use crate::transactions::{Abilities, verify};

/// The first version whose clients know that a coordinator may be loading.
const LOADING: i16 = 2;
/// The first version whose clients know TRANSACTION_ABORTABLE.
const TRANSACTION_ABORTABLE: i16 = 4;
/// The first version by which the partition of the offsets belongs to the transaction.
const ADDS_PARTITIONS: i16 = 5;
/// The first version that names topics by id.
const TOPIC_IDS: i16 = 6;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let mut body: TxnOffsetCommitRequest<'_> = request.decode()?;
    let mut topics = take_out_missing(node, request.version, &mut body);
    if !body.topics.is_empty() || topics.is_empty() {
        let answers = commit(node, request.version, &body).await?;
        for answer in answers {
            match topics.iter_mut().find(|it| it.topic_id == answer.topic_id && it.name == answer.name) {
                Some(known) => known.partitions.extend(answer.partitions),
                None => topics.push(answer),
            }
        }
    }
    if request.version < LOADING {
        let loading = ErrorCode::CoordinatorLoadInProgress.code();
        for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if partition.error_code == loading {
                partition.error_code = ErrorCode::CoordinatorNotAvailable.code();
            }
        }
    }
    request.answer(&TxnOffsetCommitResponse { topics, ..TxnOffsetCommitResponse::default() })
}

/// Fills in names and ids of topics, and takes out what does not exist.
fn take_out_missing(
    node: &Node,
    version: i16,
    body: &mut TxnOffsetCommitRequest<'_>,
) -> Vec<TxnOffsetCommitResponseTopic<'static>> {
    let image = node.image();
    let by_id = version >= TOPIC_IDS;
    let unknown = if by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
    let mut refused = vec![];
    for mut topic in std::mem::take(&mut body.topics) {
        let found = if by_id { image.topic_by_id(topic.topic_id) } else { image.topic(&topic.name) };
        let Some(found) = found else {
            refused.push(refuse(&topic, |_| true, unknown));
            continue;
        };
        topic.topic_id = found.id;
        topic.name = found.name.to_string().into();
        let exists = |index: i32| found.partitions.contains_key(&index);
        if topic.partitions.iter().any(|partition| !exists(partition.partition_index)) {
            refused.push(refuse(&topic, |index| !exists(index), ErrorCode::UnknownTopicOrPartition));
            topic.partitions.retain(|partition| exists(partition.partition_index));
        }
        if !topic.partitions.is_empty() {
            body.topics.push(topic);
        }
    }
    refused
}

async fn commit(
    node: &Node,
    version: i16,
    body: &TxnOffsetCommitRequest<'_>,
) -> Result<Vec<TxnOffsetCommitResponseTopic<'static>>, Malformed> {
    let refuse_all = |error| body.topics.iter().map(|topic| refuse(topic, |_| true, error)).collect();
    if body.group_id.is_empty() {
        return Ok(refuse_all(ErrorCode::InvalidGroupId));
    }
    let Some(coordinator) = node.groups().coordinators.coordinator_of(&body.group_id) else {
        return Ok(refuse_all(ErrorCode::NotCoordinator));
    };
    let claim = Claim {
        transactional_id: &body.transactional_id,
        producer_id: ProducerId(body.producer_id),
        producer_epoch: ProducerEpoch(body.producer_epoch),
    };
    let abilities = Abilities {
        adds_partitions: version >= ADDS_PARTITIONS,
        knows_abortable: version >= TRANSACTION_ABORTABLE,
    };
    let (producer_id, producer_epoch) = (claim.producer_id, claim.producer_epoch);
    let is_of_epoch = abilities.adds_partitions;
    let records = Transactional { producer_id, producer_epoch, base_sequence: -1, is_of_epoch };
    let batch = [(std::sync::Arc::clone(&coordinator.partition), records)];
    let mut verified = verify(node, claim, abilities, &batch).await.ok_or(Malformed::Stopping)?;
    let guard = match verified.pop() {
        Some(Ok(guard)) => guard,
        Some(Err(refusal)) => return Ok(refuse_all(as_offsets(refusal.code))),
        None => None,
    };
    let asked = group::Request::TxnOffsetCommit(body);
    match node.groups().coordinators.propose_verified(&coordinator, asked, guard).await {
        Ok(group::Response::TxnOffsetCommit(response)) => Ok(response.topics),
        _ => Err(Malformed::Stopping),
    }
}

/// What producers make of it when they commit offsets: they look for the coordinator again.
fn as_offsets(error: ErrorCode) -> ErrorCode {
    if error == ErrorCode::NotEnoughReplicas { ErrorCode::CoordinatorNotAvailable } else { error }
}

fn refuse(
    topic: &TxnOffsetCommitRequestTopic<'_>,
    which: impl Fn(i32) -> bool,
    error: ErrorCode,
) -> TxnOffsetCommitResponseTopic<'static> {
    let partitions = topic.partitions.iter().map(|p| p.partition_index).filter(|index| which(*index));
    TxnOffsetCommitResponseTopic {
        name: topic.name.to_string().into(),
        topic_id: topic.topic_id,
        partitions: partitions
            .map(|partition_index| TxnOffsetCommitResponsePartition {
                partition_index,
                error_code: error.code(),
                ..TxnOffsetCommitResponsePartition::default()
            })
            .collect(),
        ..TxnOffsetCommitResponseTopic::default()
    }
}
