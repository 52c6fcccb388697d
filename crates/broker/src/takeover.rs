//! Whether the logs of a directory were written by us last, or by an Apache Kafka.
//!
//! It matters after a crash: segments of ours that do not continue each other past the recovery point have lost what was
//! never flushed, and the log ends there (`Log::open`). Kafka does not wait for the recovery point when it cleans, so that such
//! a gap of its is nothing but a cleaning. Every run of either is a new leader epoch of the metadata log: a directory carries
//! the epoch of our last run in which all of its logs were open, and where the metadata log has gone further it is foreign.

use std::sync::Arc;

use log::log_dir;
use protocol::LeaderEpoch;

use crate::node::Node;
use crate::partitions::Directory;

/// Tells our directories from foreign ones, before their logs are opened. What is ours stays so if this run ends early.
pub(crate) fn recognise(
    directories: &mut [Directory],
    before: LeaderEpoch,
    now: LeaderEpoch,
) -> Result<(), log::Error> {
    for directory in directories {
        directory.is_foreign = log_dir::opened_in(&*directory.disk, &directory.path)? != Some(before);
        if !directory.is_foreign {
            log_dir::mark_opened_in(&*directory.disk, &directory.path, now)?;
        }
    }
    Ok(())
}

/// Makes foreign directories ours, once their logs are open: with recovery points behind every gap. Blocks.
pub(crate) fn settle(node: &Arc<Node>, now: LeaderEpoch) -> Result<(), log::Error> {
    for directory in node.partitions().directories().iter().filter(|directory| directory.is_foreign) {
        if (directory.was_clean() || flush(node, directory)?) && !directory.is_incomplete() {
            log_dir::mark_opened_in(&*directory.disk, &directory.path, now)?;
        }
    }
    Ok(())
}

/// Whether all of a directory is on the disk, and its checkpoint says so.
fn flush(node: &Arc<Node>, directory: &Directory) -> Result<bool, log::Error> {
    let mut durable = true;
    for partition in node.partitions().in_directory(directory.index) {
        partition.flush();
        let log = partition.log();
        durable &= log.durable_offset() >= log.log_end_offset();
    }
    node.partitions().write_checkpoints(directory.index)?;
    Ok(durable)
}
