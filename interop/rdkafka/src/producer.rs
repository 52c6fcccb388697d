//! Writing: acks, codecs, keys, headers, sizes, broken connections.

use std::collections::BTreeMap;
use std::time::Duration;

use interop::{
    CODECS, Check, Proxy, Sample, Suite, large_record_returns, large_value, record_returns, refused, sample,
};
use rdkafka::Offset;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage, Timestamp};
use rdkafka::producer::future_producer::Delivery;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;

use crate::consumer::{assigned, read};
use crate::{Options, WAIT, code, config, topic};

pub fn add(suite: &mut Suite) {
    for codec in CODECS {
        for acks in ["0", "1", "all"] {
            suite.add(record_returns(acks, codec), async move |check| {
                sample_returns(check, &[("acks", acks), ("compression.type", codec)]).await;
            });
        }
        suite.add(format!("record returns idempotently codec={codec}"), async move |check| {
            sample_returns(check, &[("enable.idempotence", "true"), ("compression.type", codec)]).await;
        });
        suite.add(large_record_returns(codec), async move |check| large_returns(check, codec).await);
    }
    suite.add("record that is too large is refused", too_large_is_refused);
    suite.add("record without key is refused by a compacted topic", keyless_is_refused);
    suite.none(
        "produce to an unknown topic is refused",
        "its producer always has the broker create the topic",
    );
    suite.add("topic is created by producing to it", produce_creates_the_topic);
    suite.add("produce to an unknown partition is refused", unknown_partition_is_refused);
    suite.add("produce to a name that is not allowed is refused", wrong_name_is_refused);
    suite.add("keys choose the same partition", keys_choose_the_same_partition);
    suite.add("thousands of records keep their order", thousands_keep_their_order);
    suite.add("time of the log's append", time_of_append);
    suite.add("produce over a broken connection", produce_over_a_broken_connection);
    suite.add("no broker", no_broker);
}

fn producer(check: &Check, options: Options) -> FutureProducer {
    config(check, &[("linger.ms", "2")].iter().chain(options).copied().collect::<Vec<_>>()).create().unwrap()
}

type Record<'a> = FutureRecord<'a, [u8], [u8]>;

/// Sends them all by a producer of its own, and returns what was delivered in their order, or the first error.
pub async fn produce(
    check: &Check,
    records: Vec<Record<'_>>,
    options: Options<'_>,
) -> KafkaResult<Vec<Delivery>> {
    let producer = producer(check, options);
    let mut sent = vec![];
    for record in records {
        sent.push(producer.send_result(record).map_err(|(error, _)| error)?);
    }
    let mut delivered = vec![];
    for delivery in sent {
        delivered.push(delivery.await.unwrap().map_err(|(error, _)| error)?);
    }
    Ok(delivered)
}

pub fn value<'a>(topic: &'a str, value: &'a [u8]) -> Record<'a> {
    FutureRecord::to(topic).partition(0).payload(value)
}

/// One record to partition 0 for each timestamp, whose values are numbers from 0.
pub async fn produce_times(check: &Check, topic: &str, timestamps_ms: &[i64]) {
    let values: Vec<String> = (0..timestamps_ms.len()).map(|i| i.to_string()).collect();
    let records =
        values.iter().zip(timestamps_ms).map(|(number, ms)| value(topic, number.as_bytes()).timestamp(*ms));
    produce(check, records.collect(), &[]).await.unwrap();
}

