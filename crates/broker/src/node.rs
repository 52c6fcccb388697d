//! The node: everything that handlers reach, and how a request's peer sees it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use metadata::configs::BrokerConfigs;
use metadata::{Broker, ClusterDelta, ClusterImage, Topic};
use parking_lot::{Mutex, MutexGuard};
use protocol::{BrokerId, ErrorCode, Offset, Uuid};
use stdx::Random;
use tokio::sync::watch;

use crate::cleaner;
use crate::cluster::Published;
use crate::config::Config;
use crate::controller::ControllerShell;
use crate::fetch_session::FetchSessions;
use crate::flusher::FlushQueue;
use crate::groups::Groups;
use crate::homes::Assignment;
use crate::loggers::Loggers;
use crate::metrics::Metrics;
use crate::moves::Moves;
use crate::partition::Partition;
use crate::partitions::Partitions;
use crate::producer_ids::ProducerIds;
use crate::purgatory::Watch;
use crate::request::Peer;
use crate::share_partitions::SharePartitions;
use crate::shares::ShareCoordinators;
use crate::transactions::Transactions;

/// Everything of one node.
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) cluster_id: String,
    pub(crate) published: Published,
    pub(crate) broker_configs: ArcSwap<BrokerConfigs>,
    pub(crate) controller: ControllerShell,
    pub(crate) partitions: Arc<Partitions>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) transactions: Arc<Transactions>,
    pub(crate) shares: Arc<ShareCoordinators>,
    pub(crate) share_partitions: SharePartitions,
    pub(crate) fetch_sessions: Mutex<FetchSessions>,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) loggers: Loggers,
    pub(crate) random: Mutex<Random>,
    /// The newest image that is carried out.
    pub(crate) served: ArcSwap<ClusterImage>,
    pub(crate) follow_turn: tokio::sync::Mutex<()>,
    /// Where the listeners are bound, by name: a port of 0 becomes the one that was given.
    pub(crate) bound: BTreeMap<Arc<str>, SocketAddr>,
    pub(crate) flush_queue: Arc<FlushQueue>,
    pub(crate) moves: Moves,
    pub(crate) cleaner: Mutex<cleaner::Status>,
    pub(crate) runtime: tokio::runtime::Handle,
    /// Whether changes are carried out as they come: from the end of the registration on.
    pub(crate) following: AtomicBool,
    pub(crate) ready: AtomicBool,
    /// Why the node cannot go on.
    pub(crate) fatal: watch::Sender<Option<String>>,
}

