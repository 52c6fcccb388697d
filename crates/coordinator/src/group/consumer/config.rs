//! The settings of consumer groups, under Kafka's names.

use super::Assignor;

/// What holds for all consumer groups (`group.consumer.*`).
#[derive(Clone, Debug)]
pub struct ConsumerGroupConfig {
    /// `group.consumer.max.size`.
    pub max_size: usize,
    /// `group.consumer.assignors`: the first is taken where members ask for none.
    pub assignors: Vec<Assignor>,
    /// `group.consumer.migration.policy`.
    pub migration_policy: MigrationPolicy,
    /// What holds for a group that has no properties of its own.
    pub settings: ConsumerGroupSettings,
}

/// What a group may have of its own (config resources of type group).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerGroupSettings {
    /// `consumer.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `consumer.assignment.interval.ms`.
    pub assignment_interval_ms: i32,
}

/// Whether groups with members may change between the protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MigrationPolicy {
    Disabled,
    Upgrade,
    Downgrade,
    #[default]
    Bidirectional,
}

impl MigrationPolicy {
    /// The policy of a name, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        let names = [
            ("disabled", Self::Disabled),
            ("upgrade", Self::Upgrade),
            ("downgrade", Self::Downgrade),
            ("bidirectional", Self::Bidirectional),
        ];
        names.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, policy)| policy)
    }

    /// Whether a classic group becomes a consumer group with its first member of the new protocol.
    pub(super) const fn allows_upgrade(self) -> bool {
        matches!(self, Self::Upgrade | Self::Bidirectional)
    }

    /// Whether a consumer group becomes a classic one with the end of its last member of the new protocol.
    pub(super) const fn allows_downgrade(self) -> bool {
        matches!(self, Self::Downgrade | Self::Bidirectional)
    }
}

impl Default for ConsumerGroupConfig {
    fn default() -> Self {
        Self {
            max_size: i32::MAX as usize,
            assignors: vec![Assignor::Uniform, Assignor::Range],
            migration_policy: MigrationPolicy::default(),
            settings: ConsumerGroupSettings::default(),
        }
    }
}

impl Default for ConsumerGroupSettings {
    fn default() -> Self {
        Self { session_timeout_ms: 45_000, heartbeat_interval_ms: 5_000, assignment_interval_ms: 1_000 }
    }
}
