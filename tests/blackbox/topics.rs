//! Topics: creating, describing, growing, deleting, and where their logs are.

use protocol::messages::create_partitions_request::CreatePartitionsTopic;
use protocol::messages::create_topics_request::CreatableReplicaAssignment;
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use protocol::messages::metadata_request::MetadataRequestTopic;
use protocol::messages::*;
use protocol::{ApiKey, ErrorCode, Uuid};

use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

fn create(
    wire: &mut Wire,
    topic: create_topics_request::CreatableTopic<'static>,
    validate_only: bool,
) -> CreateTopicsResponse<'static> {
    let request = CreateTopicsRequest { topics: vec![topic], validate_only, ..Default::default() };
    wire.ask(ApiKey::CreateTopics, 7, &request)
}

#[test]
fn every_version_creates() {
    let node = Node::start_with(&["num.partitions=3"]);
    let mut wire = Wire::connect(node.address);
    for version in ApiKey::CreateTopics.stable_versions() {
        let name = format!("v{version}");
        let topic = create_topics_request::CreatableTopic {
            replication_factor: 1,
            ..creatable(&name, 2, &[("retention.ms", "1000")])
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let answer: CreateTopicsResponse = wire.ask(ApiKey::CreateTopics, version, &request);
        let row = &answer.topics[0];
        assert_eq!((&*row.name, row.error_code), (&*name, NONE), "{row:?}");
        if version >= 5 {
            assert_eq!((row.num_partitions, row.replication_factor), (2, 1));
            let configs = row.configs.as_ref().unwrap();
            let retention = configs.iter().find(|config| config.name == "retention.ms").unwrap();
            assert_eq!(retention.value.as_deref(), Some("1000"));
        }
        // Whoever was told that it exists can use it at once.
        let topic = metadata(&mut wire, Some(&[&name])).topics.remove(0);
        assert_eq!((topic.error_code, topic.partitions.len()), (NONE, 2));
        assert!(topic.partitions.iter().all(|p| p.leader_id == 1 && p.error_code == NONE));
    }
    let answer = create(&mut wire, creatable("defaults", -1, &[]), false);
    assert_eq!((answer.topics[0].num_partitions, answer.topics[0].replication_factor), (3, 1));
}

#[test]
fn refusals_to_create() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    create_topic(&mut wire, "exists", 1, &[]);
    let mut check = |topic: create_topics_request::CreatableTopic<'static>, expect: ErrorCode| {
        for validate_only in [true, false] {
            let answer = create(&mut wire, topic.clone(), validate_only);
            assert_eq!(answer.topics[0].error_code, expect.code(), "{:?}", answer.topics[0]);
            assert!(answer.topics[0].error_message.is_some());
        }
    };
    check(creatable("exists", 1, &[]), ErrorCode::TopicAlreadyExists);
    for name in ["", ".", "..", "a/b", "a b", "ä", &"x".repeat(250)] {
        check(creatable(name, 1, &[]), ErrorCode::InvalidTopicException);
    }
    check(creatable("t", 0, &[]), ErrorCode::InvalidPartitions);
    check(creatable("t", -2, &[]), ErrorCode::InvalidPartitions);
    let three = create_topics_request::CreatableTopic { replication_factor: 3, ..creatable("t", 1, &[]) };
    check(three, ErrorCode::InvalidReplicationFactor);
    let zero = create_topics_request::CreatableTopic { replication_factor: 0, ..creatable("t", 1, &[]) };
    check(zero, ErrorCode::InvalidReplicationFactor);
    check(creatable("t", 1, &[("retention.ms", "soon")]), ErrorCode::InvalidConfig);
    check(creatable("t", 1, &[("no.such.config", "1")]), ErrorCode::InvalidConfig);
    check(creatable("t", 1, &[("cleanup.policy", "shred")]), ErrorCode::InvalidConfig);
    let to_nobody = create_topics_request::CreatableTopic {
        assignments: vec![CreatableReplicaAssignment { broker_ids: vec![9], ..Default::default() }],
        ..creatable("t", -1, &[])
    };
    check(to_nobody, ErrorCode::InvalidReplicaAssignment);

    let twice = CreateTopicsRequest {
        topics: vec![creatable("twice", 1, &[]), creatable("twice", 2, &[])],
        ..Default::default()
    };
    let answer: CreateTopicsResponse = wire.ask(ApiKey::CreateTopics, 7, &twice);
    assert!(answer.topics.iter().all(|row| row.error_code == code(ErrorCode::InvalidRequest)), "{answer:?}");
    // A colliding name: metrics would mix them up.
    create_topic(&mut wire, "a.b", 1, &[]);
    let answer = create(&mut wire, creatable("a_b", 1, &[]), false);
    assert_eq!(answer.topics[0].error_code, code(ErrorCode::InvalidTopicException));
}

