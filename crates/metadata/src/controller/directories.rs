//! The log directories of brokers (KIP-858): which partition is in which, and what becomes of those in one that failed.

use std::collections::BTreeSet;

use protocol::messages::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, BrokerRegistrationChangeRecord,
    assign_replicas_to_dirs_request as ask, assign_replicas_to_dirs_response as answer,
};
use protocol::{BrokerId, ErrorCode, MetadataRecord, Uuid};

use super::{ApiError, Controller, Outcome, check_broker_epoch, leadership};
use crate::ClusterImage;

impl Controller {
    /// Directories of a broker have failed: what BrokerHeartbeat says in `OfflineLogDirs`. They are registered no more,
    /// until the broker registers anew, and their replicas do not lead; the last of an ISR stays in it.
    ///
    /// A broker whose last directory fails stops, which no record here could say.
    pub fn fail_directories(
        &self,
        image: &ClusterImage,
        id: BrokerId,
        epoch: i64,
        failed: &[Uuid],
    ) -> Outcome<Result<(), ApiError>> {
        if let Err(error) = check_broker_epoch(image, id.get(), epoch) {
            return Outcome::unchanged(Err(error));
        }
        let registered = image.broker(id).map_or(&[][..], |broker| &broker.log_dirs);
        let (failed, left): (Vec<Uuid>, Vec<Uuid>) = registered.iter().partition(|dir| failed.contains(dir));
        if failed.is_empty() || left.is_empty() {
            return Outcome::unchanged(Ok(()));
        }
        let mut records = leadership::without_directories(image, id, &failed);
        records.push(MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
            broker_id: id.get(),
            broker_epoch: epoch,
            log_dirs: left,
            ..BrokerRegistrationChangeRecord::default()
        }));
        Outcome { records, reply: Ok(()) }
    }

    /// Answers AssignReplicasToDirs: a broker says in which directory it has replicas.
    pub fn assign_replicas_to_dirs(
        &self,
        image: &ClusterImage,
        request: &AssignReplicasToDirsRequest,
    ) -> Outcome<AssignReplicasToDirsResponse> {
        let refused = |error: ApiError| {
            let error_code = error.code.code();
            Outcome::unchanged(AssignReplicasToDirsResponse { error_code, ..Default::default() })
        };
        if !image.metadata_version().has_directories() {
            return refused(ApiError::unsupported_version("Directory assignment is not supported yet."));
        }
        if let Err(error) = check_broker_epoch(image, request.broker_id, request.broker_epoch) {
            return refused(error);
        }
        let (mut records, mut seen) = (vec![], BTreeSet::new());
        let broker = BrokerId(request.broker_id);
        let mut assign = |directory: Uuid, topic: Uuid, index: i32| {
            let known = image.topic_by_id(topic).ok_or(ErrorCode::UnknownTopicId)?;
            let partition = known.partitions.get(&index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
            if !partition.replicas.contains(&broker) {
                return Err(ErrorCode::NotLeaderOrFollower);
            }
            // A second record would be made of what the first one has changed.
            if !seen.insert((topic, index)) {
                return Err(ErrorCode::InvalidRequest);
            }
            records.extend(leadership::in_directory(image, topic, index, partition, (broker, directory)));
            Ok(())
        };
        let directories = request.directories.iter().map(|directory| answer::DirectoryData {
            id: directory.id,
            topics: directory.topics.iter().map(|topic| answered(topic, directory.id, &mut assign)).collect(),
            ..answer::DirectoryData::default()
        });
        let directories = directories.collect();
        Outcome { records, reply: AssignReplicasToDirsResponse { directories, ..Default::default() } }
    }
}

fn answered(
    topic: &ask::TopicData,
    directory: Uuid,
    assign: &mut impl FnMut(Uuid, Uuid, i32) -> Result<(), ErrorCode>,
) -> answer::TopicData {
    let partitions = topic.partitions.iter().map(|partition| answer::PartitionData {
        partition_index: partition.partition_index,
        error_code: assign(directory, topic.topic_id, partition.partition_index)
            .map_or_else(|error| error.code(), |()| ErrorCode::None.code()),
        ..answer::PartitionData::default()
    });
    answer::TopicData {
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
        ..answer::TopicData::default()
    }
}

