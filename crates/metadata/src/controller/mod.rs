//! The controller: requests become records to append and a reply for when they are.
//!
//! Its state is the [`ClusterImage`]; it decides by reading it and keeps nothing beside it. The shell appends the
//! records as one batch, replays them, and sends the reply once they are committed. Requests were authorised before
//! they come here. Time plays no part and randomness is an argument: equal inputs give equal bytes.

mod alter_configs;
mod api_error;
mod bootstrap;
mod brokers;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod directories;
mod leadership;
mod node;
mod placement;
mod producer_ids;
#[cfg(test)]
mod proptests;
mod replicas;
#[cfg(test)]
mod testing;

use protocol::{BrokerId, MetadataRecord};

use crate::ClusterImage;
use crate::configs::BrokerConfigs;

pub use api_error::ApiError;
pub use bootstrap::activation_records;
pub use producer_ids::PRODUCER_ID_BLOCK_SIZE;

/// The most records that one request may make, and the most partitions that one CreateTopics may ask for.
pub const MAX_RECORDS_PER_REQUEST: usize = 10_000;

/// What a request leads to: records, to be appended as one batch, and the reply for when they are committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<R> {
    /// May be none: nothing changes, and the reply needs not wait.
    pub records: Vec<MetadataRecord<'static>>,
    /// The answer.
    pub reply: R,
}

impl<R> Outcome<R> {
    /// An answer that changes nothing.
    pub fn unchanged(reply: R) -> Self {
        Self { records: vec![], reply }
    }
}

/// Decides about the cluster. See the module.
#[derive(Clone, Debug)]
pub struct Controller {
    cluster_id: String,
    configs: BrokerConfigs,
}

impl Controller {
    /// The controller of a node: the cluster's id as in `meta.properties`, and the node's properties file.
    pub const fn new(cluster_id: String, configs: BrokerConfigs) -> Self {
        Self { cluster_id, configs }
    }
}

/// Refuses a request of a broker that is not registered with that epoch.
fn check_broker_epoch(image: &ClusterImage, id: i32, epoch: i64) -> Result<(), ApiError> {
    match image.broker(BrokerId(id)) {
        None => Err(ApiError::stale_broker_epoch(format!("No broker registration found for broker id {id}"))),
        Some(broker) if broker.epoch != epoch => Err(ApiError::stale_broker_epoch(format!(
            "Expected broker epoch {}, but got broker epoch {epoch}",
            broker.epoch
        ))),
        Some(_) => Ok(()),
    }
}
