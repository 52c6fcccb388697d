//! The newest offset of every key in the part of a log that is being cleaned, in memory that does not grow.
//!
//! Keys themselves are not kept, only 128 bits of their hash, keyed with random bits: two keys that met there would cost
//! the older one its record, and nobody can look for such a pair.

use std::hash::Hasher as _;

use protocol::Offset;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// What one key takes.
pub(crate) const SLOT_BYTES: usize = size_of::<Slot>();

/// What stands for a key.
pub(crate) type KeyHash = [u64; 2];

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: KeyHash,
    /// Negative: the slot is free.
    offset: i64,
}

const FREE: Slot = Slot { hash: [0; 2], offset: -1 };

/// A table of keys and offsets with a fixed number of places.
pub(crate) struct OffsetMap {
    slots: Vec<Slot>,
    len: usize,
    max_len: usize,
    hasher: SipHasher13,
}

impl OffsetMap {
    /// A map for up to `keys` keys, or as many as `max_bytes` has room for when only a share of its places, `max_load`, is
    /// taken. It always has room for one. `seed` should be random.
    pub(crate) fn new(keys: u64, max_bytes: usize, max_load: f64, seed: [u64; 2]) -> Self {
        let max_load = max_load.clamp(0.01, 1.0);
        let most = (max_bytes / SLOT_BYTES).max(2);
        let wanted = (keys as f64 / max_load) as u64;
        let slots = usize::try_from(wanted.saturating_add(2)).unwrap_or(usize::MAX).clamp(2, most);
        Self {
            // One place stays free: there a search ends.
            max_len: ((slots as f64 * max_load) as usize).clamp(1, slots - 1),
            slots: vec![FREE; slots],
            len: 0,
            hasher: SipHasher13::new_with_keys(seed[0], seed[1]),
        }
    }

    /// Takes note of a record. `false` if there is no room for another key.
    pub(crate) fn put(&mut self, hash: KeyHash, offset: Offset) -> bool {
        let at = self.find(hash);
        if self.slots[at].offset < 0 {
            if self.len >= self.max_len {
                return false;
            }
            self.len += 1;
        }
        self.slots[at] = Slot { hash, offset: offset.get() };
        true
    }

    /// The newest offset of a key.
    pub(crate) fn get(&self, hash: KeyHash) -> Option<Offset> {
        let slot = self.slots[self.find(hash)];
        (slot.offset >= 0).then_some(Offset(slot.offset))
    }

    /// Brings the slots of some keys near. Looking them up one by one would wait for the memory each time; here the
    /// processor waits for all of them at once.
    pub(crate) fn bring_near(&self, hashes: impl Iterator<Item = KeyHash>) {
        std::hint::black_box(hashes.fold(0, |sum, hash| sum ^ self.slots[self.home(hash)].offset));
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How many keys there is room for.
    pub(crate) const fn max_len(&self) -> usize {
        self.max_len
    }

    /// The slot of a hash, or the free one where it belongs. There is always one free.
    fn find(&self, hash: KeyHash) -> usize {
        let slots = self.slots.len();
        let mut at = self.home(hash);
        while self.slots[at].offset >= 0 && self.slots[at].hash != hash {
            at = if at + 1 == slots { 0 } else { at + 1 };
        }
        at
    }

    /// Where the search for a hash begins: the upper bits of a product spread over any number of slots.
    fn home(&self, hash: KeyHash) -> usize {
        ((u128::from(hash[0]) * self.slots.len() as u128) >> 64) as usize
    }

    /// What stands for a key here.
    pub(crate) fn hash(&self, key: &[u8]) -> KeyHash {
        let mut hasher = self.hasher;
        hasher.write(key);
        let hash = hasher.finish128();
        [hash.h1, hash.h2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(map: &mut OffsetMap, key: &[u8], offset: Offset) -> bool {
        let hash = map.hash(key);
        map.bring_near([hash].into_iter());
        map.put(hash, offset)
    }

    fn get(map: &OffsetMap, key: &[u8]) -> Option<Offset> {
        map.get(map.hash(key))
    }

    #[test]
    fn keeps_the_newest_of_each_key() {
        let mut map = OffsetMap::new(1000, 1 << 20, 0.9, [1, 2]);
        for offset in 0..3000_i64 {
            assert!(put(&mut map, &(offset % 1000).to_be_bytes(), Offset(offset)));
        }
        assert_eq!(map.len(), 1000);
        for key in 0..1000_i64 {
            assert_eq!(get(&map, &key.to_be_bytes()), Some(Offset(2000 + key)));
        }
        assert_eq!(get(&map, b""), None);
    }

    #[test]
    fn takes_no_more_than_it_has_room_for() {
        let mut map = OffsetMap::new(u64::MAX, 10 * SLOT_BYTES, 0.9, [1, 2]);
        let taken = (0..20_i64).filter(|key| put(&mut map, &key.to_be_bytes(), Offset(*key))).count();
        assert_eq!((taken, map.len()), (9, 9));
        assert!(put(&mut map, &3_i64.to_be_bytes(), Offset(30)), "a key that is there needs no room");
        assert_eq!(get(&map, &3_i64.to_be_bytes()), Some(Offset(30)));
        assert_eq!(get(&map, &15_i64.to_be_bytes()), None);
    }

    #[test]
    fn the_smallest_one_has_room_for_a_key() {
        let mut map = OffsetMap::new(0, 0, 0.9, [1, 2]);
        assert!(put(&mut map, b"a", Offset(5)));
        assert!(!put(&mut map, b"b", Offset(6)));
        assert_eq!((get(&map, b"a"), get(&map, b"b")), (Some(Offset(5)), None));
        let mut full = OffsetMap::new(10, 1 << 20, 1.0, [1, 2]);
        assert!((0..10_u8).all(|key| put(&mut full, &[key], Offset(key.into()))));
        assert_eq!(get(&full, b"none"), None, "and the search ends");
    }
}
