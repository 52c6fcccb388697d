//! What tests share. Tests only: nothing that runs in production depends on this crate.
//!
//! - [`sim`]: the simulator: the pure machines and the log over a simulated disk, on one seeded thread, in virtual time.

pub mod sim;
