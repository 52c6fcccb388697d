//! Variable-length integers of records: zigzag, seven bits a byte, low bits first.

use super::Error;

/// The longest encoding of 32 bits.
pub(super) const MAX_VARINT_BYTES: usize = 5;
/// The longest encoding of 64 bits.
const MAX_VARLONG_BYTES: usize = 10;

/// Appends a 32-bit integer.
pub(super) fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_unsigned(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

/// Appends a 64-bit integer.
pub(super) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`put_varint`] appends.
pub(super) const fn varint_size_bytes(value: i32) -> usize {
    unsigned_size_bytes(((value << 1) ^ (value >> 31)) as u32 as u64)
}

/// How many bytes [`put_varlong`] appends.
pub(super) const fn varlong_size_bytes(value: i64) -> usize {
    unsigned_size_bytes(((value << 1) ^ (value >> 63)) as u64)
}

const fn unsigned_size_bytes(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// What is left to read of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        let (byte, rest) = self.0.split_first().ok_or(Error::RecordEnds)?;
        self.0 = rest;
        Ok(*byte)
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Error::RecordEnds)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next 32-bit integer.
    pub(super) fn varint(&mut self) -> Result<i32, Error> {
        let value = u32::try_from(self.unsigned(MAX_VARINT_BYTES)?).map_err(|_| Error::Varint)?;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// The next 64-bit integer.
    pub(super) fn varlong(&mut self) -> Result<i64, Error> {
        let value = self.unsigned(MAX_VARLONG_BYTES)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next bytes behind their length. As in Kafka, any negative length is a null.
    pub(super) fn nullable(&mut self) -> Result<Option<&'a [u8]>, Error> {
        match usize::try_from(self.varint()?) {
            Ok(len) => self.take(len).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn unsigned(&mut self, max_bytes: usize) -> Result<u64, Error> {
        let mut value = 0;
        for at in 0..max_bytes {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shift = 7 * at as u32;
            // The tenth byte has room for one bit only.
            if bits << shift >> shift != bits {
                return Err(Error::Varint);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::Varint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reads_what_it_writes(int: i32, long: i64, shift in 0..64_u32) {
            for (int, long) in [(int, long), (int >> (shift / 2), long >> shift)] {
                let mut out = Vec::new();
                put_varint(&mut out, int);
                prop_assert_eq!(out.len(), varint_size_bytes(int));
                put_varlong(&mut out, long);
                prop_assert_eq!(out.len(), varint_size_bytes(int) + varlong_size_bytes(long));
                let mut bytes = Bytes(&out);
                prop_assert_eq!(bytes.varint(), Ok(int));
                prop_assert_eq!(bytes.varlong(), Ok(long));
                prop_assert_eq!(bytes, Bytes(&[]));
            }
        }
    }

    #[test]
    fn bounds() {
        let check = |bytes: &[u8], expect: Result<i32, Error>| {
            assert_eq!(Bytes(bytes).varint(), expect, "{bytes:x?}");
        };
        check(&[0], Ok(0));
        check(&[1], Ok(-1));
        check(&[2], Ok(1));
        check(&[0xfe, 0xff, 0xff, 0xff, 0x0f], Ok(i32::MAX));
        check(&[0xff, 0xff, 0xff, 0xff, 0x0f], Ok(i32::MIN));
        check(&[0xff, 0xff, 0xff, 0xff, 0x1f], Err(Error::Varint));
        check(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], Err(Error::Varint));
        check(&[0x80], Err(Error::RecordEnds));
        check(&[], Err(Error::RecordEnds));
        let max = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Bytes(&max).varlong(), Ok(i64::MAX));
        let over = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03];
        assert_eq!(Bytes(&over).varlong(), Err(Error::Varint));
    }
}
