//! Administration: what the tools and the services around the broker ask of a cluster.
//!
//! Calls about many things answer for each: the outer result is the request's, the inner ones are the things'.
//! Failures that time may heal are retried until [`ClusterConfig::deadline`](crate::ClusterConfig).

mod configs;
mod describe;
pub(crate) mod group_offsets;
mod groups;
pub(crate) mod offsets;
mod topics;

pub use configs::{ConfigEntry, ConfigOp, ConfigResource, ConfigSource, ConfigSynonym, ResourceType};
pub use describe::{BrokerInfo, ClusterInfo, LogDir, LogDirReplica};
pub use group_offsets::GroupOffset;
pub use groups::{DescribedGroup, GroupListing, GroupMember};
pub use offsets::{ListedOffset, OffsetSpec};
pub use topics::{CreatedTopic, NewTopic};

use crate::connection::CallOptions;
use crate::{Answer, Cluster, Request, Result};

/// Administration over a cluster's connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// Administration of this cluster.
    pub const fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// The cluster.
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Sends a change to where changes go, until it is answered.
    async fn change<R: Request>(&self, what: &str, request: &R) -> Result<Answer<R>> {
        let mut retry = self.cluster.retry(what);
        loop {
            let attempt = async {
                let options = CallOptions { timeout: Some(self.patience()), ..Default::default() };
                self.cluster.controller().await?.call_with(request, options).await
            };
            match attempt.await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    self.cluster.forget_controller();
                    retry.again(error).await?;
                }
            }
        }
    }

    /// Sends a question to any broker, until it is answered.
    async fn ask<R: Request>(&self, what: &str, request: &R) -> Result<Answer<R>> {
        let mut retry = self.cluster.retry(what);
        loop {
            let attempt = async { self.cluster.any().await?.call(request).await };
            match attempt.await {
                Ok(answer) => return Ok(answer),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    /// What a broker may take for a change, and for the network on top.
    fn patience(&self) -> std::time::Duration {
        self.cluster.config().connection.request_timeout
    }

    fn timeout_ms(&self) -> i32 {
        (self.patience() * 9 / 10).as_millis().min(i32::MAX as u128) as i32
    }
}
