//! A cluster: where its brokers are, who leads what, and one connection to each that is asked.
//!
//! What is learnt is cached until it proves wrong: a failed call drops what led to it ([`Cluster::forget`]), the
//! next attempt asks again. Nothing runs in the background.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::messages::metadata_request::MetadataRequestTopic;
use protocol::messages::{FindCoordinatorRequest, MetadataRequest};
use protocol::{ApiKey, BrokerId, ErrorCode, LeaderEpoch, TopicPartition};
use tokio::time::Instant;

use crate::connection::ConnectionConfig;
use crate::metadata::{Broker, Metadata, Topic, address};
use crate::retry::{Backoff, Retry};
use crate::{Connection, Error, Result};

/// How to reach a cluster.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// `host:port` of brokers to ask first.
    pub bootstrap: Vec<String>,
    /// How each connection behaves.
    pub connection: ConnectionConfig,
    /// How long a call retries.
    pub deadline: Duration,
    /// The wait after a first failure; it doubles with each.
    pub retry_backoff: Duration,
    /// The longest wait between attempts.
    pub retry_backoff_max: Duration,
    /// How long the layout of a topic is believed without asking again.
    pub metadata_max_age: Duration,
    /// Whether asking for a topic may create it, if the brokers do that.
    pub allow_auto_create_topics: bool,
}

impl ClusterConfig {
    /// The defaults, with a comma-separated list of `host:port`; a missing port is 9092.
    pub fn new(bootstrap: &str) -> Self {
        let with_port = |a: &str| if has_port(a) { a.to_owned() } else { format!("{a}:9092") };
        Self {
            bootstrap: bootstrap.split(',').map(str::trim).filter(|a| !a.is_empty()).map(with_port).collect(),
            connection: ConnectionConfig::default(),
            deadline: Duration::from_secs(30),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(300),
            allow_auto_create_topics: false,
        }
    }
}

fn has_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        !port.is_empty()
            && port.bytes().all(|b| b.is_ascii_digit())
            && (!host.contains(':') || host.ends_with(']'))
    })
}

/// What a connection is for. A broker answers the requests of a connection in order, so what may wait long gets one
/// of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Metadata, administration, offsets: answered at once.
    Control,
    /// Produce, or fetch.
    Data,
    /// A group's coordinator: joining waits for the other members.
    Group,
}

/// A handle to a cluster; clones share connections and what is known.
#[derive(Clone, Debug)]
pub struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: ClusterConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cluster_id: Option<String>,
    controller: Option<BrokerId>,
    brokers: BTreeMap<BrokerId, Broker>,
    topics: BTreeMap<Arc<str>, (Instant, Arc<Topic>)>,
    coordinators: BTreeMap<String, Broker>,
    connections: BTreeMap<(Arc<str>, Purpose), Arc<Slot>>,
}

/// A connection to one address, if there is one. The lock is held while connecting: one attempt at a time.
type Slot = tokio::sync::Mutex<Option<Arc<Connection>>>;

/// Groups whose coordinator is remembered; beyond that, all are forgotten.
const MAX_COORDINATORS: usize = 1_000;
/// Topics whose layout is remembered; beyond that, all are forgotten.
const MAX_TOPICS: usize = 100_000;

impl Cluster {
    /// A handle; nothing is connected yet.
    pub fn new(config: ClusterConfig) -> Result<Self> {
        if config.bootstrap.is_empty() {
            return Err(Error::Invalid("no bootstrap server given; name at least one host:port".into()));
        }
        Ok(Self { inner: Arc::new(Inner { config, state: Mutex::default() }) })
    }

    /// A handle to the same cluster with connections of its own, configured anew by `edit`.
    pub(crate) fn fork(&self, edit: impl FnOnce(&mut ClusterConfig)) -> Self {
        let mut config = self.inner.config.clone();
        edit(&mut config);
        let known = self.state();
        let state =
            State { brokers: known.brokers.clone(), controller: known.controller, ..State::default() };
        Self { inner: Arc::new(Inner { config, state: Mutex::new(state) }) }
    }

    /// How it was configured.
    pub fn config(&self) -> &ClusterConfig {
        &self.inner.config
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every update is a single assignment or insertion: a panic elsewhere leaves nothing half done.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff { first: self.config().retry_backoff, max: self.config().retry_backoff_max }
    }

    /// Starts the retries of a call named `what`.
    pub(crate) fn retry(&self, what: impl Into<Arc<str>>) -> Retry {
        Retry::new(what, self.config().deadline, self.backoff())
    }

