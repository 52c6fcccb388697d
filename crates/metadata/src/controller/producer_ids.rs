//! AllocateProducerIds: blocks of producer ids, each given to one broker once (KIP-730).

use protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse, ProducerIdsRecord};
use protocol::{ErrorCode, MetadataRecord};

use super::{ApiError, Controller, Outcome, check_broker_epoch};
use crate::ClusterImage;

/// How many producer ids a block has.
pub const PRODUCER_ID_BLOCK_SIZE: i32 = 1000;

impl Controller {
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

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;

    #[test]
    fn blocks_follow_each_other_and_only_registered_brokers_get_them() {
        let mut world = World::of(1);
        let epoch = world.image().broker(protocol::BrokerId(1)).unwrap().epoch;
        let mut ask = |broker_id, broker_epoch| {
            let request = AllocateProducerIdsRequest {
                broker_id,
                broker_epoch,
                ..AllocateProducerIdsRequest::default()
            };
            let outcome = world.controller.allocate_producer_ids(world.image(), &request);
            let reply = world.commit(outcome);
            (reply.error_code, reply.producer_id_start, reply.producer_id_len)
        };
        assert_eq!(ask(1, epoch), (0, 0, 1000));
        assert_eq!(ask(1, epoch), (0, 1000, 1000));
        assert_eq!(ask(1, epoch - 1).0, ErrorCode::StaleBrokerEpoch.code());
        assert_eq!(ask(2, epoch).0, ErrorCode::StaleBrokerEpoch.code());
    }

    #[test]
    fn ids_can_be_exhausted() {
        let mut world = World::of(1);
        let epoch = world.image().broker(protocol::BrokerId(1)).unwrap().epoch;
        let next_producer_id = i64::MAX - 999;
        let record = ProducerIdsRecord { next_producer_id, ..ProducerIdsRecord::default() };
        world.append(vec![MetadataRecord::ProducerIds(record)]);
        let request = AllocateProducerIdsRequest { broker_id: 1, broker_epoch: epoch, ..Default::default() };
        let outcome = world.controller.allocate_producer_ids(world.image(), &request);
        assert_eq!((outcome.records.len(), outcome.reply.error_code), (0, -1));
    }
}
