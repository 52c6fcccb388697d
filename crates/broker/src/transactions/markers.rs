//! Writing the markers of transactions whose end is decided: one into each partition, until all of them are durable. What
//! stands in the way, a full disk or a directory that has failed, is waited for; what is gone needs none.

use std::sync::Arc;
use std::time::Duration;

use coordinator::txn::{Request, Response, TransactionVersion, WriteMarkers};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use protocol::{ErrorCode, Offset};
use tokio::sync::watch;

use crate::error::Refusal;
use crate::groups::OFFSETS_TOPIC;
use crate::node::Node;
use crate::partition::{Marker, Partition};
use crate::purgatory::Watch;

/// How long until a marker that could not be written is tried again.
const RETRY_BACKOFF: Duration = Duration::from_millis(500);

/// Writes what the coordinators ask for, until the node stops.
pub(crate) async fn write_markers(node: Arc<Node>, mut stop: watch::Receiver<bool>) {
    let Some(mut acting) = node.transactions().acting.lock().take() else { return };
    let mut writing = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some((index, markers)) = acting.recv() => writing.push(write(&node, index, markers)),
            Some(()) = writing.next() => {}
            _ = stop.changed() => return,
        }
    }
}

/// Writes the markers of one transaction, and tells its coordinator.
async fn write(node: &Node, index: i32, markers: WriteMarkers) {
    let transactions = node.transactions();
    let Some(coordinator) = transactions.coordinators.of_partition(index) else { return };
    let marker = Marker {
        producer_id: markers.producer_id,
        producer_epoch: markers.producer_epoch,
        coordinator_epoch: coordinator.partition.leader_epoch().get(),
        committed: markers.committed,
        is_of_epoch: markers.version == TransactionVersion::V2,
    };
    let all = markers.partitions.iter();
    let mut left: Vec<(&str, i32)> =
        all.flat_map(|(topic, indexes)| indexes.iter().map(|index| (&**topic, *index))).collect();
    loop {
        left = write_to(node, marker, &left).await;
        if left.is_empty() {
            let told = transactions.coordinators.propose(&coordinator, Request::MarkersWritten(&markers));
            // Its record is appended: the next transaction's come after it.
            transactions.completed.wake();
            if let Err(_) | Ok(Response::Done(ErrorCode::None | ErrorCode::InvalidTxnState)) = told.await {
                return;
            }
        }
        // Something could not be written. Where the coordinator is gone, the next one begins anew.
        let is_here = transactions.coordinators.of_partition(index);
        if is_here.is_none_or(|here| !Arc::ptr_eq(&here, &coordinator)) {
            return;
        }
        tokio::time::sleep(RETRY_BACKOFF).await;
    }
}

/// Writes a marker to partitions and waits until it is durable; answers those of which that is not sure.
async fn write_to<'a>(node: &Node, marker: Marker, partitions: &[(&'a str, i32)]) -> Vec<(&'a str, i32)> {
    let mut left = vec![];
    let mut written = vec![];
    for (topic, index) in partitions {
        match end_transaction(node, topic, *index, marker) {
            Ok((partition, until)) => written.push((*topic, *index, partition, until)),
            Err(refusal) => match refusal.code {
                // Deleted.
                ErrorCode::UnknownTopicOrPartition => {}
                // Somebody has ended it by hand.
                ErrorCode::InvalidProducerEpoch => {
                    tracing::warn!(topic, partition = index, producer_id = %marker.producer_id, why = refusal.message, "a marker of this transaction is not taken: its producer has a newer epoch there");
                }
                _ => left.push((*topic, *index)),
            },
        }
    }
    for (topic, index, partition, until) in written {
        let watch = Watch::default();
        match watch.until(None, |watch| partition.poll_durable(until, watch)).await {
            Some(Ok(())) => {}
            _ => left.push((topic, index)),
        }
    }
    left
}

/// Ends a transaction in a partition: with its coordinator where one has the log. Answers up to where the log has to be
/// durable for it.
pub(crate) fn end_transaction(
    node: &Node,
    topic: &str,
    index: i32,
    marker: Marker,
) -> Result<(Arc<Partition>, Offset), Refusal> {
    let partition = node.partition_by_name(topic, index)?;
    let until = if topic == OFFSETS_TOPIC {
        let coordinator = node.groups().coordinators.of_partition(index);
        coordinator.ok_or(ErrorCode::NotLeaderOrFollower)?.end_transaction(marker)?
    } else {
        partition.append_marker(marker)?.1
    };
    Ok((partition, until))
}
