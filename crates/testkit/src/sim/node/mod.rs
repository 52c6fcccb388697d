//! The node: the shells around log and coordinator, in virtual time (`crates/broker`). It decides nothing.
//!
//! | here | there |
//! |---|---|
//! | this file | `server`, `follow`: start, stop, carry out what the metadata says |
//! | `directory` | `partitions`: the checkpoints |
//! | `partition` | `partition` |
//! | `flusher` | `flusher` |
//! | `coordinator` | `groups` |
//! | `chores` | `housekeeping` |

mod chores;
mod coordinator;
mod directory;
mod flusher;
mod partition;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ::coordinator::group::{DeletedTopic, GroupConfig};
use log::{Log, log_dir};
use metadata::configs::ResourceType;
use metadata::{ClusterDelta, ClusterImage, Topic};
use protocol::{ErrorCode, LeaderEpoch, TopicPartition, Uuid};

use self::chores::Doomed;
use self::coordinator::{Coordinator, group_config};
use self::directory::Directory;
use self::flusher::Flusher;
use self::partition::log_config;
use super::cluster::Cluster;
use super::event::{Acks, Event, Incarnation};
use super::record::{self, Rec};
use super::scene::{Answer, Scene, Token};

pub(crate) use self::coordinator::OFFSETS_TOPIC;
pub(crate) use self::partition::{Located, Partition};

pub(crate) struct Node {
    directories: Vec<Directory>,
    partitions: BTreeMap<TopicPartition, Partition>,
    coordinators: BTreeMap<i32, Coordinator>,
    flusher: Flusher,
    doomed: Vec<Doomed>,
    group_config: GroupConfig,
}

/// A partition that is to be opened here.
struct ToOpen {
    id: Incarnation,
    leader_epoch: LeaderEpoch,
}

impl Node {
    /// Starts the node on what the disk holds.
    pub(crate) fn start(scene: &mut Scene, cluster: &mut Cluster) -> Result<Self, log::Error> {
        let mut directories = Vec::new();
        for index in 0..scene.plan.directories {
            let path = PathBuf::from(format!("/data{index}"));
            let disk = scene.disk.shared();
            log_dir::create(&*disk, &path)?;
            directories.push(Directory::open(disk, &path)?);
        }
        let mut node = Self {
            directories,
            partitions: BTreeMap::new(),
            coordinators: BTreeMap::new(),
            flusher: Flusher::default(),
            doomed: Vec::new(),
            group_config: group_config(scene),
        };
        cluster.register_node(&mut scene.random);
        let (image, delta) = cluster.publish_all();
        node.carry_out(scene, cluster, &image, &delta);
        node.set_strays_aside(scene, &image)?;
        for directory in &node.directories {
            directory.mark_dirty()?;
        }
        Ok(node)
    }

    /// Stops in order. Whether everything was closed.
    pub(crate) fn stop(mut self, scene: &mut Scene) -> bool {
        while !self.flusher.is_idle() {
            self.step_flush(scene);
        }
        let mut clean: Vec<bool> = self.directories.iter().map(|directory| !directory.incomplete).collect();
        for (index, clean) in clean.iter_mut().enumerate() {
            let ours = self.partitions.values_mut().filter(|partition| partition.directory == index);
            let (ids, mut logs): (Vec<_>, Vec<&mut Log>) = ours
                .map(|partition| {
                    partition.failed = true;
                    (partition.id.clone(), &mut partition.log)
                })
                .unzip();
            let directory = &self.directories[index];
            match Log::close_all(&*directory.disk, &directory.path, &mut logs) {
                Ok(closed) => {
                    for (id, error) in
                        ids.iter().zip(closed).filter_map(|(id, closed)| Some((id, closed.err()?)))
                    {
                        scene.trace(format_args!("{id} does not close: {error}"));
                        *clean = false;
                    }
                }
                Err(error) => {
                    scene.trace(format_args!("directory {index} does not close: {error}"));
                    *clean = false;
                }
            }
            let marked = self.write_checkpoints(index).and_then(|()| match *clean {
                true => self.directories[index].mark_clean(),
                false => Ok(()),
            });
            *clean &= marked.is_ok();
        }
        clean.into_iter().all(|clean| clean)
    }

    /// A partition that this node serves.
    pub(crate) fn partition(&self, id: &Incarnation) -> Option<&Partition> {
        self.partitions.get(&id.partition).filter(|partition| partition.id == *id)
    }

    fn partition_mut(&mut self, id: &Incarnation) -> Option<&mut Partition> {
        self.partitions.get_mut(&id.partition).filter(|partition| partition.id == *id)
    }

    /// Every partition that is served.
    pub(crate) fn ids(&self) -> Vec<Incarnation> {
        self.partitions.values().map(|partition| partition.id.clone()).collect()
    }

    /// A Produce request for one partition.
    pub(crate) fn produce(
        &mut self,
        scene: &mut Scene,
        id: &Incarnation,
        batch: &mut [u8],
        records: &[Rec],
        acks: Acks,
        token: Token,
    ) {
        let Some(partition) = self.partition_mut(id) else {
            let answer = Answer::Produce(Err(ErrorCode::UnknownTopicOrPartition));
            return scene.outbox.push((token, answer));
        };
        if partition.produce(scene, batch, records, acks, token) {
            self.request_flush(id);
        }
    }

