//! What `/metrics` shows: Prometheus text, with the names that the JMX exporter and kafka_exporter made common, so that
//! published Kafka dashboards find what they query.
//!
//! Hot paths touch plain atomics here; everything that can be computed is computed when somebody looks (`scrape`).

mod latency;
mod scrape;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use protocol::ApiKey;

use latency::Latency;
pub(crate) use scrape::{Gather, text};

/// A count that only grows.
#[derive(Default, Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted for each topic (`kafka.server:type=BrokerTopicMetrics`).
#[derive(Default, Debug)]
pub(crate) struct TopicCounts {
    pub(crate) messages_in: Count,
    pub(crate) bytes_in: Count,
    pub(crate) bytes_out: Count,
    pub(crate) produce_requests: Count,
    pub(crate) fetch_requests: Count,
    pub(crate) failed_produce_requests: Count,
    pub(crate) failed_fetch_requests: Count,
}

/// What is counted for each API (`kafka.network:type=RequestMetrics`).
#[derive(Debug)]
pub(crate) struct ApiCounts {
    pub(crate) requests: Count,
    pub(crate) errors: Count,
    pub(crate) total_time: Latency,
}

/// All counts of a node.
#[derive(Debug)]
pub(crate) struct Metrics {
    topics: RwLock<BTreeMap<Arc<str>, Arc<TopicCounts>>>,
    apis: Vec<(ApiKey, ApiCounts)>,
    pub(crate) connections_opened: Count,
    pub(crate) connections_refused: Count,
    pub(crate) flushes: Count,
    pub(crate) flush_time: Latency,
}

impl Metrics {
    pub(crate) fn new(apis: impl Iterator<Item = ApiKey>) -> Self {
        let counts = || ApiCounts {
            requests: Count::default(),
            errors: Count::default(),
            total_time: Latency::default(),
        };
        Self {
            topics: RwLock::default(),
            apis: apis.map(|api| (api, counts())).collect(),
            connections_opened: Count::default(),
            connections_refused: Count::default(),
            flushes: Count::default(),
            flush_time: Latency::default(),
        }
    }

    /// The counts of a topic, which exists: names come from the metadata, not from strangers.
    pub(crate) fn topic(&self, name: &Arc<str>) -> Arc<TopicCounts> {
        if let Some(counts) = self.topics.read().get(name) {
            return Arc::clone(counts);
        }
        Arc::clone(self.topics.write().entry(Arc::clone(name)).or_default())
    }

    /// Forgets a deleted topic.
    pub(crate) fn forget_topic(&self, name: &str) {
        self.topics.write().remove(name);
    }

    /// Notes an answered request.
    pub(crate) fn answered(&self, api: ApiKey, took: Duration, failed: bool) {
        if let Some((_, counts)) = self.apis.iter().find(|(key, _)| *key == api) {
            counts.requests.add(1);
            counts.errors.add(u64::from(failed));
            counts.total_time.record(took);
        }
    }
}
