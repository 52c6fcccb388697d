//! Zstandard. Contexts are expensive to make, so each thread keeps one for each direction.
//!
//! Frames are unpacked in one go into the result, not as a stream: a stream would allocate the window that the frame
//! asks for (up to 2 GiB), whatever the cap.

use std::cell::RefCell;

use ::zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound, get_error_name, get_frame_content_size};

use super::{Codec, Error};

/// A block of 128 KiB takes four bytes where it repeats one: nothing unpacks to more than that times its size.
const MAX_RATIO: usize = 32 * 1024;
/// Where the frame does not tell: how much room it gets at first, in times its size and at least.
const FIRST_RATIO: usize = 4;
const FIRST_BYTES: usize = 16 * 1024;
/// The library's code for a result that does not fit: `ZSTD_error_dstSize_tooSmall`, as a negative `size_t`.
const DST_SIZE_TOO_SMALL: usize = 70_usize.wrapping_neg();

thread_local! {
    static PACK: RefCell<CCtx<'static>> = RefCell::new(CCtx::default());
    static UNPACK: RefCell<DCtx<'static>> = RefCell::new(DCtx::default());
}

pub(super) fn compress(input: &[u8], level: i32, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    out.resize(start + compress_bound(input.len()), 0);
    let size = PACK.with_borrow_mut(|context| {
        context.set_parameter(CParameter::CompressionLevel(level))?;
        context.compress2(&mut out[start..], input)
    });
    let size = size.map_err(|code| Error::pack(Codec::Zstd, get_error_name(code)))?;
    out.truncate(start + size);
    Ok(())
}

pub(super) fn decompress(input: &[u8], cap_bytes: usize) -> Result<Vec<u8>, Error> {
    let too_large = Err(Error::TooLarge { codec: Codec::Zstd, cap_bytes });
    let said = get_frame_content_size(input).map_err(|_| Error::corrupt(Codec::Zstd, "no frame"))?;
    let mut room = match said.map(|size| usize::try_from(size).unwrap_or(usize::MAX)) {
        Some(size) if size > cap_bytes => return too_large,
        Some(size) => size.min(input.len().saturating_mul(MAX_RATIO)),
        None => input.len().saturating_mul(FIRST_RATIO).max(FIRST_BYTES).min(cap_bytes),
    };
    loop {
        let mut out = Vec::with_capacity(room);
        match UNPACK.with_borrow_mut(|context| context.decompress(&mut out, input)) {
            Ok(_) => return Ok(out),
            Err(DST_SIZE_TOO_SMALL) if room < cap_bytes => {
                room = room.saturating_mul(FIRST_RATIO).max(FIRST_BYTES).min(cap_bytes);
            }
            Err(DST_SIZE_TOO_SMALL) => return too_large,
            Err(code) => return Err(Error::corrupt(Codec::Zstd, get_error_name(code))),
        }
    }
}
