//! Messages by name: what the tests against Java's codec drive.

use crate::wire::{DecodeError, EncodeError, Message, Reader, Writer};

/// Why a message did not survive decoding and encoding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoundTripError {
    /// It could not be decoded.
    #[error("decode: {0}")]
    Decode(#[from] DecodeError),
    /// Bytes were left over.
    #[error("{0} bytes after the message")]
    Trailing(usize),
    /// It could not be encoded.
    #[error("encode: {0}")]
    Encode(#[from] EncodeError),
}

fn re_encode_as<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<Vec<u8>, RoundTripError> {
    let mut reader = Reader::new(bytes);
    let message = M::decode(&mut reader, version)?;
    if !reader.remaining().is_empty() {
        return Err(RoundTripError::Trailing(reader.remaining().len()));
    }
    let mut writer = Writer::new();
    message.encode(&mut writer, version)?;
    Ok(writer.into_bytes())
}

include!(concat!(env!("OUT_DIR"), "/any.rs"));
