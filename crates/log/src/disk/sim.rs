//! A disk in memory that is as bad as a real one may be, and the same for the same seed.
//!
//! A crash keeps what was synced. Of what was not: each write is lost, kept or torn, in no order; each directory keeps
//! a prefix of its changes, in order. A failed sync of a file loses what it should have made durable for good, though
//! it stays readable until the crash, as on Linux, in later processes too. A failed sync of a directory has done nothing:
//! the next may do it, as names are in the journal.
//!
//! Not here: bit rot (tests flip bits themselves, with [`DiskFile::write_at`]), slowness.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile, Entry, LockGuard, Space, Stat};
use crate::handles::Handles;

/// A simulated disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>, Arc<Handles>);

impl SimDisk {
    /// An empty disk without a limit; all chances are drawn from `seed`.
    pub fn new(seed: u64) -> Self {
        let root = BTreeMap::from([(ROOT, Dir::default())]);
        let state = Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            dirs: root,
            next_id: ROOT + 1,
            locks: BTreeSet::new(),
            random: seed,
            boot: 0,
            operations: 0,
            faults: Faults::default(),
            capacity_bytes: u64::MAX,
            now_ms: 0,
        }));
        Self(state, Arc::new(Handles::new(SIM_OPEN_FILES)))
    }

    /// Shared, as the rest of this crate takes a disk.
    pub fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// The power goes and comes back: handles and locks from before are dead, faults are cleared, and what was not
    /// synced is lost, kept or torn by chance.
    pub fn crash(&self) {
        self.0.lock().crash();
    }

    /// The process ends and starts anew, the power stays: handles and locks from before are dead, faults are cleared,
    /// and everything that was written is there, whether synced or not.
    pub fn kill(&self) {
        self.0.lock().boot();
    }

    /// Whether [`SimDisk::stop_at`] was reached: nothing works any more until [`SimDisk::crash`] or [`SimDisk::kill`].
    pub fn is_stopped(&self) -> bool {
        let state = self.0.lock();
        state.faults.stop_at.is_some_and(|stop_at| state.operations > stop_at)
    }

    /// Operations so far that can fail: writes, syncs, and changes of names and lengths.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// The operation with this number (see [`SimDisk::operations`]; counted from 0) fails with an I/O error.
    pub fn fail_at(&self, operation: u64) {
        self.0.lock().faults.fail_at = Some(operation);
    }

    /// From the operation with this number on, everything fails: the power is about to go. A write that meets it is
    /// torn. Ends with [`SimDisk::crash`], or, if it was only the process that ended, with [`SimDisk::kill`].
    pub fn stop_at(&self, operation: u64) {
        self.0.lock().faults.stop_at = Some(operation);
    }

    /// The bytes of all files.
    pub fn used_bytes(&self) -> u64 {
        self.0.lock().used_bytes()
    }

    /// Limits the bytes of all files; a write that does not fit is torn and fails with "no space left".
    pub fn set_capacity_bytes(&self, bytes: u64) {
        self.0.lock().capacity_bytes = bytes;
    }

    /// The time that written files get.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.0.lock().now_ms = now_ms;
    }

    /// Every file with its content, sorted by path: equal for two runs of one seed.
    pub fn dump(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.0.lock();
        let mut found = BTreeMap::new();
        let mut left = vec![(PathBuf::from("/"), ROOT)];
        while let Some((path, dir)) = left.pop() {
            for (name, node) in &state.dirs[&dir].now {
                match node {
                    Node::Dir(id) => left.push((path.join(name), *id)),
                    Node::File(id) => {
                        found.insert(path.join(name), state.files[id].now.clone());
                    }
                }
            }
        }
        found
    }
}

const ROOT: u64 = 0;
/// So few that tests meet the bound.
const SIM_OPEN_FILES: usize = 4;

#[derive(Debug)]
struct State {
    files: BTreeMap<u64, File>,
    dirs: BTreeMap<u64, Dir>,
    next_id: u64,
    locks: BTreeSet<PathBuf>,
    random: u64,
    /// Counts crashes: a handle is of one boot.
    boot: u64,
    operations: u64,
    faults: Faults,
    capacity_bytes: u64,
    now_ms: i64,
}

