//! Which codec, and how hard it tries: ids as the attributes of a batch carry them, names as the properties spell
//! them, levels as Kafka numbers them (KIP-390).

use std::fmt;
use std::ops::RangeInclusive;

use super::{Error, gzip, lz4, snappy, zstd};

/// How the records of a batch are compressed. The discriminant is the id in the attributes of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Plain records.
    #[default]
    None = 0,
    /// Gzip, RFC 1952.
    Gzip = 1,
    /// Snappy blocks, in the framing of `snappy-java`.
    Snappy = 2,
    /// The LZ4 frame format.
    Lz4 = 3,
    /// Zstandard, RFC 8878 (KIP-110).
    Zstd = 4,
}

impl Codec {
    /// Every codec, in the order of ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec of an id from a batch, or none where Kafka gives the id no meaning (5 to 7 today).
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The id in the attributes of a batch.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The name as `compression.type` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of a `compression.type`. `producer` and `uncompressed` are a topic's policies, not codecs.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// The levels of `compression.gzip.level`, `compression.lz4.level` and `compression.zstd.level`; the other codecs
    /// have none. For gzip, [`Codec::default_level`] is a level too, though outside of the range.
    pub const fn levels(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(1..=9),
            Self::Lz4 => Some(1..=17),
            Self::Zstd => Some(-131_072..=22),
        }
    }

    /// The level where none is asked for; 0 where the codec has no levels.
    pub const fn default_level(self) -> i32 {
        match self {
            Self::None | Self::Snappy => 0,
            Self::Gzip => -1,
            Self::Lz4 => lz4::DEFAULT_LEVEL,
            Self::Zstd => 3,
        }
    }

    /// What `input` holds, as long as that is no more than `cap_bytes`: as much as the caller can afford, for a small
    /// input may claim and take all of it.
    pub fn decompress(self, input: &[u8], cap_bytes: usize) -> Result<Vec<u8>, Error> {
        match self {
            Self::None if input.len() > cap_bytes => Err(Error::TooLarge { codec: self, cap_bytes }),
            Self::None => Ok(input.to_vec()),
            Self::Gzip => gzip::decompress(input, cap_bytes),
            Self::Snappy => snappy::decompress(input, cap_bytes),
            Self::Lz4 => lz4::decompress(input, cap_bytes),
            Self::Zstd => zstd::decompress(input, cap_bytes),
        }
    }

    /// Whether all of Kafka's clients can read what some client wrote. Java's reads fewer kinds of LZ4 frames than
    /// [`Codec::decompress`].
    pub fn is_portable(self, input: &[u8]) -> bool {
        self != Self::Lz4 || lz4::is_portable(input)
    }
}

/// A codec at one of its levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Compression {
    codec: Codec,
    level: i32,
}

impl Compression {
    /// A codec at a level, which must be one of the codec's.
    pub fn with_level(codec: Codec, level: i32) -> Result<Self, Error> {
        let known =
            level == codec.default_level() || codec.levels().is_some_and(|levels| levels.contains(&level));
        if known { Ok(Self { codec, level }) } else { Err(Error::Level { codec, level }) }
    }

    /// The codec.
    pub const fn codec(self) -> Codec {
        self.codec
    }

    /// The level; 0 where the codec has none.
    pub const fn level(self) -> i32 {
        self.level
    }

    /// Packs `input` and appends it to `out`.
    pub fn compress(self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match self.codec {
            Codec::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            Codec::Gzip => gzip::compress(input, self.level, out),
            Codec::Snappy => snappy::compress(input, out),
            Codec::Lz4 => lz4::compress(input, self.level, out),
            Codec::Zstd => zstd::compress(input, self.level, out),
        }
    }
}

/// The codec at its default level.
impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        Self { codec, level: codec.default_level() }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_lead_back() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_id(codec.id()), Some(codec));
            assert_eq!(Codec::from_name(codec.name()), Some(codec));
        }
        assert_eq!(Codec::from_id(5), None);
        assert_eq!(Codec::from_name("producer"), None);
    }

    #[test]
    fn levels_are_kafkas() {
        let check = |codec, good: &[i32], bad: &[i32]| {
            for &level in good {
                assert_eq!(Compression::with_level(codec, level).unwrap().level(), level);
            }
            for &level in bad {
                assert_eq!(Compression::with_level(codec, level), Err(Error::Level { codec, level }));
            }
            assert_eq!(Compression::from(codec).level(), codec.default_level());
        };
        check(Codec::None, &[0], &[1]);
        check(Codec::Gzip, &[-1, 1, 9], &[-2, 0, 10]);
        check(Codec::Snappy, &[0], &[1]);
        check(Codec::Lz4, &[1, 9, 17], &[0, 18]);
        check(Codec::Zstd, &[-131_072, -1, 0, 3, 22], &[-131_073, 23]);
    }
}
