//! [`MetadataQuorum`] by openraft: opens what is on disk, takes the lead, proposes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use openraft::error::{ClientWriteError, Fatal, RaftError};
use openraft::{ChangeMembers, Config, ServerState, SnapshotPolicy};
use protocol::{LeaderEpoch, Offset};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::codec;
use crate::driver::{self, Driver};
use crate::error::Error;
use crate::network::LocalOnly;
use crate::options::Options;
use crate::quorum::{CommittedAt, MetadataQuorum, Status, Stop};
use crate::state_machine::StateMachine;
use crate::store::{self, LogStore, Machine, MetadataLog, Progress, SnapshotStore, VoteFile, now_ms};
use crate::types::{Membership, NodeId, Raft, Voter, broker_id, epoch_of};

/// How many proposals may be under way. Beyond, [`MetadataQuorum::propose`] waits.
const MAX_PROPOSALS: usize = 128;

/// The quorum of this node alone. Dropping it stops it; what was answered is on disk.
pub struct RaftQuorum {
    raft: Raft,
    progress: watch::Receiver<Progress>,
    status: watch::Receiver<Status>,
    proposals: Semaphore,
    driver: JoinHandle<()>,
    epoch_before: LeaderEpoch,
}

/// What is on disk, opened.
struct Opened<S> {
    log: LogStore,
    machine: Machine<S>,
    progress: watch::Receiver<Progress>,
    /// The newest epoch that the directory knows of.
    epoch: LeaderEpoch,
    /// What the snapshot says of this node.
    known: Option<Voter>,
    /// What a log without metadata records starts with.
    bootstrap: Option<Vec<Bytes>>,
}

impl RaftQuorum {
    /// Opens the log of a directory, or starts one there, and takes the lead. When this answers, everything that was
    /// ever committed is applied to `state_machine`, the bootstrap records of a new log among it.
    pub async fn open<S: StateMachine>(options: Options, state_machine: S) -> Result<Self, Error> {
        let node_id = NodeId::try_from(options.node_id.get()).map_err(|_| Error::Voters {
            path: options.dir(),
            voters: Vec::new(),
            node_id: options.node_id,
        })?;
        let voter = options.voter.clone();
        let config = Arc::new(config(&options));
        let driver = Driver::new(options.max_bytes_between_snapshots, options.max_snapshot_interval);
        let opened = spawn_blocking(move || open_disk(&options, node_id, state_machine)).await;
        let opened = opened.map_err(|e| Error::Failed(e.to_string()))??;

        let raft = Raft::new(node_id, config, LocalOnly, opened.log, opened.machine).await.map_err(fatal)?;
        take_lead(&raft, node_id, voter, opened.known).await?;
        let (publish, status) =
            watch::channel(driver::published(&raft.metrics().borrow(), &opened.progress.borrow()));
        let driver = tokio::spawn(driver.run(raft.clone(), opened.progress.clone(), publish));
        let proposals = Semaphore::new(MAX_PROPOSALS);
        let epoch_before = opened.epoch;
        let quorum = Self { raft, progress: opened.progress, status, proposals, driver, epoch_before };
        if let Some(bootstrap) = opened.bootstrap.filter(|records| !records.is_empty()) {
            quorum.propose(bootstrap).await?;
        }
        Ok(quorum)
    }

    /// The newest epoch that the directory knew of when it was opened: that of whoever led the quorum last.
    pub const fn epoch_before(&self) -> LeaderEpoch {
        self.epoch_before
    }

    /// What to answer when openraft has stopped: the fault that stopped it, rather than that it stopped.
    fn stopped(&self, fatal: Fatal<NodeId>) -> Error {
        let running = self.raft.metrics().borrow().running_state.clone();
        stop(running.err().unwrap_or(fatal)).error()
    }
}

#[cfg(test)]
impl RaftQuorum {
    pub(crate) async fn snapshot_now(&self) {
        self.raft.trigger().snapshot().await.unwrap();
    }

    /// Waits until the newest snapshot covers all that is applied, and the log before it is gone.
    pub(crate) async fn snapshot_covers_all(&self) {
        let covers_all =
            |m: &openraft::RaftMetrics<NodeId, Voter>| m.purged.is_some() && m.purged == m.last_applied;
        self.raft.metrics().wait_for(covers_all).await.unwrap();
    }

    /// Waits until there is a snapshot.
    pub(crate) async fn snapshot_covers_some(&self) {
        self.raft.metrics().wait_for(|m| m.purged.is_some()).await.unwrap();
    }
}

impl MetadataQuorum for RaftQuorum {
    async fn propose(&self, records: Vec<Bytes>) -> Result<CommittedAt, Error> {
        let proposal = codec::proposal(&records, now_ms())?;
        let _permit = self.proposals.acquire().await.map_err(|_| Error::Stopped)?;
        let applied = match self.raft.client_write(proposal).await {
            Ok(written) => written.data,
            Err(RaftError::Fatal(fatal)) => return Err(self.stopped(fatal)),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => {
                return Err(Error::NotLeader { leader: to.leader_id.map(broker_id) });
            }
            Err(RaftError::APIError(refused @ ClientWriteError::ChangeMembershipError(_))) => {
                return Err(Error::Failed(refused.to_string()));
            }
        };
        Ok(CommittedAt { offset: Offset(applied.base_offset), epoch: LeaderEpoch(applied.epoch) })
    }

