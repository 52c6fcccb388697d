//! DescribeLogDirs, api key 35, versions 1 to 5: what partitions take in which directory (KIP-113).
//!
//! 2: flexible. 3: an error for the whole answer. 4: the size and room of the volume (KIP-827). 5: cordoned directories
//! (KIP-1066): there are none.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use protocol::ErrorCode;
use protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: DescribeLogDirsRequest<'_> = request.decode()?;
    let asked: Option<BTreeSet<(&str, i32)>> = body.topics.as_ref().map(|topics| {
        topics.iter().flat_map(|topic| topic.partitions.iter().map(|index| (&*topic.topic, *index))).collect()
    });
    let mut results = vec![];
    // The moves first: one that ends meanwhile is told of as it was, or as it is.
    let mut moves: Vec<_> =
        (0..node.partitions().directories().len()).map(|to| node.moves().into(to)).collect();
    for (directory, there) in node.partitions().directories().iter().zip(node.partitions().by_directory()) {
        let path = std::path::absolute(&directory.path).unwrap_or_else(|_| directory.path.clone());
        let log_dir = path.to_string_lossy().into_owned().into();
        if directory.is_offline() {
            let error_code = ErrorCode::KafkaStorageError.code();
            results.push(DescribeLogDirsResult { error_code, log_dir, ..DescribeLogDirsResult::default() });
            continue;
        }
        let mut topics: BTreeMap<String, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for partition in &there {
            let (topic, index) = (partition.topic(), partition.index());
            if asked.as_ref().is_some_and(|asked| !asked.contains(&(topic, index))) {
                continue;
            }
            topics.entry(topic.to_owned()).or_default().push(DescribeLogDirsPartition {
                partition_index: index,
                partition_size: partition.size_bytes() as i64,
                offset_lag: 0,
                is_future_key: false,
                ..DescribeLogDirsPartition::default()
            });
        }
        let ids: HashSet<_> = there.iter().map(|partition| partition.id()).collect();
        for (id, moving) in std::mem::take(&mut moves[directory.index]) {
            if asked.as_ref().is_some_and(|asked| !asked.contains(&(&*id.topic, id.partition))) {
                continue;
            }
            // One that is there, and waits for the end of a move elsewhere.
            if ids.contains(&id) {
                continue;
            }
            let progress = moving.progress();
            let end = node.partitions().by_name(&id.topic, id.partition).map(|open| open.offsets().1);
            topics.entry(id.topic.to_string()).or_default().push(DescribeLogDirsPartition {
                partition_index: id.partition,
                partition_size: progress.size_bytes as i64,
                offset_lag: end.map_or(-1, |end| (end - progress.end_offset).max(0)),
                is_future_key: true,
                ..DescribeLogDirsPartition::default()
            });
        }
        let topics = topics.into_iter().map(|(name, partitions)| DescribeLogDirsTopic {
            name: name.into(),
            partitions,
            ..DescribeLogDirsTopic::default()
        });
        let space = directory.space();
        results.push(DescribeLogDirsResult {
            log_dir,
            topics: topics.collect(),
            total_bytes: space.map_or(-1, |space| space.total_bytes as i64),
            usable_bytes: space.map_or(-1, |space| space.usable_bytes as i64),
            ..DescribeLogDirsResult::default()
        });
    }
    request.answer(&DescribeLogDirsResponse { results, ..DescribeLogDirsResponse::default() })
}
