//! Moves of partitions to other log directories (AlterReplicaLogDirs, KIP-113): the copying. What comes next, `moving`
//! decides; how a copy takes the place of a log, `log::FutureLog` knows.
//!
//! A move is not written down: the directory `…-future` that it makes says after a restart that it was wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log::{Error as LogError, FetchRead, FileRange, FutureLog, Log, MoveError, Source, log_dir};
use metadata::ClusterImage;
use parking_lot::{Mutex, MutexGuard};
use protocol::{ErrorCode, Offset, TopicPartition};
use tokio::sync::{Semaphore, watch};

use crate::clock;
use crate::cold::Rounds;
use crate::directory::Directory;
use crate::homes::{self, Assignment};
use crate::moving::{self, AtStart, End, Facts, Found, MAX_TAIL_BYTES, Step};
use crate::node::Node;
use crate::partition::Partition;
use crate::throttle::Throttle;

/// How much is copied at once.
const CHUNK_BYTES: u64 = 1 << 20;
/// How much is copied before it is synced, so that little is left to sync in the end.
const SYNC_EVERY_BYTES: u64 = 64 << 20;
/// How long is waited for others to sync.
const WAIT_FOR_SYNC: Duration = Duration::from_millis(5);
/// How long is waited for room, and for another limit where nothing may pass.
const WAIT_FOR_CHANGE: Duration = Duration::from_millis(200);
/// How many partitions that do not exist yet may have a directory chosen for them.
const MAX_PREFERRED: usize = 10_000;

/// All moves of this node.
pub(crate) struct Moves {
    under_way: Mutex<BTreeMap<TopicPartition, Arc<Move>>>,
    /// Where partitions are wanted that do not exist yet.
    preferred: Mutex<BTreeMap<TopicPartition, usize>>,
    slots: Semaphore,
    /// So many make their copies at a time.
    beginning: Semaphore,
    throttle: Throttle,
    /// Who swaps holds the lock of a log while it writes the checkpoints of another directory, for which the locks of the logs
    /// there are taken: one at a time.
    swapping: Mutex<()>,
}

/// A move under way, or waiting for its turn.
pub(crate) struct Move {
    pub(crate) to: Arc<Directory>,
    wanted: watch::Sender<bool>,
    progress: Mutex<Progress>,
    stage: watch::Sender<Stage>,
}

/// Where a move stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing of it would be known after a crash.
    Waiting,
    /// Its copy is there: a start begins it anew.
    Begun,
    /// It is over, or could not begin.
    Ended,
    /// It could not begin for its disk.
    Failed,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) end_offset: Offset,
    pub(crate) size_bytes: u64,
}

impl Move {
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.lock()
    }

    fn is_wanted(&self) -> bool {
        *self.wanted.borrow()
    }

    fn cancel(&self) {
        self.wanted.send_replace(false);
    }

    /// Waits until a start would begin it anew, or it is over. An error where its copy cannot be made.
    pub(crate) async fn has_begun(&self) -> Result<(), ErrorCode> {
        // The sender is here.
        match self.stage.subscribe().wait_for(|stage| *stage != Stage::Waiting).await.as_deref() {
            Ok(Stage::Failed) => Err(ErrorCode::KafkaStorageError),
            _ => Ok(()),
        }
    }

    async fn is_over(&self) {
        let is_over = |stage: &Stage| matches!(stage, Stage::Ended | Stage::Failed);
        let _ = self.stage.subscribe().wait_for(is_over).await;
    }
}

