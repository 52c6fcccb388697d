//! Consumer groups: members of librdkafka that share partitions, and raw requests about offsets and groups.

use std::time::Duration;

use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use protocol::messages::*;
use protocol::{ApiKey, ErrorCode, Uuid};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};

use crate::librdkafka::{config, poll};
use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

/// Asks until the coordinator is there: its partitions come with the first question.
pub(crate) fn find_coordinator(wire: &mut Wire, group: &'static str) {
    let request = FindCoordinatorRequest { coordinator_keys: vec![group.into()], ..Default::default() };
    eventually("a coordinator", || {
        let answer: FindCoordinatorResponse = wire.ask(ApiKey::FindCoordinator, 4, &request);
        (answer.coordinators[0].error_code == NONE).then_some(())
    });
}

pub(crate) fn offsets_topic(wire: &mut Wire) -> Topic {
    find_coordinator(wire, "any");
    topic(wire, "__consumer_offsets")
}

fn commit_request(group: &'static str, topic: Topic, offset: i64) -> OffsetCommitRequest<'static> {
    let partition = OffsetCommitRequestPartition {
        committed_offset: offset,
        committed_metadata: Some("by hand".into()),
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: topic.name.into(),
        topic_id: topic.id,
        partitions: vec![partition],
        ..Default::default()
    };
    OffsetCommitRequest { group_id: group.into(), topics: vec![topic], ..Default::default() }
}

/// Asks until the coordinator has loaded what it is asked about.
fn once_loaded<T>(mut ask: impl FnMut() -> (i16, T)) -> (i16, T) {
    eventually("the coordinator to load", || {
        let answer = ask();
        let loading = [ErrorCode::CoordinatorLoadInProgress.code(), ErrorCode::NotCoordinator.code()];
        (!loading.contains(&answer.0)).then_some(answer)
    })
}

/// Commits an offset of partition 0 from outside of the group, as tools do.
pub(crate) fn commit(wire: &mut Wire, group: &'static str, topic: Topic, offset: i64) {
    find_coordinator(wire, group);
    let (error, ()) = once_loaded(|| {
        let answer: OffsetCommitResponse =
            wire.ask(ApiKey::OffsetCommit, 9, &commit_request(group, topic, offset));
        (answer.topics[0].partitions[0].error_code, ())
    });
    assert_eq!(error, NONE);
}

/// The committed offset of partition 0, -1 if there is none, and its metadata.
fn committed(wire: &mut Wire, version: i16, group: &'static str, topic: Topic) -> (i64, String) {
    find_coordinator(wire, group);
    let request = OffsetFetchRequest {
        group_id: if version < 8 { group.into() } else { "".into() },
        topics: (version < 8).then(|| {
            vec![OffsetFetchRequestTopic {
                name: topic.name.into(),
                partition_indexes: vec![0],
                ..Default::default()
            }]
        }),
        groups: if version < 8 { vec![] } else { vec![group_of(group, Some(topic))] },
        ..Default::default()
    };
    let request = if version < 8 { request } else { OffsetFetchRequest { topics: Some(vec![]), ..request } };
    let (error, found) = once_loaded(|| {
        let mut answer: OffsetFetchResponse = wire.ask(ApiKey::OffsetFetch, version, &request);
        if version < 8 {
            let row = answer.topics.remove(0).partitions.remove(0);
            (answer.error_code.max(row.error_code), (row.committed_offset, row.metadata))
        } else {
            let mut group = answer.groups.remove(0);
            if group.error_code != NONE {
                return (group.error_code, (-1, None));
            }
            let row = group.topics.remove(0).partitions.remove(0);
            (row.error_code, (row.committed_offset, row.metadata))
        }
    });
    assert_eq!(error, NONE);
    (found.0, found.1.unwrap_or_default().into_owned())
}

fn group_of(group: &'static str, topic: Option<Topic>) -> OffsetFetchRequestGroup<'static> {
    let topics = topic.map(|topic| {
        vec![OffsetFetchRequestTopics {
            name: topic.name.into(),
            topic_id: topic.id,
            partition_indexes: vec![0],
            ..Default::default()
        }]
    });
    OffsetFetchRequestGroup { group_id: group.into(), topics, ..Default::default() }
}

fn member(node: &Node, group: &str, topic: &str, settings: &[(&str, &str)]) -> BaseConsumer {
    let mut config = config(node, settings);
    config
        .set("group.id", group)
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "50")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    consumer
}

/// The partitions of a member now.
fn assigned(consumer: &BaseConsumer) -> Vec<i32> {
    if let Some(polled) = consumer.poll(Duration::from_millis(10)) {
        polled.unwrap();
    }
    let mut partitions: Vec<_> =
        consumer.assignment().unwrap().elements().iter().map(|e| e.partition()).collect();
    partitions.sort_unstable();
    partitions
}

/// Polls all members until each has so many partitions, and together all four.
fn share(members: &[&BaseConsumer], sizes: &[usize]) -> Vec<Vec<i32>> {
    eventually("a rebalance", || {
        let all: Vec<_> = members.iter().map(|member| assigned(member)).collect();
        let mut together = all.concat();
        together.sort_unstable();
        (all.iter().map(Vec::len).eq(sizes.iter().copied()) && together == [0, 1, 2, 3]).then_some(all)
    })
}

fn describe(
    wire: &mut Wire,
    version: i16,
    group: &'static str,
) -> describe_groups_response::DescribedGroup<'static> {
    let request = DescribeGroupsRequest { groups: vec![group.into()], ..Default::default() };
    let mut answer: DescribeGroupsResponse = wire.ask(ApiKey::DescribeGroups, version, &request);
    answer.groups.remove(0)
}

