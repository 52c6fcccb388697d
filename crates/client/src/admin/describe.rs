//! The cluster and its brokers: who is there, what each serves, what lies on its disks.

use protocol::messages::{DescribeClusterRequest, DescribeLogDirsRequest};
use protocol::{ApiKey, BrokerId, TopicPartition};

use super::Admin;
use crate::cluster::Purpose;
use crate::metadata::address;
use crate::{ApiVersions, Error, Result};

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterInfo {
    /// Its id.
    pub cluster_id: String,
    /// The broker that takes changes.
    pub controller: Option<BrokerId>,
    /// Its brokers, ascending by id.
    pub brokers: Vec<BrokerInfo>,
}

/// A broker of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerInfo {
    /// Its id.
    pub id: BrokerId,
    /// `host:port`.
    pub address: String,
    /// Its rack.
    pub rack: Option<String>,
    /// Whether the controller keeps clients away from it.
    pub is_fenced: bool,
}

/// A directory of logs.
#[derive(Clone, Debug)]
pub struct LogDir {
    /// Its path.
    pub path: String,
    /// The size of its volume; -1 if the broker does not tell.
    pub total_bytes: i64,
    /// What is free on its volume; -1 if the broker does not tell.
    pub usable_bytes: i64,
    /// What is in it.
    pub replicas: Vec<LogDirReplica>,
}

/// A replica in a directory of logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirReplica {
    /// Whose replica it is.
    pub partition: TopicPartition,
    /// The size of its segments.
    pub size_bytes: i64,
    /// How far it is behind the high watermark, or a future replica behind the current one.
    pub offset_lag: i64,
    /// Whether it will take the current one's place.
    pub is_future: bool,
}

impl Admin {
    /// Who is in the cluster.
    pub async fn describe_cluster(&self) -> Result<ClusterInfo> {
        let what = "cannot describe the cluster";
        // A broker older than 2.8 tells by metadata only, and any broker that can be reached tells that.
        let old = self.metadata(what, Some(&[])).await?;
        if self.cluster.any().await?.version(ApiKey::DescribeCluster, i16::MAX).is_err() {
            let broker = |b: crate::Broker| BrokerInfo {
                id: b.id,
                address: b.address.to_string(),
                rack: b.rack,
                is_fenced: false,
            };
            return Ok(ClusterInfo {
                cluster_id: old.cluster_id.unwrap_or_default(),
                controller: old.controller,
                brokers: old.brokers.into_values().map(broker).collect(),
            });
        }
        let answer = self.ask(what, &DescribeClusterRequest::default()).await?;
        let response = answer.decode()?;
        Error::check(what, answer.broker(), response.error_code, response.error_message.as_deref())?;
        let mut brokers: Vec<_> = response
            .brokers
            .iter()
            .map(|b| BrokerInfo {
                id: BrokerId(b.broker_id),
                address: address(&b.host, b.port).to_string(),
                rack: b.rack.as_deref().map(str::to_owned),
                is_fenced: b.is_fenced,
            })
            .collect();
        brokers.sort_by_key(|b| b.id);
        let controller = (response.controller_id >= 0).then_some(BrokerId(response.controller_id));
        Ok(ClusterInfo { cluster_id: response.cluster_id.to_string(), controller, brokers })
    }

    /// What a broker serves.
    pub async fn api_versions(&self, broker: BrokerId) -> Result<ApiVersions> {
        let mut retry = self.cluster.retry(format!("cannot ask broker {broker} for its API versions"));
        loop {
            match self.cluster.broker(broker, Purpose::Control).await {
                Ok(connection) => return Ok(connection.versions().clone()),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    /// What lies on a broker's disks: every directory with its error or its replicas.
    pub async fn log_dirs(&self, broker: BrokerId) -> Result<Vec<(String, Result<LogDir>)>> {
        let what = format!("cannot describe the log directories of broker {broker}");
        let mut retry = self.cluster.retry(what.as_str());
        let request = DescribeLogDirsRequest { topics: None, ..Default::default() };
        let answer = loop {
            match async { self.cluster.broker(broker, Purpose::Control).await?.call(&request).await }.await {
                Ok(answer) => break answer,
                Err(error) => retry.again(error).await?,
            }
        };
        let response = answer.decode()?;
        Error::check(what.as_str(), answer.broker(), response.error_code, None)?;
        let results = response.results.iter().map(|d| {
            let what = format!("cannot read log directory {} of broker {broker}", d.log_dir);
            let replicas = d.topics.iter().flat_map(|t| {
                t.partitions.iter().map(|p| LogDirReplica {
                    partition: TopicPartition::new(&*t.name, p.partition_index),
                    size_bytes: p.partition_size,
                    offset_lag: p.offset_lag,
                    is_future: p.is_future_key,
                })
            });
            let dir = LogDir {
                path: d.log_dir.to_string(),
                total_bytes: d.total_bytes,
                usable_bytes: d.usable_bytes,
                replicas: replicas.collect(),
            };
            let result = Error::check(what, answer.broker(), d.error_code, None).map(|()| dir);
            (d.log_dir.to_string(), result)
        });
        Ok(results.collect())
    }
}
