//! The wire's shell: sockets in, answers out. It decides nothing about Kafka.
//!
//! `listener` accepts within the limits of `limits`; `connection` is the one task of a connection; `send` writes
//! answers, file ranges included. Frames are cut by `protocol::frame`.

pub(crate) mod connection;
pub(crate) mod limits;
pub(crate) mod listener;
mod send;
