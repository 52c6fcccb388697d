//! Share groups (KIP-932), without their membership: records that several members fetch and acknowledge one by one.

use protocol::messages::*;
use protocol::messages::{
    incremental_alter_configs_request as alter, share_acknowledge_request as acknowledge,
    share_fetch_request as share_fetch, share_fetch_response::PartitionData,
};
use protocol::records::batches;
use protocol::{ApiKey, ErrorCode};

use crate::node::{Node, eventually};
use crate::requests::*;
use crate::share_state::Leader;
use crate::transactions::{Kind, Producer};
use crate::wire::Wire;

const ACCEPT: i8 = 1;
const RELEASE: i8 = 2;
const REJECT: i8 = 3;
const RENEW: i8 = 4;

/// A member of the group `g` that fetches partition 0.
struct Member {
    wire: Wire,
    id: &'static str,
    topic: Topic,
    epoch: i32,
}

type Acquired = Vec<(i64, i64, i16)>;
/// First and last offset, and what becomes of them.
type Said = (i64, i64, i8);

impl Member {
    fn new(node: &Node, id: &'static str, topic: Topic) -> Self {
        Self { wire: Wire::connect(node.address), id, topic, epoch: 0 }
    }

    fn request(&mut self, said: &[Said], max_wait_ms: i32) -> ShareFetchRequest<'static> {
        let batch = |(first_offset, last_offset, how): &Said| share_fetch::AcknowledgementBatch {
            first_offset: *first_offset,
            last_offset: *last_offset,
            acknowledge_types: vec![*how],
            ..Default::default()
        };
        let partition = share_fetch::FetchPartition {
            acknowledgement_batches: said.iter().map(batch).collect(),
            ..Default::default()
        };
        let topic = share_fetch::FetchTopic {
            topic_id: self.topic.id,
            partitions: vec![partition],
            ..Default::default()
        };
        let epoch = self.epoch;
        self.epoch += 1;
        ShareFetchRequest {
            group_id: Some("g".into()),
            member_id: Some(self.id.into()),
            share_session_epoch: epoch,
            max_wait_ms,
            min_bytes: 1,
            max_bytes: 1 << 20,
            max_records: 500,
            batch_size: 500,
            topics: vec![topic],
            ..Default::default()
        }
    }

    fn send(&mut self, request: &ShareFetchRequest<'_>) -> PartitionData<'static> {
        let mut answer: ShareFetchResponse = self.wire.ask(ApiKey::ShareFetch, 2, request);
        assert_eq!(answer.error_code, NONE, "{answer:?}");
        assert_eq!(answer.acquisition_lock_timeout_ms, 1_000);
        match answer.responses.pop() {
            Some(mut topic) => topic.partitions.remove(0),
            None => PartitionData::default(),
        }
    }

    /// Fetches, waiting for records; what is acquired and the values of the records that came.
    fn fetch(&mut self, said: &[Said]) -> (Acquired, Vec<String>) {
        let request = self.request(said, 10_000);
        let data = self.send(&request);
        assert_eq!((data.error_code, data.acknowledge_error_code), (NONE, NONE));
        (acquired(&data), values(&data))
    }

    /// The error of what is said.
    fn say(&mut self, said: &[Said]) -> i16 {
        let batch = |(first_offset, last_offset, how): &Said| acknowledge::AcknowledgementBatch {
            first_offset: *first_offset,
            last_offset: *last_offset,
            acknowledge_types: vec![*how],
            ..Default::default()
        };
        let partition = acknowledge::AcknowledgePartition {
            acknowledgement_batches: said.iter().map(batch).collect(),
            ..Default::default()
        };
        let topic = acknowledge::AcknowledgeTopic {
            topic_id: self.topic.id,
            partitions: vec![partition],
            ..Default::default()
        };
        let request = ShareAcknowledgeRequest {
            group_id: Some("g".into()),
            member_id: Some(self.id.into()),
            share_session_epoch: self.epoch,
            is_renew_ack: said.iter().any(|(_, _, how)| *how == RENEW),
            topics: vec![topic],
            ..Default::default()
        };
        self.epoch += 1;
        let answer: ShareAcknowledgeResponse = self.wire.ask(ApiKey::ShareAcknowledge, 2, &request);
        assert_eq!(answer.error_code, NONE, "{answer:?}");
        answer.responses[0].partitions[0].error_code
    }

    /// Leaves: what it says last, and all else that it has is given back.
    fn leave(&mut self, said: &[Said]) {
        let mut request = self.request(said, 0);
        request.share_session_epoch = -1;
        let data = self.send(&request);
        assert_eq!(data.acknowledge_error_code, NONE);
    }
}

