//! The features of a cluster beside `metadata.version` (KIP-584, KIP-1022): protocols that are used once they are finalized.

/// A feature, whose levels begin at 0, for not in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// The highest level that is known, that of Kafka 4.4.
    pub latest: i16,
    /// Whether its protocol is served. What is not, an Apache Kafka may have finalized: a cluster that has it can be
    /// opened and keeps it, but clients are not told of it.
    pub is_served: bool,
}

impl Feature {
    /// The consumer protocol of KIP-848.
    pub const GROUP_VERSION: &'static str = "group.version";
    /// Share groups (KIP-932).
    pub const SHARE_VERSION: &'static str = "share.version";
    /// How transactions are done (KIP-890).
    pub const TRANSACTION_VERSION: &'static str = "transaction.version";

    /// Every feature that is known, by name.
    pub const ALL: [Self; 5] = [
        Self { name: "eligible.leader.replicas.version", latest: 1, is_served: false },
        Self { name: Self::GROUP_VERSION, latest: 1, is_served: true },
        Self { name: Self::SHARE_VERSION, latest: 2, is_served: false },
        Self { name: "streams.version", latest: 1, is_served: false },
        Self { name: Self::TRANSACTION_VERSION, latest: 2, is_served: true },
    ];

    /// The feature of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name == name)
    }

    /// The features that are served: a new cluster has them at their latest level.
    pub fn served() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|feature| feature.is_served)
    }
}
