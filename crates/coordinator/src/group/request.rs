//! What the machine is asked and what it answers, in the messages of the protocol. Requests that name several groups
//! come here split by coordinator; the shell merges the answers.

use protocol::messages::consumer_group_describe_response::DescribedGroup as DescribedConsumerGroup;
use protocol::messages::delete_groups_response::DeletableGroupResult;
use protocol::messages::describe_groups_response::DescribedGroup;
use protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use protocol::messages::{
    ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    DeleteGroupsResponse, DescribeGroupsResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, SyncGroupRequest,
    SyncGroupResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use protocol::wire::{Blob, Str};
use protocol::{ErrorCode, Uuid};

use super::consumer::ConsumerContext;
use super::modern::Topics;
use crate::CommitError;

/// Who sends a JoinGroup, and the randomness for the member id that it may be given.
#[derive(Clone, Copy, Debug)]
pub struct JoinContext<'a> {
    /// The request's version.
    pub version: i16,
    /// The client id of the request's header, empty when it has none.
    pub client_id: &'a str,
    /// The client's address as Java prints it: `/127.0.0.1`.
    pub client_host: &'a str,
    /// A fresh random id (version 4).
    pub member_uuid: Uuid,
    /// The topics, should it join a consumer group.
    pub topics: &'a dyn Topics,
}

/// A topic that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its id: offsets committed for a later topic of this name stay.
    pub id: Uuid,
}

