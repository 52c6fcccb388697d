//! What the image sets, as the property tables take it, and what the log takes of that.

use std::ops::Deref;
use std::sync::Arc;

use log::LogConfig;
use metadata::configs::{BrokerConfigs, CompressionType, TimestampType as ConfiguredTimestamp, TopicConfig};
use metadata::{ClusterImage, ConfigResource};
use protocol::compression::{Codec, Compression};
use protocol::records::TimestampType;

/// The broker's configurations with the dynamic layers of the image.
pub(crate) fn broker_configs(
    start: &BrokerConfigs,
    image: &ClusterImage,
    id: protocol::BrokerId,
) -> BrokerConfigs {
    let cluster = image.properties(&ConfigResource::all_brokers());
    let broker = image.properties(&ConfigResource::broker(id));
    start.with_dynamic(&cluster, &broker)
}

/// What the partitions of a topic share of its configuration.
pub(crate) struct PartitionConfig {
    pub(crate) topic: Arc<TopicConfig>,
    pub(crate) log: Arc<LogConfig>,
}

impl PartitionConfig {
    pub(crate) fn new(topic: Arc<TopicConfig>, producer_id_expiration_ms: u64) -> Self {
        let log = Arc::new(log_config(&topic, producer_id_expiration_ms));
        Self { topic, log }
    }
}

impl Deref for PartitionConfig {
    type Target = TopicConfig;

    fn deref(&self) -> &TopicConfig {
        &self.topic
    }
}

/// What a log takes of its topic's configuration.
fn log_config(topic: &TopicConfig, producer_id_expiration_ms: u64) -> LogConfig {
    LogConfig {
        segment_bytes: topic.segment_bytes,
        segment_ms: topic.segment_ms,
        segment_jitter_ms: topic.segment_jitter_ms,
        segment_index_bytes: topic.segment_index_bytes,
        index_interval_bytes: topic.index_interval_bytes,
        delete: topic.cleanup_policy.delete,
        compact: topic.cleanup_policy.compact,
        min_compaction_lag_ms: topic.min_compaction_lag_ms,
        max_compaction_lag_ms: topic.max_compaction_lag_ms,
        min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
        delete_retention_ms: topic.delete_retention_ms,
        retention_bytes: topic.retention_bytes,
        retention_ms: topic.retention_ms,
        max_message_bytes: topic.max_message_bytes,
        message_timestamp_type: match topic.message_timestamp_type {
            ConfiguredTimestamp::CreateTime => TimestampType::CreateTime,
            ConfiguredTimestamp::LogAppendTime => TimestampType::LogAppendTime,
        },
        message_timestamp_before_max_ms: topic.message_timestamp_before_max_ms,
        message_timestamp_after_max_ms: topic.message_timestamp_after_max_ms,
        compression: compression(topic.compression_type),
        max_decompressed_bytes: topic.max_unpacked_batch_bytes as usize,
        producer_id_expiration_ms: i64::try_from(producer_id_expiration_ms).unwrap_or(i64::MAX),
    }
}

/// `None`: as the producer sent it. Levels were checked when they were set.
fn compression(kind: CompressionType) -> Option<Compression> {
    let level =
        |codec: Codec, level: i32| Compression::with_level(codec, level).unwrap_or_else(|_| codec.into());
    Some(match kind {
        CompressionType::Producer => return None,
        CompressionType::Uncompressed => Codec::None.into(),
        CompressionType::Gzip(n) => level(Codec::Gzip, n),
        CompressionType::Snappy => Codec::Snappy.into(),
        CompressionType::Lz4(n) => level(Codec::Lz4, n),
        CompressionType::Zstd(n) => level(Codec::Zstd, n),
    })
}
