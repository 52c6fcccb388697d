//! CreatePartitions.
//!
//! Does not know the mutation quota (KIP-599).

use protocol::messages::create_partitions_request::CreatePartitionsTopic;
use protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use protocol::{BrokerId, ErrorCode, MetadataRecord};
use stdx::Random;

use super::create_topics::unique;
use super::{ApiError, Controller, MAX_RECORDS_PER_REQUEST, Outcome, placement, replicas};
use crate::image::text;
use crate::{ClusterImage, Topic};

impl Controller {
    /// Answers CreatePartitions. Names that are twice in the request are answered once, before all others.
    pub fn create_partitions(
        &self,
        image: &ClusterImage,
        request: &CreatePartitionsRequest<'_>,
        random: &mut Random,
    ) -> Outcome<CreatePartitionsResponse<'static>> {
        let (names, duplicates) = unique(request.topics.iter().map(|topic| topic.name.as_ref()));
        let twice: Result<(), _> = Err(ApiError::invalid_request("Duplicate topic name."));
        let mut results: Vec<_> = duplicates.iter().map(|name| result(name, &twice)).collect();
        let mut records = vec![];
        for topic in request.topics.iter().filter(|topic| names.contains(topic.name.as_ref())) {
            let room = MAX_RECORDS_PER_REQUEST - records.len();
            let added = add_partitions(image, topic, room, random);
            results.push(result(&topic.name, &added));
            records.extend(added.unwrap_or_default());
        }
        if request.validate_only {
            records.clear();
        }
        Outcome { records, reply: CreatePartitionsResponse { results, ..Default::default() } }
    }
}

fn result<T>(name: &str, outcome: &Result<T, ApiError>) -> CreatePartitionsTopicResult<'static> {
    let (error_code, error_message) = ApiError::fields(outcome);
    CreatePartitionsTopicResult { name: text(name), error_code, error_message, ..Default::default() }
}

/// The records of the partitions that a topic gets, at most `room`.
fn add_partitions(
    image: &ClusterImage,
    request: &CreatePartitionsTopic<'_>,
    room: usize,
    random: &mut Random,
) -> Result<Vec<MetadataRecord<'static>>, ApiError> {
    let topic = image.topic(&request.name).ok_or(ApiError::bare(ErrorCode::UnknownTopicOrPartition))?;
    let additional = additional_partitions(topic, request)?;
    if additional > room {
        return Err(ApiError::excessively_large_batch());
    }
    let first = topic.partitions.len() as i32;
    let replication_factor = topic.partitions.get_min().map_or(1, |(_, partition)| partition.replicas.len());
    let unable = |reason: String| {
        ApiError::invalid_replication_factor(format!(
            "Unable to replicate the partition {replication_factor} time(s): {reason}"
        ))
    };
    let placed: Vec<Vec<BrokerId>> = match &request.assignments {
        Some(assignments) => {
            for (assignment, index) in assignments.iter().zip(first..) {
                let ids = &assignment.broker_ids;
                replicas::validate_assignment(image, ids, Some(replication_factor))?;
                if !ids.iter().any(|id| image.is_active(BrokerId(*id))) {
                    return Err(ApiError::invalid_replica_assignment(format!(
                        "All brokers specified in the manual partition assignment for partition {index} are \
                         fenced or in controlled shutdown."
                    )));
                }
            }
            assignments.iter().map(|a| a.broker_ids.iter().copied().map(BrokerId).collect()).collect()
        }
        // Kafka leaves the head of the sentence away here.
        None => {
            let replicas = i16::try_from(replication_factor).unwrap_or(i16::MAX);
            placement::place(image, additional, replicas, random)
                .map_err(ApiError::invalid_replication_factor)?
        }
    };
    placed
        .iter()
        .zip(first..)
        .map(|(replicas, index)| {
            let down = || unable("All brokers are currently fenced or in controlled shutdown.".to_owned());
            let partition = replicas::new_partition(image, replicas).ok_or_else(down)?;
            Ok(replicas::partition_record(image, topic.id, index, &partition))
        })
        .collect()
}

