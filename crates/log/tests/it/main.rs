//! The log from outside, over the simulated disk.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod append;
mod clean;
mod crash;
mod future;
mod garbage;
mod inspect;
mod kafka;
mod model;
mod open_files;
mod producers;
mod read;
mod retain;
mod support;
mod truncate;
mod unchecked;
