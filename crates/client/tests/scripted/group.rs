//! A member of a group: joins, reads, gives back, joins again, leaves; and is thrown out.

use std::time::Duration;

use client::{Consumer, ConsumerConfig, OffsetReset};
use protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use protocol::messages::offset_fetch_response::{OffsetFetchResponse, OffsetFetchResponseGroup};
use protocol::messages::{
    FetchRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, LeaveGroupResponse,
    OffsetCommitRequest, SyncGroupRequest, SyncGroupResponse,
};
use protocol::records::{BatchBuilder, NewRecord, Records};
use protocol::{ApiKey, ErrorCode, Offset, TopicPartition};

use crate::fake::{FakeBroker, Received, Reply, TOPIC_ID};

/// A coordinator of one member, `m1`, that answers heartbeats as scripted and then is content. Every fetch finds one
/// record, at the offset that it asks for.
async fn coordinator(heartbeats: Vec<ErrorCode>) -> FakeBroker {
    let mut heartbeats = heartbeats.into_iter();
    let mut generation = 0;
    FakeBroker::start(move |request| {
        Some(match request.api {
            ApiKey::FindCoordinator => find_coordinator(request),
            ApiKey::JoinGroup => join(request, &mut generation),
            ApiKey::SyncGroup => sync(request),
            ApiKey::Heartbeat => {
                let error_code = heartbeats.next().unwrap_or_default().code();
                request.answer(&HeartbeatResponse { error_code, ..Default::default() })
            }
            ApiKey::LeaveGroup => request.answer(&LeaveGroupResponse::default()),
            ApiKey::OffsetFetch => {
                let group = OffsetFetchResponseGroup { group_id: "g".into(), ..Default::default() };
                request.answer(&OffsetFetchResponse { groups: vec![group], ..Default::default() })
            }
            ApiKey::OffsetCommit => commit(request),
            ApiKey::ListOffsets => list_offsets(request),
            ApiKey::Fetch => fetch(request),
            _ => return None,
        })
    })
    .await
}

fn find_coordinator(request: &Received) -> Reply {
    let coordinator = Coordinator {
        key: "g".into(),
        node_id: 1,
        host: request.at.ip().to_string().into(),
        port: i32::from(request.at.port()),
        ..Default::default()
    };
    request.answer(&FindCoordinatorResponse { coordinators: vec![coordinator], ..Default::default() })
}

fn join(request: &Received, generation: &mut i32) -> Reply {
    let join: JoinGroupRequest<'_> = request.decode();
    if join.member_id.is_empty() {
        return request.answer(&JoinGroupResponse {
            error_code: ErrorCode::MemberIdRequired.code(),
            member_id: "m1".into(),
            ..Default::default()
        });
    }
    assert_eq!(join.member_id, "m1");
    *generation += 1;
    let member = JoinGroupResponseMember {
        member_id: "m1".into(),
        metadata: join.protocols[0].metadata.clone(),
        ..Default::default()
    };
    request.answer(&JoinGroupResponse {
        generation_id: *generation,
        protocol_type: Some("consumer".into()),
        protocol_name: Some(join.protocols[0].name.clone()),
        leader: "m1".into(),
        member_id: "m1".into(),
        members: vec![member],
        ..Default::default()
    })
}

/// What the leader decided.
fn sync(request: &Received) -> Reply {
    let sync: SyncGroupRequest<'_> = request.decode();
    let assignment = sync.assignments[0].assignment.clone();
    request.answer(&SyncGroupResponse { assignment, ..Default::default() })
}

fn commit(request: &Received) -> Reply {
    let partition = OffsetCommitResponsePartition::default();
    let topic =
        OffsetCommitResponseTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    request.answer(&OffsetCommitResponse { topics: vec![topic], ..Default::default() })
}

fn list_offsets(request: &Received) -> Reply {
    let partition = ListOffsetsPartitionResponse { offset: 10, ..Default::default() };
    let topic =
        ListOffsetsTopicResponse { name: "t".into(), partitions: vec![partition], ..Default::default() };
    request.answer(&ListOffsetsResponse { topics: vec![topic], ..Default::default() })
}

