//! The share coordinators: one for each partition of `__share_group_state` that this node leads.

use std::sync::Arc;

use coordinator::runtime::RuntimeConfig;
use coordinator::share_state::{
    Action, Refusal, Request, Response, ShareCoordinator, SharePartitionKey, ShareStateConfig, Subject,
};
use metadata::ClusterImage;
use metadata::configs::ShareCoordinatorConfig;
use parking_lot::Mutex;
use protocol::wire::Str;
use protocol::{ErrorCode, Uuid};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};

use crate::coordinators::{Coordinators, LoadError};
use crate::node::Node;
use crate::partition::Partition;
use crate::request::Malformed;

/// The topic that they write.
pub(crate) const SHARE_STATE_TOPIC: &str = "__share_group_state";

/// All share coordinators of this node.
pub(crate) struct ShareCoordinators {
    config: ShareCoordinatorConfig,
    pub(crate) coordinators: Arc<Coordinators<ShareCoordinator>>,
    /// Logs to prune, until the task that does takes it.
    acting: Mutex<Option<UnboundedReceiver<(i32, Action)>>>,
}

/// A question about one share-partition.
pub(crate) enum Asked {
    /// Answered on the spot.
    Done(Response),
    /// Answered later.
    Waiting(oneshot::Receiver<Response>),
}

impl Asked {
    /// The answer, unless the node stops first.
    pub(crate) async fn answer(self) -> Result<Response, Malformed> {
        match self {
            Self::Done(response) => Ok(response),
            Self::Waiting(receive) => receive.await.map_err(|_| Malformed::Stopping),
        }
    }
}

impl ShareCoordinators {
    pub(crate) fn new(config: ShareCoordinatorConfig) -> Self {
        let (coordinators, acting) = Coordinators::new();
        Self { config, coordinators: Arc::new(coordinators), acting: Mutex::new(Some(acting)) }
    }

    /// Loads the coordinator of a partition of the topic, which has so many.
    pub(crate) fn load(&self, partition: Arc<Partition>, count: i32) -> Result<(), LoadError> {
        let clamp = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let machine = ShareCoordinator::new(ShareStateConfig {
            updates_per_snapshot: self.config.snapshot_update_records_per_snapshot,
            prune_interval_ms: clamp(self.config.state_topic_prune_interval_ms),
            cold_snapshot_interval_ms: clamp(self.config.cold_partition_snapshot_interval_ms),
            ..ShareStateConfig::default()
        });
        let runtime =
            RuntimeConfig { commit_timeout_ms: self.config.write_timeout_ms, ..RuntimeConfig::default() };
        self.coordinators.load(partition, count, machine, runtime)
    }

    /// Asks the coordinator of a share-partition.
    pub(crate) fn ask<'a>(
        &self,
        image: &ClusterImage,
        key: &'a SharePartitionKey,
        request: impl FnOnce(Subject<'a>) -> Request<'a>,
    ) -> Asked {
        let topic = image.topic_by_id(key.topic_id);
        let exists = topic.is_some_and(|topic| topic.partitions.contains_key(&key.partition));
        match self.coordinators.coordinator_of(&key.to_string()) {
            Some(coordinator) => {
                Asked::Waiting(self.coordinators.propose(&coordinator, request(Subject { key, exists })))
            }
            None => Asked::Done(Response::Refused(ErrorCode::NotCoordinator.into())),
        }
    }

    /// A topic is no more: nobody will ask for its share-partitions.
    pub(crate) async fn forget(&self, topic_id: Uuid) {
        let topics = [topic_id].into();
        for coordinator in self.coordinators.all() {
            loop {
                let answer = self.coordinators.propose(&coordinator, Request::TopicsDeleted(&topics)).await;
                if answer != Ok(Response::More) {
                    break;
                }
            }
        }
    }
}

/// The key of a partition of a topic.
pub(crate) fn key(group_id: &Arc<str>, topic_id: Uuid, partition: i32) -> SharePartitionKey {
    SharePartitionKey { group_id: Arc::clone(group_id), topic_id, partition }
}

/// Whether a request asks anything: as in Kafka one without a group, without topics, or with a topic without partitions is
/// answered with nothing at all.
pub(crate) fn asks_something(group_id: &str, mut partitions: impl Iterator<Item = usize>) -> bool {
    let first = partitions.next();
    !group_id.is_empty() && first.is_some_and(|count| count > 0) && partitions.all(|count| count > 0)
}

/// The code and message of a result.
pub(crate) fn error_of(response: &Response) -> (i16, Option<Str<'static>>) {
    match response {
        Response::Refused(Refusal { error, message }) => (error.code(), Some(Str::Borrowed(message))),
        _ => (ErrorCode::None.code(), None),
    }
}

/// Deletes from the logs what the coordinators do not need any more, until the node stops.
pub(crate) async fn prune(node: Arc<Node>, mut stop: watch::Receiver<bool>) {
    let Some(mut acting) = node.shares().acting.lock().take() else { return };
    loop {
        let action = tokio::select! {
            action = acting.recv() => action,
            _ = stop.changed() => return,
        };
        let Some((index, Action::Prune(before))) = action else { return };
        let Some(coordinator) = node.shares().coordinators.of_partition(index) else { continue };
        let partition = Arc::clone(&coordinator.partition);
        if let Err(error) = node.delete_records(partition, before.get()).await {
            tracing::warn!(topic = SHARE_STATE_TOPIC, partition = index, %before, %error, "cannot prune the log; it is tried again when there is more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::asks_something;

    #[test]
    fn what_asks_nothing_is_answered_with_nothing() {
        assert!(asks_something("g", [1, 2].into_iter()));
        assert!(!asks_something("", [1].into_iter()));
        assert!(!asks_something("g", [].into_iter()));
        assert!(!asks_something("g", [0, 1].into_iter()));
        assert!(!asks_something("g", [1, 0].into_iter()));
    }
}