impl Moves {
    /// So many at a time.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            under_way: Mutex::default(),
            preferred: Mutex::default(),
            slots: Semaphore::new(threads.max(1)),
            beginning: Semaphore::new(threads.max(1)),
            throttle: Throttle::default(),
            swapping: Mutex::default(),
        }
    }

    /// No log changes its directory until the guard is dropped.
    pub(crate) fn pause(&self) -> MutexGuard<'_, ()> {
        self.swapping.lock()
    }

    /// Whether a partition is moving.
    pub(crate) fn has(&self, id: &TopicPartition) -> bool {
        self.under_way.lock().contains_key(id)
    }

    /// The moves into a directory.
    pub(crate) fn into(&self, directory: usize) -> Vec<(TopicPartition, Arc<Move>)> {
        let all = self.under_way.lock();
        let there = all.iter().filter(|(_, moving)| moving.to.index == directory);
        there.map(|(id, moving)| (id.clone(), Arc::clone(moving))).collect()
    }

    /// A partition that is to be made is wanted in a directory. `false` where too many are.
    pub(crate) fn prefer(&self, id: TopicPartition, directory: usize) -> bool {
        let mut preferred = self.preferred.lock();
        let has_room = preferred.len() < MAX_PREFERRED || preferred.contains_key(&id);
        if has_room {
            preferred.insert(id, directory);
        }
        has_room
    }

    /// Where a partition is wanted that is made now.
    pub(crate) fn take_preferred(&self, id: &TopicPartition) -> Option<usize> {
        self.preferred.lock().remove(id)
    }

    /// A partition is to stay where it is, or is gone.
    pub(crate) fn cancel(&self, id: &TopicPartition) {
        if let Some(moving) = self.under_way.lock().get(id) {
            moving.cancel();
        }
    }
}

/// Begins to move a partition. `None` where it is there, and nothing is to be done.
pub(crate) fn begin(node: &Arc<Node>, partition: Arc<Partition>, to: Arc<Directory>) -> Option<Arc<Move>> {
    let mut under_way = node.moves().under_way.lock();
    let before = under_way.get(partition.id()).cloned();
    if let Some(same) = before.as_ref().filter(|before| before.to.index == to.index && before.is_wanted()) {
        return Some(Arc::clone(same));
    }
    if let Some(before) = &before {
        before.cancel();
    }
    if partition.directory() == to.index && before.is_none() {
        return None;
    }
    let moving = Arc::new(Move {
        to,
        wanted: watch::Sender::new(true),
        progress: Mutex::default(),
        stage: watch::Sender::new(Stage::Waiting),
    });
    under_way.insert(partition.id().clone(), Arc::clone(&moving));
    let mover = Mover { node: Arc::clone(node), partition, moving: Arc::clone(&moving) };
    let (own, this) = (Arc::clone(node), Arc::clone(&moving));
    node.runtime.spawn(async move {
        if let Some(before) = before {
            before.is_over().await;
        }
        let id = mover.partition.id().clone();
        let stage = carry_out(&own, mover).await;
        let mut under_way = own.moves().under_way.lock();
        if under_way.get(&id).is_some_and(|newest| Arc::ptr_eq(newest, &this)) {
            under_way.remove(&id);
        }
        this.stage.send_replace(stage);
    });
    Some(moving)
}

/// All of a move; how it ended.
async fn carry_out(node: &Node, mover: Mover) -> Stage {
    let id = mover.partition.id().clone();
    let disorder =
        |_| tracing::error!(partition = %id, "the move to another log directory ended in disorder");
    // Neither semaphore is ever closed.
    let slot = node.moves().beginning.acquire().await;
    let begun = tokio::task::spawn_blocking(move || mover.begin().map(|future| (mover, future))).await;
    drop(slot);
    let (mover, future) = match begun.map_err(disorder) {
        Ok(Ok((mover, Some(future)))) => (mover, future),
        Ok(Ok((_, None))) => return Stage::Ended,
        Ok(Err(())) | Err(()) => return Stage::Failed,
    };
    mover.moving.stage.send_replace(Stage::Begun);
    let mut wanted = mover.moving.wanted.subscribe();
    let slot = tokio::select! {
        slot = node.moves().slots.acquire() => slot.ok(),
        // It has nothing more to do than to clear up.
        _ = wanted.wait_for(|wanted| !wanted) => None,
    };
    let _ = tokio::task::spawn_blocking(move || mover.run(future)).await.map_err(disorder);
    drop(slot);
    Stage::Ended
}

