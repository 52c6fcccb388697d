//! The share coordinator's own APIs (KIP-932), as the leaders of partitions use them.

use protocol::messages::*;
use protocol::messages::{
    delete_share_group_state_request as delete, initialize_share_group_state_request as initialize,
    read_share_group_state_request as read, read_share_group_state_response as state,
    read_share_group_state_summary_request as read_summary,
    read_share_group_state_summary_response as summary, write_share_group_state_request as write,
};
use protocol::{ApiKey, ErrorCode};

use crate::node::{Node, eventually};
use crate::requests::*;
use crate::wire::Wire;

const STATE_TOPIC: &str = "__share_group_state";
const SHARE: i8 = 2;

/// A client of the coordinator of one share-partition.
pub(crate) struct Leader<'w> {
    wire: &'w mut Wire,
    topic: Topic,
    partition: i32,
}

impl<'w> Leader<'w> {
    pub(crate) fn of(wire: &'w mut Wire, topic: Topic, partition: i32) -> Self {
        let key = format!("g:{}:{partition}", topic.id);
        eventually("a share coordinator", || (find(wire, 6, &key) == NONE).then_some(()));
        Self { wire, topic, partition }
    }

    pub(crate) fn initialize(&mut self, state_epoch: i32, start_offset: i64) -> i16 {
        let partition = self.partition;
        let partition =
            initialize::PartitionData { partition, state_epoch, start_offset, ..Default::default() };
        let topic = initialize::InitializeStateData {
            topic_id: self.topic.id,
            partitions: vec![partition],
            ..Default::default()
        };
        let request = InitializeShareGroupStateRequest {
            group_id: "g".into(),
            topics: vec![topic],
            ..Default::default()
        };
        let answer: InitializeShareGroupStateResponse =
            self.wire.ask(ApiKey::InitializeShareGroupState, 0, &request);
        assert_eq!(answer.results[0].topic_id, self.topic.id);
        answer.results[0].partitions[0].error_code
    }

    fn read(&mut self, leader_epoch: i32) -> state::PartitionResult<'static> {
        let partition = self.partition;
        let partition = read::PartitionData { partition, leader_epoch, ..Default::default() };
        let topic = read::ReadStateData {
            topic_id: self.topic.id,
            partitions: vec![partition],
            ..Default::default()
        };
        let request =
            ReadShareGroupStateRequest { group_id: "g".into(), topics: vec![topic], ..Default::default() };
        let mut answer: ReadShareGroupStateResponse = self.wire.ask(ApiKey::ReadShareGroupState, 0, &request);
        answer.results.remove(0).partitions.remove(0)
    }

    /// Offsets from `first` to `last` are acknowledged; the start is where it is told.
    fn write(&mut self, leader_epoch: i32, start_offset: i64, (first, last): (i64, i64)) -> i16 {
        let batch = write::StateBatch {
            first_offset: first,
            last_offset: last,
            delivery_state: 2,
            delivery_count: 1,
            ..Default::default()
        };
        let partition = write::PartitionData {
            partition: self.partition,
            state_epoch: 1,
            leader_epoch,
            start_offset,
            delivery_complete_count: i32::try_from(last - first + 1).unwrap(),
            state_batches: vec![batch],
            ..Default::default()
        };
        let topic = write::WriteStateData {
            topic_id: self.topic.id,
            partitions: vec![partition],
            ..Default::default()
        };
        let request =
            WriteShareGroupStateRequest { group_id: "g".into(), topics: vec![topic], ..Default::default() };
        let answer: WriteShareGroupStateResponse = self.wire.ask(ApiKey::WriteShareGroupState, 1, &request);
        answer.results[0].partitions[0].error_code
    }

    pub(crate) fn summary(&mut self, version: i16) -> summary::PartitionResult<'static> {
        let partition = read_summary::PartitionData { partition: self.partition, ..Default::default() };
        let topic = read_summary::ReadStateSummaryData {
            topic_id: self.topic.id,
            partitions: vec![partition],
            ..Default::default()
        };
        let request = ReadShareGroupStateSummaryRequest {
            group_id: "g".into(),
            topics: vec![topic],
            ..Default::default()
        };
        let mut answer: ReadShareGroupStateSummaryResponse =
            self.wire.ask(ApiKey::ReadShareGroupStateSummary, version, &request);
        answer.results.remove(0).partitions.remove(0)
    }

    fn delete(&mut self) -> i16 {
        let partition = delete::PartitionData { partition: self.partition, ..Default::default() };
        let topic = delete::DeleteStateData {
            topic_id: self.topic.id,
            partitions: vec![partition],
            ..Default::default()
        };
        let request =
            DeleteShareGroupStateRequest { group_id: "g".into(), topics: vec![topic], ..Default::default() };
        let answer: DeleteShareGroupStateResponse = self.wire.ask(ApiKey::DeleteShareGroupState, 0, &request);
        answer.results[0].partitions[0].error_code
    }
}

fn find(wire: &mut Wire, version: i16, key: &str) -> i16 {
    let request = FindCoordinatorRequest {
        key_type: SHARE,
        coordinator_keys: vec![key.to_owned().into()],
        ..Default::default()
    };
    let answer: FindCoordinatorResponse = wire.ask(ApiKey::FindCoordinator, version, &request);
    answer.coordinators[0].error_code
}

