//! Writing primitives into a list of segments.

use bytes::Bytes;

use super::{EncodeError, TagWriter, TaggedFields};
use crate::Uuid;
use crate::records::{Records, Segment};

/// Encodes a message. Small things are copied into one growing buffer; shared bytes and file ranges are passed on.
#[derive(Debug, Default)]
pub struct Writer {
    done: Vec<Segment>,
    done_bytes: u64,
    tail: Vec<u8>,
}

/// Shared bytes below this size are copied: a segment of its own would cost more.
const COPY_BELOW_BYTES: usize = 1024;

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident($ty:ty);)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, value: $ty) {
            self.tail.extend_from_slice(&value.to_be_bytes());
        }
    )*};
}

impl Writer {
    /// An empty writer.
    pub const fn new() -> Self {
        Self { done: Vec::new(), done_bytes: 0, tail: Vec::new() }
    }

    /// An empty writer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { tail: Vec::with_capacity(bytes), ..Self::new() }
    }

    /// How many bytes the message has so far, file ranges included.
    pub fn len_bytes(&self) -> u64 {
        self.done_bytes + self.tail.len() as u64
    }

    /// The message as segments, in order.
    pub fn into_segments(mut self) -> Vec<Segment> {
        self.close_tail();
        self.done
    }

    /// The message as a frame: its length in four bytes, then the segments.
    pub fn into_frame(mut self) -> Vec<Segment> {
        let length = (self.len_bytes() as u32).to_be_bytes();
        if self.done.is_empty() {
            let mut frame = Vec::with_capacity(4 + self.tail.len());
            frame.extend_from_slice(&length);
            frame.extend_from_slice(&self.tail);
            return vec![Segment::Bytes(frame.into())];
        }
        self.close_tail();
        self.done.insert(0, Segment::Bytes(Bytes::copy_from_slice(&length)));
        self.done
    }

    /// The message as contiguous bytes. File ranges cannot be among them: only answers to a fetch carry those.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.done.is_empty() {
            return self.tail;
        }
        let mut bytes = Vec::with_capacity(self.len_bytes() as usize);
        for segment in &self.done {
            match segment {
                Segment::Bytes(part) => bytes.extend_from_slice(part),
                Segment::File(range) => {
                    debug_assert!(false, "file range {range:?} in a message without files");
                }
            }
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.done_bytes += tail.len() as u64;
            self.done.push(Segment::Bytes(tail.into()));
        }
    }

    fixed! {
        /// An 8-bit integer.
        i8(i8);
        /// A 16-bit integer.
        i16(i16);
        /// An unsigned 16-bit integer.
        u16(u16);
        /// A 32-bit integer.
        i32(i32);
        /// An unsigned 32-bit integer.
        u32(u32);
        /// A 64-bit integer.
        i64(i64);
        /// A double.
        f64(f64);
    }

    /// One byte, 0 or 1.
    pub fn bool(&mut self, value: bool) {
        self.i8(i8::from(value));
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, value: Uuid) {
        self.raw(&value.0);
    }

    /// Bytes without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// An unsigned variable-length integer.
    pub fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.tail.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.tail.push(value as u8);
    }

    /// Text.
    pub fn string(&mut self, text: &str, flexible: bool) -> Result<(), EncodeError> {
        // Kafka holds compact strings to the same limit.
        let length =
            i16::try_from(text.len()).map_err(|_| EncodeError::StringTooLong { bytes: text.len() })?;
        if flexible {
            self.uvarint(length as u32 + 1);
        } else {
            self.i16(length);
        }
        self.raw(text.as_bytes());
        Ok(())
    }

    /// A null string.
    pub fn null_string(&mut self, flexible: bool) {
        if flexible { self.uvarint(0) } else { self.i16(-1) }
    }

    /// The count before an array, or the length before bytes.
    pub fn array_len(&mut self, count: usize, flexible: bool) {
        debug_assert!(count < i32::MAX as usize, "a count beyond the wire's range");
        if flexible { self.uvarint(count as u32 + 1) } else { self.i32(count as i32) }
    }

    /// A null array, null bytes or null records.
    pub fn null_array(&mut self, flexible: bool) {
        if flexible { self.uvarint(0) } else { self.i32(-1) }
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8], flexible: bool) {
        self.array_len(bytes.len(), flexible);
        self.raw(bytes);
    }

    /// Record batches, passed on without a copy where they are shared or in a file.
    pub fn records(&mut self, records: Option<&Records<'_>>, flexible: bool) {
        let Some(records) = records else { return self.null_array(flexible) };
        self.array_len(records.len_bytes() as usize, flexible);
        match records {
            Records::Borrowed(bytes) => self.raw(bytes),
            Records::Shared(bytes) if bytes.len() < COPY_BELOW_BYTES => self.raw(bytes),
            Records::Shared(bytes) => {
                self.close_tail();
                self.done_bytes += bytes.len() as u64;
                self.done.push(Segment::Bytes(bytes.clone()));
            }
            Records::Segments(segments) => {
                self.close_tail();
                for segment in segments {
                    self.done_bytes += segment.len_bytes();
                    self.done.push(segment.clone());
                }
            }
        }
    }

    /// The section of tagged fields of a struct whose schema names none.
    pub fn tagged_fields(&mut self, unknown: &TaggedFields) {
        TagWriter::new(unknown).finish(self);
    }
}
