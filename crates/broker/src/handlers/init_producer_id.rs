//! InitProducerId, api key 22, versions 0 to 5: a producer id, and for a transactional id an epoch that fences older producers.
//!
//! 3: producers go on with the id they have (KIP-360). 4: PRODUCER_FENCED. 5: transactions of the second kind (KIP-890).
//! Decided by `coordinator::txn`; without a transactional id it is a new id and epoch 0.

use coordinator::txn::{self, InitProducerId, Response};
use protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use protocol::{ErrorCode, ProducerEpoch, ProducerId};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// The first version whose clients know PRODUCER_FENCED.
const FENCED: i16 = 4;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: InitProducerIdRequest<'_> = request.decode()?;
    let answer = match (expected(body.producer_id, body.producer_epoch), &body.transactional_id) {
        (Err(error), _) => Response::no_producer(error),
        // An idempotent producer that lost its sequences asks with the id it had; it gets a new one, as in Kafka.
        (Ok(_), None) => match node.producer_ids().next().await {
            Ok(producer_id) => Response::producer(producer_id, ProducerEpoch(0)),
            Err(error) => Response::no_producer(error),
        },
        (Ok(expected), Some(transactional_id)) => {
            let ask = |fresh| {
                let timeout_ms = body.transaction_timeout_ms;
                txn::Request::InitProducerId(InitProducerId { transactional_id, timeout_ms, expected, fresh })
            };
            let asked = node.transactions().ask_with_id(node, transactional_id, ask).await;
            asked.ok_or(Malformed::Stopping)?
        }
    };
    let Response::Producer { error, producer_id, producer_epoch } = answer else {
        return Err(Malformed::Stopping);
    };
    let error = if request.version < FENCED { before_fenced(error) } else { error };
    request.answer(&InitProducerIdResponse {
        error_code: error.code(),
        producer_id: producer_id.get(),
        producer_epoch: producer_epoch.get(),
        ..InitProducerIdResponse::default()
    })
}

/// What the producer says that it is: both an id and an epoch, or neither.
fn expected(producer_id: i64, epoch: i16) -> Result<Option<(ProducerId, ProducerEpoch)>, ErrorCode> {
    match (producer_id, epoch) {
        (-1, -1) => Ok(None),
        (-1, _) | (_, -1) => Err(ErrorCode::InvalidRequest),
        (producer_id, epoch) => Ok(Some((ProducerId(producer_id), ProducerEpoch(epoch)))),
    }
}

/// What clients are told that do not know PRODUCER_FENCED.
pub(super) fn before_fenced(error: ErrorCode) -> ErrorCode {
    if error == ErrorCode::ProducerFenced { ErrorCode::InvalidProducerEpoch } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_with_its_epoch() {
        let some = Some((ProducerId(5), ProducerEpoch(0)));
        let wrong = Err(ErrorCode::InvalidRequest);
        for (id, epoch, expect) in [(-1, -1, Ok(None)), (5, 0, Ok(some)), (5, -1, wrong), (-1, 5, wrong)] {
            assert_eq!(expected(id, epoch), expect, "{id} {epoch}");
        }
    }
}
