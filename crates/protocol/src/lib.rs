//! The wire: Kafka's messages generated from schemas, error codes, record batches, compression.
//!
//! Nothing here does I/O. Every decoder takes untrusted bytes: it returns an error, never panics, and never
//! reserves more memory than the bytes that remain could justify.

pub mod compression;
pub mod ids;
pub mod records;

pub use ids::{BrokerId, LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition, Uuid};
