//! The requests. Each runs at every version; `n` makes names that differ from version to version.

use protocol::ApiKey;
use protocol::Uuid;
use protocol::messages::create_partitions_request::CreatePartitionsTopic;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::describe_configs_request::DescribeConfigsResource;
use protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::metadata_request::MetadataRequestTopic;
use protocol::messages::*;

use crate::Comparison;
use crate::wire::lines;

macro_rules! compare {
    ($c:ident, $name:literal, $api:ident, $request:ty, $response:ty, |$version:ident| $make:expr) => {
        for $version in ApiKey::$api.stable_versions() {
            let name = format!("{} {}: {}", stringify!($api), $version, $name);
            if !name.contains(&$c.only) {
                continue;
            }
            let request: $request = $make;
            let kafka = lines(&$c.kafka.ask::<$response>(ApiKey::$api, $version, &request));
            let millstream = lines(&$c.millstream.ask::<$response>(ApiKey::$api, $version, &request));
            $c.compare(&name, &kafka, &millstream);
        }
    };
}

fn new_topic(name: String, partitions: i32) -> CreatableTopic<'static> {
    CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..Default::default()
    }
}

fn create(topics: Vec<CreatableTopic<'static>>) -> CreateTopicsRequest<'static> {
    CreateTopicsRequest { topics, timeout_ms: 10_000, ..Default::default() }
}

pub(crate) fn run(c: &mut Comparison) {
    topics(c);
    data(c);
    configs(c);
    groups(c);
}

fn topics(c: &mut Comparison) {
    compare!(c, "a topic", CreateTopics, CreateTopicsRequest<'_>, CreateTopicsResponse<'_>, |v| create(
        vec![new_topic(format!("made-{v}"), 2)]
    ));
    compare!(
        c,
        "a topic that is there",
        CreateTopics,
        CreateTopicsRequest<'_>,
        CreateTopicsResponse<'_>,
        |v| create(vec![new_topic(format!("made-{v}"), 2)])
    );
    compare!(c, "no topics", CreateTopics, CreateTopicsRequest<'_>, CreateTopicsResponse<'_>, |v| {
        let _ = v;
        create(vec![])
    });
    for (what, name, partitions) in [
        ("an empty name", "", 1),
        ("a bad name", "a/b", 1),
        ("dots", "..", 1),
        ("no partitions", "none", 0),
        ("minus two partitions", "minus", -2),
        ("too long", &"x".repeat(250), 1),
    ] {
        let what = what.to_owned();
        compare!(c, "refused", CreateTopics, CreateTopicsRequest<'_>, CreateTopicsResponse<'_>, |v| {
            let _ = (v, &what);
            create(vec![new_topic(name.to_owned(), partitions)])
        });
    }
    compare!(
        c,
        "twice in one request",
        CreateTopics,
        CreateTopicsRequest<'_>,
        CreateTopicsResponse<'_>,
        |v| create(vec![new_topic(format!("twice-{v}"), 1), new_topic(format!("twice-{v}"), 1)])
    );
    compare!(c, "too many replicas", CreateTopics, CreateTopicsRequest<'_>, CreateTopicsResponse<'_>, |v| {
        create(vec![CreatableTopic { replication_factor: 3, ..new_topic(format!("replicas-{v}"), 1) }])
    });
    compare!(
        c,
        "a bad configuration",
        CreateTopics,
        CreateTopicsRequest<'_>,
        CreateTopicsResponse<'_>,
        |v| {
            let config = |name: &'static str, value: &'static str| CreatableTopicConfig {
                name: name.into(),
                value: Some(value.into()),
                ..Default::default()
            };
            create(vec![
                CreatableTopic {
                    configs: vec![config("retention.ms", "soon")],
                    ..new_topic(format!("bad-a-{v}"), 1)
                },
                CreatableTopic {
                    configs: vec![config("no.such", "1")],
                    ..new_topic(format!("bad-b-{v}"), 1)
                },
            ])
        }
    );
    compare!(c, "only validated", CreateTopics, CreateTopicsRequest<'_>, CreateTopicsResponse<'_>, |v| {
        CreateTopicsRequest { validate_only: true, ..create(vec![new_topic(format!("only-{v}"), 3)]) }
    });
    for name in ["made-2", "nowhere", "a/b", ""] {
        compare!(c, "by name", Metadata, MetadataRequest<'_>, MetadataResponse<'_>, |v| {
            let _ = v;
            let topic = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
            MetadataRequest {
                topics: Some(vec![topic]),
                allow_auto_topic_creation: false,
                ..Default::default()
            }
        });
    }
    compare!(c, "no topics", Metadata, MetadataRequest<'_>, MetadataResponse<'_>, |v| {
        let _ = v;
        MetadataRequest { topics: Some(vec![]), ..Default::default() }
    });
    compare!(c, "an unknown id", Metadata, MetadataRequest<'_>, MetadataResponse<'_>, |v| {
        let topic = MetadataRequestTopic {
            topic_id: if v >= 10 { Uuid::from_random(5) } else { Uuid::default() },
            name: if v >= 12 { None } else { Some("x".into()) },
            ..Default::default()
        };
        MetadataRequest { topics: Some(vec![topic]), allow_auto_topic_creation: false, ..Default::default() }
    });
    for (name, count) in [("made-2", 3), ("made-2", 3), ("made-2", 1), ("nowhere", 3), ("", 1)] {
        compare!(
            c,
            "partitions",
            CreatePartitions,
            CreatePartitionsRequest<'_>,
            CreatePartitionsResponse<'_>,
            |v| {
                let count = if count == 3 { 3 + i32::from(v) } else { count };
                let topic = CreatePartitionsTopic {
                    name: name.into(),
                    count,
                    assignments: None,
                    ..Default::default()
                };
                CreatePartitionsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() }
            }
        );
    }
    compare!(c, "a topic", DeleteTopics, DeleteTopicsRequest<'_>, DeleteTopicsResponse<'_>, |v| delete(
        v,
        &format!("made-{}", v + 1)
    ));
    compare!(
        c,
        "a topic that is gone",
        DeleteTopics,
        DeleteTopicsRequest<'_>,
        DeleteTopicsResponse<'_>,
        |v| delete(v, &format!("made-{}", v + 1))
    );
    compare!(c, "a bad name", DeleteTopics, DeleteTopicsRequest<'_>, DeleteTopicsResponse<'_>, |v| delete(
        v, "a/b"
    ));
    compare!(c, "the cluster", DescribeCluster, DescribeClusterRequest, DescribeClusterResponse<'_>, |v| {
        let _ = v;
        DescribeClusterRequest::default()
    });
}

