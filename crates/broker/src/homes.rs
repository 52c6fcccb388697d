//! Which log directory has which partition: looked up at start, chosen for what is new, and told to the controller, so
//! that a partition in a directory that is away is not taken for a new one. What is decided, [`placement`] decides.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use log::log_dir;
use metadata::configs::TopicConfig;
use metadata::{ClusterImage, ConfigResource, Partition as PartitionState, Topic};
use protocol::messages::AssignReplicasToDirsRequest;
use protocol::messages::assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
use protocol::{ErrorCode, TopicPartition, Uuid};

use crate::controller::decide;
use crate::directory::Directory;
use crate::follow::set_aside;
use crate::node::Node;
use crate::placement::{Candidate, Nowhere, Replica, choose};

/// The most that one request tells the controller: Kafka's limit.
const MAX_ASSIGNMENTS_PER_REQUEST: usize = 2250;

/// A partition that is to be opened.
pub(crate) type ToOpen<'a> = (&'a Arc<Topic>, i32, &'a Arc<PartitionState>);

/// A replica of this node is in another directory than the metadata says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) directory: Uuid,
}

/// Before the node serves: tells the controller where partitions are. Those whose directory is not here stay offline.
pub(crate) async fn settle(node: &Arc<Node>) -> Result<(), ErrorCode> {
    let own = Arc::clone(node);
    let found = tokio::task::spawn_blocking(move || find(&own, &own.newest_image())).await;
    assign(node, found.unwrap_or_default()).await
}

/// Tells the controller where replicas are.
pub(crate) async fn assign(node: &Arc<Node>, assignments: Vec<Assignment>) -> Result<(), ErrorCode> {
    for some in assignments.chunks(MAX_ASSIGNMENTS_PER_REQUEST) {
        let some = some.to_vec();
        let id = node.id();
        let reply = decide(node, |machine, image, _| {
            let broker_epoch = image.broker(id).map_or(-1, |broker| broker.epoch);
            machine.assign_replicas_to_dirs(image, &request(id.get(), broker_epoch, &some))
        })
        .await?;
        match ErrorCode::from_code(reply.error_code) {
            Some(ErrorCode::None) => {}
            error => return Err(error.unwrap_or(ErrorCode::UnknownServerError)),
        }
    }
    Ok(())
}

/// One request for all of them.
pub(crate) fn request(
    broker_id: i32,
    broker_epoch: i64,
    assignments: &[Assignment],
) -> AssignReplicasToDirsRequest {
    let mut directories: BTreeMap<Uuid, BTreeMap<Uuid, Vec<i32>>> = BTreeMap::new();
    for Assignment { topic_id, partition, directory } in assignments {
        directories.entry(*directory).or_default().entry(*topic_id).or_default().push(*partition);
    }
    let partition = |partition_index| PartitionData { partition_index, ..PartitionData::default() };
    let topic = |(topic_id, partitions): (Uuid, Vec<i32>)| TopicData {
        topic_id,
        partitions: partitions.into_iter().map(partition).collect(),
        ..TopicData::default()
    };
    let directory = |(id, topics): (Uuid, BTreeMap<Uuid, Vec<i32>>)| DirectoryData {
        id,
        topics: topics.into_iter().map(topic).collect(),
        ..DirectoryData::default()
    };
    AssignReplicasToDirsRequest {
        broker_id,
        broker_epoch,
        directories: directories.into_iter().map(directory).collect(),
        ..AssignReplicasToDirsRequest::default()
    }
}

/// Where the partitions of this node are, other than the metadata says.
fn find(node: &Node, image: &ClusterImage) -> Vec<Assignment> {
    let directories = node.partitions().directories();
    let ours = || {
        let topics = image.topics().values();
        let all = topics
            .flat_map(|topic| topic.partitions.iter().map(move |(index, state)| (topic, *index, state)));
        all.filter(|(_, _, state)| state.replicas.contains(&node.id()))
    };
    let only = match directories {
        [only] if !only.is_offline() => Some(only.id),
        _ => None,
    };
    let has_directories = image.metadata_version().has_directories();
    if !has_directories || ours().all(|(_, _, state)| Some(state.directory_of(node.id())) == only) {
        return vec![];
    }
    let listed: Vec<HashSet<TopicPartition>> = directories.iter().map(|home| list(home)).collect();
    let copies = copies(node);
    let mut candidates = candidates(node, image);
    let mut nowhere: BTreeMap<Nowhere, (usize, TopicPartition)> = BTreeMap::new();
    let mut assignments = vec![];
    for (topic, index, state) in ours() {
        let id = TopicPartition::new(Arc::clone(&topic.name), index);
        let assigned = state.directory_of(node.id());
        let is_there = |at: usize| {
            listed.get(at).is_some_and(|listed| listed.contains(&id))
                // Where it is said to be, opening it looks whose it is.
                && directories
                    .get(at)
                    .is_some_and(|home| home.id == assigned || is_of(home, &id, topic.id))
        };
        let has_copy = copies.contains(&id);
        match choose(replica(node, image, topic, state, false, has_copy), &candidates, is_there) {
            Ok(at) => {
                if let Some(candidate) = candidates.get_mut(at) {
                    candidate.replicas += 1;
                    if candidate.id != assigned {
                        assignments.push(Assignment {
                            topic_id: topic.id,
                            partition: index,
                            directory: candidate.id,
                        });
                    }
                }
            }
            Err(why) => nowhere.entry(why).or_insert((0, id)).0 += 1,
        }
    }
    for (why, (partitions, example)) in nowhere {
        tracing::error!(partitions, %example, %why, "partitions are offline");
    }
    assignments
}

