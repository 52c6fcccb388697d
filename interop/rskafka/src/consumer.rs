//! Reading a partition: offsets, timestamps, the stream.

use std::time::Duration;

use chrono::DateTime;
use futures::StreamExt;
use interop::{Check, Suite, refused};
use rskafka::client::consumer::{StartOffset, StreamConsumer, StreamConsumerBuilder};
use rskafka::client::error::ProtocolError;
use rskafka::client::partition::OffsetAt;
use tokio::time::timeout;

use crate::producer::produce_times;
use crate::{code, partition, topic};

const WAIT: Duration = Duration::from_secs(15);

pub fn add(suite: &mut Suite) {
    suite.add("consume by assignment, seek", by_assignment);
    suite.add("consume from a timestamp", from_a_timestamp);
    suite.add("consume an offset out of range", out_of_range);
    suite.add("consume what comes later", what_comes_later);
    suite.add("consume with small fetches", small_fetches);
    suite.add("fetch waits for its time", fetch_waits);
}

async fn stream(check: &Check, topic: &str, start: StartOffset) -> StreamConsumer {
    StreamConsumerBuilder::new(partition(check, topic, 0).await, start).with_max_wait_ms(200).build()
}

/// The values of the next records: so many.
async fn values(stream: &mut StreamConsumer, count: usize) -> Vec<String> {
    let mut values = vec![];
    while values.len() < count {
        let (record, high_watermark) = timeout(WAIT, stream.next()).await.expect("in time").unwrap().unwrap();
        assert!(record.offset < high_watermark);
        values.push(String::from_utf8(record.record.value.unwrap()).unwrap());
    }
    values
}

async fn by_assignment(check: Check) {
    let topic = topic(&check, 2).await;
    produce_times(&check, &topic, &[1000, 2000, 3000, 4000]).await;
    for (start, expected) in [
        (StartOffset::Earliest, &["0", "1", "2", "3"][..]),
        (StartOffset::At(2), &["2", "3"]),
        (StartOffset::At(1), &["1"]),
    ] {
        assert_eq!(values(&mut stream(&check, &topic, start).await, expected.len()).await, expected);
    }
}

async fn from_a_timestamp(check: Check) {
    let topic = topic(&check, 1).await;
    produce_times(&check, &topic, &[1000, 2000, 3000]).await;
    let at = OffsetAt::Timestamp(DateTime::from_timestamp_millis(1500).unwrap());
    let offset = partition(&check, &topic, 0).await.get_offset(at).await.unwrap();
    let mut stream = stream(&check, &topic, StartOffset::At(offset)).await;
    assert_eq!(values(&mut stream, 2).await, ["1", "2"]);
}

async fn out_of_range(check: Check) {
    let topic = topic(&check, 1).await;
    produce_times(&check, &topic, &[1000]).await;
    let mut stream = stream(&check, &topic, StartOffset::At(99)).await;
    let error = refused(timeout(WAIT, stream.next()).await.unwrap().unwrap());
    assert_eq!(code(&error), ProtocolError::OffsetOutOfRange);
}

async fn what_comes_later(check: Check) {
    let topic = topic(&check, 1).await;
    produce_times(&check, &topic, &[1000]).await;
    let mut stream = stream(&check, &topic, StartOffset::At(1)).await;
    assert!(timeout(Duration::from_secs(1), stream.next()).await.is_err(), "there is nothing yet");
    produce_times(&check, &topic, &[2000, 3000]).await;
    assert_eq!(values(&mut stream, 2).await, ["0", "1"]);
}

async fn small_fetches(check: Check) {
    let topic = topic(&check, 1).await;
    for i in 0..20 {
        produce_times(&check, &topic, &[i, i, i]).await;
    }
    let client = partition(&check, &topic, 0).await;
    let mut stream =
        StreamConsumerBuilder::new(client, StartOffset::Earliest).with_max_batch_size(100).build();
    assert_eq!(values(&mut stream, 60).await, ["0", "1", "2"].repeat(20));
}

async fn fetch_waits(check: Check) {
    let topic = topic(&check, 1).await;
    produce_times(&check, &topic, &[1000]).await;
    let partition = partition(&check, &topic, 0).await;
    let start = tokio::time::Instant::now();
    let (records, high_watermark) = partition.fetch_records(1, 1..1000, 700).await.unwrap();
    assert_eq!((records.len(), high_watermark), (0, 1));
    assert!(start.elapsed() > Duration::from_millis(600), "{:?}", start.elapsed());
}
