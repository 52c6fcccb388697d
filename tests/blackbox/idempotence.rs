//! What a broker promises to an idempotent producer (KIP-98), also after it was killed.

use protocol::ErrorCode;
use protocol::ProducerId;

use crate::node::Node;
use crate::requests::*;
use crate::wire::Wire;

/// Produces two records; the base offset, or the error.
fn put(wire: &mut Wire, topic: Topic, id: ProducerId, epoch: i16, sequence: i32) -> Result<i64, ErrorCode> {
    let answer = produce(wire, 9, topic, sequenced(&["a", "b"], id, epoch, sequence));
    match ErrorCode::from_code(answer.error_code) {
        Some(ErrorCode::None) => Ok(answer.base_offset),
        error => Err(error.unwrap()),
    }
}

const OUT_OF_ORDER: Result<i64, ErrorCode> = Err(ErrorCode::OutOfOrderSequenceNumber);

#[test]
fn producer_ids_differ_also_after_a_restart() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    let mut ids: Vec<_> = (0..3).map(|_| producer_id(&mut wire)).collect();
    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    ids.extend((0..3).map(|_| producer_id(&mut wire)));
    let distinct: std::collections::BTreeSet<_> = ids.iter().map(|id| id.get()).collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
}

#[test]
fn duplicates_get_their_first_offset_and_gaps_are_refused() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "once", 1, &[]);
    let id = producer_id(&mut wire);
    for n in 0..6 {
        assert_eq!(put(&mut wire, topic, id, 0, n * 2), Ok(i64::from(n) * 2));
    }
    // Five batches are remembered.
    let remembered = |wire: &mut Wire| {
        for n in 1..6 {
            assert_eq!(put(wire, topic, id, 0, n * 2), Ok(i64::from(n) * 2), "batch {n}");
        }
        assert_eq!(put(wire, topic, id, 0, 0), OUT_OF_ORDER);
        assert_eq!(put(wire, topic, id, 0, 14), OUT_OF_ORDER);
        assert_eq!(put(wire, topic, id, 0, 11), OUT_OF_ORDER);
    };
    remembered(&mut wire);
    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    remembered(&mut wire);
    assert!(node.stop().success());
    node.start_again();
    let mut wire = Wire::connect(node.address);
    remembered(&mut wire);
    assert_eq!(put(&mut wire, topic, id, 0, 12), Ok(12));
    assert_eq!(read_all(&mut wire, topic).len(), 14);
}

#[test]
fn a_newer_epoch_ends_the_older() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "fenced", 1, &[]);
    let id = producer_id(&mut wire);
    assert_eq!(put(&mut wire, topic, id, 0, 0), Ok(0));
    // A new epoch begins at 0.
    assert_eq!(put(&mut wire, topic, id, 1, 2), OUT_OF_ORDER);
    assert_eq!(put(&mut wire, topic, id, 1, 0), Ok(2));
    let stale = Err(ErrorCode::InvalidProducerEpoch);
    assert_eq!(put(&mut wire, topic, id, 0, 2), stale);
    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    assert_eq!(put(&mut wire, topic, id, 0, 2), stale);
    assert_eq!(put(&mut wire, topic, id, 1, 2), Ok(4));
}

#[test]
fn a_producer_that_nobody_knows_may_begin_anywhere() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "unknown", 1, &[]);
    // Its state may have expired (KIP-360).
    assert_eq!(put(&mut wire, topic, ProducerId(4711), 3, 17), Ok(0));
    assert_eq!(put(&mut wire, topic, ProducerId(4711), 3, 19), Ok(2));
}

#[test]
fn sequences_wrap() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "wrap", 1, &[]);
    let id = producer_id(&mut wire);
    assert_eq!(put(&mut wire, topic, id, 0, i32::MAX - 2), Ok(0));
    assert_eq!(put(&mut wire, topic, id, 0, i32::MAX), Ok(2));
    assert_eq!(put(&mut wire, topic, id, 0, 1), Ok(4));
    assert_eq!(put(&mut wire, topic, id, 0, i32::MAX), Ok(2));
}
