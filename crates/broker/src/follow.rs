//! Carrying out what the cluster's metadata says: logs opened, configured and removed, coordinators loaded.
//!
//! Nothing is decided here; the controller has. A delta is what changed since the image that was carried out last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use coordinator::group::{DeletedTopic, Request, Response};
use coordinator::runtime::Machine;
use log::{Log, log_dir};
use metadata::configs::ResourceType;
use metadata::configs::TopicConfig;
use metadata::{ClusterDelta, ClusterImage, ConfigResource, Partition as PartitionState, Topic, topic_name};
use protocol::TopicPartition;

use crate::clock;
use crate::configs::{PartitionConfig, broker_configs};
use crate::coordinators::{Coordinators, LoadError};
use crate::directory::Directory;
use crate::groups::OFFSETS_TOPIC;
use crate::homes::{Assignment, ToOpen, place};
use crate::node::Node;
use crate::partition::{Partition, Surroundings};
use crate::shares::SHARE_STATE_TOPIC;
use crate::transactions::TRANSACTIONS_TOPIC;

/// Threads that open logs at start (`num.recovery.threads.per.data.dir` of each directory, at most so many).
const MAX_OPENERS: usize = 8;

/// Carries out a delta. Blocks. Answers where replicas are that the controller believes elsewhere.
pub(crate) fn carry_out(
    node: &Arc<Node>,
    image: &ClusterImage,
    delta: &ClusterDelta,
    is_start: bool,
) -> Vec<Assignment> {
    configure_broker(node, image, delta);
    for topic in &delta.topics_deleted {
        remove(node, topic);
    }
    let changed = delta.topics_changed.iter().flat_map(|change| {
        change.partitions.iter().filter_map(|index| {
            change.topic.partitions.get(index).map(|state| (&change.topic, *index, state))
        })
    });
    let created = delta
        .topics_created
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(move |(index, state)| (topic, *index, state)));
    let ours = changed.chain(created).filter(|(_, _, state)| state.leader == Some(node.id()));
    let (mut to_open, mut to_lead) = (vec![], vec![]);
    for (topic, index, state) in ours {
        match node.partitions().by_id(topic.id, index) {
            Some(partition) => to_lead.push((partition, state)),
            None => to_open.push((topic, index, state)),
        }
    }
    for (partition, state) in to_lead {
        partition.lead(state.leader_epoch);
    }
    let assignments = open_all(node, image, &to_open, is_start);
    configure_topics(node, image, delta);
    // Groups first: markers of transactions go through them.
    if delta.topic_names().contains_key(OFFSETS_TOPIC) {
        load_coordinators(node, image, OFFSETS_TOPIC, &node.groups().coordinators, |partition, count| {
            node.groups().load(partition, count, &node.config().groups)
        });
    }
    if delta.topic_names().contains_key(TRANSACTIONS_TOPIC) {
        let transactions = node.transactions();
        load_coordinators(node, image, TRANSACTIONS_TOPIC, &transactions.coordinators, |partition, count| {
            transactions.load(partition, count, image)
        });
    }
    if delta.topic_names().contains_key(SHARE_STATE_TOPIC) {
        let shares = node.shares();
        load_coordinators(node, image, SHARE_STATE_TOPIC, &shares.coordinators, |partition, count| {
            shares.load(partition, count)
        });
    }
    assignments
}

fn configure_broker(node: &Arc<Node>, image: &ClusterImage, delta: &ClusterDelta) {
    if delta.configs_changed.iter().any(|resource| resource.resource_type == ResourceType::Broker) {
        let configs = broker_configs(&node.config().configs, image, node.id());
        node.broker_configs.store(Arc::new(configs));
    }
}

/// A topic's configuration in force. An error is of a log that another version wrote: the controller admits none.
fn topic_config(
    node: &Node,
    image: &ClusterImage,
    topic: &str,
) -> Result<Arc<PartitionConfig>, stdx::properties::Error> {
    let config =
        TopicConfig::resolve(&node.broker_configs(), &image.properties(&ConfigResource::topic(topic)))?;
    Ok(Arc::new(PartitionConfig::new(config, node.config().log.producer_id_expiration_ms)))
}

fn configure_topics(node: &Arc<Node>, image: &ClusterImage, delta: &ClusterDelta) {
    let all = delta.configs_changed.iter().any(|resource| resource.resource_type == ResourceType::Broker);
    let named = delta.configs_changed.iter().filter(|resource| resource.resource_type == ResourceType::Topic);
    let topics: Vec<Arc<Topic>> = if all {
        image.topics().values().cloned().collect()
    } else {
        named.filter_map(|resource| image.topic(&resource.name).cloned()).collect()
    };
    for topic in topics {
        let config = match topic_config(node, image, &topic.name) {
            Ok(config) => config,
            Err(error) => {
                tracing::error!(topic = %topic.name, %error, "the topic's configuration cannot be read: it stays as it was");
                continue;
            }
        };
        for index in topic.partitions.keys() {
            if let Some(partition) = node.partitions().by_id(topic.id, *index) {
                partition.set_config(Arc::clone(&config));
            }
        }
    }
}

