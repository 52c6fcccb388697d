//! The field of a message that carries batches without looking at them.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;

/// A stretch of an open file, to be sent from there. Nothing here reads it; whoever made it knows that it exists.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file, open for reading.
    pub file: Arc<File>,
    /// Where the stretch starts.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
}

/// The same stretch of the same open file.
impl PartialEq for FileRange {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && (self.offset, self.len) == (other.offset, other.len)
    }
}

impl Eq for FileRange {}

/// A piece of [`Records`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes of a file.
    File(FileRange),
}

impl Segment {
    /// How many bytes the piece has.
    pub const fn len_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.len,
        }
    }
}

/// The batches in a message: what a request was read from, or what an answer is to be sent from.
#[derive(Clone, Debug)]
pub enum Records<'a> {
    /// Part of the bytes that the message was decoded from.
    Borrowed(&'a [u8]),
    /// Bytes in memory, shared.
    Shared(Bytes),
    /// Pieces to be sent one after the other.
    Segments(Vec<Segment>),
}

impl Records<'_> {
    /// How many bytes there are.
    pub fn len_bytes(&self) -> u64 {
        match self {
            Self::Borrowed(bytes) => bytes.len() as u64,
            Self::Shared(bytes) => bytes.len() as u64,
            Self::Segments(segments) => segments.iter().map(Segment::len_bytes).sum(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len_bytes() == 0
    }

    /// The bytes, where they are in one piece in memory.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Borrowed(bytes) => Some(bytes),
            Self::Shared(bytes) => Some(bytes),
            Self::Segments(segments) => match segments.as_slice() {
                [] => Some(&[]),
                [Segment::Bytes(bytes)] => Some(bytes),
                _ => None,
            },
        }
    }

    /// The same, without the borrow: borrowed bytes are copied.
    pub fn into_owned(self) -> Records<'static> {
        match self {
            Self::Borrowed(bytes) => Records::Shared(Bytes::copy_from_slice(bytes)),
            Self::Shared(bytes) => Records::Shared(bytes),
            Self::Segments(segments) => Records::Segments(segments),
        }
    }
}

/// No bytes.
impl Default for Records<'_> {
    fn default() -> Self {
        Self::Borrowed(&[])
    }
}

/// In one piece in memory: the same bytes. Else the same pieces; files are not read for this.
impl PartialEq for Records<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Segments(ours), Self::Segments(theirs)) if ours == theirs => true,
            _ => self.as_bytes().is_some_and(|ours| other.as_bytes() == Some(ours)),
        }
    }
}

impl<'a> From<&'a [u8]> for Records<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl From<Vec<u8>> for Records<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Shared(bytes.into())
    }
}

impl From<Bytes> for Records<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::Shared(bytes)
    }
}

impl From<Vec<Segment>> for Records<'_> {
    fn from(segments: Vec<Segment>) -> Self {
        Self::Segments(segments)
    }
}

impl From<FileRange> for Records<'_> {
    fn from(range: FileRange) -> Self {
        Self::Segments(vec![Segment::File(range)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_where_the_bytes_are() {
        let segment = |bytes: &'static [u8]| Segment::Bytes(Bytes::from_static(bytes));
        let borrowed = Records::from(&b"abc"[..]);
        assert_eq!(borrowed, Records::from(b"abc".to_vec()));
        assert_eq!(borrowed, Records::from(vec![segment(b"abc")]));
        assert_eq!(borrowed.clone().into_owned(), borrowed);
        assert_ne!(borrowed, Records::default());
        assert_eq!(Records::default(), Records::from(Vec::<Segment>::new()));
        let pieces = Records::from(vec![segment(b"ab"), segment(b"c")]);
        assert_eq!(pieces, pieces.clone());
        assert_ne!(pieces, borrowed);
        assert_eq!((pieces.len_bytes(), pieces.as_bytes()), (3, None));
        assert!(Records::default().is_empty() && !pieces.is_empty());
    }

    #[test]
    fn file_ranges_are_equal_where_they_are_the_same() {
        let this = |offset| {
            let file = Arc::new(File::open("Cargo.toml").unwrap());
            FileRange { file, offset, len: 5 }
        };
        let range = this(1);
        let records = Records::from(range.clone());
        assert_eq!(records.len_bytes(), 5);
        assert_eq!(records, Records::from(range.clone()));
        assert_ne!(records, Records::from(FileRange { offset: 2, ..range }));
        assert_ne!(records, Records::from(this(1)));
    }
}
