//! A record says who sent it as its how-manieth, in bytes that follow from both: it can be known again, and any damage
//! shows.

/// What values are cut out of: bytes that compress, but not to nothing.
const POOL_BYTES: usize = 1 << 15;

/// Makes values and examines them.
pub(crate) struct Records {
    pool: Vec<u8>,
}

impl Records {
    pub(crate) fn new() -> Self {
        let mut random = stdx::Random::from_seed(7);
        let words: Vec<u8> =
            (0..POOL_BYTES / 8).flat_map(|_| (random.next_u64() >> 24).to_be_bytes()).collect();
        Self { pool: words }
    }

    /// The value of a producer's record, about so many bytes long.
    pub(crate) fn value(&self, producer: &str, number: u64, bytes: usize) -> Vec<u8> {
        let mut value = format!("{producer} {number} ").into_bytes();
        value.extend(self.padding(number).take(bytes.saturating_sub(value.len())));
        value
    }

    fn padding(&self, number: u64) -> impl Iterator<Item = u8> + '_ {
        let start = usize::try_from(number.wrapping_mul(7919) % POOL_BYTES as u64).unwrap_or(0);
        self.pool.iter().cycle().skip(start).copied()
    }

    /// Who sent a record, and its number; or what is wrong with it.
    pub(crate) fn examine<'a>(&self, value: Option<&'a [u8]>) -> Result<(&'a str, u64), String> {
        let value = value.ok_or("it has no value")?;
        let mut parts = value.splitn(3, |&byte| byte == b' ');
        let mut part = || parts.next().ok_or("its value is cut short");
        let producer = std::str::from_utf8(part()?).map_err(|_| "it names no producer")?;
        let number = std::str::from_utf8(part()?).ok().and_then(|number| number.parse().ok());
        let number = number.ok_or("it has no number")?;
        if part()?
            .iter()
            .copied()
            .ne(self.padding(number).take(value.len() - producer.len() - digits(number) - 2))
        {
            return Err(format!("its bytes are not those of record {number} of {producer}"));
        }
        Ok((producer, number))
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_again_and_damage_shows() {
        let records = Records::new();
        for (number, bytes) in [(0, 0), (9, 40), (10, 500), (u64::MAX, 100_000)] {
            let value = records.value("p-1.2", number, bytes);
            assert_eq!(records.examine(Some(&value)), Ok(("p-1.2", number)));
            assert!(value.len() >= bytes);
        }
        let sound = records.value("p", 7, 100);
        for at in [0, 2, 50, 99] {
            let mut value = sound.clone();
            value[at] ^= 1;
            assert_ne!(records.examine(Some(&value)), Ok(("p", 7)), "{at}");
        }
        for value in [None, Some(&b""[..]), Some(b"p"), Some(b"p 7"), Some(b"p x y"), Some(b"\xff 7 ")] {
            assert!(records.examine(value).is_err(), "{value:?}");
        }
    }
}
