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

use super::{ApiError, ConfigRules, Controller, Outcome, check_broker_epoch, leadership};
use crate::image::{directory, text};
use crate::{ClusterImage, MetadataVersion};

const UNFENCE: i8 = -1;
const FENCE: i8 = 1;

impl<C: ConfigRules> Controller<C> {
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
        if request.cluster_id != self.settings.cluster_id.as_str() {
            return Err(ApiError::inconsistent_cluster_id(format!(
                "Expected cluster ID {}, but got cluster ID {}",
                self.settings.cluster_id, request.cluster_id
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
