//! AddOffsetsToTxn, api key 25, versions 0 to 4: the committed offsets of a group belong to a transaction, by their partition
//! of `__consumer_offsets`.
//!
//! 2: PRODUCER_FENCED. 3: flexible. 4: TRANSACTION_ABORTABLE. Decided by `coordinator::txn`.

use std::sync::Arc;

use coordinator::txn::{Claim, TransactionVersion};
use protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use protocol::{ErrorCode, ProducerEpoch, ProducerId};

use super::init_producer_id::before_fenced;
use crate::groups::OFFSETS_TOPIC;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// The first version whose clients know PRODUCER_FENCED.
const FENCED: i16 = 2;

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: AddOffsetsToTxnRequest<'_> = request.decode()?;
    let claim = Claim {
        transactional_id: &body.transactional_id,
        producer_id: ProducerId(body.producer_id),
        producer_epoch: ProducerEpoch(body.producer_epoch),
    };
    // The producer may come before the group was ever looked up.
    node.create_internal_topic(OFFSETS_TOPIC).await;
    let error = match node.groups().coordinators.partition_of(&body.group_id) {
        None => ErrorCode::CoordinatorNotAvailable,
        Some(index) => {
            let partitions = [(OFFSETS_TOPIC, index)];
            let added = node.transactions().add_partitions(claim, TransactionVersion::V0, &partitions).await;
            added.ok_or(Malformed::Stopping)?
        }
    };
    let error = if request.version < FENCED { before_fenced(error) } else { error };
    request
        .answer(&AddOffsetsToTxnResponse { error_code: error.code(), ..AddOffsetsToTxnResponse::default() })
}
