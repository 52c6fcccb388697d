//! The only mutator of the image.
//!
//! Does not know transactions: [`MetadataLoader`](crate::MetadataLoader) does.

use std::sync::Arc;

use protocol::messages::{
    BrokerRegistrationChangeRecord, ClientQuotaRecord, ConfigRecord, FeatureLevelRecord,
    PartitionChangeRecord, PartitionRecord, RemoveTopicRecord, TopicRecord,
};
use protocol::{BrokerId, MetadataRecord, Offset, ProducerId};

use super::{Broker, ClusterImage, Partition, Quota, QuotaEntity, Topic, kept};
use crate::configs::ResourceType;
use crate::{ConfigResource, Error, MetadataVersion, topic_name};

impl ClusterImage {
    /// Applies the record at `offset`. After an error the image is as before.
    pub fn replay(&mut self, offset: Offset, record: &MetadataRecord<'_>) -> Result<(), Error> {
        match record {
            MetadataRecord::FeatureLevel(record) => self.replay_feature_level(offset, record)?,
            MetadataRecord::ZkMigrationState(record) => {
                self.zk_migration_state = Some(record.zk_migration_state);
            }
            MetadataRecord::RegisterBroker(record) => {
                let broker = Broker::from_record(record);
                self.brokers.insert(broker.id, Arc::new(broker));
            }
            MetadataRecord::UnregisterBroker(record) => {
                let id = self.registered(offset, record.broker_id, record.broker_epoch)?.id;
                self.brokers.remove(&id);
            }
            MetadataRecord::FenceBroker(record) => {
                self.registered(offset, record.id, record.epoch)?.fenced = true;
            }
            MetadataRecord::UnfenceBroker(record) => {
                self.registered(offset, record.id, record.epoch)?.fenced = false;
            }
            MetadataRecord::BrokerRegistrationChange(record) => {
                self.replay_registration_change(offset, record)?;
            }
            MetadataRecord::RegisterController(record) => {
                self.controllers.insert(record.controller_id, Arc::new(kept::controller(record)));
            }
            MetadataRecord::UnregisterController(record) => {
                self.controllers.remove(&record.controller_id);
            }
            MetadataRecord::Topic(record) => self.replay_topic(offset, record)?,
            MetadataRecord::Partition(record) => self.replay_partition(offset, record)?,
            MetadataRecord::PartitionChange(record) => self.replay_partition_change(offset, record)?,
            MetadataRecord::RemoveTopic(record) => self.replay_remove_topic(offset, record)?,
            MetadataRecord::ClearElr(record) => self.replay_clear_elr(offset, &record.topic_name)?,
            MetadataRecord::Config(record) => self.replay_config(offset, record)?,
            MetadataRecord::ClientQuota(record) => self.replay_client_quota(record),
            MetadataRecord::ProducerIds(record) => {
                self.next_producer_id = Some(ProducerId(record.next_producer_id));
            }
            MetadataRecord::AccessControlEntry(record) => {
                self.acls.insert(record.id, Arc::new(kept::acl(record)));
            }
            MetadataRecord::RemoveAccessControlEntry(record) => {
                self.acls.remove(&record.id).ok_or(Error::UnknownAcl { offset, id: record.id })?;
            }
            MetadataRecord::UserScramCredential(record) => {
                let key = (record.mechanism, record.name.as_ref().into());
                self.scram_credentials.insert(key, Arc::new(kept::scram(record)));
            }
            MetadataRecord::RemoveUserScramCredential(record) => {
                self.scram_credentials.remove(&(record.mechanism, record.name.as_ref().into()));
            }
            MetadataRecord::DelegationToken(record) => {
                self.delegation_tokens.insert(record.token_id.as_ref().into(), Arc::new(kept::token(record)));
            }
            MetadataRecord::RemoveDelegationToken(record) => {
                self.delegation_tokens.remove(record.token_id.as_ref());
            }
            MetadataRecord::NoOp(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_) => {}
        }
        self.last_offset = Some(offset);
        Ok(())
    }

