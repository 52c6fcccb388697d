//! Loading a coordinator: the whole log of its partition is replayed.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::group::{GroupConfig, GroupCoordinator};
use coordinator::runtime::{Runtime, RuntimeConfig};
use metadata::configs::GroupsConfig;
use parking_lot::Mutex;
use protocol::Offset;
use protocol::records::{self, batches};

use super::{Coordinator, State, coordinator_record};
use crate::clock;
use crate::node::Node;
use crate::partition::Partition;

/// How much of the log is read at once.
const READ_BYTES: u64 = 4 << 20;
/// What one batch of coordinator records may unpack to.
const MAX_UNPACKED_BYTES: usize = 64 << 20;

/// Why a coordinator cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Log(#[from] log::Error),
    #[error("at offset {offset}: {source}")]
    Records { offset: Offset, source: records::Error },
    #[error("at offset {offset}: {source}")]
    Replay { offset: Offset, source: coordinator::Error },
    #[error("cannot read the log: {0}")]
    Io(#[from] std::io::Error),
}

/// The coordinator of a partition of the offsets topic, ready to serve.
pub(crate) fn load(node: &Node, partition: Arc<Partition>) -> Result<Arc<Coordinator>, LoadError> {
    let config = &node.config().groups;
    let runtime_config =
        RuntimeConfig { commit_timeout_ms: config.offsets_commit_timeout_ms, ..RuntimeConfig::default() };
    let mut runtime = Runtime::new(GroupCoordinator::new(node.groups().config.clone()), runtime_config);
    let (mut offset, end) = partition.offsets();
    while offset < end {
        let found = partition.log().read(offset, READ_BYTES, true, end)?;
        if found.next_offset <= offset {
            break;
        }
        for range in &found.ranges {
            let mut bytes = vec![0; range.len as usize];
            range.file.read_at(&mut bytes, range.position)?;
            replay(&mut runtime, offset, &bytes)?;
        }
        offset = found.next_offset;
    }
    runtime.loaded(clock::now(), end, partition.committed_offset());
    // What was read from the page cache may not be on disk yet; replies wait until it is.
    partition.request_flush();
    Ok(Arc::new(Coordinator { partition, state: Mutex::new(State { runtime, waiting: BTreeMap::new() }) }))
}

fn replay(runtime: &mut Runtime<GroupCoordinator>, from: Offset, bytes: &[u8]) -> Result<(), LoadError> {
    for batch in batches(bytes) {
        let batch = batch.map_err(|source| LoadError::Records { offset: from, source })?;
        let header = *batch.header();
        let unreadable = |source| LoadError::Records { offset: header.base_offset, source };
        let unpacked = batch.decompress(MAX_UNPACKED_BYTES).map_err(unreadable)?;
        for record in batch.records(&unpacked) {
            let record = record.map_err(unreadable)?;
            if record.offset < from {
                continue;
            }
            let offset = record.offset;
            let loaded = if header.attributes.is_control() {
                let Some(marker) = record.end_txn_marker().map_err(unreadable)? else { continue };
                runtime.load_end_of_transaction(offset, header.producer_id, marker.committed)
            } else {
                let Some(entry) = coordinator_record(record.key, record.value) else { continue };
                if header.attributes.is_transactional() {
                    runtime.load_transactional(offset, header.producer_id, entry);
                    Ok(())
                } else {
                    runtime.load(offset, &entry)
                }
            };
            loaded.map_err(|source| LoadError::Replay { offset, source })?;
        }
    }
    Ok(())
}

/// What the machine needs to know of the properties.
pub(crate) fn group_config(config: &GroupsConfig) -> GroupConfig {
    let clamp = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let millis = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    GroupConfig {
        min_session_timeout_ms: clamp(config.min_session_timeout_ms),
        max_session_timeout_ms: clamp(config.max_session_timeout_ms),
        initial_rebalance_delay_ms: clamp(config.initial_rebalance_delay_ms),
        max_size: config.max_size as usize,
        offset_metadata_max_units: config.offset_metadata_max_bytes as usize,
        offsets_retention_ms: millis(config.offsets_retention_ms),
        offsets_retention_check_interval_ms: millis(config.offsets_retention_check_interval_ms),
        ..GroupConfig::default()
    }
}
