//! What no client sends: that connection gets the protocol's error or is closed, and nobody else notices.

use protocol::messages::*;
use protocol::records::NewRecord;
use protocol::wire::Message;
use protocol::{ApiKey, ErrorCode, Offset, compression::Codec, records::BatchBuilder};

use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

/// A node, and a client that was there before and is to be served whatever others do.
struct Bystander {
    node: Node,
    wire: Wire,
}

impl Bystander {
    fn new(overrides: &[&str]) -> Self {
        let node = Node::start_with(overrides);
        let mut wire = Wire::connect(node.address);
        create_topic(&mut wire, "bystander", 1, &[]);
        Self { node, wire }
    }

    #[track_caller]
    fn is_served(&mut self) {
        let answer = metadata(&mut self.wire, Some(&["bystander"]));
        assert_eq!(answer.topics[0].error_code, NONE);
        let panics: Vec<_> =
            self.node.new_lines().into_iter().filter(|line| line.contains("panicked")).collect();
        assert!(panics.is_empty(), "{panics:?}");
    }

    /// Sends bytes on a connection of their own, which must close without an answer.
    #[track_caller]
    fn check_closed(&mut self, bytes: &[u8]) {
        let mut wire = Wire::connect(self.node.address);
        wire.try_send_bytes(bytes);
        assert!(wire.is_closed(), "still open after {:?}", &bytes[..bytes.len().min(16)]);
        self.is_served();
    }
}

/// A frame with this start of a header, then an empty client id.
fn frame(api_key: i16, version: i16) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 10];
    bytes.extend(api_key.to_be_bytes());
    bytes.extend(version.to_be_bytes());
    bytes.extend([0, 0, 0, 7, 0, 0]);
    bytes
}

#[test]
fn what_is_no_request_closes_the_connection() {
    let mut bystander = Bystander::new(&[]);
    bystander.check_closed(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    bystander.check_closed(&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]);
    // Length prefixes: negative, huge, just over socket.request.max.bytes.
    bystander.check_closed(&[0xff; 4]);
    bystander.check_closed(&[0x80, 0, 0, 0]);
    bystander.check_closed(&[0x7f, 0xff, 0xff, 0xff]);
    bystander.check_closed(&(100 * 1024 * 1024 + 1_u32).to_be_bytes());
    // Frames too short for a header.
    bystander.check_closed(&[0; 4]);
    bystander.check_closed(&[0, 0, 0, 3, 0, 18, 0]);
    // A header whose client id is longer than the frame.
    bystander.check_closed(&[0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff]);
}

#[test]
fn what_is_not_served_closes_the_connection() {
    let mut bystander = Bystander::new(&[]);
    for api_key in [-1, 4, 17, 999, i16::MAX, i16::MIN] {
        bystander.check_closed(&frame(api_key, 0));
    }
    for version in [-1, 99, i16::MAX, i16::MIN] {
        bystander.check_closed(&frame(ApiKey::Metadata.key(), version));
    }
    // Advertised for old librdkafka, not served.
    bystander.check_closed(&frame(ApiKey::Produce.key(), 0));
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_at_version_0() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    wire.send_bytes(&frame(ApiKey::ApiVersions.key(), 99));
    let frame = wire.receive().unwrap();
    assert_eq!(frame.correlation_id(), 7);
    let answer: ApiVersionsResponse = frame.body(ApiKey::ApiVersions, 0);
    assert_eq!(answer.error_code, code(ErrorCode::UnsupportedVersion));
    let rows: Vec<_> = answer.api_keys.iter().map(|row| (row.api_key, row.max_version)).collect();
    assert_eq!(rows, [(18, *ApiKey::ApiVersions.stable_versions().end())]);
    // The client asks again on the same connection.
    let answer: ApiVersionsResponse = wire.ask(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default());
    assert_eq!(answer.error_code, NONE);
}

