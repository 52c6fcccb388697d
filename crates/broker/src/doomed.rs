//! Files of segments that are no longer part of a log: they go after `file.delete.delay.ms`, for readers that are at them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::FOREVER;
use crate::directory::Directory;
use crate::partition::Partition;

/// Files that wait to be removed. What waits when the node stops goes at its next start.
#[derive(Default)]
pub(crate) struct Doomed(Vec<File>);

struct File {
    at: Instant,
    path: PathBuf,
    home: Arc<Directory>,
}

impl Doomed {
    /// Takes up the files of a partition.
    pub(crate) fn add(&mut self, partition: &Partition, files: Vec<PathBuf>) {
        let delay_ms = u64::try_from(partition.config().file_delete_delay_ms).unwrap_or(0);
        let delay = Duration::from_millis(delay_ms).min(FOREVER);
        let (at, home) = (Instant::now() + delay, partition.home());
        self.0.extend(files.into_iter().map(|path| File { at, path, home: Arc::clone(&home) }));
    }

    /// When the next one goes.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|file| file.at).min()
    }

    /// Removes those whose time has come.
    pub(crate) fn remove_due(&mut self, now: Instant) {
        self.0.retain(|file| {
            if file.at > now {
                return true;
            }
            if !file.home.is_offline()
                && let Err(error) = file.home.disk.remove_file(&file.path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(file = %file.path.display(), %error, "cannot remove a deleted segment; it goes at the next start");
            }
            false
        });
    }
}
