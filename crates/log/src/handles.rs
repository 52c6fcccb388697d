//! Which files are open: of all partitions of a disk together at most so many at a time, those used last.
//!
//! A file is opened when it is first needed. Where that makes too many, the hand of a clock goes round: what was not used
//! since it came by is closed. What was written and not synced stays open, beyond the bound if need be: only the handle that
//! wrote is sure to be told that the disk did not take it.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use protocol::Offset;

use crate::dir::{Dir, Kind};
use crate::disk::DiskFile;
use crate::error::Result;

/// The open files of a disk.
#[derive(Debug)]
pub struct Handles {
    most: AtomicUsize,
    clock: Mutex<Clock>,
}

#[derive(Debug, Default)]
struct Clock {
    /// Those that are open, and some that no longer are.
    slots: Vec<Weak<Slot>>,
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    file: Mutex<Option<Arc<dyn DiskFile>>>,
    used: AtomicBool,
    /// Written and not synced.
    pinned: AtomicBool,
}

impl Handles {
    /// At most so many, but for what is written and not synced.
    pub const fn new(most: usize) -> Self {
        Self { most: AtomicUsize::new(most), clock: Mutex::new(Clock { slots: Vec::new(), hand: 0 }) }
    }

    /// Changes the bound; it holds from the next opening on.
    pub fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Whether what is not synced keeps more files open than the bound has room for.
    pub fn are_crowded(&self) -> bool {
        self.clock.lock().slots.len() > self.most.load(Ordering::Relaxed)
    }

    /// Takes in a file that was opened.
    fn add(&self, slot: &Arc<Slot>) {
        let most = self.most.load(Ordering::Relaxed);
        let mut closed = Vec::new();
        let mut clock = self.clock.lock();
        // Each is passed twice at most: the first time it may have been used.
        for _ in 0..2 * clock.slots.len() {
            if clock.slots.len() < most {
                break;
            }
            clock.advance(&mut closed);
        }
        clock.slots.push(Arc::downgrade(slot));
        drop(clock);
        // Closing a file may wait for the disk.
        drop(closed);
    }
}

impl Clock {
    /// Looks at one slot. What it held goes to `closed`.
    fn advance(&mut self, closed: &mut Vec<Arc<dyn DiskFile>>) {
        if self.hand >= self.slots.len() {
            self.hand = 0;
        }
        let keep = self.slots.get(self.hand).and_then(Weak::upgrade).is_some_and(|slot| {
            if slot.pinned.load(Ordering::Acquire) || slot.used.swap(false, Ordering::AcqRel) {
                return true;
            }
            // One that is being used is no candidate; nor is waited for it under this lock.
            let Some(mut file) = slot.file.try_lock() else { return true };
            if slot.pinned.load(Ordering::Acquire) {
                return true;
            }
            closed.extend(file.take());
            false
        });
        if keep {
            self.hand += 1;
        } else if self.hand < self.slots.len() {
            self.slots.swap_remove(self.hand);
        }
    }
}

/// A segment's file, opened when it is first needed and closed when nobody needs it.
pub(crate) struct LazyFile {
    kind: Kind,
    slot: Mutex<Option<Arc<Slot>>>,
}

