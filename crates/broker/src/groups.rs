//! The group coordinators: one for each partition of `__consumer_offsets` that this node leads.

use std::sync::Arc;

use coordinator::group::consumer::{Assignor, ConsumerGroupConfig, ConsumerGroupSettings, MigrationPolicy};
use coordinator::group::{GroupConfig, GroupCoordinator, Request, Response};
use coordinator::runtime::RuntimeConfig;
use metadata::configs::{BrokerConfigs, GroupsConfig, ResourceType};
use metadata::{ClusterImage, ConfigResource};
use tokio::sync::oneshot;

use crate::coordinators::{Coordinator, Coordinators, LoadError};
use crate::partition::Partition;

/// The topic that they write.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// All group coordinators of this node.
pub(crate) struct Groups {
    pub(crate) config: GroupConfig,
    pub(crate) coordinators: Arc<Coordinators<GroupCoordinator>>,
}

impl Groups {
    pub(crate) fn new(config: GroupConfig) -> Self {
        let (coordinators, _) = Coordinators::new();
        Self { config, coordinators: Arc::new(coordinators) }
    }

    /// Asks the coordinator of `group`.
    pub(crate) fn ask(&self, group: &str, request: Request<'_>) -> Asked {
        match self.coordinators.coordinator_of(group) {
            Some(coordinator) => self.ask_coordinator(&coordinator, request),
            // As Kafka does while the topic does not exist: clients look the coordinator up, which creates it.
            None => Asked::Done(Box::new(GroupCoordinator::without_coordinator(&self.config, request))),
        }
    }

    /// Loads the coordinator of a partition of the offsets topic, which has so many.
    pub(crate) fn load(
        &self,
        partition: Arc<Partition>,
        count: i32,
        config: &GroupsConfig,
    ) -> Result<(), LoadError> {
        let runtime =
            RuntimeConfig { commit_timeout_ms: config.offsets_commit_timeout_ms, ..RuntimeConfig::default() };
        let machine = GroupCoordinator::new(self.config.clone());
        self.coordinators.load(partition, count, machine, runtime)
    }

    /// The same where the coordinator is known.
    pub(crate) fn ask_coordinator(
        &self,
        coordinator: &Coordinator<GroupCoordinator>,
        request: Request<'_>,
    ) -> Asked {
        Asked::Waiting(self.coordinators.propose(coordinator, request))
    }
}

/// A question to a coordinator.
pub(crate) enum Asked {
    /// Answered on the spot.
    Done(Box<Response>),
    /// Answered later.
    Waiting(oneshot::Receiver<Response>),
}

impl Asked {
    /// The answer; `None` when the node stops first.
    pub(crate) async fn answer(self) -> Option<Response> {
        match self {
            Self::Done(response) => Some(*response),
            Self::Waiting(receive) => receive.await.ok(),
        }
    }
}

/// What the machine needs to know of the properties.
pub(crate) fn group_config(config: &GroupsConfig) -> GroupConfig {
    let clamp = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let millis = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    GroupConfig {
        min_session_timeout_ms: clamp(config.min_session_timeout_ms),
        max_session_timeout_ms: clamp(config.max_session_timeout_ms),
        initial_rebalance_delay_ms: clamp(config.initial_rebalance_delay_ms),
        max_size: config.max_size as usize,
        offset_metadata_max_units: config.offset_metadata_max_bytes as usize,
        offsets_retention_ms: millis(config.offsets_retention_ms),
        offsets_retention_check_interval_ms: millis(config.offsets_retention_check_interval_ms),
        consumer: ConsumerGroupConfig {
            max_size: config.consumer_max_size as usize,
            assignors: config
                .consumer_assignors
                .iter()
                .filter_map(|name| Assignor::from_name(name))
                .collect(),
            migration_policy: MigrationPolicy::from_name(&config.consumer_migration_policy)
                .unwrap_or_default(),
            settings: ConsumerGroupSettings {
                session_timeout_ms: clamp(config.consumer_session_timeout_ms),
                heartbeat_interval_ms: clamp(config.consumer_heartbeat_interval_ms),
                assignment_interval_ms: clamp(config.consumer_assignment_interval_ms),
            },
        },
        ..GroupConfig::default()
    }
}

/// What holds for one consumer group: what is set on it, else on the brokers.
pub(crate) fn consumer_settings(
    broker: &BrokerConfigs,
    image: &ClusterImage,
    group: &str,
) -> ConsumerGroupSettings {
    let set = image.configs(&ConfigResource::new(ResourceType::Group, group));
    let value = |name: &str| {
        let own = set.and_then(|set| set.get(name)?.trim().parse().ok());
        let of_all = || broker.int(&format!("group.{name}"));
        i32::try_from(own.unwrap_or_else(of_all)).unwrap_or(i32::MAX)
    };
    ConsumerGroupSettings {
        session_timeout_ms: value("consumer.session.timeout.ms"),
        heartbeat_interval_ms: value("consumer.heartbeat.interval.ms"),
        assignment_interval_ms: value("consumer.assignment.interval.ms"),
    }
}
