//! The node, its roles and the metadata quorum.

use crate::configs::validators::{BOOTSTRAP_SERVERS, QUORUM_VOTERS};
use stdx::properties::Importance::{High, Low, Medium};
use stdx::properties::{Property, any_list, at_least, non_empty_list};

/// The node, its roles and the metadata quorum.
#[rustfmt::skip]
pub(super) static KRAFT: &[Property] = &[
    Property::list("process.roles", High).valid(non_empty_list(&["broker", "controller"]))
        .doc("What this process does: `broker`, `controller`, or both."),
    Property::int("node.id", High).valid(at_least(0))
        .doc("The number that identifies this node in the cluster. It is written into the data directories and cannot change afterwards."),
    Property::int("broker.id", High).default("-1")
        .doc("The old name of `node.id`. If both are set they must be equal."),
    Property::string("broker.rack", Medium).null()
        .doc("Where the broker stands (rack, zone, data centre). Replica placement spreads partitions over different values."),
    Property::int("broker.heartbeat.interval.ms", Medium).default("2000")
        .doc("How often a broker tells the active controller that it is alive."),
    Property::int("broker.session.timeout.ms", Medium).default("9000")
        .doc("How long the controller waits for a heartbeat before it fences the broker."),
    Property::int("initial.broker.registration.timeout.ms", Medium).default("60000")
        .doc("How long a starting broker tries to register with the controllers before it gives up."),
    Property::list("controller.listener.names", High).valid(non_empty_list(&[]))
        .doc("Names of the listeners that serve the controller role. A broker reaches the controllers through the first of them."),
    Property::list("controller.quorum.voters", High).default("").valid(QUORUM_VOTERS)
        .doc("The fixed set of voting controllers, each as `id@host:port`. Leave it empty for a quorum whose members are kept in the metadata log."),
    Property::list("controller.quorum.bootstrap.servers", High).default("").valid(BOOTSTRAP_SERVERS)
        .doc("Addresses (`host:port`) at which a starting node looks for the controller quorum."),
    Property::boolean("controller.quorum.auto.join.enable", Low).default("false")
        .doc("Whether a controller that is not a voter adds itself to the quorum when it starts."),
    Property::int("controller.quorum.election.timeout.ms", High).default("1000").valid(at_least(0))
        .doc("How long a voter without contact to a leader waits before it stands for election."),
    Property::int("controller.quorum.election.backoff.max.ms", High).default("1000").valid(at_least(0))
        .doc("Upper bound of the random wait between two elections that nobody won."),
    Property::int("controller.quorum.fetch.timeout.ms", High).default("2000").valid(at_least(0))
        .doc("How long a follower may fail to fetch before it starts an election, and a leader may miss fetches of the majority before it resigns."),
    Property::int("controller.quorum.fetch.max.bytes", Low).default("1048576").valid(at_least(1))
        .doc("How much of the metadata log one fetch asks for. A first batch that is larger is still sent whole."),
    Property::int("controller.quorum.fetch.snapshot.max.bytes", Low).default("1048576").valid(at_least(1))
        .doc("How much of a metadata snapshot one request transfers."),
    Property::int("controller.quorum.request.timeout.ms", Medium).default("2000").valid(at_least(0))
        .doc("How long a request between quorum members may take before it counts as failed."),
    Property::int("controller.quorum.retry.backoff.ms", Low).default("20").valid(at_least(0))
        .doc("First wait before a failed quorum request is sent again."),
    Property::int("controller.quorum.append.linger.ms", Medium).default("25").valid(at_least(0))
        .doc("How long the leader of the quorum gathers writes before it flushes them to disk."),
    Property::int("controller.socket.timeout.ms", Medium).default("30000")
        .doc("How long the channel from the controller to a broker waits for an answer."),
    Property::int("controller.quota.window.num", Low).default("11").valid(at_least(1))
        .doc("How many sample windows the quota on topic and partition changes looks back over."),
    Property::int("controller.quota.window.size.seconds", Low).default("1").valid(at_least(1))
        .doc("Length of one sample window of the quota on topic and partition changes."),
    Property::long("controller.performance.sample.period.ms", Medium).default("60000").valid(at_least(100)).internal()
        .doc("How often the controller logs a summary of how long its events took."),
    Property::long("controller.performance.always.log.threshold.ms", Medium).default("2000").valid(at_least(0)).internal()
        .doc("A controller event that takes longer than this is always logged."),
    Property::string("metadata.log.dir", High).null()
        .doc("Directory of the cluster metadata log. Unset: the first of `log.dirs`."),
    Property::long("metadata.log.max.record.bytes.between.snapshots", High).default("20971520").valid(at_least(1))
        .doc("A new snapshot is written when this many bytes of metadata records have been committed since the last one."),
    Property::long("metadata.log.max.snapshot.interval.ms", High).default("3600000").valid(at_least(0))
        .doc("A new snapshot is written when the last one is this old and something was committed since. 0 turns the rule off."),
    Property::int("metadata.log.segment.bytes", High).default("1073741824").valid(at_least(8_388_608))
        .doc("Size at which the metadata log starts a new segment."),
    Property::long("metadata.log.segment.ms", High).default("604800000")
        .doc("Age at which the metadata log starts a new segment."),
    Property::int("metadata.max.idle.interval.ms", Low).default("500").valid(at_least(0))
        .doc("How often an idle active controller writes a no-op record, which moves the high watermark on. 0 writes none."),
    Property::long("metadata.max.retention.bytes", High).default("104857600")
        .doc("Old metadata segments and snapshots are deleted once together they exceed this size. The newest snapshot always stays."),
    Property::long("metadata.max.retention.ms", High).default("604800000")
        .doc("Old metadata segments and snapshots are deleted once they reach this age. The newest snapshot always stays."),
    Property::long("internal.metadata.delete.delay.millis", Low).default("60000").internal()
        .doc("How long files of the metadata log stay on disk after they were marked deleted."),
    Property::int("internal.metadata.log.segment.bytes", Low).null().internal()
        .doc("Segment size of the metadata log without the usual lower bound. For tests."),
    Property::int("internal.metadata.max.batch.size.in.bytes", Low).default("8388608").internal()
        .doc("Largest batch the metadata log appends. For tests."),
    Property::long("server.max.startup.time.ms", Medium).default("9223372036854775807").valid(at_least(0)).internal()
        .doc("A node that is not ready after this time stops with an error."),
    Property::boolean("unstable.api.versions.enable", High).default("false").internal()
        .doc("Whether request versions that are still being developed are offered to clients. For tests."),
    Property::boolean("unstable.feature.versions.enable", High).default("false").internal()
        .doc("Whether feature levels that are still being developed may be used. For tests."),
    Property::boolean("auto.leader.rebalance.enable", High).default("true")
        .doc("Whether the controller moves leadership back to the preferred replicas from time to time."),
    Property::long("leader.imbalance.check.interval.seconds", High).default("300").valid(at_least(1))
        .doc("How often the controller looks for partitions that are not led by their preferred replica."),
    Property::boolean("controlled.shutdown.enable", Medium).default("true")
        .doc("Whether a stopping broker hands its leaderships over before it leaves."),
    Property::class("create.topic.policy.class.name", Low).null()
        .doc("Class of a plug-in that may refuse the creation of a topic."),
    Property::class("alter.config.policy.class.name", Low).null()
        .doc("Class of a plug-in that may refuse a change of configuration."),
    Property::boolean("delete.topic.enable", High).default("true")
        .doc("Whether clients may delete topics. When false the request is refused."),
    Property::long("unclean.leader.election.interval.ms", Medium).default("300000").valid(at_least(1)).internal()
        .doc("How often the controller looks for leaderless partitions that allow an unclean election."),
    Property::list("config.providers", Low).default("").valid(any_list()).cluster_wide()
        .doc("Names of plug-ins that fill values of this file from other sources."),
    Property::string("security.providers", Low).null()
        .doc("Java security providers to install, as class names."),
];
