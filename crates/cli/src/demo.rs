//! `millstream demo`: a node in a temporary folder on a free port, and a record that goes through it.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use broker::{Levels, Loggers, Running};
use bytes::Bytes;
use client::{Admin, Cluster, ClusterConfig, Consumer, ConsumerConfig, ConsumerRecord, NewTopic, StartAt};
use client::{Producer, ProducerConfig, ProducerRecord};
use metadata::configs::ServerConfig;
use stdx::properties::Properties;

const TOPIC: &str = "hello";
/// How long the record may take. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("cannot make a temporary folder: {0}")]
    Folder(std::io::Error),
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Config(#[from] metadata::configs::BadProperty),
    #[error(transparent)]
    Start(#[from] broker::StartError),
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("the node has no listener")]
    NoListener,
    #[error("the record did not come back within {} s", PATIENCE.as_secs())]
    NoRecord,
}

/// Exit code 0 once the record that was sent has been read.
pub(crate) fn run() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("millstream: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<(), DemoError> {
    let folder = tempfile::Builder::new().prefix("millstream-demo.").tempdir().map_err(DemoError::Folder)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(DemoError::Runtime)?;
    // Nothing is logged, and nobody is there to ask for it.
    let loggers = Loggers::new(Levels::new(), |_| {});
    runtime.block_on(async {
        let began = Instant::now();
        let running = broker::start(config(folder.path())?, loggers).await?;
        let outcome = send_and_read(&running, began).await;
        running.stop().await;
        outcome
    })?;
    say("The node is stopped and its folder removed. A node that stays: millstream server");
    Ok(())
}

fn config(folder: &Path) -> Result<ServerConfig, DemoError> {
    let mut properties = Properties::default();
    properties.set("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.set("admin.listener", "");
    properties.set("log.dirs", folder.to_string_lossy());
    Ok(ServerConfig::from_properties(properties)?)
}

async fn send_and_read(running: &Running, began: Instant) -> Result<(), DemoError> {
    let (_, address) = running.listeners().first().ok_or(DemoError::NoListener)?;
    say(&format!("A node serves Kafka's protocol on {address}, {} after its start.", ms(began)));
    let cluster = Cluster::new(ClusterConfig::new(&address.to_string()))?;
    let topic = NewTopic { name: TOPIC.to_owned(), ..NewTopic::default() };
    for (_, created) in Admin::new(cluster.clone()).create_topics(&[topic], false).await? {
        created?;
    }
    let sent = Instant::now();
    let producer = Producer::new(&cluster, ProducerConfig::default())?;
    let record = ProducerRecord {
        topic: TOPIC.to_owned(),
        partition: None,
        key: Some(Bytes::from_static(b"greeting")),
        value: Some(Bytes::from_static(b"Hello from millstream")),
        headers: vec![],
        timestamp: None,
    };
    let delivery = producer.send(record).await?;
    producer.flush().await;
    let at = delivery.await?.partition;
    say(&format!("A record is in {at}, on disk and acknowledged after {}.", ms(sent)));
    let read = Instant::now();
    let mut consumer = Consumer::new(&cluster, ConsumerConfig::default())?;
    consumer.assign([(at, StartAt::Earliest)])?;
    let record = first_record(&mut consumer).await?;
    let text = |bytes: Option<Bytes>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    say(&format!("A consumer read it after {}:", ms(read)));
    say(&format!("    offset {}, key '{}', value '{}'", record.offset, text(record.key), text(record.value)));
    Ok(consumer.close().await?)
}

async fn first_record(consumer: &mut Consumer) -> Result<ConsumerRecord, DemoError> {
    let by = Instant::now() + PATIENCE;
    loop {
        let left = by.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(DemoError::NoRecord);
        }
        if let Some(record) = consumer.poll(left).await?.into_iter().next() {
            return Ok(record);
        }
    }
}

fn ms(since: Instant) -> String {
    format!("{:.1} ms", since.elapsed().as_secs_f64() * 1000.0)
}

#[allow(clippy::print_stdout, reason = "what the demo shows is its result")]
fn say(line: &str) {
    println!("{line}");
}
