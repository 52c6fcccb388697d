//! A member of a classic group.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;

use crate::group::metadata::MemberMetadata;
use crate::runtime::ReplyToken;

/// One way of assigning that a member supports, with what it says for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: Arc<str>,
    pub(crate) metadata: Bytes,
}

/// The protocols of a member, most wanted first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocols(Arc<[Protocol]>);

impl Protocols {
    pub(crate) fn from_request(protocols: &[JoinGroupRequestProtocol<'_>]) -> Self {
        let protocols = protocols.iter().map(|protocol| Protocol {
            name: protocol.name.as_ref().into(),
            metadata: Bytes::copy_from_slice(&protocol.metadata),
        });
        Self(protocols.collect())
    }

    pub(crate) fn names(&self) -> BTreeSet<&Arc<str>> {
        self.0.iter().map(|protocol| &protocol.name).collect()
    }

    /// The most wanted among those that `candidate` lets through.
    pub(crate) fn vote(&self, candidate: impl Fn(&str) -> bool) -> Option<&Arc<str>> {
        self.0.iter().map(|protocol| &protocol.name).find(|name| candidate(name))
    }

    /// Every protocol and what the member says for it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Arc<str>, Bytes)> {
        self.0.iter().map(|protocol| (protocol.name.clone(), protocol.metadata.clone()))
    }

    /// What the member says for `name`; empty if it does not support it.
    pub(crate) fn metadata(&self, name: &str) -> Bytes {
        self.0
            .iter()
            .find(|protocol| protocol.name.as_ref() == name)
            .map_or_else(Bytes::new, |protocol| protocol.metadata.clone())
    }

    /// Whether a rejoining member says the same as before, in the same order.
    pub(crate) fn matches(&self, protocols: &[JoinGroupRequestProtocol<'_>]) -> bool {
        self.0.len() == protocols.len()
            && self.0.iter().zip(protocols).all(|(ours, theirs)| {
                ours.name.as_ref() == theirs.name && ours.metadata.as_ref() == theirs.metadata.as_ref()
            })
    }
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) id: Arc<str>,
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    pub(crate) protocols: Protocols,
    pub(crate) assignment: Bytes,
    /// Whose JoinGroup waits for the barrier. Changed through the group, which counts them.
    pub(crate) awaiting_join: Option<ReplyToken>,
    /// Whose SyncGroup waits for the leader's.
    pub(crate) awaiting_sync: Option<ReplyToken>,
    /// Has not been through a barrier yet: may expire while it waits there.
    pub(crate) is_new: bool,
}

impl Member {
    /// Waiting for others is a sign of life.
    pub(crate) fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    pub(crate) fn from_metadata(metadata: &MemberMetadata, protocol_name: Arc<str>) -> Self {
        let protocol = Protocol { name: protocol_name, metadata: metadata.subscription.clone() };
        Self {
            id: metadata.member_id.clone(),
            instance_id: metadata.group_instance_id.clone(),
            client_id: metadata.client_id.clone(),
            client_host: metadata.client_host.clone(),
            rebalance_timeout_ms: metadata.rebalance_timeout_ms,
            session_timeout_ms: metadata.session_timeout_ms,
            protocols: Protocols([protocol].into()),
            assignment: metadata.assignment.clone(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
        }
    }

    pub(crate) fn to_metadata(&self, protocol_name: &str) -> MemberMetadata {
        MemberMetadata {
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            subscription: self.protocols.metadata(protocol_name),
            assignment: self.assignment.clone(),
        }
    }
}
