//! What follows when a log directory has failed: who waits is told, the controller learns of it, and where nothing can be
//! served any more the node ends. That it *has* failed, [`Directory`](crate::directory::Directory) says.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::controller::decide;
use crate::node::Node;

/// Runs until the node is gone.
pub(crate) async fn run(node: Arc<Node>, mut failures: mpsc::UnboundedReceiver<usize>) {
    while let Some(index) = failures.recv().await {
        for partition in node.partitions().in_directory(index) {
            partition.wake();
        }
        node.groups().coordinators.unload_in(index);
        node.transactions().coordinators.unload_in(index);
        node.shares().coordinators.unload_in(index);
        if let Some(reason) = reason_to_end(&node, index) {
            node.fatal.send_replace(Some(reason));
        }
        tell_controller(&node).await;
    }
}

/// Why the node cannot go on without a directory: it was the last, or has the metadata log.
fn reason_to_end(node: &Node, index: usize) -> Option<String> {
    let failed = node.partitions().directories().get(index)?;
    let path = failed.path.display();
    if node.partitions().online_directories().next().is_none() {
        return Some(format!("log.dirs: all log directories have failed, the last of them {path}"));
    }
    let has_metadata = failed.path == node.config().metadata_log.dir;
    has_metadata.then(|| format!("metadata.log.dir={path}: the directory of the metadata log has failed"))
}

/// All that have failed are named: the controller knows which are new to it.
async fn tell_controller(node: &Arc<Node>) {
    let directories = node.partitions().directories().iter();
    let failed: Vec<_> = directories.filter(|dir| dir.is_offline()).map(|dir| dir.id).collect();
    let id = node.id();
    let told = decide(node, |machine, image, _| {
        let epoch = image.broker(id).map_or(-1, |broker| broker.epoch);
        machine.fail_directories(image, id, epoch, &failed)
    });
    match told.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(?error, "the controller does not take note of failed log directories");
        }
        // The metadata log has failed too, which ends the node.
        Err(error) => tracing::error!(?error, "the controller cannot be told of failed log directories"),
    }
}
