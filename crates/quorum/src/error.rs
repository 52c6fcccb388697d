//! What can go wrong with the quorum.

use std::io;
use std::path::{Path, PathBuf};

use protocol::wire::{DecodeError, EncodeError};
use protocol::{BrokerId, records};

/// Why the quorum could not be opened, or a proposal could not be committed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused to read or write.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// A file of the log directory does not hold what was written to it. Nothing was changed.
    #[error("{path} is corrupt at byte {position}: {damage}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        position: u64,
        /// What was found.
        damage: Damage,
    },
    /// The directory was formatted for another cluster or another node.
    #[error("{path} has {property}={found}, but this node is configured with {expected}")]
    ForeignDirectory {
        /// The `meta.properties` file.
        path: PathBuf,
        /// The property that differs.
        property: &'static str,
        /// Its value in the file.
        found: String,
        /// The configured value.
        expected: String,
    },
    /// The quorum that the log records has other voters than this node alone.
    #[error(
        "the metadata log in {path} has the voters {voters:?}, but only node {node_id} alone can be served"
    )]
    Voters {
        /// The directory of the log.
        path: PathBuf,
        /// The voters that the log records.
        voters: Vec<BrokerId>,
        /// This node.
        node_id: BrokerId,
    },
    /// A proposal larger than a batch of the metadata log may be.
    #[error("a proposal of {found_bytes} bytes exceeds the {max_bytes} bytes of a metadata batch")]
    TooLarge {
        /// The size of the batch.
        found_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// A proposal without records.
    #[error("a proposal holds no records")]
    Empty,
    /// This node does not lead the quorum (any more): nothing says whether the proposal will be committed.
    #[error("this node does not lead the metadata quorum")]
    NotLeader {
        /// Who leads, where that is known.
        leader: Option<BrokerId>,
    },
    /// The quorum has been shut down.
    #[error("the metadata quorum is shut down")]
    Stopped,
    /// The quorum met a fault that it cannot go on from, and this node no longer takes part.
    #[error("the metadata quorum failed: {0}")]
    Failed(String),
    /// The embedding's state machine could not take the records of the snapshot at start.
    #[error("the snapshot {path} cannot be loaded: {source}")]
    Load {
        /// The snapshot.
        path: PathBuf,
        /// What the state machine says.
        source: crate::Fault,
    },
    /// A control record could not be encoded.
    #[error("cannot encode a control record: {0}")]
    Encode(#[from] EncodeError),
    /// A record batch could not be built.
    #[error("cannot build a record batch: {0}")]
    Batch(#[from] records::Error),
}

/// What is wrong with bytes of a log or a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// No record batch, or one that its crc does not fit.
    #[error(transparent)]
    Batch(#[from] records::Error),
    /// A control record or a tagged field that cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A batch that does not follow the one before it.
    #[error("base offset {found} where {expected} must follow")]
    Offset {
        /// The batch's base offset.
        found: i64,
        /// The offset after the batch before it.
        expected: i64,
    },
    /// A leader epoch that is negative or less than the one before it.
    #[error("leader epoch {found} follows {previous}")]
    Epoch {
        /// The batch's leader epoch.
        found: i32,
        /// The epoch of the batch before it.
        previous: i32,
    },
    /// A control batch of a kind that a metadata log does not hold, or without the record it must hold.
    #[error("control batch at offset {base_offset} holds no record that a metadata log knows")]
    Control {
        /// The batch's base offset.
        base_offset: i64,
    },
    /// A file that ends before what must be in it.
    #[error("the file ends without {missing}")]
    Incomplete {
        /// What is missing.
        missing: &'static str,
    },
    /// A state file that is not the JSON that it should be.
    #[error("not the expected JSON: {0}")]
    Json(String),
    /// A segment that should be there is not.
    #[error("the log starts at offset {found}, but its snapshot ends at {expected}")]
    Gap {
        /// Where the log starts.
        found: i64,
        /// Where it must start at the latest.
        expected: i64,
    },
}

impl Error {
    /// Names the file and the deed that failed.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// Names the file and the position that are damaged.
    pub(crate) fn corrupt(path: &Path, position: u64, damage: impl Into<Damage>) -> Self {
        Self::Corrupt { path: path.to_owned(), position, damage: damage.into() }
    }
}
