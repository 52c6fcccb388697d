//! Records as the generated messages carry them: opaque bytes, wherever they are.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;

/// A stretch of a file that holds whole record batches. Keeping it keeps the file readable, deleted or not.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The open file.
    pub file: Arc<File>,
    /// Where the stretch begins.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
}

/// The `records` field of a message.
#[derive(Clone, Debug)]
pub enum Records<'a> {
    /// Bytes of the frame that was decoded.
    Borrowed(&'a [u8]),
    /// Bytes that are shared.
    Shared(Bytes),
    /// Stretches of files that go out as they are.
    Files(Vec<FileRange>),
}

impl Records<'_> {
    /// How many bytes there are.
    pub fn len_bytes(&self) -> u64 {
        match self {
            Self::Borrowed(bytes) => bytes.len() as u64,
            Self::Shared(bytes) => bytes.len() as u64,
            Self::Files(ranges) => ranges.iter().map(|range| range.len).sum(),
        }
    }

    /// The bytes, if they are in memory.
    pub fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Self::Borrowed(bytes) => Some(bytes),
            Self::Shared(bytes) => Some(bytes),
            Self::Files(ranges) if ranges.is_empty() => Some(&[]),
            Self::Files(_) => None,
        }
    }
}

impl Default for Records<'_> {
    fn default() -> Self {
        Self::Borrowed(&[])
    }
}

/// Equal bytes in memory are equal; file ranges are equal where they are the same stretches of the same open files.
impl PartialEq for Records<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Files(a), Self::Files(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(&a.file, &b.file) && a.offset == b.offset && a.len == b.len)
            }
            _ => self.in_memory().is_some() && self.in_memory() == other.in_memory(),
        }
    }
}