/// KIP-1242.
#[test]
fn a_misrouted_client_is_told_to_bootstrap_again() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let cluster_id = metadata(&mut wire, None).cluster_id.unwrap();
    let mut check = |cluster_id: Option<&str>, node_id: i32, expect: ErrorCode| {
        let request = ApiVersionsRequest {
            client_software_name: "blackbox".into(),
            client_software_version: "1".into(),
            cluster_id: cluster_id.map(|id| id.to_owned().into()),
            node_id,
            ..Default::default()
        };
        let answer: ApiVersionsResponse = wire.ask(ApiKey::ApiVersions, 5, &request);
        assert_eq!(answer.error_code, code(expect), "{cluster_id:?} {node_id}");
    };
    check(None, -1, ErrorCode::None);
    check(None, 7, ErrorCode::None);
    check(Some(&cluster_id), 1, ErrorCode::None);
    check(Some(&cluster_id), 2, ErrorCode::RebootstrapRequired);
    check(Some("another"), 1, ErrorCode::RebootstrapRequired);
}

#[test]
fn half_a_frame_and_silence_harm_nobody() {
    let mut bystander = Bystander::new(&[]);
    let whole = Wire::request(ApiKey::Metadata, 12, 1, &MetadataRequest::default());
    let mut silent: Vec<Wire> = vec![];
    for length in [1, 3, 4, 5, whole.len() - 1] {
        let mut wire = Wire::connect(bystander.node.address);
        wire.send_bytes(&whole[..length]);
        silent.push(wire);
    }
    bystander.is_served();
    for wire in &mut silent {
        wire.end_sending();
        assert!(wire.is_closed());
    }
    bystander.is_served();
}

#[test]
fn what_came_before_a_bad_frame_is_answered() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let mut bytes = Wire::request(ApiKey::Metadata, 12, 1, &MetadataRequest::default());
    bytes.extend(frame(999, 0));
    wire.send_bytes(&bytes);
    assert_eq!(wire.receive().unwrap().correlation_id(), 1);
    assert!(wire.is_closed());
}

#[test]
fn answers_come_in_order_while_a_long_poll_waits() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "poll", 1, &[]);
    let poll = FetchRequest { max_wait_ms: 25_000, ..fetch_request(topic, 0) };
    // The produce is read while the fetch before it waits, or nothing would ever wake it.
    let fetched = wire.send(ApiKey::Fetch, 12, &poll);
    let described = wire.send(ApiKey::Metadata, 12, &MetadataRequest::default());
    let produced = wire.send(ApiKey::Produce, 9, &produce_request(topic, ACKS_ALL, 0, batch(&["a"])));
    let asked = wire.send(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default());

    let frame = wire.receive().unwrap();
    assert_eq!(frame.correlation_id(), fetched);
    let answer: FetchResponse = frame.body(ApiKey::Fetch, 12);
    assert_eq!(records_of(&answer.responses[0].partitions[0]), [(0, "a".to_owned())]);
    let rest: Vec<_> = (0..3).map(|_| wire.receive().unwrap().correlation_id()).collect();
    assert_eq!(rest, [described, produced, asked]);
}

#[test]
fn a_client_that_pipelines_without_reading_gets_every_answer() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let ids: Vec<_> =
        (0..1000).map(|_| wire.send(ApiKey::Metadata, 12, &MetadataRequest::default())).collect();
    let answered: Vec<_> = ids.iter().map(|_| wire.receive().unwrap().correlation_id()).collect();
    assert_eq!(answered, ids);
}

#[test]
fn connections_of_one_address_are_limited() {
    let node = Node::start_with(&["max.connections.per.ip=2", "listeners=PLAINTEXT://0.0.0.0:0"]);
    let at = |host: &str| format!("{host}:{}", node.address.port()).parse().unwrap();
    let ask = |wire: &mut Wire| metadata(wire, None);
    let mut first = Wire::connect(at("127.0.0.1"));
    let mut second = Wire::connect(at("127.0.0.1"));
    ask(&mut first);
    ask(&mut second);
    assert!(Wire::connect(at("127.0.0.1")).is_closed());
    ask(&mut first);
    drop(second);
    eventually("a place", || {
        let mut wire = Wire::connect(at("127.0.0.1"));
        wire.try_send_bytes(&Wire::request(ApiKey::Metadata, 12, 1, &MetadataRequest::default()));
        wire.receive().ok()
    });
}

#[test]
fn connections_are_limited_in_total() {
    let node = Node::start_with(&["max.connections=1"]);
    let mut first = Wire::connect(node.address);
    metadata(&mut first, None);
    assert!(Wire::connect(node.address).is_closed());
    metadata(&mut first, None);
}

