//! AlterReplicaLogDirs, api key 34, versions 1 and 2: moves replicas of this broker to other log directories (KIP-113).
//!
//! 2: flexible. The answer comes when the moves are under way: from then on a start begins them anew. DescribeLogDirs tells
//! how far they are, as of a second replica with `is_future_key`. A partition that is not here yet goes there when it is made.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use log::log_dir::can_have_future;
use protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use protocol::messages::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse};
use protocol::{ErrorCode, TopicPartition};

use crate::directory::Directory;
use crate::moves::{self, Move};
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: AlterReplicaLogDirsRequest<'_> = request.decode()?;
    let mut results: BTreeMap<&str, BTreeMap<i32, ErrorCode>> = BTreeMap::new();
    let mut begun = vec![];
    for dir in &body.dirs {
        let to = directory(node, Path::new(&*dir.path));
        for topic in &dir.topics {
            for index in &topic.partitions {
                let id = TopicPartition::new(&*topic.name, *index);
                let code = match alter(node, id, to) {
                    Ok(Some(moving)) => {
                        begun.push((&*topic.name, *index, moving));
                        ErrorCode::None
                    }
                    Ok(None) => ErrorCode::None,
                    Err(error) => error,
                };
                results.entry(&topic.name).or_default().insert(*index, code);
            }
        }
    }
    for (topic, index, moving) in begun {
        if let Err(error) = moving.has_begun().await {
            results.entry(topic).or_default().insert(index, error);
        }
    }
    let partition = |(partition_index, error): (i32, ErrorCode)| AlterReplicaLogDirPartitionResult {
        partition_index,
        error_code: error.code(),
        ..AlterReplicaLogDirPartitionResult::default()
    };
    let results = results.into_iter().map(|(topic, partitions)| AlterReplicaLogDirTopicResult {
        topic_name: topic.to_owned().into(),
        partitions: partitions.into_iter().map(partition).collect(),
        ..AlterReplicaLogDirTopicResult::default()
    });
    let response =
        AlterReplicaLogDirsResponse { results: results.collect(), ..AlterReplicaLogDirsResponse::default() };
    request.answer(&response)
}

/// The directory of a path, as DescribeLogDirs tells it.
fn directory<'a>(node: &'a Node, path: &Path) -> Option<&'a Arc<Directory>> {
    let absolute = |directory: &Directory| std::path::absolute(&directory.path);
    node.partitions().directories().iter().find(|home| absolute(home).is_ok_and(|found| found == path))
}

/// Kafka's checks, in its order. `None`: it is there.
fn alter(
    node: &Arc<Node>,
    id: TopicPartition,
    to: Option<&Arc<Directory>>,
) -> Result<Option<Arc<Move>>, ErrorCode> {
    if !can_have_future(&id) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let to = to.ok_or(ErrorCode::LogDirNotFound)?;
    if to.is_offline() {
        return Err(ErrorCode::KafkaStorageError);
    }
    match node.partition_by_name(&id.topic, id.partition) {
        Ok(partition) if partition.home().is_offline() => Err(ErrorCode::KafkaStorageError),
        Ok(partition) => {
            let is_there = partition.directory() == to.index;
            // With a directory away a copy of the partition may be there already.
            if !is_there && node.partitions().directories().iter().any(|directory| directory.is_offline()) {
                return Err(ErrorCode::KafkaStorageError);
            }
            Ok(moves::begin(node, partition, Arc::clone(to)))
        }
        Err(ErrorCode::UnknownTopicOrPartition) => {
            node.moves().prefer(id, to.index);
            Err(ErrorCode::UnknownTopicOrPartition)
        }
        Err(error) => Err(error),
    }
}