/// At start: copies that an earlier process has left say which moves were wanted.
pub(crate) fn begin_anew(node: &Arc<Node>) {
    let image = node.image();
    let mut seen = BTreeSet::new();
    for home in node.partitions().online_directories() {
        for (id, path) in home.futures() {
            let open = node.partitions().by_name(&id.topic, id.partition);
            let found = Found {
                is_known: is_known(&image, &id, home, &path),
                is_open: open.is_some(),
                is_there: open.as_ref().is_some_and(|open| open.directory() == home.index),
                is_second: seen.contains(&id),
            };
            let what = moving::at_start(found);
            if what == AtStart::Keep {
                continue;
            }
            if let Err(error) = log_dir::remove_partition(&*home.disk, &path) {
                tracing::error!(directory = %path.display(), %error, "cannot remove what is left of a move");
                home.note(&error);
                continue;
            }
            if let (AtStart::MoveAnew, Some(partition)) = (what, open) {
                seen.insert(id);
                begin(node, partition, Arc::clone(home));
            }
        }
    }
}

fn is_known(image: &ClusterImage, id: &TopicPartition, home: &Directory, path: &Path) -> bool {
    let topic = image.topic(&id.topic).filter(|topic| topic.partitions.contains_key(&id.partition));
    let says = log::checkpoint::read_topic_id(&*home.disk, path);
    topic.is_some_and(|topic| !matches!(says, Ok(Some(found)) if found != topic.id))
}

/// Why a move cannot go on.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Of the log that moves.
    #[error("the log: {0}")]
    From(LogError),
    /// Of the copy.
    #[error("the copy: {0}")]
    To(LogError),
    #[error("the new log directory has a log of this partition already: it is kept")]
    InTheWay,
    #[error("the controller does not take note of the new log directory: {0}")]
    Controller(ErrorCode),
}

/// Up to where a log is copied: the rest could be lost by it.
fn durable(log: &Log) -> Offset {
    log.durable_offset().min(log.high_watermark())
}

/// One move, on a thread of its own.
struct Mover {
    node: Arc<Node>,
    partition: Arc<Partition>,
    moving: Arc<Move>,
}

impl Mover {
    /// Makes the copy, empty. `None`: there is nothing to move any more; an error was told and noted.
    fn begin(&self) -> Result<Option<FutureLog>, ()> {
        let from = self.partition.home();
        if from.index == self.moving.to.index || !self.moving.is_wanted() || self.partition.is_closed() {
            return Ok(None);
        }
        let to = self.moving.to.path.display();
        tracing::info!(partition = %self.partition.id(), from = %from.path.display(), %to, "the partition moves to another log directory");
        self.create().map(Some).map_err(|error| {
            self.failed(&error);
            self.take_back(&from);
        })
    }

    fn run(self, future: FutureLog) {
        let (id, from) = (self.partition.id(), self.partition.home());
        let to = self.moving.to.path.display();
        match self.copy_and_swap(future) {
            Ok(None) => {
                tracing::info!(partition = %id, from = %from.path.display(), %to, "the partition has moved");
            }
            Ok(Some(End::Later)) => {
                tracing::info!(partition = %id, %to, "the move is interrupted; it begins anew with the next start");
                self.take_back(&from);
            }
            Ok(Some(End::Never)) => {
                tracing::info!(partition = %id, %to, "the move is given up");
                self.discard();
                self.take_back(&from);
            }
            Err(error) => {
                self.failed(&error);
                self.take_back(&from);
            }
        }
    }

    fn failed(&self, error: &Failure) {
        let to = self.moving.to.path.display();
        tracing::error!(partition = %self.partition.id(), %to, %error, "the partition was not moved");
        match error {
            Failure::From(error) => self.partition.note(error),
            Failure::To(error) => self.moving.to.note(error),
            Failure::InTheWay | Failure::Controller(_) => {}
        }
        if !self.partition.home().is_offline() {
            self.discard();
        }
    }

    /// `None` where it has moved.
    fn copy_and_swap(&self, mut future: FutureLog) -> Result<Option<End>, Failure> {
        let from = self.partition.home();
        let cleaned = from.cleaned(self.partition.id());
        let mut unsynced = 0;
        loop {
            let step = moving::next(self.facts(&future)?);
            match step {
                Step::Copy => unsynced += self.copy(&mut future)?,
                Step::Flush => {
                    self.partition.request_flush();
                    std::thread::sleep(WAIT_FOR_SYNC);
                }
                Step::Assign => self.assign(&self.moving.to)?,
                Step::Swap => {
                    future.flush().map_err(Failure::To)?;
                    match self.swap(future, cleaned)? {
                        None => return Ok(None),
                        Some(not_yet) => future = not_yet,
                    }
                }
                Step::End(end) => return Ok(Some(end)),
            }
            if unsynced >= SYNC_EVERY_BYTES {
                future.flush().map_err(Failure::To)?;
                unsynced = 0;
            }
            *self.moving.progress.lock() =
                Progress { end_offset: future.end_offset(), size_bytes: future.size_bytes() };
        }
    }