#[test]
fn members_share_partitions() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    create_topic(&mut wire, "shared", 4, &[]);
    for assignor in ["range", "roundrobin", "cooperative-sticky"] {
        let settings = [("partition.assignment.strategy", assignor)];
        let first = member(&node, assignor, "shared", &settings);
        share(&[&first], &[4]);
        let second = member(&node, assignor, "shared", &settings);
        share(&[&first, &second], &[2, 2]);
        drop(second);
        share(&[&first], &[4]);
    }
}

#[test]
fn a_static_member_comes_back_to_its_partitions() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    create_topic(&mut wire, "static", 4, &[]);
    let stays = member(&node, "g", "static", &[("group.instance.id", "stays")]);
    let goes = member(&node, "g", "static", &[("group.instance.id", "goes")]);
    let before = share(&[&stays, &goes], &[2, 2]);
    let ids = |wire: &mut Wire| -> Vec<(String, String)> {
        let group = describe(wire, 5, "g");
        assert_eq!(group.group_state, "Stable");
        let mut ids: Vec<_> = group
            .members
            .into_iter()
            .map(|m| (m.group_instance_id.unwrap().into_owned(), m.member_id.into_owned()))
            .collect();
        ids.sort();
        ids
    };
    let ids_before = ids(&mut wire);
    drop(goes);
    // It is still a member, and nobody else was disturbed when it returns with a new member id.
    assert_eq!(ids(&mut wire), ids_before);
    let back = member(&node, "g", "static", &[("group.instance.id", "goes")]);
    assert_eq!(share(&[&stays, &back], &[2, 2]), before);
    let ids_after = ids(&mut wire);
    assert_ne!(ids_after[0], ids_before[0]);
    assert_eq!(ids_after[1], ids_before[1]);
}

#[test]
fn a_group_goes_on_where_it_committed() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "resumed", 1, &[]);
    let values: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    append(&mut wire, topic, batch(&values.iter().map(String::as_str).collect::<Vec<_>>()));
    let offsets =
        |consumer: &BaseConsumer, count| poll(consumer, count).iter().map(|m| m.offset()).collect::<Vec<_>>();

    let consumer = member(&node, "g", "resumed", &[]);
    let read = poll(&consumer, 4);
    let last = read.last().unwrap();
    let mut position = rdkafka::TopicPartitionList::new();
    position.add_partition_offset("resumed", 0, rdkafka::Offset::Offset(last.offset() + 1)).unwrap();
    consumer.commit(&position, CommitMode::Sync).unwrap();
    node.kill();
    drop(consumer);
    node.start_again();
    let consumer = member(&node, "g", "resumed", &[]);
    assert_eq!(offsets(&consumer, 6), [4, 5, 6, 7, 8, 9]);
    drop(consumer);
    assert!(node.stop().success());
    node.start_again();
    assert_eq!(committed(&mut Wire::connect(node.address), 9, "g", topic).0, 4);
}

