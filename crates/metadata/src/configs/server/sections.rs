//! What the parts of a node take from its properties.

use super::super::broker_configs::BrokerConfigs;
use super::super::requirements::parse_per_ip_overrides;
use super::{BadProperty, bad};
use std::path::PathBuf;
use stdx::properties::Value;

/// Sockets, connections and requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Size of each socket's send buffer; `None` keeps the operating system's.
    pub socket_send_buffer_bytes: Option<u32>,
    /// Size of each socket's receive buffer; `None` keeps the operating system's.
    pub socket_receive_buffer_bytes: Option<u32>,
    /// Largest request.
    pub socket_request_max_bytes: u32,
    /// Connections that may wait to be accepted.
    pub socket_listen_backlog_size: u32,
    /// Requests that may wait to be processed.
    pub queued_max_requests: u32,
    /// Memory for requests being received and processed. Never less than the largest request.
    pub request_memory_bytes: u64,
    /// Connections in total.
    pub max_connections: u32,
    /// Connections of one address.
    pub max_connections_per_ip: u32,
    /// Connections of single hosts or addresses.
    pub max_connections_per_ip_overrides: Vec<(String, u32)>,
    /// New connections a second.
    pub max_connection_creation_rate: u32,
    /// How long a connection may be idle; `None`: for ever.
    pub connections_max_idle_ms: Option<u64>,
    /// Largest answer to a fetch.
    pub fetch_max_bytes: u32,
    /// Incremental fetch sessions that are remembered.
    pub max_incremental_fetch_session_cache_slots: u32,
    /// Partitions in one DescribeTopicPartitions answer.
    pub max_request_partition_size_limit: u32,
    /// How long a request to another node may take.
    pub request_timeout_ms: u64,
}

/// Chores of the logs of partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the property of its name, documented in the table")]
pub struct LogManagerConfig {
    pub retention_check_interval_ms: u64,
    pub flush_scheduler_interval_ms: u64,
    pub flush_offset_checkpoint_interval_ms: u64,
    pub flush_start_offset_checkpoint_interval_ms: u64,
    pub initial_task_delay_ms: u64,
    pub num_recovery_threads_per_data_dir: u32,
    pub producer_id_expiration_ms: u64,
    pub producer_id_expiration_check_interval_ms: u64,
}

