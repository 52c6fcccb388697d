//! The share-partitions of this node: partitions that it leads, as share groups read them.
//!
//! Each is loaded through its share coordinator when somebody first fetches, and loaded again when its leader changes or its
//! state was begun anew. What it decides is `coordinator::share_partition`; here it is kept, its writes are carried out by
//! tasks of their own, so that they end even if nobody waits for them any more, and one task ends all locks in time.

mod driver;
mod read;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coordinator::share_partition::{Acknowledgement, SharePartition, Write, member_error};
use coordinator::share_session::{ShareSessionKey, ShareSessions, TopicIdPartition};
use coordinator::share_state::{ReadState, Refusal, Request, Response, SharePartitionKey, WriteState};
use parking_lot::{Mutex, MutexGuard, RwLock};
use protocol::wire::Str;
use protocol::{ErrorCode, LeaderEpoch, Offset, Uuid};
use stdx::Now;
use tokio::sync::{Notify, oneshot};

use crate::clock;
use crate::node::Node;
use crate::partition::{Isolation, Partition, ReadError};
use crate::purgatory::{Waiters, Watch};
use crate::request::Malformed;
use crate::shares::{SHARE_STATE_TOPIC, key};

pub(crate) use driver::end_locks;
pub(crate) use read::Fetched;
pub(crate) use settings::{Reset, ShareSettings};

/// All share-partitions and share sessions of this node.
pub(crate) struct SharePartitions {
    loaded: RwLock<BTreeMap<SharePartitionKey, Arc<LedShare>>>,
    sessions: Mutex<ShareSessions>,
    /// Tells the driver that a deadline came nearer than the one it sleeps for.
    nearer: Notify,
    sleeping_until_ms: AtomicU64,
}

/// One share-partition, of one term of its leader.
pub(crate) struct LedShare {
    key: SharePartitionKey,
    pub(crate) partition: Arc<Partition>,
    leader_epoch: LeaderEpoch,
    state: Mutex<State>,
    /// Those who wait for records that may be delivered.
    changed: Waiters,
}

enum State {
    /// The share coordinator was asked.
    Loading,
    Ready(Box<SharePartition>),
    /// It must be loaded again; what those who wait are told.
    Over(ErrorCode),
}

/// The end of an acknowledgement.
pub(crate) enum Acknowledged {
    Refused(Refusal),
    /// It is done, or why it cannot be.
    Now(ErrorCode),
    /// When it is written.
    Later(oneshot::Receiver<ErrorCode>),
}

impl Acknowledged {
    /// The error and what is said of it, unless the node stops first.
    pub(crate) async fn ended(self) -> Result<(i16, Option<Str<'static>>), Malformed> {
        let error = match self {
            Self::Refused(Refusal { error, message }) => return Ok((error.code(), Some(message.into()))),
            Self::Now(error) => error,
            Self::Later(receive) => receive.await.map_err(|_| Malformed::Stopping)?,
        };
        Ok((error.code(), None))
    }
}