fn acquired(data: &PartitionData<'_>) -> Acquired {
    data.acquired_records.iter().map(|it| (it.first_offset, it.last_offset, it.delivery_count)).collect()
}

fn values(data: &PartitionData<'_>) -> Vec<String> {
    let bytes = data.records.as_ref().and_then(|records| records.as_bytes()).unwrap_or_default();
    let mut values = vec![];
    for batch in batches(bytes) {
        let batch = batch.unwrap();
        let unpacked = batch.decompress(1 << 20).unwrap();
        for record in batch.records(&unpacked) {
            values.push(String::from_utf8_lossy(record.unwrap().value.unwrap_or_default()).into_owned());
        }
    }
    values
}

fn start() -> Node {
    Node::start_with(&[
        "share.coordinator.state.topic.num.partitions=1",
        "group.share.min.record.lock.duration.ms=1000",
        "group.share.record.lock.duration.ms=1000",
        "group.share.delivery.count.limit=3",
    ])
}

/// A topic of one partition that the group `g` reads from its beginning.
fn queue(node: &Node) -> Topic {
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "queue", 1, &[]);
    assert_eq!(Leader::of(&mut wire, topic, 0).initialize(0, 0), NONE);
    topic
}

#[test]
fn records_are_shared_and_acknowledged_one_by_one() {
    let mut node = start();
    let topic = queue(&node);
    let mut wire = Wire::connect(node.address);
    append(&mut wire, topic, batch(&["a", "b", "c"]));
    append(&mut wire, topic, batch(&["d", "e"]));
    let (mut m, mut n) = (Member::new(&node, "m", topic), Member::new(&node, "n", topic));
    assert_eq!(m.fetch(&[]), (vec![(0, 4, 1)], ["a", "b", "c", "d", "e"].map(String::from).to_vec()));
    let nothing = n.request(&[], 0);
    assert_eq!(acquired(&n.send(&nothing)), [], "m has them");
    assert_eq!(n.say(&[(0, 0, ACCEPT)]), code(ErrorCode::InvalidRecordState));
    // Some are done with, some come back, some are left.
    assert_eq!(m.say(&[(0, 0, ACCEPT), (1, 1, RELEASE), (2, 2, REJECT)]), NONE);
    assert_eq!(n.fetch(&[]), (vec![(1, 1, 2)], ["a", "b", "c"].map(String::from).to_vec()));
    // What is said with a fetch is written before the answer.
    append(&mut wire, topic, batch(&["f"]));
    assert_eq!(n.fetch(&[(1, 1, ACCEPT)]).0, [(5, 5, 1)]);
    let mut leader = Leader::of(&mut wire, topic, 0);
    assert_eq!(
        leader.summary(1).start_offset,
        1,
        "what the last write has done with is written with the next"
    );
    m.leave(&[(3, 3, ACCEPT)]);
    assert_eq!(n.fetch(&[]).0, [(4, 4, 2)]);
    node.kill();
    node.start_again();
    // What was accepted does not come again, what was not does.
    let mut m = Member::new(&node, "m", topic);
    let (found, _) = m.fetch(&[]);
    assert_eq!(found.iter().map(|it| (it.0, it.1)).collect::<Vec<_>>(), [(4, 4), (5, 5)], "{found:?}");
    assert_eq!(m.say(&[(4, 5, ACCEPT)]), NONE);
    let mut wire = Wire::connect(node.address);
    append(&mut wire, topic, batch(&["g"]));
    assert_eq!(m.fetch(&[]).0, [(6, 6, 1)]);
    assert_eq!(m.say(&[(6, 6, ACCEPT)]), NONE);
    let mut leader = Leader::of(&mut wire, topic, 0);
    assert_eq!(leader.summary(1).start_offset, 6);
}

#[test]
fn whoever_takes_too_long_or_goes_away_loses_its_records() {
    let node = start();
    let topic = queue(&node);
    let mut wire = Wire::connect(node.address);
    append(&mut wire, topic, batch(&["a"]));
    let (mut m, mut n) = (Member::new(&node, "m", topic), Member::new(&node, "n", topic));
    assert_eq!(m.fetch(&[]).0, [(0, 0, 1)]);
    assert_eq!(m.say(&[(0, 0, RENEW)]), NONE);
    assert_eq!(n.fetch(&[]).0, [(0, 0, 2)], "after a second");
    assert_eq!(m.say(&[(0, 0, ACCEPT)]), code(ErrorCode::InvalidRecordState));
    drop(n);
    assert_eq!(m.fetch(&[]).0, [(0, 0, 3)], "n is gone");
    // Three times are enough.
    append(&mut wire, topic, batch(&["b"]));
    assert_eq!(m.say(&[(0, 0, RELEASE)]), NONE);
    assert_eq!(m.fetch(&[]).0, [(1, 1, 1)]);
}

