//! Producing and consuming as applications do, with librdkafka.

use rdkafka::Message as _;
use rdkafka::Timestamp;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Headers as _, OwnedHeaders};

use crate::librdkafka::{consume, record, send_all};
use crate::node::Node;
use crate::requests::{append, batch, create_topic, read_all};
use crate::wire::Wire;

fn node_with(topic: &'static str, configs: &[(&str, &str)]) -> Node {
    let node = Node::start();
    create_topic(&mut Wire::connect(node.address), topic, 1, configs);
    node
}

#[test]
fn every_acks() {
    let node = node_with("acks", &[]);
    let values: Vec<_> = (0..100).map(|n| format!("value {n}")).collect();
    let mut expect = vec![];
    for acks in ["all", "1", "0"] {
        let records = values.iter().enumerate().map(|(n, value)| record("acks", n).payload(value.as_bytes()));
        let sent = send_all(&node, &[("acks", acks)], records);
        assert_eq!(sent.len(), values.len());
        for (n, delivery) in sent.into_iter().enumerate() {
            let (partition, offset) = delivery.unwrap();
            // Nobody says which offset without an answer.
            let offset = if acks == "0" { (expect.len() + n) as i64 } else { offset };
            assert_eq!((partition, offset), (0, (expect.len() + n) as i64), "acks={acks}");
        }
        expect.extend(values.iter().cloned());
    }
    let got = consume(&node, &[], "acks", expect.len());
    let got: Vec<_> = got
        .iter()
        .map(|m| (m.offset(), String::from_utf8_lossy(m.payload().unwrap()).into_owned()))
        .collect();
    let expect: Vec<_> = expect.into_iter().enumerate().map(|(n, value)| (n as i64, value)).collect();
    assert_eq!(got, expect);
}

#[test]
fn every_codec() {
    let node = node_with("codecs", &[]);
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for codec in codecs {
        let value = format!("{codec} ").repeat(200);
        let records = (0..50).map(|n| record("codecs", n).payload(value.as_bytes()));
        let settings = [("compression.type", codec), ("linger.ms", "20")];
        assert!(send_all(&node, &settings, records).iter().all(Result::is_ok), "{codec}");
    }
    let got = consume(&node, &[], "codecs", 250);
    for (n, message) in got.iter().enumerate() {
        assert_eq!(message.offset(), n as i64);
        assert_eq!(message.payload().unwrap(), format!("{} ", codecs[n / 50]).repeat(200).as_bytes());
    }
}

#[test]
fn keys_headers_and_timestamps_come_back_as_they_were() {
    let node = node_with("whole", &[]);
    let headers = OwnedHeaders::new()
        .insert(Header { key: "a", value: Some("1") })
        .insert(Header { key: "a", value: Some("2") })
        .insert(Header::<&str> { key: "null", value: None })
        .insert(Header { key: "", value: Some("") });
    let records = [
        record("whole", 0).key(b"key").payload(b"value").timestamp(1_234_567).headers(headers),
        record("whole", 1).key(b"").payload(b""),
        record("whole", 2).key(b"tombstone").timestamp(1),
        record("whole", 3),
    ];
    assert!(send_all(&node, &[], records).iter().all(Result::is_ok));
    let got = consume(&node, &[], "whole", 4);
    let fields: Vec<_> = got.iter().map(|m| (m.key(), m.payload())).collect();
    let some = |text: &'static str| Some(text.as_bytes());
    let expect =
        [(some("key"), some("value")), (some(""), some("")), (some("tombstone"), None), (None, None)];
    assert_eq!(fields, expect);
    assert_eq!(got[0].timestamp(), Timestamp::CreateTime(1_234_567));
    assert_eq!(got[2].timestamp(), Timestamp::CreateTime(1));
    let headers: Vec<_> = got[0].headers().unwrap().iter().map(|h| (h.key, h.value)).collect();
    let expect: [(&str, Option<&[u8]>); 4] =
        [("a", Some(b"1")), ("a", Some(b"2")), ("null", None), ("", Some(b""))];
    assert_eq!(headers, expect);
}

#[test]
fn append_time_is_the_brokers() {
    let node = node_with("stamped", &[("message.timestamp.type", "LogAppendTime")]);
    let sent = send_all(&node, &[], [record("stamped", 0).payload(b"a").timestamp(1)]);
    assert!(sent[0].is_ok());
    match consume(&node, &[], "stamped", 1)[0].timestamp() {
        Timestamp::LogAppendTime(ms) => assert!(ms > 1_600_000_000_000, "{ms}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_of_a_megabyte_and_one_too_many() {
    let node = node_with("large", &[]);
    // max.message.bytes is 1048588: a batch's header is on top of the record.
    let settings = [("message.max.bytes", "4000000")];
    let large = vec![b'x'; 1_048_000];
    let too_large = vec![b'x'; 1_048_588];
    let records = [record("large", 0).payload(&large), record("large", 1).payload(&too_large)];
    let sent = send_all(&node, &settings, records);
    assert_eq!(sent, [Ok((0, 0)), Err(RDKafkaErrorCode::MessageSizeTooLarge)]);
    let got = consume(&node, &[("fetch.message.max.bytes", "1000")], "large", 1);
    assert_eq!(got[0].payload(), Some(&large[..]));
}

#[test]
fn an_idempotent_producer() {
    let node = node_with("once", &[]);
    let values: Vec<_> = (0..2000).map(|n| n.to_string()).collect();
    let records = values.iter().enumerate().map(|(n, value)| record("once", n).payload(value.as_bytes()));
    let settings = [("enable.idempotence", "true"), ("linger.ms", "1"), ("batch.num.messages", "20")];
    let sent = send_all(&node, &settings, records);
    let expect: Vec<_> = (0..2000).map(|n| Ok((0, n))).collect();
    assert_eq!(sent, expect);
    let got = consume(&node, &[], "once", 2000);
    assert!(got.iter().zip(&values).all(|(message, value)| message.payload() == Some(value.as_bytes())));
}

#[test]
fn a_topic_appears_when_it_is_first_used() {
    let node = Node::start_with(&["num.partitions=1"]);
    assert_eq!(send_all(&node, &[], [record("appears", 0).payload(b"a")]), [Ok((0, 0))]);
    assert_eq!(consume(&node, &[], "appears", 1)[0].payload(), Some(&b"a"[..]));
}

#[test]
fn segments_are_read_through_by_small_fetches() {
    let node = node_with("segments", &[("segment.bytes", "1048576")]);
    let mut wire = Wire::connect(node.address);
    let topic = crate::requests::topic(&mut wire, "segments");
    let value = "v".repeat(1000);
    // Batches of different sizes, so that segments do not end at a multiple of anything.
    let mut count = 0;
    while count < 4000 {
        let records = 1 + count % 37;
        assert_eq!(append(&mut wire, topic, batch(&vec![value.as_str(); records])), count as i64);
        count += records;
    }
    let folder = node.folder().join("millstream-data/segments-0");
    let segments = std::fs::read_dir(folder).unwrap();
    let segments =
        segments.filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|e| e == "log")).count();
    assert!(segments >= 4, "{segments} segments");

    let offsets: Vec<_> = (0..count as i64).collect();
    for bytes in ["1000", "20000", "300000"] {
        let got = consume(&node, &[("fetch.message.max.bytes", bytes)], "segments", count);
        assert_eq!(got.iter().map(|m| m.offset()).collect::<Vec<_>>(), offsets, "{bytes} bytes a fetch");
    }
    let got = read_all(&mut wire, topic);
    assert_eq!(got.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), offsets);
}
