//! The pure machines under requests of any bytes: what they decide can be written, read and replayed, their answers can
//! be written, and a machine that replays the log is the machine that wrote it.
//!
//! An input is a list of steps: a byte that chooses the request, one for its version, two for its length, the body.

use std::sync::LazyLock;

use bytes::Bytes;
use coordinator::CoordinatorRecord;
use coordinator::group::consumer::{ConsumerContext, ConsumerGroupSettings};
use coordinator::group::{GroupConfig, GroupCoordinator, JoinContext, Request, Response, Topic, Topics};
use coordinator::runtime::{Proposal, Reply, ReplyToken, Runtime, RuntimeConfig};
use metadata::configs::BrokerConfigs;
use metadata::controller::{Controller, Outcome, activation_records};
use metadata::{MetadataLoader, records};
use protocol::messages::broker_registration_request::{Feature, Listener};
use protocol::messages::{
    AlterConfigsRequest, BrokerRegistrationRequest, ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeatRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest,
    DeleteTopicsRequest, DescribeGroupsRequest, HeartbeatRequest, IncrementalAlterConfigsRequest,
    JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, SyncGroupRequest,
};
use protocol::wire::{Message, Reader, Writer};
use protocol::{BrokerId, MetadataRecord, Offset, Uuid};
use stdx::{Now, Random};

/// Most steps of an input that are taken.
const MAX_STEPS: usize = 32;
const CLUSTER_ID: &str = "q1Sh-9_ISia_zwGINzRvyQ";

struct Step<'a> {
    kind: u8,
    version: i16,
    body: &'a [u8],
}

impl<'a> Step<'a> {
    fn decode<M: Message<'a>>(&self) -> Option<M> {
        M::decode(&mut Reader::new(self.body), self.version).ok()
    }
}

fn steps(mut data: &[u8]) -> impl Iterator<Item = Step<'_>> {
    std::iter::from_fn(move || {
        let (head, rest) = data.split_first_chunk::<4>()?;
        let (body, rest) = rest.split_at(usize::from(u16::from_be_bytes([head[2], head[3]])).min(rest.len()));
        data = rest;
        Some(Step { kind: head[0], version: i16::from(head[1]), body })
    })
    .take(MAX_STEPS)
}

fn writable<'m>(answer: &impl Message<'m>, version: i16) {
    let written = answer.encode(&mut Writer::new(), version);
    assert!(written.is_ok(), "an answer cannot be written at version {version}: {written:?}");
}

/// A cluster of one broker, started.
/// What the broker speaks: everything that a new cluster is finalized at.
fn features() -> Vec<Feature<'static>> {
    let served = metadata::Feature::served().map(|feature| (feature.name, 0, feature.latest));
    let all = [("metadata.version", 7, 33)].into_iter().chain(served);
    let feature = |(name, min_supported_version, max_supported_version): (&'static str, i16, i16)| Feature {
        name: name.into(),
        min_supported_version,
        max_supported_version,
        ..Feature::default()
    };
    all.map(feature).collect()
}

static STARTED: LazyLock<Cluster> = LazyLock::new(Cluster::new);

#[derive(Clone)]
struct Cluster {
    controller: Controller,
    loader: MetadataLoader,
    log: Vec<Bytes>,
    random: Random,
}

impl Cluster {
    fn new() -> Self {
        let file = [("process.roles", "broker,controller"), ("node.id", "1")].into_iter().collect();
        let configs = BrokerConfigs::new(file).expect("two good properties");
        let controller = Controller::new(CLUSTER_ID.into(), configs);
        let random = Random::from_seed(1);
        let mut cluster = Self { controller, loader: MetadataLoader::default(), log: vec![], random };
        cluster.append(activation_records(cluster.loader.image(), cluster.loader.in_transaction()));
        let registration = BrokerRegistrationRequest {
            broker_id: 1,
            cluster_id: CLUSTER_ID.into(),
            incarnation_id: Uuid([1; 16]),
            listeners: vec![Listener {
                name: "PLAINTEXT".into(),
                host: "localhost".into(),
                ..Listener::default()
            }],
            features: features(),
            log_dirs: vec![Uuid([2; 16])],
            ..BrokerRegistrationRequest::default()
        };
        let next_offset = cluster.log.len() as i64;
        let outcome = cluster.controller.register_broker(cluster.loader.image(), &registration, next_offset);
        let epoch = cluster.commit(outcome).broker_epoch;
        let outcome = cluster.controller.unfence_broker(cluster.loader.image(), BrokerId(1), epoch);
        assert!(cluster.commit(outcome).is_ok());
        cluster
    }

