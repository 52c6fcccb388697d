//! `leader-epoch-checkpoint` of the metadata log: at which offset each leader's epoch began (KIP-101).
//!
//! Nothing here reads it: the batches say it, and every start collects it from them. It is kept for those who read the
//! directory after us, Apache Kafka and `millstream log`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::disk;
use crate::error::Error;

const FILE_NAME: &str = "leader-epoch-checkpoint";

/// The epochs of a log with the offsets at which they begin; both grow.
#[derive(Debug)]
pub(super) struct LeaderEpochs {
    path: PathBuf,
    starts: Vec<(i32, i64)>,
    /// Whether the file says what `starts` does.
    written: bool,
}

impl LeaderEpochs {
    /// Of a log without batches.
    pub(super) fn new(dir: &Path) -> Self {
        Self { path: dir.join(FILE_NAME), starts: Vec::new(), written: false }
    }

    /// A batch of an epoch begins at an offset, which is the end of the log.
    pub(super) fn assign(&mut self, epoch: i32, offset: i64) {
        if self.starts.last().is_none_or(|(last, _)| *last < epoch) {
            self.starts.push((epoch, offset));
            self.written = false;
        }
    }

    /// The log ends at an offset now.
    pub(super) fn truncate_from_end(&mut self, end: i64) {
        let before = self.starts.len();
        self.starts.retain(|(_, start)| *start < end);
        self.written &= self.starts.len() == before;
    }

    /// The log begins at an offset now, which is where a batch begins.
    pub(super) fn truncate_from_start(&mut self, start: i64) {
        let gone = self.starts.iter().take_while(|(_, first)| *first <= start).count().saturating_sub(1);
        self.starts.drain(..gone);
        self.written &= gone == 0;
        if let Some((_, first)) = self.starts.first_mut()
            && *first < start
        {
            *first = start;
            self.written = false;
        }
    }

    /// Brings the file up to date, durably, if it is not.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        if self.written {
            return Ok(());
        }
        let mut text = format!("0\n{}\n", self.starts.len());
        self.starts.iter().for_each(|(epoch, start)| text.push_str(&format!("{epoch} {start}\n")));
        if std::fs::read(&self.path).is_ok_and(|found| found == text.as_bytes()) {
            self.written = true;
            return Ok(());
        }
        let write = |out: &mut std::io::BufWriter<_>| {
            out.write_all(text.as_bytes()).map_err(Error::io("write", &self.path))
        };
        disk::replace(&self.path, write)?;
        self.written = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_the_log_has() {
        let dir = tempfile::tempdir().unwrap();
        let mut epochs = LeaderEpochs::new(dir.path());
        let mut check = |change: &dyn Fn(&mut LeaderEpochs), expect: &str| {
            change(&mut epochs);
            epochs.write().unwrap();
            assert_eq!(std::fs::read_to_string(dir.path().join(FILE_NAME)).unwrap(), expect);
        };
        check(&|_| (), "0\n0\n");
        let batches = [(1, 0), (1, 1), (3, 2), (3, 7), (4, 9)];
        check(
            &|epochs| batches.iter().for_each(|(epoch, at)| epochs.assign(*epoch, *at)),
            "0\n3\n1 0\n3 2\n4 9\n",
        );
        check(&|epochs| epochs.truncate_from_end(9), "0\n2\n1 0\n3 2\n");
        check(&|epochs| epochs.truncate_from_start(2), "0\n1\n3 2\n");
        check(&|epochs| epochs.truncate_from_start(5), "0\n1\n3 5\n");
        check(&|epochs| epochs.truncate_from_end(5), "0\n0\n");
    }
}
