//! The properties of a node, typed, as the node uses them.
//!
//! | file | what |
//! |---|---|
//! | `defaults.rs` | what a node is that nobody configured |
//! | `listeners.rs` | `listeners` and all that belongs to them |
//! | `sections.rs` | what the parts of a node take from its properties |
//! | `supported.rs` | values that Kafka has and millstream not yet |
//!
//! What a properties file asks for and this version does not do is an error, never ignored. A property that nobody
//! knows is a warning.

mod defaults;
mod listeners;
mod sections;
mod supported;

pub use listeners::{Listener, SecurityProtocol};
pub use sections::{
    CleanerConfig, GroupsConfig, LogManagerConfig, MetadataLogConfig, NetworkConfig, ShareCoordinatorConfig,
    TopicsConfig, TransactionsConfig,
};

use super::broker_configs::{BrokerConfigs, broker_type};
use super::endpoint::{HostPort, Voter};
use super::requirements::{check_groups, check_node};
use super::tables::BROKER;
use std::path::PathBuf;
use stdx::properties::{Error as PropertyError, Properties, Type};

/// A property that a node cannot start with: one line that names it, its value and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}={}: {}", one_line(value), one_line(reason))]
pub struct BadProperty {
    /// The property.
    pub name: String,
    /// Its value as it was written; `[hidden]` where it is secret, empty where it is not set.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Control characters as escapes: a value may hold line ends.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The properties of a node in force, typed.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Everything by name, for DescribeConfigs and for what topics and groups take from the node.
    pub configs: BrokerConfigs,
    /// The node's id.
    pub node_id: i32,
    /// Where the broker stands.
    pub rack: Option<String>,
    /// Where the node listens. At least one of them serves the broker.
    pub listeners: Vec<Listener>,
    /// Name of the listener that brokers use among themselves.
    pub inter_broker_listener_name: String,
    /// The voters of a quorum with fixed members: this node, or nobody.
    pub quorum_voters: Vec<Voter>,
    /// Where the logs of partitions are. At least one.
    pub log_dirs: Vec<PathBuf>,
    /// The metadata log.
    pub metadata_log: MetadataLogConfig,
    /// Sockets, connections and requests.
    pub network: NetworkConfig,
    /// Chores of the logs of partitions.
    pub log: LogManagerConfig,
    /// The creation and deletion of topics.
    pub topics: TopicsConfig,
    /// Classic groups and committed offsets.
    pub groups: GroupsConfig,
    /// Transactions.
    pub transactions: TransactionsConfig,
    /// The share coordinator.
    pub share_coordinator: ShareCoordinatorConfig,
    /// Where metrics and health are served; `None`: nowhere.
    pub admin_listener: Option<HostPort>,
    /// Form of log lines.
    pub log_format: LogFormat,
    /// What is odd but harmless, one line each.
    pub warnings: Vec<String>,
}

impl ServerConfig {
    /// What a node is with this file and these overrides.
    pub fn from_properties(mut file: Properties) -> Result<ServerConfig, BadProperty> {
        defaults::fill(&mut file)?;
        let configs = BrokerConfigs::new(file.clone()).map_err(|error| bad_property(&file, error))?;
        supported::check(&configs)?;
        ServerConfig::from_configs(configs)
    }

    /// The same node with other dynamic properties: for all brokers, and for this one.
    pub fn with_dynamic(
        &self,
        cluster: &Properties,
        broker: &Properties,
    ) -> Result<ServerConfig, BadProperty> {
        ServerConfig::from_configs(self.configs.with_dynamic(cluster, broker))
    }

