//! Reading: which bytes of which files answer a fetch. The bytes themselves are read by the caller, outside of any lock.

use std::sync::Arc;

use protocol::Offset;

use super::Log;
use crate::access::{Access, Source};
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::segment::Segment;
use crate::txn_index::AbortedTxn;
use crate::unchecked::Known;

/// Whole batches in a file.
///
/// The range keeps its file open: a segment that is deleted stays readable for as long as the range is held. A
/// segment that is *truncated* does not: reading may then come up short, and the caller must give up the fetch.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file; [`DiskFile::os_file`] is what sendfile takes.
    pub file: Arc<dyn DiskFile>,
    /// Where the first batch begins.
    pub position: u64,
    /// How many bytes the batches have.
    pub len: u64,
}

/// The answer of [`Log::read`].
#[derive(Clone, Debug)]
pub struct FetchRead {
    /// Whole batches, in order. The first may begin before the offset asked for, and contains it.
    pub ranges: Vec<FileRange>,
    /// The base offset of the first batch; of an empty read, the offset asked for.
    pub first_offset: Offset,
    /// No batch in the ranges is at or after this offset.
    pub next_offset: Offset,
}

impl FetchRead {
    /// The size of all ranges.
    pub fn len_bytes(&self) -> u64 {
        self.ranges.iter().map(|range| range.len).sum()
    }
}

/// What is found in one segment.
#[derive(Clone, Copy)]
struct Stretch {
    start: u32,
    end: u32,
    first_offset: Offset,
    next_offset: Offset,
    /// The segment ends here: the next one may go on.
    whole: bool,
}

impl Log {
    /// Finds the batches from the one on that contains `offset`, or follows it if compaction has removed it, up to
    /// `max_bytes` and up to `upper_bound` (high watermark, last stable offset, or log end).
    ///
    /// Batches are whole. With `min_one_message` the first is returned whatever its size. Where `max_bytes` reaches
    /// beyond a segment's end the read goes on in the next one, and where it does not, it ends: nothing is skipped.
    ///
    /// Costs index look-ups and a short walk over headers. Waits for the disk: [`Log::read_from`] need not.
    pub fn read(
        &self,
        offset: Offset,
        max_bytes: u64,
        min_one_message: bool,
        upper_bound: Offset,
    ) -> Result<FetchRead> {
        self.read_from(Source::Disk, offset, max_bytes, min_one_message, upper_bound)
    }

    /// [`Log::read`] with what is looked up from `source`. From the page cache it may be [`Error::NotCached`].
    pub fn read_from(
        &self,
        source: Source,
        offset: Offset,
        max_bytes: u64,
        min_one_message: bool,
        upper_bound: Offset,
    ) -> Result<FetchRead> {
        let (log_start_offset, log_end_offset) = (self.log_start_offset, self.log_end_offset);
        if offset < log_start_offset || offset > log_end_offset {
            return Err(Error::OffsetOutOfRange { offset, log_start_offset, log_end_offset });
        }
        let upper_bound = upper_bound.min(log_end_offset);
        let mut read = FetchRead { ranges: Vec::new(), first_offset: offset, next_offset: offset };
        if offset >= upper_bound {
            return Ok(read);
        }
        let mut left = max_bytes;
        for segment in self.segments_from(offset) {
            if segment.base_offset >= upper_bound {
                break;
            }
            let whatever_its_size = min_one_message && read.ranges.is_empty();
            let access = self.dir.access(source);
            let found = match self.read_segment(access, segment, offset, left, whatever_its_size, upper_bound)
            {
                // What was found in memory, and before damage, is answered first.
                Err(Error::NotCached(_) | Error::Corrupt { .. }) if !read.ranges.is_empty() => break,
                found => found?,
            };
            let Some(stretch) = found else { continue };
            if stretch.end > stretch.start {
                if read.ranges.is_empty() {
                    read.first_offset = stretch.first_offset;
                }
                let len = u64::from(stretch.end - stretch.start);
                let file = segment.log_file(&self.dir)?;
                read.ranges.push(FileRange { file, position: stretch.start.into(), len });
                read.next_offset = stretch.next_offset;
                left = left.saturating_sub(len);
            }
            if !stretch.whole {
                break;
            }
        }
        Ok(read)
    }

