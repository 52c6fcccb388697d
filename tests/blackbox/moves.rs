//! AlterReplicaLogDirs: partitions move to another log directory while they are used.

use std::fs;
use std::path::Path;

use protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use protocol::messages::describe_log_dirs_response::DescribeLogDirsPartition;
use protocol::messages::*;
use protocol::{ApiKey, ErrorCode};

use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

const DIRS: &str = "log.dirs=d1,d2";

/// Asks to move partition 0 of a topic; the error.
fn alter(wire: &mut Wire, node: &Node, topic: &str, to: &str) -> i16 {
    let path = node.folder().join(to).to_string_lossy().into_owned();
    let topics = vec![AlterReplicaLogDirTopic {
        name: topic.to_owned().into(),
        partitions: vec![0],
        ..Default::default()
    }];
    let dir = AlterReplicaLogDir { path: path.into(), topics, ..Default::default() };
    let request = AlterReplicaLogDirsRequest { dirs: vec![dir], ..Default::default() };
    let answer: AlterReplicaLogDirsResponse = wire.ask(ApiKey::AlterReplicaLogDirs, 2, &request);
    assert_eq!(answer.results.len(), 1);
    assert_eq!(answer.results[0].topic_name, topic);
    answer.results[0].partitions[0].error_code
}

/// Where partition 0 of a topic is: directory and row, for the log and for what is on its way.
fn places(wire: &mut Wire, topic: &str) -> Vec<(String, DescribeLogDirsPartition)> {
    let request = DescribeLogDirsRequest { topics: None, ..Default::default() };
    let answer: DescribeLogDirsResponse = wire.ask(ApiKey::DescribeLogDirs, 4, &request);
    let mut all = vec![];
    for dir in answer.results {
        let name = dir.log_dir.rsplit('/').next().unwrap().to_owned();
        let topics = dir.topics.into_iter().filter(|found| found.name == topic);
        all.extend(topics.flat_map(|topic| topic.partitions).map(|row| (name.clone(), row)));
    }
    all
}

fn wait_until_at(wire: &mut Wire, topic: &str, dir: &str) {
    eventually("the partition in its new directory", || {
        let places = places(wire, topic);
        matches!(&places[..], [(at, row)] if at == dir && !row.is_future_key).then_some(())
    });
}

fn folders(dir: &Path) -> Vec<String> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let folders = all.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn limit(wire: &mut Wire, bytes_per_second: i64) {
    let limit = bytes_per_second.to_string();
    set_configs(wire, "", &[("replica.alter.log.dirs.io.max.bytes.per.second", &limit)]);
}

fn values(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number} {}", "x".repeat(1000))).collect()
}

#[test]
fn a_partition_moves_with_all_that_it_has() {
    let mut node = Node::start_with(&[DIRS]);
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "moved", 1, &[("segment.bytes", "1048576")]);
    let producer = producer_id(&mut wire);
    let values = values(3000);
    for (number, value) in values.iter().enumerate() {
        let batch = sequenced(&[value], producer, 0, number as i32);
        assert_eq!(append(&mut wire, topic, batch), number as i64);
        if number == 1000 {
            assert_eq!(alter(&mut wire, &node, "moved", "d2"), NONE);
        }
    }
    wait_until_at(&mut wire, "moved", "d2");
    let check = |wire: &mut Wire, more: usize| {
        let all = read_all(wire, topic);
        assert_eq!(all.len(), values.len() + more);
        assert!(
            all.iter()
                .zip(&values)
                .enumerate()
                .all(|(at, ((offset, found), value))| { *offset == at as i64 && found == value })
        );
    };
    check(&mut wire, 0);
    // The last batch once more is known for what it is.
    let again = sequenced(&[values.last().unwrap()], producer, 0, 2999);
    assert_eq!(append(&mut wire, topic, again), 2999);
    assert_eq!(append(&mut wire, topic, batch(&["after"])), 3000);
    assert_eq!(folders(&node.folder().join("d2")), ["moved-0"]);
    assert!(!folders(&node.folder().join("d1")).iter().any(|name| name.starts_with("moved")));

    // And stays there.
    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    wait_until_at(&mut wire, "moved", "d2");
    check(&mut wire, 1);
    assert_eq!(append(&mut wire, topic, batch(&["and more"])), 3001);
    // Back again.
    assert_eq!(alter(&mut wire, &node, "moved", "d1"), NONE);
    wait_until_at(&mut wire, "moved", "d1");
    check(&mut wire, 2);
    assert!(node.stop().success());
    node.start_again();
    check(&mut Wire::connect(node.address), 2);
}

