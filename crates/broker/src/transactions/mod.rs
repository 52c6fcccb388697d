//! The transaction coordinators: one for each partition of `__transaction_state` that this node leads.
//!
//! What a coordinator has decided, `markers` carries out: the end of a transaction in each of its partitions.

mod markers;
mod verify;

use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator::runtime::RuntimeConfig;
use coordinator::txn::{
    Claim, Request, Response, TransactionConfig, TransactionCoordinator, TransactionVersion, WriteMarkers,
};
use metadata::configs::TransactionsConfig;
use metadata::{ClusterImage, Feature};
use parking_lot::Mutex;
use protocol::{ErrorCode, ProducerId};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::coordinators::{Coordinator, Coordinators, LoadError};
use crate::node::Node;
use crate::partition::Partition;
use crate::purgatory::{Waiters, Watch};

pub(crate) use markers::{end_transaction, write_markers};
pub(crate) use verify::{Abilities, Verified, verify};

/// The topic that they write.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// All transaction coordinators of this node.
pub(crate) struct Transactions {
    config: TransactionsConfig,
    pub(crate) coordinators: Arc<Coordinators<TransactionCoordinator>>,
    /// Markers to write, until the task that does takes it.
    acting: Mutex<Option<UnboundedReceiver<(i32, WriteMarkers)>>>,
    /// Those who wait for a transaction to be over.
    completed: Waiters,
}

impl Transactions {
    pub(crate) fn new(config: TransactionsConfig) -> Self {
        let (coordinators, acting) = Coordinators::new();
        Self {
            config,
            coordinators: Arc::new(coordinators),
            acting: Mutex::new(Some(acting)),
            completed: Waiters::default(),
        }
    }

    /// Loads the coordinator of a partition of the topic, which has so many.
    pub(crate) fn load(
        &self,
        partition: Arc<Partition>,
        count: i32,
        image: &ClusterImage,
    ) -> Result<(), LoadError> {
        let clamp = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let machine = TransactionCoordinator::new(TransactionConfig {
            max_timeout_ms: i32::try_from(self.config.max_timeout_ms).unwrap_or(i32::MAX),
            id_expiration_ms: clamp(self.config.id_expiration_ms),
            expiry_interval_ms: clamp(self.config.remove_expired_cleanup_interval_ms),
            version: TransactionVersion::from_level(image.feature_level(Feature::TRANSACTION_VERSION)),
            ..TransactionConfig::default()
        });
        self.coordinators.load(partition, count, machine, RuntimeConfig::default())
    }

    /// Asks the coordinator of a transactional id. `None` when the node stops first.
    pub(crate) async fn ask(&self, transactional_id: &str, request: Request<'_>) -> Option<Response> {
        match self.coordinators.coordinator_of(transactional_id) {
            Some(coordinator) => self.ask_coordinator(&coordinator, request).await,
            None => Some(TransactionCoordinator::without_coordinator(request)),
        }
    }

    pub(crate) async fn ask_coordinator(
        &self,
        coordinator: &Coordinator<TransactionCoordinator>,
        request: Request<'_>,
    ) -> Option<Response> {
        self.coordinators.propose(coordinator, request).await.ok()
    }

    /// Asks with a fresh producer id where one is needed.
    pub(crate) async fn ask_with_id<'a>(
        &self,
        node: &Node,
        transactional_id: &str,
        request: impl Fn(Option<ProducerId>) -> Request<'a>,
    ) -> Option<Response> {
        match self.ask(transactional_id, request(None)).await? {
            Response::NeedsProducerId => match node.producer_ids().next().await {
                Ok(fresh) => self.ask(transactional_id, request(Some(fresh))).await,
                Err(error) => Some(Response::no_producer(error)),
            },
            answer => Some(answer),
        }
    }

    /// Adds partitions to a transaction. `None` when the node stops first.
    pub(crate) async fn add_partitions(
        &self,
        claim: Claim<'_>,
        version: TransactionVersion,
        partitions: &[(&str, i32)],
    ) -> Option<ErrorCode> {
        let mut patience = self.patience();
        let request = Request::AddPartitions(claim, version, partitions);
        loop {
            patience.prepare();
            let Response::Done(error) = self.ask(claim.transactional_id, request).await? else { return None };
            if error != ErrorCode::ConcurrentTransactions || !patience.wait().await {
                return Some(error);
            }
        }
    }

    /// For who is told that the transaction before is not over yet: that is waited for a moment, since producers would ask
    /// again in the same moment.
    pub(crate) fn patience(&self) -> Patience<'_> {
        let most = Duration::from_millis(self.config.add_partitions_max_wait_ms);
        Patience { completed: &self.completed, deadline: Instant::now() + most, watch: Watch::default() }
    }
}

/// The wait for a transaction to be over, up to a deadline.
pub(crate) struct Patience<'a> {
    completed: &'a Waiters,
    deadline: Instant,
    watch: Watch,
}

impl Patience<'_> {
    /// Before each question: what ends after it is not missed.
    pub(crate) fn prepare(&mut self) {
        self.watch = Watch::default();
        self.completed.register(&self.watch);
    }

    /// Waits until some transaction is over; false when the time is.
    pub(crate) async fn wait(&self) -> bool {
        tokio::time::timeout_at(self.deadline.into(), self.watch.woken()).await.is_ok()
    }
}
