//! Group commit in three steps, so that appends come in between (`broker/src/flusher.rs`): a target is taken, synced
//! without the lock, and reported.

use std::collections::VecDeque;

use log::{Error as LogError, FlushTarget};

use super::Node;
use super::partition::FlushState;
use crate::sim::event::Incarnation;
use crate::sim::scene::Scene;

/// As many flushes as the node has threads for them.
const THREADS: usize = 4;

#[derive(Default)]
pub(super) struct Flusher {
    queue: VecDeque<Incarnation>,
    under_way: Vec<UnderWay>,
}

/// A thread that flushes.
struct UnderWay {
    id: Incarnation,
    target: Option<FlushTarget>,
    /// What the sync came to.
    synced: Option<Result<(), LogError>>,
}

impl Flusher {
    pub(super) fn push(&mut self, id: Incarnation) {
        self.queue.push_back(id);
    }

    fn can_begin(&self) -> bool {
        !self.queue.is_empty() && self.under_way.len() < THREADS
    }

    /// Whether there is nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.under_way.is_empty()
    }
}

impl Node {
    pub(super) fn request_flush(&mut self, id: &Incarnation) {
        let Some(partition) = self.partitions.get_mut(&id.partition) else { return };
        partition.flush = match partition.flush {
            FlushState::Idle => {
                self.flusher.push(id.clone());
                FlushState::Queued
            }
            FlushState::UnderWay => FlushState::UnderWayAndDue,
            waiting => waiting,
        };
    }

    /// One step of some flush, if there is one. Whether there was.
    pub(crate) fn step_flush_if_any(&mut self, scene: &mut Scene) -> bool {
        let any = !self.flusher.is_idle();
        self.step_flush(scene);
        any
    }

    /// One step of some flush.
    pub(crate) fn step_flush(&mut self, scene: &mut Scene) {
        let under_way = self.flusher.under_way.len();
        let choice = scene.random.below(under_way + usize::from(self.flusher.can_begin()));
        if choice < under_way {
            if self.flusher.under_way[choice].synced.is_some() {
                let done = self.flusher.under_way.remove(choice);
                self.end_flush(scene, done);
            } else {
                let flush = &mut self.flusher.under_way[choice];
                scene.trace(format_args!("sync {}", flush.id));
                flush.synced = Some(flush.target.as_ref().map_or(Ok(()), FlushTarget::sync));
            }
        } else if let Some(id) = self.flusher.queue.pop_front() {
            self.begin_flush(scene, id);
        }
    }

    fn begin_flush(&mut self, scene: &mut Scene, id: Incarnation) {
        let Some(partition) = self.partition_mut(&id) else { return };
        partition.flush = FlushState::UnderWay;
        let (target, synced) = match partition.log.flush_target() {
            Ok(Some(target)) => (Some(target), None),
            Ok(None) => (None, Some(Ok(()))),
            Err(error) => (None, Some(Err(error))),
        };
        scene.trace(format_args!("flush {id} to {:?}", target.as_ref().map(FlushTarget::offset)));
        self.flusher.under_way.push(UnderWay { id, target, synced });
    }

    fn end_flush(&mut self, scene: &mut Scene, done: UnderWay) {
        let UnderWay { id, target, synced } = done;
        let Some(partition) = self.partition_mut(&id) else { return };
        let due = partition.flush == FlushState::UnderWayAndDue;
        partition.flush = if due { FlushState::Queued } else { FlushState::Idle };
        let synced = synced.unwrap_or(Ok(())).map(|()| target.as_ref());
        partition.flushed(scene, synced);
        if due {
            self.flusher.push(id.clone());
        }
        self.committed(scene, &id);
    }
}
