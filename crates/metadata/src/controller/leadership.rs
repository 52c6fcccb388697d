//! Who leads when a broker comes or goes.
//!
//! Does not know unclean election. We keep the last member in the ISR and make no ELR (KIP-966), but a log that Apache
//! Kafka wrote may have partitions with nothing but an ELR: those are led again, as Kafka does.

use protocol::messages::PartitionChangeRecord;
use protocol::{BrokerId, MetadataRecord, Uuid};

use crate::image::{NO_LEADER_CHANGE, directory, leader_number, numbers};
use crate::{ClusterImage, Partition};

const NO_RECOVERY_CHANGE: i8 = -1;
const RECOVERING: i8 = 1;

/// The changes of partitions when `broker` can no longer lead: it leaves the ISR, unless it is the last, and another
/// replica of the ISR leads.
pub(super) fn without(image: &ClusterImage, broker: BrokerId) -> Vec<MetadataRecord<'static>> {
    changes(image, |partition| leave(image, partition, broker))
}

/// The changes of partitions whose replica on `broker` is in one of these directories, which have failed.
pub(super) fn without_directories(
    image: &ClusterImage,
    broker: BrokerId,
    failed: &[Uuid],
) -> Vec<MetadataRecord<'static>> {
    changes(image, |partition| {
        let is_there = partition.replicas.contains(&broker);
        if is_there && failed.contains(&partition.directory_of(broker)) {
            leave(image, partition, broker)
        } else {
            Partition::clone(partition)
        }
    })
}

/// The broker leaves the ISR, unless it is the last, and leads no more.
fn leave(image: &ClusterImage, partition: &Partition, broker: BrokerId) -> Partition {
    let mut target = Partition::clone(partition);
    target.isr.retain(|id| *id != broker);
    if target.isr.is_empty() {
        target.isr.clone_from(&partition.isr);
    }
    elect(&mut target, |id| id != broker && can_lead(image, partition, id));
    target
}

/// Whether a replica can lead: its broker is active, and its directory has not failed.
fn can_lead(image: &ClusterImage, partition: &Partition, id: BrokerId) -> bool {
    image
        .broker(id)
        .is_some_and(|broker| broker.is_active() && broker.has_online_dir(partition.directory_of(id)))
}

/// The change of a partition whose replica on `broker` is in another directory than was known. If it could not lead
/// before, it may now, and the other way round.
pub(super) fn in_directory(
    image: &ClusterImage,
    topic_id: Uuid,
    index: i32,
    partition: &Partition,
    (broker, directory): (BrokerId, Uuid),
) -> Option<MetadataRecord<'static>> {
    let mut target = Partition::clone(partition);
    let at = partition.replicas.iter().position(|replica| *replica == broker)?;
    target.directories.resize(partition.replicas.len(), directory::UNASSIGNED);
    *target.directories.get_mut(at)? = directory;
    let placed = target.clone();
    if image.broker(broker).is_some_and(|known| known.has_online_dir(directory)) {
        if target.leader.is_none() {
            elect(&mut target, |id| can_lead(image, &placed, id));
        }
    } else {
        target = leave(image, &placed, broker);
    }
    (target != *partition)
        .then(|| MetadataRecord::PartitionChange(change(topic_id, index, partition, &target)))
}

/// The changes of partitions when `broker` can lead again: those without a leader may have one.
pub(super) fn with(image: &ClusterImage, broker: BrokerId) -> Vec<MetadataRecord<'static>> {
    changes(image, |partition| {
        let mut target = Partition::clone(partition);
        let is_back = |id: BrokerId| {
            id == broker
                && image.broker(id).is_some_and(|known| known.has_online_dir(partition.directory_of(id)))
        };
        elect(&mut target, |id| is_back(id) || can_lead(image, partition, id));
        target
    })
}

/// The leader stays while it can, else the first live replica of the ISR leads. Without an ISR, one of the ELR has all
/// that was acknowledged; without that too, who was last known to be in it has the most there is, and recovers.
fn elect(partition: &mut Partition, is_active: impl Fn(BrokerId) -> bool) {
    let first_of = |candidates: &[BrokerId]| {
        let can_lead = |id: &BrokerId| candidates.contains(id) && is_active(*id);
        partition.leader.filter(can_lead).or_else(|| partition.replicas.iter().copied().find(can_lead))
    };
    let from_isr = first_of(&partition.isr);
    if from_isr.is_some() || !partition.isr.is_empty() {
        partition.leader = from_isr;
        return;
    }
    let from_elr = first_of(&partition.elr);
    let last_known = match (&partition.elr[..], &partition.last_known_elr[..]) {
        ([], [last]) => Some(*last).filter(|id| is_active(*id)),
        _ => None,
    };
    partition.leader = from_elr.or(last_known);
    if let Some(leader) = partition.leader {
        partition.recovering |= from_elr.is_none();
        partition.isr = vec![leader];
        partition.elr.clear();
        partition.last_known_elr.clear();
    }
}

/// A record for each partition that `target` wants to be otherwise.
fn changes(image: &ClusterImage, target: impl Fn(&Partition) -> Partition) -> Vec<MetadataRecord<'static>> {
    let mut records = vec![];
    for topic in image.topics().values() {
        for (index, partition) in &topic.partitions {
            let target = target(partition);
            if target != **partition {
                let record = change(topic.id, *index, partition, &target);
                records.push(MetadataRecord::PartitionChange(record));
            }
        }
    }
    records
}

fn change(topic_id: Uuid, partition_id: i32, from: &Partition, to: &Partition) -> PartitionChangeRecord {
    let brokers = |from: &[BrokerId], to: &[BrokerId]| (from != to).then(|| numbers(to));
    PartitionChangeRecord {
        partition_id,
        topic_id,
        leader: if from.leader == to.leader { NO_LEADER_CHANGE } else { leader_number(to.leader) },
        isr: brokers(&from.isr, &to.isr),
        eligible_leader_replicas: brokers(&from.elr, &to.elr),
        last_known_elr: brokers(&from.last_known_elr, &to.last_known_elr),
        directories: (from.directories != to.directories).then(|| to.directories.clone()),
        leader_recovery_state: if from.recovering == to.recovering { NO_RECOVERY_CHANGE } else { RECOVERING },
        ..PartitionChangeRecord::default()
    }
}
