//! The answers of an Apache Kafka 4.3.1 broker against ours, for the same file and the same dynamic properties.
//!
//! `describe.tsv` holds what its Admin client was told: name, value, source, type, access, sensitivity, whether there
//! was documentation, and the synonyms as `source:name=value`. Properties that came with 4.4 are not in it.

use super::*;
use stdx::properties::Properties;

/// The file of the broker that was asked.
const FILE: &str = "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:19493
listeners=PLAINTEXT://127.0.0.1:19492,CONTROLLER://127.0.0.1:19493
advertised.listeners=PLAINTEXT://127.0.0.1:19492,CONTROLLER://127.0.0.1:19493
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,\
SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/data
num.partitions=1
num.recovery.threads.per.data.dir=2
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
log.retention.ms=1000000
log.cleaner.threads=2
custom.thing=abc
ssl.key.password=sekret
";

fn set(entries: &[(&str, &str)]) -> Properties {
    entries.iter().copied().collect()
}

fn section(name: &str) -> Vec<&'static str> {
    let lines = include_str!("describe.tsv").lines();
    let mut section: Vec<_> = lines.skip_while(|line| *line != format!("## {name}")).skip(1).collect();
    section.truncate(section.iter().position(|line| line.starts_with("## ")).unwrap_or(section.len()));
    assert!(!section.is_empty(), "{name}");
    section
}

fn source(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::Topic => "TOPIC_CONFIG",
        ConfigSource::Broker => "DYNAMIC_BROKER_CONFIG",
        ConfigSource::BrokerDefault => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        ConfigSource::Static => "STATIC_BROKER_CONFIG",
        ConfigSource::Default => "DEFAULT_CONFIG",
        ConfigSource::BrokerLogger => "DYNAMIC_BROKER_LOGGER_CONFIG",
        ConfigSource::ClientMetrics => "CLIENT_METRICS_CONFIG",
        ConfigSource::Group => "GROUP_CONFIG",
    }
}

fn print(e: &ConfigEntry) -> String {
    const TYPES: [&str; 10] =
        ["UNKNOWN", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"];
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonym = |s: &ConfigSynonym| format!("{}:{}={}", source(s.source), s.name, text(&s.value));
    [
        e.name.clone(),
        text(&e.value),
        source(e.source).to_owned(),
        TYPES[usize::try_from(e.config_type).expect("not negative")].to_owned(),
        if e.read_only { "ro" } else { "rw" }.to_owned(),
        if e.is_sensitive { "sensitive" } else { "plain" }.to_owned(),
        if e.documentation.is_some() { "doc" } else { "nodoc" }.to_owned(),
        e.synonyms.iter().map(synonym).collect::<Vec<_>>().join(" "),
    ]
    .join("\t")
}

#[track_caller]
fn check(name: &str, entries: &[ConfigEntry]) {
    assert!(entries.is_sorted_by_key(|e| &e.name));
    for line in section(name) {
        let property = line.split('\t').next().expect("a name");
        let entry = entries.iter().find(|e| e.name == property);
        assert_eq!(entry.map(print).as_deref(), Some(line));
    }
}

fn broker() -> BrokerConfigs {
    let cluster = [
        ("listener.name.plaintext.max.connections", "100"),
        ("log.retention.ms", "8000"),
        ("message.max.bytes", "2000000"),
        ("min.insync.replicas", "1"),
    ];
    let broker = [
        ("foo", "9"),
        ("leader.replication.throttled.rate", "1000"),
        ("listener.name.plaintext.ssl.keystore.password", "pw"),
        ("log.cleaner.max.compaction.lag.ms", "5"),
        ("log.cleaner.min.compaction.lag.ms", "100"),
        ("log.retention.ms", "7000"),
        ("num.io.threads", "9"),
    ];
    let file = Properties::parse_file(FILE).expect("well formed");
    BrokerConfigs::new(file).expect("valid").with_dynamic(&set(&cluster), &set(&broker))
}

#[test]
fn describes_a_broker() {
    check("broker", &describe_broker(&broker()));
    check("cluster", &describe_broker_default(&broker()));
}

#[test]
fn describes_a_topic() {
    let overrides =
        [("cleanup.policy", "delete,delete"), ("retention.ms", "5000"), ("segment.bytes", " 2000000 ")];
    check("topic", &describe_topic(&broker(), &set(&overrides)).expect("valid"));
}

#[test]
fn describes_a_group() {
    let overrides = [
        ("consumer.heartbeat.interval.ms", "6000"),
        ("consumer.session.timeout.ms", "50000"),
        ("streams.num.standby.replicas", "1"),
    ];
    check("group", &describe_group(&broker(), &set(&overrides)).expect("valid"));
}

#[test]
fn describes_a_client_metrics_subscription() {
    let overrides = [("interval.ms", "1000"), ("match", "client_id=a.*")];
    check("client-metrics", &describe_client_metrics(&set(&overrides)).expect("valid"));
}

#[test]
fn describes_a_created_topic() {
    let file = Properties::parse_file(FILE).expect("well formed");
    let cluster = set(&[("min.insync.replicas", "1")]);
    let broker = BrokerConfigs::new(file).expect("valid").with_dynamic(&cluster, &Properties::default());
    let entries = describe_created_topic(&broker, &set(&[("retention.bytes", "5")]));
    for line in section("created") {
        let property = line.split('\t').next().expect("a name");
        let entry = entries.iter().find(|e| e.name == property).expect("described");
        let got =
            format!("{property}\t{}\t{}", entry.value.as_deref().unwrap_or("null"), source(entry.source));
        assert_eq!(got, line);
    }
}
