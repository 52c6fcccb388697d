//! Closing logs in order: many share two syncs of their file system, where each alone would sync half a dozen files.
//!
//! What was appended and not flushed is synced file by file too, after the first of them has written it: only the handle
//! that wrote is sure to be told that the disk did not take it.

use std::path::Path;

use super::{FlushTarget, Log};
use crate::checkpoint::{LEADER_EPOCHS, NEW_LEADER_EPOCHS};
use crate::disk::Disk;
use crate::error::{At as _, Result};

/// What is left to do for a log once what it has written is on the disk.
struct Closing {
    target: Option<FlushTarget>,
}

impl Log {
    /// Closes logs in one directory of a disk: everything is durable, with the indexes of the active segments and the
    /// producers' state, so that after a clean shutdown there is nothing to scan. Logs to which nothing has happened since
    /// they were opened cost nothing.
    ///
    /// Answers one result a log. An error of all of them is one of the file system: none is closed.
    pub fn close_all(disk: &dyn Disk, dir: &Path, logs: &mut [&mut Self]) -> Result<Vec<Result<()>>> {
        let mut closing: Vec<Result<Option<Closing>>> = logs.iter_mut().map(|log| log.write_out()).collect();
        if closing.iter().all(|closing| matches!(closing, Ok(None))) {
            return Ok(closing.iter().map(|_| Ok(())).collect());
        }
        disk.sync_all(dir).at("sync the file system of", dir)?;
        let settle = |(log, closing): (&mut &mut Self, Result<Option<Closing>>)| match closing? {
            Some(closing) => log.settle(closing),
            None => Ok(()),
        };
        let settled = logs.iter_mut().zip(closing.drain(..)).map(settle).collect();
        // Files that were renamed last.
        disk.sync_all(dir).at("sync the file system of", dir)?;
        Ok(settled)
    }

    /// Closes this log: see [`Log::close_all`].
    pub fn close(&mut self) -> Result<()> {
        let dir = self.dir.clone();
        let closed = Self::close_all(&*dir.disk, &dir.path, &mut [self])?;
        closed.into_iter().collect()
    }

    /// Puts what is in memory into files. `None` if the files say it all.
    fn write_out(&mut self) -> Result<Option<Closing>> {
        self.check_not_fenced()?;
        if !self.is_touched() {
            return Ok(None);
        }
        if self.active.size_bytes > 0 {
            self.active.seal(&self.dir)?;
            self.active.close_indexes();
        }
        if self.log_end_offset > self.segments().next().map_or(self.log_end_offset, |first| first.base_offset)
        {
            self.take_snapshot()?;
        }
        let target = self.flush_target()?;
        if let Some((_, bytes)) = target.as_ref().and_then(FlushTarget::epochs) {
            self.dir.write(NEW_LEADER_EPOCHS, bytes)?;
        }
        Ok(Some(Closing { target }))
    }

    fn settle(&mut self, closing: Closing) -> Result<()> {
        let Some(target) = closing.target else { return Ok(()) };
        self.fencing(|log| {
            target.sync_files()?;
            if target.epochs().is_some() {
                log.dir.rename_file(NEW_LEADER_EPOCHS, LEADER_EPOCHS)?;
            }
            Ok(())
        })?;
        self.mark_flushed(&target);
        Ok(())
    }
}
