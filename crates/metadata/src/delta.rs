//! What changed between two images.
//!
//! Found by comparing: images share what is equal, and what they share is skipped. So it is the same whether the
//! newer image came from records, a transaction or a snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::ordmap::DiffItem;
use protocol::BrokerId;

use crate::{ClusterImage, ConfigResource, Topic};

/// What changed from one image to the next, for those who follow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterDelta {
    /// Topics that are new. One deleted and created again is in both lists, with two ids.
    pub topics_created: Vec<Arc<Topic>>,
    /// Topics that are gone, as they were.
    pub topics_deleted: Vec<Arc<Topic>>,
    /// Topics of which partitions are new or changed.
    pub topics_changed: Vec<TopicDelta>,
    /// Resources on which something was set, changed or removed. Those of deleted topics are among them.
    pub configs_changed: Vec<ConfigResource>,
    /// Brokers registered, changed or removed.
    pub brokers_changed: Vec<BrokerId>,
    /// Whether a finalized feature changed.
    pub features_changed: bool,
    /// Whether access control entries changed.
    pub acls_changed: bool,
    /// Whether SCRAM credentials changed.
    pub scram_credentials_changed: bool,
    /// Whether delegation tokens changed.
    pub delegation_tokens_changed: bool,
    /// Whether client quotas changed.
    pub client_quotas_changed: bool,
}

/// The changed partitions of one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicDelta {
    /// The topic as it is now.
    pub topic: Arc<Topic>,
    /// Indexes of partitions that are new or changed, ascending.
    pub partitions: Vec<i32>,
}

impl ClusterDelta {
    /// What changed from `old` to `new`.
    pub fn between(old: &ClusterImage, new: &ClusterImage) -> Self {
        let mut delta = Self {
            configs_changed: old
                .all_configs()
                .diff(new.all_configs())
                .map(|item| key(&item).clone())
                .collect(),
            brokers_changed: old.brokers().diff(new.brokers()).map(|item| *key(&item)).collect(),
            features_changed: old.features() != new.features()
                || old.metadata_version() != new.metadata_version(),
            acls_changed: old.acls() != new.acls(),
            scram_credentials_changed: old.scram_credentials() != new.scram_credentials(),
            delegation_tokens_changed: old.delegation_tokens() != new.delegation_tokens(),
            client_quotas_changed: old.client_quotas() != new.client_quotas(),
            ..Self::default()
        };
        for item in old.topics().diff(new.topics()) {
            match item {
                DiffItem::Add(_, topic) => delta.topics_created.push(topic.clone()),
                DiffItem::Remove(_, topic) => delta.topics_deleted.push(topic.clone()),
                DiffItem::Update { old: (_, old), new: (_, new) } => {
                    delta.topics_changed.push(TopicDelta::between(old, new));
                }
            }
        }
        delta
    }

    /// Whether nothing changed that a follower could see.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every topic that is new, changed or gone, by name: what is cached by name must be looked up again.
    pub fn topic_names(&self) -> BTreeMap<&str, &Arc<Topic>> {
        let gone = self.topics_deleted.iter();
        let here = self.topics_created.iter().chain(self.topics_changed.iter().map(|changed| &changed.topic));
        gone.chain(here).map(|topic| (&*topic.name, topic)).collect()
    }
}

impl TopicDelta {
    fn between(old: &Topic, new: &Arc<Topic>) -> Self {
        let partitions = old.partitions.diff(&new.partitions).map(|item| *key(&item)).collect();
        Self { topic: new.clone(), partitions }
    }
}

fn key<'a, K, V>(item: &DiffItem<'a, 'a, K, V>) -> &'a K {
    match item {
        DiffItem::Add(key, _) | DiffItem::Remove(key, _) => key,
        DiffItem::Update { new: (key, _), .. } => key,
    }
}
