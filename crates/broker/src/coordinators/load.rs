//! Loading a coordinator: the whole log of its partition is replayed.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::runtime::{Machine, Runtime, RuntimeConfig};
use parking_lot::Mutex;
use protocol::Offset;
use protocol::records::{self, batches};

use super::{Coordinator, Coordinators, State, coordinator_record};
use crate::clock;
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

impl<M: Machine> Coordinators<M> {
    /// Loads the coordinator of a partition of a topic with so many; it serves then.
    pub(crate) fn load(
        &self,
        partition: Arc<Partition>,
        count: i32,
        machine: M,
        config: RuntimeConfig,
    ) -> Result<(), LoadError> {
        let mut runtime = Runtime::new(machine, config);
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
        // What was read from the page cache may not be on disk yet; replies and actions wait until it is.
        partition.request_flush();
        let state = Mutex::new(State { runtime, waiting: BTreeMap::new() });
        let index = partition.index();
        self.add(index, count, Arc::new(Coordinator { partition, state, actions: self.actions.clone() }));
        Ok(())
    }
}

fn replay<M: Machine>(runtime: &mut Runtime<M>, from: Offset, bytes: &[u8]) -> Result<(), LoadError> {
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
            if header.attributes.is_control() {
                if let Some(marker) = record.end_txn_marker().map_err(unreadable)? {
                    runtime.end_transaction(offset, header.producer_id, marker.committed);
                }
                continue;
            }
            let Some(entry) = coordinator_record(record.key, record.value) else { continue };
            let loaded = if header.attributes.is_transactional() {
                runtime.load_transactional(offset, header.producer_id, &entry)
            } else {
                runtime.load(offset, &entry)
            };
            loaded.map_err(|source| LoadError::Replay { offset, source })?;
        }
    }
    Ok(())
}