#[derive(Debug, Default)]
struct Faults {
    fail_at: Option<u64>,
    stop_at: Option<u64>,
}

#[derive(Debug, Default)]
struct File {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    modified_ms: i64,
}

#[derive(Debug)]
enum Change {
    Write { position: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Debug, Default)]
struct Dir {
    now: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    unsynced: Vec<NameChange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(u64),
    Dir(u64),
}

#[derive(Debug)]
enum NameChange {
    Insert(String, Node),
    Remove(String),
    Rename(String, String),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::SetLen(len) => content.resize(*len, 0),
            Self::Write { position, bytes } => {
                let end = position + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*position..end].copy_from_slice(bytes);
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Insert(name, node) => {
                names.insert(name.clone(), *node);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }
}

impl State {
    /// splitmix64: a number below `bound`, which is not 0.
    fn random_below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn boot(&mut self) {
        self.boot += 1;
        self.faults = Faults::default();
        self.locks.clear();
    }

    fn crash(&mut self) {
        self.boot();
        let ids: Vec<u64> = self.dirs.keys().copied().collect();
        for id in ids {
            let changes =
                self.dirs.get_mut(&id).map(|dir| std::mem::take(&mut dir.unsynced)).unwrap_or_default();
            let kept = self.random_below(changes.len() as u64 + 1) as usize;
            if let Some(dir) = self.dirs.get_mut(&id) {
                changes[..kept].iter().for_each(|change| change.apply(&mut dir.durable));
                dir.now = dir.durable.clone();
            }
        }
        let ids: Vec<u64> = self.files.keys().copied().collect();
        for id in ids {
            let Some(mut file) = self.files.remove(&id) else { continue };
            for mut change in std::mem::take(&mut file.unsynced) {
                let chance = self.random_below(4);
                if let (1, Change::Write { bytes, .. }) = (chance, &mut change) {
                    bytes.truncate(self.random_below(bytes.len() as u64 + 1) as usize);
                }
                if chance != 0 {
                    change.apply(&mut file.durable);
                }
            }
            file.now = file.durable.clone();
            self.files.insert(id, file);
        }
    }

    /// Counts an operation, and decides whether it fails.
    fn operate(&mut self) -> io::Result<()> {
        let operation = self.operations;
        self.operations += 1;
        self.alive()?;
        if self.faults.fail_at == Some(operation) {
            return Err(io::Error::other("simulated I/O error"));
        }
        if self.faults.stop_at.is_some_and(|stop_at| operation >= stop_at) {
            return Err(io::Error::other("simulated power loss"));
        }
        Ok(())
    }

    /// Refuses everything once the power is gone.
    fn alive(&self) -> io::Result<()> {
        if self.faults.stop_at.is_some_and(|stop_at| self.operations > stop_at + 1) {
            return Err(io::Error::other("simulated power loss"));
        }
        Ok(())
    }

    fn look_up(&self, path: &Path) -> Option<Node> {
        let mut node = Node::Dir(ROOT);
        for name in names(path) {
            let Node::Dir(dir) = node else { return None };
            node = *self.dirs[&dir].now.get(name)?;
        }
        Some(node)
    }

    fn dir(&self, path: &Path) -> io::Result<u64> {
        match self.look_up(path) {
            Some(Node::Dir(id)) => Ok(id),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The directory of a path, and the name in it.
    fn parent(&self, path: &Path) -> io::Result<(u64, String)> {
        let name = path.file_name().and_then(OsStr::to_str).ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.dir(path.parent().unwrap_or(Path::new("/")))?, name.to_owned()))
    }

    fn change_names(&mut self, dir: u64, change: NameChange) {
        if let Some(dir) = self.dirs.get_mut(&dir) {
            change.apply(&mut dir.now);
            dir.unsynced.push(change);
        }
    }

    fn used_bytes(&self) -> u64 {
        self.files.values().map(|file| file.now.len() as u64).sum()
    }