/// Why a partition's log cannot be opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Log(#[from] log::Error),
    #[error("its configuration: {0}")]
    Configuration(#[from] stdx::properties::Error),
    #[error("its directory belongs to another topic of this name")]
    OfAnotherTopic,
    #[error(
        "the checkpoints of its log directory cannot be written, and may speak of an earlier partition of this name"
    )]
    OutdatedCheckpoints,
}

fn open_all(
    node: &Arc<Node>,
    image: &ClusterImage,
    to_open: &[ToOpen<'_>],
    is_start: bool,
) -> Vec<Assignment> {
    let (placed, assignments) = place(node, image, to_open, is_start);
    write_outdated_checkpoints(node);
    // One for all partitions of a topic.
    let mut configs = BTreeMap::new();
    let placed = placed.into_iter().map(|(partition, home)| {
        let topic = partition.0;
        let config = configs.entry(topic.id).or_insert_with(|| topic_config(node, image, &topic.name));
        (partition, home, config.clone())
    });
    let placed: Vec<_> = placed.collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(((topic, index, state), home, config)) =
            placed.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let config = config.clone().map_err(OpenError::from);
            match config.and_then(|config| open(node, config, topic, *index, state, home)) {
                Ok(partition) => {
                    let id = partition.id().clone();
                    node.partitions().add(partition);
                    home.opened(&id);
                }
                Err(error) => {
                    tracing::error!(topic = %topic.name, partition = index, %error, "cannot open the partition's log: the partition is offline");
                    home.not_opened();
                    if let OpenError::Log(error) = &error {
                        home.note(error);
                    }
                }
            }
        }
    };
    let threads = MAX_OPENERS.min(to_open.len().div_ceil(4)).max(1);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    assignments
}

fn open(
    node: &Arc<Node>,
    config: Arc<PartitionConfig>,
    topic: &Topic,
    index: i32,
    state: &PartitionState,
    home: &Arc<Directory>,
) -> Result<Arc<Partition>, OpenError> {
    let id = TopicPartition::new(Arc::clone(&topic.name), index);
    let path = home.path.join(id.to_string());
    if home.is_outdated() && home.disk.stat(&path).ok().flatten().is_none() {
        return Err(OpenError::OutdatedCheckpoints);
    }
    let known = log::checkpoint::read_topic_id(&*home.disk, &path)?;
    if known.is_some_and(|found| found != topic.id) {
        return Err(OpenError::OfAnotherTopic);
    }
    let recovery = home.recovery(&id);
    let disk = Arc::clone(&home.disk);
    let (mut log, report) =
        Log::open(disk, &path, id.clone(), Arc::clone(&config.log), recovery, clock::now())?;
    if let Some(cut) = &report.cut {
        tracing::warn!(partition = %id, position = cut.position, bytes = cut.bytes, reason = %cut.reason, "recovery cut an incomplete tail that was never acknowledged as durable");
    }
    if known.is_none() {
        log.write_topic_id(topic.id)?;
    }
    let surroundings = Surroundings {
        counts: node.metrics().topic(&topic.name),
        flush_queue: Arc::clone(&node.flush_queue),
    };
    Ok(Partition::new(log, topic.id, Arc::clone(home), state.leader_epoch, config, surroundings))
}

fn write_outdated_checkpoints(node: &Node) {
    for directory in node.partitions().online_directories().filter(|directory| directory.is_outdated()) {
        if let Err(error) = node.partitions().write_checkpoints(directory) {
            tracing::error!(directory = %directory.path.display(), %error, "cannot write checkpoints");
        }
    }
}

/// At start: directories of partitions that the cluster does not know, left for instance by a deletion that a crash
/// cut short, are renamed out of the way; and those of partitions that are in another log directory.
pub(crate) fn set_strays_aside(node: &Node) {
    let image = node.image();
    let is_stray = |id: &TopicPartition, home: &Directory| {
        let topic = image.topic(&id.topic);
        let is_known = topic.is_some_and(|topic| topic.partitions.contains_key(&id.partition));
        let open = node.partitions().by_name(&id.topic, id.partition);
        !is_known || open.is_some_and(|open| open.directory() != home.index)
    };
    for home in node.partitions().online_directories() {
        let set_aside_all = || {
            for (id, path) in log_dir::list(&*home.disk, &home.path)?.partitions {
                if *id.topic != *topic_name::CLUSTER_METADATA && is_stray(&id, home) {
                    set_aside(home, &path)?;
                    home.forget(&id);
                }
            }
            Ok::<(), log::Error>(())
        };
        if let Err(error) = set_aside_all() {
            tracing::error!(directory = %home.path.display(), %error, "cannot rename what is no partition of this node");
            home.note(&error);
        }
    }
}

