//! Brokers of the image.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use protocol::messages::RegisterBrokerRecord;
use protocol::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use protocol::{BrokerId, Uuid};

use super::directory;
use crate::MetadataVersion;

/// A registered broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its `node.id`.
    pub id: BrokerId,
    /// The term of this registration: requests of an older one are refused.
    pub epoch: i64,
    /// Chosen by the process at its start.
    pub incarnation_id: Uuid,
    /// Where it can be reached, in the order it said.
    pub listeners: Vec<Listener>,
    /// The features it speaks, by name.
    pub features: BTreeMap<Arc<str>, RangeInclusive<i16>>,
    /// Its `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// Whether it may not serve: registered, not caught up or not heard of.
    pub fenced: bool,
    /// Whether it is about to stop.
    pub in_controlled_shutdown: bool,
    /// Kept from clusters that came from ZooKeeper.
    pub is_migrating_zk_broker: bool,
    /// The ids of its log directories.
    pub log_dirs: Vec<Uuid>,
    /// Those of them that get no new replicas (KIP-1066).
    pub cordoned_log_dirs: Vec<Uuid>,
}

/// One address of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The listener's name, such as `PLAINTEXT`.
    pub name: Arc<str>,
    /// The host that clients are told.
    pub host: Arc<str>,
    /// The port that clients are told.
    pub port: u16,
    /// Kafka's number of the security protocol: 0 is `PLAINTEXT`.
    pub security_protocol: i16,
}

impl Broker {
    /// The listener of a name.
    pub fn listener(&self, name: &str) -> Option<&Listener> {
        self.listeners.iter().find(|listener| *listener.name == *name)
    }

    /// Whether it can lead: neither fenced nor about to stop.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Whether some directory of it takes new replicas.
    pub(crate) fn takes_replicas(&self) -> bool {
        self.log_dirs.is_empty() || self.open_log_dirs().next().is_some()
    }

    /// The directories that take new replicas.
    pub(crate) fn open_log_dirs(&self) -> impl Iterator<Item = Uuid> {
        self.log_dirs.iter().copied().filter(|dir| !self.cordoned_log_dirs.contains(dir))
    }

    /// Whether a replica in this directory is not known to be lost: it is one of those registered, or nobody has said yet
    /// which one it is (KIP-858). A log from before there were directories names none.
    pub fn has_online_dir(&self, dir: Uuid) -> bool {
        let unsaid = dir == directory::UNASSIGNED || dir == directory::MIGRATING;
        unsaid || self.log_dirs.is_empty() || self.log_dirs.contains(&dir)
    }

    pub(crate) fn from_record(record: &RegisterBrokerRecord<'_>) -> Self {
        let listener = |endpoint: &BrokerEndpoint<'_>| Listener {
            name: endpoint.name.as_ref().into(),
            host: endpoint.host.as_ref().into(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        };
        Self {
            id: BrokerId(record.broker_id),
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            listeners: record.end_points.iter().map(listener).collect(),
            features: record
                .features
                .iter()
                .map(|f| (f.name.as_ref().into(), f.min_supported_version..=f.max_supported_version))
                .collect(),
            rack: record.rack.as_deref().map(Into::into),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            is_migrating_zk_broker: record.is_migrating_zk_broker,
            log_dirs: record.log_dirs.clone(),
            cordoned_log_dirs: record.cordoned_log_dirs.clone().unwrap_or_default(),
        }
    }

    /// The record that makes this registration, as a log of `metadata_version` can hold it.
    pub(crate) fn to_record(&self, metadata_version: MetadataVersion) -> RegisterBrokerRecord<'static> {
        let endpoint = |listener: &Listener| BrokerEndpoint {
            name: text(&listener.name),
            host: text(&listener.host),
            port: listener.port,
            security_protocol: listener.security_protocol,
            ..BrokerEndpoint::default()
        };
        let feature = |(name, versions): (&Arc<str>, &RangeInclusive<i16>)| BrokerFeature {
            name: text(name),
            min_supported_version: *versions.start(),
            max_supported_version: *versions.end(),
            ..BrokerFeature::default()
        };
        RegisterBrokerRecord {
            broker_id: self.id.get(),
            is_migrating_zk_broker: self.is_migrating_zk_broker,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.epoch,
            end_points: self.listeners.iter().map(endpoint).collect(),
            features: self.features.iter().map(feature).collect(),
            rack: self.rack.as_ref().map(|rack| text(rack)),
            fenced: self.fenced,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: if metadata_version.has_directories() { self.log_dirs.clone() } else { vec![] },
            cordoned_log_dirs: metadata_version
                .has_cordoned_directories()
                .then(|| self.cordoned_log_dirs.clone()),
            ..RegisterBrokerRecord::default()
        }
    }
}

/// An owned text for a record or an answer.
pub(crate) fn text(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}