#[test]
fn offsets_at_every_version() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 1, &[]);
    find_coordinator(&mut wire, "g");
    for version in ApiKey::OffsetCommit.stable_versions() {
        let request = commit_request("g", topic, i64::from(version));
        let (error, ()) = once_loaded(|| {
            let answer: OffsetCommitResponse = wire.ask(ApiKey::OffsetCommit, version, &request);
            (answer.topics[0].partitions[0].error_code, ())
        });
        assert_eq!(error, NONE, "version {version}");
        assert_eq!(committed(&mut wire, 9, "g", topic), (i64::from(version), "by hand".into()));
    }
    let all_versions = |wire: &mut Wire| {
        for version in ApiKey::OffsetFetch.stable_versions() {
            assert_eq!(committed(wire, version, "g", topic), (10, "by hand".into()), "version {version}");
            assert_eq!(committed(wire, version, "stranger", topic), (-1, String::new()), "version {version}");
        }
        // Null topics: all that the group has.
        for version in 2..=7 {
            let request = OffsetFetchRequest { group_id: "g".into(), topics: None, ..Default::default() };
            let answer: OffsetFetchResponse = wire.ask(ApiKey::OffsetFetch, version, &request);
            assert_eq!((answer.topics.len(), &*answer.topics[0].name), (1, "t"));
        }
        for version in 8..=10 {
            let groups = vec![group_of("g", None), group_of("stranger", None)];
            let request = OffsetFetchRequest { groups, topics: Some(vec![]), ..Default::default() };
            let answer: OffsetFetchResponse = wire.ask(ApiKey::OffsetFetch, version, &request);
            let counts: Vec<_> =
                answer.groups.iter().map(|group| (group.error_code, group.topics.len())).collect();
            assert_eq!(counts, [(NONE, 1), (NONE, 0)], "version {version}");
            assert!(version < 10 || answer.groups[0].topics[0].topic_id == topic.id);
        }
    };
    all_versions(&mut wire);
    node.kill();
    node.start_again();
    all_versions(&mut Wire::connect(node.address));
}

#[test]
fn commits_that_are_refused() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 1, &[]);
    commit(&mut wire, "g", topic, 1);
    let mut refused = |version, request: &OffsetCommitRequest<'_>| {
        let answer: OffsetCommitResponse = wire.ask(ApiKey::OffsetCommit, version, request);
        answer.topics[0].partitions[0].error_code
    };
    let nowhere = Topic { name: "nowhere", id: Uuid([9; 16]) };
    let unknown = code(ErrorCode::UnknownTopicOrPartition);
    assert_eq!(refused(9, &commit_request("g", nowhere, 1)), unknown);
    assert_eq!(refused(10, &commit_request("g", nowhere, 1)), code(ErrorCode::UnknownTopicId));
    let mut request = commit_request("g", topic, 2);
    request.topics[0].partitions[0].committed_metadata = Some("x".repeat(5000).into());
    assert_eq!(refused(9, &request), code(ErrorCode::OffsetMetadataTooLarge));
    let as_member = OffsetCommitRequest {
        generation_id_or_member_epoch: 1,
        member_id: "nobody".into(),
        ..commit_request("g", topic, 2)
    };
    assert_eq!(refused(9, &as_member), code(ErrorCode::UnknownMemberId));
    assert_eq!(committed(&mut wire, 9, "g", topic).0, 1);
}