#[cfg(test)]
mod tests {
    use protocol::messages::BrokerRegistrationRequest;

    use super::super::testing::{World, registration, topic};
    use super::*;
    use crate::image::directory;

    const BROKER: BrokerId = BrokerId(1);

    fn dir(number: u128) -> Uuid {
        Uuid((5000 + number).to_be_bytes())
    }

    /// A broker with directories 1 and 2, and a topic with a partition in each.
    fn world() -> World {
        let mut world = World::empty();
        start(&mut world, 1, vec![dir(1), dir(2)]);
        world.create(vec![topic("t", 2, 1, &[])]);
        assert_eq!(assign(&mut world, dir(1), &[0]), [0]);
        assert_eq!(assign(&mut world, dir(2), &[1]), [0]);
        world
    }

    fn start(world: &mut World, incarnation: u128, log_dirs: Vec<Uuid>) {
        let request = BrokerRegistrationRequest { log_dirs, ..registration(1, incarnation) };
        let reply = world.controller.register_broker(world.image(), &request, world.next_offset);
        let reply = world.commit(reply);
        assert_eq!(reply.error_code, 0);
        let unfenced = world.controller.unfence_broker(world.image(), BROKER, reply.broker_epoch);
        world.commit(unfenced).unwrap();
    }

    fn epoch(world: &World) -> i64 {
        world.image().broker(BROKER).unwrap().epoch
    }

    fn fail(world: &mut World, failed: &[Uuid]) {
        let outcome = world.controller.fail_directories(world.image(), BROKER, epoch(world), failed);
        world.commit(outcome).unwrap();
    }

    fn request(world: &World, id: Uuid, topic_id: Uuid, partitions: &[i32]) -> AssignReplicasToDirsRequest {
        let partition = |index: &i32| ask::PartitionData { partition_index: *index, ..Default::default() };
        let partitions = partitions.iter().map(partition).collect();
        let topics = vec![ask::TopicData { topic_id, partitions, ..Default::default() }];
        AssignReplicasToDirsRequest {
            broker_id: 1,
            broker_epoch: epoch(world),
            directories: vec![ask::DirectoryData { id, topics, ..Default::default() }],
            ..Default::default()
        }
    }

    fn codes(reply: &AssignReplicasToDirsResponse) -> Vec<i16> {
        let topics = reply.directories.iter().flat_map(|directory| &directory.topics);
        topics.flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect()
    }

    fn assign(world: &mut World, to: Uuid, partitions: &[i32]) -> Vec<i16> {
        let request = request(world, to, world.image().topic("t").unwrap().id, partitions);
        let outcome = world.controller.assign_replicas_to_dirs(world.image(), &request);
        let reply = world.commit(outcome);
        assert_eq!(reply.error_code, 0);
        codes(&reply)
    }

    /// Leader, epoch and directory of each partition of the topic.
    fn partitions(world: &World) -> Vec<(Option<BrokerId>, i32, Uuid)> {
        let topic = world.image().topic("t").unwrap();
        let row = |p: &std::sync::Arc<crate::Partition>| {
            assert_eq!(p.isr, [BROKER], "the last stays in the ISR");
            (p.leader, p.leader_epoch.get(), p.directories[0])
        };
        topic.partitions.values().map(row).collect()
    }

    #[test]
    fn a_new_partition_is_unassigned_until_its_broker_has_placed_it() {
        let mut world = World::empty();
        start(&mut world, 1, vec![dir(1), dir(2)]);
        world.create(vec![topic("t", 1, 1, &[])]);
        assert_eq!(partitions(&world), [(Some(BROKER), 0, directory::UNASSIGNED)]);
        assign(&mut world, dir(2), &[0]);
        assert_eq!(partitions(&world), [(Some(BROKER), 0, dir(2))]);
        let before = world.log.len();
        assign(&mut world, dir(2), &[0]);
        assert_eq!(world.log.len(), before, "said before");
    }

