//! What an earlier process has written is not sent on trust: a disk may have changed it since. Batches of a segment that
//! was there when the log was opened are read whole, crc and all, before they are read the first time; what is found wrong
//! is told with its place, and never sent. What this process writes it has checked already.
//!
//! That costs each old batch one checksum in the life of a process, on the way from the disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use protocol::Offset;

use crate::disk::DiskFile;
use crate::error::{Error, Result, corrupt};
use crate::scan::Scanner;

/// How much is checked at once, at least one batch.
const CHECK_BYTES: u32 = 8 << 20;

/// The batches of a segment that was there when the log was opened, as far as they have been checked.
#[derive(Debug)]
pub(crate) struct Unchecked {
    /// What lies beyond was written by this process.
    upto: u32,
    /// What was found. Shared with checks under way, which hold no lock of the log.
    seen: OnceLock<Arc<Mutex<Seen>>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// From the start of a batch: up to where all is good, and the offset to go on from there.
    good: BTreeMap<u32, (u32, Offset)>,
    /// Where no good batch begins, and what is there.
    bad: BTreeMap<u32, String>,
}

/// What is known of the batches from a position on.
#[derive(Debug)]
pub(crate) enum Known {
    /// All of them are good that were asked for.
    Good,
    /// They are good up to a position, from which an offset goes on.
    GoodUpTo(u32, Offset),
    /// Nothing yet: to be found out.
    Nothing(Check),
}

impl Unchecked {
    /// Nothing: the file is made by this process.
    pub(crate) const fn none() -> Self {
        Self { upto: 0, seen: OnceLock::new() }
    }

    /// All that a file has.
    pub(crate) const fn all(upto: u32) -> Self {
        Self { upto, seen: OnceLock::new() }
    }

    /// The file was cut: what follows is written by this process.
    pub(crate) fn cut(&mut self, at: u32) {
        // A check under way is about what was there.
        *self = Self::all(self.upto.min(at));
    }

    /// What is known of the batches of a stretch. [`Error::Corrupt`] where the first of them is damaged.
    pub(crate) fn look(
        &self,
        start: u32,
        end: u32,
        open: impl FnOnce() -> Result<(PathBuf, Arc<dyn DiskFile>)>,
    ) -> Result<Known> {
        if start >= self.upto {
            return Ok(Known::Good);
        }
        let seen = self.seen.get_or_init(Arc::default);
        {
            let seen = seen.lock();
            if let Some(found) = seen.bad.get(&start) {
                return Err(corrupt(&open()?.0, start.into(), found.clone(), "a valid batch"));
            }
            let before = seen.good.range(..=start).next_back();
            if let Some((_, (good, next_offset))) = before.filter(|(_, (good, _))| *good > start) {
                let all = *good >= end.min(self.upto);
                return Ok(if all { Known::Good } else { Known::GoodUpTo(*good, *next_offset) });
            }
        }
        let (path, file) = open()?;
        Ok(Known::Nothing(Check {
            seen: Arc::clone(seen),
            path,
            file,
            start,
            end: end.min(self.upto),
            upto: self.upto,
        }))
    }
}

/// A check that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    seen: Arc<Mutex<Seen>>,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    start: u32,
    end: u32,
    upto: u32,
}

impl Check {
    /// Reads the batches, and notes what they are. Waits for the disk. An error is the disk's.
    pub(crate) fn make(&self) -> Result<()> {
        let limit = self.end.min(self.start.saturating_add(CHECK_BYTES));
        let mut walk = Scanner::batches(Arc::clone(&self.file), self.path.clone(), self.start, self.upto);
        let mut good = None;
        let outcome = loop {
            let checked = match walk.next() {
                Ok(Some(found)) => walk.verified(&found).map(|_| Some(found)),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            match checked {
                Ok(None) => break Ok(()),
                Ok(Some(found)) => {
                    good = Some((found.end(), found.header.next_offset()));
                    if found.end() >= limit {
                        break Ok(());
                    }
                }
                Err(Error::Corrupt { found, .. }) => {
                    let at = good.map_or(self.start, |(end, _)| end);
                    self.seen.lock().bad.insert(at, found);
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        if let Some((end, next_offset)) = good {
            self.seen.lock().add(self.start, end, next_offset);
        }
        outcome
    }
}

impl Seen {
    /// Batches from `start` to `end` are good; what touches becomes one.
    fn add(&mut self, mut start: u32, mut end: u32, mut next_offset: Offset) {
        if let Some((before, (good, _))) = self.good.range(..=start).next_back()
            && *good >= start
        {
            start = *before;
        }
        while let Some((at, (good, offset))) = self.good.range(start..=end).next_back() {
            let at = *at;
            if *good > end {
                (end, next_offset) = (*good, *offset);
            }
            self.good.remove(&at);
        }
        self.good.insert(start, (end, next_offset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_becomes_one() {
        let mut seen = Seen::default();
        let mut check = |start, end, expect: &[(u32, u32)]| {
            seen.add(start, end, Offset(end.into()));
            let found: Vec<_> = seen.good.iter().map(|(start, (end, _))| (*start, *end)).collect();
            assert_eq!(found, expect);
            assert!(seen.good.values().all(|(end, offset)| Offset((*end).into()) == *offset));
        };
        check(100, 200, &[(100, 200)]);
        check(300, 400, &[(100, 200), (300, 400)]);
        check(200, 250, &[(100, 250), (300, 400)]);
        check(0, 100, &[(0, 250), (300, 400)]);
        check(250, 300, &[(0, 400)]);
        check(50, 80, &[(0, 400)]);
        check(500, 600, &[(0, 400), (500, 600)]);
        check(350, 700, &[(0, 700)]);
    }
}