#[test]
fn idle_connections_close() {
    let node =
        Node::start_with(&["connections.max.idle.ms=50", "connection.failed.authentication.delay.ms=10"]);
    assert!(Wire::connect(node.address).is_closed());
}

#[test]
fn a_batch_that_is_damaged_is_refused() {
    let mut bystander = Bystander::new(&[]);
    let wire = &mut bystander.wire;
    let topic = create_topic(wire, "damaged", 1, &[]);
    let whole = batch(&["a", "b", "c"]);
    let with = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        bytes
    };
    let check = |wire: &mut Wire, bytes: Vec<u8>, expect: ErrorCode| {
        let answer = produce(wire, 9, topic, bytes);
        assert_eq!((answer.error_code, answer.base_offset), (expect.code(), -1), "{answer:?}");
    };
    let last = whole.len() - 1;
    check(wire, with(last, 0xaa), ErrorCode::CorruptMessage);
    check(wire, with(17, !whole[17]), ErrorCode::CorruptMessage);
    check(wire, vec![0; 100], ErrorCode::CorruptMessage);
    // A batch that is cut off is none, in Kafka too. Magic 1, and no batch at all, and two.
    check(wire, whole[..last].to_vec(), ErrorCode::InvalidRecord);
    check(wire, whole[..30].to_vec(), ErrorCode::InvalidRecord);
    check(wire, with(16, 1), ErrorCode::InvalidRecord);
    check(wire, vec![], ErrorCode::InvalidRecord);
    check(wire, whole.repeat(2), ErrorCode::InvalidRecord);
    // Nothing of it is in the log, and the connection goes on.
    assert_eq!(append(wire, topic, whole.clone()), 0);
    bystander.is_served();
}

#[test]
fn a_decompression_bomb_is_refused() {
    let mut bystander = Bystander::new(&["millstream.max.unpacked.batch.bytes=16777216"]);
    let wire = &mut bystander.wire;
    let topic = create_topic(wire, "bomb", 1, &[]);
    let zeros = vec![0; 16 << 20];
    for codec in [Codec::Zstd, Codec::Gzip] {
        let mut bomb = BatchBuilder::new(Offset(0)).compression(codec);
        bomb.append_next(NewRecord { value: Some(&zeros), ..Default::default() }).unwrap();
        let bomb = bomb.build().unwrap();
        assert!(bomb.len() < 1_000_000, "{} bytes: small enough to be looked into", bomb.len());
        let answer = produce(wire, 9, topic, bomb);
        assert_eq!(answer.error_code, code(ErrorCode::MessageTooLarge), "{answer:?}");
    }
    assert_eq!(append(wire, topic, batch(&["a"])), 0);
    bystander.is_served();
}

/// One request of every version that is advertised: `rich` where that version can say it, else an empty one.
fn every_version<'m, M: Message<'m> + Default>(api: ApiKey, rich: &M, out: &mut Vec<(ApiKey, i16, Vec<u8>)>) {
    for version in api.stable_versions() {
        let can = rich.encode(&mut protocol::wire::Writer::new(), version).is_ok();
        let bytes = if can {
            Wire::request(api, version, 1, rich)
        } else {
            Wire::request(api, version, 1, &M::default())
        };
        out.push((api, version, bytes));
    }
}

macro_rules! requests {
    ($($api:ident: $rich:expr,)*) => {{
        let mut all = vec![];
        $(every_version(ApiKey::$api, &$rich, &mut all);)*
        all
    }};
}

