//! What the machine needs to know of the properties.

/// How share state is written and kept small.
#[derive(Clone, Debug)]
pub struct ShareStateConfig {
    /// `share.coordinator.snapshot.update.records.per.snapshot`.
    pub updates_per_snapshot: u32,
    /// `share.coordinator.state.topic.prune.interval.ms`.
    pub prune_interval_ms: i64,
    /// `share.coordinator.cold.partition.snapshot.interval.ms`.
    pub cold_snapshot_interval_ms: i64,
    /// At most so many share-partitions in one batch of records that nobody asked for.
    pub max_records_at_once: usize,
}

impl Default for ShareStateConfig {
    fn default() -> Self {
        Self {
            updates_per_snapshot: 500,
            prune_interval_ms: 5 * 60 * 1_000,
            cold_snapshot_interval_ms: 5 * 60 * 1_000,
            max_records_at_once: 100,
        }
    }
}