impl LazyFile {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self { kind, slot: Mutex::new(None) }
    }

    pub(crate) fn path(&self, dir: &Dir, base_offset: Offset) -> PathBuf {
        dir.file(base_offset, self.kind)
    }

    /// The open file, which is created if `create` is set and there is none.
    pub(crate) fn get(&self, dir: &Dir, base_offset: Offset, create: bool) -> Result<Arc<dyn DiskFile>> {
        self.open(dir, base_offset, create, false)
    }

    /// The open file, to be written to. It stays open until [`LazyFile::synced`].
    pub(crate) fn get_to_write(&self, dir: &Dir, base_offset: Offset) -> Result<Arc<dyn DiskFile>> {
        self.open(dir, base_offset, false, true)
    }

    fn open(&self, dir: &Dir, base_offset: Offset, create: bool, pin: bool) -> Result<Arc<dyn DiskFile>> {
        let mut known = self.slot.lock();
        if let Some(slot) = &*known {
            let file = slot.file.lock();
            if let Some(file) = &*file {
                slot.pinned.fetch_or(pin, Ordering::AcqRel);
                slot.used.store(true, Ordering::Release);
                return Ok(file.clone());
            }
        }
        let file = dir.open(&self.path(dir, base_offset), create)?;
        let slot = Arc::new(Slot {
            file: Mutex::new(Some(file.clone())),
            used: AtomicBool::new(true),
            pinned: AtomicBool::new(pin),
        });
        *known = Some(slot.clone());
        drop(known);
        dir.disk.handles().add(&slot);
        Ok(file)
    }

    /// What was written is on the disk, or is of no use any more.
    pub(crate) fn synced(&self) {
        if let Some(slot) = &*self.slot.lock() {
            slot.pinned.store(false, Ordering::Release);
        }
    }

    /// Forgets the handle. Ranges that were read keep theirs.
    pub(crate) fn close(&self) {
        *self.slot.lock() = None;
    }

    fn is_open(&self) -> bool {
        self.slot.lock().as_ref().is_some_and(|slot| slot.file.lock().is_some())
    }
}

impl fmt::Debug for LazyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.kind, if self.is_open() { "open" } else { "closed" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk as _;
    use crate::disk::sim::SimDisk;

    fn files(disk: &SimDisk, count: i64) -> (Dir, Vec<(Offset, LazyFile)>) {
        disk.create_dir_all("/p".as_ref()).unwrap();
        let dir = Dir::new(disk.shared(), "/p".into());
        let files = (0..count).map(|at| (Offset(at), LazyFile::new(Kind::Log))).collect();
        (dir, files)
    }

    fn open(files: &[(Offset, LazyFile)]) -> Vec<i64> {
        files.iter().filter(|(_, file)| file.is_open()).map(|(at, _)| at.get()).collect()
    }

    #[test]
    fn the_least_used_are_closed() {
        let disk = SimDisk::new(1);
        disk.handles().set_most(3);
        let (dir, files) = files(&disk, 6);
        let get = |at: usize| files[at].1.get(&dir, files[at].0, true).unwrap();
        for at in 0..4 {
            get(at);
        }
        assert_eq!(open(&files), [1, 2, 3]);
        // The hand stands at 2, and has taken their mark of use.
        get(2);
        get(4);
        assert_eq!(open(&files).len(), 3);
        assert!(files[2].1.is_open() && files[4].1.is_open());
        get(0);
        assert_eq!(open(&files).len(), 3);
    }

    #[test]
    fn what_is_not_synced_stays_open() {
        let disk = SimDisk::new(1);
        disk.handles().set_most(2);
        let (dir, files) = files(&disk, 6);
        for (at, file) in &files[..3] {
            file.get(&dir, *at, true).unwrap();
            file.get_to_write(&dir, *at).unwrap();
        }
        assert_eq!(open(&files), [0, 1, 2]);
        for (at, file) in &files[3..] {
            file.get(&dir, *at, true).unwrap();
        }
        assert_eq!(open(&files[..3]), [0, 1, 2]);
        files.iter().for_each(|(_, file)| file.synced());
        files[3].1.get(&dir, files[3].0, false).unwrap();
        files[4].1.get(&dir, files[4].0, false).unwrap();
        assert!(open(&files).len() <= 2, "{:?}", open(&files));
    }

    #[test]
    fn those_that_are_gone_do_not_count() {
        let disk = SimDisk::new(1);
        disk.handles().set_most(2);
        let (dir, mut files) = files(&disk, 4);
        for (at, file) in &files {
            file.get(&dir, *at, true).unwrap();
        }
        files[3].1.close();
        files.truncate(4);
        files[0].1.get(&dir, files[0].0, false).unwrap();
        assert!(disk.handles().clock.lock().slots.len() <= 2);
        assert!(files[0].1.is_open());
    }
}
