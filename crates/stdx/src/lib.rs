//! What the standard library lacks: time as an argument, seeded randomness, a timer wheel, property tables.
//!
//! No Kafka word lives here; nothing here does I/O or reads a clock.

pub mod properties;
pub mod random;
pub mod time;

pub use random::Random;
pub use time::Now;
