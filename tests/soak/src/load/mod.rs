//! The load: each client is a process of its own (this binary again), so that it can be killed. It is told what to do
//! in JSON, writes its own history, and ends in good order when its standard input ends.

pub(crate) mod admin;
mod member;
mod producer;
mod reader;
mod record;
pub(crate) mod topics;
mod watcher;

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::event::{Acks, TopicPartition};
use crate::journal::Journal;

/// How long a client waits for one answer of the node. Longer than any pause of it, so that no request is sent again
/// over a second connection while the first lies in the node's sockets: what it does then is nobody's promise.
const ANSWER: Duration = Duration::from_secs(60);

/// One client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Role {
    /// Unlike that of any other client, dead ones too.
    pub(crate) name: String,
    pub(crate) bootstrap: String,
    /// Where histories go.
    pub(crate) history: PathBuf,
    pub(crate) seed: u64,
    pub(crate) job: Job,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub(crate) enum Job {
    Producer { idempotent: bool, acks: Acks, in_flight_one: bool, codec: String, linger_ms: u32, keyed: bool },
    Member { group: String, automatic: bool, strategy: String, instance: Option<String> },
    Reader { last: bool },
    Watcher,
    Admin,
}

/// The groups of the load.
pub(crate) const GROUPS: [&str; 4] = ["automatic", "manual", "cooperative", "static"];

impl Role {
    /// Does the job, until standard input ends.
    pub(crate) fn run(&self) -> Result<(), Error> {
        let ending = ends_with_input();
        match &self.job {
            Job::Producer { .. } => producer::run(self, &ending),
            Job::Member { .. } => member::run(self, &ending),
            Job::Reader { last } => reader::run(self, *last, &ending),
            Job::Watcher => watcher::run(self, &ending),
            Job::Admin => admin::run(self, &ending),
        }
    }

    fn journal(&self) -> Result<Journal, Error> {
        Journal::create(&self.history, &self.name)
    }

    /// Settings with which librdkafka finds the node again soon.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in [
            ("bootstrap.servers", &*self.bootstrap),
            ("client.id", &*self.name),
            ("log_level", "3"),
            ("log.connection.close", "false"),
            ("reconnect.backoff.ms", "10"),
            ("reconnect.backoff.max.ms", "200"),
            ("retry.backoff.ms", "10"),
            ("retry.backoff.max.ms", "200"),
            ("topic.metadata.refresh.interval.ms", "2000"),
        ] {
            config.set(name, value);
        }
        config.set("socket.timeout.ms", ANSWER.as_millis().to_string());
        config
    }

    /// Settings of a consumer.
    fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.config();
        config.set("group.id", group).set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
        config.set("fetch.wait.max.ms", "100").set("session.timeout.ms", "6000");
        config.set("heartbeat.interval.ms", "500");
        config
    }
}

/// Set when standard input ends: the parent wants it, or is gone.
fn ends_with_input() -> Arc<AtomicBool> {
    let ending = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&ending);
    std::thread::spawn(move || {
        let mut rest = vec![];
        let _ = std::io::stdin().read_to_end(&mut rest);
        set.store(true, Ordering::Relaxed);
    });
    ending
}

/// The partitions of the load that the node knows now.
fn partitions<C: ClientContext>(client: &Client<C>) -> Result<Vec<TopicPartition>, KafkaError> {
    let metadata = client.fetch_metadata(None, ANSWER)?;
    let load =
        metadata.topics().iter().filter(|topic| topics::LOAD.iter().any(|load| load.name == topic.name()));
    let all = load.flat_map(|topic| {
        topic.partitions().iter().map(|partition| TopicPartition::new(topic.name(), partition.id()))
    });
    let mut all: Vec<TopicPartition> = all.collect();
    all.sort();
    Ok(all)
}
