//! The records: JSON as applications write it, of an exact size, the same in every run; lz4 makes it about half as long.

use std::io::Write as _;

use bytes::Bytes;

use crate::error::Result;

const WORDS: [&str; 24] = [
    "order",
    "paid",
    "customer",
    "basket",
    "shipped",
    "warehouse",
    "north",
    "south",
    "invoice",
    "card",
    "refund",
    "blue",
    "large",
    "express",
    "gift",
    "return",
    "stock",
    "pallet",
    "carrier",
    "label",
    "window",
    "region",
    "cash",
    "open",
];
/// How many different records there are.
const VARIETY: u64 = 2_000;
/// How many different keys there are, where nothing else is asked for.
pub(crate) const KEYS: u64 = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Bytes of a record's value.
    #[arg(long)]
    size: usize,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for value in values(args.size) {
        out.write_all(&value)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// A stream of numbers from a seed (splitmix64).
#[derive(Debug)]
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// All values of a size.
pub(crate) fn values(size: usize) -> Vec<Bytes> {
    let mut numbers = Numbers(size as u64);
    (0..VARIETY).map(|_| value(size, &mut numbers)).collect()
}

fn value(size: usize, numbers: &mut Numbers) -> Bytes {
    let mut text = format!(
        r#"{{"id":{},"user":"u{}","cents":{},"note":""#,
        numbers.below(1 << 40),
        numbers.below(1 << 20),
        numbers.below(100_000)
    );
    while text.len() + 2 < size {
        text.push_str(WORDS[numbers.below(WORDS.len() as u64) as usize]);
        text.push(' ');
    }
    text.truncate(size.saturating_sub(2));
    text.push_str(r#""}"#);
    text.truncate(size);
    text.into()
}

/// A key out of so many; of ten thousand they have 12 bytes.
pub(crate) fn key(numbers: &mut Numbers, keys: u64) -> Bytes {
    format!("customer{:04}", numbers.below(keys)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_size_and_no_line_break() {
        for size in [1, 2, 40, 100, 1_024] {
            let values = values(size);
            assert!(values.iter().all(|v| v.len() == size && !v.contains(&b'\n')), "{size}");
        }
    }

    #[test]
    fn every_run_has_the_same_values() {
        assert_eq!(values(100), values(100));
    }
}
