//! Tiered storage.

use stdx::properties::Importance::{Low, Medium};
use stdx::properties::{Property, Validator, at_least, between_f64};

/// Tiered storage.
#[rustfmt::skip]
pub(super) static REMOTE_LOG: &[Property] = &[
    Property::long("log.local.retention.ms", Medium).default("-2").valid(at_least(-2)).cluster_wide()
        .doc("How long records stay on local disk once they are in remote storage. -2: as long as `log.retention.ms` says."),
    Property::long("log.local.retention.bytes", Medium).default("-2").valid(at_least(-2)).cluster_wide()
        .doc("How much of a partition stays on local disk once it is in remote storage. -2: as much as `log.retention.bytes` says."),
    Property::long("log.remote.copy.lag.ms", Medium).default("0").valid(at_least(-1)).cluster_wide()
        .doc("A closed segment may be copied to remote storage once its last record is this old. 0: at once; -1: as old as local retention allows."),
    Property::long("log.remote.copy.lag.bytes", Medium).default("-1").valid(at_least(-1)).cluster_wide()
        .doc("A closed segment may be copied to remote storage once this many bytes follow it. 0: at once; -1: as many as local retention allows."),
    Property::boolean("remote.log.storage.system.enable", Medium).default("false")
        .doc("Whether tiered storage is available on this broker."),
    Property::string("remote.log.storage.manager.class.name", Medium).null().valid(Validator::NonEmpty)
        .doc("Class of the plug-in that stores segments remotely."),
    Property::string("remote.log.storage.manager.class.path", Medium).null()
        .doc("Where the remote storage plug-in and its libraries are found."),
    Property::string("remote.log.storage.manager.impl.prefix", Medium).default("rsm.config.").valid(Validator::NonEmpty)
        .doc("Properties with this prefix are handed to the remote storage plug-in."),
    Property::string("remote.log.metadata.manager.class.name", Medium).default("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager").valid(Validator::NonEmpty)
        .doc("Class of the plug-in that stores what is known about remote segments."),
    Property::string("remote.log.metadata.manager.class.path", Medium).null()
        .doc("Where the remote metadata plug-in and its libraries are found."),
    Property::string("remote.log.metadata.manager.impl.prefix", Medium).default("rlmm.config.").valid(Validator::NonEmpty)
        .doc("Properties with this prefix are handed to the remote metadata plug-in."),
    Property::string("remote.log.metadata.manager.listener.name", Medium).null().valid(Validator::NonEmpty)
        .doc("Listener through which the remote metadata plug-in reaches this broker."),
    Property::int("remote.log.metadata.custom.metadata.max.bytes", Low).default("128").valid(at_least(0))
        .doc("Largest note that the remote storage plug-in may attach to a segment."),
    Property::long("remote.log.index.file.cache.total.size.bytes", Low).default("1073741824").valid(at_least(1)).cluster_wide()
        .doc("Disk space for indexes fetched from remote storage."),
    Property::long("remote.log.index.file.cache.ttl.ms", Low).default("900000").valid(at_least(-1)).internal()
        .doc("An index fetched from remote storage is dropped when nobody read it for this long. -1: only for lack of space."),
    Property::int("remote.log.manager.thread.pool.size", Medium).default("2").valid(at_least(1))
        .doc("Old name of `remote.log.manager.follower.thread.pool.size`."),
    Property::int("remote.log.manager.follower.thread.pool.size", Medium).default("2").valid(at_least(1)).cluster_wide()
        .doc("How many threads keep followers informed of what is in remote storage."),
    Property::int("remote.log.manager.copier.thread.pool.size", Medium).default("10").valid(at_least(1)).cluster_wide()
        .doc("How many threads copy segments to remote storage."),
    Property::int("remote.log.manager.expiration.thread.pool.size", Medium).default("10").valid(at_least(1)).cluster_wide()
        .doc("How many threads delete expired segments from remote storage."),
    Property::long("remote.log.manager.task.interval.ms", Low).default("30000").valid(at_least(1))
        .doc("How often partitions are looked through for segments to copy or to delete remotely."),
    Property::long("remote.log.manager.task.retry.backoff.ms", Low).default("500").valid(at_least(1)).internal()
        .doc("First wait after a failed remote task."),
    Property::long("remote.log.manager.task.retry.backoff.max.ms", Low).default("30000").valid(at_least(1)).internal()
        .doc("Longest wait after repeatedly failed remote tasks."),
    Property::double("remote.log.manager.task.retry.jitter", Low).default("0.2").valid(between_f64(0, 0.5)).internal()
        .doc("Random part of the wait after a failed remote task, as a fraction."),
    Property::long("remote.log.manager.copy.max.bytes.per.second", Medium).default("9223372036854775807").valid(at_least(1)).cluster_wide()
        .doc("Bytes a second that copying to remote storage may use."),
    Property::int("remote.log.manager.copy.quota.window.num", Medium).default("11").valid(at_least(1))
        .doc("How many sample windows the limit on copying to remote storage looks back over."),
    Property::int("remote.log.manager.copy.quota.window.size.seconds", Medium).default("1").valid(at_least(1))
        .doc("Length of one sample window of the limit on copying to remote storage."),
    Property::long("remote.log.manager.fetch.max.bytes.per.second", Medium).default("9223372036854775807").valid(at_least(1)).cluster_wide()
        .doc("Bytes a second that reading from remote storage may use."),
    Property::int("remote.log.manager.fetch.quota.window.num", Medium).default("11").valid(at_least(1))
        .doc("How many sample windows the limit on reading from remote storage looks back over."),
    Property::int("remote.log.manager.fetch.quota.window.size.seconds", Medium).default("1").valid(at_least(1))
        .doc("Length of one sample window of the limit on reading from remote storage."),
    Property::int("remote.log.reader.threads", Medium).default("10").valid(at_least(1)).cluster_wide()
        .doc("How many threads read from remote storage."),
    Property::int("remote.log.reader.max.pending.tasks", Medium).default("100").valid(at_least(1))
        .doc("How many remote reads may wait. Beyond that a fetch is answered with an error."),
    Property::int("remote.fetch.max.wait.ms", Medium).default("500").valid(at_least(1)).cluster_wide()
        .doc("Longest time that a fetch waits for records from remote storage."),
    Property::long("remote.list.offsets.request.timeout.ms", Medium).default("30000").valid(at_least(1)).cluster_wide()
        .doc("Longest time that a lookup of offsets waits for remote storage."),
];
