//! The shell of coordinators of one kind: a runtime for each partition of their internal topic that this node leads.
//!
//! It appends what a runtime proposes, concludes it, and passes the replies on when the runtime releases them, and the
//! actions. One task drives the timers of all; an idle coordinator costs nothing.

mod driver;
mod load;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use coordinator::runtime::{Machine, Proposal, Reply, ReplyToken, Runtime, TransactionalProducer};
use coordinator::{CommitError, CoordinatorRecord, partition_for};
use log::producer::{Transactional, VerificationGuard};
use parking_lot::{Mutex, RwLock};
use protocol::Offset;
use protocol::records::{BatchBuilder, NewRecord};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::clock;
use crate::error::Refusal;
use crate::partition::{InTransaction, Marker, Partition};

pub(crate) use driver::drive;
pub(crate) use load::LoadError;

/// Batches of coordinators have no sequences, though they may be a producer's.
const NO_SEQUENCE: i32 = -1;

/// All coordinators of one kind on this node.
pub(crate) struct Coordinators<M: Machine> {
    by_partition: RwLock<BTreeMap<i32, Arc<Coordinator<M>>>>,
    /// How many partitions their topic has; 0 while it does not exist.
    partitions: AtomicU64,
    tokens: AtomicU64,
    /// Tells the driver that a deadline came nearer than the one it sleeps for.
    nearer: Notify,
    sleeping_until_ms: AtomicU64,
    /// Where what machines want done goes, with the partition. There is no more of it than there are keys in the machines.
    actions: mpsc::UnboundedSender<(i32, M::Action)>,
}

/// The coordinator of one partition of the topic.
pub(crate) struct Coordinator<M: Machine> {
    pub(crate) partition: Arc<Partition>,
    state: Mutex<State<M>>,
    actions: mpsc::UnboundedSender<(i32, M::Action)>,
}

struct State<M: Machine> {
    runtime: Runtime<M>,
    waiting: BTreeMap<ReplyToken, oneshot::Sender<M::Response>>,
}

impl<M: Machine> Coordinators<M> {
    /// None yet, and where to read what they want done.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<(i32, M::Action)>) {
        let (actions, acting) = mpsc::unbounded_channel();
        let coordinators = Self {
            by_partition: RwLock::default(),
            partitions: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            nearer: Notify::new(),
            sleeping_until_ms: AtomicU64::new(u64::MAX),
            actions,
        };
        (coordinators, acting)
    }

    /// The partition of the topic that coordinates a key; `None` while the topic does not exist.
    pub(crate) fn partition_of(&self, key: &str) -> Option<i32> {
        match self.partitions.load(Ordering::Acquire) {
            0 => None,
            count => Some(partition_for(key, count as i32)),
        }
    }

    /// The coordinator of a key, if this node has it.
    pub(crate) fn coordinator_of(&self, key: &str) -> Option<Arc<Coordinator<M>>> {
        self.of_partition(self.partition_of(key)?)
    }

    /// The coordinator of a partition, if it is loaded.
    pub(crate) fn of_partition(&self, partition: i32) -> Option<Arc<Coordinator<M>>> {
        self.by_partition.read().get(&partition).cloned()
    }

    /// All coordinators, by partition.
    pub(crate) fn all(&self) -> Vec<Arc<Coordinator<M>>> {
        self.by_partition.read().values().cloned().collect()
    }

    /// Adds a loaded coordinator.
    fn add(&self, index: i32, count: i32, coordinator: Arc<Coordinator<M>>) {
        self.by_partition.write().insert(index, Arc::clone(&coordinator));
        self.partitions.store(count as u64, Ordering::Release);
        coordinator.committed();
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

    /// Asks a coordinator: everything up to the append happens before this returns. The answer comes when it may leave;
    /// the sender is dropped when the node stops first.
    pub(crate) fn propose(
        &self,
        coordinator: &Coordinator<M>,
        request: M::Request<'_>,
    ) -> oneshot::Receiver<M::Response> {
        self.propose_verified(coordinator, request, None)
    }

    /// The same for a request whose records belong to a transaction, after its verification.
    pub(crate) fn propose_verified(
        &self,
        coordinator: &Coordinator<M>,
        request: M::Request<'_>,
        guard: Option<VerificationGuard>,
    ) -> oneshot::Receiver<M::Response> {
        let token = ReplyToken(self.tokens.fetch_add(1, Ordering::Relaxed));
        let (send, receive) = oneshot::channel();
        let now = clock::now();
        let mut state = coordinator.state.lock();
        state.waiting.insert(token, send);
        let proposal = state.runtime.propose(now, token, request);
        coordinator.carry_out(&mut state, proposal, guard);
        self.note_deadline(&state);
        receive
    }

    fn note_deadline(&self, state: &State<M>) {
        if let Some(deadline) = state.runtime.next_deadline_ms()
            && deadline < self.sleeping_until_ms.load(Ordering::Relaxed)
        {
            self.nearer.notify_one();
        }
    }

    /// The records of the coordinator of a partition are committed up to its committed offset.
    pub(crate) fn committed(&self, partition: i32) {
        if let Some(coordinator) = self.of_partition(partition) {
            coordinator.committed();
        }
    }
}

