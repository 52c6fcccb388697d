//! `.timeindex`: from a timestamp to an offset.
//!
//! An entry is 12 bytes: a timestamp, and an offset relative to the segment's base. It says: no record up to that
//! offset has a greater timestamp. Both grow.

use protocol::Offset;

use crate::access::Access;
use crate::dir::{Dir, Kind};
use crate::entry_file::EntryFile;
use crate::error::{Result, corrupt};

/// A timestamp and the last offset of the batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimestampOffset {
    pub(crate) timestamp: i64,
    pub(crate) offset: Offset,
}

/// The time index of one segment.
#[derive(Debug)]
pub(crate) struct TimeIndex {
    base_offset: Offset,
    pub(crate) entries: EntryFile<12>,
    last: TimestampOffset,
}

impl TimeIndex {
    pub(crate) const ENTRY_BYTES: usize = 12;

    pub(crate) const fn new(base_offset: Offset) -> Self {
        Self { base_offset, entries: EntryFile::new(Kind::TimeIndex), last: Self::none(base_offset) }
    }

    /// What an index without entries answers.
    const fn none(base_offset: Offset) -> TimestampOffset {
        TimestampOffset { timestamp: -1, offset: base_offset }
    }

    /// Loads the file, which must exist; an error if its last entry cannot be.
    pub(crate) fn load(dir: &Dir, base_offset: Offset) -> Result<Self> {
        let entries = EntryFile::load(Kind::TimeIndex, dir, base_offset)?;
        let mut index = Self { base_offset, entries, last: Self::none(base_offset) };
        index.read_last(dir)?;
        let first = if index.entries.len() == 0 { None } else { Some(index.get(dir.waiting(), 0)?) };
        if index.last.offset < base_offset
            || first.is_some_and(|first| first.timestamp > index.last.timestamp)
        {
            let path = dir.file(base_offset, Kind::TimeIndex);
            let position = index.entries.size_bytes().saturating_sub(12);
            return Err(corrupt(&path, position, format!("{:?}", index.last), "entries that grow"));
        }
        Ok(index)
    }

    fn get(&self, access: Access<'_>, at: u32) -> Result<TimestampOffset> {
        Ok(self.parse(self.entries.get(access, self.base_offset, at)?))
    }

    pub(crate) fn parse(&self, entry: [u8; 12]) -> TimestampOffset {
        TimestampOffset {
            timestamp: timestamp(&entry),
            offset: self.base_offset + i64::from(relative_offset(&entry)),
        }
    }

    fn read_last(&mut self, dir: &Dir) -> Result<()> {
        let last = self.entries.last(dir.waiting(), self.base_offset)?;
        self.last = last.map_or(Self::none(self.base_offset), |entry| self.parse(entry));
        Ok(())
    }

    /// The last entry; timestamp -1 if there is none.
    pub(crate) const fn last(&self) -> TimestampOffset {
        self.last
    }

    /// The last entry with a timestamp less than or equal to the one given.
    pub(crate) fn look_up(&self, access: Access<'_>, target: i64) -> Result<TimestampOffset> {
        let at =
            self.entries.partition_point(access, self.base_offset, |entry| timestamp(entry) <= target)?;
        at.checked_sub(1).map_or(Ok(Self::none(self.base_offset)), |at| self.get(access, at))
    }

    /// Adds an entry if it says more than the last one does.
    pub(crate) fn maybe_append(&mut self, dir: &Dir, entry: TimestampOffset) {
        if entry.timestamp <= self.last.timestamp {
            return;
        }
        let relative = (entry.offset - self.base_offset) as u32;
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&entry.timestamp.to_be_bytes());
        bytes[8..].copy_from_slice(&relative.to_be_bytes());
        self.entries.push(dir, self.base_offset, bytes);
        self.last = entry;
    }

    /// Drops the entries at and after an offset.
    pub(crate) fn truncate_to(&mut self, dir: &Dir, offset: Offset) -> Result<()> {
        let relative = offset - self.base_offset;
        let holds = |entry: &[u8; 12]| i64::from(relative_offset(entry)) < relative;
        let len = self.entries.partition_point(dir.waiting(), self.base_offset, holds)?;
        self.entries.truncate(dir, self.base_offset, len)?;
        self.read_last(dir)
    }
}

fn timestamp(entry: &[u8; 12]) -> i64 {
    i64::from_be_bytes([entry[0], entry[1], entry[2], entry[3], entry[4], entry[5], entry[6], entry[7]])
}

fn relative_offset(entry: &[u8; 12]) -> i32 {
    i32::from_be_bytes([entry[8], entry[9], entry[10], entry[11]])
}
