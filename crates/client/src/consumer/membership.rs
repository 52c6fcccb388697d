//! A member of a group, classic protocol: joins, syncs, beats its heart, and leaves. A task of its own, so that a
//! slow application does not lose its membership, and a dropped `poll` does not lose the outcome of a rebalance.
//!
//! Eager: before joining anew it asks for all partitions back. As long as the application does not answer, hearts
//! keep beating, until `max_poll_interval` says that it is gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::join_group_response::JoinGroupResponse;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest};
use protocol::wire::EncodeError;
use protocol::{ApiKey, ErrorCode, TopicPartition};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::ConsumerConfig;
use super::assignor::{Assignor, Member};
use super::protocol::{decode_assignment, decode_subscription, encode_assignment, encode_subscription};
use crate::cluster::Purpose;
use crate::connection::CallOptions;
use crate::{Cluster, Error, Request, Result, random};

const PROTOCOL_TYPE: &str = "consumer";
/// What the network may take beyond the rebalance itself.
const NETWORK_MARGIN: Duration = Duration::from_secs(5);
/// The patience for saying good-bye.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Who we are in the group, in one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) member_id: Arc<str>,
    pub(super) generation: i32,
}

/// What the consumer has to know.
#[derive(Debug)]
pub(super) enum Event {
    /// These partitions are ours in this generation.
    Assigned { identity: Identity, partitions: Vec<TopicPartition> },
    /// All partitions go back; `lost` says that they are someone else's already. Tell `done` once nothing is read.
    Revoke { lost: bool, done: oneshot::Sender<()> },
    /// The membership is over.
    Failed(Error),
}

