//! A record as coordinators write it: key and value as bytes, no headers.

use bytes::Bytes;

/// A record of an internal topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorRecord {
    /// The record's type as `int16`, then the key message.
    pub key: Bytes,
    /// The value's version as `int16`, then the value message; `None` is a tombstone.
    pub value: Option<Bytes>,
}
