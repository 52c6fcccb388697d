//! What the machine needs to know of the properties of the broker and of the group.

/// The limits of deliveries to a share group.
#[derive(Clone, Copy, Debug)]
pub struct SharePartitionConfig {
    /// `share.record.lock.duration.ms` of the group, or `group.share.record.lock.duration.ms`.
    pub record_lock_duration_ms: u32,
    /// `share.delivery.count.limit` of the group, or `group.share.delivery.count.limit`.
    pub delivery_count_limit: i16,
    /// `share.partition.max.record.locks` of the group, or `group.share.partition.max.record.locks`.
    pub max_record_locks: i32,
    /// `share.renew.acknowledge.enable` of the group (KIP-1222).
    pub renew_enabled: bool,
    /// Whether records that are given up go to a dead letter topic first (`errors.deadletterqueue.topic.name`, KIP-1191).
    pub dead_letters: bool,
}

impl Default for SharePartitionConfig {
    fn default() -> Self {
        Self {
            record_lock_duration_ms: 30_000,
            delivery_count_limit: 5,
            max_record_locks: 2_000,
            renew_enabled: true,
            dead_letters: false,
        }
    }
}

impl SharePartitionConfig {
    /// From so many deliveries on a record may be what makes its receivers fail: it is delivered with fewer others.
    pub(super) fn throttled_from(&self) -> i16 {
        (self.delivery_count_limit / 2 + self.delivery_count_limit % 2).max(2)
    }
}
