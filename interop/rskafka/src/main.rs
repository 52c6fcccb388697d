//! rskafka as a user of a broker: topics, its producers and consumers of one partition. Usage: checks HOST:PORT [NAME]

mod consumer;
mod producer;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use interop::{Check, Suite, until};
use rskafka::BackoffConfig;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};

const WAIT_MS: i32 = 10_000;

fn main() {
    println!("client: rskafka 0.6.0");
    let mut suite = Suite::new("rskafka");
    topics::add(&mut suite);
    producer::add(&mut suite);
    consumer::add(&mut suite);
    for (scenarios, why) in [
        (["partitions are added", "broker configs are described"].as_slice(), "it has no such call"),
        (&["topic configs are changed", "topic configs are refused"], "it has no configs"),
        (&["record without key is refused by a compacted topic"], "it creates topics without configs"),
        (&["keys choose the same partition", "consume, pause, resume"], "its clients are of one partition"),
        (&["produce over a broken connection"], "it is not idempotent: see what it does not lose"),
    ] {
        scenarios.iter().for_each(|scenario| suite.none(*scenario, why));
    }
    for scenario in [
        "groups are listed, described, deleted",
        "group offsets are changed",
        "group goes on from manual commits",
        "group goes on from automatic commits",
        "group of two shares, one joins, one leaves",
        "group of two, one dies",
    ] {
        suite.none(scenario, "it has no groups");
    }
    suite.main()
}

async fn client(check: &Check) -> Client {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(10),
        max_backoff: Duration::from_millis(200),
        deadline: Some(Duration::from_secs(15)),
        ..BackoffConfig::default()
    };
    let builder = ClientBuilder::new(vec![check.bootstrap.clone()]).client_id("someone");
    builder.backoff_config(backoff).build().await.unwrap()
}

/// A new topic that the broker knows.
async fn topic(check: &Check, partitions: i32) -> String {
    let (client, name) = (client(check).await, check.name());
    client.controller_client().unwrap().create_topic(&name, partitions, 1, WAIT_MS).await.unwrap();
    // Apache Kafka answers a moment before its broker knows it.
    until("the topic is there", async || {
        partitions_of(&client, &name).await == (0..partitions).collect::<Vec<_>>()
    })
    .await;
    name
}

/// Empty when the topic is not there.
async fn partitions_of(client: &Client, topic: &str) -> Vec<i32> {
    let topics = client.list_topics().await.unwrap();
    topics
        .into_iter()
        .find(|found| found.name == topic)
        .map_or(vec![], |found| found.partitions.into_iter().collect())
}

async fn partition(check: &Check, topic: &str, partition: i32) -> Arc<PartitionClient> {
    let client = client(check).await;
    Arc::new(client.partition_client(topic, partition, UnknownTopicHandling::Error).await.unwrap())
}

fn code(error: &Error) -> ProtocolError {
    match error {
        Error::ServerError { protocol_error, .. } => *protocol_error,
        other => panic!("{other} is not of the broker"),
    }
}
