//! The walk over the batches of a file that does not stop at damage: it looks for the next good batch and goes on there.

use std::path::Path;

use protocol::Offset;
use protocol::records::{Batch, BatchHeader};

use crate::disk::Disk;
use crate::error::{At as _, Error, Result, corrupt};
use crate::scan::{Found, Scanner};
use crate::segment::MAX_SEGMENT_BYTES;

/// How much is searched at once for the next good batch.
const SEARCH_BYTES: usize = 1 << 20;
const MAGIC_AT: usize = 16;
const MAGIC: u8 = 2;

/// What the walk has reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A batch with the right crc, at a position, with an offset after the one before. [`BatchWalk::batch`] has all of it.
    Batch {
        /// Where it begins.
        position: u64,
        /// Its header.
        header: BatchHeader,
    },
    /// Bytes that are no such batch.
    Damage(Damage),
}

/// Bytes in a segment that are no batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where they begin.
    pub position: u64,
    /// How many they are: up to the next good batch, or the end of the file.
    pub bytes: u64,
    /// The offset that would have been next.
    pub first_offset: Offset,
    /// The offset where the log goes on, if that is known: of the next good batch, or the next segment.
    pub next_offset: Option<Offset>,
    /// The header, where it can be read; nothing vouches for it.
    pub header: Option<BatchHeader>,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: &'static str,
}

/// A walk over the batches of a file.
#[derive(Debug)]
pub struct BatchWalk {
    scanner: Scanner,
    current: Option<Found>,
    next_offset: Offset,
    /// The segment's own: its offsets are no more than an `i32` from it.
    base_offset: Offset,
    /// Where the next segment begins.
    limit: Option<Offset>,
    position: u32,
    end: u32,
}

impl BatchWalk {
    /// A walk over a segment's file, or one like it. Offsets are expected from `base_offset` on, and below `limit`, where the next
    /// segment begins.
    pub fn open(disk: &dyn Disk, path: &Path, base_offset: Offset, limit: Option<Offset>) -> Result<Self> {
        let file = disk.open(path, false).at("open", path)?;
        let len = file.len().at("read the length of", path)?;
        if len > MAX_SEGMENT_BYTES.into() {
            return Err(corrupt(path, 0, format!("{len} bytes"), "at most 2 GiB"));
        }
        let end = len as u32;
        let scanner = Scanner::batches(file, path.to_owned(), 0, end);
        Ok(Self { scanner, current: None, next_offset: base_offset, base_offset, limit, position: 0, end })
    }

    /// The size of the file.
    pub const fn len_bytes(&self) -> u64 {
        self.end as u64
    }

    /// The offset after the last good batch.
    pub const fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// The next step; `None` at the end. Errors are those of the disk.
    pub fn step(&mut self) -> Result<Option<Step>> {
        let position = self.position;
        self.current = None;
        let found = match self.scanner.next() {
            Ok(None) => return Ok(None),
            Ok(Some(found)) => found,
            Err(Error::Corrupt { found, expected, .. }) => {
                return self.damage(position, None, found, expected).map(Some);
            }
            Err(error) => return Err(error),
        };
        let header = found.header;
        match self.scanner.verified(&found) {
            Ok(_) => {}
            Err(Error::Corrupt { found, expected, .. }) => {
                return self.damage(position, Some(header), found, expected).map(Some);
            }
            Err(error) => return Err(error),
        }
        if !self.follows(&header) {
            let text = format!("a batch at offsets {} to {}", header.base_offset, header.last_offset());
            let expected = "offsets after the batch before, and before the next segment";
            return self.damage(position, Some(header), text, expected).map(Some);
        }
        if header.base_offset > self.next_offset && self.is_outlier(&found)? {
            let text = format!("a batch at offsets {} to {}", header.base_offset, header.last_offset());
            return self
                .damage(position, Some(header), text, "offsets before those of the next batch")
                .map(Some);
        }
        (self.position, self.next_offset, self.current) = (found.end(), header.next_offset(), Some(found));
        Ok(Some(Step::Batch { position: position.into(), header }))
    }