    fn append(&mut self, records: Vec<MetadataRecord<'_>>) {
        for record in records {
            let offset = Offset(self.log.len() as i64);
            let version = self.loader.image().metadata_version();
            let bytes = records::encode(&record, version).expect("what was decided can be written");
            let read = records::decode(offset, &bytes).expect("what was written can be read");
            self.loader.replay(offset, &read).expect("what was decided can be replayed");
            self.log.push(bytes.into());
        }
    }

    fn commit<R>(&mut self, outcome: Outcome<R>) -> R {
        self.append(outcome.records);
        outcome.reply
    }

    fn take(&mut self, step: &Step<'_>) -> Option<()> {
        let (image, version) = (self.loader.image(), step.version);
        match step.kind % 5 {
            0 => {
                let request: CreateTopicsRequest<'_> = step.decode()?;
                let outcome = self.controller.create_topics(image, &request, &mut self.random);
                writable(&self.commit(outcome), version);
            }
            1 => {
                let request: DeleteTopicsRequest<'_> = step.decode()?;
                let outcome = self.controller.delete_topics(image, &request, version);
                writable(&self.commit(outcome), version);
            }
            2 => {
                let request: CreatePartitionsRequest<'_> = step.decode()?;
                let outcome = self.controller.create_partitions(image, &request, &mut self.random);
                writable(&self.commit(outcome), version);
            }
            3 => {
                let request: AlterConfigsRequest<'_> = step.decode()?;
                let outcome = self.controller.alter_configs(image, &request);
                writable(&self.commit(outcome), version);
            }
            _ => {
                let request: IncrementalAlterConfigsRequest<'_> = step.decode()?;
                let outcome = self.controller.incremental_alter_configs(image, &request);
                writable(&self.commit(outcome), version);
            }
        }
        Some(())
    }
}

/// The controller under changes of topics and configs.
pub fn controller(data: &[u8]) {
    let mut cluster = STARTED.clone();
    for step in steps(data) {
        cluster.take(&step);
    }
    let mut again = MetadataLoader::default();
    for (offset, bytes) in (0..).zip(&cluster.log) {
        let record = records::decode(Offset(offset), bytes).expect("read once before");
        again.replay(Offset(offset), &record).expect("replayed once before");
    }
    assert!(again.image() == cluster.loader.image(), "another image from the same log");
}

struct Groups {
    runtime: Runtime<GroupCoordinator>,
    log: Vec<CoordinatorRecord>,
    now: Now,
    asked: u64,
}

impl Groups {
    fn new() -> Self {
        let machine = GroupCoordinator::new(GroupConfig::default());
        let mut runtime = Runtime::new(machine, RuntimeConfig::default());
        let now = Now::at_ms(1_000_000);
        runtime.loaded(now, Offset::ZERO, Offset::ZERO);
        Self { runtime, log: vec![], now, asked: 0 }
    }

    fn ask(&mut self, version: i16, request: Request<'_>) {
        self.asked += 1;
        let proposal = self.runtime.propose(self.now, ReplyToken(self.asked), request);
        self.carry_out(version, proposal);
    }