#[test]
fn a_fetch_waits_for_records() {
    let node = start();
    let topic = queue(&node);
    let mut m = Member::new(&node, "m", topic);
    let request = m.request(&[], 60_000);
    m.wire.send(ApiKey::ShareFetch, 2, &request);
    append(&mut Wire::connect(node.address), topic, batch(&["a"]));
    let answer: ShareFetchResponse = m.wire.receive().unwrap().body(ApiKey::ShareFetch, 2);
    assert_eq!(acquired(&answer.responses[0].partitions[0]), [(0, 0, 1)]);
}

#[test]
fn records_of_aborted_transactions_are_skipped_where_the_group_says_so() {
    let node = start();
    let topic = queue(&node);
    let mut wire = Wire::connect(node.address);
    let config = alter::AlterableConfig {
        name: "share.isolation.level".into(),
        value: Some("read_committed".into()),
        ..Default::default()
    };
    let resource = alter::AlterConfigsResource {
        resource_type: 32,
        resource_name: "g".into(),
        configs: vec![config],
        ..Default::default()
    };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    let answer: IncrementalAlterConfigsResponse = wire.ask(ApiKey::IncrementalAlterConfigs, 1, &request);
    assert_eq!(answer.responses[0].error_code, NONE, "{answer:?}");
    let mut producer = Producer::begin(&mut wire, "t", Kind::Second);
    producer.put(&mut wire, topic, &["a", "b"]);
    append(&mut wire, topic, batch(&["c"]));
    let mut m = Member::new(&node, "m", topic);
    let undecided = m.request(&[], 0);
    assert_eq!(acquired(&m.send(&undecided)), []);
    producer.end(&mut wire, false);
    let found = eventually("records", || Some(m.fetch(&[]).0).filter(|found| !found.is_empty()));
    assert_eq!((found[0].0, found[0].2), (2, 1), "{found:?}");
}

#[test]
fn what_was_never_begun_is_an_error_until_it_is() {
    let node = start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "queue", 1, &[]);
    append(&mut wire, topic, batch(&["a"]));
    let mut m = Member::new(&node, "m", topic);
    let request = m.request(&[], 10_000);
    assert_eq!(m.send(&request).error_code, code(ErrorCode::UnknownServerError));
    assert_eq!(Leader::of(&mut wire, topic, 0).initialize(0, 0), NONE);
    assert_eq!(m.fetch(&[]).0, [(0, 0, 1)]);
    // Begun anew, nobody has what he had, and all comes again.
    assert_eq!(Leader::of(&mut wire, topic, 0).initialize(1, 0), NONE);
    assert_eq!(m.say(&[(0, 0, ACCEPT)]), code(ErrorCode::NotLeaderOrFollower));
    assert_eq!(m.fetch(&[]).0, [(0, 0, 1)]);
    assert_eq!(m.say(&[(0, 0, ACCEPT)]), NONE);
}

#[test]
fn sessions_are_counted() {
    let node = start();
    let topic = queue(&node);
    let mut m = Member::new(&node, "m", topic);
    let ask = |wire: &mut Wire, request: &ShareFetchRequest<'_>| {
        let answer: ShareFetchResponse = wire.ask(ApiKey::ShareFetch, 2, request);
        answer.error_code
    };
    m.epoch = 5;
    let request = m.request(&[], 0);
    assert_eq!(ask(&mut m.wire, &request), code(ErrorCode::ShareSessionNotFound));
    m.epoch = 0;
    let request = m.request(&[], 0);
    assert_eq!(ask(&mut m.wire, &request), NONE);
    m.epoch = 2;
    let request = m.request(&[], 0);
    assert_eq!(ask(&mut m.wire, &request), code(ErrorCode::InvalidShareSessionEpoch));
    m.epoch = 0;
    let mut request = m.request(&[(0, 0, ACCEPT)], 0);
    assert_eq!(ask(&mut m.wire, &request), code(ErrorCode::InvalidRequest));
    request.member_id = Some("".into());
    assert_eq!(ask(&mut m.wire, &request), code(ErrorCode::InvalidRequest));
    request.member_id = Some("m".into());
    request.is_renew_ack = true;
    assert_eq!(ask(&mut m.wire, &request), code(ErrorCode::InvalidRequest), "a renewal fetches nothing");
}
