//! `.txnindex`: the aborted transactions that end in a segment, for consumers that read committed.
//!
//! An entry is 34 bytes: version (0), producer id, first and last offset of the transaction, and the last stable
//! offset when it ended. A segment without aborted transactions has no such file.

use std::path::Path;

use protocol::{Offset, ProducerId};

use crate::access::Access;
use crate::dir::{Dir, Kind};
use crate::error::{At as _, Error, Result, corrupt};
use crate::handles::LazyFile;

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Who wrote it.
    pub producer_id: ProducerId,
    /// Its first record.
    pub first_offset: Offset,
    /// Its abort marker.
    pub last_offset: Offset,
    /// The first offset that was undecided once the marker was there.
    pub last_stable_offset: Offset,
}

const ENTRY_BYTES: usize = 34;
/// More than a segment can hold: an abort marker is a batch of at least 78 bytes.
const MAX_ENTRIES: u64 = i32::MAX as u64 / 78;

/// The aborted transactions of one segment.
#[derive(Debug)]
pub(crate) struct TxnIndex {
    base_offset: Offset,
    file: LazyFile,
    /// Whether there is a file, or may be.
    exists: bool,
    /// `None`: not known, look into the file.
    entries: Option<u32>,
}

impl TxnIndex {
    pub(crate) const fn new(base_offset: Offset) -> Self {
        Self { base_offset, file: LazyFile::new(Kind::TxnIndex), exists: false, entries: Some(0) }
    }

    /// The index of a segment that has a file.
    pub(crate) const fn existing(base_offset: Offset) -> Self {
        Self { base_offset, file: LazyFile::new(Kind::TxnIndex), exists: true, entries: None }
    }

    /// Whether there may be a file.
    pub(crate) const fn exists(&self) -> bool {
        self.exists
    }

    pub(crate) fn append(&mut self, dir: &Dir, txn: &AbortedTxn) -> Result<()> {
        let at = match self.entries {
            Some(entries) => entries,
            None => self.read(dir.waiting())?.len() as u32,
        };
        self.exists = true;
        let file = self.file.get(dir, self.base_offset, true)?;
        file.write_at(&encode(txn), u64::from(at) * ENTRY_BYTES as u64)
            .at("write", &self.file.path(dir, self.base_offset))?;
        self.entries = Some(at + 1);
        Ok(())
    }

    /// All transactions, in the order in which they ended.
    pub(crate) fn read(&self, access: Access<'_>) -> Result<Vec<AbortedTxn>> {
        if self.entries == Some(0) {
            return Ok(Vec::new());
        }
        let path = self.file.path(access.dir, self.base_offset);
        let file = match self.file.get(access.dir, self.base_offset, false) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let len = file.len().at("read the length of", &path)?;
        if len > MAX_ENTRIES * ENTRY_BYTES as u64 {
            return Err(corrupt(&path, 0, format!("{len} bytes"), "a file of a sensible size"));
        }
        let mut bytes = vec![0; len as usize];
        let error = |source| Error::Io { operation: "read", path: path.clone(), source };
        let read = access.source.read_at(&file, &mut bytes, 0, error)?;
        parse(&path, self.base_offset, &bytes[..read])
    }

    /// Drops the transactions that end at or after an offset.
    pub(crate) fn truncate_to(&mut self, dir: &Dir, offset: Offset) -> Result<()> {
        if !self.exists() {
            return Ok(());
        }
        let keep = self.read(dir.waiting())?.iter().take_while(|txn| txn.last_offset < offset).count();
        self.cut(dir, keep as u32)
    }

    fn cut(&mut self, dir: &Dir, entries: u32) -> Result<()> {
        let path = self.file.path(dir, self.base_offset);
        match self.file.get(dir, self.base_offset, false) {
            Ok(file) => file.set_len(u64::from(entries) * ENTRY_BYTES as u64).at("truncate", &path)?,
            Err(error) if error.is_not_found() => self.exists = false,
            Err(error) => return Err(error),
        }
        self.entries = Some(entries);
        Ok(())
    }

    /// Drops everything.
    pub(crate) fn reset(&mut self, dir: &Dir) -> Result<()> {
        if self.exists() { self.cut(dir, 0) } else { Ok(()) }
    }

    pub(crate) const fn file(&self) -> &LazyFile {
        &self.file
    }
}

/// The transactions in the bytes of a file. An entry that was not written to its end is none.
pub(crate) fn parse(path: &Path, base_offset: Offset, bytes: &[u8]) -> Result<Vec<AbortedTxn>> {
    let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
    let mut txns: Vec<AbortedTxn> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let txn = decode(entry).filter(|txn| {
            txn.last_offset >= base_offset
                && txns.last().is_none_or(|last| last.last_offset < txn.last_offset)
        });
        let position = (at * ENTRY_BYTES) as u64;
        txns.push(txn.ok_or_else(|| {
            corrupt(path, position, "an entry out of order", "transactions by last offset")
        })?);
    }
    Ok(txns)
}

pub(crate) fn encode(txn: &AbortedTxn) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    let fields =
        [txn.producer_id.get(), txn.first_offset.get(), txn.last_offset.get(), txn.last_stable_offset.get()];
    for (at, field) in fields.into_iter().enumerate() {
        entry[2 + at * 8..][..8].copy_from_slice(&field.to_be_bytes());
    }
    entry
}

/// `None` for a version that we do not know, or fields that cannot be.
fn decode(entry: &[u8; ENTRY_BYTES]) -> Option<AbortedTxn> {
    let (version, fields) = entry.split_at(2);
    let (fields, _) = fields.as_chunks::<8>();
    let field = |at: usize| i64::from_be_bytes(fields[at]);
    let txn = AbortedTxn {
        producer_id: ProducerId(field(0)),
        first_offset: Offset(field(1)),
        last_offset: Offset(field(2)),
        last_stable_offset: Offset(field(3)),
    };
    (version == [0, 0] && txn.first_offset >= Offset::ZERO && txn.first_offset < txn.last_offset)
        .then_some(txn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk as _;
    use crate::disk::sim::SimDisk;

    fn txn(first: i64, last: i64) -> AbortedTxn {
        AbortedTxn {
            producer_id: ProducerId(9),
            first_offset: Offset(first),
            last_offset: Offset(last),
            last_stable_offset: Offset(first.min(2)),
        }
    }

    #[test]
    fn bytes_are_kafkas() {
        let entry = encode(&txn(1, 258));
        assert_eq!(entry[..10], [0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(entry[18..26], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(decode(&entry), Some(txn(1, 258)));
    }

    #[test]
    fn keeps_across_reopening_and_truncates() {
        let disk = SimDisk::new(1);
        disk.create_dir_all("/p".as_ref()).unwrap();
        let dir = Dir::new(disk.shared(), "/p".into());
        let mut index = TxnIndex::new(Offset(0));
        assert!(!index.exists());
        index.append(&dir, &txn(0, 5)).unwrap();
        let mut index = TxnIndex::existing(Offset(0));
        index.append(&dir, &txn(3, 9)).unwrap();
        assert_eq!(index.read(dir.waiting()).unwrap(), [txn(0, 5), txn(3, 9)]);
        index.truncate_to(&dir, Offset(9)).unwrap();
        assert_eq!(index.read(dir.waiting()).unwrap(), [txn(0, 5)]);
        index.reset(&dir).unwrap();
        assert_eq!(index.read(dir.waiting()).unwrap(), []);
    }
}
