//! New partitions from lists of replicas, chosen or given.

use protocol::messages::PartitionRecord;
use protocol::{BrokerId, LeaderEpoch, MetadataRecord, Uuid};

use super::ApiError;
use crate::image::directory;
use crate::{ClusterImage, Partition};

/// Refuses a list of replicas given by hand. `replication_factor` is that of the partitions before it.
pub(super) fn validate_assignment(
    image: &ClusterImage,
    replicas: &[i32],
    replication_factor: Option<usize>,
) -> Result<(), ApiError> {
    if replicas.is_empty() {
        return Err(ApiError::invalid_replica_assignment(
            "The manual partition assignment includes an empty replica list.",
        ));
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for id in sorted {
        if image.broker(BrokerId(id)).is_none() {
            return Err(ApiError::invalid_replica_assignment(format!(
                "The manual partition assignment includes broker {id}, but no such broker is registered."
            )));
        }
        if previous == Some(id) {
            return Err(ApiError::invalid_replica_assignment(format!(
                "The manual partition assignment includes the broker {id} more than once."
            )));
        }
        previous = Some(id);
    }
    match replication_factor {
        Some(expected) if expected != replicas.len() => Err(ApiError::invalid_replica_assignment(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not \
                 consistent with previous partitions, which have {expected} replica(s).",
            replicas.len()
        ))),
        _ => Ok(()),
    }
}

/// A new partition on `replicas`, led by the first that can; `None` when none can.
pub(super) fn new_partition(image: &ClusterImage, replicas: &[BrokerId]) -> Option<Partition> {
    let isr: Vec<BrokerId> = replicas.iter().copied().filter(|id| image.is_active(*id)).collect();
    Some(Partition {
        replicas: replicas.to_vec(),
        directories: replicas.iter().map(|id| default_directory(image, *id)).collect(),
        leader: Some(*isr.first()?),
        isr,
        removing_replicas: vec![],
        adding_replicas: vec![],
        elr: vec![],
        last_known_elr: vec![],
        recovering: false,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: 0,
    })
}

/// The record of a new partition.
pub(super) fn partition_record(
    image: &ClusterImage,
    topic_id: Uuid,
    index: i32,
    partition: &Partition,
) -> MetadataRecord<'static> {
    let record: PartitionRecord = partition.to_record(topic_id, index, image.metadata_version());
    MetadataRecord::Partition(record)
}

/// The directory of a new replica: named where the broker has no choice, else left to it.
fn default_directory(image: &ClusterImage, id: BrokerId) -> Uuid {
    let Some(broker) = image.broker(id) else { return directory::UNASSIGNED };
    if broker.log_dirs.is_empty() {
        return directory::MIGRATING;
    }
    let mut open = broker.open_log_dirs();
    match (open.next(), open.next()) {
        (Some(only), None) => only,
        _ => directory::UNASSIGNED,
    }
}
