//! What a person may try, by error code. Empty where the code speaks for itself.

use protocol::ErrorCode as C;

/// A clause to append to an error's text, with its separator.
pub(crate) fn hint(code: C) -> &'static str {
    match code {
        C::OffsetOutOfRange => "; seek to earliest or latest",
        C::UnknownTopicOrPartition | C::UnknownTopicId => {
            "; list the topics and check the name and the partition"
        }
        C::LeaderNotAvailable => {
            "; the partition has no leader: check that the brokers of its replicas are up"
        }
        C::NotLeaderOrFollower | C::FencedLeaderEpoch | C::UnknownLeaderEpoch => {
            "; leadership is moving: try again"
        }
        C::RequestTimedOut => "; try again with a longer timeout",
        C::MessageTooLarge | C::RecordListTooLarge => "; send smaller records or raise max.message.bytes",
        C::CoordinatorLoadInProgress | C::CoordinatorNotAvailable | C::NotCoordinator => {
            "; the coordinator is starting or moving: try again"
        }
        C::InvalidTopicException => "; use letters, digits, '.', '_' and '-', at most 249 of them",
        C::NotEnoughReplicas | C::NotEnoughReplicasAfterAppend => {
            "; too few replicas are in sync: bring brokers back or lower min.insync.replicas"
        }
        C::TopicAuthorizationFailed | C::GroupAuthorizationFailed | C::ClusterAuthorizationFailed => {
            "; ask an administrator for an ACL"
        }
        C::TopicAlreadyExists => "; describe it, or choose another name",
        C::InvalidPartitions => "; partitions can only be added, and at least one is needed",
        C::InvalidReplicationFactor => "; it can be at most the number of brokers",
        C::InvalidConfig => "; describe the resource to see its properties",
        C::NonEmptyGroup => "; stop its members first",
        C::GroupSubscribedToTopic => "; the group is still subscribed to the topic: stop its members first",
        C::GroupIdNotFound => "; list the groups and check the name",
        C::UnknownMemberId | C::IllegalGeneration | C::RebalanceInProgress => {
            "; the group has members or is rebalancing: stop them, or try again"
        }
        C::FencedInstanceId => "; another member uses the same group instance id",
        C::InvalidSessionTimeout => {
            "; see group.min.session.timeout.ms and group.max.session.timeout.ms of the broker"
        }
        C::InconsistentGroupProtocol => "; the group's members use other assignors or another protocol",
        C::UnsupportedVersion => "; the broker is too old for this",
        C::InvalidRequiredAcks => "; use 0, 1 or all",
        C::KafkaStorageError | C::LogDirNotFound => "; a disk of that broker fails: see its log",
        C::PolicyViolation => "; a policy of the cluster forbids it",
        C::TopicDeletionDisabled => "; set delete.topic.enable on the brokers",
        C::ReassignmentInProgress => "; wait until the reassignment is done",
        C::UnknownServerError => "; see that broker's log",
        C::UnsupportedCompressionType => "; use another compression",
        C::ThrottlingQuotaExceeded => "; a quota is used up: try again later",
        _ => "",
    }
}
