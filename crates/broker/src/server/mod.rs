//! Starting and stopping a node.
//!
//! Sockets are bound first, so that a taken port is known at once, and accept last: a client that comes early waits
//! in the backlog. In between: the directories, the metadata log, the registration, the logs of partitions.

mod directories;
mod registration;
mod sockets;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use log::disk::{Disk as _, OsDisk};
use log::{Log, log_dir};
use metadata::configs::ServerConfig;
use metadata::controller::activation_records;
use metadata::{ClusterImage, MetadataVersion, records};
use parking_lot::Mutex;
use protocol::{BrokerId, ErrorCode, MetadataRecord, Uuid};
use quorum::{MetadataQuorum as _, Options, RaftQuorum, Voter};
use stdx::Random;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use self::directories::open_directories;
use self::registration::register;
use self::sockets::{Bound, bind_admin, bind_listeners};
use crate::apis::APIS;
use crate::clock::FOREVER;
use crate::cluster::{Published, Publisher};
use crate::config::Config;
use crate::controller::ControllerShell;
use crate::directory::Directory;
use crate::fetch_session::FetchSessions;
use crate::flusher::{self, FlushQueue};
use crate::groups::{self, Groups};
use crate::loggers::Loggers;
use crate::metrics::Metrics;
use crate::moves::{self, Moves};
use crate::net::limits::{ConnectionLimits, RequestMemory};
use crate::net::listener::{self, Listener, Shared};
use crate::node::Node;
use crate::partitions::Partitions;
use crate::producer_ids::ProducerIds;
use crate::share_partitions::{self, SharePartitions};
use crate::shares::{self, ShareCoordinators};
use crate::transactions::{self, Transactions};
use crate::{admin, cleaner, coordinators, homes, housekeeping, offline};

