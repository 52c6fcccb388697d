//! How everything else talks to a broker: connection, cluster, admin, producer, consumer.
//!
//! The layers, each built on the one before:
//! - [`Connection`]: one TCP connection. Correlation ids, pipelining, a timeout for each request, and the highest
//!   version of each API that both sides have.
//! - [`Cluster`]: bootstrap, metadata, one connection a broker, and the retry of what a broker says may be retried.
//! - [`Admin`]: topics, configs, groups, offsets, records, log directories.
//! - [`Producer`]: idempotent, batching, ordered within a partition.
//! - [`Consumer`]: assigned partitions or a member of a group (classic protocol).
//!
//! Every wait has a deadline and every queue a bound. An [`Error`] says what failed, on which broker, and what to try.
//!
//! Not here: TLS and SASL, transactions, share groups, the consumer protocol of KIP-848.

mod admin;
mod cluster;
mod connection;
mod consumer;
mod error;
mod hint;
mod metadata;
mod producer;
mod random;
mod request;
mod retry;
mod versions;

pub use admin::{
    Admin, BrokerInfo, ClusterInfo, ConfigEntry, ConfigOp, ConfigResource, ConfigSource, ConfigSynonym,
    CreatedTopic, DescribedGroup, GroupListing, GroupMember, GroupOffset, ListedOffset, LogDir,
    LogDirReplica, NewTopic, OffsetSpec, ResourceType,
};
pub use cluster::{Cluster, ClusterConfig, Purpose};
pub use connection::{Answer, CallOptions, Connection, ConnectionConfig};
pub use consumer::{
    Consumer, ConsumerConfig, ConsumerRecord, Isolation, OffsetReset, StartAt,
    assignor::{self, Assignor},
};
pub use error::Error;
pub use metadata::{Broker, Metadata, Partition, Topic};
pub use producer::{
    Acks, Delivery, Producer, ProducerConfig, ProducerRecord, RecordMetadata, partitioner::murmur2,
};
pub use protocol::compression::Codec;
pub use request::Request;
pub use versions::ApiVersions;

/// What every call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A record's header: a name and a value that may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name; names may repeat.
    pub key: String,
    /// The value.
    pub value: Option<bytes::Bytes>,
}
