//! The properties of one topic in force, typed, as its partitions use them.

use super::broker_configs::{BrokerConfigs, Values};
use super::tables::TOPIC;
use std::sync::Arc;
use stdx::properties::{Error, Properties, Value};

/// What happens to old segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Segments beyond the retention limits are dropped.
    pub delete: bool,
    /// Only the last record of each key is kept.
    pub compact: bool,
}

/// The codec that batches are stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionType {
    /// The one that the producer chose.
    Producer,
    /// None.
    Uncompressed,
    /// gzip with this level, -1 for the library's default.
    Gzip(i32),
    /// snappy.
    Snappy,
    /// lz4 with this level.
    Lz4(i32),
    /// zstd with this level.
    Zstd(i32),
}

/// Which time a record carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// When its producer created it.
    CreateTime,
    /// When the broker appended it.
    LogAppendTime,
}

/// The properties of one topic in force. Shared by its partitions; a change makes a new one.
///
/// Times are milliseconds, sizes bytes. -1 stands for no bound where the property says so, `i64::MAX` for never.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each field is the property of its name, documented in the table")]
pub struct TopicConfig {
    pub acks_all_fsync: bool,
    pub cleanup_policy: CleanupPolicy,
    pub compression_type: CompressionType,
    pub delete_retention_ms: i64,
    pub file_delete_delay_ms: i64,
    pub flush_messages: i64,
    pub flush_ms: i64,
    pub index_interval_bytes: u32,
    pub local_retention_bytes: i64,
    pub local_retention_ms: i64,
    pub max_compaction_lag_ms: i64,
    pub max_decompressed_message_bytes: u32,
    pub max_message_bytes: u32,
    /// `millstream.max.unpacked.batch.bytes` of the broker.
    pub max_unpacked_batch_bytes: u32,
    pub message_timestamp_after_max_ms: i64,
    pub message_timestamp_before_max_ms: i64,
    pub message_timestamp_type: TimestampType,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag_ms: i64,
    pub min_insync_replicas: u32,
    pub preallocate: bool,
    pub remote_storage_enable: bool,
    pub retention_bytes: i64,
    pub retention_ms: i64,
    pub segment_bytes: u32,
    pub segment_index_bytes: u32,
    pub segment_jitter_ms: i64,
    pub segment_ms: i64,
    pub unclean_leader_election_enable: bool,
}

impl TopicConfig {
    /// What is in force for a topic that sets `overrides`. An override that is malformed is an error: the controller
    /// admits none, so it comes from another version.
    pub fn resolve(broker: &BrokerConfigs, overrides: &Properties) -> Result<Arc<TopicConfig>, Error> {
        let mut values = broker.topic_defaults().clone();
        for row in TOPIC.iter() {
            let text = overrides.get(row.name);
            if text.is_some() || !values.contains_key(row.name) {
                values.insert(row.name, row.resolve(text)?);
            }
        }
        let mut config = TopicConfig::from_values(&Reader(&values));
        config.max_unpacked_batch_bytes = clamp(broker.int("millstream.max.unpacked.batch.bytes"));
        Ok(Arc::new(config))
    }

    fn from_values(v: &Reader<'_>) -> TopicConfig {
        let policy = v.list("cleanup.policy");
        let policy_has = |name: &str| policy.iter().any(|p| p == name);
        // -2: as much as is kept at all.
        let local = |name: &str, all: &str| if v.int(name) == -2 { v.int(all) } else { v.int(name) };
        let segment_bytes = v.get("internal.segment.bytes").and_then(Value::as_i64);
        TopicConfig {
            acks_all_fsync: v.flag("millstream.acks.all.fsync"),
            cleanup_policy: CleanupPolicy { delete: policy_has("delete"), compact: policy_has("compact") },
            compression_type: v.compression_type(),
            delete_retention_ms: v.int("delete.retention.ms"),
            file_delete_delay_ms: v.int("file.delete.delay.ms"),
            flush_messages: v.int("flush.messages"),
            flush_ms: v.int("flush.ms"),
            index_interval_bytes: v.size("index.interval.bytes"),
            local_retention_bytes: local("local.retention.bytes", "retention.bytes"),
            local_retention_ms: local("local.retention.ms", "retention.ms"),
            max_compaction_lag_ms: v.int("max.compaction.lag.ms"),
            max_decompressed_message_bytes: v.size("max.decompressed.message.bytes"),
            max_message_bytes: v.size("max.message.bytes"),
            max_unpacked_batch_bytes: u32::MAX,
            message_timestamp_after_max_ms: v.int("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: v.int("message.timestamp.before.max.ms"),
            message_timestamp_type: match v.text("message.timestamp.type") {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            min_cleanable_dirty_ratio: v
                .get("min.cleanable.dirty.ratio")
                .and_then(Value::as_f64)
                .unwrap_or(0.5),
            min_compaction_lag_ms: v.int("min.compaction.lag.ms"),
            min_insync_replicas: v.size("min.insync.replicas"),
            preallocate: v.flag("preallocate"),
            remote_storage_enable: v.flag("remote.storage.enable"),
            retention_bytes: v.int("retention.bytes"),
            retention_ms: v.int("retention.ms"),
            segment_bytes: clamp(segment_bytes.unwrap_or_else(|| v.int("segment.bytes"))),
            segment_index_bytes: v.size("segment.index.bytes"),
            segment_jitter_ms: v.int("segment.jitter.ms"),
            segment_ms: v.int("segment.ms"),
            unclean_leader_election_enable: v.flag("unclean.leader.election.enable"),
        }
    }

    /// Age at which the active segment is rolled: a compacted topic rolls in time for its longest compaction lag,
    /// because the active segment is never compacted.
    pub fn max_segment_ms(&self) -> i64 {
        if self.cleanup_policy.compact && self.max_compaction_lag_ms > 0 {
            self.max_compaction_lag_ms.min(self.segment_ms)
        } else {
            self.segment_ms
        }
    }
}

struct Reader<'a>(&'a Values);

impl Reader<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)?.as_ref()
    }

    fn int(&self, name: &str) -> i64 {
        self.get(name).and_then(Value::as_i64).unwrap_or_default()
    }

    fn size(&self, name: &str) -> u32 {
        clamp(self.int(name))
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn list(&self, name: &str) -> &[String] {
        self.get(name).and_then(Value::as_list).unwrap_or_default()
    }

    fn compression_type(&self) -> CompressionType {
        // Levels are of type INT in the table.
        let level = |name: &str| i32::try_from(self.int(name)).unwrap_or_default();
        match self.text("compression.type") {
            "gzip" => CompressionType::Gzip(level("compression.gzip.level")),
            "snappy" => CompressionType::Snappy,
            "lz4" => CompressionType::Lz4(level("compression.lz4.level")),
            "zstd" => CompressionType::Zstd(level("compression.zstd.level")),
            "uncompressed" => CompressionType::Uncompressed,
            _ => CompressionType::Producer,
        }
    }
}

