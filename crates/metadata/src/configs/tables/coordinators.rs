//! Groups of all kinds, committed offsets, transactions, share state.

use stdx::properties::Importance::{High, Low, Medium};
use stdx::properties::{Property, any_list, at_least, between, non_empty_list, one_of_ignoring_case};

/// Groups of all kinds, committed offsets, transactions, share state.
#[rustfmt::skip]
pub(super) static COORDINATORS: &[Property] = &[
    Property::int("offset.metadata.max.bytes", High).default("4096")
        .doc("Longest text that a consumer may store with a committed offset."),
    Property::int("offsets.commit.timeout.ms", High).default("5000").valid(at_least(1))
        .doc("How long a coordinator's write may wait for the replicas before it fails."),
    Property::int("offsets.load.buffer.size", High).default("5242880").valid(at_least(1))
        .doc("How much of the offsets topic is read at a time while a coordinator loads it."),
    Property::long("offsets.retention.check.interval.ms", High).default("600000").valid(at_least(1))
        .doc("How often expired offsets are looked for."),
    Property::int("offsets.retention.minutes", High).default("10080").valid(at_least(1))
        .doc("How long committed offsets are kept once their group is empty or no longer subscribes to the topic."),
    Property::int("offsets.topic.compression.codec", High).default("0")
        .doc("Codec of the records in the offsets topic: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."),
    Property::int("offsets.topic.num.partitions", High).default("50").valid(at_least(1))
        .doc("How many partitions the offsets topic is created with. Must not change afterwards."),
    Property::short("offsets.topic.replication.factor", High).default("3").valid(at_least(1))
        .doc("How many replicas the offsets topic is created with. It is not created while the cluster has fewer brokers."),
    Property::int("offsets.topic.segment.bytes", High).default("104857600").valid(at_least(1))
        .doc("Segment size of the offsets topic. Small segments are compacted and loaded sooner."),
    Property::int("group.initial.rebalance.delay.ms", Medium).default("3000")
        .doc("How long the first rebalance of an empty group waits for more members to come."),
    Property::int("group.max.session.timeout.ms", Medium).default("1800000")
        .doc("Longest session timeout that a member of a classic group may ask for."),
    Property::int("group.min.session.timeout.ms", Medium).default("6000")
        .doc("Shortest session timeout that a member of a classic group may ask for."),
    Property::int("group.max.size", Medium).default("2147483647").valid(at_least(1))
        .doc("How many members a classic group may have."),
    Property::list("group.coordinator.rebalance.protocols", Medium).default("classic,consumer,streams").valid(non_empty_list(&["consumer", "classic", "share", "streams"]))
        .doc("Which kinds of groups are served. Deprecated: feature levels decide this in the future."),
    Property::int("group.coordinator.threads", High).default("4").valid(at_least(1))
        .doc("Threads of the group coordinator in Apache Kafka. millstream sizes its own pool and keeps the value for tools that read it."),
    Property::int("group.coordinator.background.threads", High).default("2").valid(at_least(1))
        .doc("Threads for the slow work of the group coordinator, such as matching subscription patterns, in Apache Kafka."),
    Property::int("group.coordinator.append.linger.ms", Medium).default("-1").valid(at_least(-1))
        .doc("How long the group coordinator gathers writes into one append. 0 appends at once, -1 lets it adapt."),
    Property::int("group.coordinator.cached.buffer.max.bytes", Medium).default("1048588").valid(at_least(524_288)).cluster_wide()
        .doc("Largest write buffer that the group coordinator keeps for its next append."),
    Property::list("group.consumer.assignors", Medium).default("uniform,range").valid(non_empty_list(&[]))
        .doc("Server-side assignors of consumer groups. The first is used where a member names none."),
    Property::int("group.consumer.max.size", Medium).default("2147483647").valid(at_least(1))
        .doc("How many members a consumer group may have."),
    Property::string("group.consumer.migration.policy", Medium).default("bidirectional").valid(one_of_ignoring_case(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]))
        .doc("Whether a group with members may change between the classic and the consumer protocol: `DISABLED`, `UPGRADE`, `DOWNGRADE` or `BIDIRECTIONAL`."),
    Property::int("group.consumer.session.timeout.ms", Medium).default("45000").valid(at_least(1))
        .doc("A member of a consumer group that sends no heartbeat for this long is removed."),
    Property::int("group.consumer.min.session.timeout.ms", Medium).default("45000").valid(at_least(1))
        .doc("Smallest value that a group may choose for `consumer.session.timeout.ms`."),
    Property::int("group.consumer.max.session.timeout.ms", Medium).default("60000").valid(at_least(1))
        .doc("Largest value that a group may choose for `consumer.session.timeout.ms`."),
    Property::int("group.consumer.heartbeat.interval.ms", Medium).default("5000").valid(at_least(1))
        .doc("How often members of a consumer group are told to send a heartbeat."),
    Property::int("group.consumer.min.heartbeat.interval.ms", Medium).default("5000").valid(at_least(1))
        .doc("Smallest value that a group may choose for `consumer.heartbeat.interval.ms`."),
    Property::int("group.consumer.max.heartbeat.interval.ms", Medium).default("15000").valid(at_least(1))
        .doc("Largest value that a group may choose for `consumer.heartbeat.interval.ms`."),
    Property::int("group.consumer.assignment.interval.ms", Medium).default("1000").valid(at_least(0)).cluster_wide()
        .doc("Shortest time between two new assignments of a consumer group."),
    Property::int("group.consumer.min.assignment.interval.ms", Medium).default("0").valid(at_least(0))
        .doc("Smallest value that a group may choose for `consumer.assignment.interval.ms`."),
    Property::int("group.consumer.max.assignment.interval.ms", Medium).default("15000").valid(at_least(0))
        .doc("Largest value that a group may choose for `consumer.assignment.interval.ms`."),
    Property::boolean("group.consumer.assignor.offload.enable", Medium).default("true").cluster_wide().internal()
        .doc("Whether the assignment of a consumer group is computed beside the coordinator's main thread."),
    Property::int("group.consumer.regex.refresh.interval.ms", Medium).default("600000").valid(at_least(10_000)).internal()
        .doc("How often subscription patterns of consumer groups are matched against the topics again."),
    Property::list("group.share.assignors", Medium).default("simple").valid(non_empty_list(&[]))
        .doc("The assignor of share groups."),
    Property::int("group.share.max.size", Medium).default("200").valid(between(1, 1000))
        .doc("How many members a share group may have."),
    Property::int("group.share.max.share.sessions", Medium).default("2000").valid(at_least(1))
        .doc("How many share sessions a broker keeps."),
    Property::int("group.share.session.timeout.ms", Medium).default("45000").valid(at_least(1))
        .doc("A member of a share group that sends no heartbeat for this long is removed."),
    Property::int("group.share.min.session.timeout.ms", Medium).default("45000").valid(at_least(1))
        .doc("Smallest value that a group may choose for `share.session.timeout.ms`."),
    Property::int("group.share.max.session.timeout.ms", Medium).default("60000").valid(at_least(1))
        .doc("Largest value that a group may choose for `share.session.timeout.ms`."),
    Property::int("group.share.heartbeat.interval.ms", Medium).default("5000").valid(at_least(1))
        .doc("How often members of a share group are told to send a heartbeat."),
    Property::int("group.share.min.heartbeat.interval.ms", Medium).default("5000").valid(at_least(1))
        .doc("Smallest value that a group may choose for `share.heartbeat.interval.ms`."),
    Property::int("group.share.max.heartbeat.interval.ms", Medium).default("15000").valid(at_least(1))
        .doc("Largest value that a group may choose for `share.heartbeat.interval.ms`."),
    Property::int("group.share.assignment.interval.ms", Medium).default("1000").valid(at_least(0)).cluster_wide()
        .doc("Shortest time between two new assignments of a share group."),
    Property::int("group.share.min.assignment.interval.ms", Medium).default("0").valid(at_least(0))
        .doc("Smallest value that a group may choose for `share.assignment.interval.ms`."),
    Property::int("group.share.max.assignment.interval.ms", Medium).default("15000").valid(at_least(0))
        .doc("Largest value that a group may choose for `share.assignment.interval.ms`."),
    Property::boolean("group.share.assignor.offload.enable", Medium).default("true").cluster_wide().internal()
        .doc("Whether the assignment of a share group is computed beside the coordinator's main thread."),
    Property::int("group.share.delivery.count.limit", Medium).default("5").valid(between(2, 10))
        .doc("How many times a share group delivers a record before it gives it up."),
    Property::int("group.share.min.delivery.count.limit", Medium).default("2").valid(between(2, 5))
        .doc("Smallest value that a group may choose for `share.delivery.count.limit`."),
    Property::int("group.share.max.delivery.count.limit", Medium).default("10").valid(between(5, 25))
        .doc("Largest value that a group may choose for `share.delivery.count.limit`."),
    Property::int("group.share.record.lock.duration.ms", Medium).default("30000").valid(between(1000, 3_600_000))
        .doc("How long a record that a share consumer acquired stays reserved for it."),
    Property::int("group.share.min.record.lock.duration.ms", Medium).default("15000").valid(between(1000, 30_000))
        .doc("Smallest value that a group may choose for `share.record.lock.duration.ms`."),
    Property::int("group.share.max.record.lock.duration.ms", Medium).default("60000").valid(between(30_000, 3_600_000))
        .doc("Largest value that a group may choose for `share.record.lock.duration.ms`."),
    Property::int("group.share.partition.max.record.locks", Medium).default("2000").valid(between(100, 10_000))
        .doc("How many records of one partition may be acquired at the same time."),
    Property::int("group.share.min.partition.max.record.locks", Medium).default("100").valid(between(100, 2000))
        .doc("Smallest value that a group may choose for `share.partition.max.record.locks`."),
    Property::int("group.share.max.partition.max.record.locks", Medium).default("4000").valid(between(2000, 10_000))
        .doc("Largest value that a group may choose for `share.partition.max.record.locks`."),
    Property::int("group.share.initialize.retry.interval.ms", Low).default("30000").valid(at_least(1)).internal()
        .doc("How long after a failed initialisation of share state it is tried again."),
    Property::string("group.share.persister.class.name", Medium).default("org.apache.kafka.server.share.persister.DefaultStatePersister").internal()
        .doc("Class that stores the state of share groups. For tests."),
    Property::string("group.share.dlq.manager.class.name", Medium).default("org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager").internal()
        .doc("Class that writes dead letters of share groups. For tests."),
    Property::boolean("errors.deadletterqueue.auto.create.topics.enable", Medium).default("false").cluster_wide()
        .doc("Whether a missing dead-letter topic of a share group is created."),
    Property::string("errors.deadletterqueue.topic.name.prefix", Medium).default("dlq.").cluster_wide()
        .doc("Dead-letter topics must begin with this. Empty: any name will do."),
    Property::list("group.streams.assignors", Medium).default("sticky").valid(non_empty_list(&[]))
        .doc("Task assignors of streams groups. The first is used where the group names none."),
    Property::int("group.streams.max.size", Medium).default("2147483647").valid(at_least(1))
        .doc("How many members a streams group may have."),
    Property::int("group.streams.session.timeout.ms", Medium).default("45000").valid(at_least(1))
        .doc("A member of a streams group that sends no heartbeat for this long is removed."),
    Property::int("group.streams.min.session.timeout.ms", Medium).default("45000").valid(at_least(1))
        .doc("Smallest value that a group may choose for `streams.session.timeout.ms`."),
    Property::int("group.streams.max.session.timeout.ms", Medium).default("60000").valid(at_least(1))
        .doc("Largest value that a group may choose for `streams.session.timeout.ms`."),
    Property::int("group.streams.heartbeat.interval.ms", Medium).default("5000").valid(at_least(1))
        .doc("How often members of a streams group are told to send a heartbeat."),
    Property::int("group.streams.min.heartbeat.interval.ms", Medium).default("5000").valid(at_least(1))
        .doc("Smallest value that a group may choose for `streams.heartbeat.interval.ms`."),
    Property::int("group.streams.max.heartbeat.interval.ms", Medium).default("15000").valid(at_least(1))
        .doc("Largest value that a group may choose for `streams.heartbeat.interval.ms`."),
    Property::int("group.streams.assignment.interval.ms", Medium).default("1000").valid(at_least(0)).cluster_wide()
        .doc("Shortest time between two new assignments of a streams group."),
    Property::int("group.streams.min.assignment.interval.ms", Medium).default("0").valid(at_least(0))
        .doc("Smallest value that a group may choose for `streams.assignment.interval.ms`."),
    Property::int("group.streams.max.assignment.interval.ms", Medium).default("15000").valid(at_least(0))
        .doc("Largest value that a group may choose for `streams.assignment.interval.ms`."),
    Property::boolean("group.streams.assignor.offload.enable", Medium).default("true").cluster_wide().internal()
        .doc("Whether the assignment of a streams group is computed beside the coordinator's main thread."),
    Property::int("group.streams.initial.rebalance.delay.ms", Medium).default("3000").valid(at_least(0))
        .doc("How long the first assignment of a new streams group waits for more members to come."),
    Property::int("group.streams.num.standby.replicas", Medium).default("0").valid(at_least(0))
        .doc("How many standby copies of each task a streams group keeps."),
    Property::int("group.streams.max.standby.replicas", Medium).default("2").valid(at_least(0))
        .doc("Largest value that a group may choose for `streams.num.standby.replicas`."),
    Property::int("group.streams.num.warmup.replicas", Medium).default("2").valid(at_least(0)).internal()
        .doc("How many tasks at most warm up on a new member at the same time."),
    Property::int("group.streams.max.warmup.replicas", Medium).default("20").valid(at_least(0)).internal()
        .doc("Largest value that a group may choose for `streams.num.warmup.replicas`."),
    Property::int("group.streams.task.offset.interval.ms", Medium).default("60000").valid(at_least(1)).internal()
        .doc("How often members report the changelog offsets of tasks that warm up."),
    Property::int("group.streams.min.task.offset.interval.ms", Medium).default("15000").valid(at_least(1)).internal()
        .doc("Smallest value that a group may choose for `streams.task.offset.interval.ms`."),
    Property::long("group.streams.acceptable.recovery.lag", Medium).default("10000").valid(at_least(0)).internal()
        .doc("A task whose changelog is at most this many offsets behind counts as caught up."),
    Property::list("group.streams.rack.aware.assignment.tags", Low).default("").valid(any_list())
        .doc("Client tags over which standby tasks are spread."),
    Property::class("group.streams.topology.description.plugin.class", Medium).null()
        .doc("Class of a plug-in that stores the topology descriptions of streams groups."),
    Property::int("share.coordinator.state.topic.num.partitions", High).default("50").valid(at_least(1))
        .doc("How many partitions the share state topic is created with. Must not change afterwards."),
    Property::short("share.coordinator.state.topic.replication.factor", High).default("3").valid(at_least(1))
        .doc("How many replicas the share state topic is created with. It is not created while the cluster has fewer brokers."),
    Property::short("share.coordinator.state.topic.min.isr", High).default("2").valid(at_least(1))
        .doc("`min.insync.replicas` of the share state topic."),
    Property::int("share.coordinator.state.topic.segment.bytes", High).default("104857600").valid(at_least(1))
        .doc("Segment size of the share state topic."),
    Property::int("share.coordinator.state.topic.compression.codec", High).default("0")
        .doc("Codec of the records in the share state topic: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."),
    Property::int("share.coordinator.state.topic.prune.interval.ms", Low).default("300000").valid(at_least(1)).internal()
        .doc("How often records that are no longer needed are cut off the share state topic."),
    Property::int("share.coordinator.threads", Medium).default("1").valid(at_least(1))
        .doc("Threads of the share coordinator in Apache Kafka."),
    Property::int("share.coordinator.write.timeout.ms", High).default("5000").valid(at_least(1))
        .doc("How long a write of the share coordinator may wait for the replicas before it fails."),
    Property::int("share.coordinator.load.buffer.size", High).default("5242880").valid(at_least(1))
        .doc("How much of the share state topic is read at a time while a coordinator loads it."),
    Property::int("share.coordinator.append.linger.ms", Medium).default("-1").valid(at_least(-1))
        .doc("How long the share coordinator gathers writes into one append. 0 appends at once, -1 lets it adapt."),
    Property::int("share.coordinator.cached.buffer.max.bytes", Medium).default("1048588").valid(at_least(524_288)).cluster_wide()
        .doc("Largest write buffer that the share coordinator keeps for its next append."),
    Property::int("share.coordinator.snapshot.update.records.per.snapshot", Medium).default("500").valid(between(0, 500))
        .doc("How many updates of a share partition's state are written between two full snapshots."),
    Property::int("share.coordinator.cold.partition.snapshot.interval.ms", Low).default("300000").valid(at_least(1)).internal()
        .doc("How often a share partition without traffic gets a fresh snapshot."),
    Property::int("transaction.max.timeout.ms", High).default("900000").valid(at_least(1))
        .doc("Longest transaction timeout that a producer may ask for."),
    Property::int("transaction.state.log.num.partitions", High).default("50").valid(at_least(1))
        .doc("How many partitions the transaction topic is created with. Must not change afterwards."),
    Property::short("transaction.state.log.replication.factor", High).default("3").valid(at_least(1))
        .doc("How many replicas the transaction topic is created with. It is not created while the cluster has fewer brokers."),
    Property::int("transaction.state.log.min.isr", High).default("2").valid(at_least(1))
        .doc("`min.insync.replicas` of the transaction topic."),
    Property::int("transaction.state.log.segment.bytes", High).default("104857600").valid(at_least(1))
        .doc("Segment size of the transaction topic."),
    Property::int("transaction.state.log.load.buffer.size", High).default("5242880").valid(at_least(1))
        .doc("How much of the transaction topic is read at a time while a coordinator loads it."),
    Property::int("transactional.id.expiration.ms", High).default("604800000").valid(at_least(1))
        .doc("How long a transactional id without activity is remembered."),
    Property::int("transaction.abort.timed.out.transaction.cleanup.interval.ms", Low).default("10000").valid(at_least(1))
        .doc("How often transactions that ran out of time are looked for and aborted."),
    Property::int("transaction.remove.expired.transaction.cleanup.interval.ms", Low).default("3600000").valid(at_least(1))
        .doc("How often expired transactional ids are looked for and removed."),
    Property::boolean("transaction.partition.verification.enable", Low).default("true").cluster_wide()
        .doc("Whether a partition checks with the coordinator that a transactional write belongs to an open transaction."),
    Property::boolean("transaction.two.phase.commit.enable", Low).default("false")
        .doc("Whether producers may take part in a two-phase commit led by an outside coordinator."),
    Property::int("add.partitions.to.txn.retry.backoff.ms", High).default("20").valid(at_least(1))
        .doc("How long the broker waits before it asks again to add a partition to a transaction."),
    Property::int("add.partitions.to.txn.retry.backoff.max.ms", High).default("100").valid(at_least(0))
        .doc("How long the broker keeps asking to add a partition to a transaction."),
];
