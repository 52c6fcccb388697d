//! CreateTopics.
//!
//! Does not know `create.topic.policy.class.name` nor the mutation quota (KIP-599).

use std::collections::{BTreeMap, BTreeSet};

use protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use protocol::messages::create_topics_response::CreatableTopicResult;
use protocol::messages::{ConfigRecord, CreateTopicsRequest, CreateTopicsResponse, TopicRecord};
use protocol::{BrokerId, MetadataRecord, Uuid};
use stdx::Random;

use super::{ApiError, ConfigRules, Controller, MAX_RECORDS_PER_REQUEST, Outcome, placement, replicas};
use crate::image::text;
use crate::{ClusterImage, ConfigResource, Partition, topic_name};

type Configs = BTreeMap<String, String>;

impl<C: ConfigRules> Controller<C> {
    /// Answers CreateTopics. Topics stand alone: one that is refused does not hinder another. Names that are twice in
    /// the request are answered once, after all others.
    pub fn create_topics(
        &self,
        image: &ClusterImage,
        request: &CreateTopicsRequest<'_>,
        random: &mut Random,
    ) -> Outcome<CreateTopicsResponse<'static>> {
        let (names, duplicates) = unique(request.topics.iter().map(|topic| topic.name.as_ref()));
        let too_many = self.requested_partitions(request, &duplicates) > MAX_RECORDS_PER_REQUEST;
        let (mut records, mut results) = (vec![], vec![]);
        for topic in request.topics.iter().filter(|topic| names.contains(topic.name.as_ref())) {
            let created = if too_many {
                Err(ApiError::policy_violation("Excessively large number of partitions per request."))
            } else {
                self.create_topic(image, topic, random)
            };
            results.push(match created {
                Ok((result, new)) => {
                    records.extend(new);
                    result
                }
                Err(error) => refused(&topic.name, error),
            });
        }
        if records.len() > MAX_RECORDS_PER_REQUEST {
            records.clear();
            for result in results.iter_mut().filter(|result| result.error_code == 0) {
                *result = refused(&result.name, ApiError::excessively_large_batch());
            }
        }
        let twice = ApiError::invalid_request("Duplicate topic name.");
        results.extend(duplicates.iter().map(|name| refused(name, twice.clone())));
        if request.validate_only {
            records.clear();
        }
        Outcome { records, reply: CreateTopicsResponse { topics: results, ..Default::default() } }
    }

    fn requested_partitions(&self, request: &CreateTopicsRequest<'_>, duplicates: &BTreeSet<&str>) -> usize {
        let partitions = |topic: &CreatableTopic<'_>| match (topic.assignments.len(), topic.num_partitions) {
            (0, -1) => usize::try_from(self.settings.num_partitions).unwrap_or(0),
            (0, count) => usize::try_from(count).unwrap_or(0),
            (assigned, _) => assigned,
        };
        let counted = request.topics.iter().filter(|topic| !duplicates.contains(topic.name.as_ref()));
        counted.map(partitions).fold(0, usize::saturating_add)
    }

    fn create_topic(
        &self,
        image: &ClusterImage,
        topic: &CreatableTopic<'_>,
        random: &mut Random,
    ) -> Result<(CreatableTopicResult<'static>, Vec<MetadataRecord<'static>>), ApiError> {
        validate_new_name(image, &topic.name)?;
        let configs = requested_configs(topic)?;
        if !configs.is_empty() {
            self.configs.validate(&ConfigResource::topic(topic.name.as_ref()), &configs)?;
        }
        let partitions = if topic.assignments.is_empty() {
            self.placed(image, topic, random)?
        } else {
            assigned(image, topic)?
        };
        let topic_id = random_topic_id(image, random);
        let result = CreatableTopicResult {
            name: text(&topic.name),
            topic_id,
            num_partitions: partitions.len() as i32,
            replication_factor: partitions.first().map_or(-1, |partition| partition.replicas.len() as i16),
            configs: Some(self.configs.effective_topic_configs(image, &configs)),
            ..CreatableTopicResult::default()
        };
        Ok((result, topic_records(image, topic, topic_id, configs, &partitions)))
    }

    /// Partitions that the controller places.
    fn placed(
        &self,
        image: &ClusterImage,
        topic: &CreatableTopic<'_>,
        random: &mut Random,
    ) -> Result<Vec<Partition>, ApiError> {
        let replication_factor = match topic.replication_factor {
            -1 => self.settings.default_replication_factor,
            1.. => topic.replication_factor,
            _ => {
                return Err(ApiError::invalid_replication_factor(
                    "Replication factor must be larger than 0, or -1 to use the default value.",
                ));
            }
        };
        let count = match topic.num_partitions {
            -1 => self.settings.num_partitions,
            1.. => topic.num_partitions,
            _ => {
                return Err(ApiError::invalid_partitions(
                    "Number of partitions was set to an invalid non-positive value.",
                ));
            }
        };
        let count = usize::try_from(count).unwrap_or(0);
        let unable = |reason: String| {
            ApiError::invalid_replication_factor(format!(
                "Unable to replicate the partition {replication_factor} time(s): {reason}"
            ))
        };
        let all_down = || unable("All brokers are currently fenced or in controlled shutdown.".to_owned());
        placement::place(image, count, replication_factor, random)
            .map_err(unable)?
            .iter()
            .map(|replicas| replicas::new_partition(image, replicas).ok_or_else(all_down))
            .collect()
    }
}

