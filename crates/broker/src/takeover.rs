//! Whether the logs of a directory were written by us last, or by an Apache Kafka.
//!
//! It matters after a crash: segments of ours that do not continue each other past the recovery point have lost what was
//! never flushed, and the log ends there (`Log::open`). Kafka does not wait for the recovery point when it cleans, so that such
//! a gap of its is nothing but a cleaning. Every run of either is a new leader epoch of the metadata log: a directory carries
//! the epoch of our last run in which all of its logs were open, and where the metadata log has gone further it is foreign.

use std::sync::Arc;

use log::log_dir;
use protocol::LeaderEpoch;

use crate::directory::Directory;
use crate::node::Node;

/// Tells our directories from foreign ones, before their logs are opened. What is ours stays so if this run ends early.
pub(crate) fn recognise(directories: &[Arc<Directory>], before: LeaderEpoch, now: LeaderEpoch) {
    for directory in directories.iter().filter(|directory| !directory.is_offline()) {
        let (disk, path) = (&*directory.disk, &directory.path);
        let recognised = log_dir::opened_in(disk, path).and_then(|epoch| match epoch == Some(before) {
            true => log_dir::mark_opened_in(disk, path, now).map(|()| directory.set_ours()),
            false => Ok(()),
        });
        if let Err(error) = recognised {
            // Taken for foreign, what a crash has torn would be taken for a cleaning.
            directory.fail(&error);
        }
    }
}

/// Makes foreign directories ours, once their logs are open: with recovery points behind every gap. Blocks.
pub(crate) fn settle(node: &Arc<Node>, now: LeaderEpoch) {
    for directory in node.partitions().online_directories().filter(|directory| directory.is_foreign()) {
        let settled =
            flush(node, directory).and_then(|durable| match durable && !directory.is_incomplete() {
                true => log_dir::mark_opened_in(&*directory.disk, &directory.path, now),
                false => Ok(()),
            });
        // It stays foreign: the next run settles it.
        if let Err(error) = settled {
            directory.note(&error);
        }
    }
}

/// Whether all of a directory is on the disk, and its checkpoint says so.
fn flush(node: &Arc<Node>, directory: &Directory) -> Result<bool, log::Error> {
    if directory.was_clean() {
        return Ok(true);
    }
    let mut durable = true;
    for partition in node.partitions().in_directory(directory.index) {
        partition.flush();
        let log = partition.log();
        durable &= log.durable_offset() >= log.log_end_offset();
    }
    node.partitions().write_checkpoints(directory)?;
    Ok(durable)
}