impl SharePartitions {
    pub(crate) fn new(max_sessions: usize) -> Self {
        Self {
            loaded: RwLock::default(),
            sessions: Mutex::new(ShareSessions::new(max_sessions)),
            nearer: Notify::new(),
            sleeping_until_ms: AtomicU64::new(u64::MAX),
        }
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, ShareSessions> {
        self.sessions.lock()
    }

    fn all(&self) -> Vec<Arc<LedShare>> {
        self.loaded.read().values().cloned().collect()
    }

    /// A share-partition that is there already.
    pub(crate) fn get(
        &self,
        group_id: &Arc<str>,
        (topic_id, index): TopicIdPartition,
    ) -> Option<Arc<LedShare>> {
        self.loaded.read().get(&key(group_id, topic_id, index)).cloned()
    }

    /// A share-partition, which begins to load if it is not there.
    pub(crate) fn get_or_load(
        &self,
        node: &Arc<Node>,
        group_id: &Arc<str>,
        (topic_id, index): TopicIdPartition,
        partition: &Arc<Partition>,
    ) -> Arc<LedShare> {
        let key = key(group_id, topic_id, index);
        let leader_epoch = partition.leader_epoch();
        let mut loaded = self.loaded.write();
        if let Some(share) = loaded.get(&key).filter(|share| share.is_of(partition, leader_epoch)) {
            return Arc::clone(share);
        }
        let share = Arc::new(LedShare {
            key: key.clone(),
            partition: Arc::clone(partition),
            leader_epoch,
            state: Mutex::new(State::Loading),
            changed: Waiters::default(),
        });
        loaded.insert(key, Arc::clone(&share));
        drop(loaded);
        node.runtime.spawn(load(Arc::clone(node), Arc::clone(&share)));
        share
    }

    /// A session has ended: its member has nothing any more.
    pub(crate) fn release(
        &self,
        node: &Arc<Node>,
        session: &ShareSessionKey,
        partitions: &[TopicIdPartition],
    ) {
        for partition in partitions {
            if let Some(share) = self.get(&session.group_id, *partition) {
                share.release(node, &session.member_id);
            }
        }
    }

    /// A share-partition that is over is loaded anew by whoever comes next.
    fn forget(&self, share: &LedShare) {
        let mut loaded = self.loaded.write();
        if loaded.get(&share.key).is_some_and(|current| std::ptr::eq(&raw const **current, share)) {
            loaded.remove(&share.key);
        }
    }

    /// A topic is no more.
    pub(crate) fn forget_topic(&self, topic_id: Uuid) {
        self.loaded.write().retain(|key, _| key.topic_id != topic_id);
    }

    /// A connection is gone, and its sessions with it.
    pub(crate) fn disconnected(&self, node: &Arc<Node>, connection: u64) {
        let ended = self.sessions().disconnected(connection);
        for (session, partitions) in ended {
            self.release(node, &session, &partitions);
        }
    }

    fn note_deadline(&self, deadline: Option<u64>) {
        if deadline.is_some_and(|deadline| deadline < self.sleeping_until_ms.load(Ordering::Relaxed)) {
            self.nearer.notify_one();
        }
    }
}

/// Asks the share coordinator what there is to know.
async fn load(node: Arc<Node>, share: Arc<LedShare>) {
    let state = match read_state(&node, &share).await {
        Ok(partition) => State::Ready(Box::new(partition)),
        Err(error) => State::Over(error),
    };
    *share.state.lock() = state;
    share.changed.wake();
}

async fn read_state(node: &Arc<Node>, share: &LedShare) -> Result<SharePartition, ErrorCode> {
    node.create_internal_topic(SHARE_STATE_TOPIC).await;
    let image = node.image();
    let asked = node.shares().ask(&image, &share.key, |subject| Request::Read(subject, share.leader_epoch));
    let read: ReadState = match asked.answer().await {
        Ok(Response::State(state)) => state,
        Ok(Response::Refused(refusal)) => return Err(member_error(refusal.error)),
        _ => return Err(ErrorCode::CoordinatorNotAvailable),
    };
    let settings = node.share_settings(&share.key.group_id);
    let (log_start, reset) = start_offsets(share, settings.reset).await?;
    let loaded = SharePartition::load(settings.partition, share.leader_epoch, &read, reset);
    let (mut partition, _no_dead_letters) = loaded.map_err(|error| {
        tracing::error!(share_partition = %share.key, %error, "the state of a share-partition cannot be read");
        ErrorCode::UnknownServerError
    })?;
    partition.log_start_moved(log_start);
    Ok(partition)
}

/// Where the log begins, and where a group begins that has no state yet.
async fn start_offsets(share: &LedShare, reset: Reset) -> Result<(Offset, Offset), ErrorCode> {
    let partition = Arc::clone(&share.partition);
    let timestamp = match reset {
        Reset::Latest => -1,
        Reset::Earliest => -2,
        Reset::Ago(ms) => clock::now().unix_ms.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)).max(0),
    };
    let look = move || {
        let (start, _) = partition.offsets();
        let at =
            |timestamp| partition.offset_at(timestamp, -1, Isolation::ReadUncommitted, log::Source::Disk);
        let refused = |error| match error {
            ReadError::Refused(code) => code,
            ReadError::NotCached(_) => ErrorCode::UnknownServerError,
        };
        let found = at(timestamp).map_err(refused)?;
        // Nothing is younger: the end.
        let found = if found.offset == Offset::UNKNOWN { at(-1).map_err(refused)? } else { found };
        Ok((start, found.offset))
    };
    tokio::task::spawn_blocking(look).await.unwrap_or(Err(ErrorCode::UnknownServerError))
}

impl LedShare {
    fn is_of(&self, partition: &Arc<Partition>, leader_epoch: LeaderEpoch) -> bool {
        Arc::ptr_eq(&self.partition, partition) && self.leader_epoch == leader_epoch
    }

    /// Has a watch rung when there may be something to deliver.
    pub(crate) fn watch(&self, watch: &Watch) {
        self.changed.register(watch);
    }