#[test]
fn validate_only_makes_nothing() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let answer = create(&mut wire, creatable("wish", 4, &[]), true);
    assert_eq!((answer.topics[0].error_code, answer.topics[0].num_partitions), (NONE, 4));
    let described = metadata(&mut wire, Some(&["wish"]));
    assert_eq!(described.topics[0].error_code, code(ErrorCode::UnknownTopicOrPartition));
}

#[test]
fn metadata_creates_what_is_missing_if_it_may() {
    let node = Node::start_with(&["num.partitions=2"]);
    let mut wire = Wire::connect(node.address);
    let ask = |wire: &mut Wire, version, name: &'static str, allow| -> MetadataResponse<'static> {
        let topics = vec![MetadataRequestTopic { name: Some(name.into()), ..Default::default() }];
        let request =
            MetadataRequest { topics: Some(topics), allow_auto_topic_creation: allow, ..Default::default() };
        wire.ask(ApiKey::Metadata, version, &request)
    };
    let unknown = code(ErrorCode::UnknownTopicOrPartition);
    assert_eq!(ask(&mut wire, 4, "missing", false).topics[0].error_code, unknown);
    assert_eq!(ask(&mut wire, 4, "missing", false).topics[0].error_code, unknown);
    for (version, name) in [(0, "made0"), (3, "made3"), (4, "made4"), (9, "made9"), (13, "made13")] {
        let made = eventually("the topic", || {
            let mut answer = ask(&mut wire, version, name, true);
            Some(answer.topics.remove(0)).filter(|topic| topic.error_code == NONE)
        });
        assert_eq!(made.partitions.len(), 2, "version {version}");
    }
    let invalid = ask(&mut wire, 9, "no/name", true);
    assert_eq!(invalid.topics[0].error_code, code(ErrorCode::InvalidTopicException));

    let node = Node::start_with(&["auto.create.topics.enable=false"]);
    let mut wire = Wire::connect(node.address);
    assert_eq!(ask(&mut wire, 9, "missing", true).topics[0].error_code, unknown);
}

#[test]
fn metadata_of_all_of_none_and_by_id() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let a = create_topic(&mut wire, "a", 1, &[]);
    create_topic(&mut wire, "b", 1, &[]);
    for version in ApiKey::Metadata.stable_versions() {
        let names = |wire: &mut Wire, topics| -> Vec<String> {
            let request = MetadataRequest { topics, ..Default::default() };
            let answer: MetadataResponse = wire.ask(ApiKey::Metadata, version, &request);
            assert_eq!(answer.brokers.iter().map(|b| b.node_id).collect::<Vec<_>>(), [1]);
            answer.topics.into_iter().map(|topic| topic.name.unwrap().into_owned()).collect()
        };
        // Version 0 has no null: there, none means all.
        if version >= 1 {
            assert_eq!(names(&mut wire, None), ["a", "b"]);
        }
        let none = names(&mut wire, Some(vec![]));
        assert_eq!(none.len(), if version == 0 { 2 } else { 0 });
    }
    let topics =
        [a.id, Uuid([9; 16])].map(|topic_id| MetadataRequestTopic { topic_id, ..Default::default() });
    let request = MetadataRequest { topics: Some(topics.to_vec()), ..Default::default() };
    let answer: MetadataResponse = wire.ask(ApiKey::Metadata, 12, &request);
    let mut rows: Vec<_> = answer.topics.iter().map(|t| (t.error_code, t.name.as_deref())).collect();
    rows.sort_unstable();
    assert_eq!(rows, [(NONE, Some("a")), (code(ErrorCode::UnknownTopicId), None)]);
}

