//! Carrying on what an Apache Kafka left: which clusters are, and whose directories are whose.
//!
//! Whether the logs of a directory were written by us last, or by Kafka, matters after a crash: segments of ours that do not
//! continue each other past the recovery point have lost what was never flushed, and the log ends there (`Log::open`). Kafka
//! does not wait for the recovery point when it cleans, so that such a gap of its is nothing but a cleaning. Every run of either
//! is a new leader epoch of the metadata log: a directory carries the epoch of our last run in which all of its logs were open,
//! and where the metadata log has gone further it is foreign.

use std::sync::Arc;

use log::log_dir;
use metadata::{ClusterImage, ConfigResource, Feature};
use protocol::{BrokerId, LeaderEpoch};

use crate::directory::Directory;
use crate::node::Node;
use crate::partition::Partition;
use crate::purgatory::Watch;

/// Why a cluster is not carried on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A feature that this version does not know.
    #[error(
        "the feature {name} is finalized at level {level}, this version of millstream knows {}: was it written by a newer Kafka?",
        known.map_or("no such feature".to_owned(), |max| format!("levels up to {max}"))
    )]
    Feature {
        /// The feature.
        name: String,
        /// Its level.
        level: i16,
        /// The highest that we know.
        known: Option<i16>,
    },
    /// There are other brokers.
    #[error(
        "broker {id} is registered too, but this version of millstream serves one node alone: take it out of the cluster first \
         (kafka-cluster unregister)"
    )]
    OtherBroker {
        /// The other.
        id: BrokerId,
    },
    /// Some of the data is elsewhere.
    #[error(
        "{topic}-{partition} has the replicas {replicas:?}, but this version of millstream serves one node alone: move all to \
         it first (kafka-reassign-partitions)"
    )]
    OtherReplicas {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Its replicas.
        replicas: Vec<BrokerId>,
    },
    /// Some of the data is in a remote storage, and Kafka would delete it there by where the log starts here.
    #[error(
        "the topic {topic} has remote.storage.enable=true, which this version of millstream does not serve"
    )]
    Tiered {
        /// The topic.
        topic: String,
    },
}

/// Refuses a cluster that cannot be carried on here whole, and says what of its protection is not in force.
pub(crate) fn check(image: &ClusterImage, node_id: BrokerId) -> Result<(), Refused> {
    for (name, level) in image.features() {
        let known = Feature::named(name).map(|feature| feature.latest);
        if known.is_none_or(|max| *level > max) {
            return Err(Refused::Feature { name: name.to_string(), level: *level, known });
        }
    }
    if let Some(other) = image.alive_brokers().find(|broker| broker.id != node_id) {
        return Err(Refused::OtherBroker { id: other.id });
    }
    for topic in image.topics().values() {
        let elsewhere = topic.partitions.iter().find(|(_, partition)| partition.replicas != [node_id]);
        if let Some((partition, state)) = elsewhere {
            let (topic, replicas) = (topic.name.to_string(), state.replicas.clone());
            return Err(Refused::OtherReplicas { topic, partition: *partition, replicas });
        }
        let tiered = image.config(&ConfigResource::topic(Arc::clone(&topic.name)), "remote.storage.enable");
        if tiered.is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
            return Err(Refused::Tiered { topic: topic.name.to_string() });
        }
    }
    warn_of_protection(image);
    Ok(())
}

fn warn_of_protection(image: &ClusterImage) {
    let kept = [
        (image.acls().len(), "access control entries"),
        (image.scram_credentials().len(), "SCRAM credentials"),
        (image.delegation_tokens().len(), "delegation tokens"),
        (image.client_quotas().len(), "client quotas"),
    ];
    for (count, what) in kept.into_iter().filter(|(count, _)| *count > 0) {
        tracing::warn!(
            count,
            "the cluster has {what}: they are kept, but this version of millstream does not enforce them"
        );
    }
}

/// Tells our directories from foreign ones, before their logs are opened. What is ours stays so if this run ends early.
pub(crate) fn recognise(directories: &[Arc<Directory>], before: LeaderEpoch, now: LeaderEpoch) {
    for directory in directories.iter().filter(|directory| !directory.is_offline()) {
        let (disk, path) = (&*directory.disk, &directory.path);
        let recognised = log_dir::opened_in(disk, path).and_then(|epoch| match epoch == Some(before) {
            true => log_dir::mark_opened_in(disk, path, now).map(|()| directory.set_ours()),
            false => Ok(()),
        });
        if let Err(error) = recognised {
            // Taken for foreign, what a crash has torn would be taken for a cleaning.
            directory.fail(&error);
        }
    }
}