    /// The open connection to an address, or a new one.
    async fn connect(&self, address: &Arc<str>, purpose: Purpose) -> Result<Arc<Connection>> {
        let slot = self.state().connections.entry((address.clone(), purpose)).or_default().clone();
        let mut slot = slot.lock().await;
        if let Some(connection) = slot.as_ref().filter(|c| !c.is_closed()) {
            return Ok(connection.clone());
        }
        let connection = Arc::new(Connection::open(address, &self.config().connection).await?);
        *slot = Some(connection.clone());
        Ok(connection)
    }

    /// The connection to a broker.
    pub async fn broker(&self, id: BrokerId, purpose: Purpose) -> Result<Arc<Connection>> {
        let known = self.state().brokers.get(&id).map(|b| b.address.clone());
        let address = match known {
            Some(address) => address,
            None => {
                self.metadata(Some(&[])).await?;
                let address = self.state().brokers.get(&id).map(|b| b.address.clone());
                address.ok_or_else(|| {
                    Error::Invalid(
                        format!("there is no broker {id}; describe the cluster to see its brokers").into(),
                    )
                })?
            }
        };
        self.connect(&address, purpose).await
    }

    /// A connection to whichever broker can be reached, those that are known first.
    pub async fn any(&self) -> Result<Arc<Connection>> {
        let mut candidates: Vec<Arc<str>> = {
            let state = self.state();
            let open =
                state.connections.keys().filter(|(_, p)| *p == Purpose::Control).map(|(a, _)| a.clone());
            open.chain(state.brokers.values().map(|b| b.address.clone())).collect()
        };
        candidates.extend(self.config().bootstrap.iter().map(|a| a.as_str().into()));
        let mut last = None;
        let mut tried: Vec<Arc<str>> = Vec::new();
        for address in candidates {
            if tried.contains(&address) {
                continue;
            }
            match self.connect(&address, Purpose::Control).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
            tried.push(address);
        }
        // The constructor refuses an empty list, so there was an attempt.
        Err(last.unwrap_or(Error::Closed("cluster")))
    }

    /// The connection for changes to the cluster. With KRaft any broker forwards them, and metadata names one.
    pub async fn controller(&self) -> Result<Arc<Connection>> {
        if self.state().controller.is_none() {
            self.metadata(Some(&[])).await?;
        }
        let controller = self.state().controller;
        match controller {
            Some(id) => self.broker(id, Purpose::Control).await,
            None => self.any().await,
        }
    }

    /// Asks a broker what the cluster looks like: the named topics, or all of them. One attempt.
    pub async fn metadata(&self, topics: Option<&[&str]>) -> Result<Metadata> {
        let connection = self.any().await?;
        let request = MetadataRequest {
            topics: topics.map(|names| {
                let names = names.iter().map(|name| Some((*name).into()));
                names.map(|name| MetadataRequestTopic { name, ..Default::default() }).collect()
            }),
            allow_auto_topic_creation: self.config().allow_auto_create_topics,
            ..Default::default()
        };
        let answer = connection.call(&request).await?;
        let response = answer.decode()?;
        Error::check("cannot get metadata", answer.broker(), response.error_code, None)?;
        let metadata = Metadata::from_response(&response);
        self.learn(&metadata);
        Ok(metadata)
    }

    fn learn(&self, metadata: &Metadata) {
        let now = Instant::now();
        let mut state = self.state();
        state.cluster_id.clone_from(&metadata.cluster_id);
        state.controller = metadata.controller;
        state.brokers.clone_from(&metadata.brokers);
        if state.topics.len() + metadata.topics.len() > MAX_TOPICS {
            state.topics.clear();
        }
        for (name, topic) in &metadata.topics {
            match topic {
                Ok(topic) => drop(state.topics.insert(name.clone(), (now, topic.clone()))),
                Err(_) => drop(state.topics.remove(name)),
            }
        }
        // Connections to addresses that are gone are of no use; those to bootstrap servers may be again.
        let State { connections, brokers, coordinators, .. } = &mut *state;
        connections.retain(|(address, _), _| {
            brokers.values().chain(coordinators.values()).any(|b| b.address == *address)
                || self.config().bootstrap.iter().any(|b| **b == **address)
        });
    }

    /// A topic as it is known, asked for where it is not known or too old. One attempt.
    pub async fn topic(&self, name: &str) -> Result<Arc<Topic>> {
        let known = self.state().topics.get(name).cloned();
        if let Some((_, topic)) = known.filter(|(at, _)| at.elapsed() < self.config().metadata_max_age) {
            return Ok(topic);
        }
        let mut metadata = self.metadata(Some(&[name])).await?;
        let code = match metadata.topics.remove(name) {
            Some(Ok(topic)) => return Ok(topic),
            Some(Err(code)) => code,
            None => ErrorCode::UnknownTopicOrPartition,
        };
        Err(self.refused(format!("cannot find topic '{name}'"), code))
    }

