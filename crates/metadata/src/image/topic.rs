//! Topics and partitions of the image.

use std::sync::Arc;

use imbl::OrdMap;
use protocol::messages::{PartitionChangeRecord, PartitionRecord};
use protocol::{BrokerId, LeaderEpoch, Uuid};

use crate::MetadataVersion;

/// A topic. Shared between images until it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id: a topic deleted and created again has another.
    pub id: Uuid,
    /// Its partitions by index.
    pub partitions: OrdMap<i32, Arc<Partition>>,
}

/// Where a partition lives and who leads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The brokers that hold it, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The directory of each replica, in the order of `replicas`; see [`directory`].
    pub directories: Vec<Uuid>,
    /// The replicas that have all that was acknowledged.
    pub isr: Vec<BrokerId>,
    /// Replicas that a reassignment takes away.
    pub removing_replicas: Vec<BrokerId>,
    /// Replicas that a reassignment adds.
    pub adding_replicas: Vec<BrokerId>,
    /// Replicas outside of the ISR that have all below the high watermark (KIP-966).
    pub elr: Vec<BrokerId>,
    /// The last ELR known (KIP-966).
    pub last_known_elr: Vec<BrokerId>,
    /// Who leads; nobody while no replica can.
    pub leader: Option<BrokerId>,
    /// Whether the leader was elected without being in the ISR, and recovers (KIP-704).
    pub recovering: bool,
    /// The leader's term.
    pub leader_epoch: LeaderEpoch,
    /// Counts the changes of this partition.
    pub partition_epoch: i32,
}

impl Partition {
    /// The directory of the replica on a broker.
    pub fn directory_of(&self, broker: BrokerId) -> Uuid {
        let at = self.replicas.iter().position(|replica| *replica == broker);
        at.and_then(|at| self.directories.get(at)).copied().unwrap_or(directory::UNASSIGNED)
    }
}

/// Ids of directories that are no directory (KIP-858).
pub mod directory {
    use protocol::Uuid;

    const fn reserved(number: u8) -> Uuid {
        Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number])
    }

    /// The broker chooses.
    pub const UNASSIGNED: Uuid = reserved(0);
    /// The directory has failed.
    pub const LOST: Uuid = reserved(1);
    /// The record is older than directories.
    pub const MIGRATING: Uuid = reserved(2);

    /// Whether an id may not be a directory's: the first hundred are not.
    pub fn is_reserved(id: Uuid) -> bool {
        u128::from_be_bytes(id.0) < 100
    }
}

/// In a `PartitionChangeRecord`: the leader stays.
pub(crate) const NO_LEADER_CHANGE: i32 = -2;
const NO_LEADER: i32 = -1;
const NO_RECOVERY_CHANGE: i8 = -1;

/// The wire's number of a leader.
pub(crate) fn leader_number(leader: Option<BrokerId>) -> i32 {
    leader.map_or(NO_LEADER, BrokerId::get)
}

fn leader_of(number: i32) -> Option<BrokerId> {
    (number >= 0).then_some(BrokerId(number))
}

fn brokers(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

/// The wire's numbers of brokers.
pub(crate) fn numbers(ids: &[BrokerId]) -> Vec<i32> {
    ids.iter().copied().map(BrokerId::get).collect()
}

fn unless_empty(ids: &[BrokerId]) -> Option<Vec<i32>> {
    (!ids.is_empty()).then(|| numbers(ids))
}

fn directories(given: &[Uuid], replicas: usize) -> Vec<Uuid> {
    if given.is_empty() { vec![directory::MIGRATING; replicas] } else { given.to_vec() }
}

impl Partition {
    /// The partition of a record; the error is a `leader_recovery_state` without a meaning.
    pub(crate) fn from_record(record: &PartitionRecord) -> Result<Self, i8> {
        Ok(Self {
            replicas: brokers(&record.replicas),
            directories: directories(&record.directories, record.replicas.len()),
            isr: brokers(&record.isr),
            removing_replicas: brokers(&record.removing_replicas),
            adding_replicas: brokers(&record.adding_replicas),
            elr: brokers(record.eligible_leader_replicas.as_deref().unwrap_or_default()),
            last_known_elr: brokers(record.last_known_elr.as_deref().unwrap_or_default()),
            leader: leader_of(record.leader),
            recovering: recovering(record.leader_recovery_state)?,
            leader_epoch: LeaderEpoch(record.leader_epoch),
            partition_epoch: record.partition_epoch,
        })
    }

    /// Applies a change: what the record leaves out stays. The error is a `leader_recovery_state` without a meaning.
    pub(crate) fn apply(&mut self, change: &PartitionChangeRecord) -> Result<(), i8> {
        if change.leader_recovery_state != NO_RECOVERY_CHANGE {
            self.recovering = recovering(change.leader_recovery_state)?;
        }
        if change.leader != NO_LEADER_CHANGE {
            self.leader = leader_of(change.leader);
            self.leader_epoch.0 += 1;
        }
        let set = |field: &mut Vec<BrokerId>, to: &Option<Vec<i32>>| {
            if let Some(ids) = to {
                *field = brokers(ids);
            }
        };
        set(&mut self.replicas, &change.replicas);
        set(&mut self.isr, &change.isr);
        set(&mut self.removing_replicas, &change.removing_replicas);
        set(&mut self.adding_replicas, &change.adding_replicas);
        set(&mut self.elr, &change.eligible_leader_replicas);
        set(&mut self.last_known_elr, &change.last_known_elr);
        if let Some(given) = &change.directories {
            self.directories = directories(given, self.replicas.len());
        }
        self.partition_epoch += 1;
        Ok(())
    }

    /// The record that makes this partition, as a log of `metadata_version` can hold it.
    pub(crate) fn to_record(
        &self,
        topic_id: Uuid,
        partition_id: i32,
        metadata_version: MetadataVersion,
    ) -> PartitionRecord {
        let with_elr = metadata_version.has_eligible_leader_replicas();
        PartitionRecord {
            partition_id,
            topic_id,
            replicas: numbers(&self.replicas),
            isr: numbers(&self.isr),
            removing_replicas: numbers(&self.removing_replicas),
            adding_replicas: numbers(&self.adding_replicas),
            leader: leader_number(self.leader),
            leader_recovery_state: i8::from(self.recovering),
            leader_epoch: self.leader_epoch.get(),
            partition_epoch: self.partition_epoch,
            directories: if metadata_version.has_directories() { self.directories.clone() } else { vec![] },
            eligible_leader_replicas: unless_empty(&self.elr).filter(|_| with_elr),
            last_known_elr: unless_empty(&self.last_known_elr).filter(|_| with_elr),
            ..PartitionRecord::default()
        }
    }
}

fn recovering(state: i8) -> Result<bool, i8> {
    match state {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(other),
    }
}