/// Makes foreign directories ours, once their logs are open: with recovery points behind every gap.
pub(crate) async fn settle(node: &Arc<Node>, now: LeaderEpoch) {
    for directory in node.partitions().online_directories().filter(|directory| directory.is_foreign()) {
        if !directory.was_clean() && !flush(node, directory).await || directory.is_incomplete() {
            // It stays foreign: the next run settles it.
            continue;
        }
        let checkpoints =
            if directory.was_clean() { Ok(()) } else { node.partitions().write_checkpoints(directory) };
        let settled =
            checkpoints.and_then(|()| log_dir::mark_opened_in(&*directory.disk, &directory.path, now));
        if let Err(error) = settled {
            directory.note(&error);
        }
    }
}

/// Whether all of a directory is on the disk. The flusher's threads see to it, and to nothing twice at a time.
async fn flush(node: &Arc<Node>, directory: &Directory) -> bool {
    let partitions = node.partitions().in_directory(directory.index);
    partitions.iter().for_each(Partition::request_flush);
    let mut durable = true;
    for partition in &partitions {
        let (watch, (_, end)) = (Watch::default(), partition.offsets());
        let flushed = watch.until(None, |watch| partition.poll_flushed(end, watch)).await;
        durable &= matches!(flushed, Some(Ok(())));
    }
    durable
}

#[cfg(test)]
mod tests {
    use protocol::messages::{
        ConfigRecord, FeatureLevelRecord, PartitionRecord, RegisterBrokerRecord, TopicRecord,
    };
    use protocol::{MetadataRecord, Offset, Uuid};

    use super::*;

    fn feature(name: &'static str, feature_level: i16) -> MetadataRecord<'static> {
        let record = FeatureLevelRecord { name: name.into(), feature_level, ..FeatureLevelRecord::default() };
        MetadataRecord::FeatureLevel(record)
    }

    fn broker(broker_id: i32, fenced: bool) -> MetadataRecord<'static> {
        let record = RegisterBrokerRecord { broker_id, fenced, ..RegisterBrokerRecord::default() };
        MetadataRecord::RegisterBroker(record)
    }

    fn topic(replicas: &[i32]) -> [MetadataRecord<'static>; 2] {
        let topic_id = Uuid::from_random(1);
        let topic = TopicRecord { name: "t".into(), topic_id, ..TopicRecord::default() };
        let replicas = replicas.to_vec();
        let partition = PartitionRecord { topic_id, partition_id: 0, replicas, ..PartitionRecord::default() };
        [MetadataRecord::Topic(topic), MetadataRecord::Partition(partition)]
    }

    fn remote_storage(value: &'static str) -> MetadataRecord<'static> {
        MetadataRecord::Config(ConfigRecord {
            resource_type: 2,
            resource_name: "t".into(),
            name: "remote.storage.enable".into(),
            value: Some(value.into()),
            ..ConfigRecord::default()
        })
    }

    #[test]
    fn what_cannot_be_carried_on_whole_is_refused() {
        fn verdict(records: &[MetadataRecord<'_>]) -> Result<(), Refused> {
            let mut image = ClusterImage::default();
            records.iter().for_each(|record| image.replay(Offset::ZERO, record).unwrap());
            check(&image, BrokerId(1))
        }
        let [made, here] = topic(&[1]);
        let [_, shared] = topic(&[1, 2]);
        assert_eq!(verdict(&[broker(1, false), made.clone(), here.clone()]), Ok(()));
        assert_eq!(verdict(&[feature("group.version", 1), feature("transaction.version", 2)]), Ok(()));
        let newer = Refused::Feature { name: "group.version".into(), level: 2, known: Some(1) };
        assert_eq!(verdict(&[feature("group.version", 2)]), Err(newer));
        let unknown = Refused::Feature { name: "teleport.version".into(), level: 1, known: None };
        assert_eq!(verdict(&[feature("teleport.version", 1)]), Err(unknown));
        assert_eq!(verdict(&[broker(2, true)]), Ok(()), "it may be gone for good");
        assert_eq!(verdict(&[broker(2, false)]), Err(Refused::OtherBroker { id: BrokerId(2) }));
        let replicas = vec![BrokerId(1), BrokerId(2)];
        let elsewhere = Refused::OtherReplicas { topic: "t".into(), partition: 0, replicas };
        assert_eq!(verdict(&[made.clone(), shared]), Err(elsewhere));
        assert_eq!(verdict(&[made.clone(), here.clone(), remote_storage("false")]), Ok(()));
        let tiered = Refused::Tiered { topic: "t".into() };
        assert_eq!(verdict(&[made, here, remote_storage("true")]), Err(tiered));
    }
}
