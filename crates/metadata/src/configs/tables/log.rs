//! Partitions on disk: directories, segments, retention, flushing, compaction.

use crate::configs::validators::GZIP_LEVEL;
use stdx::properties::Importance::{High, Low, Medium};
use stdx::properties::{Property, any_list, at_least, between, list_of, non_empty_list, one_of};

/// Partitions on disk: directories, segments, retention, flushing, compaction.
#[rustfmt::skip]
pub(super) static LOG: &[Property] = &[
    Property::list("log.dirs", High).null().valid(non_empty_list(&[]).or_null())
        .doc("Directories of the partitions' logs. Unset: `log.dir`."),
    Property::list("log.dir", High).default("/tmp/kafka-logs").valid(non_empty_list(&[]))
        .doc("Directories of the partitions' logs where `log.dirs` is not set."),
    Property::list("cordoned.log.dirs", Medium).default("").valid(any_list().or_null()).per_process()
        .doc("Log directories that get no new partitions; `*` means all of them."),
    Property::long("log.dir.failure.timeout.ms", Low).default("30000").valid(at_least(1))
        .doc("A broker that cannot tell the controller of a failed log directory for this long stops."),
    Property::int("num.recovery.threads.per.data.dir", High).default("2").valid(at_least(1)).cluster_wide()
        .doc("How many threads check the logs of one directory at start and flush them at stop."),
    Property::int("num.partitions", Medium).default("1").valid(at_least(1))
        .doc("How many partitions a topic gets when its creator leaves the number open."),
    Property::int("default.replication.factor", Medium).default("1")
        .doc("How many replicas a topic gets when its creator leaves the number open."),
    Property::boolean("auto.create.topics.enable", High).default("true")
        .doc("Whether asking for the metadata of an unknown topic may create it."),
    Property::int("log.segment.bytes", High).default("1073741824").valid(at_least(1_048_576)).cluster_wide()
        .doc("Size at which a partition starts a new segment file."),
    Property::long("log.roll.ms", High).null().cluster_wide()
        .doc("Age at which a partition starts a new segment file. Unset: `log.roll.hours`."),
    Property::int("log.roll.hours", High).default("168").valid(at_least(1))
        .doc("Age in hours at which a partition starts a new segment file, where `log.roll.ms` is not set."),
    Property::long("log.roll.jitter.ms", High).null().cluster_wide()
        .doc("Up to this much is taken off the roll time at random, so that segments do not all roll at once. Unset: `log.roll.jitter.hours`."),
    Property::int("log.roll.jitter.hours", High).default("0").valid(at_least(0))
        .doc("Random part of the roll time in hours, where `log.roll.jitter.ms` is not set."),
    Property::long("log.retention.ms", High).null().cluster_wide()
        .doc("How long records are kept before their segment may be deleted; -1 keeps them for ever. Unset: `log.retention.minutes`."),
    Property::int("log.retention.minutes", High).null()
        .doc("How many minutes records are kept, where `log.retention.ms` is not set. Unset: `log.retention.hours`."),
    Property::int("log.retention.hours", High).default("168")
        .doc("How many hours records are kept, where neither `log.retention.ms` nor `log.retention.minutes` is set."),
    Property::long("log.retention.bytes", High).default("-1").cluster_wide()
        .doc("A partition that grows beyond this size loses its oldest segments. -1: no bound."),
    Property::long("log.retention.check.interval.ms", Medium).default("300000").valid(at_least(1))
        .doc("How often logs are looked through for segments to delete."),
    Property::list("log.cleanup.policy", Medium).default("delete").valid(list_of(&["compact", "delete"])).cluster_wide()
        .doc("What happens to old segments: `delete` drops them, `compact` keeps the last record of each key, both do both, empty does neither."),
    Property::int("log.index.size.max.bytes", Medium).default("10485760").valid(at_least(4)).cluster_wide()
        .doc("Largest offset index file of a segment. A full index starts a new segment."),
    Property::int("log.index.interval.bytes", Medium).default("4096").valid(at_least(0)).cluster_wide()
        .doc("An index entry is written after about this many bytes of records."),
    Property::long("log.flush.interval.messages", High).default("9223372036854775807").valid(at_least(1)).cluster_wide()
        .doc("A partition is flushed to disk after this many records."),
    Property::long("log.flush.interval.ms", High).null().cluster_wide()
        .doc("A partition with unflushed records is flushed after this time. Unset: `log.flush.scheduler.interval.ms`."),
    Property::long("log.flush.scheduler.interval.ms", High).default("9223372036854775807")
        .doc("How often the logs are looked through for one that is due to be flushed."),
    Property::int("log.flush.offset.checkpoint.interval.ms", High).default("60000").valid(at_least(0))
        .doc("How often the recovery points are written down, from which the check after a crash starts."),
    Property::int("log.flush.start.offset.checkpoint.interval.ms", High).default("60000").valid(at_least(0))
        .doc("How often the log start offsets are written down."),
    Property::long("log.segment.delete.delay.ms", High).default("60000").valid(at_least(0)).cluster_wide()
        .doc("How long the files of a deleted segment stay, renamed, before they are removed."),
    Property::boolean("log.preallocate", Medium).default("false").cluster_wide()
        .doc("Whether a new segment file gets its full size on disk at once."),
    Property::long("log.initial.task.delay.ms", Low).default("30000").valid(at_least(0)).internal()
        .doc("How long after start the background chores of the logs begin. For tests."),
    Property::string("log.message.timestamp.type", Medium).default("CreateTime").valid(one_of(&["CreateTime", "LogAppendTime"])).cluster_wide()
        .doc("Which time a record carries: `CreateTime` from its producer or `LogAppendTime` from the broker."),
    Property::long("log.message.timestamp.before.max.ms", Medium).default("9223372036854775807").valid(at_least(0)).cluster_wide()
        .doc("How far in the past a record's create time may lie before it is refused."),
    Property::long("log.message.timestamp.after.max.ms", Medium).default("3600000").valid(at_least(0)).cluster_wide()
        .doc("How far in the future a record's create time may lie before it is refused."),
    Property::int("message.max.bytes", High).default("1048588").valid(at_least(0)).cluster_wide()
        .doc("Largest record batch that is accepted, as it is on the wire, compressed or not."),
    Property::int("max.decompressed.message.bytes", Medium).default("2147483639").valid(between(1, 2_147_483_639)).cluster_wide()
        .doc("Largest size of a single record after decompression."),
    Property::string("compression.type", High).default("producer").valid(one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])).cluster_wide()
        .doc("Codec in which batches are stored: `gzip`, `snappy`, `lz4`, `zstd`, `uncompressed`, or `producer` to keep them as they came."),
    Property::int("compression.gzip.level", Medium).default("-1").valid(GZIP_LEVEL).cluster_wide()
        .doc("Level used when the broker itself compresses with gzip. -1 is the library's default."),
    Property::int("compression.lz4.level", Medium).default("9").valid(between(1, 17)).cluster_wide()
        .doc("Level used when the broker itself compresses with lz4."),
    Property::int("compression.zstd.level", Medium).default("3").valid(between(-131_072, 22)).cluster_wide()
        .doc("Level used when the broker itself compresses with zstd."),
    Property::int("min.insync.replicas", High).default("1").valid(at_least(1)).cluster_wide()
        .doc("A write with acks=all is refused while fewer replicas than this are in sync."),
    Property::boolean("unclean.leader.election.enable", High).default("false").cluster_wide()
        .doc("Whether a replica that is not in sync may become leader when no other is left, which loses records."),
    Property::int("producer.id.expiration.ms", Low).default("86400000").valid(at_least(1)).cluster_wide()
        .doc("How long a partition remembers the last batches of a producer that went quiet."),
    Property::int("producer.id.expiration.check.interval.ms", Low).default("600000").valid(at_least(1)).internal()
        .doc("How often quiet producers are looked for. For tests."),
    Property::boolean("log.cleaner.enable", Medium).default("true")
        .doc("Whether the log cleaner runs. Compacted topics, among them the internal ones, grow without it."),
    Property::int("log.cleaner.threads", Medium).default("1").valid(at_least(0)).cluster_wide()
        .doc("How many logs are cleaned at the same time."),
    Property::long("log.cleaner.backoff.ms", Medium).default("15000").valid(at_least(0)).cluster_wide()
        .doc("How long the cleaner sleeps when no log needs it."),
    Property::long("log.cleaner.dedupe.buffer.size", Medium).default("134217728").cluster_wide()
        .doc("Memory for the offset maps of all cleaner threads together."),
    Property::int("log.cleaner.io.buffer.size", Medium).default("524288").valid(at_least(0)).cluster_wide()
        .doc("Memory for the input and output buffers of all cleaner threads together."),
    Property::double("log.cleaner.io.buffer.load.factor", Medium).default("0.9").cluster_wide()
        .doc("How full an offset map may get, as a fraction."),
    Property::double("log.cleaner.io.max.bytes.per.second", Medium).default("1.7976931348623157E308").cluster_wide()
        .doc("How many bytes a second cleaning may read and write together."),
    Property::double("log.cleaner.min.cleanable.ratio", Medium).default("0.5").valid(between(0, 1)).cluster_wide()
        .doc("A log is cleaned when at least this fraction of it has not been cleaned yet."),
    Property::long("log.cleaner.min.compaction.lag.ms", Medium).default("0").valid(at_least(0)).cluster_wide()
        .doc("A record is left alone by compaction until it is this old."),
    Property::long("log.cleaner.max.compaction.lag.ms", Medium).default("9223372036854775807").valid(at_least(1)).cluster_wide()
        .doc("A record is compacted at the latest when it is this old."),
    Property::long("log.cleaner.delete.retention.ms", Medium).default("86400000").valid(at_least(0)).cluster_wide()
        .doc("How long the tombstones of a compacted topic are kept, so that slow readers see them."),
];
