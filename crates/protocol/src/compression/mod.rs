//! The codecs of record batches: none, gzip, snappy, lz4, zstd.

mod codec;

pub use codec::Codec;