    fn from_configs(c: BrokerConfigs) -> Result<ServerConfig, BadProperty> {
        for check in [check_node, check_groups] {
            check(&c).map_err(|broken| bad(&c, &broken.name, broken.text))?;
        }
        let listeners = listeners::parse(&c)?;
        let inter_broker_listener_name = listeners::inter_broker(&c, &listeners)?;
        let log_dirs = log_dirs(&c);
        Ok(ServerConfig {
            node_id: node_id(&c)?,
            rack: c.text("broker.rack").map(str::to_owned),
            quorum_voters: quorum_voters(&c)?,
            metadata_log: sections::metadata_log(&c, &log_dirs),
            network: sections::network(&c)?,
            log: sections::log_manager(&c),
            topics: sections::topics(&c),
            groups: sections::groups(&c),
            transactions: sections::transactions(&c),
            share_coordinator: sections::share_coordinator(&c),
            admin_listener: c.text("admin.listener").and_then(HostPort::parse),
            log_format: if c.text("millstream.log.format") == Some("json") {
                LogFormat::Json
            } else {
                LogFormat::Text
            },
            warnings: warnings(c.file()),
            listeners,
            inter_broker_listener_name,
            log_dirs,
            configs: c,
        })
    }
}

/// The refusal of the value that `name` has in the file or by default.
fn bad(c: &BrokerConfigs, name: &str, reason: impl Into<String>) -> BadProperty {
    let secret = matches!(broker_type(name), None | Some(Type::Password));
    let value = match c.originals().get(name) {
        Some(_) if secret => "[hidden]".to_owned(),
        Some(text) => text.to_owned(),
        None => c.get(name).map(|value| value.text()).unwrap_or_default(),
    };
    BadProperty { name: name.to_owned(), value, reason: reason.into() }
}

fn bad_property(file: &Properties, error: PropertyError) -> BadProperty {
    let value = |name: &str| file.get(name).unwrap_or_default().to_owned();
    match error {
        PropertyError::InvalidValue { name, value, reason } => BadProperty { name, value, reason },
        PropertyError::InvalidList { name, reason } => {
            BadProperty { value: value(&name), reason: format!("the list {reason}"), name }
        }
        PropertyError::Missing { name } => BadProperty {
            name,
            value: String::new(),
            reason: "required, and has no default value".to_owned(),
        },
        other @ (PropertyError::Syntax { .. } | PropertyError::Override { .. }) => {
            BadProperty { name: String::new(), value: String::new(), reason: other.to_string() }
        }
    }
}

fn warnings(file: &Properties) -> Vec<String> {
    let known = |name: &str| BROKER.get(name).is_some();
    // The value stays out: what nobody defined may be a secret.
    let unknown = file.iter().filter(|(name, _)| !known(name));
    unknown.map(|(name, _)| format!("unknown property {name} has no effect")).collect()
}

fn node_id(c: &BrokerConfigs) -> Result<i32, BadProperty> {
    if c.int("node.id") != c.int("broker.id") {
        return Err(bad(c, "broker.id", format!("differs from node.id={}", c.int("node.id"))));
    }
    i32::try_from(c.int("node.id")).map_err(|_| bad(c, "node.id", "not a 32-bit number"))
}

fn log_dirs(c: &BrokerConfigs) -> Vec<PathBuf> {
    let dirs = c.list("log.dirs");
    let dirs = if dirs.is_empty() { c.list("log.dir") } else { dirs };
    dirs.iter().map(PathBuf::from).collect()
}

