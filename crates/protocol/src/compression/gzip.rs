//! Gzip: one member on write, any number on read, as `java.util.zip` does.

use std::io::Write;

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Codec, Error, read_to_cap};

pub(super) fn compress(input: &[u8], level: i32, out: &mut Vec<u8>) -> Result<(), Error> {
    // The default level is -1, which is no number that zlib knows a name for here.
    let level =
        u32::try_from(level).map_or_else(|_| flate2::Compression::default(), flate2::Compression::new);
    let mut encoder = GzEncoder::new(out, level);
    encoder
        .write_all(input)
        .and_then(|()| encoder.try_finish())
        .map_err(|error| Error::pack(Codec::Gzip, error))
}

pub(super) fn decompress(input: &[u8], cap_bytes: usize) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    read_to_cap(Codec::Gzip, &mut MultiGzDecoder::new(input), &mut out, cap_bytes)?;
    Ok(out)
}