#[test]
fn a_move_that_is_held_up_can_be_watched_given_up_and_survives_a_restart() {
    let mut node = Node::start_with(&[DIRS]);
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "slow", 1, &[]);
    for value in values(10) {
        append(&mut wire, topic, batch(&[&value]));
    }
    limit(&mut wire, 0);
    assert_eq!(alter(&mut wire, &node, "slow", "d2"), NONE);
    let both = places(&mut wire, "slow");
    let [(old, log), (new, copy)] = &both[..] else { panic!("{both:?}") };
    assert_eq!((&**old, log.is_future_key, log.offset_lag), ("d1", false, 0));
    assert_eq!((&**new, copy.is_future_key, copy.offset_lag, copy.partition_size), ("d2", true, 10, 0));
    assert!(log.partition_size > 10_000);

    // To where it is: it stays.
    assert_eq!(alter(&mut wire, &node, "slow", "d1"), NONE);
    wait_until_at(&mut wire, "slow", "d1");
    assert!(folders(&node.folder().join("d2")).is_empty());

    // What was answered is known after a crash.
    assert_eq!(alter(&mut wire, &node, "slow", "d2"), NONE);
    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    assert_eq!(append(&mut wire, topic, batch(&["after"])), 10);
    eventually("it to begin anew", || (places(&mut wire, "slow").len() == 2).then_some(()));
    limit(&mut wire, 1_000_000);
    wait_until_at(&mut wire, "slow", "d2");
    assert_eq!(read_all(&mut wire, topic).len(), 11);
    assert_eq!(append(&mut wire, topic, batch(&["more"])), 11);
}

#[test]
fn what_cannot_be_moved_is_refused_and_what_is_to_come_is_remembered() {
    let node = Node::start_with(&[DIRS]);
    let mut wire = Wire::connect(node.address);
    create_topic(&mut wire, "t", 1, &[]);
    assert_eq!(alter(&mut wire, &node, "t", "d3"), code(ErrorCode::LogDirNotFound));
    let long: &'static str = "l".repeat(230).leak();
    create_topic(&mut wire, long, 1, &[]);
    assert_eq!(alter(&mut wire, &node, long, "d2"), code(ErrorCode::InvalidTopicException));
    // The one with more partitions, which nobody would choose.
    create_topic(&mut wire, "more", 3, &[]);
    for to in ["d1", "d2"] {
        let name: &'static str = format!("to-{to}").leak();
        assert_eq!(alter(&mut wire, &node, name, to), code(ErrorCode::UnknownTopicOrPartition));
        create_topic(&mut wire, name, 1, &[]);
        wait_until_at(&mut wire, name, to);
    }
    // Gone with its topic.
    limit(&mut wire, 0);
    let topic = create_topic(&mut wire, "gone", 1, &[]);
    append(&mut wire, topic, batch(&["a"]));
    let (from, _) = places(&mut wire, "gone").remove(0);
    let to = if from == "d1" { "d2" } else { "d1" };
    assert_eq!(alter(&mut wire, &node, "gone", to), NONE);
    assert_eq!(places(&mut wire, "gone").len(), 2);
    let request = DeleteTopicsRequest {
        topics: vec![delete_topics_request::DeleteTopicState {
            name: Some("gone".into()),
            ..Default::default()
        }],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let answer: DeleteTopicsResponse = wire.ask(ApiKey::DeleteTopics, 6, &request);
    assert_eq!(answer.responses[0].error_code, NONE);
    eventually("no files", || {
        let left = ["d1", "d2"].iter().flat_map(|dir| folders(&node.folder().join(dir)));
        left.into_iter().all(|name| !name.starts_with("gone")).then_some(())
    });
}

#[test]
fn a_move_into_a_directory_that_fails_leaves_the_partition_where_it_is() {
    let mut node = Node::start_with(&[DIRS]);
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "stays", 1, &[]);
    for value in values(10) {
        append(&mut wire, topic, batch(&[&value]));
    }
    let victim = create_topic(&mut wire, "victim", 1, &[]);
    assert_eq!((&*places(&mut wire, "stays")[0].0, &*places(&mut wire, "victim")[0].0), ("d1", "d2"));
    limit(&mut wire, 0);
    assert_eq!(alter(&mut wire, &node, "stays", "d2"), NONE);
    let copy = folders(&node.folder().join("d2")).into_iter().find(|name| name.ends_with("-future")).unwrap();

    // The first flush of the other one makes a file in its directory, which is no more.
    let in_the_way = node.folder().join("d2/victim-0");
    fs::rename(&in_the_way, node.folder().join("away")).unwrap();
    fs::write(&in_the_way, "in the way").unwrap();
    let storage_error = code(ErrorCode::KafkaStorageError);
    assert_eq!(produce(&mut wire, 13, victim, batch(&["never"])).error_code, storage_error);
    eventually("the end of the move", || (places(&mut wire, "stays").len() == 1).then_some(()));
    assert_eq!(alter(&mut wire, &node, "stays", "d2"), storage_error);
    assert_eq!(alter(&mut wire, &node, "victim", "d1"), storage_error);
    assert_eq!(append(&mut wire, topic, batch(&["after"])), 10);
    assert_eq!(metadata(&mut wire, Some(&["stays"])).topics[0].partitions[0].leader_id, 1);

    // With the directory the move is back.
    node.kill();
    fs::remove_file(&in_the_way).unwrap();
    fs::rename(node.folder().join("away"), &in_the_way).unwrap();
    assert!(folders(&node.folder().join("d2")).contains(&copy));
    node.start_again();
    let mut wire = Wire::connect(node.address);
    limit(&mut wire, i64::MAX);
    wait_until_at(&mut wire, "stays", "d2");
    assert_eq!(read_all(&mut wire, topic).len(), 11);
}