/// The log cleaner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CleanerConfig {
    /// `log.cleaner.threads`: logs that are cleaned at the same time.
    pub threads: usize,
    /// `log.cleaner.backoff.ms`: how long it sleeps when no log needs it.
    pub backoff_ms: u64,
    /// `log.cleaner.dedupe.buffer.size`, the share of one thread.
    pub map_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`: how full that may get.
    pub map_load: f64,
    /// `log.cleaner.io.buffer.size`, the share of one thread.
    pub buffer_bytes: usize,
    /// `log.cleaner.io.max.bytes.per.second`, of all threads together.
    pub max_bytes_per_second: f64,
}

impl CleanerConfig {
    /// What these properties say now: they can change while the node runs.
    pub fn new(c: &BrokerConfigs) -> Self {
        let threads = if c.flag("log.cleaner.enable") { count(c, "log.cleaner.threads") as usize } else { 0 };
        let double = |name| c.get(name).and_then(Value::as_f64);
        Self {
            threads,
            backoff_ms: amount(c, "log.cleaner.backoff.ms"),
            map_bytes: amount(c, "log.cleaner.dedupe.buffer.size") as usize / threads.max(1),
            map_load: double("log.cleaner.io.buffer.load.factor").unwrap_or(0.9),
            buffer_bytes: amount(c, "log.cleaner.io.buffer.size") as usize / threads.max(1),
            max_bytes_per_second: double("log.cleaner.io.max.bytes.per.second").unwrap_or(f64::MAX),
        }
    }
}

/// The metadata log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the property of its name, documented in the table")]
pub struct MetadataLogConfig {
    pub dir: PathBuf,
    pub segment_bytes: u32,
    pub segment_ms: u64,
    pub max_record_bytes_between_snapshots: u64,
    /// `None`: age alone makes no snapshot.
    pub max_snapshot_interval_ms: Option<u64>,
    /// -1: no bound.
    pub max_retention_bytes: i64,
    /// -1: no bound.
    pub max_retention_ms: i64,
    /// `None`: no no-op records.
    pub max_idle_interval_ms: Option<u64>,
}

/// The creation and deletion of topics.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the property of its name, documented in the table")]
pub struct TopicsConfig {
    pub num_partitions: u32,
    pub default_replication_factor: i16,
    pub auto_create_topics_enable: bool,
    pub delete_topic_enable: bool,
}

/// Groups and committed offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the property of its name, documented in the table")]
pub struct GroupsConfig {
    pub initial_rebalance_delay_ms: u32,
    pub min_session_timeout_ms: u32,
    pub max_session_timeout_ms: u32,
    pub max_size: u32,
    pub consumer_max_size: u32,
    pub consumer_assignors: Vec<String>,
    pub consumer_migration_policy: String,
    pub consumer_session_timeout_ms: u32,
    pub consumer_heartbeat_interval_ms: u32,
    pub consumer_assignment_interval_ms: u32,
    pub offset_metadata_max_bytes: u32,
    pub offsets_commit_timeout_ms: u64,
    pub offsets_load_buffer_size: u32,
    /// `offsets.retention.minutes`.
    pub offsets_retention_ms: u64,
    pub offsets_retention_check_interval_ms: u64,
    pub offsets_topic_num_partitions: u32,
    pub offsets_topic_replication_factor: i16,
    pub offsets_topic_segment_bytes: u32,
    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub offsets_topic_compression_codec: i8,
}

/// Transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the property of its name, documented in the table")]
pub struct TransactionsConfig {
    pub max_timeout_ms: u32,
    pub id_expiration_ms: u64,
    pub remove_expired_cleanup_interval_ms: u64,
    pub state_log_num_partitions: u32,
    pub state_log_replication_factor: i16,
    pub state_log_min_isr: u32,
    pub state_log_segment_bytes: u32,
    /// `add.partitions.to.txn.retry.backoff.max.ms`.
    pub add_partitions_max_wait_ms: u64,
}

/// The share coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the property of its name, documented in the table")]
pub struct ShareCoordinatorConfig {
    pub state_topic_num_partitions: u32,
    pub state_topic_replication_factor: i16,
    pub state_topic_min_isr: u32,
    pub state_topic_segment_bytes: u32,
    pub state_topic_prune_interval_ms: u64,
    pub snapshot_update_records_per_snapshot: u32,
    pub cold_partition_snapshot_interval_ms: u64,
    pub write_timeout_ms: u64,
}

pub(super) fn metadata_log(c: &BrokerConfigs, log_dirs: &[PathBuf]) -> MetadataLogConfig {
    let dir = c.text("metadata.log.dir").map(PathBuf::from);
    MetadataLogConfig {
        dir: dir.or_else(|| log_dirs.first().cloned()).unwrap_or_default(),
        segment_bytes: count(c, "metadata.log.segment.bytes"),
        segment_ms: amount(c, "metadata.log.segment.ms"),
        max_record_bytes_between_snapshots: amount(c, "metadata.log.max.record.bytes.between.snapshots"),
        max_snapshot_interval_ms: positive(c, "metadata.log.max.snapshot.interval.ms"),
        max_retention_bytes: c.int("metadata.max.retention.bytes"),
        max_retention_ms: c.int("metadata.max.retention.ms"),
        max_idle_interval_ms: positive(c, "metadata.max.idle.interval.ms"),
    }
}

pub(super) fn network(c: &BrokerConfigs) -> Result<NetworkConfig, BadProperty> {
    let overrides_name = "max.connections.per.ip.overrides";
    let overrides = parse_per_ip_overrides(c.text(overrides_name).unwrap_or_default());
    let request_max_bytes = count(c, "socket.request.max.bytes");
    let queued = positive(c, "queued.max.request.bytes");
    Ok(NetworkConfig {
        socket_send_buffer_bytes: buffer_size(c, "socket.send.buffer.bytes"),
        socket_receive_buffer_bytes: buffer_size(c, "socket.receive.buffer.bytes"),
        socket_request_max_bytes: request_max_bytes,
        socket_listen_backlog_size: count(c, "socket.listen.backlog.size"),
        queued_max_requests: count(c, "queued.max.requests"),
        request_memory_bytes: queued
            .unwrap_or_else(|| amount(c, "millstream.request.memory.bytes"))
            .max(u64::from(request_max_bytes)),
        max_connections: count(c, "max.connections"),
        max_connections_per_ip: count(c, "max.connections.per.ip"),
        max_connections_per_ip_overrides: overrides.map_err(|reason| bad(c, overrides_name, reason))?,
        max_connection_creation_rate: count(c, "max.connection.creation.rate"),
        connections_max_idle_ms: u64::try_from(c.int("connections.max.idle.ms")).ok(),
        fetch_max_bytes: count(c, "fetch.max.bytes"),
        max_incremental_fetch_session_cache_slots: count(c, "max.incremental.fetch.session.cache.slots"),
        max_request_partition_size_limit: count(c, "max.request.partition.size.limit"),
        request_timeout_ms: amount(c, "request.timeout.ms"),
    })
}

pub(super) fn log_manager(c: &BrokerConfigs) -> LogManagerConfig {
    LogManagerConfig {
        retention_check_interval_ms: amount(c, "log.retention.check.interval.ms"),
        flush_scheduler_interval_ms: amount(c, "log.flush.scheduler.interval.ms"),
        flush_offset_checkpoint_interval_ms: amount(c, "log.flush.offset.checkpoint.interval.ms"),
        flush_start_offset_checkpoint_interval_ms: amount(c, "log.flush.start.offset.checkpoint.interval.ms"),
        initial_task_delay_ms: amount(c, "log.initial.task.delay.ms"),
        num_recovery_threads_per_data_dir: count(c, "num.recovery.threads.per.data.dir"),
        producer_id_expiration_ms: amount(c, "producer.id.expiration.ms"),
        producer_id_expiration_check_interval_ms: amount(c, "producer.id.expiration.check.interval.ms"),
    }
}

pub(super) fn topics(c: &BrokerConfigs) -> TopicsConfig {
    TopicsConfig {
        num_partitions: count(c, "num.partitions"),
        default_replication_factor: i16::try_from(c.int("default.replication.factor")).unwrap_or(i16::MAX),
        auto_create_topics_enable: c.flag("auto.create.topics.enable"),
        delete_topic_enable: c.flag("delete.topic.enable"),
    }
}

pub(super) fn groups(c: &BrokerConfigs) -> GroupsConfig {
    GroupsConfig {
        initial_rebalance_delay_ms: count(c, "group.initial.rebalance.delay.ms"),
        min_session_timeout_ms: count(c, "group.min.session.timeout.ms"),
        max_session_timeout_ms: count(c, "group.max.session.timeout.ms"),
        max_size: count(c, "group.max.size"),
        consumer_max_size: count(c, "group.consumer.max.size"),
        consumer_assignors: c.list("group.consumer.assignors").to_vec(),
        consumer_migration_policy: c.text("group.consumer.migration.policy").unwrap_or_default().to_owned(),
        consumer_session_timeout_ms: count(c, "group.consumer.session.timeout.ms"),
        consumer_heartbeat_interval_ms: count(c, "group.consumer.heartbeat.interval.ms"),
        consumer_assignment_interval_ms: count(c, "group.consumer.assignment.interval.ms"),
        offset_metadata_max_bytes: count(c, "offset.metadata.max.bytes"),
        offsets_commit_timeout_ms: amount(c, "offsets.commit.timeout.ms"),
        offsets_load_buffer_size: count(c, "offsets.load.buffer.size"),
        offsets_retention_ms: amount(c, "offsets.retention.minutes") * 60_000,
        offsets_retention_check_interval_ms: amount(c, "offsets.retention.check.interval.ms"),
        offsets_topic_num_partitions: count(c, "offsets.topic.num.partitions"),
        offsets_topic_replication_factor: i16::try_from(c.int("offsets.topic.replication.factor"))
            .unwrap_or(1),
        offsets_topic_segment_bytes: count(c, "offsets.topic.segment.bytes"),
        offsets_topic_compression_codec: i8::try_from(c.int("offsets.topic.compression.codec"))
            .unwrap_or_default(),
    }
}

pub(super) fn transactions(c: &BrokerConfigs) -> TransactionsConfig {
    TransactionsConfig {
        max_timeout_ms: count(c, "transaction.max.timeout.ms"),
        id_expiration_ms: amount(c, "transactional.id.expiration.ms"),
        remove_expired_cleanup_interval_ms: amount(
            c,
            "transaction.remove.expired.transaction.cleanup.interval.ms",
        ),
        state_log_num_partitions: count(c, "transaction.state.log.num.partitions"),
        state_log_replication_factor: i16::try_from(c.int("transaction.state.log.replication.factor"))
            .unwrap_or(1),
        state_log_min_isr: count(c, "transaction.state.log.min.isr"),
        state_log_segment_bytes: count(c, "transaction.state.log.segment.bytes"),
        add_partitions_max_wait_ms: amount(c, "add.partitions.to.txn.retry.backoff.max.ms"),
    }
}

pub(super) fn share_coordinator(c: &BrokerConfigs) -> ShareCoordinatorConfig {
    ShareCoordinatorConfig {
        state_topic_num_partitions: count(c, "share.coordinator.state.topic.num.partitions"),
        state_topic_replication_factor: i16::try_from(
            c.int("share.coordinator.state.topic.replication.factor"),
        )
        .unwrap_or(1),
        state_topic_min_isr: count(c, "share.coordinator.state.topic.min.isr"),
        state_topic_segment_bytes: count(c, "share.coordinator.state.topic.segment.bytes"),
        state_topic_prune_interval_ms: amount(c, "share.coordinator.state.topic.prune.interval.ms"),
        snapshot_update_records_per_snapshot: count(
            c,
            "share.coordinator.snapshot.update.records.per.snapshot",
        ),
        cold_partition_snapshot_interval_ms: amount(
            c,
            "share.coordinator.cold.partition.snapshot.interval.ms",
        ),
        write_timeout_ms: amount(c, "share.coordinator.write.timeout.ms"),
    }
}

/// A number that is not negative by its validator or its sense.
fn count(c: &BrokerConfigs, name: &str) -> u32 {
    u32::try_from(c.int(name).max(0)).unwrap_or(u32::MAX)
}

/// A time or large size that is not negative by its validator or its sense.
fn amount(c: &BrokerConfigs, name: &str) -> u64 {
    c.int(name).max(0).unsigned_abs()
}

/// A number of which 0 and below mean none.
fn positive(c: &BrokerConfigs, name: &str) -> Option<u64> {
    Some(amount(c, name)).filter(|value| *value > 0)
}

/// -1 leaves the size of a socket buffer to the operating system.
fn buffer_size(c: &BrokerConfigs, name: &str) -> Option<u32> {
    u32::try_from(c.int(name)).ok()
}