    fn file(&mut self, handle: &SimFile) -> io::Result<&mut File> {
        self.alive()?;
        if handle.boot != self.boot {
            return Err(io::Error::other("a handle from before the crash"));
        }
        self.files.get_mut(&handle.id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change_file(&mut self, handle: &SimFile, mut change: Change) -> io::Result<()> {
        let outcome = self.operate();
        if let (Err(_), Change::Write { bytes, .. }) = (&outcome, &mut change) {
            let keep = self.random_below(bytes.len() as u64 + 1) as usize;
            bytes.truncate(keep);
        } else {
            outcome?;
            return self.change_file_unless_full(handle, change);
        }
        // The torn part of a write that failed.
        if let Ok(file) = self.file(handle) {
            change.apply(&mut file.now);
            file.unsynced.push(change);
        }
        outcome
    }

    fn change_file_unless_full(&mut self, handle: &SimFile, mut change: Change) -> io::Result<()> {
        let free = self.capacity_bytes.saturating_sub(self.used_bytes());
        let now_ms = self.now_ms;
        let file = self.file(handle)?;
        let room = file.now.len() as u64 + free;
        let mut outcome = Ok(());
        match &mut change {
            Change::SetLen(len) if *len as u64 > room => return Err(io::ErrorKind::StorageFull.into()),
            Change::Write { position, bytes } if (*position + bytes.len()) as u64 > room => {
                bytes.truncate((room as usize).saturating_sub(*position));
                outcome = Err(io::ErrorKind::StorageFull.into());
            }
            _ => {}
        }
        change.apply(&mut file.now);
        file.unsynced.push(change);
        file.modified_ms = now_ms;
        outcome
    }
}

fn names(path: &Path) -> impl Iterator<Item = &str> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => name.to_str(),
        _ => None,
    })
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.alive()?;
        let id = match state.look_up(path) {
            Some(Node::File(id)) => id,
            Some(Node::Dir(_)) => return Err(io::ErrorKind::IsADirectory.into()),
            None if !create => return Err(io::ErrorKind::NotFound.into()),
            None => {
                state.operate()?;
                let (dir, name) = state.parent(path)?;
                let id = state.next_id;
                state.next_id += 1;
                let modified_ms = state.now_ms;
                state.files.insert(id, File { modified_ms, ..File::default() });
                state.change_names(dir, NameChange::Insert(name, Node::File(id)));
                id
            }
        };
        Ok(Arc::new(SimFile { disk: self.0.clone(), id, boot: state.boot }))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        let state = self.0.lock();
        state.alive()?;
        Ok(state.look_up(path).map(|node| match node {
            Node::Dir(_) => Stat { len: 0, modified_ms: 0 },
            Node::File(id) => {
                let file = &state.files[&id];
                Stat { len: file.now.len() as u64, modified_ms: file.modified_ms }
            }
        }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.0.lock();
        state.alive()?;
        let dir = state.dir(dir)?;
        let entry = |(name, node): (&String, &Node)| Entry {
            name: name.clone(),
            is_dir: matches!(node, Node::Dir(_)),
        };
        Ok(state.dirs[&dir].now.iter().map(entry).collect())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        let mut at = PathBuf::from("/");
        for name in names(dir) {
            let parent = state.dir(&at)?;
            at.push(name);
            match state.look_up(&at) {
                Some(Node::Dir(_)) => {}
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => {
                    state.operate()?;
                    let id = state.next_id;
                    state.next_id += 1;
                    state.dirs.insert(id, Dir::default());
                    state.change_names(parent, NameChange::Insert(name.to_owned(), Node::Dir(id)));
                }
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let node = state.look_up(from).ok_or(io::ErrorKind::NotFound)?;
        let ((from_dir, from), (to_dir, to)) = (state.parent(from)?, state.parent(to)?);
        if from_dir == to_dir {
            state.change_names(from_dir, NameChange::Rename(from, to));
        } else {
            state.change_names(to_dir, NameChange::Insert(to, node));
            state.change_names(from_dir, NameChange::Remove(from));
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let Some(Node::File(_)) = state.look_up(path) else { return Err(io::ErrorKind::NotFound.into()) };
        let (dir, name) = state.parent(path)?;
        state.change_names(dir, NameChange::Remove(name));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let id = state.dir(dir)?;
        if !state.dirs[&id].now.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let (parent, name) = state.parent(dir)?;
        state.change_names(parent, NameChange::Remove(name));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let id = state.dir(dir)?;
        let Some(dir) = state.dirs.get_mut(&id) else { return Err(io::ErrorKind::NotFound.into()) };
        let changes = std::mem::take(&mut dir.unsynced);
        changes.iter().for_each(|change| change.apply(&mut dir.durable));
        Ok(())
    }

    fn sync_all(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        for dir in state.dirs.values_mut() {
            let changes = std::mem::take(&mut dir.unsynced);
            changes.iter().for_each(|change| change.apply(&mut dir.durable));
        }
        for file in state.files.values_mut() {
            let changes = std::mem::take(&mut file.unsynced);
            changes.iter().for_each(|change| change.apply(&mut file.durable));
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        self.open(path, true)?;
        let mut state = self.0.lock();
        if !state.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimLock { disk: self.0.clone(), path: path.to_owned(), boot: state.boot })))
    }

    fn handles(&self) -> &Handles {
        &self.1
    }

    fn space(&self, _dir: &Path) -> io::Result<Space> {
        let state = self.0.lock();
        let total_bytes = state.capacity_bytes;
        Ok(Space { total_bytes, usable_bytes: total_bytes.saturating_sub(state.used_bytes()) })
    }
}

#[derive(Debug)]
struct SimFile {
    disk: Arc<Mutex<State>>,
    id: u64,
    boot: u64,
}

impl DiskFile for SimFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.disk.lock();
        let content = &state.file(self)?.now;
        let from = content.len().min(position as usize);
        let read = buf.len().min(content.len() - from);
        buf[..read].copy_from_slice(&content[from..from + read]);
        Ok(read)
    }

    fn read_cached_at(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        self.read_at(buf, position).map(Some)
    }

    fn write_at(&self, buf: &[u8], position: u64) -> io::Result<()> {
        let change = Change::Write { position: position as usize, bytes: buf.to_vec() };
        self.disk.lock().change_file(self, change)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let outcome = state.operate();
        let file = state.file(self)?;
        let changes = std::mem::take(&mut file.unsynced);
        if outcome.is_ok() {
            changes.iter().for_each(|change| change.apply(&mut file.durable));
        }
        outcome
    }

    fn set_modified_ms(&self, modified_ms: i64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.operate()?;
        state.file(self)?.modified_ms = modified_ms;
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.lock().change_file(self, Change::SetLen(len as usize))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().file(self)?.now.len() as u64)
    }

    fn os_file(&self) -> Option<&Arc<std::fs::File>> {
        None
    }
}

