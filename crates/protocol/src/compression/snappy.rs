//! Snappy in the framing of `snappy-java` (xerial), which Kafka's Java clients write: a header of 16 bytes, then
//! blocks, each behind its length. librdkafka and others write one plain block; both are read.
//!
//! The other framing of snappy, `framing_format.txt`, is not used with Kafka.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::{Codec, Error};

const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// Written twice: as the version, and as the least version that a reader must know.
const VERSION: i32 = 1;
const HEADER_BYTES: usize = MAGIC.len() + 4 + 4;
const BLOCK_BYTES: usize = 32 * 1024;
/// A copy of 64 bytes takes three, so no honest block unpacks to more than 22 times its size.
const MAX_RATIO: usize = 22;

pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&VERSION.to_be_bytes());
    let mut encoder = Encoder::new();
    for block in input.chunks(BLOCK_BYTES) {
        let start = out.len();
        let packed = start + 4;
        out.resize(packed + max_compress_len(block.len()), 0);
        let size =
            encoder.compress(block, &mut out[packed..]).map_err(|error| Error::pack(Codec::Snappy, error))?;
        out.truncate(packed + size);
        out[start..packed].copy_from_slice(&(size as u32).to_be_bytes());
    }
    Ok(())
}

pub(super) fn decompress(input: &[u8], cap_bytes: usize) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    if !input.starts_with(&MAGIC) {
        unpack(input, &mut out, cap_bytes)?;
        return Ok(out);
    }
    let mut rest = input;
    while !rest.is_empty() {
        // Streams may follow each other, header and all.
        if rest.starts_with(&MAGIC) {
            rest = after_header(rest)?;
            continue;
        }
        let (size, packed) = rest.split_first_chunk().ok_or_else(truncated)?;
        let size = u32::from_be_bytes(*size) as usize;
        let (block, after) = packed.split_at_checked(size).ok_or_else(truncated)?;
        unpack(block, &mut out, cap_bytes)?;
        rest = after;
    }
    Ok(out)
}

fn after_header(stream: &[u8]) -> Result<&[u8], Error> {
    let (header, rest) = stream.split_first_chunk::<HEADER_BYTES>().ok_or_else(truncated)?;
    let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *header;
    // As in snappy-java, which looks at this version only.
    match i32::from_be_bytes([a, b, c, d]) {
        VERSION.. => Ok(rest),
        found => Err(Error::corrupt(
            Codec::Snappy,
            format_args!("framing version {found}, expected {VERSION} or more"),
        )),
    }
}

/// Appends what one block holds.
fn unpack(block: &[u8], out: &mut Vec<u8>, cap_bytes: usize) -> Result<(), Error> {
    let corrupt = |error: snap::Error| Error::corrupt(Codec::Snappy, error);
    let size = decompress_len(block).map_err(corrupt)?;
    if size > block.len().saturating_mul(MAX_RATIO) {
        return Err(Error::corrupt(
            Codec::Snappy,
            format_args!("{size} bytes cannot come out of {}", block.len()),
        ));
    }
    let start = out.len();
    if size > cap_bytes.saturating_sub(start) {
        return Err(Error::TooLarge { codec: Codec::Snappy, cap_bytes });
    }
    out.resize(start + size, 0);
    Decoder::new().decompress(block, &mut out[start..]).map_err(corrupt)?;
    Ok(())
}

fn truncated() -> Error {
    Error::corrupt(Codec::Snappy, "ends in the middle of a block")
}