#[test]
fn listing_describing_deleting() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "t", 4, &[]);
    let consumer = member(&node, "live", "t", &[("client.id", "me")]);
    share(&[&consumer], &[4]);
    commit(&mut wire, "empty", topic, 1);

    for version in ApiKey::ListGroups.stable_versions() {
        let mut list = |states: &[&'static str], types: &[&'static str]| -> Vec<String> {
            let request = ListGroupsRequest {
                states_filter: states.iter().map(|state| (*state).into()).collect(),
                types_filter: types.iter().map(|kind| (*kind).into()).collect(),
                ..Default::default()
            };
            let answer: ListGroupsResponse = wire.ask(ApiKey::ListGroups, version, &request);
            assert_eq!(answer.error_code, NONE);
            let mut rows: Vec<_> = answer
                .groups
                .iter()
                .map(|g| format!("{} {} {} {}", g.group_id, g.protocol_type, g.group_state, g.group_type))
                .collect();
            rows.sort();
            rows.iter().map(|row| row.trim_end().to_owned()).collect()
        };
        let expect = match version {
            0..=3 => ["empty", "live consumer"],
            4 => ["empty  Empty", "live consumer Stable"],
            _ => ["empty  Empty classic", "live consumer Stable classic"],
        };
        assert_eq!(list(&[], &[]), expect, "version {version}");
        if version >= 4 {
            assert_eq!(list(&["Stable"], &[]), expect[1..]);
            assert_eq!(list(&["empty", "dead"], &[]), expect[..1]);
        }
        if version >= 5 {
            assert_eq!(list(&[], &["classic"]), expect);
            assert_eq!(list(&[], &["consumer"]), [""; 0]);
        }
    }

    for version in ApiKey::DescribeGroups.stable_versions() {
        let live = describe(&mut wire, version, "live");
        assert_eq!((live.error_code, &*live.group_state, &*live.protocol_type), (NONE, "Stable", "consumer"));
        assert_eq!((live.members.len(), &*live.members[0].client_id), (1, "me"));
        assert!(live.members[0].client_host.contains("127.0.0.1"));
        assert!(!live.members[0].member_assignment.is_empty());
        let nobody = describe(&mut wire, version, "nobody");
        let expect = if version < 6 { NONE } else { code(ErrorCode::GroupIdNotFound) };
        assert_eq!((nobody.error_code, &*nobody.group_state), (expect, "Dead"), "version {version}");
    }

    let mut delete = |version, group: &'static str| {
        let request = DeleteGroupsRequest { groups_names: vec![group.into()], ..Default::default() };
        let answer: DeleteGroupsResponse = wire.ask(ApiKey::DeleteGroups, version, &request);
        answer.results[0].error_code
    };
    for version in ApiKey::DeleteGroups.stable_versions() {
        assert_eq!(delete(version, "live"), code(ErrorCode::NonEmptyGroup));
        assert_eq!(delete(version, "nobody"), code(ErrorCode::GroupIdNotFound));
    }
    drop(consumer);
    eventually("the member to leave", || (delete(2, "live") == NONE).then_some(()));
    assert_eq!(delete(2, "empty"), NONE);
    assert_eq!(committed(&mut wire, 9, "empty", topic).0, -1);
}

#[test]
fn deleting_offsets() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let subscribed = create_topic(&mut wire, "subscribed", 4, &[]);
    let other = create_topic(&mut wire, "other", 1, &[]);
    commit(&mut wire, "g", subscribed, 1);
    commit(&mut wire, "g", other, 1);
    let consumer = member(&node, "g", "subscribed", &[]);
    share(&[&consumer], &[4]);
    let delete = |wire: &mut Wire, group: &'static str, topic: Topic| {
        let request = OffsetDeleteRequest {
            group_id: group.into(),
            topics: vec![OffsetDeleteRequestTopic {
                name: topic.name.into(),
                partitions: vec![OffsetDeleteRequestPartition::default()],
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer: OffsetDeleteResponse = wire.ask(ApiKey::OffsetDelete, 0, &request);
        let row = answer.topics.first().map(|topic| topic.partitions[0].error_code);
        row.unwrap_or(answer.error_code)
    };
    assert_eq!(delete(&mut wire, "g", subscribed), code(ErrorCode::GroupSubscribedToTopic));
    assert_eq!(delete(&mut wire, "g", other), NONE);
    assert_eq!(delete(&mut wire, "nobody", other), code(ErrorCode::GroupIdNotFound));
    assert_eq!(committed(&mut wire, 9, "g", subscribed).0, 1);
    assert_eq!(committed(&mut wire, 9, "g", other).0, -1);
    drop(consumer);
    eventually("the member to leave", || (delete(&mut wire, "g", subscribed) == NONE).then_some(()));
    assert_eq!(committed(&mut wire, 9, "g", subscribed).0, -1);
}
