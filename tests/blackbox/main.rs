//! Black box tests: the real binary, librdkafka and raw sockets, only the wire. One binary, so that librdkafka links once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod librdkafka;
mod moves;
mod node;
mod requests;
mod wire;

mod bad_input;
mod compaction;
mod configs;
mod durability;
mod fetch;
mod groups;
mod idempotence;
mod log_dirs;
mod log_tool;
mod offsets;
mod produce;
mod produce_consume;
mod retention;
mod server;
mod share_state;
mod shares;
mod topics;
mod transactions;
