//! The wire's shell: sockets in, answers out. It decides nothing about Kafka.
//!
//! `listener` accepts within the limits of `limits`; `connection` is the one task of a connection; `frame` cuts
//! requests out of what was read; `send` writes answers, file ranges included.

pub(crate) mod connection;
mod frame;
pub(crate) mod limits;
pub(crate) mod listener;
mod send;