/// Where a client finds a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Node {
    pub(crate) fn id(&self) -> BrokerId {
        self.config.broker_id
    }

    pub(crate) fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn broker_configs(&self) -> Arc<BrokerConfigs> {
        self.broker_configs.load_full()
    }

    /// The cluster as requests see it: what this node has carried out. A topic that is told of can be written.
    pub(crate) fn image(&self) -> Arc<ClusterImage> {
        self.served.load_full()
    }

    /// The cluster as the metadata log has it: what the next decision is made on.
    pub(crate) fn newest_image(&self) -> Arc<ClusterImage> {
        self.published.load()
    }

    pub(crate) fn controller(&self) -> &ControllerShell {
        &self.controller
    }

    pub(crate) fn partitions(&self) -> &Arc<Partitions> {
        &self.partitions
    }

    pub(crate) fn moves(&self) -> &Moves {
        &self.moves
    }

    pub(crate) fn groups(&self) -> &Arc<Groups> {
        &self.groups
    }

    pub(crate) fn transactions(&self) -> &Arc<Transactions> {
        &self.transactions
    }

    pub(crate) fn shares(&self) -> &Arc<ShareCoordinators> {
        &self.shares
    }

    pub(crate) fn fetch_sessions(&self) -> MutexGuard<'_, FetchSessions> {
        self.fetch_sessions.lock()
    }

    pub(crate) fn producer_ids(&self) -> &ProducerIds {
        &self.producer_ids
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(crate) fn loggers(&self) -> &Loggers {
        &self.loggers
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(crate) fn random_u32(&self) -> u32 {
        self.random.lock().next_u64() as u32
    }

    pub(crate) fn random_uuid(&self) -> Uuid {
        let mut random = self.random.lock();
        Uuid::from_random(u128::from(random.next_u64()) << 64 | u128::from(random.next_u64()))
    }

    /// Whom clients take for the controller: a broker, who passes on what is the controller's.
    pub(crate) fn controller_id_for_clients(&self) -> BrokerId {
        self.id()
    }

    /// Where the client of `peer` finds this node: as advertised for its listener, or by the address it used.
    pub(crate) fn address_for(&self, peer: &Peer) -> Address {
        match self.config.advertised.get(&peer.listener) {
            Some(advertised) => {
                let bound = self.bound.get(&peer.listener).map_or(0, SocketAddr::port);
                Address {
                    host: advertised.host.clone(),
                    port: if advertised.port == 0 { bound } else { advertised.port },
                }
            }
            None => Address { host: peer.local.ip().to_string(), port: peer.local.port() },
        }
    }

    /// The same for any broker: `None` where it has no such listener.
    pub(crate) fn address_of(&self, broker: &Broker, peer: &Peer) -> Option<Address> {
        if broker.id == self.id() {
            return Some(self.address_for(peer));
        }
        let listener = broker.listener(&peer.listener)?;
        Some(Address { host: listener.host.to_string(), port: listener.port })
    }

    /// A partition that is served here, or what a client is told instead.
    pub(crate) fn partition_by_name(&self, topic: &str, index: i32) -> Result<Arc<Partition>, ErrorCode> {
        let found = self.partitions.by_name(topic, index);
        found.ok_or_else(|| {
            let image = self.image();
            image.topic(topic).map_or(ErrorCode::UnknownTopicOrPartition, |topic| self.absence(topic, index))
        })
    }

    /// The same by topic id.
    pub(crate) fn partition_by_id(&self, topic_id: Uuid, index: i32) -> Result<Arc<Partition>, ErrorCode> {
        let found = self.partitions.by_id(topic_id, index);
        found.ok_or_else(|| {
            let image = self.image();
            image.topic_by_id(topic_id).map_or(ErrorCode::UnknownTopicId, |topic| self.absence(topic, index))
        })
    }

    /// Why a partition of a topic is not served here: its log could not be opened, or its directory is away. Or the topic
    /// is just going.
    fn absence(&self, topic: &Topic, index: i32) -> ErrorCode {
        let is_going = || self.newest_image().topic_by_id(topic.id).is_none();
        match topic.partitions.get(&index) {
            Some(partition) if partition.replicas.contains(&self.id()) && !is_going() => {
                ErrorCode::KafkaStorageError
            }
            _ => ErrorCode::UnknownTopicOrPartition,
        }
    }

    /// Brings the partitions of this node to what the newest image says. Answers where replicas are that the controller
    /// believes elsewhere: it is to be told.
    pub(crate) async fn follow(self: &Arc<Self>) -> Vec<Assignment> {
        if !self.following.load(Ordering::Acquire) {
            return vec![];
        }
        let _turn = self.follow_turn.lock().await;
        let mut assignments = vec![];
        let (image, served) = (self.newest_image(), self.image());
        let is_start = served.last_offset().is_none();
        let delta = ClusterDelta::between(&served, &image);
        if !delta.is_empty() {
            let node = Arc::clone(self);
            let newest = Arc::clone(&image);
            // Directories are made and removed: not a thing for the threads that serve sockets.
            let carried_out = tokio::task::spawn_blocking(move || {
                crate::follow::carry_out(&node, &newest, &delta, is_start)
            });
            match carried_out.await {
                Ok(placed) => assignments = placed,
                Err(_) => tracing::error!("a change of the cluster's metadata could not be carried out"),
            }
        }
        self.served.store(image);
        assignments
    }

    /// Moves the start of a log and makes that durable. The records go to the disk first: what producers are remembered by
    /// must not be lost with them.
    pub(crate) async fn delete_records(
        self: &Arc<Self>,
        partition: Arc<Partition>,
        before: i64,
    ) -> Result<Offset, ErrorCode> {
        let node = Arc::clone(self);
        // Said once: the end of a log that is written to runs away.
        let end = partition.log().log_end_offset();
        let before = if before == -1 { end.get() } else { before };
        let (watch, flushed) = (Watch::default(), end.min(Offset(before)));
        if partition.poll_flushed(flushed, &watch).is_none() {
            partition.request_flush();
            watch.until(None, |watch| partition.poll_flushed(flushed, watch)).await.transpose()?;
        }
        let moved = tokio::task::spawn_blocking(move || {
            let start = partition.delete_records(before)?;
            node.partitions.write_log_starts(&partition.home()).map_err(|error| {
                tracing::error!(%error, "cannot write the log start offsets");
                ErrorCode::KafkaStorageError
            })?;
            Ok(start)
        });
        moved.await.unwrap_or(Err(ErrorCode::UnknownServerError))
    }
}
