//! What the groups have in common whose partitions the coordinator assigns itself (KIP-848 and its successors): their view
//! of the topics, sets of partitions, refusals with a message.

mod metadata_hash;
mod partitions;
mod refusal;
#[cfg(test)]
pub(super) mod testing;
mod topics;

pub(super) use metadata_hash::metadata_hash;
pub use partitions::Partitions;
pub(super) use refusal::{Refusal, Stop};
pub use topics::{NoTopics, Topic, Topics};
