//! Copying partitions between brokers, and its throttles.

use stdx::properties::Importance::{High, Low, Medium};
use stdx::properties::{Property, at_least};

/// Copying partitions between brokers, and its throttles.
#[rustfmt::skip]
pub(super) static REPLICATION: &[Property] = &[
    Property::int("num.replica.fetchers", High).default("1").valid(at_least(1)).cluster_wide()
        .doc("How many fetchers a follower runs for each broker that it copies from."),
    Property::int("num.replica.alter.log.dirs.threads", High).null()
        .doc("How many threads move replicas between log directories. Unset: one for each directory."),
    Property::int("replica.fetch.max.bytes", Medium).default("1048576").valid(at_least(0))
        .doc("How much of one partition a follower asks for in one fetch. A first batch that is larger is still sent whole."),
    Property::int("replica.fetch.response.max.bytes", Medium).default("10485760").valid(at_least(0))
        .doc("How much a follower asks for in one fetch altogether. A first batch that is larger is still sent whole."),
    Property::int("replica.fetch.min.bytes", High).default("1")
        .doc("A follower's fetch waits for at least this many bytes."),
    Property::int("replica.fetch.wait.max.ms", High).default("500")
        .doc("Longest time that a follower's fetch waits for new records."),
    Property::int("replica.fetch.backoff.ms", Medium).default("1000").valid(at_least(0))
        .doc("How long a follower leaves a partition alone after an error."),
    Property::long("replica.lag.time.max.ms", High).default("30000")
        .doc("A follower that has not caught up with the leader for this long is no longer in sync."),
    Property::int("replica.socket.timeout.ms", High).default("30000")
        .doc("How long a follower waits for an answer of the leader."),
    Property::int("replica.socket.receive.buffer.bytes", High).default("65536")
        .doc("Size of the receive buffer of a follower's socket."),
    Property::long("replica.high.watermark.checkpoint.interval.ms", High).default("5000")
        .doc("How often the high watermarks are written down."),
    Property::string("replica.selector.class", Medium).null()
        .doc("Class of a plug-in that picks the replica a consumer should read from."),
    Property::boolean("follower.fetch.last.tiered.offset.enable", Medium).default("false").cluster_wide()
        .doc("Whether an empty follower starts after what is already in remote storage instead of copying it."),
    Property::int("replication.quota.window.num", Low).default("11").valid(at_least(1))
        .doc("How many sample windows a replication throttle looks back over."),
    Property::int("replication.quota.window.size.seconds", Low).default("1").valid(at_least(1))
        .doc("Length of one sample window of a replication throttle."),
    Property::int("alter.log.dirs.replication.quota.window.num", Low).default("11").valid(at_least(1))
        .doc("How many sample windows the throttle on moves between log directories looks back over."),
    Property::int("alter.log.dirs.replication.quota.window.size.seconds", Low).default("1").valid(at_least(1))
        .doc("Length of one sample window of the throttle on moves between log directories."),
];

/// Throttles that exist only while a broker runs.
#[rustfmt::skip]
pub(super) static DYNAMIC_ONLY: &[Property] = &[
    Property::long("leader.replication.throttled.rate", Medium).default("9223372036854775807").valid(at_least(0)).cluster_wide()
        .doc("Bytes a second that a leader sends at most for the replicas marked as throttled."),
    Property::long("follower.replication.throttled.rate", Medium).default("9223372036854775807").valid(at_least(0)).cluster_wide()
        .doc("Bytes a second that a follower copies at most for the replicas marked as throttled."),
    Property::long("replica.alter.log.dirs.io.max.bytes.per.second", Medium).default("9223372036854775807").valid(at_least(0)).cluster_wide()
        .doc("Bytes a second that moving replicas between log directories may use."),
];
