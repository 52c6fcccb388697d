//! A file of entries of one size: what the offset index and the time index are made of.
//!
//! The last entries wait in memory, so that an append does not cost a write each: an index is not made durable before
//! its segment is complete, and is rebuilt after a crash until then.
//! Reads are binary searches by `pread`; no memory map, so that an index that nobody uses costs nothing.

use protocol::Offset;

use crate::access::Access;
use crate::dir::{Dir, Kind};
use crate::error::{At as _, Result};
use crate::handles::LazyFile;

/// How many entries wait in memory at most.
const MAX_PENDING: usize = 32;
/// How many bytes a search reads at once when it is near.
const PAGE_BYTES: usize = 2048;

/// A file of entries of `N` bytes. Knows nothing of what they mean.
#[derive(Debug)]
pub(crate) struct EntryFile<const N: usize> {
    file: LazyFile,
    /// Entries in the file.
    written: u32,
    /// Entries after those, not yet in the file.
    pending: Vec<[u8; N]>,
}

impl<const N: usize> EntryFile<N> {
    /// An index without entries; its file is made with the first write.
    pub(crate) const fn new(kind: Kind) -> Self {
        Self { file: LazyFile::new(kind), written: 0, pending: Vec::new() }
    }

    /// An index whose file exists. Zeroes at the end are Kafka's preallocated space, not entries.
    pub(crate) fn load(kind: Kind, dir: &Dir, base_offset: Offset) -> Result<Self> {
        let mut index = Self::new(kind);
        let path = index.file.path(dir, base_offset);
        let file = index.file.get(dir, base_offset, false)?;
        let len = file.len().at("read the length of", &path)?;
        index.written = u32::try_from(len / N as u64).unwrap_or(u32::MAX);
        if index.last(dir.waiting(), base_offset)? == Some([0; N]) {
            index.written = index.partition_point(dir.waiting(), base_offset, |entry| *entry != [0; N])?;
        }
        index.file.close();
        Ok(index)
    }

    pub(crate) fn len(&self) -> u32 {
        self.written + self.pending.len() as u32
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        u64::from(self.len()) * N as u64
    }

    /// The entry at a place; the place must be less than [`EntryFile::len`].
    pub(crate) fn get(&self, access: Access<'_>, base_offset: Offset, at: u32) -> Result<[u8; N]> {
        if let Some(entry) = at.checked_sub(self.written).and_then(|at| self.pending.get(at as usize)) {
            return Ok(*entry);
        }
        let mut entry = [0; N];
        self.read(access, base_offset, at, &mut entry)?;
        Ok(entry)
    }

    pub(crate) fn last(&self, access: Access<'_>, base_offset: Offset) -> Result<Option<[u8; N]>> {
        self.len().checked_sub(1).map(|at| self.get(access, base_offset, at)).transpose()
    }

    fn read(&self, access: Access<'_>, base_offset: Offset, at: u32, entries: &mut [u8]) -> Result<()> {
        let file = self.file.get(access.dir, base_offset, false)?;
        let path = || self.file.path(access.dir, base_offset);
        let position = u64::from(at) * N as u64;
        let error = |source| crate::Error::Io { operation: "read", path: path(), source };
        let read = access.source.read_at(&file, entries, position, error)?;
        if read < entries.len() {
            return Err(crate::error::corrupt(&path(), position, "the end of the file", "entries"));
        }
        Ok(())
    }

    /// The first place whose entry does not fulfil `holds`, which must be true up to there and false from there on.
    pub(crate) fn partition_point(
        &self,
        access: Access<'_>,
        base_offset: Offset,
        holds: impl Fn(&[u8; N]) -> bool,
    ) -> Result<u32> {
        if let Some(first) = self.pending.first()
            && holds(first)
        {
            return Ok(self.written + self.pending.partition_point(holds) as u32);
        }
        let (mut low, mut high) = (0, self.written);
        while (high - low) as usize > PAGE_BYTES / N {
            let middle = low + (high - low) / 2;
            if holds(&self.get(access, base_offset, middle)?) { low = middle + 1 } else { high = middle }
        }
        let mut page = [0; PAGE_BYTES];
        let page = &mut page[..(high - low) as usize * N];
        if page.is_empty() {
            return Ok(low);
        }
        self.read(access, base_offset, low, page)?;
        let (entries, _) = page.as_chunks::<N>();
        Ok(low + entries.partition_point(holds) as u32)
    }

