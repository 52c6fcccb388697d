//! The codecs of record batches: none, gzip, snappy, lz4, zstd.
//!
//! [`Compression`] packs as Kafka's clients expect it: snappy in the framing of `snappy-java`, lz4 with the frame flags
//! of Kafka. [`Codec::decompress`] unpacks what any client packs, and holds its cap while unpacking: the result never
//! takes more memory than the cap, and what it takes in advance is justified by the bytes that came in.
//!
//! Not here: dictionaries, and the broken lz4 frame checksums of message format v0.

mod codec;
mod gzip;
mod lz4;
mod snappy;
#[cfg(test)]
mod tests;
mod zstd;

use std::io::{self, Read};

pub use codec::{Codec, Compression};

/// Why bytes could not be packed or unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More bytes come out than the caller allows.
    #[error("{codec} data unpacks to more than {cap_bytes} bytes")]
    TooLarge {
        /// The codec.
        codec: Codec,
        /// What the caller allows.
        cap_bytes: usize,
    },
    /// The bytes are not what the codec writes, or end too early.
    #[error("corrupt {codec} data: {reason}")]
    Corrupt {
        /// The codec.
        codec: Codec,
        /// What the codec says about it.
        reason: String,
    },
    /// The codec's library cannot work, for instance for lack of memory.
    #[error("cannot pack with {codec}: {reason}")]
    Pack {
        /// The codec.
        codec: Codec,
        /// What the library says about it.
        reason: String,
    },
    /// A level that the codec does not have.
    #[error("{codec} has no compression level {level}")]
    Level {
        /// The codec.
        codec: Codec,
        /// The level asked for.
        level: i32,
    },
}

impl Error {
    fn corrupt(codec: Codec, reason: impl ToString) -> Self {
        Self::Corrupt { codec, reason: reason.to_string() }
    }

    fn pack(codec: Codec, reason: impl ToString) -> Self {
        Self::Pack { codec, reason: reason.to_string() }
    }
}

/// The least that is read at once.
const MIN_READ_BYTES: usize = 4 * 1024;

/// Appends what is left in `reader` to `out`, which may grow to `cap_bytes`: a reader that has more is too large.
///
/// Memory doubles as bytes arrive, so that a small bomb that stops early costs little.
fn read_to_cap(
    codec: Codec,
    reader: &mut impl Read,
    out: &mut Vec<u8>,
    cap_bytes: usize,
) -> Result<(), Error> {
    let corrupt = |error: io::Error| Error::corrupt(codec, error);
    loop {
        let room = out.len().max(MIN_READ_BYTES).min(cap_bytes.saturating_sub(out.len()));
        if room == 0 {
            return match reader.read(&mut [0]).map_err(corrupt)? {
                0 => Ok(()),
                _ => Err(Error::TooLarge { codec, cap_bytes }),
            };
        }
        out.reserve_exact(room);
        if reader.by_ref().take(room as u64).read_to_end(out).map_err(corrupt)? < room {
            return Ok(());
        }
    }
}
