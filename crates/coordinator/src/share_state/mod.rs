//! Kafka's share coordinator (KIP-932): what is known of the deliveries to share groups, in one partition of
//! `__share_group_state`. The leaders of the data's partitions read it when they begin, and write what has changed.
//!
//! A snapshot record is all that is known of a share-partition, updates follow it; after so many of them comes the next
//! snapshot. The log is not compacted: what newer snapshots make redundant is deleted from its front ([`Action::Prune`]), and
//! share-partitions that nobody writes to are snapshotted from time to time so that they do not hold that up.
//!
//! Nothing here knows what the delivery states mean. The only soft state is up to where the log was pruned.

mod batch;
mod change;
mod config;
mod key;
mod periodic;
mod read;
mod record;
mod redundant;
mod request;
mod state;

#[cfg(test)]
pub(crate) mod harness;
#[cfg(test)]
mod simulation;

use std::collections::BTreeMap;

use protocol::{ErrorCode, Offset};
use stdx::Now;

pub use batch::StateBatch;
pub use config::ShareStateConfig;
pub use key::SharePartitionKey;
pub use request::{Action, ReadState, Refusal, Request, Response, StateSummary, Subject, WriteState};
pub use state::ShareState;

use record::Change;
use redundant::Needed;

use crate::runtime::{Machine, Outcome, Reply, ReplyToken, TimerChange};
use crate::{CommitError, CoordinatorRecord, Error};

/// What is done from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShareStateTimer {
    /// What is redundant in the log is deleted.
    Prune,
    /// Share-partitions that nobody writes to are snapshotted.
    ColdSnapshots,
}

/// A share-partition, as it is here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    state: ShareState,
    /// Updates since the snapshot.
    updates: u32,
    /// Where its snapshot is in the log.
    snapshot_offset: Offset,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct ShareCoordinator {
    config: ShareStateConfig,
    entries: BTreeMap<SharePartitionKey, Entry>,
    needed: Needed,
    /// What is below was pruned. Lost at fail-over: then it is asked for once more.
    pruned: Offset,
}

/// How far the log was pruned, if that has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoftChange {
    pruned: Option<Offset>,
}

impl ShareCoordinator {
    /// The share state of an empty partition.
    pub fn new(config: ShareStateConfig) -> Self {
        Self { config, entries: BTreeMap::new(), needed: Needed::default(), pruned: Offset::ZERO }
    }

    /// The state of a share-partition.
    pub fn state(&self, key: &SharePartitionKey) -> Option<&ShareState> {
        self.entries.get(key).map(|entry| &entry.state)
    }

    /// All of them.
    pub fn states(&self) -> impl Iterator<Item = (&SharePartitionKey, &ShareState)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.state))
    }
}

impl Machine for ShareCoordinator {
    type Request<'a> = Request<'a>;
    type Response = Response;
    type Soft = SoftChange;
    type Timer = ShareStateTimer;
    type Action = Action;

    fn propose(
        &self,
        now: Now,
        token: ReplyToken,
        request: Request<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let decided = match request {
            Request::Initialize(subject, state_epoch, start_offset) => {
                self.initialize(now, subject, state_epoch, start_offset)?
            }
            Request::Read(subject, leader_epoch) => self.read(now, subject, leader_epoch)?,
            Request::Write(subject, write) => self.write(now, subject, write)?,
            Request::Delete(subject) => self.delete(subject)?,
            Request::ReadSummary(subject) => self.read_summary(subject).map(|summary| (None, summary)),
            Request::TopicsDeleted(topics) => return self.topics_deleted(token, topics),
        };
        let (record, response) = decided.unwrap_or_else(|refusal| (None, refusal.into()));
        Ok(Outcome { records: Vec::from_iter(record), ..Outcome::reply(token, response) })
    }

    fn expire(&self, now: Now, timer: &ShareStateTimer) -> Result<Outcome<Self>, CommitError> {
        match timer {
            ShareStateTimer::Prune => Ok(self.prune(now)),
            ShareStateTimer::ColdSnapshots => self.snapshot_cold(now),
        }
    }

    fn loaded(&self, now: Now) -> Outcome<Self> {
        let after = |timer, delay_ms| TimerChange::after(timer, now, delay_ms);
        Outcome {
            timers: vec![
                after(ShareStateTimer::Prune, self.config.prune_interval_ms),
                after(ShareStateTimer::ColdSnapshots, self.config.cold_snapshot_interval_ms),
            ],
            ..Outcome::default()
        }
    }

    fn unload(&mut self) -> Vec<Reply<Response>> {
        self.pruned = Offset::ZERO;
        Vec::new()
    }

    fn replay(&mut self, offset: Offset, record: &CoordinatorRecord) -> Result<(), Error> {
        let Some((key, change)) = record::decode(record)? else { return Ok(()) };
        let before = self.entries.get(&key);
        let snapshot_before = before.map(|entry| entry.snapshot_offset);
        let entry = match (change, before) {
            (Change::Deleted, _) => {
                self.entries.remove(&key);
                self.needed.deleted(snapshot_before, offset);
                return Ok(());
            }
            (Change::Snapshot(state), _) => Entry { state, updates: 0, snapshot_offset: offset },
            (Change::Update(update), Some(entry)) => Entry {
                state: entry.state.updated(&update),
                updates: entry.updates.saturating_add(1),
                snapshot_offset: entry.snapshot_offset,
            },
            // Its snapshot is not there; what there is stays.
            (Change::Update(update), None) => {
                Entry { state: update.alone(), updates: 1, snapshot_offset: offset }
            }
        };
        if snapshot_before != Some(entry.snapshot_offset) {
            self.needed.snapshot(snapshot_before, entry.snapshot_offset);
        }
        self.entries.insert(key, entry);
        Ok(())
    }

    fn apply(&mut self, soft: SoftChange) {
        self.pruned = soft.pruned.unwrap_or(self.pruned);
    }

    fn snapshot_records(&self) -> impl Iterator<Item = Result<CoordinatorRecord, CommitError>> {
        self.states().map(|(key, state)| record::snapshot_record(key, Some(state)))
    }

    fn refuse(_request: Request<'_>, error: ErrorCode) -> Response {
        Response::Refused(error.into())
    }

    fn fail(response: Response, error: CommitError) -> Response {
        match response {
            Response::Refused(_) => response,
            _ => Response::Refused(error.code().into()),
        }
    }
}