    fn replay_feature_level(&mut self, offset: Offset, record: &FeatureLevelRecord<'_>) -> Result<(), Error> {
        if record.name == MetadataVersion::FEATURE {
            let level = MetadataVersion::from_level(record.feature_level);
            self.metadata_version = Some(level.ok_or(Error::UnsupportedMetadataVersion {
                offset,
                level: record.feature_level,
                min: MetadataVersion::MIN.level(),
                max: MetadataVersion::LATEST.level(),
            })?);
        } else if record.feature_level == 0 {
            self.features.remove(record.name.as_ref());
        } else {
            self.features.insert(record.name.as_ref().into(), record.feature_level);
        }
        Ok(())
    }

    fn registered(&mut self, offset: Offset, id: i32, epoch: i64) -> Result<&mut Broker, Error> {
        let unknown = Error::UnknownBroker { offset, broker_id: id, broker_epoch: epoch };
        match self.brokers.get_mut(&BrokerId(id)) {
            Some(broker) if broker.epoch == epoch => Ok(Arc::make_mut(broker)),
            _ => Err(unknown),
        }
    }

    fn replay_registration_change(
        &mut self,
        offset: Offset,
        record: &BrokerRegistrationChangeRecord,
    ) -> Result<(), Error> {
        let invalid = |field, value: i8| Error::InvalidValue { offset, field, value: value.into() };
        let fenced = match record.fenced {
            -1 => Some(false),
            0 => None,
            1 => Some(true),
            other => return Err(invalid("BrokerRegistrationChangeRecord.Fenced", other)),
        };
        let stopping = match record.in_controlled_shutdown {
            0 => false,
            1 => true,
            other => return Err(invalid("BrokerRegistrationChangeRecord.InControlledShutdown", other)),
        };
        let broker = self.registered(offset, record.broker_id, record.broker_epoch)?;
        broker.fenced = fenced.unwrap_or(broker.fenced);
        broker.in_controlled_shutdown |= stopping;
        if !record.log_dirs.is_empty() {
            broker.log_dirs.clone_from(&record.log_dirs);
        }
        if let Some(cordoned) = &record.cordoned_log_dirs {
            broker.cordoned_log_dirs.clone_from(cordoned);
        }
        Ok(())
    }

    fn replay_topic(&mut self, offset: Offset, record: &TopicRecord<'_>) -> Result<(), Error> {
        let (name, id): (Arc<str>, _) = (record.name.as_ref().into(), record.topic_id);
        if self.topic_ids.contains_key(&name) || self.topics.contains_key(&id) {
            return Err(Error::DuplicateTopic { offset, name: name.to_string(), topic_id: id });
        }
        if topic_name::has_collision_chars(&name) {
            let common = topic_name::unify_collision_chars(&name).into();
            self.colliding.entry(common).or_default().insert(name.clone());
        }
        self.topic_ids.insert(name.clone(), id);
        self.topics.insert(id, Arc::new(Topic { name, id, partitions: Default::default() }));
        Ok(())
    }

    fn replay_partition(&mut self, offset: Offset, record: &PartitionRecord) -> Result<(), Error> {
        let partition = Partition::from_record(record).map_err(|state| Error::InvalidValue {
            offset,
            field: "PartitionRecord.LeaderRecoveryState",
            value: state.into(),
        })?;
        let unknown = Error::UnknownTopicId { offset, topic_id: record.topic_id };
        let topic = Arc::make_mut(self.topics.get_mut(&record.topic_id).ok_or(unknown)?);
        topic.partitions.insert(record.partition_id, Arc::new(partition));
        Ok(())
    }

