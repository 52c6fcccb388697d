//! Producer ids for idempotent producers: blocks from the controller, single ids from the block.

use std::ops::Range;
use std::sync::{Arc, OnceLock, Weak};

use protocol::messages::AllocateProducerIdsRequest;
use protocol::{ErrorCode, ProducerId};
use tokio::sync::Mutex;

use crate::controller::decide;
use crate::node::Node;

/// The block at hand. What is left of it is lost with the process: ids are never given twice.
#[derive(Default)]
pub(crate) struct ProducerIds {
    block: Mutex<Range<i64>>,
    node: OnceLock<Weak<Node>>,
}

impl ProducerIds {
    pub(crate) fn attach(&self, node: &Arc<Node>) {
        // Set once, by whoever makes the node.
        let _ = self.node.set(Arc::downgrade(node));
    }

    /// The next id; a new block is in the metadata log before its first id leaves.
    pub(crate) async fn next(&self) -> Result<ProducerId, ErrorCode> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            *block = self.allocate().await?;
        }
        let id = block.start;
        block.start += 1;
        Ok(ProducerId(id))
    }

    async fn allocate(&self) -> Result<Range<i64>, ErrorCode> {
        let node = self.node.get().and_then(Weak::upgrade).ok_or(ErrorCode::CoordinatorNotAvailable)?;
        let id = node.id();
        let reply = decide(&node, |machine, image, _| {
            let broker_epoch = image.broker(id).map_or(-1, |broker| broker.epoch);
            let request = AllocateProducerIdsRequest {
                broker_id: id.get(),
                broker_epoch,
                ..AllocateProducerIdsRequest::default()
            };
            machine.allocate_producer_ids(image, &request)
        })
        .await?;
        match ErrorCode::from_code(reply.error_code) {
            Some(ErrorCode::None) => {
                Ok(reply.producer_id_start..reply.producer_id_start + i64::from(reply.producer_id_len))
            }
            _ => Err(ErrorCode::CoordinatorNotAvailable),
        }
    }
}
