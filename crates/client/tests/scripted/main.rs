//! The client against a broker that says what a test tells it to. No Kafka needed.

mod connection;
mod consumer;
mod fake;
mod producer;
