//! Compacted topics: while records come and the node is killed, every key keeps its last word, and the log stays small.

use std::collections::BTreeMap;

use protocol::Offset;
use protocol::records::{BatchBuilder, NewRecord};

use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

const KEYS: usize = 50;

/// A batch of records of 20 KB, each with its key and number as the value's start.
fn batch_of(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Offset::ZERO);
    let padding = "x".repeat(20_000);
    for number in numbers {
        let (key, value) = (format!("k{}", number % KEYS), format!("k{} {number} {padding}", number % KEYS));
        let record =
            NewRecord { key: Some(key.as_bytes()), value: Some(value.as_bytes()), ..NewRecord::default() };
        builder.append_next(record).unwrap();
    }
    builder.build().unwrap()
}

#[test]
fn of_every_key_the_last_word_stays() {
    let mut node = Node::start_with(&["log.cleaner.backoff.ms=20"]);
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("file.delete.delay.ms", "0"),
    ];
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "compacted", 1, &configs);
    let mut sent = 0;
    for _ in 0..3 {
        for _ in 0..50 {
            append(&mut wire, topic, batch_of(sent..sent + 10));
            sent += 10;
        }
        // At whatever the cleaner is doing.
        node.kill();
        node.start_again();
        wire = Wire::connect(node.address);
        check(&mut wire, topic, sent);
    }
    // 30 MB were written; what is left is 50 records, in what was cleaned and the segment that is written to.
    eventually("a small log", || {
        append(&mut wire, topic, batch_of(sent..sent + 10));
        sent += 10;
        (read_all(&mut wire, topic).len() < 3 * KEYS).then_some(())
    });
    check(&mut wire, topic, sent);
    eventually("a cleaning", || {
        node.new_lines().iter().any(|line| line.contains("log cleaned")).then_some(())
    });
}

/// Of every key the newest record is there, and what is there is as it was written.
fn check(wire: &mut Wire, topic: Topic, sent: usize) {
    let mut last = BTreeMap::new();
    for (offset, value) in read_all(wire, topic) {
        let mut words = value.split(' ');
        let (key, number) = (words.next().unwrap().to_owned(), words.next().unwrap().parse::<i64>().unwrap());
        assert_eq!(offset, number, "at the offset that it got");
        last.insert(key, number as usize);
    }
    let expected = (sent - KEYS..sent).map(|number| (format!("k{}", number % KEYS), number)).collect();
    assert_eq!(last, expected);
}
