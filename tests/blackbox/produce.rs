//! Produce, byte by byte: every version, every acks, every refusal.

use protocol::compression::Codec;
use protocol::messages::*;
use protocol::records::{Batch, NewRecord};
use protocol::{ApiKey, ErrorCode, Uuid};

use crate::node::Node;
use crate::requests::*;
use crate::wire::Wire;

#[test]
fn every_version() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "versions", 1, &[]);
    for (n, version) in ApiKey::Produce.stable_versions().enumerate() {
        let answer = produce(&mut wire, version, topic, batch(&["a", "b"]));
        assert_eq!((answer.error_code, answer.base_offset), (NONE, 2 * n as i64), "version {version}");
        assert_eq!(answer.log_append_time_ms, -1);
        assert_eq!(answer.log_start_offset, if version >= 5 { 0 } else { -1 });
    }
    assert_eq!(read_all(&mut wire, topic).len(), 22);
}

#[test]
fn without_acks_there_is_no_answer_and_a_refusal_closes() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "silent", 1, &[]);
    for version in [3, 9, 13] {
        wire.send(ApiKey::Produce, version, &produce_request(topic, 0, 0, batch(&["a"])));
        // The next answer is to the next question.
        metadata(&mut wire, None);
    }
    assert_eq!(read_all(&mut wire, topic).len(), 3);
    wire.send(ApiKey::Produce, 9, &produce_request(topic, 0, 99, batch(&["a"])));
    assert!(wire.is_closed());
}

#[test]
fn refusals() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "plain", 1, &[("max.message.bytes", "1000")]);
    let refused = |wire: &mut Wire, version, request: &ProduceRequest<'_>, expect: ErrorCode| {
        let answer: ProduceResponse = wire.ask(ApiKey::Produce, version, request);
        let row = &answer.responses[0].partition_responses[0];
        assert_eq!((row.error_code, row.base_offset), (expect.code(), -1), "{row:?}");
    };
    let good = || batch(&["a"]);
    let nowhere = Topic { name: "nowhere", id: Uuid([9; 16]) };
    let unknown = ErrorCode::UnknownTopicOrPartition;
    refused(&mut wire, 9, &produce_request(nowhere, ACKS_ALL, 0, good()), unknown);
    refused(&mut wire, 13, &produce_request(nowhere, ACKS_ALL, 0, good()), ErrorCode::UnknownTopicId);
    refused(&mut wire, 9, &produce_request(topic, 1, 1, good()), unknown);
    refused(&mut wire, 13, &produce_request(topic, 1, -1, good()), unknown);
    refused(&mut wire, 9, &produce_request(topic, 2, 0, good()), ErrorCode::InvalidRequiredAcks);
    let large = batch(&[&"x".repeat(1000)]);
    refused(&mut wire, 9, &produce_request(topic, ACKS_ALL, 0, large), ErrorCode::MessageTooLarge);
    let zstd = builder(&["a"]).compression(Codec::Zstd).build().unwrap();
    let unsupported = ErrorCode::UnsupportedCompressionType;
    refused(&mut wire, 6, &produce_request(topic, ACKS_ALL, 0, zstd), unsupported);

    let compacted = create_topic(&mut wire, "compacted", 1, &[("cleanup.policy", "compact")]);
    let answer = produce(&mut wire, 9, compacted, batch(&["no key"]));
    assert_eq!(answer.error_code, code(ErrorCode::InvalidRecord));
    assert_eq!(answer.record_errors.iter().map(|error| error.batch_index).collect::<Vec<_>>(), [0]);

    let strict = create_topic(&mut wire, "strict", 1, &[("message.timestamp.before.max.ms", "1000")]);
    let answer = produce(&mut wire, 9, strict, good());
    assert_eq!(answer.error_code, code(ErrorCode::InvalidTimestamp), "{answer:?}");

    let internal = crate::groups::offsets_topic(&mut wire);
    let answer = produce(&mut wire, 9, internal, good());
    assert_eq!(answer.error_code, code(ErrorCode::InvalidTopicException));
    for topic in [topic, compacted, strict] {
        assert_eq!(read_all(&mut wire, topic), []);
    }
}

#[test]
fn the_topics_codec_and_clock_win_over_the_producers() {
    let node = Node::start();
    let mut wire = Wire::connect(node.address);
    let configs = [("compression.type", "gzip"), ("message.timestamp.type", "LogAppendTime")];
    let topic = create_topic(&mut wire, "rewritten", 1, &configs);
    let mut sent = builder(&["a", "b"]).compression(Codec::Lz4);
    sent.append_next(NewRecord { value: Some(b"c"), timestamp: 5, ..Default::default() }).unwrap();
    let answer = produce(&mut wire, 9, topic, sent.build().unwrap());
    assert_eq!(answer.error_code, NONE);
    assert!(answer.log_append_time_ms > 1_600_000_000_000);
    let stored = fetch(&mut wire, 12, topic, 0);
    let bytes = stored.records.as_ref().unwrap().as_bytes().unwrap();
    let stored_batch = Batch::parse(bytes).unwrap();
    assert_eq!(stored_batch.header().attributes.codec(), Ok(Codec::Gzip));
    assert_eq!(stored_batch.header().max_timestamp, answer.log_append_time_ms);
    let values: Vec<_> = records_of(&stored).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["a", "b", "c"]);
}
