//! What a quorum is opened with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use protocol::BrokerId;

use crate::error::Error;
use crate::types::Voter;

/// What a quorum is opened with. Those with a default are Kafka's properties of the same meaning.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that holds `__cluster_metadata-0` (`metadata.log.dir`, or the first of `log.dirs`). Locked by the
    /// caller.
    pub log_dir: PathBuf,
    /// The cluster's id.
    pub cluster_id: String,
    /// `node.id`.
    pub node_id: BrokerId,
    /// How the others reach this node.
    pub voter: Voter,
    /// Framed metadata records that a new log starts with, in one batch.
    pub bootstrap_records: Vec<Bytes>,
    /// `metadata.log.segment.bytes`: a segment of this size is not appended to.
    pub segment_bytes: u64,
    /// `metadata.log.max.record.bytes.between.snapshots`: a snapshot is made after this much log.
    pub max_bytes_between_snapshots: u64,
    /// `metadata.log.max.snapshot.interval.ms`: a snapshot is made this long after a record that none covers; zero
    /// for never.
    pub max_snapshot_interval: Duration,
}

impl Options {
    /// Kafka's defaults for a node's directory.
    pub fn new(log_dir: impl Into<PathBuf>, cluster_id: impl Into<String>, node_id: BrokerId) -> Self {
        Self {
            log_dir: log_dir.into(),
            cluster_id: cluster_id.into(),
            node_id,
            voter: Voter::default(),
            bootstrap_records: Vec::new(),
            segment_bytes: 1024 * 1024 * 1024,
            max_bytes_between_snapshots: 20 * 1024 * 1024,
            max_snapshot_interval: Duration::from_secs(60 * 60),
        }
    }

    /// Where the log is.
    pub(crate) fn dir(&self) -> PathBuf {
        self.log_dir.join("__cluster_metadata-0")
    }

    /// Refuses a directory that was formatted for another cluster or another node.
    pub(crate) fn check_meta_properties(&self) -> Result<(), Error> {
        let path = self.log_dir.join("meta.properties");
        match std::fs::read_to_string(&path) {
            Ok(text) => self.check_properties(&text, &path),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::io("read", &path)(e)),
        }
    }

    fn check_properties(&self, text: &str, path: &Path) -> Result<(), Error> {
        let expected = [("cluster.id", self.cluster_id.clone()), ("node.id", self.node_id.to_string())];
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            for (property, expected) in &expected {
                if key.trim() == *property && value.trim() != expected {
                    return Err(Error::ForeignDirectory {
                        path: path.to_owned(),
                        property,
                        found: value.trim().to_owned(),
                        expected: expected.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}