/// The partitions that a directory has.
fn list(home: &Directory) -> HashSet<TopicPartition> {
    if home.is_offline() {
        return HashSet::new();
    }
    match log_dir::list(&*home.disk, &home.path) {
        Ok(contents) => contents.partitions.into_iter().map(|(id, _)| id).collect(),
        Err(error) => {
            home.note(&error);
            HashSet::new()
        }
    }
}

/// The partitions of which a move has left a copy.
fn copies(node: &Node) -> HashSet<TopicPartition> {
    let online = node.partitions().online_directories();
    online.flat_map(|home| home.futures()).map(|(id, _)| id).collect()
}

/// Whether the log of that name in a directory is of this topic; one that cannot be read is taken for it.
fn is_of(home: &Directory, id: &TopicPartition, topic_id: Uuid) -> bool {
    let found = log::checkpoint::read_topic_id(&*home.disk, &home.path.join(id.to_string()));
    !matches!(found, Ok(Some(found)) if found != topic_id)
}

fn candidates(node: &Node, image: &ClusterImage) -> Vec<Candidate> {
    let counts = node.partitions().counts();
    let cordoned = image.broker(node.id()).map_or(&[][..], |broker| &broker.cordoned_log_dirs);
    let candidate = |(directory, replicas): (&Arc<Directory>, usize)| Candidate {
        id: directory.id,
        is_online: !directory.is_offline(),
        has_room: directory.space().is_none_or(|space| space.usable_bytes > 0),
        is_cordoned: cordoned.contains(&directory.id),
        replicas,
    };
    node.partitions().directories().iter().zip(counts).map(candidate).collect()
}

fn replica(
    node: &Node,
    image: &ClusterImage,
    topic: &Topic,
    state: &PartitionState,
    is_new: bool,
    has_copy: bool,
) -> Replica {
    let gives_up = || {
        let overrides = image.properties(&ConfigResource::topic(&*topic.name));
        TopicConfig::resolve(&node.broker_configs(), &overrides)
            .is_ok_and(|config| config.unclean_leader_election_enable)
    };
    let assigned = state.directory_of(node.id());
    let is_here = node.partitions().online_directories().any(|home| home.id == assigned);
    let may_be_lost = has_copy || !is_here && !is_new;
    Replica {
        assigned,
        is_new,
        may_lose_records: may_be_lost && (!state.isr.contains(&node.id()) || gives_up()),
        has_copy,
        preferred: None,
    }
}

/// The directory of each partition that has one, and what the controller is to be told of them. All are placed before
/// the first is opened, so that what is opened at the same time spreads evenly.
pub(crate) fn place<'a>(
    node: &Node,
    image: &ClusterImage,
    to_open: &[ToOpen<'a>],
    is_start: bool,
) -> (Vec<(ToOpen<'a>, Arc<Directory>)>, Vec<Assignment>) {
    let directories = node.partitions().directories();
    let mut candidates = candidates(node, image);
    let copies = if is_start { copies(node) } else { HashSet::new() };
    let (mut placed, mut assignments) = (vec![], vec![]);
    for (topic, index, state) in to_open {
        let id = TopicPartition::new(Arc::clone(&topic.name), *index);
        let there: Vec<bool> = directories.iter().map(|directory| has(directory, &id, topic.id)).collect();
        // Looking may have found that one has failed.
        for (candidate, directory) in candidates.iter_mut().zip(directories) {
            candidate.is_online = !directory.is_offline();
        }
        let is_there = |at: usize| there.get(at) == Some(&true);
        let has_copy = copies.contains(&id);
        let mut replica = replica(node, image, topic, state, !is_start, has_copy);
        replica.preferred = node.moves().take_preferred(&id);
        let at = match choose(replica, &candidates, is_there) {
            Ok(at) => at,
            Err(why) => {
                tracing::error!(partition = %id, %why, "the partition is offline");
                continue;
            }
        };
        let (Some(home), Some(candidate)) = (directories.get(at), candidates.get_mut(at)) else { continue };
        candidate.replicas += 1;
        if home.id != replica.assigned && image.metadata_version().has_directories() {
            assignments.push(Assignment { topic_id: topic.id, partition: *index, directory: home.id });
        }
        // What checkpoints say about this name elsewhere, or anywhere if it is new, was about another partition.
        let others = directories.iter().filter(|other| other.index != at || !is_there(at));
        others.for_each(|directory| directory.forget(&id));
        placed.push(((*topic, *index, *state), Arc::clone(home)));
    }
    (placed, assignments)
}

/// Whether a directory has a partition. One of another topic that had this name is renamed out of the way.
fn has(directory: &Directory, id: &TopicPartition, topic_id: Uuid) -> bool {
    if directory.is_offline() {
        return false;
    }
    let path = directory.path.join(id.to_string());
    match directory.disk.stat(&path) {
        Ok(None) => return false,
        Ok(Some(_)) => {}
        Err(source) => {
            directory.note(&log::Error::Io { operation: "look at", path, source });
            return false;
        }
    }
    match log::checkpoint::read_topic_id(&*directory.disk, &path) {
        Ok(Some(found)) if found != topic_id => {
            if let Err(error) = set_aside(directory, &path) {
                tracing::error!(partition = %id, %error, "cannot rename the directory of another topic of this name");
            }
            false
        }
        // What cannot be read is said when it is opened.
        _ => true,
    }
}
