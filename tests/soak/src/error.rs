//! What keeps a soak from running. What it finds in the node is no error: see [`crate::check::Violation`].

use std::path::{Path, PathBuf};

/// The soak cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} line {line}: {source}", path.display())]
    History { path: PathBuf, line: usize, source: serde_json::Error },
    #[error("{}: there are no events", .0.display())]
    NoHistory(PathBuf),
    #[error("{}: it is not empty, and a soak removes its folder in the end", .0.display())]
    FolderInUse(PathBuf),
    #[error("{0}: there is no such binary; cargo build --release makes target/release/millstream")]
    NoBinary(PathBuf),
    #[error("signal: {0}")]
    Signal(#[from] rustix::io::Errno),
    #[error("client: {0}")]
    Client(#[from] rdkafka::error::KafkaError),
    #[error("role of a client: {0}")]
    Role(#[from] serde_json::Error),
    #[error("no free port below those that the system gives to connections")]
    NoPort,
    #[error("the node does not start: {0}")]
    Node(String),
    #[error("{0} violations")]
    Violations(usize),
    #[error("the sabotage was not seen: {0}")]
    Unseen(String),
}

impl Error {
    /// For `map_err`: which file it was.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
