//! The life of a broker: registered, unfenced once it has caught up, fenced when it is lost or stops.
//!
//! Does not know sessions: that a broker is alive is soft state, and its shell's to tell (BrokerHeartbeat comes with
//! clusters of several nodes).

use std::collections::BTreeSet;

use protocol::messages::broker_registration_request::Feature;
use protocol::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use protocol::messages::{
    BrokerRegistrationChangeRecord, BrokerRegistrationRequest, BrokerRegistrationResponse,
    RegisterBrokerRecord,
};
use protocol::{BrokerId, MetadataRecord, Uuid};

use super::{ApiError, Controller, Outcome, check_broker_epoch, leadership};
use crate::image::{directory, text};
use crate::{ClusterImage, MetadataVersion};

const UNFENCE: i8 = -1;
const FENCE: i8 = 1;

impl Controller {
    /// Answers BrokerRegistration. A new incarnation starts fenced with epoch `next_offset`, the offset that its
    /// record gets or a later one; what the last incarnation led has no leader until it is unfenced, so every
    /// restart is a new leader epoch and followers and consumers notice what a crash lost (KIP-101).
    pub fn register_broker(
        &self,
        image: &ClusterImage,
        request: &BrokerRegistrationRequest<'_>,
        next_offset: i64,
    ) -> Outcome<BrokerRegistrationResponse> {
        let registered = self.registration(image, request, next_offset);
        let (error_code, _) = ApiError::fields(&registered);
        match registered {
            Ok((records, broker_epoch)) => Outcome {
                records,
                reply: BrokerRegistrationResponse { broker_epoch, ..BrokerRegistrationResponse::default() },
            },
            Err(_) => Outcome::unchanged(BrokerRegistrationResponse {
                error_code,
                ..BrokerRegistrationResponse::default()
            }),
        }
    }

    /// Lets a broker serve: it has replayed the log up to its registration.
    pub fn unfence_broker(
        &self,
        image: &ClusterImage,
        id: BrokerId,
        epoch: i64,
    ) -> Outcome<Result<(), ApiError>> {
        self.change_fencing(image, id, epoch, UNFENCE)
    }

    /// Stops a broker from serving: it is lost, or about to stop.
    pub fn fence_broker(
        &self,
        image: &ClusterImage,
        id: BrokerId,
        epoch: i64,
    ) -> Outcome<Result<(), ApiError>> {
        self.change_fencing(image, id, epoch, FENCE)
    }

    fn change_fencing(
        &self,
        image: &ClusterImage,
        id: BrokerId,
        epoch: i64,
        fenced: i8,
    ) -> Outcome<Result<(), ApiError>> {
        if let Err(error) = check_broker_epoch(image, id.get(), epoch) {
            return Outcome::unchanged(Err(error));
        }
        if image.broker(id).is_some_and(|broker| broker.fenced == (fenced == FENCE)) {
            return Outcome::unchanged(Ok(()));
        }
        let mut records = vec![MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
            broker_id: id.get(),
            broker_epoch: epoch,
            fenced,
            ..BrokerRegistrationChangeRecord::default()
        })];
        let stopping = image.broker(id).is_some_and(|broker| broker.in_controlled_shutdown);
        if fenced == FENCE {
            records.extend(leadership::without(image, id));
        } else if !stopping {
            records.extend(leadership::with(image, id));
        }
        Outcome { records, reply: Ok(()) }
    }

    /// The records of a registration and the broker's epoch.
    fn registration(
        &self,
        image: &ClusterImage,
        request: &BrokerRegistrationRequest<'_>,
        next_offset: i64,
    ) -> Result<(Vec<MetadataRecord<'static>>, i64), ApiError> {
        if request.cluster_id != self.cluster_id.as_str() {
            return Err(ApiError::inconsistent_cluster_id(format!(
                "Expected cluster ID {}, but got cluster ID {}",
                self.cluster_id, request.cluster_id
            )));
        }
        if image.metadata_version().has_directories() {
            check_directories(image, request)?;
        }
        check_features(image, request)?;
        let id = BrokerId(request.broker_id);
        let mut record = registration_record(request, next_offset);
        if !image.metadata_version().has_directories() {
            record.log_dirs.clear();
        }
        let mut records = vec![];
        match image.broker(id) {
            Some(known) if known.incarnation_id == request.incarnation_id => {
                record.broker_epoch = known.epoch;
                record.fenced = known.fenced;
                record.in_controlled_shutdown = known.in_controlled_shutdown;
            }
            _ => records = leadership::without(image, id),
        }
        let epoch = record.broker_epoch;
        records.push(MetadataRecord::RegisterBroker(record));
        Ok((records, epoch))
    }
}

