//! Several log directories: placement, one that fails while the node runs or is away when it starts, and its return.

use std::fs;

use protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use protocol::messages::metadata_response::MetadataResponsePartition;
use protocol::messages::*;
use protocol::{ApiKey, ErrorCode};

use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

const DIRS: &str = "log.dirs=d1,d2";
const STORAGE_ERROR: i16 = 56;

fn describe(wire: &mut Wire) -> Vec<DescribeLogDirsResult<'static>> {
    let request = DescribeLogDirsRequest { topics: None, ..Default::default() };
    let answer: DescribeLogDirsResponse = wire.ask(ApiKey::DescribeLogDirs, 4, &request);
    answer.results
}

/// The last part of the path of the directory that has partition 0 of a topic.
fn home(wire: &mut Wire, topic: Topic) -> String {
    let all = describe(wire);
    let has = |dir: &&DescribeLogDirsResult<'_>| {
        dir.topics.iter().any(|found| found.name == topic.name && !found.partitions.is_empty())
    };
    let homes: Vec<_> = all.iter().filter(has).collect();
    assert_eq!(homes.len(), 1, "{all:?}");
    homes[0].log_dir.rsplit('/').next().unwrap().to_owned()
}

/// A topic in each of the two directories, with a record.
fn two_topics(wire: &mut Wire) -> (Topic, Topic) {
    let (a, b) = (create_topic(wire, "a", 1, &[]), create_topic(wire, "b", 1, &[]));
    append(wire, a, batch(&["a0"]));
    append(wire, b, batch(&["b0"]));
    if home(wire, a) == "d1" { (a, b) } else { (b, a) }
}

fn partition(wire: &mut Wire, topic: Topic) -> MetadataResponsePartition {
    let mut answer = metadata(wire, Some(&[topic.name]));
    answer.topics.remove(0).partitions.remove(0)
}

fn leader_and_offline(wire: &mut Wire, topic: Topic) -> (i16, i32, Vec<i32>) {
    let partition = partition(wire, topic);
    (partition.error_code, partition.leader_id, partition.offline_replicas)
}

fn values(wire: &mut Wire, topic: Topic) -> Vec<String> {
    read_all(wire, topic).into_iter().map(|(_, value)| value).collect()
}

/// What every request to partition 0 of a topic in a directory that failed is told.
fn check_offline(wire: &mut Wire, topic: Topic) {
    assert_eq!(produce(wire, 13, topic, batch(&["lost"])).error_code, STORAGE_ERROR);
    assert_eq!(produce(wire, 9, topic, batch(&["lost"])).error_code, STORAGE_ERROR);
    assert_eq!(fetch(wire, 13, topic, 0).error_code, STORAGE_ERROR);
    assert_eq!(list_offset(wire, 7, topic.name, -1).error_code, STORAGE_ERROR);
    let no_leader = (code(ErrorCode::LeaderNotAvailable), -1, vec![1]);
    eventually("no leader", || (leader_and_offline(wire, topic) == no_leader).then_some(()));
    assert_eq!(partition(wire, topic).isr_nodes, [1]);
    let failed: Vec<i16> = describe(wire).iter().map(|dir| dir.error_code).collect();
    assert_eq!(failed, [NONE, STORAGE_ERROR]);
}

fn gauge(node: &Node, name: &str) -> f64 {
    let (_, text) = node.get("/metrics");
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with("{} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn partitions_are_placed_where_the_fewest_are_and_stay_there() {
    let mut node = Node::start_with(&[DIRS]);
    let mut wire = Wire::connect(node.address);
    create_topic(&mut wire, "many", 10, &[]);
    let counts = |wire: &mut Wire| -> Vec<usize> {
        describe(wire).iter().map(|dir| dir.topics.iter().map(|topic| topic.partitions.len()).sum()).collect()
    };
    assert_eq!(counts(&mut wire), [5, 5]);
    let indexes = |wire: &mut Wire| -> Vec<Vec<i32>> {
        let of = |dir: &DescribeLogDirsResult<'_>| {
            let mut all: Vec<i32> = dir.topics[0].partitions.iter().map(|p| p.partition_index).collect();
            all.sort_unstable();
            all
        };
        describe(wire).iter().map(of).collect()
    };
    let before = indexes(&mut wire);
    node.kill();
    node.start_again();
    assert_eq!(indexes(&mut Wire::connect(node.address)), before);
}