fn delete(version: i16, name: &str) -> DeleteTopicsRequest<'static> {
    let name = name.to_owned();
    if version < 6 {
        return DeleteTopicsRequest {
            topic_names: vec![name.into()],
            timeout_ms: 10_000,
            ..Default::default()
        };
    }
    let topic = DeleteTopicState { name: Some(name.into()), ..Default::default() };
    DeleteTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() }
}

fn data(c: &mut Comparison) {
    for (topic, partition) in [("made-2", 0), ("made-2", 99), ("nowhere", 0)] {
        for timestamp in [-1, -2, -3, -4, -5, -6, -7, 0, 1 << 40] {
            compare!(c, "at a time", ListOffsets, ListOffsetsRequest<'_>, ListOffsetsResponse<'_>, |v| {
                let _ = v;
                let partition =
                    ListOffsetsPartition { partition_index: partition, timestamp, ..Default::default() };
                let topic = ListOffsetsTopic {
                    name: topic.into(),
                    partitions: vec![partition],
                    ..Default::default()
                };
                ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() }
            });
        }
        for offset in [0, 1, -1] {
            compare!(c, "from an offset", Fetch, FetchRequest<'_>, FetchResponse<'_>, |v| {
                let partition = FetchPartition {
                    partition,
                    fetch_offset: offset,
                    partition_max_bytes: 1000,
                    ..Default::default()
                };
                let topic = FetchTopic {
                    topic: if v < 13 { topic.into() } else { "".into() },
                    partitions: vec![partition],
                    ..Default::default()
                };
                FetchRequest {
                    replica_id: -1,
                    max_bytes: 1000,
                    session_epoch: -1,
                    topics: vec![topic],
                    ..Default::default()
                }
            });
            compare!(
                c,
                "to an offset",
                DeleteRecords,
                DeleteRecordsRequest<'_>,
                DeleteRecordsResponse<'_>,
                |v| {
                    let _ = v;
                    let partition =
                        DeleteRecordsPartition { partition_index: partition, offset, ..Default::default() };
                    let topic = DeleteRecordsTopic {
                        name: topic.into(),
                        partitions: vec![partition],
                        ..Default::default()
                    };
                    DeleteRecordsRequest { topics: vec![topic], timeout_ms: 5000, ..Default::default() }
                }
            );
        }
    }
    for id in [None, Some(""), Some("transactional")] {
        if id == Some("transactional") {
            continue;
        }
        compare!(c, "an id", InitProducerId, InitProducerIdRequest<'_>, InitProducerIdResponse, |v| {
            let _ = v;
            InitProducerIdRequest {
                transactional_id: id.map(Into::into),
                transaction_timeout_ms: 1000,
                ..Default::default()
            }
        });
    }
}

