//! Which protocol a group speaks, and what that says of its subscriptions.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::messages::ConsumerProtocolSubscription;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::wire::{DecodeError, Reader};

use super::{CONSUMER_PROTOCOL_TYPE, ClassicGroup, GroupState, Protocols};

impl ClassicGroup {
    /// Whether a member that speaks so fits in: any protocol will do for an empty group, a member of others must share
    /// the type and a protocol that all of them support.
    pub(in crate::group) fn supports(
        &self,
        protocol_type: &str,
        protocols: &[JoinGroupRequestProtocol<'_>],
    ) -> bool {
        if self.is(GroupState::Empty) {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.is_candidate(&protocol.name))
    }

    /// The protocol that most members want most, among those that all support. Of several with as many votes the one
    /// that comes first by name: Kafka leaves it to a hash map.
    pub(in crate::group) fn select_protocol(&self) -> Option<Arc<str>> {
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members() {
            if let Some(name) = member.protocols.vote(|name| self.is_candidate(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.clone())
    }

    pub(in crate::group) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// Whether a topic's offsets are in use. A consumer group whose subscriptions are not known may subscribe to any.
    pub(in crate::group) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    pub(super) fn refresh_subscribed_topics(&mut self) {
        self.subscribed_topics = self.read_subscribed_topics().map(Arc::new);
    }

    fn read_subscribed_topics(&self) -> Option<BTreeSet<Arc<str>>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        if self.member_count() == 0 {
            return Some(BTreeSet::new());
        }
        let protocol_name = self.protocol_name.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members() {
            topics.extend(subscription_topics(&member.protocols.metadata(protocol_name)).ok()?);
        }
        Some(topics)
    }

    fn is_candidate(&self, protocol_name: &str) -> bool {
        self.supporters.get(protocol_name).copied().unwrap_or(0) == self.member_count()
    }

    pub(super) fn count_supporter(&mut self, protocols: &Protocols) {
        for name in protocols.names() {
            *self.supporters.entry(name.clone()).or_default() += 1;
        }
    }

    pub(super) fn uncount_supporter(&mut self, protocols: &Protocols) {
        for name in protocols.names() {
            if let Some(count) = self.supporters.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    self.supporters.remove(name);
                }
            }
        }
    }
}

/// The topics of a consumer's metadata. Every version of it begins as version 0 does, so that is how it is read.
fn subscription_topics(metadata: &[u8]) -> Result<Vec<Arc<str>>, DecodeError> {
    let mut reader = Reader::new(metadata);
    reader.i16()?;
    let subscription = ConsumerProtocolSubscription::decode(&mut reader, 0)?;
    Ok(subscription.topics.iter().map(|topic| Arc::from(topic.as_ref())).collect())
}
