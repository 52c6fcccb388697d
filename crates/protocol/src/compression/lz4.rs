//! The LZ4 frame format: written with the flags of Kafka's Java client, read with any (content sizes, checksums,
//! linked blocks, skippable frames, one frame after another).

use ::lz4::Decoder;
use ::lz4::block::{CompressionMode, compress_bound, compress_to_buffer};

use super::{Codec, Error, read_to_cap};

/// Kafka's default level. It does not mean level 9 of lz4 but its fast compressor: Kafka had that before it had
/// levels (KIP-390). Every other level is the high compressor's.
pub(super) const DEFAULT_LEVEL: i32 = 9;

/// Magic; FLG: version 1, independent blocks, no checksums, no content size; BD: blocks of 64 KiB; checksum of those two.
const HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const END_MARK: [u8; 4] = [0; 4];
const BLOCK_BYTES: usize = 64 * 1024;
/// In a block's length: the block is stored as it is.
const STORED: u32 = 1 << 31;

pub(super) fn compress(input: &[u8], level: i32, out: &mut Vec<u8>) -> Result<(), Error> {
    let mode = match level {
        DEFAULT_LEVEL => CompressionMode::DEFAULT,
        level => CompressionMode::HIGHCOMPRESSION(level),
    };
    let failed = |error| Error::pack(Codec::Lz4, error);
    out.extend_from_slice(&HEADER);
    for block in input.chunks(BLOCK_BYTES) {
        let start = out.len();
        let packed = start + 4;
        out.resize(packed + compress_bound(block.len()).map_err(failed)?, 0);
        let size = compress_to_buffer(block, Some(mode), false, &mut out[packed..]).map_err(failed)?;
        out.truncate(packed + size);
        let mut length = size as u32;
        if size >= block.len() {
            out.truncate(packed);
            out.extend_from_slice(block);
            length = block.len() as u32 | STORED;
        }
        out[start..packed].copy_from_slice(&length.to_le_bytes());
    }
    out.extend_from_slice(&END_MARK);
    Ok(())
}

pub(super) fn decompress(input: &[u8], cap_bytes: usize) -> Result<Vec<u8>, Error> {
    let corrupt = |error| Error::corrupt(Codec::Lz4, error);
    let mut out = Vec::new();
    let mut rest = input;
    loop {
        let mut frame = Decoder::new(rest).map_err(corrupt)?;
        read_to_cap(Codec::Lz4, &mut frame, &mut out, cap_bytes)?;
        let (after, whole) = frame.finish();
        whole.map_err(|_| Error::corrupt(Codec::Lz4, "ends in the middle of a frame"))?;
        if after.is_empty() {
            return Ok(out);
        }
        rest = after;
    }
}

/// Whether Kafka's Java client can read it: one frame of independent blocks, and nothing after it.
pub(super) fn is_portable(input: &[u8]) -> bool {
    let [0x04, 0x22, 0x4d, 0x18, flags, _, rest @ ..] = input else { return false };
    let flag = |bit: u8| flags & (1 << bit) != 0;
    let (independent, block_checksums, content_size) = (flag(5), flag(4), flag(3));
    let (content_checksum, dictionary) = (flag(2), flag(0));
    if flags >> 6 != 1 || !independent || dictionary {
        return false;
    }
    let mut rest = rest.get(if content_size { 9 } else { 1 }..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) & !STORED;
        if length == 0 {
            return after.len() == if content_checksum { 4 } else { 0 };
        }
        let size = length as usize + if block_checksums { 4 } else { 0 };
        rest = after.get(size..).unwrap_or_default();
    }
    false
}
