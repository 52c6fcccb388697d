//! `kill -9` under load: nothing acknowledged is lost, nothing is there twice.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use crate::librdkafka::{producer, record};
use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

/// A free port below those that the system gives to connections: a client that tries to reach a node that is down
/// would otherwise sooner or later connect to itself.
fn low_port() -> u16 {
    let first = 10_000 + (std::process::id() % 20_000) as u16;
    (first..32_000).find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_node_is_killed() {
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{}", low_port());
    let mut node = Node::start_with(&[&listeners]);
    let topic = create_topic(&mut Wire::connect(node.address), "killed", 1, &[("segment.bytes", "1048576")]);
    let settings = [
        ("enable.idempotence", "true"),
        ("linger.ms", "0"),
        ("batch.num.messages", "10"),
        ("reconnect.backoff.ms", "5"),
        ("reconnect.backoff.max.ms", "20"),
        ("retry.backoff.ms", "5"),
        ("retry.backoff.max.ms", "20"),
    ];
    let (producer, deliveries) = producer(&node, &settings);
    let padding = "x".repeat(500);
    let value = |number: usize| format!("{number} {padding}");
    let mut sent = 0;
    let mut send = |upto: usize| {
        while sent < upto {
            let value = value(sent);
            producer.send(record("killed", sent).payload(value.as_bytes())).unwrap();
            sent += 1;
        }
    };
    for round in 1..=5 {
        // Many are on their way, some acknowledged, at a moment that differs from round to round.
        send(round * 1000);
        let acknowledged = (round - 1) * 1000 + round * 37;
        eventually("acknowledgements", || (deliveries.so_far().len() >= acknowledged).then_some(()));
        node.kill();
        node.start_again();
    }
    let all =
        eventually("every acknowledgement", || Some(deliveries.so_far()).filter(|all| all.len() == 5000));

    let stored: BTreeMap<i64, String> =
        read_all(&mut Wire::connect(node.address), topic).into_iter().collect();
    assert_eq!(stored.len(), 5000, "doubled");
    for (number, delivery) in all {
        let (_, offset) = delivery.unwrap();
        assert_eq!(stored.get(&offset), Some(&value(number)), "record {number} at offset {offset}");
        assert_eq!(offset, number as i64, "in the order they were sent");
    }
}
