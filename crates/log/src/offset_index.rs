//! `.index`: from an offset to a position in the segment, one entry every `index.interval.bytes`.
//!
//! An entry is 8 bytes: the offset relative to the segment's base (the last offset of what was appended at the
//! position) and the position. Offsets and positions grow.

use protocol::Offset;

use crate::access::Access;
use crate::dir::{Dir, Kind};
use crate::entry_file::EntryFile;
use crate::error::{Result, corrupt};

/// An entry: the batches up to `offset` end after `position`, those before it begin earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetPosition {
    pub(crate) offset: Offset,
    pub(crate) position: u32,
}

/// The offset index of one segment.
#[derive(Debug)]
pub(crate) struct OffsetIndex {
    base_offset: Offset,
    pub(crate) entries: EntryFile<8>,
}

impl OffsetIndex {
    pub(crate) const ENTRY_BYTES: usize = 8;

    pub(crate) const fn new(base_offset: Offset) -> Self {
        Self { base_offset, entries: EntryFile::new(Kind::OffsetIndex) }
    }

    /// Loads the file, which must exist; an error if its last entry cannot be of a segment of this size.
    pub(crate) fn load(dir: &Dir, base_offset: Offset, segment_bytes: u32) -> Result<Self> {
        let index = Self { base_offset, entries: EntryFile::load(Kind::OffsetIndex, dir, base_offset)? };
        if let Some(last) = index.last(dir.waiting())?
            && (last.offset < base_offset || last.position == 0 || last.position >= segment_bytes)
        {
            let path = dir.file(base_offset, Kind::OffsetIndex);
            return Err(corrupt(
                &path,
                index.entries.size_bytes() - 8,
                format!("{last:?}"),
                "an entry of the segment",
            ));
        }
        Ok(index)
    }

    pub(crate) fn parse(&self, entry: [u8; 8]) -> OffsetPosition {
        OffsetPosition {
            offset: self.base_offset + i64::from(relative_offset(&entry)),
            position: position(&entry),
        }
    }

    fn before(&self, access: Access<'_>, at: u32) -> Result<Option<OffsetPosition>> {
        let entry = at.checked_sub(1).map(|at| self.entries.get(access, self.base_offset, at)).transpose()?;
        Ok(entry.map(|entry| self.parse(entry)))
    }

    pub(crate) fn last(&self, access: Access<'_>) -> Result<Option<OffsetPosition>> {
        self.before(access, self.entries.len())
    }

    /// From where to look for the batch that holds `offset`: 0 if no entry is before it.
    pub(crate) fn position_before(&self, access: Access<'_>, offset: Offset) -> Result<u32> {
        let relative = offset - self.base_offset;
        let holds = |entry: &[u8; 8]| i64::from(relative_offset(entry)) <= relative;
        let at = self.entries.partition_point(access, self.base_offset, holds)?;
        Ok(self.before(access, at)?.map_or(0, |found| found.position))
    }

    /// The last known start of a batch at or before a position: 0 if no entry is.
    pub(crate) fn batch_start_before(&self, access: Access<'_>, limit: u32) -> Result<u32> {
        let at = self.entries.partition_point(access, self.base_offset, |entry| position(entry) <= limit)?;
        Ok(self.before(access, at)?.map_or(0, |found| found.position))
    }

    pub(crate) fn append(&mut self, dir: &Dir, entry: OffsetPosition) {
        let relative = (entry.offset - self.base_offset) as u32;
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&relative.to_be_bytes());
        bytes[4..].copy_from_slice(&entry.position.to_be_bytes());
        self.entries.push(dir, self.base_offset, bytes);
    }

    /// Drops the entries at and after an offset.
    pub(crate) fn truncate_to(&mut self, dir: &Dir, offset: Offset) -> Result<()> {
        let relative = offset - self.base_offset;
        let holds = |entry: &[u8; 8]| i64::from(relative_offset(entry)) < relative;
        let len = self.entries.partition_point(dir.waiting(), self.base_offset, holds)?;
        self.entries.truncate(dir, self.base_offset, len)
    }
}

fn relative_offset(entry: &[u8; 8]) -> i32 {
    i32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]])
}

fn position(entry: &[u8; 8]) -> u32 {
    u32::from_be_bytes([entry[4], entry[5], entry[6], entry[7]])
}