/// A request to the groups of one partition of `__consumer_offsets`.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Versions 0 to 9.
    JoinGroup(JoinContext<'a>, &'a JoinGroupRequest<'a>),
    /// The topics, and versions 0 to 5. The handler has checked that version 5 names protocol type and name.
    SyncGroup(&'a dyn Topics, &'a SyncGroupRequest<'a>),
    /// The topics, and versions 0 to 4.
    Heartbeat(&'a dyn Topics, &'a HeartbeatRequest<'a>),
    /// Versions 0 to 5, with the version and the topics.
    LeaveGroup(i16, &'a dyn Topics, &'a LeaveGroupRequest<'a>),
    /// The version (0 to 6) and the groups that this coordinator has.
    DescribeGroups(i16, &'a [Str<'a>]),
    /// Versions 0 to 5.
    ListGroups(&'a ListGroupsRequest<'a>),
    /// The groups that this coordinator has.
    DeleteGroups(&'a [Str<'a>]),
    /// Versions 2 to 10, with the version. The handler has filled in topic names and ids, and taken out
    /// topics and partitions that do not exist or may not be read.
    OffsetCommit(i16, &'a OffsetCommitRequest<'a>),
    /// Versions 0 to 6. The handler has filled in topic names and ids, taken out topics and partitions that do not exist,
    /// and made sure that the partition of the offsets belongs to the transaction.
    TxnOffsetCommit(&'a TxnOffsetCommitRequest<'a>),
    /// One group of an OffsetFetch, see [`offset_fetch`](super::offset_fetch); the flag is `require_stable`. Topic names are filled in.
    OffsetFetch(&'a OffsetFetchRequestGroup<'a>, bool),
    /// Version 0. The handler has taken out topics and partitions that do not exist or may not be read.
    OffsetDelete(&'a OffsetDeleteRequest<'a>),
    /// Versions 0 and 1.
    ConsumerGroupHeartbeat(ConsumerContext<'a>, &'a ConsumerGroupHeartbeatRequest<'a>),
    /// The topics, and the groups that this coordinator has.
    ConsumerGroupDescribe(&'a dyn Topics, &'a [Str<'a>]),
    /// Topics were deleted: forget their offsets.
    TopicsDeleted(&'a [DeletedTopic<'a>]),
}

/// An answer. What depends on nothing but the version (a null that old versions write as an empty string) is left to
/// [`for_version`](Self::for_version).
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Response {
    JoinGroup(JoinGroupResponse<'static>),
    SyncGroup(SyncGroupResponse<'static>),
    Heartbeat(HeartbeatResponse),
    LeaveGroup(LeaveGroupResponse<'static>),
    DescribeGroups(DescribeGroupsResponse<'static>),
    ListGroups(ListGroupsResponse<'static>),
    DeleteGroups(DeleteGroupsResponse<'static>),
    OffsetCommit(OffsetCommitResponse<'static>),
    TxnOffsetCommit(TxnOffsetCommitResponse<'static>),
    OffsetFetch(OffsetFetchResponseGroup<'static>),
    OffsetDelete(OffsetDeleteResponse<'static>),
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse<'static>),
    ConsumerGroupDescribe(ConsumerGroupDescribeResponse<'static>),
    /// `more`: there are more offsets to forget, ask again.
    TopicsDeleted {
        error: ErrorCode,
        more: bool,
    },
}

impl Response {
    /// The answer as this version of its API writes it: up to version 6 of JoinGroup a missing protocol name is empty.
    #[must_use]
    pub fn for_version(mut self, version: i16) -> Self {
        if let Self::JoinGroup(join) = &mut self {
            match &join.protocol_name {
                None if version < 7 => join.protocol_name = Some(Str::Borrowed("")),
                Some(name) if version >= 7 && name.is_empty() => join.protocol_name = None,
                _ => {}
            }
        }
        self
    }

    /// The answer that says `error` in every place where its API has one.
    pub(super) fn refusal(request: Request<'_>, error: ErrorCode) -> Self {
        let mut response = match request {
            Request::JoinGroup(_, request) => {
                Self::JoinGroup(JoinGroupResponse { member_id: text(&request.member_id), ..no_join() })
            }
            Request::SyncGroup(..) => Self::SyncGroup(SyncGroupResponse::default()),
            Request::Heartbeat(..) => Self::Heartbeat(HeartbeatResponse::default()),
            Request::LeaveGroup(..) => Self::LeaveGroup(LeaveGroupResponse::default()),
            Request::DescribeGroups(_, groups) => Self::DescribeGroups(DescribeGroupsResponse {
                groups: groups
                    .iter()
                    .map(|group| DescribedGroup { group_id: text(group), ..DescribedGroup::default() })
                    .collect(),
                ..DescribeGroupsResponse::default()
            }),
            Request::ListGroups(_) => Self::ListGroups(ListGroupsResponse::default()),
            Request::DeleteGroups(groups) => Self::DeleteGroups(DeleteGroupsResponse {
                results: groups
                    .iter()
                    .map(|group| DeletableGroupResult {
                        group_id: text(group),
                        ..DeletableGroupResult::default()
                    })
                    .collect(),
                ..DeleteGroupsResponse::default()
            }),
            Request::OffsetCommit(_, request) => Self::OffsetCommit(commit_skeleton(request)),
            Request::TxnOffsetCommit(request) => Self::TxnOffsetCommit(txn_commit_skeleton(request)),
            Request::OffsetFetch(group, _) => Self::OffsetFetch(OffsetFetchResponseGroup {
                group_id: text(&group.group_id),
                ..OffsetFetchResponseGroup::default()
            }),
            Request::OffsetDelete(_) => Self::OffsetDelete(OffsetDeleteResponse::default()),
            Request::ConsumerGroupHeartbeat(..) => {
                Self::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse::default())
            }
            Request::ConsumerGroupDescribe(_, groups) => {
                Self::ConsumerGroupDescribe(ConsumerGroupDescribeResponse {
                    groups: groups
                        .iter()
                        .map(|group| DescribedConsumerGroup {
                            group_id: text(group),
                            ..DescribedConsumerGroup::default()
                        })
                        .collect(),
                    ..ConsumerGroupDescribeResponse::default()
                })
            }
            Request::TopicsDeleted(_) => Self::TopicsDeleted { error, more: true },
        };
        response.set_error(error);
        // A coordinator that is loading cannot know better than that the member is alive.
        if let (Self::Heartbeat(heartbeat), ErrorCode::CoordinatorLoadInProgress) = (&mut response, error) {
            heartbeat.error_code = ErrorCode::None.code();
        }
        response
    }

    /// Takes back what the answer says: it could not be made durable.
    pub(super) fn failed(mut self, error: CommitError) -> Self {
        // Consumers before 3.9 do not retry an OffsetFetch on COORDINATOR_NOT_AVAILABLE.
        let code = match (&self, error.code()) {
            (Self::OffsetFetch(_), ErrorCode::CoordinatorNotAvailable) => ErrorCode::NotCoordinator,
            (_, code) => code,
        };
        match &mut self {
            Self::JoinGroup(join) => {
                *join = JoinGroupResponse { member_id: join.member_id.clone(), ..no_join() }
            }
            Self::SyncGroup(sync) => *sync = SyncGroupResponse::default(),
            Self::LeaveGroup(leave) => leave.members.clear(),
            Self::DescribeGroups(describe) => {
                for group in &mut describe.groups {
                    let group_id = std::mem::take(&mut group.group_id);
                    *group = DescribedGroup { group_id, ..DescribedGroup::default() };
                }
            }
            Self::ListGroups(list) => list.groups.clear(),
            Self::OffsetFetch(fetch) => fetch.topics.clear(),
            Self::OffsetDelete(delete) => delete.topics.clear(),
            Self::ConsumerGroupHeartbeat(beat) => *beat = ConsumerGroupHeartbeatResponse::default(),
            Self::ConsumerGroupDescribe(describe) => {
                for group in &mut describe.groups {
                    let group_id = std::mem::take(&mut group.group_id);
                    *group = DescribedConsumerGroup { group_id, ..DescribedConsumerGroup::default() };
                }
            }
            Self::Heartbeat(_)
            | Self::DeleteGroups(_)
            | Self::OffsetCommit(_)
            | Self::TxnOffsetCommit(_)
            | Self::TopicsDeleted { .. } => {}
        }
        self.set_error(code);
        self
    }

    fn set_error(&mut self, error: ErrorCode) {
        let code = error.code();
        match self {
            Self::JoinGroup(response) => response.error_code = code,
            Self::SyncGroup(response) => response.error_code = code,
            Self::Heartbeat(response) => response.error_code = code,
            Self::LeaveGroup(response) => response.error_code = code,
            Self::DescribeGroups(response) => {
                for group in &mut response.groups {
                    group.error_code = code;
                }
            }
            Self::ListGroups(response) => response.error_code = code,
            Self::DeleteGroups(response) => {
                for result in &mut response.results {
                    result.error_code = code;
                }
            }
            Self::OffsetCommit(response) => {
                for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                    partition.error_code = code;
                }
            }
            Self::TxnOffsetCommit(response) => {
                for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                    partition.error_code = code;
                }
            }
            Self::OffsetFetch(response) => response.error_code = code,
            Self::OffsetDelete(response) => response.error_code = code,
            Self::ConsumerGroupHeartbeat(response) => response.error_code = code,
            Self::ConsumerGroupDescribe(response) => {
                for group in &mut response.groups {
                    group.error_code = code;
                }
            }
            Self::TopicsDeleted { error: place, more } => (*place, *more) = (error, true),
        }
    }
}

/// The JoinGroup answer of somebody who is in no generation.
pub(super) fn no_join() -> JoinGroupResponse<'static> {
    JoinGroupResponse { protocol_type: None, protocol_name: None, ..JoinGroupResponse::default() }
}

fn commit_skeleton(request: &OffsetCommitRequest<'_>) -> OffsetCommitResponse<'static> {
    let topics = request.topics.iter().map(|topic| OffsetCommitResponseTopic {
        name: text(&topic.name),
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                ..OffsetCommitResponsePartition::default()
            })
            .collect(),
        ..OffsetCommitResponseTopic::default()
    });
    OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() }
}

fn txn_commit_skeleton(request: &TxnOffsetCommitRequest<'_>) -> TxnOffsetCommitResponse<'static> {
    let topics = request.topics.iter().map(|topic| TxnOffsetCommitResponseTopic {
        name: text(&topic.name),
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| TxnOffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                ..TxnOffsetCommitResponsePartition::default()
            })
            .collect(),
        ..TxnOffsetCommitResponseTopic::default()
    });
    TxnOffsetCommitResponse { topics: topics.collect(), ..TxnOffsetCommitResponse::default() }
}

/// Text for an answer.
pub(super) fn text(text: &str) -> Str<'static> {
    Str::Owned(text.to_owned())
}

/// Bytes for an answer.
pub(super) fn blob(bytes: &[u8]) -> Blob<'static> {
    Blob::Owned(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};

    use super::*;
    use crate::group::modern::testing::TestTopics;

    #[test]
    fn a_refusal_has_the_shape_of_its_api() {
        const ERROR: ErrorCode = ErrorCode::NotCoordinator;
        let groups = [Str::Borrowed("g")];
        let topics = TestTopics::default();
        let context = JoinContext {
            version: 9,
            client_id: "",
            client_host: "",
            member_uuid: Uuid::ZERO,
            topics: &topics,
        };
        let join = JoinGroupRequest { member_id: "m".into(), ..JoinGroupRequest::default() };
        let partition = OffsetCommitRequestPartition { partition_index: 7, ..Default::default() };
        let topic =
            OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
        let commit = OffsetCommitRequest { topics: vec![topic], ..OffsetCommitRequest::default() };

        let Response::JoinGroup(refused) = Response::refusal(Request::JoinGroup(context, &join), ERROR)
        else {
            panic!()
        };
        assert_eq!((refused.error_code, refused.member_id.as_ref(), refused.generation_id), (16, "m", -1));
        let Response::DescribeGroups(refused) = Response::refusal(Request::DescribeGroups(6, &groups), ERROR)
        else {
            panic!()
        };
        assert_eq!((refused.groups[0].error_code, refused.groups[0].group_id.as_ref()), (16, "g"));
        let Response::DeleteGroups(refused) = Response::refusal(Request::DeleteGroups(&groups), ERROR) else {
            panic!()
        };
        assert_eq!((refused.results[0].error_code, refused.results[0].group_id.as_ref()), (16, "g"));
        let Response::OffsetCommit(refused) = Response::refusal(Request::OffsetCommit(9, &commit), ERROR)
        else {
            panic!()
        };
        let partition = &refused.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.partition_index), (16, 7));
        // Who heartbeats while the coordinator loads is taken at its word.
        let beat = HeartbeatRequest::default();
        let refuse = |error| Response::refusal(Request::Heartbeat(&topics, &beat), error);
        assert_eq!(
            refuse(ErrorCode::CoordinatorLoadInProgress),
            Response::Heartbeat(HeartbeatResponse::default())
        );
        assert_ne!(refuse(ERROR), Response::Heartbeat(HeartbeatResponse::default()));
    }

    #[test]
    fn a_failure_takes_back_what_was_said() {
        let joined =
            JoinGroupResponse { generation_id: 3, member_id: "m".into(), ..JoinGroupResponse::default() };
        let Response::JoinGroup(failed) = Response::JoinGroup(joined).failed(CommitError::NotLeader) else {
            panic!()
        };
        assert_eq!((failed.error_code, failed.generation_id, failed.member_id.as_ref()), (16, -1, "m"));
        let fetched =
            OffsetFetchResponseGroup { group_id: "g".into(), ..OffsetFetchResponseGroup::default() };
        let Response::OffsetFetch(failed) = Response::OffsetFetch(fetched).failed(CommitError::TimedOut)
        else {
            panic!()
        };
        assert_eq!(failed.error_code, ErrorCode::NotCoordinator.code());
    }

    #[test]
    fn a_missing_protocol_name_is_empty_before_version_7() {
        fn check(version: i16, name: Option<&'static str>, expect: Option<&'static str>) {
            let join = JoinGroupResponse { protocol_name: name.map(Str::Borrowed), ..no_join() };
            let Response::JoinGroup(join) = Response::JoinGroup(join).for_version(version) else { panic!() };
            assert_eq!(join.protocol_name.as_deref(), expect, "version {version} of {name:?}");
        }
        check(6, None, Some(""));
        check(6, Some("range"), Some("range"));
        check(7, None, None);
        check(7, Some(""), None);
        check(7, Some("range"), Some("range"));
    }
}
