//! A log that is to take the place of another one, in another log directory (KIP-113): copied batch by batch, byte by
//! byte, while the other one serves.
//!
//! Until [`Log::move_to`] the other one is the log, whatever happens. What a process has left in a directory `…-future`
//! when it ended says that a move was wanted, and no more: the next one removes it and begins anew, since the log may have
//! lost what the copy has. What is in memory only (producers whose records are gone, the start of the log) goes over in
//! the end.
//!
//! | a crash comes | the old directory | the new directory |
//! |---|---|---|
//! | before the new one has its name | the log | `-future` |
//! | before the old one has lost its name | the log | the same log |
//! | after that | `-delete` | the log |

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::{Offset, Uuid};
use stdx::Now;

use super::{FetchRead, Log, Recovery};
use crate::access::Source;
use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::{At as _, Error, Result};
use crate::log_dir::future_name;

/// The copy of a log. See the module.
#[derive(Debug)]
pub struct FutureLog {
    log: Log,
}

/// Which side of a move has failed.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The log stays as it was; the copy is of no use any more.
    #[error("the new log directory: {0}")]
    To(#[source] Error),
    /// The log takes nothing more, and its directory has failed. The copy is `-future` again.
    #[error("the old log directory: {0}")]
    From(#[source] Error),
}

impl FutureLog {
    /// Makes the copy of a log in a log directory, empty, where the log starts.
    pub fn create(
        disk: Arc<dyn Disk>,
        log_dir: &Path,
        of: &Log,
        topic_id: Uuid,
        unique: Uuid,
        now: Now,
    ) -> Result<Self> {
        let topic_partition = of.topic_partition().clone();
        let path = log_dir.join(future_name(&topic_partition, unique));
        let recovery = Recovery { log_start_offset: first_offset(of)?, ..Recovery::default() };
        let (mut log, _) = Log::open(disk, &path, topic_partition, of.config().clone(), recovery, now)?;
        log.write_topic_id(topic_id)?;
        let mut future = Self { log };
        future.remember_producers(of)?;
        Ok(future)
    }

    /// Producers whose records are gone are not found by copying.
    fn remember_producers(&mut self, of: &Log) -> Result<()> {
        self.log.producers = of.producers.before(self.end_offset());
        self.log.take_snapshot()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.log.path()
    }

    /// The offset to go on from.
    pub const fn end_offset(&self) -> Offset {
        self.log.log_end_offset()
    }

    /// The size of its segments, without indexes.
    pub fn size_bytes(&self) -> u64 {
        self.log.size_bytes()
    }

    /// Forgets what it has where the log starts later by now, and goes on there.
    pub fn follow_start(&mut self, of: &Log, now: Now) -> Result<()> {
        let start = first_offset(of)?;
        if self.end_offset() >= start {
            return Ok(());
        }
        for file in self.log.truncate_fully_and_start_at(start, start, now)? {
            self.log.dir.remove(&file)?;
        }
        self.remember_producers(of)
    }

    /// Batches of the log before an offset that the copy does not have, so many bytes at most but for the first: to be read
    /// without any lock and appended. Empty where there are none. Looked up from `source`, as by [`Log::read_from`].
    pub fn missing(&self, of: &Log, source: Source, max_bytes: u64, before: Offset) -> Result<FetchRead> {
        of.read_from(source, self.end_offset().max(of.log_start_offset()), max_bytes, true, before)
    }

    /// Appends whole batches that were read from one segment of the log. Those that it has are left out.
    pub fn append(&mut self, bytes: &[u8], now: Now) -> Result<()> {
        let mut known = 0;
        for batch in protocol::records::batches(bytes).flatten() {
            if batch.header().base_offset >= self.end_offset() {
                break;
            }
            known += batch.header().size_bytes();
        }
        if self.log.append_as_follower(&bytes[known..], now)?.is_some() {
            let end = self.log.log_end_offset();
            self.log.set_high_watermark(end);
        }
        Ok(())
    }

    /// Makes what it has durable.
    pub fn flush(&mut self) -> Result<()> {
        self.log.flush()
    }

    /// What the log knows beside its records, and then all of it durable.
    fn complete(&mut self, of: &Log, now: Now) -> Result<()> {
        let end = of.log_end_offset();
        if self.end_offset() > end || !self.missing(of, Source::Disk, 0, end)?.ranges.is_empty() {
            return Err(Error::UnexpectedAppendOffset {
                first_offset: end,
                log_end_offset: self.end_offset(),
            });
        }
        let log = &mut self.log;
        // Compaction may have taken the last records.
        log.log_end_offset = end;
        log.config = of.config.clone();
        log.epochs = of.epochs.moved();
        log.log_start_offset = of.log_start_offset;
        log.producers = of.producers.clone();
        log.set_high_watermark(of.high_watermark);
        // The snapshot of what it has replayed does not know producers whose records are gone.
        log.snapshots.remove(&end);
        log.take_snapshot()?;
        log.roll(end, now)?;
        // No flush and no cleaning of the old log speaks of this one.
        log.durability.moved_from(&of.durability);
        log.flush()
    }

    /// Gives it the name that the log of the partition has, durably.
    fn take_name(&mut self) -> Result<()> {
        let to = self.log.path().with_file_name(self.log.topic_partition().to_string());
        self.rename(to)
    }

    fn rename(&mut self, to: PathBuf) -> Result<()> {
        let from = &self.log.dir.path;
        let log_dir = from.parent().unwrap_or(from);
        let disk = self.log.dir.disk.clone();
        let log_dir = log_dir.to_owned();
        disk.rename(from, &to).at("rename", from)?;
        self.log.dir = Arc::new(Dir::new(disk.clone(), to));
        disk.sync_dir(&log_dir).at("sync", &log_dir)
    }
}

/// Where the first batch begins that is of use: the log may start inside of it.
fn first_offset(of: &Log) -> Result<Offset> {
    let start = of.log_start_offset();
    Ok(of.read(start, 0, true, of.log_end_offset())?.first_offset.min(start))
}

impl Log {
    /// Puts a copy that has all of this log in its place: afterwards this *is* the copy. Answers where the files of the old
    /// one wait to be removed. Durable when this returns.
    ///
    /// `checkpoint` puts the durable offset and the start of the log that it is given into the checkpoints of the new
    /// directory, before the log is there: without them recovery would take what compaction left for damage.
    pub fn move_to(
        &mut self,
        mut future: FutureLog,
        unique: Uuid,
        now: Now,
        checkpoint: impl FnOnce(&Self) -> Result<()>,
    ) -> std::result::Result<PathBuf, MoveError> {
        self.check_not_fenced().map_err(MoveError::From)?;
        let future_path = future.path().to_owned();
        let completed = future.complete(self, now).and_then(|()| checkpoint(&future.log));
        let named = completed.and_then(|()| future.take_name());
        if let Err(error) = named {
            // Where that fails too there may be two logs of the partition, of which the metadata tells the right one.
            let _ = future.rename(future_path);
            return Err(MoveError::To(error));
        }
        let left = self.delete(unique).and_then(|path| {
            let log_dir = path.parent().unwrap_or(&path);
            self.dir.disk.sync_dir(log_dir).at("sync", log_dir)?;
            Ok(path)
        });
        match left {
            Ok(path) => {
                *self = future.log;
                Ok(path)
            }
            Err(error) => {
                let _ = future.rename(future_path);
                Err(MoveError::From(error))
            }
        }
    }
}
