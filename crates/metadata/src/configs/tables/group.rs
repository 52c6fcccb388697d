//! Groups.

use crate::configs::validators::SHARE_OFFSET_RESET;
use stdx::properties::Importance::{Low, Medium};
use stdx::properties::{Property, any_list, at_least, one_of};

/// Groups.
#[rustfmt::skip]
pub(super) static GROUP: &[Property] = &[
    Property::int("consumer.session.timeout.ms", Medium).default("45000").valid(at_least(1))
        .doc("A member of a consumer group that sends no heartbeat for this long is removed."),
    Property::int("consumer.heartbeat.interval.ms", Medium).default("5000").valid(at_least(1))
        .doc("How often members of a consumer group are told to send a heartbeat."),
    Property::int("consumer.assignment.interval.ms", Medium).default("1000").valid(at_least(0))
        .doc("Shortest time between two new assignments of a consumer group."),
    Property::boolean("consumer.assignor.offload.enable", Medium).default("true").internal()
        .doc("Whether the assignment of a consumer group is computed beside the coordinator's main thread."),
    Property::int("share.session.timeout.ms", Medium).default("45000").valid(at_least(1))
        .doc("A member of a share group that sends no heartbeat for this long is removed."),
    Property::int("share.heartbeat.interval.ms", Medium).default("5000").valid(at_least(1))
        .doc("How often members of a share group are told to send a heartbeat."),
    Property::int("share.assignment.interval.ms", Medium).default("1000").valid(at_least(0))
        .doc("Shortest time between two new assignments of a share group."),
    Property::boolean("share.assignor.offload.enable", Medium).default("true").internal()
        .doc("Whether the assignment of a share group is computed beside the coordinator's main thread."),
    Property::string("share.auto.offset.reset", Medium).default("latest").valid(SHARE_OFFSET_RESET)
        .doc("Where a share group starts in a partition: `earliest`, `latest`, or `by_duration:` and an ISO 8601 duration back from now."),
    Property::string("share.isolation.level", Medium).default("read_uncommitted").valid(one_of(&["read_committed", "read_uncommitted"]))
        .doc("Whether a share group delivers only committed transactional records (`read_committed`) or all (`read_uncommitted`)."),
    Property::int("share.delivery.count.limit", Medium).default("5").valid(at_least(2))
        .doc("How many times a share group delivers a record before it gives it up."),
    Property::int("share.partition.max.record.locks", Medium).default("2000").valid(at_least(100))
        .doc("How many records of one partition may be acquired at the same time."),
    Property::int("share.record.lock.duration.ms", Medium).default("30000").valid(at_least(1000))
        .doc("How long a record that a share consumer acquired stays reserved for it."),
    Property::boolean("share.renew.acknowledge.enable", Medium).default("true")
        .doc("Whether consumers of a share group may extend the time that a record is reserved for them."),
    Property::string("errors.deadletterqueue.topic.name", Medium).default("")
        .doc("Topic that takes the records a share group gave up. Empty: there is none."),
    Property::boolean("errors.deadletterqueue.copy.record.enable", Medium).default("false")
        .doc("Whether a dead letter carries the original record, or only headers that say where it was."),
    Property::int("streams.session.timeout.ms", Medium).default("45000").valid(at_least(1))
        .doc("A member of a streams group that sends no heartbeat for this long is removed."),
    Property::int("streams.heartbeat.interval.ms", Medium).default("5000").valid(at_least(1))
        .doc("How often members of a streams group are told to send a heartbeat."),
    Property::int("streams.assignment.interval.ms", Medium).default("1000").valid(at_least(0))
        .doc("Shortest time between two new assignments of a streams group."),
    Property::boolean("streams.assignor.offload.enable", Medium).default("true").internal()
        .doc("Whether the assignment of a streams group is computed beside the coordinator's main thread."),
    Property::string("streams.assignor.name", Medium).null()
        .doc("Task assignor of the streams group, one of `group.streams.assignors`. Unset: the first of them."),
    Property::int("streams.initial.rebalance.delay.ms", Medium).default("3000").valid(at_least(0))
        .doc("How long the first assignment of a new streams group waits for more members to come."),
    Property::int("streams.num.standby.replicas", Medium).default("0").valid(at_least(0))
        .doc("How many standby copies of each task a streams group keeps."),
    Property::int("streams.num.warmup.replicas", Medium).default("2").valid(at_least(0)).internal()
        .doc("How many tasks at most warm up on a new member at the same time."),
    Property::int("streams.task.offset.interval.ms", Medium).default("60000").valid(at_least(1)).internal()
        .doc("How often members report the changelog offsets of tasks that warm up."),
    Property::long("streams.acceptable.recovery.lag", Medium).default("10000").valid(at_least(0)).internal()
        .doc("A task whose changelog is at most this many offsets behind counts as caught up."),
    Property::list("streams.rack.aware.assignment.tags", Low).default("").valid(any_list())
        .doc("Client tags over which standby tasks are spread."),
];
