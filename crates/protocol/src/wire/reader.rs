//! Reading primitives from one frame.

use std::borrow::Cow;

use super::{Blob, DecodeError, Str};
use crate::Uuid;
use crate::records::Records;

/// A position in borrowed bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident -> $ty:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self) -> Result<$ty, DecodeError> {
            const N: usize = size_of::<$ty>();
            match self.rest.split_first_chunk::<N>() {
                Some((bytes, rest)) => {
                    self.rest = rest;
                    Ok(<$ty>::from_be_bytes(*bytes))
                }
                None => Err(self.truncated(N)),
            }
        }
    )*};
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes not read yet.
    pub const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    fn truncated(&self, needed: usize) -> DecodeError {
        DecodeError::Truncated { needed, remaining: self.rest.len() }
    }

    fn invalid_length(&self, length: i64) -> DecodeError {
        DecodeError::InvalidLength { length, remaining: self.rest.len() }
    }

    fixed! {
        /// An 8-bit integer.
        i8 -> i8;
        /// A 16-bit integer.
        i16 -> i16;
        /// An unsigned 16-bit integer.
        u16 -> u16;
        /// A 32-bit integer.
        i32 -> i32;
        /// An unsigned 32-bit integer.
        u32 -> u32;
        /// A 64-bit integer.
        i64 -> i64;
        /// A double.
        f64 -> f64;
    }

    /// One byte; anything but 0 is true.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.i8()? != 0)
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        let bytes = self.take(16)?;
        Ok(Uuid(bytes.try_into().unwrap_or_default()))
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(count) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.truncated(count)),
        }
    }

    /// An unsigned variable-length integer of up to 32 bits.
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let Some((&byte, rest)) = self.rest.split_first() else { return Err(self.truncated(1)) };
            self.rest = rest;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // Java drops what the fifth byte holds beyond 32 bits only where it is refused as too long.
                return if shift == 28 && byte > 0x0f { Err(DecodeError::VarintTooLong) } else { Ok(value) };
            }
        }
        Err(DecodeError::VarintTooLong)
    }

    /// The length that stands before a string: `None` is null.
    fn string_length(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        let length = if flexible { i64::from(self.uvarint()?) - 1 } else { i64::from(self.i16()?) };
        self.bounded(length)
    }

    /// The length that stands before bytes, records or an array: `None` is null.
    fn length(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        let length = if flexible { i64::from(self.uvarint()?) - 1 } else { i64::from(self.i32()?) };
        self.bounded(length)
    }

    /// Everything counted takes at least a byte, so a count beyond the remaining bytes is a lie.
    fn bounded(&self, length: i64) -> Result<Option<usize>, DecodeError> {
        match usize::try_from(length) {
            Ok(length) if length <= self.rest.len() => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            _ => Err(self.invalid_length(length)),
        }
    }

    /// Text that may be null.
    pub fn nullable_string(&mut self, flexible: bool) -> Result<Option<Str<'a>>, DecodeError> {
        let Some(length) = self.string_length(flexible)? else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(self.take(length)?)))
    }

    /// Text.
    pub fn string(&mut self, flexible: bool, field: &'static str) -> Result<Str<'a>, DecodeError> {
        self.nullable_string(flexible)?.ok_or(DecodeError::UnexpectedNull { field })
    }

    /// Bytes that may be null.
    pub fn nullable_bytes(&mut self, flexible: bool) -> Result<Option<Blob<'a>>, DecodeError> {
        let Some(length) = self.length(flexible)? else { return Ok(None) };
        Ok(Some(Cow::Borrowed(self.take(length)?)))
    }

    /// Bytes.
    pub fn bytes(&mut self, flexible: bool, field: &'static str) -> Result<Blob<'a>, DecodeError> {
        self.nullable_bytes(flexible)?.ok_or(DecodeError::UnexpectedNull { field })
    }

    /// Record batches, opaque.
    pub fn records(&mut self, flexible: bool) -> Result<Option<Records<'a>>, DecodeError> {
        let Some(length) = self.length(flexible)? else { return Ok(None) };
        Ok(Some(Records::Borrowed(self.take(length)?)))
    }

    /// An array that may be null.
    pub fn nullable_array<T>(
        &mut self,
        flexible: bool,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = self.length(flexible)? else { return Ok(None) };
        // What is reserved up front never exceeds the bytes that remain, whatever an item takes in memory.
        let mut items = Vec::with_capacity(count.min(self.rest.len() / size_of::<T>().max(1) + 1));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(Some(items))
    }

    /// An array.
    pub fn array<T>(
        &mut self,
        flexible: bool,
        field: &'static str,
        item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        self.nullable_array(flexible, item)?.ok_or(DecodeError::UnexpectedNull { field })
    }

    /// The marker before a nullable struct: whether it follows.
    pub fn present(&mut self) -> Result<bool, DecodeError> {
        match self.i8()? {
            marker if marker < 0 => Ok(false),
            1 => Ok(true),
            marker => Err(DecodeError::InvalidMarker { marker }),
        }
    }

    /// The same inside a tagged field, where the marker is an unsigned variable-length integer.
    pub fn present_in_tag(&mut self) -> Result<bool, DecodeError> {
        Ok(self.uvarint()? != 0)
    }

    /// The tagged fields at the end of a flexible struct: `field` is called with each tag and its payload.
    pub fn tagged_fields(
        &mut self,
        mut field: impl FnMut(u32, &mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = self.uvarint()?;
        let mut previous = None;
        for _ in 0..count {
            let tag = self.uvarint()?;
            if let Some(previous) = previous.filter(|&p| tag <= p) {
                return Err(DecodeError::TagOrder { tag, previous });
            }
            previous = Some(tag);
            let length = self.uvarint()? as usize;
            let mut payload = Reader::new(self.take(length)?);
            field(tag, &mut payload)?;
            if !payload.rest.is_empty() {
                return Err(DecodeError::TrailingInTag { tag, trailing: payload.rest.len() });
            }
        }
        Ok(())
    }
}
