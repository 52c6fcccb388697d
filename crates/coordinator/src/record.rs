//! A record as coordinators write it: key and value as bytes, no headers.

use bytes::Bytes;
use protocol::wire::{Message, Reader, Writer};

use crate::{CommitError, Error};

/// The schema version of every key: none has changed.
pub(crate) const KEY_VERSION: i16 = 0;

/// A record of an internal topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorRecord {
    /// The record's type as `int16`, then the key message.
    pub key: Bytes,
    /// The value's version as `int16`, then the value message; `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// A record of a type, with the value in a version, or a tombstone.
pub(crate) fn encode<'k, 'v, V: Message<'v>>(
    record_type: i16,
    key: &impl Message<'k>,
    version: i16,
    value: Option<&V>,
) -> Result<CoordinatorRecord, CommitError> {
    Ok(CoordinatorRecord {
        key: prefixed(record_type, key, KEY_VERSION)?,
        value: value.map(|value| prefixed(version, value, version)).transpose()?,
    })
}

/// The only way a record of ours does not encode is a text that is too long for its field.
fn prefixed<'a>(prefix: i16, message: &impl Message<'a>, version: i16) -> Result<Bytes, CommitError> {
    let mut writer = Writer::new();
    writer.i16(prefix);
    message.encode(&mut writer, version).map_err(|_| CommitError::TooLarge)?;
    Ok(writer.into_bytes().into())
}

/// The value of a record, unless it is a tombstone.
pub(crate) fn value<'a, V: Message<'a>>(
    record_type: i16,
    record: &'a CoordinatorRecord,
) -> Result<Option<V>, Error> {
    let Some(bytes) = &record.value else { return Ok(None) };
    let mut reader = Reader::new(bytes);
    let version = reader.i16().map_err(|source| Error::Malformed { record_type, source })?;
    whole(record_type, reader.remaining(), version).map(Some)
}

/// The message that bytes are, all of them.
pub(crate) fn whole<'a, M: Message<'a>>(record_type: i16, bytes: &'a [u8], version: i16) -> Result<M, Error> {
    let mut reader = Reader::new(bytes);
    let message =
        M::decode(&mut reader, version).map_err(|source| Error::Malformed { record_type, source })?;
    match reader.remaining().len() {
        0 => Ok(message),
        trailing_bytes => Err(Error::Trailing { record_type, trailing_bytes }),
    }
}