#[test]
fn deleting() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    for version in ApiKey::DeleteTopics.stable_versions() {
        let topic = create_topic(&mut wire, "short-lived", 2, &[]);
        append(&mut wire, topic, batch(&["a"]));
        let by_name = DeleteTopicState { name: Some("short-lived".into()), ..Default::default() };
        let request = DeleteTopicsRequest {
            topic_names: if version < 6 { vec!["short-lived".into()] } else { vec![] },
            topics: if version < 6 { vec![] } else { vec![by_name] },
            timeout_ms: 30_000,
            ..Default::default()
        };
        let answer: DeleteTopicsResponse = wire.ask(ApiKey::DeleteTopics, version, &request);
        assert_eq!(answer.responses[0].error_code, NONE, "version {version}");
        let again: DeleteTopicsResponse = wire.ask(ApiKey::DeleteTopics, version, &request);
        assert_eq!(again.responses[0].error_code, code(ErrorCode::UnknownTopicOrPartition));
    }
    // A new topic of the same name is another topic, and empty.
    let topic = create_topic(&mut wire, "short-lived", 1, &[]);
    assert_eq!(read_all(&mut wire, topic), []);
    let by_id = |topic_id| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { topic_id, ..Default::default() }],
        ..Default::default()
    };
    let answer: DeleteTopicsResponse = wire.ask(ApiKey::DeleteTopics, 6, &by_id(topic.id));
    assert_eq!(answer.responses[0].error_code, NONE);
    let answer: DeleteTopicsResponse = wire.ask(ApiKey::DeleteTopics, 6, &by_id(topic.id));
    assert_eq!(answer.responses[0].error_code, code(ErrorCode::UnknownTopicId));

    node.kill();
    node.start_again();
    assert_eq!(metadata(&mut Wire::connect(node.address), None).topics.len(), 0);
    let left = || {
        let entries = std::fs::read_dir(node.folder().join("millstream-data")).unwrap();
        let left: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("short-lived"))
            .collect();
        left.is_empty().then_some(())
    };
    eventually("the directories to go", left);
}

#[test]
fn more_partitions() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    create_topic(&mut wire, "grows", 1, &[]);
    let mut check = |version, name: &'static str, count, validate_only, expect: ErrorCode| {
        let topic =
            CreatePartitionsTopic { name: name.into(), count, assignments: None, ..Default::default() };
        let request = CreatePartitionsRequest { topics: vec![topic], validate_only, ..Default::default() };
        let answer: CreatePartitionsResponse = wire.ask(ApiKey::CreatePartitions, version, &request);
        assert_eq!(answer.results[0].error_code, expect.code(), "{answer:?}");
        metadata(&mut wire, Some(&["grows"])).topics[0].partitions.len()
    };
    assert_eq!(check(0, "grows", 2, true, ErrorCode::None), 1);
    for version in ApiKey::CreatePartitions.stable_versions() {
        let count = i32::from(version) + 2;
        assert_eq!(check(version, "grows", count, false, ErrorCode::None), count as usize);
    }
    assert_eq!(check(3, "grows", 5, false, ErrorCode::InvalidPartitions), 5);
    assert_eq!(check(3, "grows", 1, false, ErrorCode::InvalidPartitions), 5);
    check(3, "nowhere", 2, false, ErrorCode::UnknownTopicOrPartition);
    let topic = topic(&mut wire, "grows");
    let request = produce_request(topic, ACKS_ALL, 4, batch(&["a"]));
    let answer: ProduceResponse = wire.ask(ApiKey::Produce, 13, &request);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, NONE);
}