    fn create(&self) -> Result<FutureLog, Failure> {
        let (to, id) = (&self.moving.to, self.partition.id());
        let path = to.path.join(id.to_string());
        let found = to.disk.stat(&path).map_err(|source| {
            Failure::To(LogError::Io { operation: "look at", path: path.clone(), source })
        })?;
        if found.is_some() {
            return Err(Failure::InTheWay);
        }
        // What the checkpoints there may say was about another log of this name.
        to.forget(id);
        self.node.partitions().write_checkpoints(to).map_err(Failure::To)?;
        let log = self.partition.log();
        let (disk, unique) = (Arc::clone(&to.disk), self.node.random_uuid());
        FutureLog::create(disk, &to.path, &log, self.partition.topic_id(), unique, clock::now())
            .map_err(Failure::To)
    }

    fn facts(&self, future: &FutureLog) -> Result<Facts, Failure> {
        let (id, to) = (self.partition.id(), &self.moving.to);
        let image = self.node.newest_image();
        let assigned =
            image.partition(&id.topic, id.partition).map(|state| state.directory_of(self.node.id()));
        let missing_bytes = |before| Ok(self.missing(future, MAX_TAIL_BYTES + 1, before)?.len_bytes());
        Ok(Facts {
            is_wanted: self.moving.is_wanted(),
            is_closed: self.partition.is_closed(),
            from_is_offline: self.partition.home().is_offline(),
            to_is_offline: to.is_offline(),
            missing_durable_bytes: missing_bytes(durable)?,
            missing_bytes: missing_bytes(Log::log_end_offset)?,
            is_assigned: !image.metadata_version().has_directories() || assigned == Some(to.id),
        })
    }

    /// What the copy does not have of the log before an offset. Who appends does not wait for the disk meanwhile.
    fn missing(
        &self,
        future: &FutureLog,
        max_bytes: u64,
        before: fn(&Log) -> Offset,
    ) -> Result<FetchRead, Failure> {
        let mut rounds = Rounds::default();
        loop {
            let found = {
                let log = self.partition.log();
                future.missing(&log, rounds.source(), max_bytes, before(&log))
            };
            match found {
                Err(LogError::NotCached(missing)) => rounds.load(&missing),
                found => return found.map_err(Failure::From),
            }
        }
    }