/// Why a node does not start. Each says in one line which property or path, and what to do where we know it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener cannot be bound.
    #[error("{property}={value}: cannot listen there: {source}")]
    Bind {
        /// `listeners` or `admin.listener`.
        property: &'static str,
        /// The endpoint.
        value: String,
        /// What the system says.
        source: io::Error,
    },
    /// A host of `max.connections.per.ip.overrides` has no address.
    #[error("max.connections.per.ip.overrides: the host '{host}' has no address: {source}")]
    Host {
        /// The host.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// A directory of `log.dirs` cannot be made or written.
    #[error("log.dirs={}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory of `log.dirs` holds something else.
    #[error("log.dirs={}: {reason}", path.display())]
    ForeignDirectory {
        /// The directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The log of partitions.
    #[error("log.dirs: {0}")]
    Log(#[from] log::Error),
    /// The metadata log.
    #[error("the metadata log: {0}")]
    Quorum(#[from] quorum::Error),
    /// The controller refuses this broker.
    #[error("node.id={node_id}: the controller refuses the registration: {error}")]
    Registration {
        /// The node.
        node_id: BrokerId,
        /// Its answer.
        error: ErrorCode,
    },
    /// The cluster is one that another Kafka ran, and cannot be carried on here.
    #[error("the metadata log: {0}")]
    Takeover(#[from] crate::takeover::Refused),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// A node that runs.
pub struct Running {
    node: Arc<Node>,
    stop: watch::Sender<bool>,
    flushers: Vec<JoinHandle<()>>,
    cleaner: tokio::task::JoinHandle<()>,
    connections: Shared,
    listeners: Vec<(Arc<str>, SocketAddr)>,
    admin: Option<SocketAddr>,
}

/// Starts a node. When this returns, it serves.
pub async fn start(config: ServerConfig, loggers: Loggers) -> Result<Running, StartError> {
    let config = Config::new(config);
    raise_file_limit();
    let per_ip_overrides = resolve_overrides(&config.network.max_connections_per_ip_overrides).await?;
    let sockets = bind_listeners(&config)?;
    let admin = bind_admin(&config)?;
    let (failures, failed) = mpsc::unbounded_channel();
    let (directories, cluster_id) = open_directories(&config, &failures)?;
    let mut random = Random::from_seed(seed());
    let published = Published::default();
    let quorum = Arc::new(open_quorum(&config, &cluster_id, &directories, &published).await?);
    let epoch = quorum.status().leader_epoch;
    crate::takeover::recognise(&directories, quorum.epoch_before(), epoch);
    let metrics = Arc::new(Metrics::new(APIS.iter().map(|row| row.api)));
    let controller_random = Random::from_seed(random.next_u64());
    let controller = ControllerShell::new(
        cluster_id.clone(),
        config.configs.clone(),
        controller_random,
        Arc::clone(&quorum),
    );
    let flush_queue = Arc::new(FlushQueue::default());
    let groups = Arc::new(Groups::new(groups::group_config(&config.groups)));
    let transactions = Arc::new(Transactions::new(config.transactions.clone()));
    let shares = Arc::new(ShareCoordinators::new(config.share_coordinator.clone()));
    // As many as there are directories, unless told.
    let move_threads = usize::try_from(config.configs.int("num.replica.alter.log.dirs.threads"));
    let move_threads = move_threads.ok().filter(|threads| *threads > 0).unwrap_or(config.log_dirs.len());
    let node = Arc::new(Node {
        cluster_id,
        published,
        broker_configs: ArcSwap::from_pointee(config.configs.clone()),
        controller,
        partitions: Arc::new(Partitions::new(directories)),
        groups: Arc::clone(&groups),
        transactions: Arc::clone(&transactions),
        shares: Arc::clone(&shares),
        share_partitions: SharePartitions::new(
            usize::try_from(config.configs.int("group.share.max.share.sessions")).unwrap_or(0),
        ),
        fetch_sessions: Mutex::new(FetchSessions::new(
            config.network.max_incremental_fetch_session_cache_slots as usize,
        )),
        producer_ids: ProducerIds::default(),
        metrics: Arc::clone(&metrics),
        loggers,
        random: Mutex::new(random),
        served: ArcSwap::from_pointee(ClusterImage::default()),
        follow_turn: tokio::sync::Mutex::default(),
        cleaner: Mutex::default(),
        following: AtomicBool::new(false),
        bound: sockets.iter().map(|socket| (Arc::clone(&socket.name), socket.address)).collect(),
        flush_queue: Arc::clone(&flush_queue),
        moves: Moves::new(move_threads),
        runtime: tokio::runtime::Handle::current(),
        ready: AtomicBool::new(false),
        fatal: watch::Sender::new(None),
        config,
    });
    node.producer_ids.attach(&node);
    let (of_groups, of_transactions, of_shares) = (
        Arc::clone(&groups.coordinators),
        Arc::clone(&transactions.coordinators),
        Arc::clone(&shares.coordinators),
    );
    let flushers = flusher::start(&flush_queue, &metrics, move |partition| match partition.topic() {
        groups::OFFSETS_TOPIC => of_groups.committed(partition.index()),
        transactions::TRANSACTIONS_TOPIC => of_transactions.committed(partition.index()),
        shares::SHARE_STATE_TOPIC => of_shares.committed(partition.index()),
        _ => {}
    })
    .map_err(StartError::Thread)?;
    register(&node).await?;
    node.following.store(true, Ordering::Release);
    let placed = node.follow().await;
    tokio::spawn(offline::run(Arc::clone(&node), failed));
    if let Err(error) = homes::assign(&node, placed).await {
        tracing::error!(?error, "the controller cannot be told where partitions are");
    }
    crate::follow::set_strays_aside(&node);
    crate::takeover::settle(&node, epoch).await;
    for directory in node.partitions().online_directories() {
        if let Err(error) = log_dir::mark_dirty(&*directory.disk, &directory.path) {
            // With the mark the next start would trust what may be torn.
            directory.fail(&error);
        }
    }
    moves::begin_anew(&node);
    Ok(serve(node, per_ip_overrides, sockets, admin, flushers))
}

/// The addresses of the hosts, as they are at the start.
async fn resolve_overrides(overrides: &[(String, u32)]) -> Result<BTreeMap<IpAddr, usize>, StartError> {
    let mut resolved = BTreeMap::new();
    for (host, most) in overrides {
        let addresses = tokio::net::lookup_host((host.as_str(), 0));
        let addresses = addresses.await.map_err(|source| StartError::Host { host: host.clone(), source })?;
        resolved.extend(addresses.map(|address| (address.ip(), *most as usize)));
    }
    Ok(resolved)
}

fn serve(
    node: Arc<Node>,
    per_ip_overrides: BTreeMap<IpAddr, usize>,
    sockets: Vec<Bound>,
    admin: Option<TcpListener>,
    flushers: Vec<JoinHandle<()>>,
) -> Running {
    let (stop, stopping) = watch::channel(false);
    let network = &node.config().network;
    let limits = ConnectionLimits::new(
        network.max_connections as usize,
        network.max_connections_per_ip as usize,
        per_ip_overrides,
    );
    let memory = RequestMemory::new(usize::try_from(network.request_memory_bytes).unwrap_or(usize::MAX));
    let max_idle = network.connections_max_idle_ms.map_or(FOREVER, Duration::from_millis).min(FOREVER);
    let connections = Shared::new(limits, memory, network.socket_request_max_bytes as usize, max_idle);
    let mut listeners = vec![];
    for Bound { name, address, socket } in sockets {
        listeners.push((Arc::clone(&name), address));
        tokio::spawn(listener::serve(
            Listener { name, socket },
            Arc::clone(&node),
            connections.clone(),
            stopping.clone(),
        ));
    }
    let admin_address = admin.as_ref().and_then(|socket| socket.local_addr().ok());
    if let Some(socket) = admin {
        tokio::spawn(admin::serve(socket, Arc::clone(&node), stopping.clone()));
    }
    tokio::spawn(coordinators::drive(Arc::clone(&node.groups().coordinators), stopping.clone()));
    tokio::spawn(coordinators::drive(Arc::clone(&node.transactions().coordinators), stopping.clone()));
    tokio::spawn(transactions::write_markers(Arc::clone(&node), stopping.clone()));
    tokio::spawn(coordinators::drive(Arc::clone(&node.shares().coordinators), stopping.clone()));
    tokio::spawn(shares::prune(Arc::clone(&node), stopping.clone()));
    tokio::spawn(share_partitions::end_locks(Arc::clone(&node), stopping.clone()));
    let cleaner = tokio::spawn(cleaner::run(Arc::clone(&node), stopping.clone()));
    tokio::spawn(housekeeping::run(Arc::clone(&node), stopping));
    node.ready.store(true, Ordering::Release);
    Running { node, stop, flushers, cleaner, connections, listeners, admin: admin_address }
}

impl Running {
    /// The listeners for clients, with the ports that they got.
    pub fn listeners(&self) -> &[(Arc<str>, SocketAddr)] {
        &self.listeners
    }

    /// The admin listener, if there is one.
    pub const fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> &str {
        self.node.cluster_id()
    }

    /// Completes when the node can no longer go on: the metadata quorum met a fault, or no log directory is left.
    pub async fn failed(&self) -> String {
        let mut fatal = self.node.fatal.subscribe();
        tokio::select! {
            reason = quorum_failed(&self.node) => reason,
            // The sender is in the node, which is here.
            fatal = fatal.wait_for(Option::is_some) => fatal.ok().and_then(|reason| reason.clone()).unwrap_or_default(),
        }
    }

    /// Stops in order: no more requests, everything on disk, the directories marked as cleanly closed.
    pub async fn stop(self) {
        self.node.ready.store(false, Ordering::Release);
        self.stop.send_replace(true);
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.connections.open_connections() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.node.controller().quorum().shutdown().await;
        // No log changes below a cleaning that is still under way.
        drop(self.cleaner.await);
        let node = Arc::clone(&self.node);
        node.flush_queue.stop();
        let flushers = self.flushers;
        let closed = tokio::task::spawn_blocking(move || {
            for thread in flushers {
                let _ = thread.join();
            }
            close(&node);
        });
        if closed.await.is_err() {
            tracing::error!("the logs were not closed in order; the next start recovers them");
        }
    }
}

async fn quorum_failed(node: &Node) -> String {
    let mut status = node.controller().quorum().subscribe();
    loop {
        if let Some(quorum::Stop::Failed(reason)) = &status.borrow_and_update().stopped {
            return reason.clone();
        }
        if status.changed().await.is_err() {
            return "the metadata quorum ended".to_owned();
        }
    }
}

/// Flushes and closes every log; a directory that has not failed and all of whose logs were open and closed is marked clean.
fn close(node: &Node) {
    let _stays = node.moves().pause();
    let epoch = node.image().broker(node.id()).map_or(-1, |broker| broker.epoch);
    for directory in node.partitions().online_directories() {
        let all_closed = close_logs(node, directory);
        let marked = match node.partitions().write_checkpoints(directory) {
            Ok(()) if all_closed && !directory.is_incomplete() => {
                log_dir::mark_clean(&*directory.disk, &directory.path, epoch)
            }
            other => other,
        };
        if let Err(error) = marked {
            tracing::error!(directory = %directory.path.display(), %error, "cannot write checkpoints");
        }
    }
}

/// Whether every log of a directory was closed in order.
fn close_logs(node: &Node, directory: &Directory) -> bool {
    let partitions = node.partitions().in_directory(directory.index);
    let mut logs: Vec<_> = partitions.iter().map(|partition| partition.stop()).collect();
    let mut logs: Vec<&mut Log> = logs.iter_mut().map(|log| &mut **log).collect();
    let closed = match Log::close_all(&*directory.disk, &directory.path, &mut logs) {
        Ok(closed) => closed,
        Err(error) => {
            tracing::error!(directory = %directory.path.display(), %error, "the logs were not closed in order; the next start recovers them");
            return false;
        }
    };
    let mut all_closed = true;
    for (partition, closed) in partitions.iter().zip(closed) {
        if let Err(error) = closed {
            tracing::error!(partition = %partition.id(), %error, "the log was not closed in order; the next start recovers it");
            all_closed = false;
        }
    }
    all_closed
}

async fn open_quorum(
    config: &Config,
    cluster_id: &str,
    directories: &[Arc<Directory>],
    published: &Published,
) -> Result<RaftQuorum, StartError> {
    let mut options = Options::new(&config.metadata_log.dir, cluster_id, config.broker_id);
    let directory = directories
        .iter()
        .find(|directory| directory.path == config.metadata_log.dir)
        .or(directories.first());
    let listeners = config.listeners.iter().filter(|listener| listener.controller);
    let endpoints = listeners.map(|listener| {
        let endpoint = listener.advertised.as_ref().unwrap_or(&listener.endpoint);
        let name = listener.endpoint.name.clone();
        quorum::Endpoint { name, host: endpoint.host.clone(), port: endpoint.port }
    });
    options.voter = Voter::new(directory.map_or(Uuid::ZERO, |directory| directory.id), endpoints.collect());
    options.segment_bytes = u64::from(config.metadata_log.segment_bytes);
    options.max_bytes_between_snapshots = config.metadata_log.max_record_bytes_between_snapshots;
    options.max_snapshot_interval =
        Duration::from_millis(config.metadata_log.max_snapshot_interval_ms.unwrap_or(0));
    let framed = |records: Vec<MetadataRecord<'_>>| {
        let framed =
            records.iter().map(|record| records::encode(record, MetadataVersion::LATEST).map(Bytes::from));
        framed.collect::<Result<_, _>>().unwrap_or_default()
    };
    // What the first records of a new log are.
    options.bootstrap_records = framed(activation_records(&ClusterImage::default(), false));
    let quorum = RaftQuorum::open(options, Publisher::new(published.clone())).await?;
    // What the last controller left open.
    let activation: Vec<Bytes> = framed(activation_records(&published.load(), published.in_transaction()));
    if !activation.is_empty() {
        quorum.propose(activation).await?;
    }
    Ok(quorum)
}

/// As many open files as the system allows. Half of them are for connections.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).min(MAX_OPEN_FILES) / 2;
    OsDisk.handles().set_most(most as usize);
}

/// Where the system has no limit.
const MAX_OPEN_FILES: u64 = 1 << 20;

/// From the system's randomness: ids must differ between nodes and between runs.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
        ^ crate::clock::now().unix_ms as u64
}
