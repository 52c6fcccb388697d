//! Writing to a partition: codecs, keys, headers, sizes, batches.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use futures::future::join_all;
use interop::{
    CODECS, Check, Proxy, Suite, large_record_returns, large_value, record_returns, refused, sample,
};
use rskafka::BackoffConfig;
use rskafka::client::ClientBuilder;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, OffsetAt, UnknownTopicHandling};
use rskafka::client::producer::BatchProducerBuilder;
use rskafka::client::producer::aggregator::RecordAggregator;
use rskafka::record::{Record, RecordAndOffset};
use tokio::time::timeout;

use crate::{client, code, partition, topic};

pub fn add(suite: &mut Suite) {
    for codec in CODECS {
        suite.add(record_returns("all", codec), async move |check| {
            sample_returns(check, compression(codec)).await
        });
        for acks in ["0", "1"] {
            suite.none(record_returns(acks, codec), "it asks for all acknowledgements, always");
        }
        suite.add(large_record_returns(codec), async move |check| {
            large_returns(check, compression(codec)).await
        });
        suite.add(format!("batches return codec={codec}"), async move |check| {
            batches_return(check, compression(codec)).await;
        });
    }
    suite.add("record that is too large is refused", too_large_is_refused);
    suite.none("produce to an unknown topic is refused", "its question for a topic has the broker create it");
    suite.add("produce to an unknown partition is refused", unknown_partition_is_refused);
    suite.add("produce over a broken connection loses nothing", nothing_is_lost);
    suite.add("no broker", no_broker);
}

fn compression(codec: &str) -> Compression {
    match codec {
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        _ => Compression::NoCompression,
    }
}

fn value(value: &[u8]) -> Record {
    let timestamp = DateTime::from_timestamp_millis(1000).unwrap();
    Record { key: None, value: Some(value.to_vec()), headers: BTreeMap::new(), timestamp }
}

/// One record to partition 0 for each timestamp, whose values are numbers from 0.
pub async fn produce_times(check: &Check, topic: &str, timestamps_ms: &[i64]) {
    let records = timestamps_ms.iter().enumerate().map(|(i, ms)| Record {
        timestamp: DateTime::from_timestamp_millis(*ms).unwrap(),
        ..value(i.to_string().as_bytes())
    });
    let offsets =
        partition(check, topic, 0).await.produce(records.collect(), Compression::NoCompression).await;
    assert_eq!(offsets.unwrap().len(), timestamps_ms.len());
}

/// So many records of partition 0 from an offset on.
pub async fn read(check: &Check, topic: &str, offset: i64, count: usize) -> Vec<RecordAndOffset> {
    let partition = partition(check, topic, 0).await;
    let mut records: Vec<RecordAndOffset> = vec![];
    let all = async {
        while records.len() < count {
            let next = records.last().map_or(offset, |last| last.offset + 1);
            records.extend(partition.fetch_records(next, 1..2_000_000, 500).await.unwrap().0);
        }
    };
    let in_time = timeout(Duration::from_secs(20), all).await;
    assert!(in_time.is_ok(), "only {} of {count} records", records.len());
    records
}

async fn sample_returns(check: Check, compression: Compression) {
    let topic = topic(&check, 1).await;
    // Its headers are a map: the second value of a key is all that it can have.
    let samples = sample().into_iter().map(|sample| Record {
        key: sample.key,
        value: sample.value,
        headers: sample.headers.into_iter().collect(),
        timestamp: DateTime::from_timestamp_millis(sample.timestamp_ms).unwrap(),
    });
    let samples: Vec<Record> = samples.collect();
    let offsets = partition(&check, &topic, 0).await.produce(samples.clone(), compression).await;
    assert_eq!(offsets.unwrap(), [0, 1, 2, 3]);
    let records = read(&check, &topic, 0, 4).await;
    assert!(records.iter().map(|record| record.offset).eq(0..4));
    assert_eq!(records.into_iter().map(|record| record.record).collect::<Vec<_>>(), samples);
}

async fn large_returns(check: Check, compression: Compression) {
    let (topic, large) = (topic(&check, 1).await, large_value());
    let offsets = partition(&check, &topic, 0).await.produce(vec![value(&large)], compression).await;
    assert_eq!(offsets.unwrap(), [0]);
    assert!(read(&check, &topic, 0, 1).await[0].record.value == Some(large), "another value came back");
}

async fn batches_return(check: Check, compression: Compression) {
    let topic = topic(&check, 1).await;
    let producer = BatchProducerBuilder::new(partition(&check, &topic, 0).await)
        .with_linger(Duration::from_millis(5))
        .with_compression(compression)
        .build(RecordAggregator::new(4096));
    let values: Vec<String> = (0..1000).map(|i| format!("value {i}")).collect();
    let sent = values.iter().map(|each| producer.produce(value(each.as_bytes())));
    let mut offsets: Vec<i64> = join_all(sent).await.into_iter().map(Result::unwrap).collect();
    let records = read(&check, &topic, 0, 1000).await;
    for (value, offset) in values.iter().zip(&offsets) {
        assert_eq!(records[*offset as usize].record.value.as_deref(), Some(value.as_bytes()), "at {offset}");
    }
    offsets.sort();
    assert!(offsets.into_iter().eq(0..1000));
}

async fn too_large_is_refused(check: Check) {
    let topic = topic(&check, 1).await;
    let partition = partition(&check, &topic, 0).await;
    let larger = large_value().repeat(2);
    let error = refused(partition.produce(vec![value(&larger)], Compression::NoCompression).await);
    assert_eq!(code(&error), ProtocolError::MessageTooLarge);
    partition.produce(vec![value(b"small")], Compression::NoCompression).await.unwrap();
    assert_eq!(read(&check, &topic, 0, 1).await[0].record.value.as_deref(), Some(b"small".as_slice()));
}

async fn unknown_partition_is_refused(check: Check) {
    let (client, topic) = (client(&check).await, topic(&check, 1).await);
    let error = refused(client.partition_client(topic, 7, UnknownTopicHandling::Error).await);
    assert!(matches!(error, Error::InvalidResponse(_)), "{error:?}");
}

/// It sends again what it has no answer for: a record may be there twice, and next to the first.
async fn nothing_is_lost(check: Check) {
    let topic = topic(&check, 1).await;
    let proxy = Proxy::new(&check.bootstrap, 3).await;
    let partition = partition(&check.at(&proxy.address), &topic, 0).await;
    for i in 0..100 {
        partition.produce(vec![value(i.to_string().as_bytes())], Compression::Lz4).await.unwrap();
    }
    let (halves, answers) = proxy.cuts();
    assert!(halves > 2 && answers > 2, "only {halves} requests were cut, {answers} answers lost");
    let end = crate::partition(&check, &topic, 0).await.get_offset(OffsetAt::Latest).await.unwrap();
    assert_eq!(end as usize, 100 + answers);
    let mut values: Vec<_> =
        read(&check, &topic, 0, end as usize).await.into_iter().map(|r| r.record.value).collect();
    values.dedup();
    assert!(values.into_iter().map(Option::unwrap).eq((0..100).map(|i: usize| i.to_string().into_bytes())));
}

async fn no_broker(_: Check) {
    let backoff = BackoffConfig { deadline: Some(Duration::from_secs(1)), ..BackoffConfig::default() };
    let builder = ClientBuilder::new(vec!["127.0.0.1:1".to_owned()]).backoff_config(backoff);
    let error = match builder.build().await {
        Ok(_) => panic!("a client without a broker"),
        Err(error) => error,
    };
    assert!(matches!(error, Error::Connection(_)), "{error:?}");
}