/// How many partitions a request adds.
fn additional_partitions(topic: &Topic, request: &CreatePartitionsTopic<'_>) -> Result<usize, ApiError> {
    let current = topic.partitions.len();
    let additional = i64::from(request.count) - current as i64;
    if additional == 0 {
        return Err(ApiError::invalid_partitions(format!("Topic already has {current} partition(s).")));
    }
    let Ok(additional) = usize::try_from(additional) else {
        return Err(ApiError::invalid_partitions(format!(
            "The topic {} currently has {current} partition(s); {} would not be an increase.",
            request.name, request.count
        )));
    };
    match &request.assignments {
        Some(assignments) if assignments.len() != additional => {
            Err(ApiError::invalid_replica_assignment(format!(
                "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            )))
        }
        _ => Ok(additional),
    }
}

#[cfg(test)]
mod tests {
    use protocol::messages::create_partitions_request::CreatePartitionsAssignment;

    use super::super::testing::{World, topic};
    use super::*;

    fn increase(name: &str, count: i32, assignments: Option<&[&[i32]]>) -> CreatePartitionsTopic<'static> {
        let assignment = |ids: &&[i32]| CreatePartitionsAssignment {
            broker_ids: ids.to_vec(),
            ..CreatePartitionsAssignment::default()
        };
        CreatePartitionsTopic {
            name: name.to_owned().into(),
            count,
            assignments: assignments.map(|given| given.iter().map(assignment).collect()),
            ..CreatePartitionsTopic::default()
        }
    }

    fn ask(
        world: &mut World,
        topics: Vec<CreatePartitionsTopic<'_>>,
        validate_only: bool,
    ) -> Vec<(i16, Option<String>)> {
        let request = CreatePartitionsRequest { topics, validate_only, ..Default::default() };
        let outcome = world.controller.create_partitions(world.loader.image(), &request, &mut world.random);
        let reply = world.commit(outcome);
        reply.results.into_iter().map(|r| (r.error_code, r.error_message.map(Into::into))).collect()
    }

    #[test]
    fn partitions_are_added_behind_those_there_are() {
        let mut world = World::of(1);
        world.create(vec![topic("t", 2, 1, &[])]);
        assert_eq!(ask(&mut world, vec![increase("t", 5, None)], true), [(0, None)]);
        assert_eq!(world.image().topic("t").unwrap().partitions.len(), 2, "only validated");
        assert_eq!(ask(&mut world, vec![increase("t", 5, None)], false), [(0, None)]);
        assert_eq!(ask(&mut world, vec![increase("t", 6, Some(&[&[1]]))], false), [(0, None)]);
        let indexes: Vec<i32> = world.image().topic("t").unwrap().partitions.keys().copied().collect();
        assert_eq!(indexes, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_kafka_refuses_is_refused_with_its_words() {
        let mut world = World::of(2);
        world.create(vec![topic("t", 2, 1, &[])]);
        let decrease = "The topic t currently has 2 partition(s); 1 would not be an increase.";
        for (request, code, message) in [
            (increase("t", 2, None), 37, Some("Topic already has 2 partition(s).")),
            (increase("t", 1, None), 37, Some(decrease)),
            (increase("nope", 3, None), 3, None),
            (
                increase("t", 4, Some(&[&[1]])),
                39,
                Some("Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified."),
            ),
            (
                increase("t", 3, Some(&[&[1, 2]])),
                39,
                Some(
                    "The manual partition assignment includes a partition with 2 replica(s), but this is not \
                     consistent with previous partitions, which have 1 replica(s).",
                ),
            ),
            (
                increase("t", 3, Some(&[&[7]])),
                39,
                Some("The manual partition assignment includes broker 7, but no such broker is registered."),
            ),
            (increase("t", i32::MAX, None), 44, Some("Unable to perform excessively large batch operation.")),
        ] {
            assert_eq!(ask(&mut world, vec![request], false), [(code, message.map(str::to_owned))]);
        }
        let twice = vec![increase("t", 3, None), increase("t", 4, None)];
        assert_eq!(ask(&mut world, twice, false), [(42, Some("Duplicate topic name.".to_owned()))]);
        assert_eq!(world.image().topic("t").unwrap().partitions.len(), 2);
    }
}
