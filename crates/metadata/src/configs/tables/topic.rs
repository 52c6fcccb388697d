//! Topics.

use crate::configs::validators::{GZIP_LEVEL, THROTTLED_REPLICAS};
use stdx::properties::Importance::Medium;
use stdx::properties::{Property, at_least, between, list_of, one_of};

/// Topics.
#[rustfmt::skip]
pub(super) static TOPIC: &[Property] = &[
    Property::list("cleanup.policy", Medium).default("delete").valid(list_of(&["compact", "delete"]))
        .doc("What happens to old segments: `delete` drops them, `compact` keeps the last record of each key, both do both, empty does neither."),
    Property::string("compression.type", Medium).default("producer").valid(one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]))
        .doc("Codec in which batches are stored: `gzip`, `snappy`, `lz4`, `zstd`, `uncompressed`, or `producer` to keep them as they came."),
    Property::int("compression.gzip.level", Medium).default("-1").valid(GZIP_LEVEL)
        .doc("Level used when the broker itself compresses with gzip. -1 is the library's default."),
    Property::int("compression.lz4.level", Medium).default("9").valid(between(1, 17))
        .doc("Level used when the broker itself compresses with lz4."),
    Property::int("compression.zstd.level", Medium).default("3").valid(between(-131_072, 22))
        .doc("Level used when the broker itself compresses with zstd."),
    Property::long("delete.retention.ms", Medium).default("86400000").valid(at_least(0))
        .doc("How long the tombstones of a compacted topic are kept, so that slow readers see them."),
    Property::boolean("errors.deadletterqueue.group.enable", Medium).default("false")
        .doc("Whether share groups may use the topic as their dead-letter queue."),
    Property::long("file.delete.delay.ms", Medium).default("60000").valid(at_least(0))
        .doc("How long the files of a deleted segment stay, renamed, before they are removed."),
    Property::long("flush.messages", Medium).default("9223372036854775807").valid(at_least(1))
        .doc("A partition is flushed to disk after this many records."),
    Property::long("flush.ms", Medium).default("9223372036854775807").valid(at_least(0))
        .doc("A partition with unflushed records is flushed after this time."),
    Property::list("leader.replication.throttled.replicas", Medium).default("").valid(THROTTLED_REPLICAS)
        .doc("Replicas whose copying is throttled on the leader, as `partition:broker` pairs; `*` means all."),
    Property::list("follower.replication.throttled.replicas", Medium).default("").valid(THROTTLED_REPLICAS)
        .doc("Replicas whose copying is throttled on the follower, as `partition:broker` pairs; `*` means all."),
    Property::int("index.interval.bytes", Medium).default("4096").valid(at_least(0))
        .doc("An index entry is written after about this many bytes of records."),
    Property::int("internal.segment.bytes", Medium).null().internal()
        .doc("Segment size without the usual lower bound. For tests."),
    Property::long("local.retention.bytes", Medium).default("-2").valid(at_least(-2))
        .doc("How much of a partition stays on local disk once it is in remote storage. -2: as much as `retention.bytes` says."),
    Property::long("local.retention.ms", Medium).default("-2").valid(at_least(-2))
        .doc("How long records stay on local disk once they are in remote storage. -2: as long as `retention.ms` says."),
    Property::long("max.compaction.lag.ms", Medium).default("9223372036854775807").valid(at_least(1))
        .doc("A record is compacted at the latest when it is this old."),
    Property::long("min.compaction.lag.ms", Medium).default("0").valid(at_least(0))
        .doc("A record is left alone by compaction until it is this old."),
    Property::double("min.cleanable.dirty.ratio", Medium).default("0.5").valid(between(0, 1))
        .doc("A log is cleaned when at least this fraction of it has not been cleaned yet."),
    Property::int("max.message.bytes", Medium).default("1048588").valid(at_least(0))
        .doc("Largest record batch that is accepted, as it is on the wire, compressed or not."),
    Property::int("max.decompressed.message.bytes", Medium).default("2147483639").valid(between(1, 2_147_483_639))
        .doc("Largest size of a single record after decompression."),
    Property::string("message.timestamp.type", Medium).default("CreateTime").valid(one_of(&["CreateTime", "LogAppendTime"]))
        .doc("Which time a record carries: `CreateTime` from its producer or `LogAppendTime` from the broker."),
    Property::long("message.timestamp.before.max.ms", Medium).default("9223372036854775807").valid(at_least(0))
        .doc("How far in the past a record's create time may lie before it is refused."),
    Property::long("message.timestamp.after.max.ms", Medium).default("3600000").valid(at_least(0))
        .doc("How far in the future a record's create time may lie before it is refused."),
    Property::int("min.insync.replicas", Medium).default("1").valid(at_least(1))
        .doc("A write with acks=all is refused while fewer replicas than this are in sync."),
    Property::boolean("preallocate", Medium).default("false")
        .doc("Whether a new segment file gets its full size on disk at once."),
    Property::boolean("remote.storage.enable", Medium).default("false")
        .doc("Whether closed segments are copied to remote storage."),
    Property::long("remote.copy.lag.ms", Medium).default("0").valid(at_least(-1))
        .doc("A closed segment may be copied to remote storage once its last record is this old. 0: at once; -1: as old as local retention allows."),
    Property::long("remote.copy.lag.bytes", Medium).default("-1").valid(at_least(-1))
        .doc("A closed segment may be copied to remote storage once this many bytes follow it. 0: at once; -1: as many as local retention allows."),
    Property::boolean("remote.log.copy.disable", Medium).default("false")
        .doc("Whether copying to remote storage is off, while what is there stays readable."),
    Property::boolean("remote.log.delete.on.disable", Medium).default("false")
        .doc("Whether turning remote storage off deletes what is there."),
    Property::long("retention.bytes", Medium).default("-1")
        .doc("A partition that grows beyond this size loses its oldest segments. -1: no bound."),
    Property::long("retention.ms", Medium).default("604800000").valid(at_least(-1))
        .doc("How long records are kept before their segment may be deleted. -1: for ever."),
    Property::int("segment.bytes", Medium).default("1073741824").valid(at_least(1_048_576))
        .doc("Size at which a partition starts a new segment file."),
    Property::int("segment.index.bytes", Medium).default("10485760").valid(at_least(4))
        .doc("Largest offset index file of a segment. A full index starts a new segment."),
    Property::long("segment.jitter.ms", Medium).default("0").valid(at_least(0))
        .doc("Up to this much is taken off the roll time at random, so that segments do not all roll at once."),
    Property::long("segment.ms", Medium).default("604800000").valid(at_least(1))
        .doc("Age at which a partition starts a new segment file."),
    Property::boolean("unclean.leader.election.enable", Medium).default("false")
        .doc("Whether a replica that is not in sync may become leader when no other is left, which loses records."),
];
