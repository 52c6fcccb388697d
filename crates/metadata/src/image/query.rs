//! What the image answers.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use protocol::messages::{
    AccessControlEntryRecord, DelegationTokenRecord, RegisterControllerRecord, UserScramCredentialRecord,
};
use protocol::{BrokerId, Offset, ProducerId, Uuid};

use super::{Broker, ClusterImage, Configs, Partition, Quota, QuotaEntity, Topic};
use crate::configs::ResourceType;
use crate::{ConfigResource, MetadataVersion, topic_name};

impl ClusterImage {
    /// The offset of the last record in this image; `None` before the first.
    pub fn last_offset(&self) -> Option<Offset> {
        self.last_offset
    }

    /// The finalized `metadata.version`.
    pub fn metadata_version(&self) -> MetadataVersion {
        self.metadata_version.unwrap_or_default()
    }

    /// The finalized features other than `metadata.version`, by name.
    pub fn features(&self) -> &OrdMap<Arc<str>, i16> {
        &self.features
    }

    /// The finalized level of a feature: 0 where it is not finalized.
    pub fn feature_level(&self, name: &str) -> i16 {
        if name == MetadataVersion::FEATURE {
            return self.metadata_version().level();
        }
        self.features.get(name).copied().unwrap_or(0)
    }

    /// The registered brokers by id.
    pub fn brokers(&self) -> &OrdMap<BrokerId, Arc<Broker>> {
        &self.brokers
    }

    /// A registered broker.
    pub fn broker(&self, id: BrokerId) -> Option<&Arc<Broker>> {
        self.brokers.get(&id)
    }

    /// The brokers that clients are told of, by id: those not fenced.
    pub fn alive_brokers(&self) -> impl Iterator<Item = &Arc<Broker>> {
        self.brokers.values().filter(|broker| !broker.fenced)
    }

    /// Whether a broker can lead: registered, not fenced, not about to stop.
    pub fn is_active(&self, id: BrokerId) -> bool {
        self.broker(id).is_some_and(|broker| broker.is_active())
    }

    /// Whether a replica can serve: its broker is registered and not fenced, and its directory has not failed (KIP-858).
    pub fn is_online(&self, partition: &Partition, replica: BrokerId) -> bool {
        self.broker(replica)
            .is_some_and(|broker| !broker.fenced && broker.has_online_dir(partition.directory_of(replica)))
    }

    /// The registered controllers by id.
    pub fn controllers(&self) -> &OrdMap<i32, Arc<RegisterControllerRecord<'static>>> {
        &self.controllers
    }

    /// The topics by id.
    pub fn topics(&self) -> &OrdMap<Uuid, Arc<Topic>> {
        &self.topics
    }

    /// The topics in the order of their names, starting with `name` or the first after it: pages of
    /// DescribeTopicPartitions, and with `""` all of them.
    pub fn topics_from<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Arc<Topic>> {
        self.topic_ids
            .range::<_, str>((Bound::Included(name), Bound::Unbounded))
            .filter_map(|(_, id)| self.topics.get(id))
    }

    /// The topic of a name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(self.topic_ids.get(name)?)
    }

    /// The topic of an id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.topics.get(&id)
    }

    /// A partition by its topic's name.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&Arc<Partition>> {
        self.topic(topic)?.partitions.get(&partition)
    }

    /// A topic that the name of a new one would collide with in the names of metrics.
    pub(crate) fn colliding_topic(&self, name: &str) -> Option<&Arc<str>> {
        if !topic_name::has_collision_chars(name) {
            return None;
        }
        self.colliding.get(topic_name::unify_collision_chars(name).as_str())?.get_min()
    }

    /// What was set, by resource.
    pub fn all_configs(&self) -> &OrdMap<ConfigResource, Configs> {
        &self.configs
    }

    /// What was set on a resource: nothing for one that nothing was set on.
    pub fn configs(&self, resource: &ConfigResource) -> Option<&Configs> {
        self.configs.get(resource)
    }

    /// What was set on a topic.
    pub fn topic_configs(&self, topic: &str) -> Option<&Configs> {
        self.configs.get(&ConfigResource::topic(topic))
    }

    /// One value set on a resource.
    pub fn config(&self, resource: &ConfigResource, name: &str) -> Option<&Arc<str>> {
        self.configs.get(resource)?.get(name)
    }

    /// The names of the resources of a type that something was set on, ascending.
    pub fn configured(&self, resource_type: ResourceType) -> impl Iterator<Item = &Arc<str>> {
        self.configs
            .range(ConfigResource::new(resource_type, "")..)
            .map(|(resource, _)| resource)
            .take_while(move |resource| resource.resource_type == resource_type)
            .map(|resource| &resource.name)
    }

    /// The client quotas: by entity, by key.
    pub fn client_quotas(&self) -> &OrdMap<QuotaEntity, OrdMap<Arc<str>, Quota>> {
        &self.client_quotas
    }

    /// The first producer id that no block was given of.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id.unwrap_or(ProducerId(0))
    }

    /// The access control entries by id.
    pub fn acls(&self) -> &OrdMap<Uuid, Arc<AccessControlEntryRecord<'static>>> {
        &self.acls
    }

    /// The SCRAM credentials by mechanism and user.
    pub fn scram_credentials(&self) -> &OrdMap<(i8, Arc<str>), Arc<UserScramCredentialRecord<'static>>> {
        &self.scram_credentials
    }

    /// The delegation tokens by id.
    pub fn delegation_tokens(&self) -> &OrdMap<Arc<str>, Arc<DelegationTokenRecord<'static>>> {
        &self.delegation_tokens
    }
}