    fn replay_partition_change(
        &mut self,
        offset: Offset,
        record: &PartitionChangeRecord,
    ) -> Result<(), Error> {
        let (topic_id, id) = (record.topic_id, record.partition_id);
        let current = self.topics.get(&topic_id).ok_or(Error::UnknownTopicId { offset, topic_id })?;
        let current = current.partitions.get(&id);
        let mut changed =
            Partition::clone(current.ok_or(Error::UnknownPartition { offset, topic_id, partition: id })?);
        changed.apply(record).map_err(|state| Error::InvalidValue {
            offset,
            field: "PartitionChangeRecord.LeaderRecoveryState",
            value: state.into(),
        })?;
        if let Some(topic) = self.topics.get_mut(&topic_id) {
            Arc::make_mut(topic).partitions.insert(id, Arc::new(changed));
        }
        Ok(())
    }

    fn replay_remove_topic(&mut self, offset: Offset, record: &RemoveTopicRecord) -> Result<(), Error> {
        let unknown = Error::UnknownTopicId { offset, topic_id: record.topic_id };
        let topic = self.topics.remove(&record.topic_id).ok_or(unknown)?;
        self.topic_ids.remove(&topic.name);
        // Its configurations go with it: no record says so.
        self.configs.remove(&ConfigResource::topic(topic.name.clone()));
        if topic_name::has_collision_chars(&topic.name) {
            let common: Arc<str> = topic_name::unify_collision_chars(&topic.name).into();
            if let Some(names) = self.colliding.get_mut(&common) {
                names.remove(&topic.name);
                if names.is_empty() {
                    self.colliding.remove(&common);
                }
            }
        }
        Ok(())
    }

    /// Clears the ELR of one topic, or of all where the name is empty (KIP-966).
    fn replay_clear_elr(&mut self, offset: Offset, name: &str) -> Result<(), Error> {
        let ids = if name.is_empty() {
            self.topics.keys().copied().collect()
        } else {
            let unknown = || Error::UnknownTopicName { offset, name: name.to_owned() };
            vec![*self.topic_ids.get(name).ok_or_else(unknown)?]
        };
        for id in ids {
            let Some(topic) = self.topics.get_mut(&id) else { continue };
            let with_elr: Vec<i32> = topic
                .partitions
                .iter()
                .filter(|(_, partition)| !partition.elr.is_empty() || !partition.last_known_elr.is_empty())
                .map(|(id, _)| *id)
                .collect();
            for id in with_elr {
                if let Some(partition) = Arc::make_mut(topic).partitions.get_mut(&id) {
                    let partition = Arc::make_mut(partition);
                    partition.elr.clear();
                    partition.last_known_elr.clear();
                }
            }
        }
        Ok(())
    }

    fn replay_config(&mut self, offset: Offset, record: &ConfigRecord<'_>) -> Result<(), Error> {
        let value = record.resource_type;
        let invalid = Error::InvalidValue { offset, field: "ConfigRecord.ResourceType", value: value.into() };
        let resource_type = ResourceType::from_code(value).ok_or(invalid)?;
        let resource = ConfigResource::new(resource_type, record.resource_name.as_ref());
        let configs = self.configs.entry(resource.clone()).or_default();
        match &record.value {
            Some(value) => {
                configs.insert(record.name.as_ref().into(), value.as_ref().into());
            }
            None => {
                configs.remove(record.name.as_ref());
            }
        }
        if configs.is_empty() {
            self.configs.remove(&resource);
        }
        Ok(())
    }

    fn replay_client_quota(&mut self, record: &ClientQuotaRecord<'_>) {
        let mut entity: QuotaEntity = record
            .entity
            .iter()
            .map(|part| (part.entity_type.as_ref().into(), part.entity_name.as_deref().map(Into::into)))
            .collect();
        entity.sort();
        let quotas = self.client_quotas.entry(entity.clone()).or_default();
        if record.remove {
            quotas.remove(record.key.as_ref());
        } else {
            quotas.insert(record.key.as_ref().into(), Quota(record.value));
        }
        if quotas.is_empty() {
            self.client_quotas.remove(&entity);
        }
    }
}
