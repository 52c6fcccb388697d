//! The wire: Kafka's messages generated from schemas, error codes, record batches, compression.
//!
//! Nothing here does I/O. Every decoder takes untrusted bytes: it returns an error, never panics, and never
//! reserves more memory than the bytes that remain could justify.

pub mod any;
mod api_key;
pub mod compression;
mod error_code;
pub mod frame;
pub mod ids;
pub mod messages;
mod metadata_record;
pub mod records;
pub mod wire;

pub use api_key::{ApiFacts, ApiKey};
pub use error_code::ErrorCode;
pub use ids::{BrokerId, LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition, Uuid};
pub use metadata_record::MetadataRecord;
