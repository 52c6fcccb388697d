//! CreateTopics.
//!
//! Does not know `create.topic.policy.class.name` nor the mutation quota (KIP-599).

use std::collections::{BTreeMap, BTreeSet};

use protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use protocol::messages::create_topics_response::CreatableTopicResult;
use protocol::messages::{ConfigRecord, CreateTopicsRequest, CreateTopicsResponse, TopicRecord};
use protocol::{BrokerId, MetadataRecord, Uuid};
use stdx::Random;
use stdx::properties::Properties;

use super::node::created_topic_config;
use super::{ApiError, Controller, MAX_RECORDS_PER_REQUEST, Outcome, placement, replicas};
use crate::configs::{BrokerConfigs, Change, ResourceType, alter_topic, describe_created_topic};
use crate::image::text;
use crate::{ClusterImage, Partition, topic_name};

impl Controller {
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
        let configs = self.configs_in_force(image);
        let (mut records, mut results) = (vec![], vec![]);
        for topic in request.topics.iter().filter(|topic| names.contains(topic.name.as_ref())) {
            let created = if too_many {
                Err(ApiError::policy_violation("Excessively large number of partitions per request."))
            } else {
                self.create_topic(image, &configs, topic, random)
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

    fn num_partitions(&self) -> i32 {
        self.configs.int("num.partitions") as i32
    }

    fn requested_partitions(&self, request: &CreateTopicsRequest<'_>, duplicates: &BTreeSet<&str>) -> usize {
        let partitions = |topic: &CreatableTopic<'_>| match (topic.assignments.len(), topic.num_partitions) {
            (0, -1) => usize::try_from(self.num_partitions()).unwrap_or(0),
            (0, count) => usize::try_from(count).unwrap_or(0),
            (assigned, _) => assigned,
        };
        let counted = request.topics.iter().filter(|topic| !duplicates.contains(topic.name.as_ref()));
        counted.map(partitions).fold(0, usize::saturating_add)
    }

    fn create_topic(
        &self,
        image: &ClusterImage,
        configs: &BrokerConfigs,
        topic: &CreatableTopic<'_>,
        random: &mut Random,
    ) -> Result<(CreatableTopicResult<'static>, Vec<MetadataRecord<'static>>), ApiError> {
        validate_new_name(image, &topic.name)?;
        let overrides = requested_configs(topic)?;
        alter_topic(configs, &Properties::default(), &Change::Replace(overrides.clone()))?;
        let partitions = if topic.assignments.is_empty() {
            self.placed(image, topic, random)?
        } else {
            assigned(image, topic)?
        };
        let topic_id = random_topic_id(image, random);
        let effective = describe_created_topic(configs, &overrides);
        let result = CreatableTopicResult {
            name: text(&topic.name),
            topic_id,
            error_message: None,
            num_partitions: partitions.len() as i32,
            replication_factor: partitions.first().map_or(-1, |partition| partition.replicas.len() as i16),
            configs: Some(effective.into_iter().map(created_topic_config).collect()),
            ..CreatableTopicResult::default()
        };
        Ok((result, topic_records(image, topic, topic_id, &overrides, &partitions)))
    }

    /// Partitions that the controller places.
    fn placed(
        &self,
        image: &ClusterImage,
        topic: &CreatableTopic<'_>,
        random: &mut Random,
    ) -> Result<Vec<Partition>, ApiError> {
        let replication_factor = match topic.replication_factor {
            -1 => self.configs.int("default.replication.factor") as i16,
            1.. => topic.replication_factor,
            _ => {
                return Err(ApiError::invalid_replication_factor(
                    "Replication factor must be larger than 0, or -1 to use the default value.",
                ));
            }
        };
        let count = match topic.num_partitions {
            -1 => self.num_partitions(),
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

fn requested_configs(topic: &CreatableTopic<'_>) -> Result<Properties, ApiError> {
    let nulls: Vec<&str> =
        topic.configs.iter().filter(|config| config.value.is_none()).map(|config| &*config.name).collect();
    if !nulls.is_empty() {
        return Err(ApiError::invalid_config(format!(
            "Null value not supported for topic configs: {}",
            nulls.join(",")
        )));
    }
    let pairs = topic.configs.iter().filter_map(|config| Some((&*config.name, config.value.as_deref()?)));
    Ok(pairs.collect())
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
    configs: &Properties,
    partitions: &[Partition],
) -> Vec<MetadataRecord<'static>> {
    let mut records = vec![MetadataRecord::Topic(TopicRecord {
        name: text(&topic.name),
        topic_id,
        ..TopicRecord::default()
    })];
    records.extend(configs.iter().map(|(name, value)| {
        MetadataRecord::Config(ConfigRecord {
            resource_type: ResourceType::Topic as i8,
            resource_name: text(&topic.name),
            name: text(name),
            value: Some(text(value)),
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

#[cfg(test)]
mod tests {
    use super::super::testing::{World, topic};
    use super::*;

    fn refuse(world: &mut World, topic: CreatableTopic<'_>, code: i16, message: &str) {
        assert_eq!(world.create(vec![topic]), [(code, Some(message.to_owned()))]);
    }

    fn assignments(given: &[(i32, &[i32])]) -> CreatableTopic<'static> {
        let assignment = |(partition_index, ids): &(i32, &[i32])| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: ids.to_vec(),
            ..CreatableReplicaAssignment::default()
        };
        CreatableTopic {
            assignments: given.iter().map(assignment).collect(),
            ..topic("assigned", -1, -1, &[])
        }
    }

    #[test]
    fn topics_are_created_with_what_was_asked_and_with_defaults() {
        let mut world = World::of(1);
        let configs = [("retention.ms", Some("5")), ("cleanup.policy", Some("compact"))];
        let request = CreateTopicsRequest {
            topics: vec![topic("given", 3, 1, &configs), topic("default", -1, -1, &[])],
            ..CreateTopicsRequest::default()
        };
        let outcome = world.controller.create_topics(world.loader.image(), &request, &mut world.random);
        let kinds: Vec<i16> = outcome.records.iter().map(MetadataRecord::api_key).collect();
        assert_eq!(kinds, [2, 4, 4, 3, 3, 3, 2, 3], "topic, configurations, partitions");
        let reply = world.commit(outcome);
        let shape = |t: &CreatableTopicResult<'_>| (t.error_code, t.num_partitions, t.replication_factor);
        assert_eq!(reply.topics.iter().map(shape).collect::<Vec<_>>(), [(0, 3, 1), (0, 1, 1)]);
        let configs = reply.topics[0].configs.as_ref().unwrap();
        let config = |name| configs.iter().find(|config| config.name == name).unwrap();
        assert_eq!(config("retention.ms").value.as_deref(), Some("5"));
        assert_eq!((config("retention.ms").config_source, config("segment.ms").config_source), (1, 5));
        let made = world.image().topic("given").unwrap();
        assert_eq!(made.id, reply.topics[0].topic_id);
        assert_eq!(world.image().topic_configs("given").unwrap().len(), 2);
        let partition = &made.partitions[&2];
        assert_eq!((partition.leader, partition.leader_epoch.get()), (Some(BrokerId(1)), 0));
        assert_eq!(partition.isr, [BrokerId(1)]);
        assert_eq!(partition.directories, [Uuid(1001u128.to_be_bytes())], "its only directory is named");
    }

    #[test]
    fn what_kafka_refuses_is_refused_with_its_words() {
        let mut world = World::of(1);
        assert_eq!(world.create(vec![topic("a.b_c", 1, 1, &[])]), [(0, None)]);
        let few = "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be \
                   reached because only 1 broker(s) are registered or some brokers have all their log directories \
                   cordoned.";
        let factor = "Replication factor must be larger than 0, or -1 to use the default value.";
        let count = "Number of partitions was set to an invalid non-positive value.";
        for (topic, code, message) in [
            (topic("a.b_c", 1, 1, &[]), 36, "Topic 'a.b_c' already exists."),
            (topic("a_b.c", 1, 1, &[]), 17, "Topic 'a_b.c' collides with existing topic: a.b_c"),
            (topic("", 1, 1, &[]), 17, "Topic name is invalid: the empty string is not allowed"),
            (
                topic("__cluster_metadata", 1, 1, &[]),
                42,
                "Creation of internal topic __cluster_metadata is prohibited.",
            ),
            (topic("t", 1, 2, &[]), 38, few),
            (topic("t", 1, 0, &[]), 38, factor),
            (topic("t", 1, -2, &[]), 38, factor),
            (topic("t", 0, 1, &[]), 37, count),
            (topic("t", -5, 1, &[]), 37, count),
            (topic("t", 10_001, 1, &[]), 44, "Excessively large number of partitions per request."),
            (topic("t", i32::MAX, 1, &[]), 44, "Excessively large number of partitions per request."),
            (topic("t", 10_000, 1, &[]), 44, "Unable to perform excessively large batch operation."),
            (topic("t", 1, 1, &[("no.such", Some("1"))]), 40, "Unknown topic config name: no.such"),
            (
                topic("t", 1, 1, &[("retention.ms", None), ("a", None)]),
                40,
                "Null value not supported for topic configs: retention.ms,a",
            ),
            (
                CreatableTopic { replication_factor: 1, ..assignments(&[(0, &[1])]) },
                42,
                "A manual partition assignment was specified, but replication factor was not set to -1.",
            ),
            (
                CreatableTopic { num_partitions: 1, ..assignments(&[(0, &[1])]) },
                42,
                "A manual partition assignment was specified, but numPartitions was not set to -1.",
            ),
            (
                assignments(&[(0, &[1]), (2, &[1])]),
                39,
                "partitions should be a consecutive 0-based integer sequence",
            ),
            (
                assignments(&[(0, &[1]), (0, &[1])]),
                39,
                "Found multiple manual partition assignments for partition 0",
            ),
            (
                assignments(&[(0, &[9])]),
                39,
                "The manual partition assignment includes broker 9, but no such broker is registered.",
            ),
            (
                assignments(&[(0, &[1, 1])]),
                39,
                "The manual partition assignment includes the broker 1 more than once.",
            ),
            (assignments(&[(0, &[])]), 39, "The manual partition assignment includes an empty replica list."),
        ] {
            refuse(&mut world, topic, code, message);
        }
        assert_eq!(world.image().topics().len(), 1);
    }

    #[test]
    fn one_refusal_hinders_no_other_topic_and_duplicates_are_answered_once() {
        let mut world = World::of(1);
        let twice = || topic("twice", 1, 1, &[]);
        let results = world.create(vec![twice(), topic("good", 1, 1, &[]), topic("bad", 0, 1, &[]), twice()]);
        let codes: Vec<i16> = results.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, [0, 37, 42]);
        assert_eq!(results[2].1.as_deref(), Some("Duplicate topic name."));
        assert_eq!(world.image().topics().len(), 1);
    }

    #[test]
    fn validate_only_changes_nothing() {
        let mut world = World::of(1);
        let request = CreateTopicsRequest {
            topics: vec![topic("t", 2, 1, &[])],
            validate_only: true,
            ..CreateTopicsRequest::default()
        };
        let outcome = world.controller.create_topics(world.loader.image(), &request, &mut world.random);
        assert!(outcome.records.is_empty());
        assert_eq!((outcome.reply.topics[0].error_code, outcome.reply.topics[0].num_partitions), (0, 2));
    }

    #[test]
    fn fenced_brokers_get_no_leaders() {
        let mut world = World::of(2);
        let epoch = world.image().broker(BrokerId(1)).unwrap().epoch;
        let fence = world.controller.fence_broker(world.image(), BrokerId(1), epoch);
        world.commit(fence).unwrap();
        assert_eq!(world.create(vec![topic("t", 4, 2, &[])]), [(0, None)]);
        for partition in world.image().topic("t").unwrap().partitions.values() {
            assert_eq!(partition.leader, Some(BrokerId(2)));
            assert_eq!(partition.isr, [BrokerId(2)]);
            assert_eq!(partition.replicas.len(), 2);
        }
        let all = "All brokers specified in the manual partition assignment for partition 0 are fenced or in \
                   controlled shutdown.";
        refuse(&mut world, assignments(&[(0, &[1])]), 39, all);
        let mut none = World::empty();
        let down = "Unable to replicate the partition 1 time(s): All brokers are currently fenced.";
        refuse(&mut none, topic("t", 1, 1, &[]), 38, down);
    }
}