    /// The batches of one segment, as far as they are known to be good; `None` if it has none at or after the offset.
    fn read_segment(
        &self,
        access: Access<'_>,
        segment: &Segment,
        offset: Offset,
        max_bytes: u64,
        whatever_its_size: bool,
        upper_bound: Offset,
    ) -> Result<Option<Stretch>> {
        let found = self.find_stretch(access, segment, offset, max_bytes, whatever_its_size, upper_bound)?;
        let Some(stretch) = found.filter(|stretch| stretch.end > stretch.start) else { return Ok(found) };
        loop {
            let open =
                || Ok((segment.log.path(access.dir, segment.base_offset), segment.log_file(access.dir)?));
            match segment.unchecked.look(stretch.start, stretch.end, open)? {
                Known::Good => return Ok(Some(stretch)),
                Known::GoodUpTo(end, next_offset) => {
                    return Ok(Some(Stretch { end, next_offset, whole: false, ..stretch }));
                }
                Known::Nothing(check) => access.source.check(check)?,
            }
        }
    }

    /// The batches of one segment; `None` if it has none at or after the offset.
    fn find_stretch(
        &self,
        access: Access<'_>,
        segment: &Segment,
        offset: Offset,
        max_bytes: u64,
        whatever_its_size: bool,
        upper_bound: Offset,
    ) -> Result<Option<Stretch>> {
        let Some(first) = segment.locate(access, offset)? else { return Ok(None) };
        let segment_end = self.segment_end(segment);
        let visible = if upper_bound >= segment_end {
            segment.size_bytes
        } else {
            // A batch that reaches beyond the bound is not visible.
            segment.locate(access, upper_bound)?.map_or(segment.size_bytes, |beyond| beyond.position)
        };
        let start = first.position;
        let stretch = |end, next_offset, whole| {
            Ok(Some(Stretch { start, end, first_offset: first.header.base_offset, next_offset, whole }))
        };
        if visible <= start {
            return stretch(start, offset, false);
        }
        if u64::from(visible - start) <= max_bytes {
            return stretch(visible, segment_end.min(upper_bound), visible == segment.size_bytes);
        }
        // Fits: it is less than the segment's size.
        let limit = start + max_bytes as u32;
        if let Some((end, next_offset)) = segment.end_before(access, start, limit)? {
            return stretch(end, next_offset, false);
        }
        if whatever_its_size {
            return stretch(first.end(), first.header.next_offset(), first.end() == segment.size_bytes);
        }
        stretch(start, offset, false)
    }

    /// The aborted transactions with records in a stretch of the log: what a consumer with `read_committed` leaves
    /// out. Takes `first_offset` and `next_offset` of a [`FetchRead`].
    pub fn aborted_transactions(&self, first_offset: Offset, next_offset: Offset) -> Result<Vec<AbortedTxn>> {
        self.aborted_transactions_from(Source::Disk, first_offset, next_offset)
    }

    /// [`Log::aborted_transactions`] looked up from `source`. From the page cache it may be [`Error::NotCached`].
    pub fn aborted_transactions_from(
        &self,
        source: Source,
        first_offset: Offset,
        next_offset: Offset,
    ) -> Result<Vec<AbortedTxn>> {
        let mut aborted = Vec::new();
        for segment in self.segments_from(first_offset) {
            for txn in segment.txn_index.read(self.dir.access(source))? {
                if txn.last_offset >= first_offset && txn.first_offset < next_offset {
                    aborted.push(txn);
                }
                if txn.last_stable_offset >= next_offset {
                    return Ok(aborted);
                }
            }
        }
        Ok(aborted)
    }
}
