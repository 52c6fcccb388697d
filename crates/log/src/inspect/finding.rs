//! What is wrong with files of a log.

use std::path::{Path, PathBuf};

use protocol::Offset;

use super::walk::Damage;
use crate::error::Error;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub position: u64,
    /// What was found.
    pub found: String,
    /// What should have been there.
    pub expected: String,
    /// What it is about.
    pub what: What,
    /// It lies before the recovery point: it was durable, and no start of a node mends it. Past it, the next start cuts the log
    /// there, or builds the file anew.
    pub before_recovery_point: bool,
}

/// What a finding is about, and so what can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Bytes of a segment that are no batch.
    Batches {
        /// The segment.
        segment: Offset,
        /// Which.
        damage: Damage,
    },
    /// Records inside of a batch whose crc is right: so they were written.
    Records,
    /// The offset index or time index of a segment.
    Index {
        /// The segment.
        segment: Offset,
    },
    /// The index of aborted transactions of a segment.
    TxnIndex {
        /// The segment.
        segment: Offset,
    },
    /// A snapshot of the producers.
    Snapshot,
    /// `leader-epoch-checkpoint`.
    LeaderEpochs,
    /// `partition.metadata`.
    TopicId,
    /// A batch's leader epoch, which no crc covers.
    LeaderEpoch,
    /// The log ends before an offset that it had.
    End {
        /// Which.
        needed: Offset,
    },
    /// A segment is missing, or cannot be one.
    Segment,
    /// A file of the log directory.
    Directory,
}

/// Findings, no more than there is room for.
#[derive(Clone, Debug)]
pub struct Findings {
    list: Vec<Finding>,
    max: usize,
    left_out: u64,
}

impl Findings {
    /// None yet, and room for some.
    pub const fn new(max: usize) -> Self {
        Self { list: Vec::new(), max, left_out: 0 }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.list.len() < self.max {
            self.list.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    /// From an error that says where and what; any other is passed on.
    pub(super) fn add_corrupt(
        &mut self,
        error: Error,
        what: What,
        before_recovery_point: bool,
    ) -> Result<(), Error> {
        let Error::Corrupt { path, position, found, expected } = error else { return Err(error) };
        let expected = expected.to_owned();
        self.add(Finding { path, position, found, expected, what, before_recovery_point });
        Ok(())
    }

    /// The findings, in the order in which they were made.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// How many there was no room for.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether everything is as it should be.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty() && self.left_out == 0
    }
}

impl Finding {
    pub(super) fn new(
        path: &Path,
        position: u64,
        found: impl Into<String>,
        expected: impl Into<String>,
        what: What,
        before_recovery_point: bool,
    ) -> Self {
        let (path, found, expected) = (path.to_owned(), found.into(), expected.into());
        Self { path, position, found, expected, what, before_recovery_point }
    }
}