    fn carry_out(&mut self, version: i16, proposal: Proposal<GroupCoordinator>) {
        let base_offset = Offset(self.log.len() as i64);
        self.log.extend_from_slice(proposal.records());
        let mut replies = self.runtime.conclude(self.now, proposal, Ok(base_offset));
        replies.extend(self.runtime.committed(Offset(self.log.len() as i64)));
        let newest = ReplyToken(self.asked);
        for Reply { response, .. } in replies.into_iter().filter(|reply| reply.token == newest) {
            match response.for_version(version) {
                Response::JoinGroup(answer) => writable(&answer, version),
                Response::SyncGroup(answer) => writable(&answer, version),
                Response::Heartbeat(answer) => writable(&answer, version),
                Response::LeaveGroup(answer) => writable(&answer, version),
                Response::DescribeGroups(answer) => writable(&answer, version),
                Response::ListGroups(answer) => writable(&answer, version),
                Response::DeleteGroups(answer) => writable(&answer, version),
                Response::OffsetCommit(answer) => writable(&answer, version),
                Response::TxnOffsetCommit(answer) => writable(&answer, version),
                Response::OffsetDelete(answer) => writable(&answer, version),
                Response::ConsumerGroupHeartbeat(answer) => writable(&answer, version),
                Response::ConsumerGroupDescribe(answer) => writable(&answer, version),
                Response::OffsetFetch(_) | Response::TopicsDeleted { .. } => {}
            }
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        self.runtime.overdue(self.now);
        while let Some(proposal) = self.runtime.due(self.now) {
            self.carry_out(0, proposal);
        }
    }

    fn take(&mut self, step: &Step<'_>) -> Option<()> {
        let version = step.version;
        match step.kind {
            0xf0..=0xf7 => {
                let context = ConsumerContext {
                    version,
                    client_id: "c",
                    client_host: "/127.0.0.1",
                    member_uuid: Uuid(u128::from(self.asked).to_be_bytes()),
                    topics: &SomeTopics,
                    settings: ConsumerGroupSettings::default(),
                };
                let request: ConsumerGroupHeartbeatRequest<'_> = step.decode()?;
                self.ask(version, Request::ConsumerGroupHeartbeat(context, &request));
                return Some(());
            }
            0xf8..=0xff => {
                let request: ConsumerGroupDescribeRequest<'_> = step.decode()?;
                self.ask(version, Request::ConsumerGroupDescribe(&SomeTopics, &request.group_ids));
                return Some(());
            }
            _ => {}
        }
        match step.kind % 11 {
            0 => {
                let member_uuid = Uuid(u128::from(self.asked).to_be_bytes());
                let context = JoinContext {
                    version,
                    client_id: "c",
                    client_host: "/127.0.0.1",
                    member_uuid,
                    topics: &SomeTopics,
                };
                self.ask(version, Request::JoinGroup(context, &step.decode::<JoinGroupRequest<'_>>()?));
            }
            1 => self.ask(version, Request::SyncGroup(&SomeTopics, &step.decode::<SyncGroupRequest<'_>>()?)),
            2 => self.ask(version, Request::Heartbeat(&SomeTopics, &step.decode::<HeartbeatRequest<'_>>()?)),
            3 => self.ask(
                version,
                Request::LeaveGroup(version, &SomeTopics, &step.decode::<LeaveGroupRequest<'_>>()?),
            ),
            4 => {
                let request: DescribeGroupsRequest<'_> = step.decode()?;
                self.ask(version, Request::DescribeGroups(version, &request.groups));
            }
            5 => self.ask(version, Request::ListGroups(&step.decode::<ListGroupsRequest<'_>>()?)),
            6 => {
                let request: DeleteGroupsRequest<'_> = step.decode()?;
                self.ask(version, Request::DeleteGroups(&request.groups_names));
            }
            7 => {
                let request: OffsetCommitRequest<'_> = step.decode()?;
                self.ask(version, Request::OffsetCommit(version, &request));
            }
            8 => {
                let request: OffsetFetchRequest<'_> = step.decode()?;
                for group in coordinator::group::offset_fetch::groups_of(version, &request) {
                    self.ask(version, Request::OffsetFetch(&group, request.require_stable));
                }
            }
            9 => self.ask(version, Request::OffsetDelete(&step.decode::<OffsetDeleteRequest<'_>>()?)),
            _ => self.pass(u64::from(version.unsigned_abs()) * 1000),
        }
        Some(())
    }
}

/// The topics `t0` to `t3`, with as many partitions as their number.
#[derive(Debug)]
struct SomeTopics;

impl SomeTopics {
    const NAMES: [&'static str; 4] = ["t0", "t1", "t2", "t3"];

    fn numbered(number: usize) -> Option<Topic<'static>> {
        let name = Self::NAMES.get(number)?;
        Some(Topic { name, id: Uuid((number as u128).to_be_bytes()), partition_count: number as i32 })
    }
}

impl Topics for SomeTopics {
    fn version(&self) -> i64 {
        1
    }

    fn by_name(&self, name: &str) -> Option<Topic<'_>> {
        Self::numbered(Self::NAMES.iter().position(|known| *known == name)?)
    }

    fn by_id(&self, id: Uuid) -> Option<Topic<'_>> {
        Self::numbered(usize::try_from(u128::from_be_bytes(id.0)).ok()?)
    }

    fn all(&self) -> Box<dyn Iterator<Item = Topic<'_>> + '_> {
        let names = 0..Self::NAMES.len();
        Box::new(names.filter_map(|number| -> Option<Topic<'_>> { Self::numbered(number) }))
    }

    fn racks(&self, _id: Uuid, _partition: i32) -> Vec<&str> {
        vec!["r"]
    }
}

/// The group coordinator under requests of members and of admins, with time that passes.
pub fn groups(data: &[u8]) {
    let mut groups = Groups::new();
    for step in steps(data) {
        groups.take(&step);
    }
    let mut again = Runtime::new(GroupCoordinator::new(GroupConfig::default()), RuntimeConfig::default());
    for (offset, record) in (0..).zip(&groups.log) {
        again.load(Offset(offset), record).expect("what was decided can be replayed");
    }
    let (once, twice) = (groups.runtime.machine().durable(), again.machine().durable());
    assert!(once == twice, "another state from the same log");
}
