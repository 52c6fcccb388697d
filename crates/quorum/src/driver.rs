//! The task beside openraft: publishes the state of the quorum, and asks for snapshots when they are due. It sleeps
//! until something changes.

use std::time::Duration;

use openraft::RaftMetrics;
use protocol::Offset;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::quorum::{Status, Stop};
use crate::raft_quorum::stop;
use crate::store::Progress;
use crate::types::{LogId, NodeId, Raft, Voter, broker_id, epoch_of};

type Metrics = RaftMetrics<NodeId, Voter>;

/// When a snapshot is due.
pub(crate) struct Driver {
    max_bytes: u64,
    max_interval: Duration,
    /// When there must be a snapshot of the first record that none covers.
    deadline: Option<Instant>,
    /// The newest snapshot at the time that we asked for another, while that is being made.
    asked: Option<Option<LogId>>,
}

impl Driver {
    pub(crate) const fn new(max_bytes: u64, max_interval: Duration) -> Self {
        Self { max_bytes, max_interval, deadline: None, asked: None }
    }

    /// Runs until openraft does not.
    pub(crate) async fn run(
        mut self,
        raft: Raft,
        mut progress: watch::Receiver<Progress>,
        status: watch::Sender<Status>,
    ) {
        let mut metrics = raft.metrics();
        loop {
            let now = *progress.borrow_and_update();
            let (published, newest) = {
                let metrics = metrics.borrow_and_update();
                (published(&metrics, &now), metrics.snapshot)
            };
            let running = published.stopped.is_none();
            status.send_if_modified(|old| std::mem::replace(old, published) != *old);
            if !running {
                return;
            }
            if self.is_due(&now, newest, Instant::now()) {
                self.asked = Some(newest);
                // An error says that openraft has stopped, as the metrics will.
                drop(raft.trigger().snapshot().await);
            }
            let deadline = self.deadline.filter(|_| self.asked.is_none());
            tokio::select! {
                changed = metrics.changed() => {
                    if changed.is_err() && metrics.borrow().running_state.is_ok() {
                        let failed = Stop::Failed("openraft panicked".to_owned());
                        tracing::error!(reason = ?failed, "the metadata quorum failed");
                        status.send_modify(|status| status.stopped = Some(failed));
                        return;
                    }
                }
                Ok(()) = progress.changed() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
            }
        }
    }

    fn is_due(&mut self, progress: &Progress, newest: Option<LogId>, now: Instant) -> bool {
        if self.asked.is_some_and(|before| before != newest) {
            self.asked = None;
            self.deadline = None;
        }
        if !progress.data_since_snapshot {
            self.deadline = None;
        } else if self.deadline.is_none() && !self.max_interval.is_zero() {
            self.deadline = Some(now + self.max_interval);
        }
        let due = progress.bytes_since_snapshot >= self.max_bytes.max(1)
            || self.deadline.is_some_and(|at| at <= now);
        due && self.asked.is_none()
    }
}

/// The state of the quorum from openraft's and the state machine's.
pub(crate) fn published(metrics: &Metrics, progress: &Progress) -> Status {
    let stopped = metrics.running_state.clone().err().map(stop);
    if let Some(Stop::Failed(reason)) = &stopped {
        tracing::error!(reason, "the metadata quorum failed");
    }
    Status {
        leader: metrics.current_leader.map(broker_id),
        leader_epoch: epoch_of(metrics.current_term),
        high_watermark: Offset(progress.high_watermark),
        stopped,
    }
}
