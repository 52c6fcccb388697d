//! Which response answers which request: the APIs that this client speaks.

use protocol::ApiKey;
use protocol::messages as m;
use protocol::wire::{EncodeError, Message, Writer};

/// A request that a [`Connection`](crate::Connection) can send.
pub trait Request {
    /// The API.
    const API: ApiKey;
    /// What answers it, borrowed from the frame it came in.
    type Response<'r>: Message<'r>;
    /// Writes the body at `version`.
    fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError>;
}

macro_rules! requests {
    ($($api:ident: $request:ident $(<$a:lifetime>)? => $response:ident $(<$r:lifetime>)?;)*) => {$(
        impl $(<$a>)? Request for m::$request $(<$a>)? {
            const API: ApiKey = ApiKey::$api;
            type Response<'r> = m::$response $(<$r>)?;
            fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
                m::$request::encode(self, w, version)
            }
        }
    )*};
}

requests! {
    Produce: ProduceRequest<'a> => ProduceResponse<'r>;
    Fetch: FetchRequest<'a> => FetchResponse<'r>;
    ListOffsets: ListOffsetsRequest<'a> => ListOffsetsResponse<'r>;
    Metadata: MetadataRequest<'a> => MetadataResponse<'r>;
    OffsetCommit: OffsetCommitRequest<'a> => OffsetCommitResponse<'r>;
    OffsetFetch: OffsetFetchRequest<'a> => OffsetFetchResponse<'r>;
    FindCoordinator: FindCoordinatorRequest<'a> => FindCoordinatorResponse<'r>;
    JoinGroup: JoinGroupRequest<'a> => JoinGroupResponse<'r>;
    Heartbeat: HeartbeatRequest<'a> => HeartbeatResponse;
    LeaveGroup: LeaveGroupRequest<'a> => LeaveGroupResponse<'r>;
    SyncGroup: SyncGroupRequest<'a> => SyncGroupResponse<'r>;
    DescribeGroups: DescribeGroupsRequest<'a> => DescribeGroupsResponse<'r>;
    ListGroups: ListGroupsRequest<'a> => ListGroupsResponse<'r>;
    ApiVersions: ApiVersionsRequest<'a> => ApiVersionsResponse<'r>;
    CreateTopics: CreateTopicsRequest<'a> => CreateTopicsResponse<'r>;
    DeleteTopics: DeleteTopicsRequest<'a> => DeleteTopicsResponse<'r>;
    DeleteRecords: DeleteRecordsRequest<'a> => DeleteRecordsResponse<'r>;
    InitProducerId: InitProducerIdRequest<'a> => InitProducerIdResponse;
    DescribeConfigs: DescribeConfigsRequest<'a> => DescribeConfigsResponse<'r>;
    DescribeLogDirs: DescribeLogDirsRequest<'a> => DescribeLogDirsResponse<'r>;
    CreatePartitions: CreatePartitionsRequest<'a> => CreatePartitionsResponse<'r>;
    DeleteGroups: DeleteGroupsRequest<'a> => DeleteGroupsResponse<'r>;
    IncrementalAlterConfigs: IncrementalAlterConfigsRequest<'a> => IncrementalAlterConfigsResponse<'r>;
    OffsetDelete: OffsetDeleteRequest<'a> => OffsetDeleteResponse<'r>;
    DescribeCluster: DescribeClusterRequest => DescribeClusterResponse<'r>;
    ConsumerGroupDescribe: ConsumerGroupDescribeRequest<'a> => ConsumerGroupDescribeResponse<'r>;
}
