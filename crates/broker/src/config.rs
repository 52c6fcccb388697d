//! The configuration of a node: the typed properties, and what is looked up often.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use metadata::configs::{Endpoint, ServerConfig};
use protocol::BrokerId;

/// The properties of a node.
pub(crate) struct Config {
    server: ServerConfig,
    pub(crate) broker_id: BrokerId,
    /// What `advertised.listeners` says, by listener.
    pub(crate) advertised: BTreeMap<Arc<str>, Endpoint>,
}

impl Config {
    pub(crate) fn new(server: ServerConfig) -> Self {
        let advertised = server
            .listeners
            .iter()
            .filter_map(|listener| {
                Some((Arc::from(listener.endpoint.name.as_str()), listener.advertised.clone()?))
            })
            .collect();
        Self { broker_id: BrokerId(server.node_id), advertised, server }
    }
}

impl Deref for Config {
    type Target = ServerConfig;
    fn deref(&self) -> &ServerConfig {
        &self.server
    }
}
