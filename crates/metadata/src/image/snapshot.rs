//! The image as records: what a snapshot holds. Replayed into an empty image they make an equal one, but for its
//! offset, which the snapshot's name holds.

use protocol::messages::client_quota_record::EntityData;
use protocol::messages::{
    ClientQuotaRecord, ConfigRecord, FeatureLevelRecord, ProducerIdsRecord, TopicRecord,
    ZkMigrationStateRecord,
};
use protocol::{MetadataRecord, Offset};

use super::{ClusterImage, broker::text};
use crate::MetadataVersion;

impl ClusterImage {
    /// The records of a snapshot, in Kafka's order: `metadata.version` first, as it decides how to read the rest.
    pub fn to_records(&self) -> Vec<MetadataRecord<'static>> {
        let mut records = Vec::new();
        self.feature_records(&mut records);
        records.extend(
            self.brokers
                .values()
                .map(|broker| MetadataRecord::RegisterBroker(broker.to_record(self.metadata_version()))),
        );
        records.extend(
            self.controllers.values().map(|record| MetadataRecord::RegisterController((**record).clone())),
        );
        self.topic_records(&mut records);
        self.config_records(&mut records);
        self.quota_records(&mut records);
        records.extend(self.next_producer_id.map(|next| {
            MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker_id: -1,
                broker_epoch: -1,
                next_producer_id: next.get(),
                ..ProducerIdsRecord::default()
            })
        }));
        records
            .extend(self.acls.values().map(|record| MetadataRecord::AccessControlEntry((**record).clone())));
        records.extend(
            self.scram_credentials
                .values()
                .map(|record| MetadataRecord::UserScramCredential((**record).clone())),
        );
        records.extend(
            self.delegation_tokens.values().map(|record| MetadataRecord::DelegationToken((**record).clone())),
        );
        records
    }

    /// This image as of `offset`: for an image made from a snapshot's records, which carry no offsets of the log.
    pub fn at_offset(self, offset: Offset) -> Self {
        Self { last_offset: Some(offset), ..self }
    }

    fn feature_records(&self, records: &mut Vec<MetadataRecord<'static>>) {
        let level = |name: &str, feature_level| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: text(name),
                feature_level,
                ..FeatureLevelRecord::default()
            })
        };
        records.extend(self.metadata_version.map(|version| level(MetadataVersion::FEATURE, version.level())));
        records.extend(self.features.iter().map(|(name, finalized)| level(name, *finalized)));
        records.extend(self.zk_migration_state.map(|zk_migration_state| {
            MetadataRecord::ZkMigrationState(ZkMigrationStateRecord {
                zk_migration_state,
                ..ZkMigrationStateRecord::default()
            })
        }));
    }

    fn topic_records(&self, records: &mut Vec<MetadataRecord<'static>>) {
        let metadata_version = self.metadata_version();
        for topic in self.topics.values() {
            records.push(MetadataRecord::Topic(TopicRecord {
                name: text(&topic.name),
                topic_id: topic.id,
                ..TopicRecord::default()
            }));
            records.extend(topic.partitions.iter().map(|(index, partition)| {
                MetadataRecord::Partition(partition.to_record(topic.id, *index, metadata_version))
            }));
        }
    }

    fn config_records(&self, records: &mut Vec<MetadataRecord<'static>>) {
        for (resource, configs) in &self.configs {
            records.extend(configs.iter().map(|(name, value)| {
                MetadataRecord::Config(ConfigRecord {
                    resource_type: resource.resource_type as i8,
                    resource_name: text(&resource.name),
                    name: text(name),
                    value: Some(text(value)),
                    ..ConfigRecord::default()
                })
            }));
        }
    }

    fn quota_records(&self, records: &mut Vec<MetadataRecord<'static>>) {
        for (entity, quotas) in &self.client_quotas {
            let parts = || {
                entity.iter().map(|(entity_type, name)| EntityData {
                    entity_type: text(entity_type),
                    entity_name: name.as_ref().map(|name| text(name)),
                    ..EntityData::default()
                })
            };
            records.extend(quotas.iter().map(|(key, quota)| {
                MetadataRecord::ClientQuota(ClientQuotaRecord {
                    entity: parts().collect(),
                    key: text(key),
                    value: quota.0,
                    remove: false,
                    ..ClientQuotaRecord::default()
                })
            }));
        }
    }
}
