//! `metadata.version`: which records and versions of records a log may hold (KIP-584, KIP-778).

/// A finalized level of `metadata.version`. Levels are Kafka's: 33 is `4.4-IV2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataVersion(i16);

impl MetadataVersion {
    /// The name of the feature.
    pub const FEATURE: &'static str = "metadata.version";
    /// The lowest level that we read: `3.3-IV3`, as Kafka 4 does.
    pub const MIN: Self = Self(7);
    /// The highest level, and that of a new cluster: `4.4-IV2`.
    pub const LATEST: Self = Self(33);

    const DIRECTORIES: Self = Self(17);
    const ELIGIBLE_LEADER_REPLICAS: Self = Self(23);
    const CORDONED_DIRECTORIES: Self = Self(30);

    /// The level of a number; `None` outside of what we speak.
    pub fn from_level(level: i16) -> Option<Self> {
        (Self::MIN..=Self::LATEST).contains(&Self(level)).then_some(Self(level))
    }

    /// The number.
    pub const fn level(self) -> i16 {
        self.0
    }

    /// The version of `RegisterBrokerRecord`.
    pub(crate) fn register_broker_record(self) -> i16 {
        match self.0 {
            30.. => 4,
            17.. => 3,
            8.. => 2,
            _ => 1,
        }
    }

    /// The version of `PartitionRecord` and of `PartitionChangeRecord`.
    pub(crate) fn partition_record(self) -> i16 {
        match self.0 {
            23.. => 2,
            17.. => 1,
            _ => 0,
        }
    }

    /// Whether replicas have directories (KIP-858).
    pub fn has_directories(self) -> bool {
        self >= Self::DIRECTORIES
    }

    /// Whether partitions have eligible leader replicas (KIP-966).
    pub fn has_eligible_leader_replicas(self) -> bool {
        self >= Self::ELIGIBLE_LEADER_REPLICAS
    }

    /// Whether directories can be cordoned (KIP-1066).
    pub fn has_cordoned_directories(self) -> bool {
        self >= Self::CORDONED_DIRECTORIES
    }
}

impl Default for MetadataVersion {
    /// What a log without a level record is read as.
    fn default() -> Self {
        Self::MIN
    }
}

impl std::fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}