fn registration_record(request: &BrokerRegistrationRequest<'_>, epoch: i64) -> RegisterBrokerRecord<'static> {
    let endpoint =
        |listener: &protocol::messages::broker_registration_request::Listener<'_>| BrokerEndpoint {
            name: text(&listener.name),
            host: text(&listener.host),
            port: listener.port,
            security_protocol: listener.security_protocol,
            ..BrokerEndpoint::default()
        };
    let feature = |feature: &Feature<'_>| BrokerFeature {
        name: text(&feature.name),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
        ..BrokerFeature::default()
    };
    RegisterBrokerRecord {
        broker_id: request.broker_id,
        incarnation_id: request.incarnation_id,
        broker_epoch: epoch,
        end_points: request.listeners.iter().map(endpoint).collect(),
        features: request.features.iter().map(feature).collect(),
        rack: request.rack.as_deref().map(text),
        fenced: true,
        log_dirs: request.log_dirs.clone(),
        ..RegisterBrokerRecord::default()
    }
}

fn check_directories(image: &ClusterImage, request: &BrokerRegistrationRequest<'_>) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::invalid_registration(message));
    if request.log_dirs.is_empty() {
        return invalid("No directories specified in request".to_owned());
    }
    if request.log_dirs.iter().any(|dir| directory::is_reserved(*dir)) {
        return invalid("Reserved directory ID in request".to_owned());
    }
    let unique: BTreeSet<Uuid> = request.log_dirs.iter().copied().collect();
    if unique.len() != request.log_dirs.len() {
        return invalid("Duplicate directory ID in request".to_owned());
    }
    for other in image.brokers().values().filter(|broker| broker.id.get() != request.broker_id) {
        if let Some(taken) = other.log_dirs.iter().find(|dir| unique.contains(dir)) {
            return invalid(format!("Broker {} is already registered with directory {taken}", other.id));
        }
    }
    Ok(())
}