fn batches(state: &state::PartitionResult<'_>) -> Vec<(i64, i64, i8, i16)> {
    let one =
        |it: &state::StateBatch| (it.first_offset, it.last_offset, it.delivery_state, it.delivery_count);
    state.state_batches.iter().map(one).collect()
}

#[test]
fn what_is_acknowledged_is_there_after_a_crash() {
    let mut node = Node::start_with(&["share.coordinator.state.topic.num.partitions=3"]);
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "queue", 2, &[]);
    for partition in 0..2 {
        let mut leader = Leader::of(&mut wire, topic, partition);
        assert_eq!(leader.write(1, 0, (0, 4)), code(ErrorCode::InvalidRequest), "nothing is there yet");
        assert_eq!(leader.summary(1).start_offset, -1);
        assert_eq!(leader.initialize(1, 3), NONE);
        assert_eq!(leader.read(1).start_offset, 3);
        assert_eq!(leader.write(1, 3, (5, 9)), NONE);
        assert_eq!(leader.write(1, 3, (10, 10 + i64::from(partition))), NONE);
    }
    node.kill();
    node.start_again();
    let mut wire = Wire::connect(node.address);
    for partition in 0..2 {
        let mut leader = Leader::of(&mut wire, topic, partition);
        let summary = leader.summary(1);
        assert_eq!((summary.state_epoch, summary.leader_epoch, summary.start_offset), (1, 1, 3));
        assert_eq!(summary.delivery_complete_count, 5);
        assert_eq!(leader.summary(0).delivery_complete_count, -1, "version 0 does not have it");
        let state = leader.read(2);
        assert_eq!((state.error_code, state.state_epoch, state.start_offset), (NONE, 1, 3));
        assert_eq!(batches(&state), [(5, 10 + i64::from(partition), 2, 1)]);
        assert_eq!(leader.write(1, 3, (3, 3)), code(ErrorCode::FencedLeaderEpoch));
        assert_eq!(leader.initialize(0, 0), code(ErrorCode::FencedStateEpoch));
        assert_eq!(leader.write(2, 11, (11, 11)), NONE);
        assert_eq!(leader.delete(), NONE);
        assert_eq!(leader.read(2).error_code, code(ErrorCode::InvalidRequest));
    }
    assert_eq!(Leader { wire: &mut wire, topic, partition: 2 }.summary(1).error_code, {
        code(ErrorCode::UnknownTopicOrPartition)
    });
}

#[test]
fn the_log_is_pruned_and_forgets_with_the_topic() {
    let node = Node::start_with(&[
        "share.coordinator.state.topic.num.partitions=1",
        "share.coordinator.state.topic.prune.interval.ms=20",
        "share.coordinator.snapshot.update.records.per.snapshot=2",
    ]);
    let mut wire = Wire::connect(node.address);
    let queue = create_topic(&mut wire, "queue", 1, &[]);
    let mut leader = Leader::of(&mut wire, queue, 0);
    assert_eq!(leader.initialize(1, 0), NONE);
    for offset in 0..30 {
        assert_eq!(leader.write(0, offset, (offset, offset)), NONE);
    }
    // Every third record is a snapshot, the last at offset 30.
    eventually("the log to begin with the last snapshot", || {
        (list_offset(&mut wire, 7, STATE_TOPIC, -2).offset == 30).then_some(())
    });
    assert_eq!(list_offset(&mut wire, 7, STATE_TOPIC, -1).offset, 31);
    let request = DeleteTopicsRequest { topic_names: vec!["queue".into()], ..Default::default() };
    let answer: DeleteTopicsResponse = wire.ask(ApiKey::DeleteTopics, 5, &request);
    assert_eq!(answer.responses[0].error_code, NONE);
    eventually("the log to begin with what says that it is no more", || {
        (list_offset(&mut wire, 7, STATE_TOPIC, -2).offset == 31).then_some(())
    });
    assert_eq!(list_offset(&mut wire, 7, STATE_TOPIC, -1).offset, 32);
}

#[test]
fn only_keys_of_share_partitions_have_share_coordinators() {
    let node = Node::start_with(&["share.coordinator.state.topic.num.partitions=1"]);
    let mut wire = Wire::connect(node.address);
    let invalid = code(ErrorCode::InvalidRequest);
    assert_eq!(find(&mut wire, 6, "g"), invalid);
    assert_eq!(find(&mut wire, 5, "g:AAAAAAAAAAAAAAAAAAAABw:0"), invalid);
    let topics = metadata(&mut wire, None).topics;
    assert!(
        topics.iter().all(|topic| topic.name.as_deref() != Some(STATE_TOPIC)),
        "nobody has asked for one"
    );
    eventually("a share coordinator", || {
        (find(&mut wire, 6, "a:b:AAAAAAAAAAAAAAAAAAAABw:0") == NONE).then_some(())
    });
    assert!(topic(&mut wire, STATE_TOPIC).name == STATE_TOPIC);
}
