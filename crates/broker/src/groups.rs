//! The shell of the group coordinators: one runtime for each partition of `__consumer_offsets` that this node leads.
//!
//! It appends what a runtime proposes, concludes it, and passes the replies on when the runtime releases them. One
//! task drives the timers of all; an idle coordinator costs nothing.

mod driver;
mod load;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use coordinator::group::{GroupConfig, GroupCoordinator, Request, Response};
use coordinator::runtime::{Proposal, Reply, ReplyToken, Runtime};
use coordinator::{CommitError, CoordinatorRecord, partition_for};
use parking_lot::{Mutex, RwLock};
use protocol::records::{BatchBuilder, NewRecord};
use protocol::{Offset, TopicPartition};
use tokio::sync::{Notify, oneshot};

use crate::clock;
use crate::partition::Partition;

pub(crate) use driver::drive;
pub(crate) use load::{group_config, load};

/// The topic that coordinators write.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// All group coordinators of this node.
pub(crate) struct Groups {
    pub(crate) config: GroupConfig,
    by_partition: RwLock<BTreeMap<i32, Arc<Coordinator>>>,
    /// How many partitions the offsets topic has; 0 while it does not exist.
    partitions: AtomicU64,
    tokens: AtomicU64,
    /// Tells the driver that a deadline came nearer than the one it sleeps for.
    nearer: Notify,
    sleeping_until_ms: AtomicU64,
}

/// The coordinator of one partition of the offsets topic.
pub(crate) struct Coordinator {
    pub(crate) partition: Arc<Partition>,
    state: Mutex<State>,
}

struct State {
    runtime: Runtime<GroupCoordinator>,
    waiting: BTreeMap<ReplyToken, oneshot::Sender<Response>>,
}

impl Groups {
    pub(crate) fn new(config: GroupConfig) -> Self {
        Self {
            config,
            by_partition: RwLock::default(),
            partitions: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            nearer: Notify::new(),
            sleeping_until_ms: AtomicU64::new(u64::MAX),
        }
    }

    /// The partition of the offsets topic that coordinates a group; `None` while the topic does not exist.
    pub(crate) fn partition_of(&self, group: &str) -> Option<i32> {
        match self.partitions.load(Ordering::Acquire) {
            0 => None,
            count => Some(partition_for(group, count as i32)),
        }
    }

    /// The coordinator of a group, if this node has it.
    pub(crate) fn coordinator_of(&self, group: &str) -> Option<Arc<Coordinator>> {
        self.by_partition.read().get(&self.partition_of(group)?).cloned()
    }

    /// Whether the coordinator of a partition is loaded.
    pub(crate) fn has(&self, partition: i32) -> bool {
        self.by_partition.read().contains_key(&partition)
    }

    /// All coordinators, by partition.
    pub(crate) fn all(&self) -> Vec<Arc<Coordinator>> {
        self.by_partition.read().values().cloned().collect()
    }

    /// Adds a loaded coordinator.
    pub(crate) fn add(&self, index: i32, count: i32, coordinator: Arc<Coordinator>) {
        self.by_partition.write().insert(index, coordinator);
        self.partitions.store(count as u64, Ordering::Release);
        self.nearer.notify_one();
    }

    /// The coordinators whose log is in this directory are no more: everybody who waits is answered, and looks for
    /// another one.
    pub(crate) fn unload_in(&self, directory: usize) {
        let mut coordinators = self.by_partition.write();
        coordinators.retain(|_, coordinator| {
            let stays = coordinator.partition.directory() != directory;
            if !stays {
                let mut state = coordinator.state.lock();
                let replies = state.runtime.unload();
                state.pass_on(replies);
            }
            stays
        });
    }

    /// Asks the coordinator of `group`: everything up to the append happens before this returns. The answer comes
    /// when it may leave; `None` when the node stops first.
    pub(crate) fn ask(&self, group: &str, request: Request<'_>) -> Asked {
        match self.coordinator_of(group) {
            Some(coordinator) => self.ask_coordinator(&coordinator, request),
            // As Kafka does while the topic does not exist: clients look the coordinator up, which creates it.
            None => Asked::Done(Box::new(GroupCoordinator::without_coordinator(&self.config, request))),
        }
    }

