//! AllocateProducerIds: blocks of producer ids, each given to one broker once (KIP-730).

use protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse, ProducerIdsRecord};
use protocol::{ErrorCode, MetadataRecord};

use super::{ApiError, ConfigRules, Controller, Outcome, check_broker_epoch};
use crate::ClusterImage;

/// How many producer ids a block has.
pub const PRODUCER_ID_BLOCK_SIZE: i32 = 1000;

impl<C: ConfigRules> Controller<C> {
    /// Answers AllocateProducerIds. The ids may be used once the record is committed.
    pub fn allocate_producer_ids(
        &self,
        image: &ClusterImage,
        request: &AllocateProducerIdsRequest,
    ) -> Outcome<AllocateProducerIdsResponse> {
        let refused = |error: ApiError| {
            Outcome::unchanged(AllocateProducerIdsResponse {
                error_code: error.code.code(),
                ..AllocateProducerIdsResponse::default()
            })
        };
        if let Err(error) = check_broker_epoch(image, request.broker_id, request.broker_epoch) {
            return refused(error);
        }
        let start = image.next_producer_id().get();
        let Some(next) = start.checked_add(PRODUCER_ID_BLOCK_SIZE.into()) else {
            return refused(ApiError::bare(ErrorCode::UnknownServerError));
        };
        let record = ProducerIdsRecord {
            broker_id: request.broker_id,
            broker_epoch: request.broker_epoch,
            next_producer_id: next,
            ..ProducerIdsRecord::default()
        };
        Outcome {
            records: vec![MetadataRecord::ProducerIds(record)],
            reply: AllocateProducerIdsResponse {
                producer_id_start: start,
                producer_id_len: PRODUCER_ID_BLOCK_SIZE,
                ..AllocateProducerIdsResponse::default()
            },
        }
    }
}
