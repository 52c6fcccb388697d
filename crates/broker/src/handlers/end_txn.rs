//! EndTxn, api key 26, versions 0 to 5: commits or aborts a transaction.
//!
//! 2: PRODUCER_FENCED. 3: flexible. 4: TRANSACTION_ABORTABLE. 5: the next transaction's producer id and epoch (KIP-890).
//! Decided by `coordinator::txn`. Answered once the decision is durable; the markers follow.

use coordinator::txn::{self, Claim, EndTxn, Response, TransactionVersion};
use protocol::messages::{EndTxnRequest, EndTxnResponse};
use protocol::{ProducerEpoch, ProducerId};

use super::init_producer_id::before_fenced;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// The first version whose clients know PRODUCER_FENCED.
const FENCED: i16 = 2;
/// The first version by which every transaction has an epoch of its own.
const RAISES_EPOCH: i16 = 5;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: EndTxnRequest<'_> = request.decode()?;
    let claim = Claim {
        transactional_id: &body.transactional_id,
        producer_id: ProducerId(body.producer_id),
        producer_epoch: ProducerEpoch(body.producer_epoch),
    };
    let version =
        if request.version >= RAISES_EPOCH { TransactionVersion::V2 } else { TransactionVersion::V0 };
    let ask = |fresh| txn::Request::EndTxn(EndTxn { claim, committed: body.committed, version, fresh });
    let asked = node.transactions().ask_with_id(node, &body.transactional_id, ask).await;
    let Some(Response::Producer { error, producer_id, producer_epoch }) = asked else {
        return Err(Malformed::Stopping);
    };
    let error = if request.version < FENCED { before_fenced(error) } else { error };
    request.answer(&EndTxnResponse {
        error_code: error.code(),
        producer_id: producer_id.get(),
        producer_epoch: producer_epoch.get(),
        ..EndTxnResponse::default()
    })
}