#[derive(Debug)]
struct SimLock {
    disk: Arc<Mutex<State>>,
    path: PathBuf,
    boot: u64,
}

impl LockGuard for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.lock();
        if state.boot == self.boot {
            state.locks.remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(disk: &SimDisk, path: &str, bytes: &[u8]) -> Arc<dyn DiskFile> {
        let file = disk.open(Path::new(path), true).unwrap();
        file.write_at(bytes, 0).unwrap();
        file
    }

    fn content(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
        disk.dump().remove(Path::new(path))
    }

    #[test]
    fn keeps_what_was_synced_and_only_then() {
        let (mut lost_bytes, mut lost_name, mut torn) = (0, 0, 0);
        for seed in 0..100 {
            let disk = SimDisk::new(seed);
            disk.create_dir_all(Path::new("/d")).unwrap();
            disk.sync_dir(Path::new("/")).unwrap();
            write(&disk, "/d/safe", b"safe").sync_data().unwrap();
            disk.sync_dir(Path::new("/d")).unwrap();
            write(&disk, "/d/nameless", b"x").sync_data().unwrap();
            let safe = disk.open(Path::new("/d/safe"), false).unwrap();
            safe.write_at(b"more", 4).unwrap();
            disk.crash();
            let found = content(&disk, "/d/safe").unwrap();
            assert!(b"safemore".starts_with(&found) && found.len() >= 4, "seed {seed}: {found:?}");
            lost_bytes += usize::from(found.len() == 4);
            torn += usize::from((5..8).contains(&found.len()));
            lost_name += usize::from(content(&disk, "/d/nameless").is_none());
            assert!(safe.len().is_err(), "a handle survived the crash");
        }
        assert!(lost_bytes > 10 && lost_name > 10 && torn > 5, "{lost_bytes} {lost_name} {torn}");
    }

    #[test]
    fn a_failed_sync_loses_its_bytes_for_good() {
        let disk = SimDisk::new(1);
        let file = write(&disk, "/f", b"lost");
        disk.sync_dir(Path::new("/")).unwrap();
        disk.fail_at(disk.operations());
        assert!(file.sync_data().is_err());
        assert!(file.sync_data().is_ok());
        assert_eq!(content(&disk, "/f").unwrap(), b"lost");
        disk.crash();
        assert_eq!(content(&disk, "/f").unwrap(), b"");
    }

    #[test]
    fn fills_up() {
        let disk = SimDisk::new(1);
        disk.set_capacity_bytes(6);
        let file = write(&disk, "/f", b"abcd");
        assert_eq!(file.write_at(b"efgh", 4).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(content(&disk, "/f").unwrap(), b"abcdef");
        file.set_len(4).unwrap();
        file.write_at(b"x", 4).unwrap();
    }

    #[test]
    fn renames_are_atomic() {
        for seed in 0..50 {
            let disk = SimDisk::new(seed);
            write(&disk, "/a", b"old").sync_data().unwrap();
            write(&disk, "/a.tmp", b"new").sync_data().unwrap();
            disk.sync_dir(Path::new("/")).unwrap();
            disk.rename(Path::new("/a.tmp"), Path::new("/a")).unwrap();
            disk.crash();
            let found = content(&disk, "/a").unwrap();
            assert_eq!(content(&disk, "/a.tmp").is_none(), found == b"new", "seed {seed}");
        }
    }

    #[test]
    fn power_loss_stops_everything() {
        let disk = SimDisk::new(1);
        let file = write(&disk, "/f", b"ab");
        disk.stop_at(disk.operations());
        assert!(file.write_at(b"cd", 2).is_err());
        assert!(file.write_at(b"cd", 2).is_err());
        assert!(disk.open(Path::new("/g"), true).is_err());
        disk.crash();
        assert!(disk.open(Path::new("/g"), true).is_ok());
    }

    #[test]
    fn a_killed_process_loses_nothing_that_it_wrote() {
        let disk = SimDisk::new(1);
        let file = write(&disk, "/f", b"ab");
        let lock = disk.lock(Path::new("/.lock")).unwrap();
        disk.stop_at(disk.operations());
        assert!(!disk.is_stopped());
        assert!(disk.rename(Path::new("/f"), Path::new("/g")).is_err());
        assert!(disk.is_stopped());
        disk.kill();
        assert!(file.len().is_err() && lock.is_some());
        assert!(disk.lock(Path::new("/.lock")).unwrap().is_some());
        assert_eq!(content(&disk, "/f").unwrap(), b"ab");
        // It was never synced, though.
        let lost = (0..20).any(|seed| {
            let disk = SimDisk::new(seed);
            write(&disk, "/f", b"ab");
            disk.kill();
            disk.crash();
            content(&disk, "/f").is_none_or(|found| found != b"ab")
        });
        assert!(lost);
    }

    #[test]
    fn same_seed_same_disk() {
        let run = || {
            let disk = SimDisk::new(42);
            for i in 0..20 {
                write(&disk, &format!("/{}", i % 7), &[i; 9]);
            }
            disk.crash();
            disk.dump()
        };
        assert_eq!(run(), run());
    }
}