fn one_of_each(topic: Topic) -> Vec<(ApiKey, i16, Vec<u8>)> {
    let name = topic.name;
    let group = "group";
    requests! {
        Produce: produce_request(topic, 1, 0, batch(&["a", "b"])),
        Fetch: fetch_request(topic, 0),
        ListOffsets: list_offsets_request(name, -1),
        Metadata: MetadataRequest { topics: None, ..Default::default() },
        OffsetCommit: OffsetCommitRequest { group_id: group.into(), ..Default::default() },
        OffsetFetch: OffsetFetchRequest { group_id: group.into(), ..Default::default() },
        FindCoordinator: FindCoordinatorRequest { key: group.into(), ..Default::default() },
        JoinGroup: JoinGroupRequest {
            group_id: group.into(),
            session_timeout_ms: 10_000,
            protocol_type: "consumer".into(),
            protocols: vec![join_group_request::JoinGroupRequestProtocol {
                name: "range".into(),
                metadata: vec![0; 8].into(),
                ..Default::default()
            }],
            ..Default::default()
        },
        Heartbeat: HeartbeatRequest { group_id: group.into(), member_id: "m".into(), ..Default::default() },
        LeaveGroup: LeaveGroupRequest { group_id: group.into(), ..Default::default() },
        SyncGroup: SyncGroupRequest { group_id: group.into(), member_id: "m".into(), ..Default::default() },
        DescribeGroups: DescribeGroupsRequest { groups: vec![group.into()], ..Default::default() },
        ListGroups: ListGroupsRequest::default(),
        ApiVersions: ApiVersionsRequest {
            client_software_name: "blackbox".into(),
            client_software_version: "1".into(),
            ..Default::default()
        },
        CreateTopics: CreateTopicsRequest {
            topics: vec![creatable("mutant", 1, &[("retention.ms", "1000")])],
            ..Default::default()
        },
        DeleteTopics: DeleteTopicsRequest { topic_names: vec!["mutant".into()], ..Default::default() },
        DeleteRecords: DeleteRecordsRequest::default(),
        InitProducerId: InitProducerIdRequest {
            transactional_id: Some("tx".into()),
            transaction_timeout_ms: 1_000,
            ..Default::default()
        },
        OffsetForLeaderEpoch: OffsetForLeaderEpochRequest::default(),
        DescribeConfigs: DescribeConfigsRequest {
            resources: vec![describe_configs_request::DescribeConfigsResource {
                resource_type: 2,
                resource_name: name.into(),
                ..Default::default()
            }],
            ..Default::default()
        },
        AlterConfigs: AlterConfigsRequest::default(),
        AlterReplicaLogDirs: AlterReplicaLogDirsRequest {
            dirs: vec![alter_replica_log_dirs_request::AlterReplicaLogDir {
                path: "/nowhere".into(),
                topics: vec![alter_replica_log_dirs_request::AlterReplicaLogDirTopic {
                    name: topic.name.into(),
                    partitions: vec![0],
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        },
        DescribeLogDirs: DescribeLogDirsRequest { topics: None, ..Default::default() },
        CreatePartitions: CreatePartitionsRequest {
            topics: vec![create_partitions_request::CreatePartitionsTopic {
                name: "mutant".into(),
                count: 2,
                assignments: None,
                ..Default::default()
            }],
            ..Default::default()
        },
        DeleteGroups: DeleteGroupsRequest { groups_names: vec![group.into()], ..Default::default() },
        IncrementalAlterConfigs: IncrementalAlterConfigsRequest {
            resources: vec![incremental_alter_configs_request::AlterConfigsResource {
                resource_type: 2,
                resource_name: "mutant".into(),
                configs: vec![incremental_alter_configs_request::AlterableConfig {
                    name: "retention.ms".into(),
                    value: Some("5000".into()),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        },
        OffsetDelete: OffsetDeleteRequest { group_id: group.into(), ..Default::default() },
        DescribeCluster: DescribeClusterRequest::default(),
        ListConfigResources: ListConfigResourcesRequest::default(),
        DescribeTopicPartitions: DescribeTopicPartitionsRequest::default(),
        AddPartitionsToTxn: AddPartitionsToTxnRequest {
            transactions: vec![add_partitions_to_txn_request::AddPartitionsToTxnTransaction {
                transactional_id: "tx".into(),
                topics: vec![add_partitions_to_txn_request::AddPartitionsToTxnTopic {
                    name: name.into(),
                    partitions: vec![0],
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        },
        AddOffsetsToTxn: AddOffsetsToTxnRequest {
            transactional_id: "tx".into(),
            group_id: group.into(),
            ..Default::default()
        },
        EndTxn: EndTxnRequest { transactional_id: "tx".into(), ..Default::default() },
        WriteTxnMarkers: WriteTxnMarkersRequest {
            markers: vec![write_txn_markers_request::WritableTxnMarker {
                topics: vec![write_txn_markers_request::WritableTxnMarkerTopic {
                    name: name.into(),
                    partition_indexes: vec![0],
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        },
        TxnOffsetCommit: TxnOffsetCommitRequest {
            transactional_id: "tx".into(),
            group_id: group.into(),
            topics: vec![txn_offset_commit_request::TxnOffsetCommitRequestTopic {
                name: name.into(),
                topic_id: topic.id,
                partitions: vec![Default::default()],
                ..Default::default()
            }],
            ..Default::default()
        },
        DescribeProducers: DescribeProducersRequest {
            topics: vec![describe_producers_request::TopicRequest {
                name: name.into(),
                partition_indexes: vec![0],
                ..Default::default()
            }],
            ..Default::default()
        },
        DescribeTransactions: DescribeTransactionsRequest {
            transactional_ids: vec!["tx".into()],
            ..Default::default()
        },
        ListTransactions: ListTransactionsRequest {
            transactional_id_pattern: Some("[a-z]+(x|y)*".into()),
            ..Default::default()
        },
        ConsumerGroupHeartbeat: ConsumerGroupHeartbeatRequest {
            group_id: "next".into(),
            member_id: "m".into(),
            rebalance_timeout_ms: 60_000,
            subscribed_topic_names: Some(vec![name.into()]),
            topic_partitions: Some(vec![]),
            ..Default::default()
        },
        ConsumerGroupDescribe: ConsumerGroupDescribeRequest {
            group_ids: vec!["next".into()],
            ..Default::default()
        },
        InitializeShareGroupState: InitializeShareGroupStateRequest {
            group_id: group.into(),
            ..Default::default()
        },
        ReadShareGroupState: ReadShareGroupStateRequest { group_id: group.into(), ..Default::default() },
        WriteShareGroupState: WriteShareGroupStateRequest { group_id: group.into(), ..Default::default() },
        DeleteShareGroupState: DeleteShareGroupStateRequest { group_id: group.into(), ..Default::default() },
        ReadShareGroupStateSummary: ReadShareGroupStateSummaryRequest {
            group_id: group.into(),
            ..Default::default()
        },
    }
}

/// A small generator of our own, so that a seed means the same for ever (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}

/// Damages what follows key, version and correlation id; the length prefix stays true.
fn mutate(request: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut frame = request[4..].to_vec();
    let fixed = 8;
    for _ in 0..=dice.below(3) {
        let at = fixed + dice.below(frame.len() - fixed);
        match dice.below(5) {
            _ if at >= frame.len() => frame.push(dice.below(256) as u8),
            0 => frame[at] = dice.below(256) as u8,
            1 => frame[at] ^= 1 << dice.below(8),
            2 => frame[at] = [0, 0x7f, 0x80, 0xff][dice.below(4)],
            3 => frame.truncate(at),
            _ => frame.insert(at, 0xff),
        }
    }
    [&(frame.len() as u32).to_be_bytes()[..], &frame].concat()
}

#[test]
fn mutated_requests_of_every_api_and_version_harm_nobody() {
    let mut bystander = Bystander::new(&[]);
    let topic = create_topic(&mut bystander.wire, "mutated", 1, &[]);
    let requests = one_of_each(topic);
    let advertised: ApiVersionsResponse =
        bystander.wire.ask(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default());
    for row in &advertised.api_keys {
        assert!(
            requests.iter().any(|(api, ..)| api.key() == row.api_key),
            "no sample of api key {}",
            row.api_key
        );
    }
    for (api, version, request) in &requests {
        let mut dice = Dice(u64::from(api.key() as u16) << 16 | *version as u64 | 1 << 40);
        for _ in 0..12 {
            let mutant = mutate(request, &mut dice);
            let mut wire = Wire::connect(bystander.node.address);
            wire.send_bytes(&mutant);
            // Nothing more comes: the node ends the connection, whatever it was waiting for.
            wire.end_sending();
            while wire.receive().is_ok() {}
        }
        bystander.is_served();
    }
    let fresh = create_topic(&mut bystander.wire, "fresh", 1, &[]);
    assert_eq!(append(&mut bystander.wire, fresh, batch(&["a"])), 0);
}