#[test]
fn a_partition_whose_move_was_begun_is_not_begun_anew_without_its_log() {
    let mut node = Node::start_with(&[DIRS, "metadata.log.dir=d2"]);
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "only", 1, &[]);
    append(&mut wire, topic, batch(&["a"]));
    assert_eq!(places(&mut wire, "only")[0].0, "d1");
    limit(&mut wire, 0);
    assert_eq!(alter(&mut wire, &node, "only", "d2"), NONE);
    assert!(node.stop().success());
    let (d1, away) = (node.folder().join("d1"), node.folder().join("away"));
    fs::rename(&d1, &away).unwrap();
    fs::write(&d1, "no directory").unwrap();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    let storage_error = code(ErrorCode::KafkaStorageError);
    assert_eq!(produce(&mut wire, 13, topic, batch(&["lost"])).error_code, storage_error);

    assert!(node.stop().success());
    fs::remove_file(&d1).unwrap();
    fs::rename(&away, &d1).unwrap();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    limit(&mut wire, i64::MAX);
    wait_until_at(&mut wire, "only", "d2");
    assert_eq!(append(&mut wire, topic, batch(&["b"])), 1);
}

#[test]
fn whenever_the_node_is_killed_the_partition_is_in_one_place_with_everything() {
    let mut node = Node::start_with(&[DIRS]);
    let topic = create_topic(&mut Wire::connect(node.address), "killed", 1, &[("segment.bytes", "1048576")]);
    let mut sent = vec![];
    let mut homes = std::collections::BTreeSet::new();
    for round in 0..16 {
        let mut wire = Wire::connect(node.address);
        let places = places(&mut wire, "killed");
        let (home, _) = places.iter().find(|(_, row)| !row.is_future_key).expect("a home");
        homes.insert(home.clone());
        // The end of a move comes earlier or later than that of the node.
        let before = sent.len();
        for number in 0..40 {
            if number == round * 2 {
                let to = if home == "d1" { "d2" } else { "d1" };
                assert_eq!(alter(&mut wire, &node, "killed", to), NONE);
            }
            let value = format!("{} {}", sent.len(), "x".repeat(20_000));
            assert_eq!(append(&mut wire, topic, batch(&[&value])), sent.len() as i64);
            sent.push(value);
        }
        assert_eq!(sent.len(), before + 40);
        node.kill();
        node.start_again();
        let found: Vec<String> =
            read_all(&mut Wire::connect(node.address), topic).into_iter().map(|(_, value)| value).collect();
        assert!(found == sent, "{} of {} records", found.len(), sent.len());
    }
    assert_eq!(homes.len(), 2, "it moves");
}
