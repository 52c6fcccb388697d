//! InitProducerId, api key 22, versions 0 to 5: a producer id for an idempotent producer (KIP-98).
//!
//! 2: flexible. 3: the id the producer had (KIP-360). 4: `PRODUCER_FENCED`. 5: transactions v2.
//! Not here: transactional ids; they are refused with `INVALID_REQUEST`, which clients report as fatal.

use protocol::ErrorCode;
use protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: InitProducerIdRequest<'_> = request.decode()?;
    let refusal = |error: ErrorCode| InitProducerIdResponse {
        error_code: error.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    };
    if body.transactional_id.is_some() || !is_whole(body.producer_id, body.producer_epoch) {
        return request.answer(&refusal(ErrorCode::InvalidRequest));
    }
    // An idempotent producer that lost its sequences asks with the id it had; it gets a new one, as in Kafka.
    match node.producer_ids().next().await {
        Ok(producer_id) => request.answer(&InitProducerIdResponse {
            producer_id: producer_id.get(),
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        }),
        Err(error) => request.answer(&refusal(error)),
    }
}

/// Whether there is both an id and an epoch, or neither.
const fn is_whole(producer_id: i64, producer_epoch: i16) -> bool {
    (producer_id == -1) == (producer_epoch == -1)
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn an_id_comes_with_its_epoch() {
        for (id, epoch, expect) in [(-1, -1, true), (5, 0, true), (5, -1, false), (-1, 5, false)] {
            assert_eq!(is_whole(id, epoch), expect, "{id} {epoch}");
        }
    }
}
