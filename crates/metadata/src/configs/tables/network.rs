//! Listeners, connections, requests, metrics and client quotas.

use stdx::properties::Importance::{High, Low, Medium};
use stdx::properties::{Property, any_list, at_least, non_empty_list};

/// Listeners, connections, requests, metrics and client quotas.
#[rustfmt::skip]
pub(super) static NETWORK: &[Property] = &[
    Property::list("listeners", High).default("PLAINTEXT://:9092").valid(non_empty_list(&[])).per_process()
        .doc("Addresses to listen on, as `NAME://host:port`. An empty host means every interface; the name is looked up in `listener.security.protocol.map`."),
    Property::list("advertised.listeners", High).null().valid(non_empty_list(&[]).or_null())
        .doc("Addresses that clients and other brokers are told to connect to. Unset: millstream tells each client the address it came in by."),
    Property::string("listener.security.protocol.map", Low).default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT").per_process()
        .doc("Which security protocol each listener name speaks, as `NAME:PROTOCOL` pairs."),
    Property::string("inter.broker.listener.name", Medium).null()
        .doc("Listener that brokers use among themselves. Unset: the one named like `security.inter.broker.protocol`."),
    Property::list("early.start.listeners", High).null().valid(any_list().or_null())
        .doc("Listeners that may accept connections before the authorizer has finished starting."),
    Property::int("num.network.threads", High).default("3").valid(at_least(1)).cluster_wide()
        .doc("Threads that read requests and write answers in Apache Kafka. millstream sizes its own pool and keeps the value for tools that read it."),
    Property::int("num.io.threads", High).default("8").valid(at_least(1)).cluster_wide()
        .doc("Threads that process requests in Apache Kafka. millstream sizes its own pool and keeps the value for tools that read it."),
    Property::int("background.threads", High).default("10").valid(at_least(1)).cluster_wide()
        .doc("Threads for background chores in Apache Kafka. millstream sizes its own pool and keeps the value for tools that read it."),
    Property::int("queued.max.requests", High).default("500").valid(at_least(1))
        .doc("How many requests may wait to be processed before the node stops reading more."),
    Property::long("queued.max.request.bytes", Medium).default("-1")
        .doc("How many bytes of requests may wait to be processed before the node stops reading more. -1 leaves the bound to `millstream.request.memory.bytes`."),
    Property::int("request.timeout.ms", High).default("30000")
        .doc("How long a request that this node sends to another may wait for its answer."),
    Property::int("socket.send.buffer.bytes", High).default("102400")
        .doc("Size of the send buffer of each accepted socket. -1 keeps the operating system's."),
    Property::int("socket.receive.buffer.bytes", High).default("102400")
        .doc("Size of the receive buffer of each accepted socket. -1 keeps the operating system's."),
    Property::int("socket.request.max.bytes", High).default("104857600").valid(at_least(1))
        .doc("Largest request that is read. A connection that announces more is closed."),
    Property::int("socket.listen.backlog.size", Medium).default("50").valid(at_least(1))
        .doc("How many connections may wait to be accepted on a listener."),
    Property::long("socket.connection.setup.timeout.ms", Medium).default("10000")
        .doc("How long a new outgoing connection may take to be established."),
    Property::long("socket.connection.setup.timeout.max.ms", Medium).default("30000")
        .doc("Upper bound to which the set-up timeout grows after repeated failures."),
    Property::long("connections.max.idle.ms", Medium).default("600000")
        .doc("A connection without traffic for this long is closed. Negative: never."),
    Property::int("connection.failed.authentication.delay.ms", Low).default("100").valid(at_least(0))
        .doc("How long the answer to a failed authentication is held back, which slows down guessing."),
    Property::int("max.connections", Medium).default("2147483647").valid(at_least(0)).cluster_wide()
        .doc("How many connections the node accepts in total. `listener.name.<name>.` in front sets it for one listener."),
    Property::int("max.connections.per.ip", Medium).default("2147483647").valid(at_least(0)).cluster_wide()
        .doc("How many connections one address may hold. 0 allows only what `max.connections.per.ip.overrides` names."),
    Property::string("max.connections.per.ip.overrides", Medium).default("").cluster_wide()
        .doc("Limits for single hosts or addresses, as `host:count` pairs."),
    Property::int("max.connection.creation.rate", Medium).default("2147483647").valid(at_least(0)).cluster_wide()
        .doc("How many new connections a second are accepted. `listener.name.<name>.` in front sets it for one listener."),
    Property::int("max.request.partition.size.limit", Medium).default("2000").valid(at_least(1))
        .doc("How many partitions one DescribeTopicPartitions answer may hold."),
    Property::int("fetch.max.bytes", Medium).default("57671680").valid(at_least(1024))
        .doc("Largest answer to one fetch. A first batch that is larger is still sent whole."),
    Property::int("max.incremental.fetch.session.cache.slots", Medium).default("1000").valid(at_least(0))
        .doc("How many incremental fetch sessions are remembered."),
    Property::int("fetch.purgatory.purge.interval.requests", Medium).default("1000")
        .doc("After how many waiting fetches Apache Kafka clears the finished ones from its list. millstream clears at once."),
    Property::int("producer.purgatory.purge.interval.requests", Medium).default("1000")
        .doc("After how many waiting produces Apache Kafka clears the finished ones from its list. millstream clears at once."),
    Property::int("delete.records.purgatory.purge.interval.requests", Medium).default("1")
        .doc("After how many waiting record deletions Apache Kafka clears the finished ones from its list. millstream clears at once."),
    Property::int("share.fetch.purgatory.purge.interval.requests", Medium).default("1000")
        .doc("After how many waiting share fetches Apache Kafka clears the finished ones from its list. millstream clears at once."),
    Property::list("metric.reporters", Low).default("org.apache.kafka.common.metrics.JmxReporter").valid(any_list()).cluster_wide()
        .doc("Classes of plug-ins that receive every metric."),
    Property::int("metrics.num.samples", Low).default("2").valid(at_least(1))
        .doc("Over how many samples a measured rate is computed."),
    Property::long("metrics.sample.window.ms", Low).default("30000").valid(at_least(1))
        .doc("Length of one sample of a measured rate."),
    Property::string("metrics.recording.level", Low).default("INFO")
        .doc("Which metrics are recorded: `INFO`, `DEBUG` or `TRACE`."),
    Property::list("kafka.metrics.reporters", Low).default("").valid(any_list())
        .doc("Classes of plug-ins for the older metrics registry."),
    Property::int("kafka.metrics.polling.interval.secs", Low).default("10").valid(at_least(1))
        .doc("How often the reporters of the older metrics registry run."),
    Property::int("telemetry.max.bytes", Low).default("1048576").valid(at_least(1))
        .doc("Largest packet of metrics that a client may push."),
    Property::class("client.quota.callback.class", Low).null()
        .doc("Class of a plug-in that decides the quota of a client."),
    Property::int("quota.window.num", Low).default("11").valid(at_least(1))
        .doc("How many sample windows a client's quota looks back over."),
    Property::int("quota.window.size.seconds", Low).default("1").valid(at_least(1))
        .doc("Length of one sample window of a client's quota."),
];