    /// Copies some of what is durable.
    fn copy(&self, future: &mut FutureLog) -> Result<u64, Failure> {
        let limit =
            self.node.broker_configs().int_while_running("replica.alter.log.dirs.io.max.bytes.per.second");
        let Some(limit) = u64::try_from(limit).ok().filter(|limit| *limit > 0) else {
            // Nothing passes until that is changed.
            std::thread::sleep(WAIT_FOR_CHANGE);
            return Ok(0);
        };
        future.follow_start(&self.partition.log(), clock::now()).map_err(Failure::To)?;
        // So little that a change of the limit is soon noticed.
        let ranges = self.missing(future, CHUNK_BYTES.min(limit), durable)?.ranges;
        let mut copied = 0;
        for range in &ranges {
            match self.append(future, range) {
                Ok(bytes) => copied += bytes,
                Err(Failure::To(error)) if error.is_full() => {
                    self.moving.to.note(&error);
                    std::thread::sleep(WAIT_FOR_CHANGE);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let is_over =
            || !self.moving.is_wanted() || self.partition.is_closed() || self.moving.to.is_offline();
        self.node.moves().throttle.pay(copied as usize, limit as f64, is_over);
        Ok(copied)
    }

    /// Appends a range of the log to the copy.
    fn append(&self, future: &mut FutureLog, range: &FileRange) -> Result<u64, Failure> {
        let mut bytes = vec![0; usize::try_from(range.len).unwrap_or_default()];
        let read = range.file.read_at(&mut bytes, range.position).map_err(|source| {
            Failure::From(LogError::Io {
                operation: "read",
                path: self.partition.home().path.clone(),
                source,
            })
        })?;
        future.append(&bytes[..read], clock::now()).map_err(Failure::To)?;
        Ok(read as u64)
    }

    /// Copies what is left, and puts the copy in the place of the log. The copy again where more than that is left.
    fn swap(&self, mut future: FutureLog, cleaned: Option<Offset>) -> Result<Option<FutureLog>, Failure> {
        let (id, to, from) = (self.partition.id(), &self.moving.to, self.partition.home());
        let _turn = self.node.moves().swapping.lock();
        let mut log = self.partition.log();
        if self.partition.is_closed() {
            return Ok(Some(future));
        }
        future.follow_start(&log, clock::now()).map_err(Failure::To)?;
        let end = log.log_end_offset();
        let missing = |future: &FutureLog, max_bytes| future.missing(&log, Source::Disk, max_bytes, end);
        for range in &missing(&future, MAX_TAIL_BYTES).map_err(Failure::From)?.ranges {
            self.append(&mut future, range)?;
        }
        if !missing(&future, 0).map_err(Failure::From)?.ranges.is_empty() {
            return Ok(Some(future));
        }
        let checkpoint = |new: &log::Log| {
            to.expect(id, new.durable_offset(), new.log_start_offset());
            self.node.partitions().write_checkpoints(to)?;
            cleaned.map_or(Ok(()), |cleaned| to.set_cleaned(id, cleaned, || false))
        };
        let moved = log.move_to(future, self.node.random_uuid(), clock::now(), checkpoint);
        let files = match moved {
            Ok(files) => files,
            Err(error) => {
                drop(log);
                to.forget(id);
                return Err(match error {
                    MoveError::To(error) => Failure::To(error),
                    MoveError::From(error) => Failure::From(error),
                });
            }
        };
        self.has_moved(log, &from);
        if let Err(error) = log_dir::remove_partition(&*from.disk, &files) {
            tracing::warn!(directory = %files.display(), %error, "cannot remove what the partition has left; it goes at the next start");
            from.note(&error);
        }
        Ok(None)
    }

    fn has_moved(&self, log: MutexGuard<'_, log::Log>, from: &Directory) {
        let (id, to) = (self.partition.id(), &self.moving.to);
        self.partition.moved_to(log, Arc::clone(to));
        to.opened(id);
        from.removed(id);
        for directory in [&**to, from] {
            if let Err(error) = self.node.partitions().write_checkpoints(directory) {
                tracing::error!(directory = %directory.path.display(), %error, "cannot write checkpoints");
            }
        }
    }

    /// Tells the controller where the partition is.
    fn assign(&self, directory: &Directory) -> Result<(), Failure> {
        let assignment = Assignment {
            topic_id: self.partition.topic_id(),
            partition: self.partition.index(),
            directory: directory.id,
        };
        let assigned = homes::assign(&self.node, vec![assignment]);
        self.node.runtime.block_on(assigned).map_err(Failure::Controller)
    }

    /// The partition stays where it was: the metadata may say otherwise by now.
    fn take_back(&self, from: &Directory) {
        let id = self.partition.id();
        let image = self.node.newest_image();
        let state = image.partition(&id.topic, id.partition);
        let is_elsewhere = state.is_some_and(|state| state.directory_of(self.node.id()) == self.moving.to.id);
        // At the end of the node the next start looks where it is.
        if is_elsewhere
            && image.metadata_version().has_directories()
            && (!self.partition.is_closed() || from.is_offline())
            && let Err(error) = self.assign(from)
        {
            tracing::error!(partition = %id, %error, "the metadata has the partition in a log directory where it is not");
        }
    }

    /// Removes the copy.
    fn discard(&self) {
        let (to, id) = (&self.moving.to, self.partition.id());
        if to.is_offline() {
            return;
        }
        for (_, path) in to.futures().into_iter().filter(|(found, _)| found == id) {
            if let Err(error) = log_dir::remove_partition(&*to.disk, &path) {
                tracing::error!(directory = %path.display(), %error, "cannot remove what is left of a move");
                to.note(&error);
            }
        }
    }
}
