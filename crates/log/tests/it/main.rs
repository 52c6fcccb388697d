//! The log from outside, over the simulated disk.

mod append;
mod crash;
mod garbage;
mod kafka;
mod model;
mod producers;
mod read;
mod retain;
mod support;
mod truncate;
