//! Reading and writing Kafka's primitive types, as the generated messages use them.
//!
//! [`Reader`] borrows from one frame and trusts nothing in it: a length is checked against the bytes that remain
//! before anything is reserved. [`Writer`] makes a list of [`Segment`]s, so that record batches leave without a copy.
//! Compact forms and tagged fields: KIP-482.

mod error;
mod reader;
mod tagged;
mod writer;

pub use error::{DecodeError, EncodeError};
pub use reader::Reader;
pub use tagged::{TagWriter, TaggedFields};
pub use writer::Writer;

use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Text of a message: borrowed from the frame when decoded, owned or static when built. Malformed UTF-8 decodes as
/// Java does it, with replacement characters.
pub type Str<'a> = Cow<'a, str>;

/// Bytes of a message: borrowed from the frame when decoded.
pub type Blob<'a> = Cow<'a, [u8]>;

/// What every top-level message knows of itself.
pub trait Versioned {
    /// The schema's name, such as `FetchRequest`.
    const NAME: &'static str;
    /// The versions the schema has.
    const VERSIONS: RangeInclusive<i16>;
}

/// A top-level message. The lifetime is that of the frame it was decoded from; built messages are `Message<'static>`.
pub trait Message<'a>: Versioned + Sized {
    /// Reads the body at `version`; trailing bytes are left in the reader.
    fn decode(r: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError>;
    /// Writes the body at `version`.
    fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError>;
}

/// Refuses a version that the schema does not have, naming the message.
pub(crate) fn check_version<M: Versioned>(version: i16) -> Result<(), (&'static str, i16)> {
    if M::VERSIONS.contains(&version) { Ok(()) } else { Err((M::NAME, version)) }
}
