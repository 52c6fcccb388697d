//! Consumer groups of the new protocol (KIP-848): the coordinator assigns the partitions itself and brings each member to
//! its part by its heartbeats, without a barrier.
//!
//! All of a group is in the log; only timers, and how far its topics were looked at, are lost at fail-over. An operation
//! works on a copy ([`edit`]), writes records that change the copy at once, and decides on what is so then.

mod assignor;
mod classic;
mod config;
mod describe;
mod edit;
mod embedded;
mod group;
mod heartbeat;
mod leave;
mod member;
mod members;
mod migration;
mod offsets;
mod reconcile;
mod record;
mod regex;
mod request;
mod state;
mod subscription;
#[cfg(test)]
mod tests;
mod timers;

pub use assignor::Assignor;
pub use config::{ConsumerGroupConfig, ConsumerGroupSettings, MigrationPolicy};
pub use group::{ConsumerGroup, GroupEpoch, ResolvedRegex, TargetEpoch};
pub use member::{ClassicMember, CurrentAssignment, EpochedPartitions, Member, MemberMetadata, MemberState};
pub(super) use offsets::CommitFence;
pub(super) use record::ConsumerRecord;
pub use request::ConsumerContext;
pub use state::ConsumerGroupState;

/// How Kafka calls this type of group.
pub(super) const GROUP_TYPE: &str = "consumer";
/// The protocol type of its members.
pub(super) const PROTOCOL_TYPE: &str = "consumer";