    /// Adds an entry. One that cannot be written now waits: [`EntryFile::write`] says why, at the next roll or flush.
    pub(crate) fn push(&mut self, dir: &Dir, base_offset: Offset, entry: [u8; N]) {
        self.pending.push(entry);
        if self.pending.len().is_multiple_of(MAX_PENDING) {
            let _ = self.write(dir, base_offset);
        }
    }

    /// Puts all entries into the file, which exists afterwards.
    pub(crate) fn write(&mut self, dir: &Dir, base_offset: Offset) -> Result<()> {
        let file = self.file.get(dir, base_offset, true)?;
        if self.pending.is_empty() {
            return Ok(());
        }
        let position = u64::from(self.written) * N as u64;
        file.write_at(self.pending.as_flattened(), position)
            .at("write", &self.file.path(dir, base_offset))?;
        self.written += self.pending.len() as u32;
        self.pending = Vec::new();
        Ok(())
    }

    /// Keeps the first entries only, and cuts the file to them. Needed after [`EntryFile::load`] before anything
    /// is pushed, for the zeroes at the end.
    pub(crate) fn truncate(&mut self, dir: &Dir, base_offset: Offset, len: u32) -> Result<()> {
        self.pending.truncate(len.saturating_sub(self.written) as usize);
        self.written = self.written.min(len);
        let file = self.file.get(dir, base_offset, true)?;
        file.set_len(u64::from(self.written) * N as u64).at("truncate", &self.file.path(dir, base_offset))
    }

    pub(crate) const fn file(&self) -> &LazyFile {
        &self.file
    }

    /// Whether every entry is in the file, so that the handle may be closed.
    pub(crate) const fn is_written(&self) -> bool {
        self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk as _;
    use crate::disk::sim::SimDisk;

    const BASE: Offset = Offset(7);

    fn dir() -> Dir {
        let disk = SimDisk::new(1);
        disk.create_dir_all("/p".as_ref()).unwrap();
        Dir::new(disk.shared(), "/p".into())
    }

    #[test]
    fn finds_what_was_pushed_wherever_it_is() {
        for len in [0u32, 1, 31, 32, 33, 1000] {
            let dir = dir();
            let mut index = EntryFile::<8>::new(Kind::OffsetIndex);
            for at in 0..len {
                index.push(&dir, BASE, u64::from(at + 1).to_be_bytes());
            }
            for reload in [false, true] {
                if reload {
                    index.write(&dir, BASE).unwrap();
                    index = EntryFile::load(Kind::OffsetIndex, &dir, BASE).unwrap();
                }
                assert_eq!(index.len(), len);
                for at in 0..=len {
                    let holds = |entry: &[u8; 8]| u64::from_be_bytes(*entry) <= u64::from(at);
                    assert_eq!(
                        index.partition_point(dir.waiting(), BASE, holds).unwrap(),
                        at,
                        "{at} of {len}"
                    );
                }
            }
        }
    }

    #[test]
    fn preallocated_zeroes_are_no_entries() {
        for len in [0u32, 1, 200] {
            let dir = dir();
            let mut index = EntryFile::<12>::new(Kind::TimeIndex);
            for at in 0..len {
                index.push(&dir, BASE, [at as u8 | 1; 12]);
            }
            index.write(&dir, BASE).unwrap();
            let file = dir.disk.open(&dir.file(BASE, Kind::TimeIndex), false).unwrap();
            file.set_len(10 * 1024 * 1024).unwrap();
            let mut index = EntryFile::<12>::load(Kind::TimeIndex, &dir, BASE).unwrap();
            assert_eq!(index.len(), len);
            index.truncate(&dir, BASE, len).unwrap();
            assert_eq!(file.len().unwrap(), u64::from(len) * 12);
        }
    }
}
