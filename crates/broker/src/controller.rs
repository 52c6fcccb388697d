//! The shell of the controller: one decision at a time, on the newest image, committed by the quorum before its
//! reply leaves, and carried out on this node's partitions.

use std::sync::Arc;

use bytes::Bytes;
use metadata::ClusterImage;
use metadata::configs::BrokerConfigs;
use metadata::controller::{Controller, Outcome};
use metadata::records;
use parking_lot::Mutex;
use protocol::{ErrorCode, MetadataRecord};
use quorum::{MetadataQuorum as _, RaftQuorum};
use stdx::Random;

use crate::homes::{self, Assignment};
use crate::node::Node;

/// What decisions go through.
pub(crate) struct ControllerShell {
    machine: Controller,
    random: Mutex<Random>,
    /// Held from the decision until its records are applied: the next decision sees them.
    turn: Arc<tokio::sync::Mutex<()>>,
    quorum: Arc<RaftQuorum>,
}

impl ControllerShell {
    pub(crate) fn new(
        cluster_id: String,
        configs: BrokerConfigs,
        random: Random,
        quorum: Arc<RaftQuorum>,
    ) -> Self {
        Self {
            machine: Controller::new(cluster_id, configs),
            random: Mutex::new(random),
            turn: Arc::default(),
            quorum,
        }
    }

    pub(crate) fn quorum(&self) -> &RaftQuorum {
        &self.quorum
    }

    /// Appends records to the metadata log; they are applied when this returns.
    async fn commit(
        &self,
        image: &ClusterImage,
        records: &[MetadataRecord<'static>],
    ) -> Result<(), ErrorCode> {
        let version = image.metadata_version();
        let framed: Result<Vec<Bytes>, _> =
            records.iter().map(|record| records::encode(record, version).map(Bytes::from)).collect();
        let framed = framed.map_err(|error| {
            tracing::error!(%error, "a decision of the controller cannot be written");
            ErrorCode::UnknownServerError
        })?;
        self.quorum.propose(framed).await.map(drop).map_err(|error| {
            tracing::error!(%error, "the metadata log took no records");
            ErrorCode::NotController
        })
    }

    /// Where new partitions are is known to the metadata log before anybody is told of them: see `homes`.
    async fn assign(&self, node: &Arc<Node>, placed: &[Assignment]) {
        if placed.is_empty() {
            return;
        }
        let image = node.newest_image();
        let epoch = image.broker(node.id()).map_or(-1, |broker| broker.epoch);
        let request = homes::request(node.id().get(), epoch, placed);
        let outcome = self.machine.assign_replicas_to_dirs(&image, &request);
        if self.commit(&image, &outcome.records).await.is_ok() {
            node.follow().await;
        }
    }
}

/// Decides, commits, follows, and gives the reply. The work goes on where the caller gives up: a decision is carried
/// out whole.
pub(crate) async fn decide<R: Send + 'static>(
    node: &Arc<Node>,
    decision: impl FnOnce(&Controller, &ClusterImage, &mut Random) -> Outcome<R>,
) -> Result<R, ErrorCode> {
    let shell = node.controller();
    let turn = Arc::clone(&shell.turn).lock_owned().await;
    let image = node.newest_image();
    let outcome = decision(&shell.machine, &image, &mut shell.random.lock());
    if outcome.records.is_empty() {
        return Ok(outcome.reply);
    }
    let node = Arc::clone(node);
    let committing = tokio::spawn(async move {
        let shell = node.controller();
        let committed = shell.commit(&image, &outcome.records).await;
        if committed.is_ok() {
            let placed = node.follow().await;
            shell.assign(&node, &placed).await;
        }
        drop(turn);
        committed.map(|()| outcome.reply)
    });
    committing.await.unwrap_or(Err(ErrorCode::UnknownServerError))
}