fn fetch(request: &Received) -> Reply {
    let fetch: FetchRequest<'_> = request.decode();
    let mut batch = BatchBuilder::new(Offset(fetch.topics[0].partitions[0].fetch_offset));
    batch.append_next(NewRecord::default()).unwrap();
    let records = Some(Records::Shared(batch.build().unwrap().into()));
    let data = PartitionData { records, ..Default::default() };
    let topic = FetchableTopicResponse { topic_id: TOPIC_ID, partitions: vec![data], ..Default::default() };
    request.answer(&FetchResponse { responses: vec![topic], ..Default::default() })
}

fn member(broker: &FakeBroker) -> Consumer {
    let config = ConsumerConfig {
        group_id: Some("g".to_owned()),
        auto_offset_reset: OffsetReset::Earliest,
        heartbeat_interval: Duration::from_millis(5),
        ..Default::default()
    };
    let mut consumer = Consumer::new(&broker.cluster(), config).unwrap();
    consumer.subscribe(["t"]).unwrap();
    consumer
}

/// Member, generation and offset of each commit.
fn commits(broker: &FakeBroker) -> Vec<(String, i32, i64)> {
    let commit = |request: &Received| {
        let commit: OffsetCommitRequest<'_> = request.decode();
        let offset = commit.topics[0].partitions[0].committed_offset;
        (commit.member_id.to_string(), commit.generation_id_or_member_epoch, offset)
    };
    broker.received(ApiKey::OffsetCommit).iter().map(commit).collect()
}

/// Polls until the broker has seen so many joins that succeed, and records came after the last.
async fn poll_past_joins(broker: &FakeBroker, consumer: &mut Consumer, joins: usize) -> i64 {
    loop {
        let syncs = broker.received(ApiKey::SyncGroup).len();
        let records = consumer.poll(Duration::from_secs(30)).await.unwrap();
        if let (true, Some(last)) = (syncs >= joins, records.last()) {
            return last.offset;
        }
    }
}

#[tokio::test]
async fn a_member_joins_reads_and_leaves() {
    let broker = coordinator(vec![]).await;
    let mut consumer = member(&broker);
    let records = consumer.poll(Duration::from_secs(30)).await.unwrap();
    assert_eq!(records.iter().map(|r| r.offset).collect::<Vec<_>>(), [10]);
    assert_eq!(consumer.assignment(), [TopicPartition::new("t", 0)]);
    consumer.close().await.unwrap();
    // KIP-394: the first attempt only got an id.
    assert_eq!(broker.received(ApiKey::JoinGroup).len(), 2);
    assert_eq!(commits(&broker), [("m1".to_owned(), 1, 11)]);
    let leave = broker.received(ApiKey::LeaveGroup);
    assert_eq!(leave.len(), 1);
    assert_eq!(leave[0].decode::<LeaveGroupRequest<'_>>().members[0].member_id, "m1");
}

#[tokio::test]
async fn a_rebalance_commits_before_it_joins_again() {
    let broker = coordinator(vec![ErrorCode::None, ErrorCode::RebalanceInProgress]).await;
    let mut consumer = member(&broker);
    poll_past_joins(&broker, &mut consumer, 2).await;
    let commits = commits(&broker);
    assert_eq!((commits.len(), commits[0].0.as_str(), commits[0].1), (1, "m1", 1));
    let order: Vec<ApiKey> = broker.order(&[ApiKey::OffsetCommit, ApiKey::SyncGroup]);
    assert_eq!(order, [ApiKey::SyncGroup, ApiKey::OffsetCommit, ApiKey::SyncGroup]);
}

#[tokio::test]
async fn who_is_thrown_out_commits_nothing_and_starts_anew() {
    let broker = coordinator(vec![ErrorCode::UnknownMemberId]).await;
    let mut consumer = member(&broker);
    poll_past_joins(&broker, &mut consumer, 2).await;
    assert_eq!(commits(&broker), []);
    let ids: Vec<String> = broker
        .received(ApiKey::JoinGroup)
        .iter()
        .map(|r| r.decode::<JoinGroupRequest<'_>>().member_id.to_string())
        .collect();
    assert_eq!(ids, ["", "m1", "", "m1"]);
}

#[tokio::test]
async fn an_error_that_no_retry_helps_ends_the_membership() {
    let broker = coordinator(vec![ErrorCode::FencedInstanceId]).await;
    let mut consumer = member(&broker);
    let error = loop {
        match consumer.poll(Duration::from_secs(30)).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Some(ErrorCode::FencedInstanceId));
    assert!(consumer.assignment().is_empty());
}