async fn sample_returns(check: Check, options: Options<'_>) {
    let (topic, samples) = (topic(&check, 1, &[]).await, sample());
    let records = samples.iter().map(|sample| {
        let mut record = Record::to(&topic).partition(0).timestamp(sample.timestamp_ms);
        record.key = sample.key.as_deref();
        record.payload = sample.value.as_deref();
        if !sample.headers.is_empty() {
            let header = |(key, value): &(String, Vec<u8>)| (key.clone(), value.clone());
            record.headers =
                Some(sample.headers.iter().map(header).fold(OwnedHeaders::new(), |all, (key, value)| {
                    all.insert(Header { key: &key, value: Some(&value) })
                }));
        }
        record
    });
    let delivered = produce(&check, records.collect(), options).await.unwrap();
    if !options.contains(&("acks", "0")) {
        assert_eq!(delivered.iter().map(|delivery| delivery.offset).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
    let records =
        read(&assigned(&check, &topic, Offset::Beginning, &[("check.crcs", "true")]), samples.len()).await;
    assert_eq!(records.iter().map(Message::offset).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(records.iter().map(as_sample).collect::<Vec<_>>(), samples);
}

fn as_sample(record: &OwnedMessage) -> Sample {
    let Timestamp::CreateTime(timestamp_ms) = record.timestamp() else { panic!("{:?}", record.timestamp()) };
    let header = |header: Header<&[u8]>| (header.key.to_owned(), header.value.unwrap().to_vec());
    Sample {
        key: record.key().map(<[u8]>::to_vec),
        value: record.payload().map(<[u8]>::to_vec),
        headers: record.headers().map_or(vec![], |headers| headers.iter().map(header).collect()),
        timestamp_ms,
    }
}

async fn large_returns(check: Check, codec: &str) {
    let (topic, large) = (topic(&check, 1, &[]).await, large_value());
    produce(
        &check,
        vec![value(&topic, &large)],
        &[("compression.type", codec), ("message.max.bytes", "1100000")],
    )
    .await
    .unwrap();
    let records = read(&assigned(&check, &topic, Offset::Beginning, &[]), 1).await;
    assert!(records[0].payload() == Some(large.as_slice()), "another value came back");
}

async fn too_large_is_refused(check: Check) {
    let (topic, large) = (topic(&check, 1, &[]).await, large_value());
    let options = [("message.max.bytes", "3000000")];
    let larger = large.repeat(2);
    for (value_, options) in [(&large, &[("message.max.bytes", "500000")]), (&larger, &options)] {
        let error = refused(produce(&check, vec![value(&topic, value_)], options).await);
        assert_eq!(code(&error), RDKafkaErrorCode::MessageSizeTooLarge);
    }
    produce(&check, vec![value(&topic, b"small")], &[]).await.unwrap();
    let records = read(&assigned(&check, &topic, Offset::Beginning, &[]), 1).await;
    assert_eq!(records[0].payload(), Some(b"small".as_slice()));
}

async fn keyless_is_refused(check: Check) {
    let topic = topic(&check, 1, &[("cleanup.policy", "compact")]).await;
    // Apache Kafka answers the creation of a topic a moment before its properties are in force.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let error = refused(produce(&check, vec![value(&topic, b"v")], &[]).await);
    assert_eq!(code(&error), RDKafkaErrorCode::InvalidRecord);
    produce(&check, vec![value(&topic, b"v").key(b"k")], &[]).await.unwrap();
}

async fn produce_creates_the_topic(check: Check) {
    let name = check.name();
    assert_eq!(produce(&check, vec![value(&name, b"v")], &[]).await.unwrap()[0].offset, 0);
}

async fn unknown_partition_is_refused(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    let error = refused(produce(&check, vec![value(&topic, b"v").partition(7)], &[]).await);
    assert_eq!(code(&error), RDKafkaErrorCode::UnknownPartition);
}

async fn wrong_name_is_refused(check: Check) {
    let name = format!("{}/x", check.name());
    let error = refused(produce(&check, vec![value(&name, b"v")], &[("message.timeout.ms", "3000")]).await);
    assert_eq!(code(&error), RDKafkaErrorCode::InvalidTopic);
}

async fn keys_choose_the_same_partition(check: Check) {
    let topic = topic(&check, 6, &[]).await;
    let keys: Vec<String> = (0..60).map(|i| format!("key-{}", i % 10)).collect();
    let records = keys.iter().map(|key| Record::to(&topic).key(key.as_bytes()).payload(b"v"));
    let delivered = produce(&check, records.collect(), &[]).await.unwrap();
    let mut partitions = BTreeMap::new();
    for (key, delivery) in keys.iter().zip(delivered) {
        assert_eq!(*partitions.entry(key).or_insert(delivery.partition), delivery.partition, "{key}");
    }
    assert_eq!(partitions.len(), 10);
}

async fn thousands_keep_their_order(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    let values: Vec<String> = (0..5000).map(|i| i.to_string()).collect();
    let records = values.iter().map(|number| value(&topic, number.as_bytes())).collect();
    let options =
        [("enable.idempotence", "true"), ("batch.num.messages", "100"), ("compression.type", "lz4")];
    let delivered = produce(&check, records, &options).await.unwrap();
    assert!(delivered.iter().map(|delivery| delivery.offset).eq(0..5000));
    let records = read(&assigned(&check, &topic, Offset::Beginning, &[]), 5000).await;
    assert!(records.iter().map(|record| record.payload().unwrap()).eq(values.iter().map(String::as_bytes)));
}

async fn time_of_append(check: Check) {
    let topic = topic(&check, 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    // Apache Kafka answers the creation of a topic a moment before its properties are in force.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let delivered = produce(&check, vec![value(&topic, b"v").timestamp(1000)], &[]).await.unwrap();
    let record = &read(&assigned(&check, &topic, Offset::Beginning, &[]), 1).await[0];
    let Timestamp::LogAppendTime(at) = record.timestamp() else { panic!("{:?}", record.timestamp()) };
    assert!(at > 1_700_000_000_000, "{at}");
    assert_eq!(delivered[0].timestamp, Timestamp::LogAppendTime(at));
}

async fn produce_over_a_broken_connection(check: Check) {
    let topic = topic(&check, 1, &[]).await;
    let proxy = Proxy::new(&check.bootstrap, 3).await;
    let behind = check.at(&proxy.address);
    let producer = producer(
        &behind,
        &[
            ("enable.idempotence", "true"),
            ("retry.backoff.ms", "20"),
            ("reconnect.backoff.ms", "10"),
            ("reconnect.backoff.max.ms", "50"),
            ("linger.ms", "0"),
        ],
    );
    let values: Vec<String> = (0..2000).map(|i| i.to_string()).collect();
    for wave in values.chunks(50) {
        let sent: Vec<_> = wave
            .iter()
            .map(|number| producer.send_result(value(&topic, number.as_bytes())).unwrap())
            .collect();
        for delivery in sent {
            delivery.await.unwrap().unwrap();
        }
    }
    producer.flush(WAIT).unwrap();
    let (halves, answers) = proxy.cuts();
    assert!(halves > 2 && answers > 2, "only {halves} requests were cut, {answers} answers lost");
    let consumer = assigned(&check, &topic, Offset::Beginning, &[]);
    let (_, end) = rdkafka::consumer::Consumer::fetch_watermarks(&consumer, &topic, 0, WAIT).unwrap();
    assert_eq!(end, 2000);
    let records = read(&consumer, 2000).await;
    assert!(records.iter().map(|record| record.payload().unwrap()).eq(values.iter().map(String::as_bytes)));
}

async fn no_broker(check: Check) {
    let nowhere = check.at("127.0.0.1:1");
    let producer = producer(&nowhere, &[("message.timeout.ms", "1500")]);
    let KafkaError::MetadataFetch(code_) =
        refused(producer.client().fetch_metadata(None, Duration::from_secs(1)))
    else {
        panic!("another error")
    };
    assert_eq!(code_, RDKafkaErrorCode::BrokerTransportFailure);
    let error = refused(producer.send(value("t", b"v"), WAIT).await).0;
    assert_eq!(code(&error), RDKafkaErrorCode::MessageTimedOut);
}