/// The consumer's end of a membership. Dropping it ends the task without a word to the group.
#[derive(Debug)]
pub(super) struct Membership {
    events: mpsc::Receiver<Event>,
    leave: watch::Sender<bool>,
    last_poll: Arc<Mutex<Instant>>,
    task: JoinHandle<()>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Membership {
    pub(super) fn start(cluster: Cluster, config: ConsumerConfig, topics: Vec<String>) -> Self {
        // At most one event is under way: after a revocation comes its answer.
        let (out, events) = mpsc::channel(2);
        let (leave, leaving) = watch::channel(false);
        let last_poll = Arc::new(Mutex::new(Instant::now()));
        let group = config.group_id.clone().unwrap_or_default();
        let member = Task {
            cluster,
            group,
            config,
            topics,
            member_id: "".into(),
            generation: -1,
            out,
            last_poll: last_poll.clone(),
        };
        Self { events, leave, last_poll, task: tokio::spawn(member.run(leaving)) }
    }

    pub(super) fn polled(&self) {
        *self.last_poll.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn try_event(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// The next event; none, at once, where there is no membership or it is over: then `select!` ignores it.
    pub(super) async fn next_event(this: &mut Option<Self>) -> Option<Event> {
        this.as_mut()?.events.recv().await
    }

    /// Leaves the group, if it can be told in time.
    pub(super) async fn leave(mut self) {
        let _ = self.leave.send(true);
        self.events.close();
        let _ = (&mut self.task).await;
    }
}

struct Task {
    cluster: Cluster,
    group: String,
    config: ConsumerConfig,
    topics: Vec<String>,
    member_id: Arc<str>,
    generation: i32,
    out: mpsc::Sender<Event>,
    last_poll: Arc<Mutex<Instant>>,
}

/// How a generation ends for us.
enum End {
    /// The group rebalances: partitions go back in peace.
    Rebalance,
    /// The group goes on without us.
    Lost,
    /// The application does not poll: we leave.
    Idle,
}

impl Task {
    async fn run(mut self, mut leaving: watch::Receiver<bool>) {
        tokio::select! {
            result = self.member() => {
                if let Err(error) = result {
                    let _ = self.out.send(Event::Failed(error)).await;
                    return;
                }
            }
            () = async { drop(leaving.wait_for(|leave| *leave).await) } => {}
        }
        // A static member stays until its session ends, so that it finds its partitions after a restart.
        if !self.member_id.is_empty()
            && self.config.group_instance_id.is_none()
            && let Err(error) = self.leave_group("the consumer is closed").await
        {
            tracing::debug!(%error, "left without a word");
        }
    }

    /// One generation after the other. Ends with an error that no retry helps, or when nobody listens any more.
    async fn member(&mut self) -> Result<()> {
        let mut attempts = 0;
        loop {
            match self.join().await {
                Ok(partitions) => {
                    attempts = 0;
                    let identity =
                        Identity { member_id: self.member_id.clone(), generation: self.generation };
                    if self.out.send(Event::Assigned { identity, partitions }).await.is_err() {
                        return Ok(());
                    }
                    let end = self.heartbeats().await?;
                    if !self.give_back(end).await? {
                        return Ok(());
                    }
                }
                Err(error) => {
                    self.after(error).await?;
                    tokio::time::sleep(self.cluster.backoff().delay(attempts, random::bits())).await;
                    attempts += 1;
                }
            }
        }
    }

    /// What an error says about us; returns it if joining again does not help.
    async fn after(&mut self, error: Error) -> Result<()> {
        tracing::debug!(group = self.group, %error, "not joined");
        self.cluster.doubt_coordinator(&self.group, &error);
        match error.code() {
            Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => {
                self.member_id = "".into();
                self.generation = -1;
                Ok(())
            }
            Some(ErrorCode::RebalanceInProgress | ErrorCode::MemberIdRequired) => Ok(()),
            _ if error.is_retriable() => Ok(()),
            _ => Err(error),
        }
    }

    async fn call<R: Request>(&self, request: &R, timeout: Option<Duration>) -> Result<crate::Answer<R>> {
        let connection = self.cluster.coordinator(&self.group, Purpose::Group).await?;
        connection.call_with(request, CallOptions { timeout, ..Default::default() }).await
    }

    /// Joins and syncs: the partitions of the new generation.
    async fn join(&mut self) -> Result<Vec<TopicPartition>> {
        let subscription = encode_subscription(&self.topics).map_err(|source| self.cannot_write(source))?;
        let rebalance = self.config.max_poll_interval;
        let member_id = self.member_id.clone();
        let protocol = |a: &Assignor| JoinGroupRequestProtocol {
            name: a.name().into(),
            metadata: (&*subscription).into(),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: self.group.as_str().into(),
            session_timeout_ms: millis(self.config.session_timeout),
            rebalance_timeout_ms: millis(rebalance),
            member_id: (&*member_id).into(),
            group_instance_id: self.config.group_instance_id.as_deref().map(Into::into),
            protocol_type: PROTOCOL_TYPE.into(),
            protocols: self.config.assignors.iter().map(protocol).collect(),
            ..Default::default()
        };
        let patience = self.cluster.config().connection.request_timeout.max(rebalance + NETWORK_MARGIN);
        let answer = self.call(&request, Some(patience)).await?;
        let response = answer.decode()?;
        if response.error_code == ErrorCode::MemberIdRequired.code() {
            // KIP-394: known from now on, so that what comes of the next attempt has an owner.
            self.member_id = (&*response.member_id).into();
        }
        Error::check(
            format!("cannot join group '{}'", self.group),
            answer.broker(),
            response.error_code,
            None,
        )?;
        self.member_id = (&*response.member_id).into();
        self.generation = response.generation_id;
        let leads = response.leader == response.member_id && !response.skip_assignment;
        let assignments = if leads { self.assign(&response).await? } else { Vec::new() };
        self.sync(&response, assignments).await
    }

    async fn sync(
        &self,
        joined: &JoinGroupResponse<'_>,
        assignments: Vec<(String, Vec<u8>)>,
    ) -> Result<Vec<TopicPartition>> {
        let request = SyncGroupRequest {
            group_id: self.group.as_str().into(),
            generation_id: self.generation,
            member_id: (&*self.member_id).into(),
            group_instance_id: self.config.group_instance_id.as_deref().map(Into::into),
            protocol_type: Some(PROTOCOL_TYPE.into()),
            protocol_name: joined.protocol_name.as_deref().map(Into::into),
            assignments: assignments
                .into_iter()
                .map(|(member_id, assignment)| SyncGroupRequestAssignment {
                    member_id: member_id.into(),
                    assignment: assignment.into(),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        };
        // The leader may take its time, and the others wait for it.
        let patience = self
            .cluster
            .config()
            .connection
            .request_timeout
            .max(self.config.max_poll_interval + NETWORK_MARGIN);
        let answer = self.call(&request, Some(patience)).await?;
        let response = answer.decode()?;
        let what = || format!("cannot sync with group '{}'", self.group);
        Error::check(what(), answer.broker(), response.error_code, None)?;
        decode_assignment(&response.assignment).map_err(|source| Error::Decode {
            broker: answer.broker().clone(),
            api: ApiKey::SyncGroup,
            source,
        })
    }

    /// The leader's work: shares the partitions of all topics that anyone subscribes to.
    async fn assign(&self, joined: &JoinGroupResponse<'_>) -> Result<Vec<(String, Vec<u8>)>> {
        let name = joined.protocol_name.as_deref().unwrap_or_default();
        let assignor = Assignor::from_name(name).ok_or_else(|| {
            Error::Invalid(format!("group '{}' chose the assignor '{name}'", self.group).into())
        })?;
        let mut members = Vec::new();
        for member in &joined.members {
            let topics = decode_subscription(&member.metadata).map_err(|source| Error::Decode {
                broker: "of the group's members".into(),
                api: ApiKey::JoinGroup,
                source,
            })?;
            members.push(Member {
                member_id: member.member_id.to_string(),
                group_instance_id: member.group_instance_id.as_deref().map(str::to_owned),
                topics,
            });
        }
        let mut topics: Vec<&str> =
            members.iter().flat_map(|m| m.topics.iter().map(String::as_str)).collect();
        topics.sort_unstable();
        topics.dedup();
        let counts = self.partition_counts(&topics).await?;
        let shares = assignor.assign(&members, &counts);
        shares
            .into_iter()
            .map(|(id, partitions)| {
                Ok((id, encode_assignment(&partitions).map_err(|s| self.cannot_write(s))?))
            })
            .collect()
    }

    /// The topics that exist, with their numbers of partitions.
    async fn partition_counts(&self, topics: &[&str]) -> Result<BTreeMap<String, i32>> {
        let metadata = self.cluster.metadata(Some(topics)).await?;
        let count = |t: &crate::Topic| (t.name.to_string(), t.partitions.len() as i32);
        Ok(metadata.topics.values().filter_map(|t| t.as_ref().ok()).map(|t| count(t)).collect())
    }

    fn cannot_write(&self, source: EncodeError) -> Error {
        Error::Encode { broker: self.group.as_str().into(), api: ApiKey::JoinGroup, source }
    }

    /// Beats until the generation ends for us.
    async fn heartbeats(&mut self) -> Result<End> {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let joined_with = self.partition_counts(&topics).await.ok();
        let mut look_at = Instant::now() + self.cluster.config().metadata_max_age;
        loop {
            tokio::time::sleep(self.config.heartbeat_interval).await;
            if let Some(end) = self.beat().await? {
                return Ok(end);
            }
            if look_at <= Instant::now() {
                look_at = Instant::now() + self.cluster.config().metadata_max_age;
                // New topics or partitions need an owner.
                if let (Some(then), Ok(now)) = (&joined_with, self.partition_counts(&topics).await)
                    && *then != now
                {
                    return Ok(End::Rebalance);
                }
            }
        }
    }

    /// One heartbeat, and what it says about us.
    async fn beat(&self) -> Result<Option<End>> {
        let last_poll = *self.last_poll.lock().unwrap_or_else(PoisonError::into_inner);
        if last_poll.elapsed() > self.config.max_poll_interval {
            return Ok(Some(End::Idle));
        }
        let request = HeartbeatRequest {
            group_id: self.group.as_str().into(),
            generation_id: self.generation,
            member_id: (&*self.member_id).into(),
            group_instance_id: self.config.group_instance_id.as_deref().map(Into::into),
            ..Default::default()
        };
        let beat = async {
            let answer = self.call(&request, Some(self.config.session_timeout)).await?;
            let code = answer.decode()?.error_code;
            Error::check(format!("cannot stay in group '{}'", self.group), answer.broker(), code, None)
        };
        let Err(error) = beat.await else { return Ok(None) };
        self.cluster.doubt_coordinator(&self.group, &error);
        match error.code() {
            Some(ErrorCode::RebalanceInProgress) => Ok(Some(End::Rebalance)),
            Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => Ok(Some(End::Lost)),
            // The coordinator may come back, or another one knows us.
            _ if error.is_retriable() => {
                tracing::debug!(group = self.group, %error, "missed a heartbeat");
                Ok(None)
            }
            _ => Err(error),
        }
    }

    /// Has the consumer give back its partitions. False when nobody listens any more.
    async fn give_back(&mut self, end: End) -> Result<bool> {
        if matches!(end, End::Idle) {
            tracing::warn!(
                group = self.group,
                max_poll_interval_ms = millis(self.config.max_poll_interval),
                "left the group: the application does not poll; poll more often or raise max_poll_interval"
            );
            // If that fails, the session ends by itself.
            let _ = self.leave_group("the application does not poll").await;
        }
        let lost = !matches!(end, End::Rebalance);
        if lost {
            self.member_id = "".into();
            self.generation = -1;
        }
        let (done, mut given) = oneshot::channel();
        if self.out.send(Event::Revoke { lost, done }).await.is_err() {
            return Ok(false);
        }
        loop {
            tokio::select! {
                // An error is the consumer's end.
                given = &mut given => return Ok(given.is_ok()),
                () = tokio::time::sleep(self.config.heartbeat_interval), if !lost => {
                    if let Some(End::Lost | End::Idle) = self.beat().await? {
                        self.member_id = "".into();
                        self.generation = -1;
                        return Ok((&mut given).await.is_ok());
                    }
                }
            }
        }
    }

    async fn leave_group(&self, reason: &str) -> Result<()> {
        let connection = self.cluster.coordinator(&self.group, Purpose::Control).await?;
        // Version 3 lets many members leave at once (KIP-345).
        let many = connection.version(ApiKey::LeaveGroup, i16::MAX)? >= 3;
        let member = MemberIdentity {
            member_id: (&*self.member_id).into(),
            reason: Some(reason.into()),
            ..Default::default()
        };
        let request = LeaveGroupRequest {
            group_id: self.group.as_str().into(),
            member_id: if many { "".into() } else { (&*self.member_id).into() },
            members: if many { vec![member] } else { vec![] },
            ..Default::default()
        };
        let options = CallOptions { timeout: Some(LEAVE_TIMEOUT), ..Default::default() };
        let answer = connection.call_with(&request, options).await?;
        let code = answer.decode()?.error_code;
        Error::check(format!("cannot leave group '{}'", self.group), answer.broker(), code, None)
    }
}

fn millis(duration: Duration) -> i32 {
    duration.as_millis().min(i32::MAX as u128) as i32
}