/// A broker must speak every finalized level.
fn check_features(image: &ClusterImage, request: &BrokerRegistrationRequest<'_>) -> Result<(), ApiError> {
    let finalized = image.features().iter().map(|(name, level)| (&**name, *level));
    let metadata_version = (MetadataVersion::FEATURE, image.metadata_version().level());
    for (name, level) in finalized.chain([metadata_version]) {
        let spoken = request.features.iter().find(|feature| feature.name == name);
        let (min, max) = spoken.map_or((0, 0), |f| (f.min_supported_version, f.max_supported_version));
        if !(min..=max).contains(&level) {
            return Err(ApiError::unsupported_version(format!(
                "Unable to register because the broker does not support finalized version {level} of {name}. The \
                 broker wants a version between {min} and {max}, inclusive."
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::messages::{FeatureLevelRecord, PartitionRecord, TopicRecord};

    use super::super::testing::{World, registration, topic};
    use super::*;

    fn refused(world: &World, request: &BrokerRegistrationRequest<'_>) -> i16 {
        let outcome = world.controller.register_broker(world.image(), request, world.next_offset);
        assert!(outcome.records.is_empty());
        outcome.reply.error_code
    }

    #[test]
    fn a_restart_is_a_new_leader_epoch() {
        let mut world = World::of(1);
        world.create(vec![topic("t", 2, 1, &[])]);
        let epoch_of = |world: &World| world.image().partition("t", 1).unwrap().leader_epoch.get();
        assert_eq!(epoch_of(&world), 0);

        let next = world.controller.register_broker(world.image(), &registration(1, 555), world.next_offset);
        let offset = world.next_offset;
        assert_eq!(world.commit(next).broker_epoch, offset);
        assert!(world.image().broker(BrokerId(1)).unwrap().fenced);
        assert_eq!(world.image().partition("t", 1).unwrap().leader, None);
        assert_eq!(world.image().partition("t", 1).unwrap().isr, [BrokerId(1)], "the last stays in the ISR");

        let unfence = world.controller.unfence_broker(world.image(), BrokerId(1), offset);
        world.commit(unfence).unwrap();
        assert!(world.image().is_active(BrokerId(1)));
        assert_eq!(world.image().partition("t", 1).unwrap().leader, Some(BrokerId(1)));
        assert_eq!(epoch_of(&world), 2);
    }

    #[test]
    fn the_same_incarnation_keeps_its_epoch_and_what_it_leads() {
        let mut world = World::empty();
        let epoch = world.start_broker(1, 7);
        world.create(vec![topic("t", 1, 1, &[])]);
        let again = world.controller.register_broker(world.image(), &registration(1, 7), world.next_offset);
        assert_eq!(again.records.len(), 1);
        assert_eq!(world.commit(again).broker_epoch, epoch);
        assert!(world.image().is_active(BrokerId(1)));
        let unfence = world.controller.unfence_broker(world.image(), BrokerId(1), epoch);
        assert!(unfence.records.is_empty(), "it is not fenced");
    }

    #[test]
    fn another_replica_of_the_isr_leads_when_one_is_fenced() {
        let mut world = World::of(2);
        world.create(vec![topic("t", 1, 2, &[])]);
        let leader = world.image().partition("t", 0).unwrap().leader.unwrap();
        let epoch = world.image().broker(leader).unwrap().epoch;
        let fence = world.controller.fence_broker(world.image(), leader, epoch);
        world.commit(fence).unwrap();
        let partition = world.image().partition("t", 0).unwrap();
        let other = BrokerId(3 - leader.get());
        assert_eq!((partition.leader, &partition.isr[..]), (Some(other), &[other][..]));
        assert_eq!((partition.leader_epoch.get(), partition.partition_epoch), (1, 1));
    }

    #[test]
    fn partitions_that_kafka_left_with_an_elr_are_led_again() {
        let mut world = World::empty();
        let topic_id = Uuid::from_random(5);
        world.append(vec![MetadataRecord::Topic(TopicRecord {
            name: "t".into(),
            topic_id,
            ..TopicRecord::default()
        })]);
        for (partition_id, elr, last_known) in
            [(0, vec![1], vec![1]), (1, vec![], vec![1]), (2, vec![9], vec![1])]
        {
            world.append(vec![MetadataRecord::Partition(PartitionRecord {
                partition_id,
                topic_id,
                replicas: vec![1, 9],
                leader: -1,
                eligible_leader_replicas: Some(elr),
                last_known_elr: Some(last_known),
                ..PartitionRecord::default()
            })]);
        }
        world.start_broker(1, 7);
        let led = |partition| {
            let partition = world.image().partition("t", partition).unwrap();
            (partition.leader, partition.isr.clone(), partition.recovering)
        };
        assert_eq!(led(0), (Some(BrokerId(1)), vec![BrokerId(1)], false));
        assert_eq!(led(1), (Some(BrokerId(1)), vec![BrokerId(1)], true));
        assert_eq!(led(2), (None, vec![], false), "9 may know more");
    }

    #[test]
    fn what_kafka_refuses_is_refused() {
        let mut world = World::of(1);
        let of = |change: fn(&mut BrokerRegistrationRequest<'static>)| {
            let mut request = registration(2, 8);
            change(&mut request);
            request
        };
        let zero = Uuid::ZERO;
        assert_eq!(refused(&world, &of(|r| r.cluster_id = "other".into())), 104);
        assert_eq!(refused(&world, &of(|r| r.log_dirs.clear())), 119);
        assert_eq!(
            refused(&world, &BrokerRegistrationRequest { log_dirs: vec![zero], ..registration(2, 8) }),
            119
        );
        assert_eq!(refused(&world, &of(|r| r.log_dirs.push(r.log_dirs[0]))), 119);
        assert_eq!(refused(&world, &of(|r| r.log_dirs = registration(1, 0).log_dirs)), 119);
        assert_eq!(refused(&world, &of(|r| r.features.clear())), 35);
        world.append(vec![MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: "unknown.version".into(),
            feature_level: 1,
            ..FeatureLevelRecord::default()
        })]);
        assert_eq!(refused(&world, &registration(2, 8)), 35);
        let stale = world.controller.unfence_broker(world.image(), BrokerId(1), 0);
        assert_eq!(stale.reply.unwrap_err().code, protocol::ErrorCode::StaleBrokerEpoch);
    }
}