    /// The batch of the last step; `None` if that was none.
    pub fn batch(&mut self) -> Result<Option<Batch<'_>>> {
        match self.current {
            Some(found) => self.scanner.batch(&found).map(Some),
            None => Ok(None),
        }
    }

    /// No crc covers the base offset. One that leaves a gap, and is greater than that of the next batch, is the one that is wrong.
    fn is_outlier(&self, found: &Found) -> Result<bool> {
        let mut bytes = [0; BatchHeader::SIZE_BYTES];
        let read = self.scanner.read_raw(&mut bytes, found.end())?;
        let Ok(next) = BatchHeader::parse(&bytes[..read]) else { return Ok(false) };
        Ok(self.follows(&next)
            && next.base_offset <= found.header.last_offset()
            && self.good_batch_at(found.end())?.is_some())
    }

    fn follows(&self, header: &BatchHeader) -> bool {
        header.base_offset >= self.next_offset
            && header.last_offset() - self.base_offset <= i64::from(i32::MAX)
            && self.limit.is_none_or(|limit| header.last_offset() < limit)
    }

    /// Goes on behind what is no batch.
    fn damage(
        &mut self,
        position: u32,
        header: Option<BatchHeader>,
        found: String,
        expected: &'static str,
    ) -> Result<Step> {
        let first_offset = self.next_offset;
        // Where the header has it, most likely: only the records are damaged.
        let claimed = header.and_then(|header| position.checked_add(header.size_bytes() as u32));
        let next = match claimed.filter(|next| *next <= self.end) {
            Some(next) if next == self.end || self.good_batch_at(next)?.is_some() => next,
            _ => self.search(position + 1)?,
        };
        let next_offset = match self.good_batch_at(next)? {
            Some(good) => Some(good.base_offset),
            None => self.limit,
        };
        self.go_to(next);
        let bytes = (next - position).into();
        Ok(Step::Damage(Damage {
            position: position.into(),
            bytes,
            first_offset,
            next_offset,
            header,
            found,
            expected,
        }))
    }

    fn go_to(&mut self, position: u32) {
        self.scanner = self.scanner.at(position);
        self.position = position;
    }

    /// The header of the batch that begins at a position, if it is whole, valid and may follow.
    fn good_batch_at(&self, position: u32) -> Result<Option<BatchHeader>> {
        let mut scanner = self.scanner.at(position);
        let good = scanner.next().and_then(|found| match found {
            Some(found) if self.follows(&found.header) => {
                scanner.verified(&found)?;
                Ok(Some(found.header))
            }
            _ => Ok(None),
        });
        match good {
            Err(Error::Corrupt { .. }) => Ok(None),
            other => other,
        }
    }

    /// The position of the next good batch, or the end. A value that holds a batch which could follow would be taken for one.
    fn search(&self, from: u32) -> Result<u32> {
        let mut chunk = Vec::new();
        let mut start = from;
        while start < self.end {
            let len = SEARCH_BYTES.min((self.end - start) as usize);
            chunk.resize(len, 0);
            let read = self.scanner.read_raw(&mut chunk, start)?;
            let candidates = 0..(read + 1).saturating_sub(BatchHeader::SIZE_BYTES);
            for at in candidates.clone() {
                if chunk[at + MAGIC_AT] != MAGIC {
                    continue;
                }
                // Before the costly look at its crc.
                let position = start + at as u32;
                let fits = |header: &BatchHeader| header.size_bytes() <= (self.end - position) as usize;
                let header = BatchHeader::parse(&chunk[at..read]);
                let plausible = header.is_ok_and(|header| fits(&header) && self.follows(&header));
                if plausible && self.good_batch_at(position)?.is_some() {
                    return Ok(position);
                }
            }
            if candidates.is_empty() {
                break;
            }
            // A header may lie across two chunks.
            start += candidates.end as u32;
        }
        Ok(self.end)
    }
}
