//! What a cluster looks like, as a broker told us: values, no sockets.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::messages::MetadataResponse;
use protocol::{BrokerId, ErrorCode, LeaderEpoch, Uuid};

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its `node.id`.
    pub id: BrokerId,
    /// Where clients reach it: `host:port`.
    pub address: Arc<str>,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; zero from a broker older than 2.8.
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Its partitions, ascending by index.
    pub partitions: Vec<Partition>,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its index.
    pub index: i32,
    /// The leader; none while there is none.
    pub leader: Option<BrokerId>,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The brokers with a replica, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The replicas in sync.
    pub isr: Vec<BrokerId>,
    /// The replicas that are offline.
    pub offline: Vec<BrokerId>,
}

impl Topic {
    /// The partition of an index.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        let at = self.partitions.binary_search_by_key(&index, |p| p.index).ok()?;
        self.partitions.get(at)
    }
}

/// A cluster as one broker described it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The broker that controls the cluster; with KRaft, one that forwards to the controller.
    pub controller: Option<BrokerId>,
    /// The brokers.
    pub brokers: BTreeMap<BrokerId, Broker>,
    /// The topics that were asked for, with what the broker said of each.
    pub topics: BTreeMap<Arc<str>, Result<Arc<Topic>, ErrorCode>>,
}

impl Metadata {
    pub(crate) fn from_response(response: &MetadataResponse<'_>) -> Self {
        let brokers = response
            .brokers
            .iter()
            .map(|b| {
                let id = BrokerId(b.node_id);
                let address = address(&b.host, b.port);
                (id, Broker { id, address, rack: b.rack.as_deref().map(str::to_owned) })
            })
            .collect();
        let topics = response.topics.iter().filter_map(|t| {
            let name: Arc<str> = t.name.as_deref()?.into();
            let topic = match ErrorCode::from_code(t.error_code) {
                Some(ErrorCode::None) => Ok(Arc::new(topic(name.clone(), t))),
                Some(code) => Err(code),
                None => Err(ErrorCode::UnknownServerError),
            };
            Some((name, topic))
        });
        Self {
            cluster_id: response.cluster_id.as_deref().map(str::to_owned),
            controller: (response.controller_id >= 0).then_some(BrokerId(response.controller_id)),
            brokers,
            topics: topics.collect(),
        }
    }
}

fn topic(name: Arc<str>, t: &protocol::messages::metadata_response::MetadataResponseTopic<'_>) -> Topic {
    let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
    let mut partitions: Vec<_> = t
        .partitions
        .iter()
        .map(|p| Partition {
            index: p.partition_index,
            leader: (p.leader_id >= 0).then_some(BrokerId(p.leader_id)),
            leader_epoch: LeaderEpoch(p.leader_epoch),
            replicas: ids(&p.replica_nodes),
            isr: ids(&p.isr_nodes),
            offline: ids(&p.offline_replicas),
        })
        .collect();
    partitions.sort_by_key(|p| p.index);
    Topic { name, id: t.topic_id, is_internal: t.is_internal, partitions }
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn address(host: &str, port: i32) -> Arc<str> {
    if host.contains(':') { format!("[{host}]:{port}").into() } else { format!("{host}:{port}").into() }
}