    #[test]
    fn what_is_in_a_failed_directory_has_no_leader_until_that_is_back() {
        let mut world = world();
        fail(&mut world, &[dir(2), dir(9)]);
        assert_eq!(partitions(&world), [(Some(BROKER), 0, dir(1)), (None, 1, dir(2))]);
        assert_eq!(world.image().broker(BROKER).unwrap().log_dirs, [dir(1)]);
        let online = |world: &World| {
            let image = world.image();
            let partitions = &image.topic("t").unwrap().partitions;
            partitions.values().map(|p| image.is_online(p, BROKER)).collect::<Vec<_>>()
        };
        assert_eq!(online(&world), [true, false]);
        let before = world.log.len();
        fail(&mut world, &[dir(2)]);
        assert_eq!(world.log.len(), before, "it has failed already");

        // A restart without it: what it has stays where it is, and offline.
        start(&mut world, 2, vec![dir(1)]);
        assert_eq!(partitions(&world), [(Some(BROKER), 2, dir(1)), (None, 1, dir(2))]);
        // New partitions go to the one that is left.
        world.create(vec![topic("u", 1, 1, &[])]);
        assert_eq!(world.image().partition("u", 0).unwrap().directories, [dir(1)]);
        // A restart with it.
        start(&mut world, 3, vec![dir(1), dir(2)]);
        assert_eq!(partitions(&world), [(Some(BROKER), 4, dir(1)), (Some(BROKER), 2, dir(2))]);
        assert_eq!(online(&world), [true, true]);
    }

    #[test]
    fn the_last_directory_is_not_taken_away() {
        let mut world = world();
        let before = world.log.len();
        fail(&mut world, &[dir(1), dir(2)]);
        assert_eq!(world.log.len(), before);
    }

    #[test]
    fn a_replica_found_in_another_directory_leads_again_and_one_that_is_lost_no_more() {
        let mut world = world();
        fail(&mut world, &[dir(2)]);
        assert_eq!(assign(&mut world, dir(1), &[1]), [0]);
        assert_eq!(partitions(&world)[1], (Some(BROKER), 2, dir(1)));
        assert_eq!(assign(&mut world, directory::LOST, &[1]), [0]);
        assert_eq!(partitions(&world)[1], (None, 3, directory::LOST));
    }

    #[test]
    fn another_replica_leads_where_there_is_one() {
        let mut world = world();
        world.start_broker(2, 7);
        world.create(vec![topic("both", 1, 2, &[])]);
        let both = world.image().topic("both").unwrap().id;
        let request = request(&world, dir(2), both, &[0]);
        let outcome = world.controller.assign_replicas_to_dirs(world.image(), &request);
        assert_eq!(codes(&world.commit(outcome)), [0]);
        fail(&mut world, &[dir(2)]);
        let partition = world.image().partition("both", 0).unwrap();
        assert_eq!((partition.leader, &partition.isr[..]), (Some(BrokerId(2)), &[BrokerId(2)][..]));
    }

    #[test]
    fn what_kafka_refuses_is_refused() {
        let mut world = world();
        world.start_broker(2, 7);
        let t = world.image().topic("t").unwrap().id;
        let check = |request: AssignReplicasToDirsRequest, error: i16, partitions: &[i16]| {
            let outcome = world.controller.assign_replicas_to_dirs(world.image(), &request);
            assert!(outcome.records.is_empty());
            assert_eq!((outcome.reply.error_code, &codes(&outcome.reply)[..]), (error, partitions));
        };
        check(AssignReplicasToDirsRequest { broker_epoch: -5, ..request(&world, dir(1), t, &[0]) }, 77, &[]);
        check(request(&world, dir(1), Uuid([9; 16]), &[0]), 0, &[100]);
        check(request(&world, dir(1), t, &[7]), 0, &[3]);
        let of_another = AssignReplicasToDirsRequest {
            broker_id: 2,
            broker_epoch: world.image().broker(BrokerId(2)).unwrap().epoch,
            ..request(&world, dir(1), t, &[0])
        };
        check(of_another, 0, &[6]);
    }
}