/// The validators keep sizes within 0 and `i32::MAX`.
fn clamp(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn resolve(file: &[(&str, &str)], overrides: &[(&str, &str)]) -> Arc<TopicConfig> {
        let broker = BrokerConfigs::new(file.iter().copied().collect()).expect("valid");
        TopicConfig::resolve(&broker, &overrides.iter().copied().collect()).expect("valid")
    }

    /// The values that `LogConfig` of Kafka 4.4 has with no property set, and ours.
    #[test]
    fn defaults() {
        let expect = TopicConfig {
            acks_all_fsync: true,
            cleanup_policy: CleanupPolicy { delete: true, compact: false },
            compression_type: CompressionType::Producer,
            delete_retention_ms: 86_400_000,
            file_delete_delay_ms: 60_000,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            index_interval_bytes: 4096,
            local_retention_bytes: -1,
            local_retention_ms: 604_800_000,
            max_compaction_lag_ms: i64::MAX,
            max_decompressed_message_bytes: 2_147_483_639,
            max_message_bytes: 1_048_588,
            max_unpacked_batch_bytes: 134_217_728,
            message_timestamp_after_max_ms: 3_600_000,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_type: TimestampType::CreateTime,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            min_insync_replicas: 1,
            preallocate: false,
            remote_storage_enable: false,
            retention_bytes: -1,
            retention_ms: 604_800_000,
            segment_bytes: 1_073_741_824,
            segment_index_bytes: 10_485_760,
            segment_jitter_ms: 0,
            segment_ms: 604_800_000,
            unclean_leader_election_enable: false,
        };
        assert_eq!(*resolve(&[], &[]), expect);
    }

    #[test]
    fn overrides_and_broker_values() {
        let config = resolve(
            &[("log.retention.hours", "1"), ("log.segment.bytes", "2000000"), ("min.insync.replicas", "2")],
            &[
                ("segment.bytes", "3000000"),
                ("cleanup.policy", "compact"),
                ("compression.type", "zstd"),
                ("message.timestamp.type", "LogAppendTime"),
                ("max.compaction.lag.ms", "7"),
                ("millstream.acks.all.fsync", "false"),
            ],
        );
        assert_eq!(
            (config.retention_ms, config.segment_bytes, config.min_insync_replicas),
            (3_600_000, 3_000_000, 2)
        );
        assert_eq!(config.cleanup_policy, CleanupPolicy { delete: false, compact: true });
        assert_eq!(config.compression_type, CompressionType::Zstd(3));
        assert_eq!(config.message_timestamp_type, TimestampType::LogAppendTime);
        assert_eq!(config.max_segment_ms(), 7);
        assert!(!config.acks_all_fsync);
    }

    #[test]
    fn test_segments_may_be_small() {
        assert_eq!(resolve(&[], &[("internal.segment.bytes", "100")]).segment_bytes, 100);
    }

    #[test]
    fn malformed_overrides_are_errors() {
        let broker = BrokerConfigs::new(Properties::default()).expect("valid");
        let overrides = [("retention.ms", "x")].into_iter().collect();
        assert!(TopicConfig::resolve(&broker, &overrides).is_err());
    }
}