    fn status(&self) -> Status {
        let high_watermark = Offset(self.progress.borrow().high_watermark);
        Status { high_watermark, ..self.status.borrow().clone() }
    }

    fn subscribe(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    async fn shutdown(&self) {
        // An error says that openraft had panicked, which the status has told.
        drop(self.raft.shutdown().await);
    }
}

impl Drop for RaftQuorum {
    fn drop(&mut self) {
        // It holds a handle that would keep openraft running.
        self.driver.abort();
    }
}

/// How a voter that is alone wants openraft: no ticks, no heartbeats, no elections but the one we ask for. Snapshots
/// are the driver's to ask for; all that one covers may go.
fn config(options: &Options) -> Config {
    const HOUR_MS: u64 = 60 * 60 * 1000;
    Config {
        cluster_name: options.cluster_id.clone(),
        // openraft's ticker sleeps for this long even when it is off.
        heartbeat_interval: HOUR_MS,
        election_timeout_min: 2 * HOUR_MS,
        election_timeout_max: 3 * HOUR_MS,
        enable_tick: false,
        enable_heartbeat: false,
        enable_elect: false,
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: 0,
        ..Config::default()
    }
}

fn open_disk<S: StateMachine>(options: &Options, node_id: NodeId, state: S) -> Result<Opened<S>, Error> {
    options.check_meta_properties()?;
    let dir = options.dir();
    store::create_dir(&dir)?;
    let (snapshots, records) = SnapshotStore::open(&dir)?;
    let mut log = MetadataLog::open(&dir, snapshots.covered(), options.segment_bytes)?;
    let mut vote = VoteFile::open(&dir)?;
    let alone = BTreeSet::from([node_id]);
    for voters in [log.voters(), vote.voters()] {
        if !voters.is_empty() && *voters != alone {
            let voters = voters.iter().map(|id| broker_id(*id)).collect();
            return Err(Error::Voters { path: dir, voters, node_id: options.node_id });
        }
    }
    vote.catch_up(log.last().map_or(0, |id| id.leader_id.term));
    let epoch = epoch_of(vote.vote().map_or(0, |vote| vote.leader_id.term));
    let configured = log.has_configured_voters().then(|| {
        log.configure_voters(alone.clone());
        Membership::new(vec![alone], BTreeMap::from([(node_id, options.voter.clone())]))
    });
    let bootstrap = match log.has_data() || !records.is_empty() {
        true => None,
        false => Some(store::read_bootstrap(&options.log_dir)?.unwrap_or(options.bootstrap_records.clone())),
    };
    let snapshots = Arc::new(snapshots);
    let (progress, followed) = watch::channel(Progress::default());
    let machine = Machine::new(state, Arc::clone(&snapshots), records, configured, Arc::new(progress))?;
    let known = machine.membership().get_node(&node_id).cloned();
    let log = LogStore::new(log, vote, snapshots);
    Ok(Opened { log, machine, progress: followed, epoch, known, bootstrap })
}

/// Becomes the leader, and waits until the first entry of the new epoch is applied: all before it is, too.
/// A node without a listener for controllers has nothing new to say about where it listens, so that `known` stays: Kafka
/// starts no more where it is not told its own.
async fn take_lead(raft: &Raft, node_id: NodeId, voter: Voter, known: Option<Voter>) -> Result<(), Error> {
    let members = |voter: &Voter| BTreeMap::from([(node_id, voter.clone())]);
    // Asked first: openraft logs an error where it is told to initialize a log that has entries.
    if raft.is_initialized().await.map_err(fatal)? {
        raft.trigger().elect().await.map_err(fatal)?;
    } else {
        raft.initialize(members(&voter.clone().or_at(known.as_ref()))).await.map_err(
            |error| match error {
                RaftError::APIError(refused) => Error::Failed(refused.to_string()),
                RaftError::Fatal(stopped) => fatal(stopped),
            },
        )?;
    }
    let mut metrics = raft.metrics();
    let leads = metrics.wait_for(|m| {
        let applied_epoch = m.last_applied.map(|id| id.leader_id.term);
        m.running_state.is_err() || (m.state == ServerState::Leader && applied_epoch == Some(m.current_term))
    });
    let leads = leads.await.map_err(|_| Error::Failed("openraft panicked".to_owned()))?.clone();
    leads.running_state.map_err(fatal)?;
    let known = leads.membership_config.membership().get_node(&node_id);
    let voter = voter.or_at(known);
    if known != Some(&voter) {
        let updated = raft.change_membership(ChangeMembers::SetNodes(members(&voter)), false).await;
        updated.map_err(|e| Error::Failed(e.to_string()))?;
    }
    Ok(())
}

/// Why openraft no longer runs.
pub(crate) fn stop(fatal: Fatal<NodeId>) -> Stop {
    match fatal {
        Fatal::Stopped => Stop::Shutdown,
        Fatal::StorageError(error) => Stop::Failed(error.to_string()),
        Fatal::Panicked => Stop::Failed("openraft panicked".to_owned()),
    }
}

fn fatal(fatal: Fatal<NodeId>) -> Error {
    stop(fatal).error()
}
