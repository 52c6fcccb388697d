//! The table of APIs: what is served, at which versions, by whom. ApiVersions is derived from it.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;

use metadata::Feature;
use protocol::ApiKey;
use tokio::sync::OwnedSemaphorePermit;

use crate::handlers;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// A handler under way: its answer, and the request memory to give back once that is sent.
pub(crate) type Serving =
    Pin<Box<dyn Future<Output = (Result<Answer, Malformed>, Option<OwnedSemaphorePermit>)> + Send>>;

/// One API.
pub(crate) struct Row {
    pub(crate) api: ApiKey,
    pub(crate) serve: fn(Arc<Node>, Request) -> Serving,
}

impl Row {
    /// The versions served: those that are stable in Kafka 4.4.
    pub(crate) const fn versions(&self) -> RangeInclusive<i16> {
        self.api.stable_versions()
    }

    /// Whether clients are told of it: the APIs of share groups only with the whole of them.
    pub(crate) fn is_advertised(&self) -> bool {
        let is_of_shares = matches!(self.api, ApiKey::ShareFetch | ApiKey::ShareAcknowledge);
        !is_of_shares || Feature::served().any(|feature| feature.name == Feature::SHARE_VERSION)
    }
}

macro_rules! rows {
    ($($api:ident => $handler:ident,)*) => {
        /// Every API that is served, by key.
        pub(crate) static APIS: &[Row] = &[$(
            Row {
                api: ApiKey::$api,
                serve: |node, mut request| Box::pin(async move {
                    let (memory, received) = (request.memory.take(), request.received);
                    let answer = handlers::$handler::serve(&node, request).await;
                    node.metrics().answered(ApiKey::$api, received.elapsed(), answer.is_err());
                    (answer, memory)
                }),
            },
        )*];
    };
}

rows! {
    Produce => produce,
    Fetch => fetch,
    ListOffsets => list_offsets,
    Metadata => metadata,
    OffsetCommit => offset_commit,
    OffsetFetch => offset_fetch,
    FindCoordinator => find_coordinator,
    JoinGroup => join_group,
    Heartbeat => heartbeat,
    LeaveGroup => leave_group,
    SyncGroup => sync_group,
    DescribeGroups => describe_groups,
    ListGroups => list_groups,
    ApiVersions => api_versions,
    CreateTopics => create_topics,
    DeleteTopics => delete_topics,
    DeleteRecords => delete_records,
    InitProducerId => init_producer_id,
    OffsetForLeaderEpoch => offset_for_leader_epoch,
    AddPartitionsToTxn => add_partitions_to_txn,
    AddOffsetsToTxn => add_offsets_to_txn,
    EndTxn => end_txn,
    WriteTxnMarkers => write_txn_markers,
    TxnOffsetCommit => txn_offset_commit,
    DescribeConfigs => describe_configs,
    AlterConfigs => alter_configs,
    AlterReplicaLogDirs => alter_replica_log_dirs,
    DescribeLogDirs => describe_log_dirs,
    CreatePartitions => create_partitions,
    DeleteGroups => delete_groups,
    IncrementalAlterConfigs => incremental_alter_configs,
    OffsetDelete => offset_delete,
    DescribeCluster => describe_cluster,
    DescribeProducers => describe_producers,
    DescribeTransactions => describe_transactions,
    ListTransactions => list_transactions,
    ConsumerGroupHeartbeat => consumer_group_heartbeat,
    ConsumerGroupDescribe => consumer_group_describe,
    ListConfigResources => list_config_resources,
    DescribeTopicPartitions => describe_topic_partitions,
    ShareFetch => share_fetch,
    ShareAcknowledge => share_acknowledge,
    InitializeShareGroupState => initialize_share_group_state,
    ReadShareGroupState => read_share_group_state,
    WriteShareGroupState => write_share_group_state,
    DeleteShareGroupState => delete_share_group_state,
    ReadShareGroupStateSummary => read_share_group_state_summary,
}

/// Why a request finds no row.
pub(crate) enum NotServed {
    /// ApiVersions at a version we do not know is answered all the same (KIP-511).
    ApiVersionsVersion,
    /// Anything else closes the connection.
    Malformed(Malformed),
}

/// The row of an API at a version.
pub(crate) fn find(api_key: i16, version: i16) -> Result<&'static Row, NotServed> {
    let row = ApiKey::from_key(api_key)
        .and_then(|api| APIS.iter().find(|row| row.api == api))
        .ok_or(NotServed::Malformed(Malformed::UnknownApi(api_key)))?;
    if row.versions().contains(&version) {
        Ok(row)
    } else if row.api == ApiKey::ApiVersions {
        Err(NotServed::ApiVersionsVersion)
    } else {
        Err(NotServed::Malformed(Malformed::UnsupportedVersion { api: row.api, version }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_served_by_brokers() {
        assert!(APIS.is_sorted_by_key(|row| row.api));
        assert!(APIS.iter().all(|row| row.api.facts().on_broker));
    }

    #[test]
    fn finds_what_is_served_and_says_why_not() {
        assert!(find(1, 18).is_ok());
        assert!(matches!(find(18, 99), Err(NotServed::ApiVersionsVersion)));
        assert!(matches!(
            find(1, 99),
            Err(NotServed::Malformed(Malformed::UnsupportedVersion { version: 99, .. }))
        ));
        assert!(matches!(find(4, 0), Err(NotServed::Malformed(Malformed::UnknownApi(4)))));
        assert!(matches!(find(-1, 0), Err(NotServed::Malformed(Malformed::UnknownApi(-1)))));
    }
}