impl<M: Machine> Coordinator<M> {
    /// Appends what is proposed and concludes it.
    fn carry_out(&self, state: &mut State<M>, proposal: Proposal<M>, guard: Option<VerificationGuard>) {
        let now = clock::now();
        let appended = match proposal.records() {
            [] => Ok(Offset::ZERO),
            records => self.append(records, proposal.transaction(), guard),
        };
        let replies = state.runtime.conclude(now, proposal, appended);
        state.pass_on(replies);
        self.release(state);
    }

    fn append(
        &self,
        records: &[CoordinatorRecord],
        producer: Option<TransactionalProducer>,
        guard: Option<VerificationGuard>,
    ) -> Result<Offset, CommitError> {
        let mut batch = coordinator_batch(records, producer).map_err(|_| CommitError::TooLarge)?;
        let transaction = producer.map(|producer| InTransaction {
            records: Transactional {
                producer_id: producer.id,
                producer_epoch: producer.epoch,
                base_sequence: NO_SEQUENCE,
                is_of_epoch: false,
            },
            guard,
        });
        self.partition.append_as_coordinator(&mut batch, transaction)
    }

    /// Ends a transaction whose records are in this coordinator's log: the marker, and what it makes of them. Answers up to
    /// where the log has to be durable for it.
    pub(crate) fn end_transaction(&self, marker: Marker) -> Result<Offset, Refusal> {
        let mut state = self.state.lock();
        let (appended, end) = self.partition.append_marker(marker)?;
        if let Some(offset) = appended {
            state.runtime.end_transaction(offset, marker.producer_id, marker.committed);
        }
        self.release(&mut state);
        Ok(end)
    }

    /// The log is committed further: releases what waited for it.
    fn committed(&self) {
        self.release(&mut self.state.lock());
    }

    fn release(&self, state: &mut State<M>) {
        let replies = state.runtime.committed(self.partition.committed_offset());
        state.pass_on(replies);
        for action in state.runtime.take_actions() {
            // Nobody listens any more where the node stops: the next start finds in the log what was to be done.
            let _ = self.actions.send((self.partition.index(), action));
        }
    }

    /// Reads the machine.
    pub(crate) fn inspect<T>(&self, look: impl FnOnce(&M) -> T) -> T {
        look(self.state.lock().runtime.machine())
    }
}

impl<M: Machine> State<M> {
    fn pass_on(&mut self, replies: Vec<Reply<M::Response>>) {
        for reply in replies {
            if let Some(send) = self.waiting.remove(&reply.token) {
                // Nobody listens where the connection is gone.
                let _ = send.send(reply.response);
            }
        }
    }
}

/// One batch of coordinator records, as Kafka's coordinators write it: uncompressed, stamped with this moment.
fn coordinator_batch(
    records: &[CoordinatorRecord],
    producer: Option<TransactionalProducer>,
) -> Result<Vec<u8>, protocol::records::Error> {
    let timestamp = clock::now().unix_ms;
    let mut builder = BatchBuilder::new(Offset::ZERO);
    if let Some(producer) = producer {
        builder = builder.producer(producer.id, producer.epoch, NO_SEQUENCE).transactional(true);
    }
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
