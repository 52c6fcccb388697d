//! The settings and limits of the group machine, under Kafka's names where Kafka has them.

use super::consumer::ConsumerGroupConfig;

/// The settings of classic groups and of committed offsets.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`.
    pub max_size: usize,
    /// How long a new member may wait in the join barrier before it must ask again. Kafka has no property for it.
    pub new_member_join_timeout_ms: i32,
    /// `offset.metadata.max.bytes`, which Kafka counts in UTF-16 units.
    pub offset_metadata_max_units: usize,
    /// `offsets.retention.minutes`, as milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
    /// Consumer groups.
    pub consumer: ConsumerGroupConfig,
    /// What a stranger can grow and Kafka does not limit.
    pub limits: Limits,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            max_size: i32::MAX as usize,
            new_member_join_timeout_ms: 5 * 60 * 1_000,
            offset_metadata_max_units: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
            offsets_retention_check_interval_ms: 600_000,
            consumer: ConsumerGroupConfig::default(),
            limits: Limits::default(),
        }
    }
}

/// Limits that Kafka does not have. Each refuses with the error named.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Groups of one coordinator: a request that would create one more gets `POLICY_VIOLATION`.
    pub max_groups: usize,
    /// Members of one group that were given an id (KIP-394) and have not come back with it:
    /// the next gets `COORDINATOR_LOAD_IN_PROGRESS`, which clients retry.
    pub max_pending_members: usize,
    /// Protocols that one member may name: more get `INVALID_REQUEST`.
    pub max_member_protocols: usize,
    /// Bytes of names and metadata of all protocols of one member: more get `INVALID_REQUEST`.
    pub max_member_metadata_bytes: usize,
    /// Bytes of a group id: a longer one gets `INVALID_GROUP_ID`. Bytes of a `group.instance.id`, a client id, an
    /// address and a protocol type: longer ones get `INVALID_REQUEST`. A member id is a client or instance id and 37
    /// bytes, and must fit a `string` of the protocol (32,767 bytes).
    pub max_name_bytes: usize,
    /// Tombstones that one round of expiry or of topic deletion writes; the rest follows in the next.
    pub max_tombstones: usize,
    /// Groups that one round of expiry looks at.
    pub max_expiry_groups: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_groups: 1_000_000,
            max_pending_members: 10_000,
            max_member_protocols: 64,
            max_member_metadata_bytes: 4 << 20,
            max_name_bytes: 16 << 10,
            max_tombstones: 1_000,
            max_expiry_groups: 10_000,
        }
    }
}
