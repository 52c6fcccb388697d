//! A little randomness, for what need not be reproduced: jitter, a first sticky partition.

use std::hash::{BuildHasher, RandomState};

/// Sixty-four bits that differ from call to call and from process to process. Not for secrets.
pub(crate) fn bits() -> u64 {
    // Each RandomState has keys of its own.
    RandomState::new().hash_one(0u8)
}
