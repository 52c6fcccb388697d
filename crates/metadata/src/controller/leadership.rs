//! Who leads when a broker comes or goes.
//!
//! Does not know unclean election nor ELR (KIP-966): a partition without a live replica in its ISR has no leader.

use protocol::messages::PartitionChangeRecord;
use protocol::{BrokerId, MetadataRecord, Uuid};

use crate::image::{NO_LEADER_CHANGE, leader_number, numbers};
use crate::{ClusterImage, Partition};

/// The changes of partitions when `broker` can no longer lead: it leaves the ISR, unless it is the last, and another
/// replica of the ISR leads.
pub(super) fn without(image: &ClusterImage, broker: BrokerId) -> Vec<MetadataRecord<'static>> {
    changes(image, |partition| {
        let isr: Vec<BrokerId> = partition.isr.iter().copied().filter(|id| *id != broker).collect();
        let isr = if isr.is_empty() { partition.isr.clone() } else { isr };
        (elect(partition, &isr, |id| id != broker && image.is_active(id)), isr)
    })
}

/// The changes of partitions when `broker` can lead again: those without a leader may have one.
pub(super) fn with(image: &ClusterImage, broker: BrokerId) -> Vec<MetadataRecord<'static>> {
    changes(image, |partition| {
        (elect(partition, &partition.isr, |id| id == broker || image.is_active(id)), partition.isr.clone())
    })
}

/// The leader stays while it can, else the first live replica of the ISR leads.
fn elect(partition: &Partition, isr: &[BrokerId], is_active: impl Fn(BrokerId) -> bool) -> Option<BrokerId> {
    let can_lead = |id: &BrokerId| isr.contains(id) && is_active(*id);
    partition.leader.filter(can_lead).or_else(|| partition.replicas.iter().copied().find(can_lead))
}

/// A record for each partition for which `target` says another leader or ISR.
fn changes(
    image: &ClusterImage,
    target: impl Fn(&Partition) -> (Option<BrokerId>, Vec<BrokerId>),
) -> Vec<MetadataRecord<'static>> {
    let change = |topic_id: Uuid, partition_id: i32, partition: &Partition| {
        let (leader, isr) = target(partition);
        let (other_leader, other_isr) = (leader != partition.leader, isr != partition.isr);
        (other_leader || other_isr).then(|| {
            MetadataRecord::PartitionChange(PartitionChangeRecord {
                partition_id,
                topic_id,
                leader: if other_leader { leader_number(leader) } else { NO_LEADER_CHANGE },
                isr: other_isr.then(|| numbers(&isr)),
                ..PartitionChangeRecord::default()
            })
        })
    };
    let topics = image.topics().values();
    topics
        .flat_map(|topic| topic.partitions.iter().filter_map(move |(id, p)| change(topic.id, *id, p)))
        .collect()
}