#[test]
fn describing_page_by_page() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    for (name, partitions) in [("a", 3), ("b", 1), ("c", 2)] {
        create_topic(&mut wire, name, partitions, &[]);
    }
    let mut pages = |names: &[&'static str], limit| {
        let mut cursor: Option<Cursor<'static>> = None;
        let mut pages = vec![];
        loop {
            let topics = names.iter().map(|name| TopicRequest { name: (*name).into(), ..Default::default() });
            let request = DescribeTopicPartitionsRequest {
                topics: topics.collect(),
                response_partition_limit: limit,
                cursor: cursor.take(),
                ..Default::default()
            };
            let answer: DescribeTopicPartitionsResponse =
                wire.ask(ApiKey::DescribeTopicPartitions, 0, &request);
            let mut page = vec![];
            for topic in &answer.topics {
                assert_eq!(topic.error_code, NONE);
                page.extend(
                    topic
                        .partitions
                        .iter()
                        .map(|p| format!("{}{}", topic.name.as_ref().unwrap(), p.partition_index)),
                );
            }
            pages.push(page.join(" "));
            let Some(next) = answer.next_cursor else { return pages };
            assert!(pages.len() < 20, "endless");
            cursor = Some(Cursor {
                topic_name: next.topic_name,
                partition_index: next.partition_index,
                ..Default::default()
            });
        }
    };
    assert_eq!(pages(&[], 2000), ["a0 a1 a2 b0 c0 c1"]);
    assert_eq!(pages(&[], 2), ["a0 a1", "a2 b0", "c0 c1"]);
    assert_eq!(pages(&[], 3), ["a0 a1 a2", "b0 c0 c1"]);
    assert_eq!(pages(&["c", "a"], 4), ["a0 a1 a2 c0", "c1"]);
    let request = DescribeTopicPartitionsRequest {
        topics: vec![TopicRequest { name: "nowhere".into(), ..Default::default() }],
        ..Default::default()
    };
    let answer: DescribeTopicPartitionsResponse = wire.ask(ApiKey::DescribeTopicPartitions, 0, &request);
    assert_eq!(answer.topics[0].error_code, code(ErrorCode::UnknownTopicOrPartition));
}

#[test]
fn log_directories() {
    let node = Node::start_with(&["log.dirs=one,two"]);
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "placed", 4, &[]);
    append(&mut wire, topic, batch(&["a"]));
    for version in ApiKey::DescribeLogDirs.stable_versions() {
        let of_one = vec![DescribableLogDirTopic {
            topic: "placed".into(),
            partitions: vec![0],
            ..Default::default()
        }];
        for (asked, expect) in [(None, 4), (Some(of_one), 1), (Some(vec![]), 0)] {
            let request = DescribeLogDirsRequest { topics: asked, ..Default::default() };
            let answer: DescribeLogDirsResponse = wire.ask(ApiKey::DescribeLogDirs, version, &request);
            assert_eq!((answer.error_code, answer.results.len()), (NONE, 2));
            assert!(answer.results.iter().all(|dir| dir.log_dir.starts_with('/')), "{answer:?}");
            assert!(version < 4 || answer.results.iter().all(|dir| dir.total_bytes >= dir.usable_bytes));
            let all = answer.results.iter().flat_map(|dir| &dir.topics).flat_map(|topic| &topic.partitions);
            let sizes: Vec<_> = all.map(|p| (p.partition_index, p.partition_size)).collect();
            assert_eq!(sizes.len(), expect, "version {version}");
            assert!(sizes.iter().all(|(index, size)| (*index == 0) == (*size > 0)), "{sizes:?}");
        }
    }
}

#[test]
fn what_the_cluster_does_not_know_is_set_aside_and_kept() {
    let mut node = Node::start();
    create_topic(&mut Wire::connect(node.address), "known", 1, &[]);
    node.kill();
    let data = node.folder().join("millstream-data");
    std::fs::create_dir(data.join("ghost-3")).unwrap();
    node.start_again();
    let mut names: Vec<String> = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ghost") || name.starts_with("known"))
        .collect();
    names.sort();
    assert!(names[0].starts_with("ghost-3.") && names[0].ends_with("-stray"), "{names:?}");
    assert_eq!(names[1..], ["known-0"]);
}
