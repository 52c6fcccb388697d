//! One batch, and the walk over many.

use std::borrow::Cow;

use super::header::at;
use super::{BatchHeader, Error, RecordIter};
use crate::compression::Codec;

/// A whole record batch: its bytes, with a header that makes sense. The crc and the records are not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the start of `bytes`; what follows it is not looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let header = BatchHeader::parse(bytes)?;
        let needed = header.size_bytes();
        let bytes = bytes.get(..needed).ok_or(Error::Truncated { needed, found: bytes.len() })?;
        Ok(Self { header, bytes })
    }

    /// The header.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header included.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes after the header: the records, compressed as the attributes say.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[at::RECORDS..]
    }

    /// The records' bytes, unpacked to no more than `cap_bytes`. Without compression they are borrowed, whatever the cap.
    pub fn decompress(&self, cap_bytes: usize) -> Result<Cow<'a, [u8]>, Error> {
        match self.header.attributes.codec()? {
            Codec::None => Ok(Cow::Borrowed(self.payload())),
            // Whoever emptied the batch may have left the codec in its header.
            _ if self.header.record_count == 0 && self.payload().is_empty() => Ok(Cow::Borrowed(&[])),
            codec => Ok(Cow::Owned(codec.decompress(self.payload(), cap_bytes)?)),
        }
    }

    /// The records in what [`Batch::decompress`] gave. Fewer or more bytes than the records need are an error at the end.
    pub const fn records<'b>(&self, decompressed: &'b [u8]) -> RecordIter<'b> {
        RecordIter::new(self.header, decompressed)
    }

    /// Whether the stored crc is the one of the bytes. Allocates nothing.
    pub fn verify_crc(&self) -> Result<(), Error> {
        let computed = crc(self.bytes);
        if computed == self.header.crc {
            return Ok(());
        }
        Err(Error::Crc { base_offset: self.header.base_offset.get(), stored: self.header.crc, computed })
    }
}

/// The crc that the header of this whole batch must hold.
pub(super) fn crc(batch: &[u8]) -> u32 {
    crc32c::crc32c(&batch[at::ATTRIBUTES..])
}

/// The batches in `bytes`, one after the other.
pub const fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { rest: bytes, failed: false }
}

/// The walk of [`batches`]. Ends at the first error, or where a batch is not whole.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Batches<'a> {
    /// What is not walked yet. After the end: the start of a batch whose end is missing (a fetch answer may
    /// stop in the middle of one), or the batch that is in error, or nothing.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match Batch::parse(self.rest) {
            Ok(batch) => {
                self.rest = &self.rest[batch.bytes.len()..];
                Some(Ok(batch))
            }
            // Not an error: there is nothing more, or only an incomplete tail.
            Err(Error::Truncated { .. }) => None,
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

impl std::iter::FusedIterator for Batches<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty batch at an offset, with a right crc and some bytes for records.
    fn batch(base_offset: i64, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; at::RECORDS];
        bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&(49 + payload.len() as i32).to_be_bytes());
        bytes[at::MAGIC] = 2;
        bytes.extend_from_slice(payload);
        let crc = crc(&bytes).to_be_bytes();
        bytes[at::CRC..at::ATTRIBUTES].copy_from_slice(&crc);
        bytes
    }

    #[test]
    fn walks_to_the_incomplete_tail() {
        let (first, second) = (batch(0, b"abc"), batch(1, b""));
        let both = [first.clone(), second.clone()].concat();
        for cut in 0..=both.len() {
            let mut walk = batches(&both[..cut]);
            let found: Vec<_> = walk.by_ref().map(|batch| batch.unwrap().bytes().to_vec()).collect();
            let whole = if cut == both.len() { 2 } else { usize::from(cut >= first.len()) };
            assert_eq!(found, [first.clone(), second.clone()][..whole], "cut at {cut}");
            assert_eq!(walk.rest().len(), cut - found.concat().len(), "cut at {cut}");
        }
    }

    #[test]
    fn stops_at_the_first_error() {
        let mut both = [batch(0, b"abc"), batch(1, b"")].concat();
        both[64 + at::MAGIC] = 1;
        let mut walk = batches(&both);
        assert!(walk.next().unwrap().is_ok());
        assert_eq!(walk.next(), Some(Err(Error::OldMagic(1))));
        assert_eq!(walk.next(), None);
    }

    #[test]
    fn crc_covers_all_after_itself() {
        let whole = batch(7, b"abc");
        assert_eq!(Batch::parse(&whole).unwrap().verify_crc(), Ok(()));
        for at in at::PARTITION_LEADER_EPOCH..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let covered = at >= at::CRC;
            if let Ok(batch) = Batch::parse(&changed) {
                assert_eq!(batch.verify_crc().is_err(), covered, "byte {at}");
            }
        }
    }
}