    /// An error as if a broker had answered it, from what the last one did answer.
    fn refused(&self, what: String, code: ErrorCode) -> Error {
        let state = self.state();
        let broker = state
            .connections
            .keys()
            .find(|(_, purpose)| *purpose == Purpose::Control)
            .map_or_else(|| self.config().bootstrap.join(",").into(), |(address, _)| address.clone());
        Error::Refused { what: what.into(), broker, code, message: None }
    }

    /// The leader of a partition and its epoch. One attempt; no leader is a retriable error.
    pub async fn leader(&self, partition: &TopicPartition) -> Result<(BrokerId, LeaderEpoch)> {
        let topic = self.topic(&partition.topic).await?;
        let refused = |code| self.refused(format!("cannot find the leader of {partition}"), code);
        let found = topic
            .partition(partition.partition)
            .ok_or_else(|| refused(ErrorCode::UnknownTopicOrPartition))?;
        match found.leader {
            Some(leader) => Ok((leader, found.leader_epoch)),
            None => {
                self.forget(&partition.topic);
                Err(refused(ErrorCode::LeaderNotAvailable))
            }
        }
    }

    /// Drops what is known of a topic, so that the next look asks a broker.
    pub fn forget(&self, topic: &str) {
        self.state().topics.remove(topic);
    }

    /// Drops what is known of where changes go, so that the next call asks a broker.
    pub(crate) fn forget_controller(&self) {
        self.state().controller = None;
    }

    /// The connection to the coordinator of a group. One attempt.
    pub async fn coordinator(&self, group: &str, purpose: Purpose) -> Result<Arc<Connection>> {
        let known = self.state().coordinators.get(group).map(|b| b.address.clone());
        let address = match known {
            Some(address) => address,
            None => self.find_coordinator(group).await?,
        };
        self.connect(&address, purpose).await
    }

    async fn find_coordinator(&self, group: &str) -> Result<Arc<str>> {
        let connection = self.any().await?;
        // Version 4 asks for many keys at once (KIP-699). Versions 5 and 6 are for transactions and share groups.
        let batched = connection.version(ApiKey::FindCoordinator, 4)? >= 4;
        let request = FindCoordinatorRequest {
            key: if batched { "".into() } else { group.into() },
            coordinator_keys: if batched { vec![group.into()] } else { vec![] },
            ..Default::default()
        };
        let options = crate::CallOptions { at_most: 4, ..Default::default() };
        let answer = connection.call_with(&request, options).await?;
        let response = answer.decode()?;
        let what = || format!("cannot find the coordinator of group '{group}'");
        let (code, message, id, host, port) = match response.coordinators.first() {
            Some(c) => (c.error_code, &c.error_message, c.node_id, &c.host, c.port),
            None => (
                response.error_code,
                &response.error_message,
                response.node_id,
                &response.host,
                response.port,
            ),
        };
        Error::check(what(), answer.broker(), code, message.as_deref())?;
        let broker = Broker { id: BrokerId(id), address: address(host, port), rack: None };
        let mut state = self.state();
        if state.coordinators.len() >= MAX_COORDINATORS {
            state.coordinators.clear();
        }
        let address = broker.address.clone();
        state.coordinators.insert(group.to_owned(), broker);
        Ok(address)
    }

    /// Drops what is known of a group's coordinator where an error says that it may be wrong.
    pub(crate) fn doubt_coordinator(&self, group: &str, error: &Error) {
        let code = error.code();
        if code.is_none()
            || matches!(code, Some(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable))
        {
            self.state().coordinators.remove(group);
        }
    }

    /// The cluster's id, if a broker has told.
    pub fn cluster_id(&self) -> Option<String> {
        self.state().cluster_id.clone()
    }

    /// The brokers as last heard of.
    pub fn brokers(&self) -> Vec<Broker> {
        self.state().brokers.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bootstrap_lists_are_forgiving() {
        let check =
            |text: &str, expect: &[&str]| assert_eq!(ClusterConfig::new(text).bootstrap, expect, "{text}");
        check("127.0.0.1:9092", &["127.0.0.1:9092"]);
        check("a:1, b ,c:3,", &["a:1", "b:9092", "c:3"]);
        check("[::1]:9093", &["[::1]:9093"]);
        check("[::1]", &["[::1]:9092"]);
        check("", &[]);
        assert!(Cluster::new(ClusterConfig::new("")).is_err());
    }
}