    /// The same where the coordinator is known.
    pub(crate) fn ask_coordinator(&self, coordinator: &Arc<Coordinator>, request: Request<'_>) -> Asked {
        let token = ReplyToken(self.tokens.fetch_add(1, Ordering::Relaxed));
        let (send, receive) = oneshot::channel();
        let now = clock::now();
        let mut state = coordinator.state.lock();
        state.waiting.insert(token, send);
        let proposal = state.runtime.propose(now, token, request);
        coordinator.carry_out(&mut state, proposal);
        self.note_deadline(&state);
        Asked::Waiting(receive)
    }

    fn note_deadline(&self, state: &State) {
        if let Some(deadline) = state.runtime.next_deadline_ms()
            && deadline < self.sleeping_until_ms.load(Ordering::Relaxed)
        {
            self.nearer.notify_one();
        }
    }

    /// The records of the coordinator of `partition` are committed up to its committed offset.
    pub(crate) fn committed(&self, partition: &TopicPartition) {
        let coordinator = self.by_partition.read().get(&partition.partition).cloned();
        if let Some(coordinator) = coordinator {
            coordinator.committed();
        }
    }
}

/// A question to a coordinator.
pub(crate) enum Asked {
    /// Answered on the spot.
    Done(Box<Response>),
    /// Answered later.
    Waiting(oneshot::Receiver<Response>),
}

impl Asked {
    /// The answer; `None` when the node stops first.
    pub(crate) async fn answer(self) -> Option<Response> {
        match self {
            Self::Done(response) => Some(*response),
            Self::Waiting(receive) => receive.await.ok(),
        }
    }
}

impl Coordinator {
    /// Appends what is proposed and concludes it.
    fn carry_out(&self, state: &mut State, proposal: Proposal<GroupCoordinator>) {
        let now = clock::now();
        let appended = match proposal.records() {
            [] => Ok(Offset::ZERO),
            records => self.append(records),
        };
        let mut replies = state.runtime.conclude(now, proposal, appended);
        replies.extend(state.runtime.committed(self.partition.committed_offset()));
        state.pass_on(replies);
    }

    fn append(&self, records: &[CoordinatorRecord]) -> Result<Offset, CommitError> {
        let mut batch = coordinator_batch(records).map_err(|_| CommitError::TooLarge)?;
        self.partition.append_as_coordinator(&mut batch)
    }

    /// The log is committed further: releases what waited for it.
    pub(crate) fn committed(&self) {
        let mut state = self.state.lock();
        let replies = state.runtime.committed(self.partition.committed_offset());
        state.pass_on(replies);
    }

    /// Reads the machine, for metrics.
    pub(crate) fn inspect<T>(&self, look: impl FnOnce(&GroupCoordinator) -> T) -> T {
        look(self.state.lock().runtime.machine())
    }
}

impl State {
    fn pass_on(&mut self, replies: Vec<Reply<Response>>) {
        for reply in replies {
            if let Some(send) = self.waiting.remove(&reply.token) {
                // Nobody listens where the connection is gone.
                let _ = send.send(reply.response);
            }
        }
    }
}

/// One batch of coordinator records, as Kafka's coordinators write it: uncompressed, stamped with this moment.
fn coordinator_batch(records: &[CoordinatorRecord]) -> Result<Vec<u8>, protocol::records::Error> {
    let timestamp = clock::now().unix_ms;
    let mut builder = BatchBuilder::new(Offset::ZERO);
    for record in records {
        builder.append_next(NewRecord {
            timestamp,
            key: Some(&record.key),
            value: record.value.as_deref(),
            ..NewRecord::default()
        })?;
    }
    builder.build()
}

/// The key and value of a record of the log, owned.
fn coordinator_record(key: Option<&[u8]>, value: Option<&[u8]>) -> Option<CoordinatorRecord> {
    Some(CoordinatorRecord { key: Bytes::copy_from_slice(key?), value: value.map(Bytes::copy_from_slice) })
}
