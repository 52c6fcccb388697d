//! The records inside a batch, once they are unpacked.

use std::borrow::Cow;

use super::varint::Bytes;
use super::{BatchHeader, Error, TimestampType};
use crate::Offset;

/// The least bytes of a record: length, attributes, two deltas, null key, null value, no headers.
const MIN_RECORD_BYTES: usize = 7;
/// The least bytes of a record's header: the lengths of an empty key and a null value.
const MIN_HEADER_BYTES: usize = 2;

/// One record, borrowing from the unpacked bytes of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The batch's base offset plus the offset delta.
    pub offset: Offset,
    /// The offset as it stands in the record. The log's rules say what it may be; here it is any number.
    pub offset_delta: i32,
    /// In milliseconds: the record's own, or the batch's append time.
    pub timestamp: i64,
    /// The key; null and empty differ.
    pub key: Option<&'a [u8]>,
    /// The value; null (a tombstone on compacted topics) and empty differ.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

/// A header of a record (KIP-82).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The key, meant to be UTF-8. Kafka does not check it, so neither do we.
    pub key: &'a [u8],
    /// The value; null and empty differ.
    pub value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// A header.
    pub const fn new(key: &'a str, value: Option<&'a [u8]>) -> Self {
        Self { key: key.as_bytes(), value }
    }

    /// The key as text, as Java's clients see it: with U+FFFD for what is no UTF-8.
    pub fn key_text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }
}

/// The headers of a record: in their order, keys as often as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    count: usize,
    /// Checked to hold `count` headers and nothing more.
    bytes: Bytes<'a>,
}

impl<'a> Headers<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers.
    pub const fn iter(&self) -> HeaderIter<'a> {
        HeaderIter(*self)
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Header<'a>;
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

/// The walk over [`Headers`].
#[derive(Clone, Debug)]
pub struct HeaderIter<'a>(Headers<'a>);

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.0.count = self.0.count.checked_sub(1)?;
        read_header(&mut self.0.bytes).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.count, Some(self.0.count))
    }
}

impl ExactSizeIterator for HeaderIter<'_> {}

/// The walk over the records of a batch: see [`super::Batch::records`]. Ends at the first error.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    header: BatchHeader,
    left: i32,
    rest: Bytes<'a>,
}

impl<'a> RecordIter<'a> {
    pub(super) const fn new(header: BatchHeader, unpacked: &'a [u8]) -> Self {
        Self { header, left: header.record_count, rest: Bytes(unpacked) }
    }

    /// The bytes of the records that are not walked yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest.0
    }

    /// The next record, or none after the last. Then nothing may remain.
    fn read(&mut self) -> Result<Option<Record<'a>>, Error> {
        if self.left as usize > self.rest.0.len() / MIN_RECORD_BYTES {
            return Err(Error::RecordsMissing { left: self.left, bytes: self.rest.0.len() });
        }
        if self.left == 0 {
            return if self.rest.0.is_empty() {
                Ok(None)
            } else {
                Err(Error::TrailingBytes(self.rest.0.len()))
            };
        }
        self.left -= 1;
        let length = self.rest.varint()?;
        let body = usize::try_from(length).map_err(|_| Error::RecordLength(length))?;
        let mut body = Bytes(self.rest.take(body).map_err(|_| Error::RecordLength(length))?);
        let _attributes = body.byte()?;
        let timestamp_delta = body.varlong()?;
        let offset_delta = body.varint()?;
        let key = body.nullable()?;
        let value = body.nullable()?;
        let headers = read_headers(&mut body)?;
        // Sums wrap as Java's do: these numbers are the producer's, and wrong ones must not stop us.
        Ok(Some(Record {
            offset: Offset(self.header.base_offset.get().wrapping_add(i64::from(offset_delta))),
            offset_delta,
            timestamp: match self.header.attributes.timestamp_type() {
                TimestampType::CreateTime => self.header.base_timestamp.wrapping_add(timestamp_delta),
                TimestampType::LogAppendTime => self.header.max_timestamp,
            },
            key,
            value,
            headers,
        }))
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose();
        if let Some(Err(_)) = read {
            (self.left, self.rest) = (0, Bytes(&[]));
        }
        read
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // One more than the records for an error at the end.
        (0, Some((self.left as usize).min(self.rest.0.len() / MIN_RECORD_BYTES) + 1))
    }
}

impl std::iter::FusedIterator for RecordIter<'_> {}

/// The headers at the end of a record's body: all of it.
fn read_headers<'a>(body: &mut Bytes<'a>) -> Result<Headers<'a>, Error> {
    let count = body.varint()?;
    let fits = usize::try_from(count).ok().filter(|count| *count <= body.0.len() / MIN_HEADER_BYTES);
    let headers = Headers { count: fits.ok_or(Error::HeaderCount(count))?, bytes: *body };
    for _ in 0..headers.count {
        read_header(body)?;
    }
    if body.0.is_empty() { Ok(headers) } else { Err(Error::RecordRemains(body.0.len())) }
}

fn read_header<'a>(bytes: &mut Bytes<'a>) -> Result<Header<'a>, Error> {
    let length = bytes.varint()?;
    let key = bytes.take(usize::try_from(length).map_err(|_| Error::HeaderKeyLength(length))?)?;
    Ok(Header { key, value: bytes.nullable()? })
}
