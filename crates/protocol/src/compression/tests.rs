//! What holds for every codec, and what other clients write.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const CAP_BYTES: usize = 1 << 20;
const PACKING: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn pack(compression: impl Into<Compression>, input: &[u8]) -> Vec<u8> {
    let mut out = b"before".to_vec();
    compression.into().compress(input, &mut out).unwrap();
    assert!(out.starts_with(b"before"));
    out.split_off(6)
}

/// Bytes that pack well, badly, and into more than one block.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..100),
        vec(any::<u8>(), 0..100_000),
        (vec(any::<u8>(), 1..50), 0..3000_usize).prop_map(|(bytes, times)| bytes.repeat(times)),
    ]
}

fn compressions() -> Vec<Compression> {
    let mut all: Vec<Compression> = Codec::ALL.into_iter().map(Compression::from).collect();
    for (codec, levels) in [
        (Codec::Gzip, &[1, 9][..]),
        (Codec::Lz4, &[1, 2, 3, 8, 12, 17]),
        (Codec::Zstd, &[-131_072, -5, 0, 1, 19]),
    ] {
        all.extend(levels.iter().map(|&level| Compression::with_level(codec, level).unwrap()));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn unpacks_what_it_packs(input in content()) {
        for compression in compressions() {
            let packed = pack(compression, &input);
            let codec = compression.codec();
            prop_assert_eq!(&codec.decompress(&packed, input.len()).unwrap(), &input, "{:?}", compression);
            if !input.is_empty() {
                let cap_bytes = input.len() - 1;
                prop_assert_eq!(codec.decompress(&packed, cap_bytes), Err(Error::TooLarge { codec, cap_bytes }));
            }
        }
    }

    #[test]
    fn cut_or_changed_bytes_never_panic(input in content(), cut: prop::sample::Index, flip: prop::sample::Index, by: u8) {
        for codec in PACKING {
            let mut packed = pack(codec, &input);
            let cut = cut.index(packed.len());
            if let Ok(found) = codec.decompress(&packed[..cut], CAP_BYTES) {
                // Only where a whole member or block ends.
                prop_assert!(input.starts_with(&found), "{codec} cut at {cut}");
            }
            let flip = flip.index(packed.len());
            packed[flip] ^= by;
            let _ = codec.decompress(&packed, CAP_BYTES).inspect(|found| assert!(found.len() <= CAP_BYTES));
        }
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(garbage in vec(any::<u8>(), 0..300)) {
        for codec in PACKING {
            let _ = codec.decompress(&garbage, CAP_BYTES);
            // Behind the start of the real thing, garbage gets further.
            for keep in [8, 16, 20] {
                let mut packed = pack(codec, b"some text, some more text");
                packed.truncate(keep);
                packed.extend_from_slice(&garbage);
                let _ = codec.decompress(&packed, CAP_BYTES);
            }
        }
    }
}

#[test]
fn a_bomb_stops_at_the_cap() {
    let bomb = vec![0; 64 << 20];
    for codec in PACKING {
        let packed = pack(codec, &bomb);
        for cap_bytes in [0, 1, 1000, CAP_BYTES] {
            assert_eq!(codec.decompress(&packed, cap_bytes), Err(Error::TooLarge { codec, cap_bytes }));
        }
    }
}

#[test]
fn reads_one_after_another() {
    for codec in PACKING {
        let twice = [pack(codec, b"first, "), pack(codec, b"second")].concat();
        assert_eq!(codec.decompress(&twice, 13).unwrap(), b"first, second", "{codec}");
        assert_eq!(codec.decompress(&twice, 12), Err(Error::TooLarge { codec, cap_bytes: 12 }));
    }
}

#[test]
fn snappy_is_read_raw_and_written_framed() {
    let raw = snap::raw::Encoder::new().compress_vec(b"plain snappy").unwrap();
    assert_eq!(Codec::Snappy.decompress(&raw, CAP_BYTES).unwrap(), b"plain snappy");
    let framed = pack(Codec::Snappy, &[7; 40_000]);
    assert_eq!(framed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    let with_version = |version: i32, needed: i32| {
        let header = [&b"\x82SNAPPY\0"[..], &version.to_be_bytes(), &needed.to_be_bytes()].concat();
        Codec::Snappy.decompress(&[&header, &framed[16..]].concat(), CAP_BYTES)
    };
    assert_eq!(with_version(2, 0).unwrap(), [7; 40_000]);
    assert!(matches!(with_version(0, 1), Err(Error::Corrupt { .. })));
    // A block that lies about what it holds: 4 GiB from 5 bytes.
    let liar = Codec::Snappy.decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f], usize::MAX);
    assert!(matches!(liar, Err(Error::Corrupt { .. })), "{liar:?}");
}

#[test]
fn lz4_reads_frames_of_other_flags() {
    use std::io::Write as _;
    let input = || -> Vec<u8> { (0..300_000_u32).flat_map(|i| (i / 7).to_be_bytes()).collect() };
    for (mode, checksum, size) in [
        (::lz4::BlockMode::Linked, ::lz4::ContentChecksum::ChecksumEnabled, ::lz4::BlockSize::Max64KB),
        (::lz4::BlockMode::Independent, ::lz4::ContentChecksum::NoChecksum, ::lz4::BlockSize::Max4MB),
        (::lz4::BlockMode::Linked, ::lz4::ContentChecksum::NoChecksum, ::lz4::BlockSize::Max1MB),
    ] {
        let input = input();
        let mut encoder = ::lz4::EncoderBuilder::new()
            .block_mode(mode.clone())
            .checksum(checksum)
            .block_size(size)
            .content_size(input.len() as u64)
            .build(Vec::new())
            .unwrap();
        encoder.write_all(&input).unwrap();
        let (packed, done) = encoder.finish();
        done.unwrap();
        assert_eq!(Codec::Lz4.decompress(&packed, input.len()).unwrap(), input);
        assert_eq!(Codec::Lz4.is_portable(&packed), matches!(mode, ::lz4::BlockMode::Independent));
        assert!(!Codec::Lz4.is_portable(&[&*packed, &*packed].concat()));
        for cut in [0, 3, 7, 20, packed.len() - 1] {
            let found = Codec::Lz4.decompress(&packed[..cut], input.len());
            assert!(matches!(found, Err(Error::Corrupt { .. })), "cut at {cut}: {found:?}");
            assert!(!Codec::Lz4.is_portable(&packed[..cut]));
        }
    }
    assert!(Codec::Lz4.is_portable(&pack(Codec::Lz4, &input())));
    assert!(Codec::Lz4.is_portable(&pack(Codec::Lz4, b"")));
}

#[test]
fn zstd_reads_frames_without_a_size() {
    use std::io::Write as _;
    let input = b"0123456789".repeat(100_000);
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 22).unwrap();
    encoder.write_all(&input).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(Codec::Zstd.decompress(&packed, CAP_BYTES).unwrap(), input);
    let cap_bytes = input.len() - 1;
    let found = Codec::Zstd.decompress(&packed, cap_bytes);
    assert_eq!(found, Err(Error::TooLarge { codec: Codec::Zstd, cap_bytes }));
}