fn quorum_voters(c: &BrokerConfigs) -> Result<Vec<Voter>, BadProperty> {
    let name = "controller.quorum.voters";
    let voters: Vec<Voter> = c.list(name).iter().filter_map(|entry| Voter::parse(entry)).collect();
    match voters.as_slice() {
        [] => Ok(voters),
        [voter] if i64::from(voter.id) == c.int("node.id") => Ok(voters),
        [_] => Err(bad(c, name, format!("must contain node.id={}", c.int("node.id")))),
        _ => Err(bad(c, name, "this version of millstream has quorums of one node only")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn server(file: &[(&str, &str)]) -> Result<ServerConfig, String> {
        ServerConfig::from_properties(file.iter().copied().collect()).map_err(|e| e.to_string())
    }

    #[track_caller]
    fn refused(file: &[(&str, &str)], expect: &str) {
        assert_eq!(server(file).map(|_| ()), Err(expect.to_owned()));
    }

    #[test]
    fn a_node_that_nobody_configured() {
        let c = server(&[]).expect("starts");
        assert_eq!(c.node_id, 1);
        assert_eq!(c.log_dirs, [PathBuf::from("./millstream-data")]);
        assert_eq!(c.metadata_log.dir, PathBuf::from("./millstream-data"));
        let listeners: Vec<String> = c.listeners.iter().map(|l| l.endpoint.to_string()).collect();
        assert_eq!(listeners, ["PLAINTEXT://127.0.0.1:9092"]);
        assert_eq!((c.listeners[0].advertised.clone(), c.listeners[0].controller), (None, false));
        assert_eq!(c.inter_broker_listener_name, "PLAINTEXT");
        assert_eq!(c.admin_listener.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:9644"));
        assert_eq!(c.groups.offsets_topic_replication_factor, 1);
        assert_eq!(c.network.request_memory_bytes, 268_435_456);
        assert_eq!(c.network.connections_max_idle_ms, Some(600_000));
        assert_eq!(c.log_format, LogFormat::Text);
        assert!(c.warnings.is_empty());
    }

    #[test]
    fn what_is_set_counts() {
        let c = server(&[
            ("broker.id", "3"),
            ("log.dirs", "/a, /b"),
            ("metadata.log.dir", "/m"),
            ("admin.listener", ""),
            ("millstream.log.format", "json"),
            ("queued.max.request.bytes", "500000000"),
            ("socket.send.buffer.bytes", "-1"),
            ("connections.max.idle.ms", "-1"),
            ("controller.quorum.voters", "3@h:9093"),
            ("speed", "fast"),
        ])
        .expect("starts");
        assert_eq!((c.node_id, c.log_dirs.len(), c.metadata_log.dir), (3, 2, PathBuf::from("/m")));
        assert_eq!((c.admin_listener, c.log_format), (None, LogFormat::Json));
        assert_eq!((c.network.request_memory_bytes, c.network.socket_send_buffer_bytes), (500_000_000, None));
        assert_eq!(c.network.connections_max_idle_ms, None);
        assert_eq!(c.quorum_voters[0].id, 3);
        assert_eq!(c.warnings, ["unknown property speed has no effect"]);
    }

    #[test]
    fn bad_properties_are_named_with_their_value() {
        refused(&[("num.partitions", "x")], "num.partitions=x: Not a number of type INT");
        refused(&[("num.partitions", "0")], "num.partitions=0: Value must be at least 1");
        refused(
            &[("log.dirs", "")],
            "log.dirs=: the list must not be empty. Valid values include: any non-empty value",
        );
        refused(&[("log.roll.ms", "0")], "log.roll.ms=0: log.roll.ms must be greater than or equal to 1");
        refused(&[("node.id", "1"), ("broker.id", "2")], "broker.id=2: differs from node.id=1");
        refused(&[("admin.listener", "9644")], "admin.listener=9644: not of the form `{host}:{port}`");
        refused(
            &[("controller.quorum.voters", "1@a:1,2@b:1")],
            "controller.quorum.voters=1@a:1,2@b:1: this version of millstream has quorums of one node only",
        );
        refused(
            &[("controller.quorum.voters", "2@a:1")],
            "controller.quorum.voters=2@a:1: must contain node.id=1",
        );
        refused(
            &[("controller.quorum.voters", "a:1")],
            "controller.quorum.voters=[a:1]: \"a:1\" is not of the form `{id}@{host}:{port}`.",
        );
    }

    proptest! {
        /// Whatever stands in a file, the answer is a node or one line.
        #[test]
        fn any_file_is_answered(at in any::<prop::sample::Index>(), text in "(?s).{0,12}|[-0-9A-Z:,/@.\\[\\]]{0,20}") {
            let names: Vec<&str> = BROKER.iter().map(|row| row.name).collect();
            let file = [(*at.get(&names), text.as_str())];
            if let Err(line) = server(&file) {
                prop_assert!(!line.contains('\n'), "{line}");
            }
        }
    }

    #[test]
    fn dynamic_properties_change_what_is_in_force() {
        let c = server(&[]).expect("starts");
        let cluster = [("max.connections", "5")].into_iter().collect();
        let c = c.with_dynamic(&cluster, &Properties::default()).expect("valid");
        assert_eq!(c.network.max_connections, 5);
    }
}
