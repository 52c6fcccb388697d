//! A transactional id as the log has it, and every transition that it can make (KIP-98, KIP-360, KIP-890).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use protocol::{ProducerEpoch, ProducerId};

/// The state of a transaction, with Kafka's numbers and names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionState {
    /// A producer has the id, and nothing was written yet.
    Empty,
    /// Partitions belong to it.
    Ongoing,
    /// It is decided: markers that commit are being written.
    PrepareCommit,
    /// It is decided: markers that abort are being written.
    PrepareAbort,
    /// Every partition has its marker.
    CompleteCommit,
    /// Every partition has its marker.
    CompleteAbort,
    /// The id expires. Never written here; Kafka's logs may have it.
    Dead,
    /// A newer producer is about to fence this one. Never written, not by Kafka either.
    PrepareEpochFence,
}

impl TransactionState {
    /// All of them, by number.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
        Self::Dead,
        Self::PrepareEpochFence,
    ];

    /// Its number in records.
    pub const fn id(self) -> i8 {
        self as i8
    }

    /// The state of a number.
    pub fn from_id(id: i8) -> Option<Self> {
        usize::try_from(id).ok().and_then(|id| Self::ALL.get(id).copied())
    }

    /// The state of a name, as ListTransactions has it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
            Self::Dead => "Dead",
            Self::PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// Whether the end of the transaction is decided and not everywhere yet.
    pub const fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a client, or the cluster, does transactions: the feature `transaction.version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionVersion {
    /// As in KIP-98.
    #[default]
    V0,
    /// With records that have tagged fields.
    V1,
    /// Each transaction has an epoch of its own, and partitions join by being written to (KIP-890).
    V2,
}

impl TransactionVersion {
    /// The version of a feature level; a later one than we know is the last.
    pub const fn from_level(level: i16) -> Self {
        match level {
            ..=0 => Self::V0,
            1 => Self::V1,
            2.. => Self::V2,
        }
    }

    /// Its feature level.
    pub const fn level(self) -> i16 {
        self as i16
    }

    /// Whether the end of a transaction raises the epoch.
    pub const fn raises_epoch(self) -> bool {
        matches!(self, Self::V2)
    }
}

/// No id, or no epoch.
pub(super) const NO_PRODUCER: ProducerId = ProducerId(-1);
pub(super) const NO_EPOCH: ProducerEpoch = ProducerEpoch(-1);

/// Whether a producer id has no epoch left for a client: the last one is kept for the coordinator, to fence with.
pub(super) const fn is_exhausted(epoch: ProducerEpoch) -> bool {
    epoch.0 >= i16::MAX - 1
}

/// What the log says of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The id that its producer has.
    pub producer_id: ProducerId,
    /// The one before, where epochs ran out; else the same, or none in records of the first version.
    pub previous_producer_id: ProducerId,
    /// The one that the producer has once the markers are written, where epochs run out.
    pub next_producer_id: ProducerId,
    /// The epoch that its producer has. While the end is prepared: that of the markers.
    pub producer_epoch: ProducerEpoch,
    /// `transaction.timeout.ms` of its producer.
    pub timeout_ms: i32,
    /// Its state.
    pub state: TransactionState,
    /// The partitions of the transaction, by topic.
    pub partitions: BTreeMap<Arc<str>, BTreeSet<i32>>,
    /// When the transaction began, or the last one did; -1 before the first.
    pub start_ms: i64,
    /// When it changed.
    pub last_update_ms: i64,
    /// How the client that changed it does transactions.
    pub client_version: TransactionVersion,
}

impl Transaction {
    /// A transactional id that a producer asks for the first time.
    pub(super) fn new(producer_id: ProducerId, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            producer_id,
            previous_producer_id: producer_id,
            next_producer_id: NO_PRODUCER,
            producer_epoch: ProducerEpoch(0),
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeMap::new(),
            start_ms: -1,
            last_update_ms: now_ms,
            client_version: TransactionVersion::V0,
        }
    }

    /// Whether a partition belongs to the transaction.
    pub fn has(&self, topic: &str, partition: i32) -> bool {
        self.partitions.get(topic).is_some_and(|partitions| partitions.contains(&partition))
    }

    /// Whether the epoch is a client's last one.
    pub fn is_exhausted(&self) -> bool {
        is_exhausted(self.producer_epoch)
    }

    /// A producer begins with an epoch; what it did before is over.
    pub(super) fn begun(&self, epoch: ProducerEpoch, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            previous_producer_id: self.producer_id,
            producer_epoch: epoch,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeMap::new(),
            start_ms: -1,
            last_update_ms: now_ms,
            next_producer_id: NO_PRODUCER,
            ..self.clone()
        }
    }

    /// The same with a new id, since epochs have run out.
    pub(super) fn rotated(&self, fresh: ProducerId, timeout_ms: i32, now_ms: i64) -> Self {
        Self { producer_id: fresh, ..self.begun(ProducerEpoch(0), timeout_ms, now_ms) }
    }

    /// More partitions belong to it.
    pub(super) fn extended<'a>(
        &self,
        more: impl Iterator<Item = (&'a str, i32)>,
        version: TransactionVersion,
        now_ms: i64,
    ) -> Self {
        let mut next = self.clone();
        if self.state != TransactionState::Ongoing {
            next.partitions.clear();
            next.start_ms = now_ms;
        }
        for (topic, partition) in more {
            match next.partitions.get_mut(topic) {
                Some(partitions) => drop(partitions.insert(partition)),
                None => drop(next.partitions.insert(topic.into(), BTreeSet::from([partition]))),
            }
        }
        Self {
            previous_producer_id: self.producer_id,
            next_producer_id: NO_PRODUCER,
            state: TransactionState::Ongoing,
            last_update_ms: now_ms,
            client_version: version,
            ..next
        }
    }

    /// The end is decided. With the second version the epoch goes up; `next_producer_id` is what follows it where that is
    /// the last one.
    pub(super) fn prepared(
        &self,
        committed: bool,
        version: TransactionVersion,
        next_producer_id: ProducerId,
        now_ms: i64,
    ) -> Self {
        let raised = i16::from(version.raises_epoch());
        let begins_here = self.state != TransactionState::Ongoing;
        Self {
            previous_producer_id: self.producer_id,
            next_producer_id,
            producer_epoch: ProducerEpoch(self.producer_epoch.0.saturating_add(raised)),
            state: if committed { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort },
            // One that ends before it had a partition has begun with its end.
            start_ms: if begins_here { now_ms } else { self.start_ms },
            last_update_ms: now_ms,
            client_version: version,
            ..self.clone()
        }
    }

    /// The transaction is aborted by the coordinator, and its producer fenced. Where the cluster does transactions of the
    /// second kind the record is one of them, whatever the client's was: its producer may learn the epoch by asking again.
    pub(super) fn fenced(&self, cluster: TransactionVersion, now_ms: i64) -> Self {
        let version = if cluster.raises_epoch() { cluster } else { TransactionVersion::V0 };
        let prepared = self.prepared(false, version, NO_PRODUCER, now_ms);
        Self { producer_epoch: ProducerEpoch(self.producer_epoch.0.saturating_add(1)), ..prepared }
    }

    /// Every partition has its marker.
    pub(super) fn completed(&self, now_ms: i64) -> Self {
        let rotates = self.client_version.raises_epoch() && self.next_producer_id != NO_PRODUCER;
        let (producer_id, producer_epoch) = match rotates {
            true => (self.next_producer_id, ProducerEpoch(0)),
            false => (self.producer_id, self.producer_epoch),
        };
        Self {
            producer_id,
            producer_epoch,
            previous_producer_id: self.producer_id,
            next_producer_id: NO_PRODUCER,
            state: match self.state {
                TransactionState::PrepareCommit => TransactionState::CompleteCommit,
                _ => TransactionState::CompleteAbort,
            },
            partitions: BTreeMap::new(),
            last_update_ms: now_ms,
            ..self.clone()
        }
    }
}