/// Renames the directory of a topic that is not there (any more). It is kept: nothing here says that it may go.
pub(crate) fn set_aside(home: &Directory, path: &std::path::Path) -> Result<(), log::Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:x}-stray", clock::now().unix_ms));
    tracing::warn!(directory = %path.display(), "this is no partition of this node: renamed to -stray, and kept");
    let failed = |operation| move |source| log::Error::Io { operation, path: path.to_owned(), source };
    home.disk.rename(path, std::path::Path::new(&name)).map_err(failed("rename"))?;
    // A log that came back could be taken for the right one once more.
    home.disk.sync_dir(&home.path).map_err(failed("sync the directory of"))
}

/// Takes a deleted topic out of service and removes its files.
fn remove(node: &Arc<Node>, topic: &Topic) {
    let failed = |id: &TopicPartition, error: log::Error| {
        tracing::error!(partition = %id, %error, "cannot remove the files of a deleted topic");
    };
    let mut renamed = vec![];
    // All are renamed first, so that a crash in between leaves little that looks like a partition.
    for partition in node.partitions().remove_topic(&topic.name, topic.id) {
        node.moves().cancel(partition.id());
        let deleted = partition.delete(node.random_uuid());
        partition.home().removed(partition.id());
        match deleted {
            Ok(path) => {
                renamed.extend(path.map(|path| (partition.id().clone(), partition.home(), path)));
            }
            Err(error) => failed(partition.id(), error),
        }
    }
    // Of those that could not be opened no log is there to do it.
    for index in topic.partitions.keys() {
        let id = TopicPartition::new(Arc::clone(&topic.name), *index);
        for home in node.partitions().online_directories() {
            let unique = node.random_uuid();
            match log_dir::delete_partition(&*home.disk, &home.path, &id, topic.id, unique) {
                Ok(None) => {}
                Ok(Some(path)) => {
                    home.removed(&id);
                    renamed.push((id.clone(), Arc::clone(home), path));
                }
                Err(error) => failed(&id, error),
            }
        }
    }
    // Before a topic of the same name can come. This makes the new names durable as well.
    write_outdated_checkpoints(node);
    for (id, home, path) in renamed {
        if let Err(error) = log_dir::remove_partition(&*home.disk, &path) {
            failed(&id, error);
        }
    }
    node.metrics().forget_topic(&topic.name);
    forget_offsets(node, topic);
    let node = Arc::clone(node);
    let topic_id = topic.id;
    node.share_partitions.forget_topic(topic_id);
    node.runtime.clone().spawn(async move { node.shares().forget(topic_id).await });
}

/// Committed offsets of a deleted topic are forgotten; the answer is nobody's to wait for.
fn forget_offsets(node: &Arc<Node>, topic: &Topic) {
    for coordinator in node.groups().coordinators.all() {
        let node = Arc::clone(node);
        let (name, id) = (Arc::clone(&topic.name), topic.id);
        node.runtime.clone().spawn(async move {
            loop {
                let deleted = [DeletedTopic { name: &name, id }];
                let asked = node.groups().ask_coordinator(&coordinator, Request::TopicsDeleted(&deleted));
                match asked.answer().await {
                    Some(Response::TopicsDeleted { error, more: true }) if error.is_none() => {}
                    _ => return,
                }
            }
        });
    }
}

fn load_coordinators<M: Machine>(
    node: &Arc<Node>,
    image: &ClusterImage,
    topic: &str,
    coordinators: &Coordinators<M>,
    load: impl Fn(Arc<Partition>, i32) -> Result<(), LoadError>,
) {
    let Some(topic) = image.topic(topic) else { return };
    let count = topic.partitions.len() as i32;
    for index in topic.partitions.keys() {
        if coordinators.of_partition(*index).is_some() {
            continue;
        }
        let partition = node.partitions().by_id(topic.id, *index);
        let Some(partition) = partition.filter(|partition| !partition.is_closed()) else { continue };
        if let Err(error) = load(partition, count) {
            tracing::error!(topic = %topic.name, partition = index, %error, "cannot load the coordinator: what it coordinates is not served");
        }
    }
}
