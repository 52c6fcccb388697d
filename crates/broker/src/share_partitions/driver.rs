//! The one task that ends the locks of all share-partitions.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use crate::clock;
use crate::node::Node;

/// Runs until the node stops.
pub(crate) async fn end_locks(node: Arc<Node>, mut stop: watch::Receiver<bool>) {
    let shares = &node.share_partitions;
    loop {
        // Until the next sleep is chosen, whatever comes nearer rings.
        shares.sleeping_until_ms.store(u64::MAX, Ordering::Relaxed);
        let now = clock::now();
        let mut next = None;
        for share in shares.all() {
            share.expire(&node, now);
            next = [next, share.next_deadline_ms()].into_iter().flatten().min();
        }
        shares.sleeping_until_ms.store(next.unwrap_or(u64::MAX), Ordering::Relaxed);
        let wait = async {
            match next {
                Some(deadline) => tokio::time::sleep_until(clock::instant(deadline).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = shares.nearer.notified() => {}
            _ = stop.changed() => return,
        }
    }
}