    /// Does something with it; `Ok(None)` while it is loading. An error is told, and whoever comes next loads it again.
    pub(crate) fn with<T>(
        &self,
        node: &Node,
        act: impl FnOnce(&mut SharePartition) -> T,
    ) -> Result<Option<T>, ErrorCode> {
        let mut state = self.state.lock();
        let partition = match &mut *state {
            State::Loading => return Ok(None),
            State::Over(error) => {
                let error = *error;
                drop(state);
                node.share_partitions.forget(self);
                return Err(error);
            }
            State::Ready(partition) => partition,
        };
        let done = act(partition);
        let deadline = partition.next_deadline_ms();
        drop(state);
        node.share_partitions.note_deadline(deadline);
        Ok(Some(done))
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        match &*self.state.lock() {
            State::Ready(partition) => partition.next_deadline_ms(),
            _ => None,
        }
    }

    /// What a member says of its records.
    pub(crate) fn acknowledge(
        self: &Arc<Self>,
        node: &Arc<Node>,
        member_id: &str,
        said: &[Acknowledgement<'_>],
    ) -> Acknowledged {
        let now = clock::now();
        match self.with(node, |partition| partition.acknowledge(now, member_id, said)) {
            Ok(Some(Ok(write))) => self.write(node, write),
            Ok(Some(Err(refusal))) => Acknowledged::Refused(refusal),
            Err(error) => Acknowledged::Now(error),
            // Nobody has a record of it.
            Ok(None) => Acknowledged::Now(ErrorCode::InvalidRecordState),
        }
    }

    fn release(self: &Arc<Self>, node: &Arc<Node>, member_id: &str) {
        match self.with(node, |partition| partition.release_member(member_id)) {
            Ok(Some(None)) => self.rest(node),
            Ok(Some(write)) => drop(self.write(node, write)),
            _ => {}
        }
    }

    /// What a group without sessions has read needs no memory here.
    fn rest(&self, node: &Node) {
        if !node.share_partitions.sessions().group_is_empty(&self.key.group_id) {
            return;
        }
        let mut state = self.state.lock();
        if matches!(&*state, State::Ready(partition) if partition.is_quiet()) {
            // Who has come in this moment asks again.
            *state = State::Over(ErrorCode::CoordinatorNotAvailable);
            drop(state);
            node.share_partitions.forget(self);
        }
    }

    fn expire(self: &Arc<Self>, node: &Arc<Node>, now: Now) {
        let is_due = |deadline: u64| deadline <= now.monotonic_ms;
        if !self.next_deadline_ms().is_some_and(is_due) {
            return;
        }
        if let Ok(Some(effects)) = self.with(node, |partition| partition.expire(now)) {
            self.write(node, effects.write);
            self.changed.wake();
        }
    }

    /// Writes through the share coordinator; that ends whoever waits for it.
    fn write(self: &Arc<Self>, node: &Arc<Node>, write: Option<Write>) -> Acknowledged {
        let Some(write) = write else { return Acknowledged::Now(ErrorCode::None) };
        let (send, receive) = oneshot::channel();
        let (share, node) = (Arc::clone(self), Arc::clone(node));
        node.runtime.clone().spawn(async move {
            let error = store(&node, &share.key, &write).await;
            let _ = send.send(share.written(&node, &write, error));
        });
        Acknowledged::Later(receive)
    }

    fn written(&self, node: &Node, write: &Write, error: ErrorCode) -> ErrorCode {
        let told = match self.with(node, |partition| partition.written(write.id, error)) {
            Ok(Some(written)) => {
                if written.fenced {
                    *self.state.lock() = State::Over(written.error);
                    node.share_partitions.forget(self);
                }
                written.error
            }
            Err(over) => over,
            Ok(None) => ErrorCode::UnknownServerError,
        };
        self.changed.wake();
        self.rest(node);
        told
    }
}

async fn store(node: &Node, key: &SharePartitionKey, write: &Write) -> ErrorCode {
    let image = node.image();
    let state = WriteState {
        state_epoch: write.state_epoch,
        leader_epoch: write.leader_epoch,
        start_offset: write.start_offset,
        delivery_complete_count: write.delivery_complete_count,
        batches: &write.batches,
    };
    match node.shares().ask(&image, key, |subject| Request::Write(subject, state)).answer().await {
        Ok(Response::Done) => ErrorCode::None,
        Ok(Response::Refused(refusal)) => refusal.error,
        _ => ErrorCode::CoordinatorNotAvailable,
    }
}

impl Node {
    /// What holds for a share group now.
    pub(crate) fn share_settings(&self, group_id: &str) -> ShareSettings {
        ShareSettings::of(&self.broker_configs.load(), &self.image(), group_id)
    }
}
