//! What a log wants to know of its topic's configuration. Property names are Kafka's; parsing them is not done here.

use protocol::compression::Compression;
use protocol::records::TimestampType;

/// The configuration of a log. The defaults are Kafka's.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment does not grow beyond this.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment does not span more time than this.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: up to this much earlier, so that not all partitions roll at once.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: a segment whose index is this long is full.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: how far index entries are apart.
    pub index_interval_bytes: u32,
    /// `cleanup.policy` has `delete`.
    pub delete: bool,
    /// `cleanup.policy` has `compact`: records need keys, and of each key the newest stays.
    pub compact: bool,
    /// `min.compaction.lag.ms`: records younger than this stay as they are.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: records older than this are to be cleaned, whatever the share of the dirty part.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`: the share of the dirty part from which a cleaning is worth it.
    pub min_cleanable_dirty_ratio: f64,
    /// `delete.retention.ms`: how long tombstones stay once they were cleaned.
    pub delete_retention_ms: i64,
    /// `retention.bytes`; negative: no limit.
    pub retention_bytes: i64,
    /// `retention.ms`; negative: no limit.
    pub retention_ms: i64,
    /// `max.message.bytes`: the greatest batch that is accepted.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub message_timestamp_after_max_ms: i64,
    /// `compression.type` with its level; `None` is `producer`: as the producer sent it.
    pub compression: Option<Compression>,
    /// What a compressed batch may unpack to. Kafka has no such limit.
    pub max_decompressed_bytes: usize,
    /// `producer.id.expiration.ms`: idempotent producers that are silent for so long are forgotten.
    pub producer_id_expiration_ms: i64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            delete: true,
            compact: false,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
            delete_retention_ms: 24 * 3_600_000,
            retention_bytes: -1,
            retention_ms: 7 * 24 * 3_600_000,
            max_message_bytes: 1_048_588,
            message_timestamp_type: TimestampType::CreateTime,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_after_max_ms: 3_600_000,
            compression: None,
            max_decompressed_bytes: 256 << 20,
            producer_id_expiration_ms: 24 * 3_600_000,
        }
    }
}
