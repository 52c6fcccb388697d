//! Keeping the logs of coordinators short, beside compaction, which leaves the active segment as it is: where a partition of
//! `__consumer_offsets` has grown by a segment since the last time, its live state is written once more and what lies before
//! is deleted.

use std::sync::Arc;

use coordinator::CommitError;
use protocol::Offset;

use super::Coordinator;
use crate::node::Node;
use crate::purgatory::Watch;

/// How many records one batch of the rewriting has.
const BATCH_RECORDS: usize = 500;

/// Rewrites the coordinators that are due.
pub(crate) async fn rewrite_where_due(node: &Arc<Node>) {
    let grown_by = u64::from(node.config().groups.offsets_topic_segment_bytes);
    for coordinator in node.groups().all() {
        let size = coordinator.partition.size_bytes();
        let before = coordinator.state.lock().rewritten_at_bytes;
        if size < before.saturating_add(grown_by) {
            continue;
        }
        if let Err(error) = rewrite(node, &coordinator).await {
            tracing::warn!(partition = %coordinator.partition.id(), %error, "the group coordinator's log was not rewritten; it is tried again");
        }
    }
}

async fn rewrite(node: &Arc<Node>, coordinator: &Arc<Coordinator>) -> Result<(), CommitError> {
    let written = {
        let mut state = coordinator.state.lock();
        state.runtime.rewrite(BATCH_RECORDS, |records| coordinator.append(records))?
    };
    let partition = &coordinator.partition;
    let watch = Watch::default();
    let durable = watch.until(None, |watch| partition.poll_durable(written.end, watch)).await;
    if !matches!(durable, Some(Ok(()))) {
        return Err(CommitError::Storage);
    }
    delete_before(node, coordinator, written.start).await?;
    coordinator.state.lock().rewritten_at_bytes = partition.size_bytes();
    Ok(())
}

async fn delete_before(
    node: &Arc<Node>,
    coordinator: &Arc<Coordinator>,
    start: Offset,
) -> Result<(), CommitError> {
    let partition = Arc::clone(&coordinator.partition);
    let partitions = Arc::clone(node.partitions());
    let deleted = tokio::task::spawn_blocking(move || {
        partition.log().advance_log_start_offset(start)?;
        partitions.write_log_starts(partition.directory())
    });
    match deleted.await {
        Ok(Ok(())) => Ok(()),
        _ => Err(CommitError::Storage),
    }
}
