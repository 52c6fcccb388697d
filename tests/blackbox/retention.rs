//! What retention and rolling do while the node runs, and that a change of their properties counts at once.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::records::{BatchBuilder, NewRecord};
use protocol::{ErrorCode, Offset};

use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

const EARLIEST: i64 = -2;
const LATEST: i64 = -1;
const SEGMENT_BYTES: u64 = 1 << 20;
const OPTIONS: &[&str] = &["log.retention.check.interval.ms=20"];

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A batch of one record of 100 KB, of that time.
fn stamped(timestamp: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Offset::ZERO);
    let value = vec![b'x'; 100_000];
    builder.append_next(NewRecord { timestamp, value: Some(&value), ..NewRecord::default() }).unwrap();
    builder.build().unwrap()
}

fn fill(wire: &mut Wire, topic: Topic, records: usize, timestamp: i64) {
    for _ in 0..records {
        append(wire, topic, stamped(timestamp));
    }
}

fn earliest(wire: &mut Wire, topic: Topic) -> i64 {
    list_offset(wire, 7, topic.name, EARLIEST).offset
}

fn latest(wire: &mut Wire, topic: Topic) -> i64 {
    list_offset(wire, 7, topic.name, LATEST).offset
}

/// The names in the partition's folder that end so, and the size of all.
fn files(node: &Node, topic: Topic, suffix: &str) -> (Vec<String>, u64) {
    let folder = node.folder().join("millstream-data").join(format!("{}-0", topic.name));
    let (mut names, mut bytes) = (vec![], 0);
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        // What goes meanwhile has no size.
        if name.ends_with(suffix) {
            bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            names.push(name);
        }
    }
    names.sort();
    (names, bytes)
}

fn topic_of(wire: &mut Wire, name: &'static str) -> Topic {
    let segment = SEGMENT_BYTES.to_string();
    create_topic(
        wire,
        name,
        1,
        &[("segment.bytes", &segment), ("retention.ms", "-1"), ("file.delete.delay.ms", "0")],
    )
}

#[test]
fn a_log_keeps_so_many_bytes_as_it_is_told_to() {
    let node = Node::start_with(OPTIONS);
    let mut wire = Wire::connect(node.address);
    let topic = topic_of(&mut wire, "bytes");
    fill(&mut wire, topic, 60, now_ms());
    let (before, _) = files(&node, topic, ".log");
    assert_eq!((before.len(), earliest(&mut wire, topic)), (6, 0));

    set_configs(&mut wire, topic.name, &[("retention.bytes", "2200000")]);
    eventually("a start that moves", || (earliest(&mut wire, topic) == 30).then_some(()));
    eventually("files that go", || (files(&node, topic, "").1 < 3_300_000).then_some(()));
    assert_eq!(files(&node, topic, ".log").0, before[3..]);
    assert_eq!(latest(&mut wire, topic), 60);
    assert_eq!(records_of(&fetch(&mut wire, 12, topic, 30))[0].0, 30);
    let unread = fetch_with(&mut wire, 12, &fetch_request(topic, 29)).error_code;
    assert_eq!(unread, code(ErrorCode::OffsetOutOfRange));
}

#[test]
fn what_is_older_than_it_may_be_goes_the_active_segment_too() {
    let mut node = Node::start_with(OPTIONS);
    let mut wire = Wire::connect(node.address);
    let topic = topic_of(&mut wire, "age");
    let (now, day_ms) = (now_ms(), 86_400_000);
    fill(&mut wire, topic, 20, now - 2 * day_ms);
    fill(&mut wire, topic, 15, now);
    set_configs(&mut wire, topic.name, &[("retention.ms", "86400000")]);
    eventually("a start that moves", || (earliest(&mut wire, topic) == 20).then_some(()));
    set_configs(&mut wire, topic.name, &[("retention.ms", "1")]);
    eventually("an empty log", || (earliest(&mut wire, topic) == 35).then_some(()));
    assert_eq!(latest(&mut wire, topic), 35);
    set_configs(&mut wire, topic.name, &[("retention.ms", "-1")]);
    assert_eq!(append(&mut wire, topic, stamped(now)), 35);
    // Offsets go on after a crash.
    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    assert_eq!((earliest(&mut wire, topic), latest(&mut wire, topic)), (35, 36));
}

#[test]
fn files_wait_for_their_delay() {
    let node = Node::start_with(OPTIONS);
    let mut wire = Wire::connect(node.address);
    let topic = topic_of(&mut wire, "delay");
    set_configs(&mut wire, topic.name, &[("file.delete.delay.ms", "3600000")]);
    fill(&mut wire, topic, 25, now_ms());
    set_configs(&mut wire, topic.name, &[("retention.bytes", "1048576")]);
    eventually("a start that moves", || (earliest(&mut wire, topic) == 10).then_some(()));
    assert!(files(&node, topic, ".deleted").0.contains(&format!("{:020}.log.deleted", 0)));
}

#[test]
fn segments_roll_by_time() {
    let node = Node::start_with(OPTIONS);
    let mut wire = Wire::connect(node.address);
    let topic = topic_of(&mut wire, "rolls");
    let now = now_ms();
    fill(&mut wire, topic, 2, now - 10_000);
    assert_eq!(files(&node, topic, ".log").0.len(), 1);
    // By the time of the records, from the segment's first on.
    set_configs(&mut wire, topic.name, &[("segment.ms", "9000")]);
    fill(&mut wire, topic, 1, now);
    let expect = [0, 2].map(|offset| format!("{offset:020}.log"));
    assert_eq!(files(&node, topic, ".log").0, expect);
}

#[test]
fn times_of_records_have_limits() {
    let node = Node::start_with(OPTIONS);
    let mut wire = Wire::connect(node.address);
    let topic = topic_of(&mut wire, "times");
    let invalid = code(ErrorCode::InvalidTimestamp);
    let hour_ms = 3_600_000;
    let answer = |wire: &mut Wire, timestamp| produce(wire, 9, topic, stamped(timestamp)).error_code;
    // An hour into the future, and as old as it likes: Kafka's defaults.
    assert_eq!(answer(&mut wire, now_ms() + 2 * hour_ms), invalid);
    assert_eq!(answer(&mut wire, now_ms() + hour_ms / 2), NONE);
    assert_eq!(answer(&mut wire, 1), NONE);
    let limits = [("message.timestamp.after.max.ms", "60000"), ("message.timestamp.before.max.ms", "60000")];
    set_configs(&mut wire, topic.name, &limits);
    assert_eq!(answer(&mut wire, now_ms() + hour_ms / 2), invalid);
    assert_eq!(answer(&mut wire, now_ms() - hour_ms), invalid);
    assert_eq!(answer(&mut wire, now_ms()), NONE);
    assert_eq!(latest(&mut wire, topic), 3);
}
