//! The chores of logs, each at its interval: retention, flushes by time, checkpoints, producers that fell silent, files
//! that wait to be removed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::{self, FOREVER};
use crate::directory::Directory;
use crate::doomed::Doomed;
use crate::node::Node;
use crate::partition::Partition;

/// How long files stay open that nobody needs.
const CLOSE_IDLE_FILES_MS: u64 = 60_000;

/// What comes at which interval.
struct Chore {
    every: Duration,
    next: Instant,
    run: fn(&Arc<Node>, &mut Doomed),
}

/// Runs until the node stops.
pub(crate) async fn run(node: Arc<Node>, mut stop: watch::Receiver<bool>) {
    let config = &node.config().log;
    let started = Instant::now();
    let chore = |every_ms: u64, run| {
        let every = Duration::from_millis(every_ms.max(1)).min(FOREVER);
        Chore { every, next: started + every, run }
    };
    let mut chores = [
        chore(config.retention_check_interval_ms, retain as fn(&Arc<Node>, &mut Doomed)),
        chore(config.flush_offset_checkpoint_interval_ms, checkpoint),
        chore(CLOSE_IDLE_FILES_MS, close_idle_files),
        chore(config.producer_id_expiration_check_interval_ms, expire_producers),
        chore(config.flush_scheduler_interval_ms, flush_by_time),
    ];
    let mut doomed = Doomed::default();
    loop {
        let due = chores.iter().map(|chore| chore.next).chain(doomed.next()).min();
        let Some(due) = due else { return };
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            _ = stop.changed() => return,
        }
        let now = Instant::now();
        for chore in &mut chores {
            if chore.next <= now {
                chore.next = now + chore.every;
                let (node, run) = (Arc::clone(&node), chore.run);
                let mut files = std::mem::take(&mut doomed);
                doomed = tokio::task::spawn_blocking(move || {
                    run(&node, &mut files);
                    files
                })
                .await
                .unwrap_or_default();
            }
        }
        doomed.remove_due(now);
    }
}

fn retain(node: &Arc<Node>, doomed: &mut Doomed) {
    let now = clock::now();
    let mut moved = BTreeSet::new();
    let mut files: Vec<(Arc<Partition>, Vec<PathBuf>)> = vec![];
    for partition in node.partitions().online() {
        let retained = partition.log().retain(now);
        match retained {
            Ok(retained) if retained.files.is_empty() => {}
            Ok(retained) => {
                tracing::info!(
                    partition = %partition.id(),
                    by_time = retained.by_time,
                    by_size = retained.by_size,
                    by_log_start_offset = retained.by_log_start_offset,
                    bytes = retained.bytes,
                    "segments deleted by retention"
                );
                moved.insert(partition.directory());
                files.push((Arc::clone(&partition), retained.files));
            }
            Err(error) => {
                tracing::error!(partition = %partition.id(), %error, "retention failed");
                partition.note(&error);
            }
        }
    }
    // The new start is on disk before the files are gone.
    let mut stay = BTreeSet::new();
    for directory in node.partitions().directories().iter().filter(|dir| moved.contains(&dir.index)) {
        if let Err(error) = node.partitions().write_log_starts(directory) {
            tracing::error!(directory = %directory.path.display(), %error, "cannot write the log start offsets: deleted segments stay");
            stay.insert(directory.index);
        }
    }
    for (partition, files) in files {
        if !stay.contains(&partition.directory()) {
            doomed.add(&partition, files);
        }
    }
}

fn checkpoint(node: &Arc<Node>, _: &mut Doomed) {
    for directory in node.partitions().online_directories() {
        if let Err(error) = node.partitions().write_checkpoints(directory) {
            tracing::error!(directory = %directory.path.display(), %error, "cannot write checkpoints");
        }
    }
}

/// What was read is open until then, three files a segment; what is needed is opened again. Where too many are open that
/// nobody wants synced, they are synced for that.
fn close_idle_files(node: &Arc<Node>, _: &mut Doomed) {
    let crowded = |directory: &Arc<Directory>| directory.disk.handles().are_crowded();
    let crowded = node.partitions().directories().iter().any(crowded);
    for partition in node.partitions().online() {
        partition.log().close_idle_files();
        if crowded && partition.has_unflushed() {
            partition.request_flush();
        }
    }
}

fn expire_producers(node: &Arc<Node>, _: &mut Doomed) {
    let now = clock::now();
    for partition in node.partitions().online() {
        partition.log().remove_expired_producers(now);
    }
}

fn flush_by_time(node: &Arc<Node>, _: &mut Doomed) {
    for partition in node.partitions().online() {
        if partition.is_flush_due() {
            partition.request_flush();
        }
    }
}