fn configs(c: &mut Comparison) {
    for (kind, name) in [
        (2, "made-2"),
        (2, "nowhere"),
        (2, "a/b"),
        (2, ""),
        (4, ""),
        (4, "7"),
        (4, "x"),
        (8, "7"),
        (16, ""),
        (16, "m"),
        (32, "g"),
        (32, ""),
        (9, "x"),
    ] {
        compare!(
            c,
            "of a resource",
            DescribeConfigs,
            DescribeConfigsRequest<'_>,
            DescribeConfigsResponse<'_>,
            |v| {
                let _ = v;
                let resource = DescribeConfigsResource {
                    resource_type: kind,
                    resource_name: name.into(),
                    configuration_keys: None,
                    ..Default::default()
                };
                DescribeConfigsRequest {
                    resources: vec![resource],
                    include_synonyms: true,
                    ..Default::default()
                }
            }
        );
    }
    let changes: &[(i8, &str, &str, i8, Option<&str>)] = &[
        (2, "made-2", "retention.ms", 0, Some("5")),
        (2, "made-2", "retention.ms", 0, Some("x")),
        (2, "made-2", "retention.ms", 0, None),
        (2, "made-2", "retention.ms", 1, None),
        (2, "made-2", "retention.ms", 2, Some("1")),
        (2, "made-2", "retention.ms", 7, Some("1")),
        (2, "made-2", "cleanup.policy", 2, Some("compact")),
        (2, "made-2", "cleanup.policy", 3, Some("compact")),
        (2, "made-2", "no.such", 0, Some("1")),
        (2, "made-2", "", 0, Some("1")),
        (2, "nowhere", "retention.ms", 0, Some("5")),
        (4, "", "log.retention.ms", 0, Some("500000000")),
        (4, "", "log.retention.ms", 1, None),
        (4, "", "node.id", 0, Some("5")),
        (4, "x", "log.retention.ms", 0, Some("5")),
        (32, "g", "consumer.session.timeout.ms", 0, Some("50000")),
        (32, "g", "consumer.session.timeout.ms", 0, Some("1")),
        (8, "1", "root", 2, Some("INFO")),
        (9, "x", "a", 0, Some("b")),
    ];
    for (kind, resource, name, operation, value) in changes {
        compare!(
            c,
            "changed",
            IncrementalAlterConfigs,
            IncrementalAlterConfigsRequest<'_>,
            IncrementalAlterConfigsResponse<'_>,
            |v| {
                let _ = v;
                let config = AlterableConfig {
                    name: (*name).into(),
                    config_operation: *operation,
                    value: value.map(Into::into),
                    ..Default::default()
                };
                let resource = AlterConfigsResource {
                    resource_type: *kind,
                    resource_name: (*resource).into(),
                    configs: vec![config],
                    ..Default::default()
                };
                IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() }
            }
        );
    }
}

fn groups(c: &mut Comparison) {
    compare!(c, "of no group", Heartbeat, HeartbeatRequest<'_>, HeartbeatResponse, |v| {
        let _ = v;
        HeartbeatRequest {
            group_id: "nobody".into(),
            generation_id: 1,
            member_id: "m".into(),
            ..Default::default()
        }
    });
    compare!(c, "an empty group id", Heartbeat, HeartbeatRequest<'_>, HeartbeatResponse, |v| {
        let _ = v;
        HeartbeatRequest::default()
    });
    compare!(c, "of no group", SyncGroup, SyncGroupRequest<'_>, SyncGroupResponse<'_>, |v| {
        let _ = v;
        SyncGroupRequest {
            group_id: "nobody".into(),
            generation_id: 1,
            member_id: "m".into(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            ..Default::default()
        }
    });
    for timeout in [1, 10_000, 100_000_000] {
        compare!(c, "as a stranger", JoinGroup, JoinGroupRequest<'_>, JoinGroupResponse<'_>, |v| {
            let _ = v;
            JoinGroupRequest {
                group_id: "joined".into(),
                session_timeout_ms: timeout,
                rebalance_timeout_ms: 1000,
                member_id: "stranger".into(),
                protocol_type: "consumer".into(),
                ..Default::default()
            }
        });
    }
    compare!(c, "a stranger", LeaveGroup, LeaveGroupRequest<'_>, LeaveGroupResponse<'_>, |v| {
        let member =
            leave_group_request::MemberIdentity { member_id: "stranger".into(), ..Default::default() };
        LeaveGroupRequest {
            group_id: "nobody".into(),
            member_id: if v < 3 { "stranger".into() } else { "".into() },
            members: if v < 3 { vec![] } else { vec![member] },
            ..Default::default()
        }
    });
    for group in ["nobody", ""] {
        compare!(c, "a group", DescribeGroups, DescribeGroupsRequest<'_>, DescribeGroupsResponse<'_>, |v| {
            let _ = v;
            DescribeGroupsRequest {
                groups: vec![group.into()],
                include_authorized_operations: false,
                ..Default::default()
            }
        });
        compare!(c, "a group", DeleteGroups, DeleteGroupsRequest<'_>, DeleteGroupsResponse<'_>, |v| {
            let _ = v;
            DeleteGroupsRequest { groups_names: vec![group.into()], ..Default::default() }
        });
    }
    compare!(c, "all", ListGroups, ListGroupsRequest<'_>, ListGroupsResponse<'_>, |v| {
        let _ = v;
        ListGroupsRequest::default()
    });
}
