//! What the machine needs to know of the properties.

use super::transaction::TransactionVersion;

/// The limits of transactions, and how the cluster does them.
#[derive(Clone, Debug)]
pub struct TransactionConfig {
    /// `transaction.max.timeout.ms`.
    pub max_timeout_ms: i32,
    /// `transactional.id.expiration.ms`.
    pub id_expiration_ms: i64,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub expiry_interval_ms: i64,
    /// How many transactional ids there may be. Kafka has no limit.
    pub max_transactional_ids: usize,
    /// At most so many tombstones in one batch.
    pub max_tombstones: usize,
    /// The feature `transaction.version` as the cluster has it.
    pub version: TransactionVersion,
}

impl Default for TransactionConfig {
    fn default() -> Self {
        Self {
            max_timeout_ms: 15 * 60 * 1_000,
            id_expiration_ms: 7 * 24 * 60 * 60 * 1_000,
            expiry_interval_ms: 60 * 60 * 1_000,
            max_transactional_ids: 1_000_000,
            max_tombstones: 1_000,
            version: TransactionVersion::V2,
        }
    }
}