#[test]
fn a_directory_that_fails_goes_offline_alone_and_comes_back_with_a_restart() {
    let mut node = Node::start_with(&[DIRS]);
    let mut wire = Wire::connect(node.address);
    let (kept, lost) = two_topics(&mut wire);
    let late = create_topic(&mut wire, "late", 1, &[]);
    let also_late = create_topic(&mut wire, "also-late", 1, &[]);
    let late = if home(&mut wire, late) == "d2" { late } else { also_late };

    // The first flush of this one makes a file in its directory, which is no more.
    let (d2, away) = (node.folder().join("d2"), node.folder().join("away"));
    let in_d2 = d2.join(format!("{}-0", late.name));
    fs::rename(&in_d2, &away).unwrap();
    fs::write(&in_d2, "in the way").unwrap();
    assert_eq!(produce(&mut wire, 13, late, batch(&["never"])).error_code, STORAGE_ERROR);

    check_offline(&mut wire, late);
    check_offline(&mut wire, lost);
    let told = eventually("the log to say so", || {
        let lines = node.new_lines();
        lines.into_iter().find(|line| line.contains("ERROR") && line.contains("directory=d2"))
    });
    assert!(told.contains("restart"), "{told}");
    assert_eq!(gauge(&node, "kafka_log_logmanager_offlinelogdirectorycount"), 1.0);
    assert_eq!(gauge(&node, "kafka_server_replicamanager_offlinereplicacount"), 2.0);
    // Everything else serves on, and what is new goes elsewhere.
    assert_eq!(append(&mut wire, kept, batch(&["more"])), 1);
    let new = create_topic(&mut wire, "new", 4, &[]);
    append(&mut wire, new, batch(&["n0"]));
    assert_eq!(describe(&mut wire)[0].topics.iter().filter(|topic| topic.name == "new").count(), 1);

    // It is not closed in order, and what was in it is not begun anew elsewhere.
    assert!(node.stop().success());
    assert!(node.folder().join("d1/.kafka_cleanshutdown").exists());
    assert!(!d2.join(".kafka_cleanshutdown").exists());
    let d2_away = node.folder().join("d2-away");
    fs::rename(&d2, &d2_away).unwrap();
    fs::write(&d2, "no directory").unwrap();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    check_offline(&mut wire, lost);
    assert_eq!(append(&mut wire, kept, batch(&["and more"])), 2);

    // A directory that is back has what it had.
    node.kill();
    fs::remove_file(&d2).unwrap();
    fs::rename(&d2_away, &d2).unwrap();
    fs::remove_file(&in_d2).unwrap();
    fs::rename(&away, &in_d2).unwrap();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    assert_eq!(leader_and_offline(&mut wire, lost), (NONE, 1, vec![]));
    assert_eq!(append(&mut wire, lost, batch(&["back"])), 1);
    assert_eq!(
        values(&mut wire, kept),
        ["a0", "more", "and more"].map(|v| v.replace("a0", &format!("{}0", kept.name)))
    );
    assert_eq!(values(&mut wire, lost)[1..], ["back"]);
    assert_eq!(values(&mut wire, new), ["n0"]);
    append(&mut wire, late, batch(&["at last"]));
    assert_eq!(gauge(&node, "kafka_log_logmanager_offlinelogdirectorycount"), 0.0);
}

#[test]
fn a_directory_that_was_replaced_by_an_empty_one_has_its_partitions_offline() {
    let mut node = Node::start_with(&[DIRS]);
    let mut wire = Wire::connect(node.address);
    let (kept, lost) = two_topics(&mut wire);
    assert!(node.stop().success());
    // As when a disk is not mounted.
    let (d2, away) = (node.folder().join("d2"), node.folder().join("away"));
    fs::rename(&d2, &away).unwrap();
    node.start_again();
    assert!(
        node.early_lines
            .iter()
            .any(|line| line.contains("ERROR") && line.contains(&format!("{}-0", lost.name)))
    );
    let mut wire = Wire::connect(node.address);
    assert_eq!(produce(&mut wire, 13, lost, batch(&["lost"])).error_code, STORAGE_ERROR);
    assert_eq!(leader_and_offline(&mut wire, lost), (code(ErrorCode::LeaderNotAvailable), -1, vec![1]));
    append(&mut wire, kept, batch(&["more"]));

    // The disk is back.
    assert!(node.stop().success());
    fs::remove_dir_all(&d2).unwrap();
    fs::rename(&away, &d2).unwrap();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    assert_eq!(append(&mut wire, lost, batch(&["back"])), 1);

    // Gone for good, and given up.
    set_configs(&mut wire, lost.name, &[("unclean.leader.election.enable", "true")]);
    assert!(node.stop().success());
    fs::remove_dir_all(&d2).unwrap();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    assert_eq!(append(&mut wire, lost, batch(&["anew"])), 0);
    assert_eq!(values(&mut wire, kept)[1..], ["more"]);
}

#[test]
fn a_partition_that_was_moved_by_hand_is_found() {
    let mut node = Node::start_with(&[DIRS]);
    let mut wire = Wire::connect(node.address);
    let (_, moved) = two_topics(&mut wire);
    assert!(node.stop().success());
    let name = format!("{}-0", moved.name);
    fs::rename(node.folder().join("d2").join(&name), node.folder().join("d1").join(&name)).unwrap();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    assert_eq!(append(&mut wire, moved, batch(&["more"])), 1);
    assert_eq!(home(&mut wire, moved), "d1");
}

#[test]
fn without_the_directory_of_the_metadata_log_there_is_no_node() {
    let mut node = Node::start_with(&[DIRS]);
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "x", 1, &[]);
    let other = create_topic(&mut wire, "y", 1, &[]);
    let topic = if home(&mut wire, topic) == "d1" { topic } else { other };
    let in_d1 = node.folder().join("d1").join(format!("{}-0", topic.name));
    fs::rename(&in_d1, node.folder().join("away")).unwrap();
    fs::write(&in_d1, "in the way").unwrap();
    // Whether the answer leaves before the connection ends is open.
    let request = produce_request(topic, ACKS_ALL, 0, batch(&["never"]));
    wire.send_bytes(&Wire::request(ApiKey::Produce, 13, 1, &request));
    assert_eq!(node.wait().code(), Some(1));
    eventually("the reason in the log", || {
        let lines = node.new_lines();
        lines.iter().any(|line| line.contains("ERROR") && line.contains("metadata.log.dir=d1")).then_some(())
    });
}