    /// Carries out what changed in the metadata.
    pub(crate) fn carry_out(
        &mut self,
        scene: &mut Scene,
        cluster: &Cluster,
        image: &ClusterImage,
        delta: &ClusterDelta,
    ) {
        for topic in &delta.topics_deleted {
            self.remove(scene, topic);
        }
        let changed = delta.topics_changed.iter().flat_map(|change| {
            change.partitions.iter().map(|index| (&change.topic, *index, &change.topic.partitions[index]))
        });
        let created = delta
            .topics_created
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(move |(index, state)| (topic, *index, state)));
        let mut to_open = Vec::new();
        for (topic, index, state) in changed.chain(created) {
            let partition = TopicPartition::new(topic.name.clone(), index);
            let id = Incarnation { partition, topic_id: topic.id };
            match self.partition_mut(&id) {
                Some(partition) => partition.lead(state.leader_epoch),
                None => to_open.push(ToOpen { id, leader_epoch: state.leader_epoch }),
            }
        }
        self.open_all(scene, cluster, image, to_open);
        let topics = delta.configs_changed.iter().filter(|on| on.resource_type == ResourceType::Topic);
        for topic in topics.filter_map(|resource| image.topic(&resource.name)) {
            let config = cluster.topic_config(image, &topic.name);
            let ours = self.partitions.values_mut().filter(|partition| partition.id.topic_id == topic.id);
            for partition in ours {
                partition.set_config(scene, config.clone());
            }
        }
        for index in image.topic(OFFSETS_TOPIC).into_iter().flat_map(|topic| topic.partitions.keys()) {
            if !self.coordinators.contains_key(index)
                && let Err(error) = self.load_coordinator(scene, *index)
                && !scene.faulty
            {
                scene.oracles.object("recovery", format!("coordinator {index}: {error}"));
            }
        }
    }

    fn open_all(&mut self, scene: &mut Scene, cluster: &Cluster, image: &ClusterImage, to_open: Vec<ToOpen>) {
        let homes = self.place(scene, &to_open);
        for (ToOpen { id, leader_epoch }, home) in to_open.into_iter().zip(homes) {
            let name = id.partition.clone();
            match self.open(scene, cluster, image, &id, leader_epoch, home) {
                Ok(partition) => {
                    self.partitions.insert(name.clone(), partition);
                    self.directories[home].opened(&name);
                }
                Err(error) => {
                    let error = error.to_string();
                    self.directories[home].incomplete = true;
                    scene.trace(format_args!("{id} cannot be opened: {error}"));
                    if !scene.faulty {
                        scene.observe(&Event::NotRecovered { id: &id, error: &error });
                    }
                }
            }
        }
    }

    fn open(
        &self,
        scene: &mut Scene,
        cluster: &Cluster,
        image: &ClusterImage,
        id: &Incarnation,
        leader_epoch: LeaderEpoch,
        home: usize,
    ) -> Result<Partition, log::Error> {
        let directory = &self.directories[home];
        let (disk, path) = (directory.disk.clone(), directory.partition_path(&id.partition));
        if directory.outdated && disk.stat(&path).ok().flatten().is_none() {
            let source = std::io::Error::other("the checkpoints are of earlier partitions");
            return Err(log::Error::Io { operation: "make", path, source });
        }
        let recovery = directory.recovery(&id.partition);
        let config = cluster.topic_config(image, &id.partition.topic);
        let name = id.partition.clone();
        let (mut log, report) =
            Log::open(disk.clone(), &path, name, log_config(&config, &scene.plan), recovery, scene.now)?;
        if log::checkpoint::read_topic_id(&*disk, &path)?.is_none() {
            log.write_topic_id(id.topic_id)?;
        }
        let (log_start, log_end) = (log.log_start_offset(), log.log_end_offset());
        let found = log.read(log_start, u64::MAX, true, log_end)?;
        let mut bytes = Vec::new();
        for range in &found.ranges {
            bytes.extend(read_range(range).map_err(|source| log::Error::Io {
                operation: "read",
                path: path.clone(),
                source,
            })?);
        }
        let cut = report.cut.as_ref().map(|cut| (cut.bytes, cut.log_end_offset));
        scene.trace(format_args!(
            "{id} opened: {log_start}..{log_end}, durable {}, {} scanned, {} rebuilt, cut {cut:?}",
            log.durable_offset(),
            report.segments_scanned,
            report.indexes_rebuilt,
        ));
        match record::read(&bytes) {
            Ok(batches) => scene.observe(&Event::Recovered {
                id,
                log_start: log_start.get(),
                log_end: log_end.get(),
                batches: &batches,
            }),
            Err(error) => scene.oracles.object("content", format!("{id} after recovery: {error}")),
        }
        Ok(Partition::new(log, id.clone(), home, leader_epoch, config))
    }

    /// The directory of each partition: the one that has it already, else that with the fewest.
    fn place(&mut self, scene: &mut Scene, to_open: &[ToOpen]) -> Vec<usize> {
        let mut homes = Vec::new();
        for ToOpen { id, .. } in to_open {
            let found = (0..self.directories.len()).find(|index| self.has(scene, *index, id));
            let count = |home: usize| {
                let open = self.partitions.values().filter(|partition| partition.directory == home).count();
                open + homes.iter().filter(|other| **other == home).count()
            };
            let home = found.unwrap_or_else(|| {
                (0..self.directories.len()).min_by_key(|home| count(*home)).unwrap_or_default()
            });
            homes.push(home);
            for index in 0..self.directories.len() {
                if found != Some(index) {
                    self.directories[index].forget(&id.partition);
                }
            }
        }
        self.write_outdated_checkpoints(scene);
        homes
    }

    /// Whether a directory has a partition. One of another topic that had this name is renamed out of the way.
    fn has(&self, scene: &mut Scene, index: usize, id: &Incarnation) -> bool {
        let directory = &self.directories[index];
        let path = directory.partition_path(&id.partition);
        if directory.disk.stat(&path).ok().flatten().is_none() {
            return false;
        }
        match log::checkpoint::read_topic_id(&*directory.disk, &path) {
            Ok(Some(found)) if found != id.topic_id => {
                let renamed = directory.disk.rename(&path, &stray(scene, &path));
                scene.trace(format_args!("{id}: another topic's directory set aside: {}", renamed.is_ok()));
                false
            }
            _ => true,
        }
    }

    fn set_strays_aside(&mut self, scene: &mut Scene, image: &ClusterImage) -> Result<(), log::Error> {
        for directory in &mut self.directories {
            for (id, path) in log_dir::list(&*directory.disk, &directory.path)?.partitions {
                let known =
                    image.topic(&id.topic).is_some_and(|topic| topic.partitions.contains_key(&id.partition));
                if !known {
                    scene.trace(format_args!("{id} is a stray"));
                    directory.disk.rename(&path, &stray(scene, &path)).map_err(|source| log::Error::Io {
                        operation: "rename",
                        path,
                        source,
                    })?;
                    directory.forget(&id);
                }
            }
        }
        Ok(())
    }

    /// Takes a deleted topic out of service and removes its files.
    fn remove(&mut self, scene: &mut Scene, topic: &Topic) {
        let gone: Vec<TopicPartition> =
            self.partitions.keys().filter(|id| id.topic == topic.name).cloned().collect();
        let mut renamed = Vec::new();
        for name in gone {
            let Some(mut partition) = self.partitions.remove(&name) else { continue };
            partition.retire(scene);
            self.directories[partition.directory].outdated = true;
            let unique = Uuid::from_random(scene.random.next_u128());
            match partition.log.delete(unique) {
                Ok(path) => renamed.push((partition.directory, path)),
                Err(error) => scene.trace(format_args!("{name} is not deleted: {error}")),
            }
            scene.observe(&Event::Deleted { id: &partition.id });
        }
        for index in topic.partitions.keys() {
            let id = TopicPartition::new(topic.name.clone(), *index);
            for (home, directory) in self.directories.iter_mut().enumerate() {
                let unique = Uuid::from_random(scene.random.next_u128());
                match log_dir::delete_partition(&*directory.disk, &directory.path, &id, topic.id, unique) {
                    Ok(None) => {}
                    Ok(Some(path)) => {
                        directory.outdated = true;
                        renamed.push((home, path));
                    }
                    Err(error) => scene.trace(format_args!("{id} is not deleted: {error}")),
                }
            }
        }
        self.write_outdated_checkpoints(scene);
        for (home, path) in renamed {
            if let Err(error) = log_dir::remove_partition(&*self.directories[home].disk, &path) {
                scene.trace(format_args!("{} is not removed: {error}", path.display()));
            }
        }
        let deleted = [DeletedTopic { name: &topic.name, id: topic.id }];
        for index in 0..scene.plan.offsets_partitions {
            let token = scene.token();
            self.ask_coordinator(scene, index, token, ::coordinator::group::Request::TopicsDeleted(&deleted));
        }
    }

    fn write_outdated_checkpoints(&mut self, scene: &mut Scene) {
        for index in 0..self.directories.len() {
            if self.directories[index].outdated
                && let Err(error) = self.write_checkpoints(index)
            {
                scene.trace(format_args!("checkpoints of directory {index}: {error}"));
            }
        }
    }

    fn write_checkpoints(&mut self, index: usize) -> Result<(), log::Error> {
        let ours = || self.partitions.values().filter(|partition| partition.directory == index);
        self.directories[index].write_recovery_points(ours())?;
        self.directories[index].write_log_starts(ours())?;
        self.directories[index].outdated = false;
        Ok(())
    }
}

/// The bytes of a range, all of them.
pub(crate) fn read_range(range: &log::FileRange) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; range.len as usize];
    let read = range.file.read_at(&mut bytes, range.position)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn stray(scene: &mut Scene, path: &std::path::Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:x}-stray", scene.random.next_u64()));
    name.into()
}
