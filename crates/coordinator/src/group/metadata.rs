//! What the log knows of a classic group: the content of a `GroupMetadataValue`.

use std::sync::Arc;

use bytes::Bytes;

/// A classic group as last persisted: at the end of a rebalance, when it became empty, when a static member was
/// replaced.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GroupMetadata {
    /// `None` until the first member came, and for groups that only store offsets.
    pub protocol_type: Option<Arc<str>>,
    /// The generation that these members make.
    pub generation_id: i32,
    /// The assignor that they agreed on; `None` when there are none.
    pub protocol_name: Option<Arc<str>>,
    /// The leader's member id; `None` when there are no members.
    pub leader: Option<Arc<str>>,
    /// When the group came into its state; `None` in records before version 2.
    pub state_timestamp_ms: Option<i64>,
    /// The members.
    pub members: Vec<MemberMetadata>,
}

/// A member as last persisted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// The id that the coordinator gave it.
    pub member_id: Arc<str>,
    /// `group.instance.id` of a static member (KIP-345).
    pub group_instance_id: Option<Arc<str>>,
    /// The client id of its JoinGroup.
    pub client_id: Arc<str>,
    /// The address that it joined from.
    pub client_host: Arc<str>,
    /// How long a rebalance waits for it.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// Its metadata for the group's protocol.
    pub subscription: Bytes,
    /// What the leader assigned to it.
    pub assignment: Bytes,
}
