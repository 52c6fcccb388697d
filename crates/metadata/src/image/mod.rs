//! The cluster's state at one offset of the metadata log: immutable for who reads it, cheap to clone, changed only by
//! [`ClusterImage::replay`].
//!
//! Topics, brokers, configurations, features and producer ids are interpreted. Access control entries, SCRAM
//! credentials, delegation tokens, client quotas and controllers are kept, so that a snapshot forgets nothing.

mod broker;
mod kept;
mod query;
mod replay;
mod snapshot;
mod topic;

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use protocol::messages::{
    AccessControlEntryRecord, DelegationTokenRecord, RegisterControllerRecord, UserScramCredentialRecord,
};
use protocol::{BrokerId, Offset, ProducerId, Uuid};

use crate::{ConfigResource, MetadataVersion};

pub(crate) use broker::text;
pub use broker::{Broker, Listener};
pub(crate) use topic::{NO_LEADER_CHANGE, leader_number, numbers};
pub use topic::{Partition, Topic, directory};

/// The configurations of one resource: only what was set on it.
pub type Configs = OrdMap<Arc<str>, Arc<str>>;

/// Who a client quota is for: types and names (`None` is the default of the type), in the order of the types.
pub type QuotaEntity = Vec<(Arc<str>, Option<Arc<str>>)>;

/// The state of the cluster. See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterImage {
    last_offset: Option<Offset>,
    features: OrdMap<Arc<str>, i16>,
    metadata_version: Option<MetadataVersion>,
    zk_migration_state: Option<i8>,
    brokers: OrdMap<BrokerId, Arc<Broker>>,
    controllers: OrdMap<i32, Arc<RegisterControllerRecord<'static>>>,
    topics: OrdMap<Uuid, Arc<Topic>>,
    topic_ids: OrdMap<Arc<str>, Uuid>,
    /// Names with a `.` or `_`, by what they have in common.
    colliding: OrdMap<Arc<str>, OrdSet<Arc<str>>>,
    configs: OrdMap<ConfigResource, Configs>,
    client_quotas: OrdMap<QuotaEntity, OrdMap<Arc<str>, Quota>>,
    next_producer_id: Option<ProducerId>,
    acls: OrdMap<Uuid, Arc<AccessControlEntryRecord<'static>>>,
    scram_credentials: OrdMap<(i8, Arc<str>), Arc<UserScramCredentialRecord<'static>>>,
    delegation_tokens: OrdMap<Arc<str>, Arc<DelegationTokenRecord<'static>>>,
}

/// A quota's value, equal to itself bit by bit: a log may hold a NaN.
#[derive(Clone, Copy, Debug)]
pub struct Quota(pub f64);

impl PartialEq for Quota {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Quota {}