/// The names that occur once, and those that occur more often.
pub(super) fn unique<'a>(names: impl Iterator<Item = &'a str>) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let (mut once, mut more) = (BTreeSet::new(), BTreeSet::new());
    for name in names {
        if !once.insert(name) {
            more.insert(name);
        }
    }
    once.retain(|name| !more.contains(name));
    (once, more)
}

fn refused(name: &str, error: ApiError) -> CreatableTopicResult<'static> {
    CreatableTopicResult {
        name: text(name),
        error_code: error.code.code(),
        error_message: error.message,
        ..CreatableTopicResult::default()
    }
}

fn validate_new_name(image: &ClusterImage, name: &str) -> Result<(), ApiError> {
    if name == topic_name::CLUSTER_METADATA {
        return Err(ApiError::invalid_request(format!("Creation of internal topic {name} is prohibited.")));
    }
    topic_name::validate(name).map_err(ApiError::invalid_topic)?;
    if image.topic(name).is_some() {
        return Err(ApiError::topic_already_exists(format!("Topic '{name}' already exists.")));
    }
    match image.colliding_topic(name) {
        Some(other) => {
            Err(ApiError::invalid_topic(format!("Topic '{name}' collides with existing topic: {other}")))
        }
        None => Ok(()),
    }
}

fn requested_configs(topic: &CreatableTopic<'_>) -> Result<Configs, ApiError> {
    let nulls: Vec<&str> =
        topic.configs.iter().filter(|config| config.value.is_none()).map(|config| &*config.name).collect();
    if !nulls.is_empty() {
        return Err(ApiError::invalid_config(format!(
            "Null value not supported for topic configs: {}",
            nulls.join(",")
        )));
    }
    let pair = |name: &str, value: &Option<std::borrow::Cow<'_, str>>| {
        Some((name.to_owned(), value.as_ref()?.clone().into_owned()))
    };
    Ok(topic.configs.iter().filter_map(|config| pair(&config.name, &config.value)).collect())
}

/// Partitions that the request places by hand.
fn assigned(image: &ClusterImage, topic: &CreatableTopic<'_>) -> Result<Vec<Partition>, ApiError> {
    if topic.replication_factor != -1 {
        return Err(ApiError::invalid_request(
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        ));
    }
    if topic.num_partitions != -1 {
        return Err(ApiError::invalid_request(
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ));
    }
    let mut partitions = BTreeMap::new();
    let mut replication_factor = None;
    for CreatableReplicaAssignment { partition_index, broker_ids, .. } in &topic.assignments {
        if partitions.contains_key(partition_index) {
            return Err(ApiError::invalid_replica_assignment(format!(
                "Found multiple manual partition assignments for partition {partition_index}"
            )));
        }
        replicas::validate_assignment(image, broker_ids, replication_factor)?;
        replication_factor = Some(broker_ids.len());
        let brokers: Vec<BrokerId> = broker_ids.iter().copied().map(BrokerId).collect();
        let partition = replicas::new_partition(image, &brokers).ok_or_else(|| {
            ApiError::invalid_replica_assignment(format!(
                "All brokers specified in the manual partition assignment for partition {partition_index} are \
                 fenced or in controlled shutdown."
            ))
        })?;
        partitions.insert(*partition_index, partition);
    }
    if !partitions.keys().copied().eq(0..partitions.len() as i32) {
        return Err(ApiError::invalid_replica_assignment(
            "partitions should be a consecutive 0-based integer sequence",
        ));
    }
    Ok(partitions.into_values().collect())
}

/// A new id. Kafka's command line would take one that begins with a dash for an option.
fn random_topic_id(image: &ClusterImage, random: &mut Random) -> Uuid {
    loop {
        let id = Uuid::from_random(random.next_u128());
        if !id.to_string().starts_with('-') && image.topic_by_id(id).is_none() {
            return id;
        }
    }
}

/// The topic, then its configurations, then its partitions: Kafka's order.
fn topic_records(
    image: &ClusterImage,
    topic: &CreatableTopic<'_>,
    topic_id: Uuid,
    configs: Configs,
    partitions: &[Partition],
) -> Vec<MetadataRecord<'static>> {
    let mut records = Vec::with_capacity(1 + configs.len() + partitions.len());
    records.push(MetadataRecord::Topic(TopicRecord {
        name: text(&topic.name),
        topic_id,
        ..TopicRecord::default()
    }));
    records.extend(configs.into_iter().map(|(name, value)| {
        MetadataRecord::Config(ConfigRecord {
            resource_type: crate::ConfigResourceType::TOPIC.0,
            resource_name: text(&topic.name),
            name: name.into(),
            value: Some(value.into()),
            ..ConfigRecord::default()
        })
    }));
    records.extend(
        partitions
            .iter()
            .zip(0..)
            .map(|(partition, index)| replicas::partition_record(image, topic_id, index, partition)),
    );
    records
}
