//! The client against a broker that says what a test tells it to. No Kafka needed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod connection;
mod consumer;
mod fake;
mod group;
mod producer;
