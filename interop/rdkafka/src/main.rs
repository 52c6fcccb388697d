//! rdkafka as a user of a broker: admin, producer, consumer, groups. Usage: checks HOST:PORT [NAME]

mod admin;
mod consumer;
mod groups;
mod producer;

use std::time::Duration;

use interop::{Check, Suite, until};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, util};

const WAIT: Duration = Duration::from_secs(15);

fn main() {
    println!("client: rdkafka 0.39.0 (librdkafka {})", util::get_rdkafka_version().1);
    let mut suite = Suite::new("rdkafka");
    admin::add(&mut suite);
    producer::add(&mut suite);
    consumer::add(&mut suite);
    groups::add(&mut suite);
    suite.main()
}

type Options<'a> = &'a [(&'a str, &'a str)];

fn config(check: &Check, options: Options) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &check.bootstrap).set("broker.address.family", "v4");
    config.set_log_level(RDKafkaLogLevel::Emerg);
    for (key, value) in options {
        config.set(*key, *value);
    }
    config
}

fn admin(check: &Check) -> AdminClient<DefaultClientContext> {
    config(check, &[]).create().unwrap()
}

/// A new topic that the broker knows.
async fn topic(check: &Check, partitions: i32, configs: Options<'_>) -> String {
    let (admin, name) = (admin(check), check.name());
    let new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    let new = configs.iter().fold(new, |new, (key, value)| new.set(key, value));
    assert_eq!(admin.create_topics(&[new], &AdminOptions::new()).await.unwrap(), [Ok(name.clone())]);
    // Apache Kafka answers a moment before its broker knows it.
    until("the topic is there", async || partitions_of(&admin, &name) == Some(partitions as usize)).await;
    name
}

/// None when it is not there; nobody creates it by asking.
fn partitions_of(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Option<usize> {
    let metadata = admin.inner().fetch_metadata(None, WAIT).unwrap();
    metadata.topics().iter().find(|found| found.name() == topic).map(|found| found.partitions().len())
}

fn code(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or_else(|| panic!("{error:?} has no code"))
}
