//! Random members, of both protocols, against one coordinator in virtual time: they join, revoke at their leisure, change what
//! they want, leave and crash; topics come, grow and go; answers are lost, appends fail, commits stall, and the coordinator is
//! replayed from its log at any moment. One seed is one run.
//!
//! Whatever happens, nobody who is in good standing has a partition that somebody else in good standing has, and replaying
//! the log gives the same state. Left alone, everybody comes to have what the target says, and that is everything.

use std::collections::{BTreeMap, BTreeSet};

use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ConsumerProtocolSubscription,
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
    SyncGroupResponse,
};
use protocol::wire::{Str, Writer};
use protocol::{ErrorCode, Offset, Uuid};
use stdx::Random;

use crate::CommitError;
use crate::group::consumer::embedded::{read_assignment, write_assignment};
use crate::group::consumer::{ConsumerContext, ConsumerGroupState};
use crate::group::harness::{Entry, Shell};
use crate::group::modern::testing::{TestTopics, id};
use crate::group::modern::{Partitions, Topics as _};
use crate::group::{GroupConfig, GroupCoordinator, JoinContext, Request, Response, Soft};
use crate::runtime::{Machine as _, Reply, ReplyToken};

const GROUP: &str = "g";
const NAMES: [&str; 3] = ["t", "u", "v"];

type Owned = BTreeSet<(Uuid, i32)>;

/// What a client subscribes to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wish {
    Names(&'static [&'static str]),
    Pattern(&'static str),
}

const WISHES: [Wish; 5] = [
    Wish::Names(&["t"]),
    Wish::Names(&["t", "u"]),
    Wish::Names(&["u", "v"]),
    Wish::Pattern("[tu]"),
    Wish::Pattern(".*"),
];

#[derive(Debug)]
struct Client {
    classic: bool,
    instance: Option<String>,
    wish: Wish,
    member_id: String,
    /// The member epoch, or the generation.
    epoch: i32,
    /// What it reads from.
    owned: Owned,
    /// What it was told to have, once it has got to that.
    told: Option<Owned>,
    is_member: bool,
    is_synced: bool,
    /// Those whom it has to assign to.
    followers: Vec<String>,
    asked: Option<ReplyToken>,
    /// An answer did not come, and may have told something: it asks for everything.
    missed: bool,
    incarnation: u32,
    gone: bool,
}

struct Simulation {
    random: Random,
    shell: Shell,
    topics: TestTopics,
    clients: Vec<Client>,
    unanswered: BTreeMap<ReplyToken, usize>,
    /// Where the log can end after a fail-over: a batch is there as a whole or not at all.
    ends: BTreeSet<usize>,
    trace: Vec<String>,
    uuids: u128,
    told: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        let mut config = GroupConfig { initial_rebalance_delay_ms: 500, ..GroupConfig::default() };
        config.consumer.settings.assignment_interval_ms = [0, 0, 1_000][random.below(3)];
        config.consumer.max_size = if random.below(4) == 0 { 3 } else { 100 };
        let mixed = random.below(2) == 0;
        let clients = (0..2 + random.below(6)).map(|index| Client {
            classic: mixed && random.below(2) == 0,
            instance: (random.below(3) == 0).then(|| format!("instance-{index}")),
            wish: WISHES[random.below(if mixed { 2 } else { WISHES.len() })],
            member_id: String::new(),
            epoch: 0,
            owned: Owned::new(),
            told: None,
            is_member: false,
            is_synced: false,
            followers: Vec::new(),
            asked: None,
            missed: false,
            incarnation: 0,
            gone: false,
        });
        let clients = clients.collect();
        let mut topics = TestTopics::default();
        topics.put("t", id(1), 3);
        topics.put("u", id(2), 2);
        Self {
            random,
            shell: Shell::new(config),
            topics,
            clients,
            unanswered: BTreeMap::new(),
            ends: BTreeSet::new(),
            trace: Vec::new(),
            uuids: 0,
            told: 0,
        }
    }

    fn run(mut self) -> (Vec<String>, usize) {
        for _ in 0..600 {
            self.step();
            self.check_owners();
        }
        self.check_replay();
        self.settle();
        (self.trace, self.told)
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..72 => {
                let client = self.random.below(self.clients.len());
                self.act(client);
            }
            72..85 => {
                let ms = [1, 50, 700, 3_000, 12_000][self.random.below(5)];
                self.trace.push(format!("pass {ms}"));
                self.shell.pass(ms);
            }
            85..89 => {
                let errors = [CommitError::NotLeader, CommitError::NotEnoughReplicas, CommitError::Storage];
                self.shell.append_error = Some(errors[self.random.below(3)]);
            }
            89..93 => {
                self.shell.commits = !self.shell.commits;
                if self.shell.commits {
                    self.shell.commit();
                }
            }
            93..95 => self.fail_over(),
            95..97 => self.change_topics(),
            _ => {
                let client = self.random.below(self.clients.len());
                self.trace.push(format!("crash {client}"));
                self.forget(client);
            }
        }
        self.ends.insert(self.shell.log.len());
        self.deliver();
    }

    fn change_topics(&mut self) {
        let name = NAMES[self.random.below(NAMES.len())];
        self.trace.push(format!("change {name}"));
        match self.topics.topics.get(name).copied() {
            Some((id, count)) if count < 6 && self.random.below(3) > 0 => {
                self.topics.put(name, id, count + 1);
            }
            Some(_) => self.topics.remove(name),
            None => {
                let new = id(self.topics.version as u8 | 0x80);
                self.topics.put(name, new, 2);
            }
        }
    }

    fn fail_over(&mut self) {
        self.trace.push("fail over".to_owned());
        self.shell.append_error = None;
        let committed = self.shell.high_watermark.0 as usize;
        let ends: Vec<_> = self.ends.range(committed..).copied().chain([self.shell.log.len()]).collect();
        self.shell.log.truncate(ends[self.random.below(ends.len())]);
        self.ends.retain(|end| *end <= self.shell.log.len());
        self.shell.reload();
    }

    /// The process ends and starts again.
    fn forget(&mut self, index: usize) {
        let client = &mut self.clients[index];
        client.incarnation += 1;
        client.member_id =
            if client.classic { String::new() } else { format!("c{index}-{}", client.incarnation) };
        (client.epoch, client.is_member, client.is_synced) = (0, false, false);
        (client.told, client.asked) = (None, None);
        client.owned.clear();
    }

    /// It is out of the group, or of its epoch, and knows it.
    fn fenced(&mut self, index: usize) {
        let client = &mut self.clients[index];
        (client.epoch, client.is_member, client.is_synced, client.told) = (0, false, false, None);
        client.owned.clear();
    }

    fn act(&mut self, index: usize) {
        let gives_up = self.random.below(20) == 0;
        let client = &mut self.clients[index];
        if client.gone || (client.asked.is_some() && !gives_up) {
            return;
        }
        client.missed |= client.asked.is_some();
        if client.member_id.is_empty() && !client.classic {
            client.member_id = format!("c{index}-0");
        }
        // Giving up takes as long as it takes. Before it says all of itself again it gets to where it was told.
        if (self.random.below(3) > 0 || self.clients[index].missed)
            && let Some(told) = self.clients[index].told.take()
        {
            self.clients[index].owned = told;
        }
        let token =
            if self.clients[index].classic { self.act_classic(index) } else { self.act_consumer(index) };
        self.clients[index].asked = Some(token);
        assert_eq!(self.unanswered.insert(token, index), None);
    }

    fn act_consumer(&mut self, index: usize) -> ReplyToken {
        let what = self.random.below(30);
        let says_owned = self.random.below(2) == 0;
        let next_wish = WISHES[self.random.below(WISHES.len())];
        let client = &mut self.clients[index];
        let joins = !client.is_member;
        if joins {
            client.owned.clear();
            client.told = None;
        }
        let changes = what == 1;
        if changes {
            client.wish = next_wish;
        }
        let leaves = what == 0 && !joins;
        let member_epoch = match (leaves, &client.instance) {
            (true, Some(_)) if says_owned => -2,
            (true, _) => -1,
            _ if joins => 0,
            _ => client.epoch,
        };
        let full = joins || std::mem::take(&mut client.missed);
        // On its way it says nothing of what it has, as that may be more in a moment.
        let owned = (full || (says_owned && client.told.is_none())).then(|| owned_by_topic(&client.owned));
        let (names, regex) = match client.wish {
            Wish::Names(names) => (names.iter().map(|name| Str::Borrowed(*name)).collect(), ""),
            Wish::Pattern(pattern) => (Vec::new(), pattern),
        };
        let member_id = client.member_id.clone();
        let instance_id = client.instance.clone();
        if leaves {
            self.forget(index);
        }
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.into(),
            member_id: member_id.into(),
            member_epoch,
            instance_id: instance_id.map(Str::Owned),
            rebalance_timeout_ms: if full { 20_000 } else { -1 },
            subscribed_topic_names: (full || changes).then_some(names),
            subscribed_topic_regex: (full || changes).then_some(Str::Borrowed(regex)),
            topic_partitions: owned,
            ..ConsumerGroupHeartbeatRequest::default()
        };
        let context = ConsumerContext {
            version: 1,
            client_id: "c",
            client_host: "/127.0.0.1",
            member_uuid: Uuid::ZERO,
            topics: &self.topics,
            settings: self.shell.runtime.machine().config.consumer.settings,
        };
        self.shell.ask(Request::ConsumerGroupHeartbeat(context, &request))
    }

    /// An eager consumer: it gives everything up before it joins.
    fn act_classic(&mut self, index: usize) -> ReplyToken {
        self.uuids += 1;
        let leaves = self.random.below(30) == 0;
        let client = &mut self.clients[index];
        if !client.is_member {
            client.owned.clear();
            client.told = None;
            let Wish::Names(names) = client.wish else { unreachable!("classic members have no patterns") };
            let mut writer = Writer::new();
            writer.i16(1);
            let subscription = ConsumerProtocolSubscription {
                topics: names.iter().map(|name| Str::Borrowed(*name)).collect(),
                ..ConsumerProtocolSubscription::default()
            };
            subscription.encode(&mut writer, 1).unwrap();
            let metadata = writer.into_bytes();
            let request = JoinGroupRequest {
                group_id: GROUP.into(),
                member_id: client.member_id.as_str().into(),
                group_instance_id: client.instance.as_deref().map(Str::Borrowed),
                session_timeout_ms: 30_000,
                rebalance_timeout_ms: 20_000,
                protocol_type: "consumer".into(),
                protocols: vec![JoinGroupRequestProtocol {
                    name: "range".into(),
                    metadata: metadata.as_slice().into(),
                    ..JoinGroupRequestProtocol::default()
                }],
                ..JoinGroupRequest::default()
            };
            let context = JoinContext {
                version: 9,
                client_id: "c",
                client_host: "/127.0.0.1",
                member_uuid: Uuid::from_random(self.uuids),
                topics: &self.topics,
            };
            return self.shell.ask(Request::JoinGroup(context, &request));
        }
        let member_id = Str::Owned(client.member_id.clone());
        let group_instance_id = client.instance.clone().map(Str::Owned);
        let generation_id = client.epoch;
        if !client.is_synced {
            // What a leader thinks up: all of `t`, one by one.
            let followers = std::mem::take(&mut client.followers);
            let count = self.topics.by_name("t").map_or(0, |topic| topic.partition_count);
            let assignments = followers.iter().enumerate().map(|(place, follower)| {
                let t = self.topics.by_name("t").map(|topic| topic.id);
                let mine = (0..count).filter(|partition| *partition as usize % followers.len() == place);
                let mine = mine.filter_map(|partition| Some((t?, partition)));
                SyncGroupRequestAssignment {
                    member_id: follower.as_str().into(),
                    assignment: write_assignment(mine, &self.topics, &[0, 1]).to_vec().into(),
                    ..SyncGroupRequestAssignment::default()
                }
            });
            let request = SyncGroupRequest {
                group_id: GROUP.into(),
                generation_id,
                member_id,
                group_instance_id,
                assignments: assignments.collect(),
                ..SyncGroupRequest::default()
            };
            return self.shell.ask(Request::SyncGroup(&self.topics, &request));
        }
        if leaves {
            self.forget(index);
            let identity = MemberIdentity { member_id, group_instance_id, ..MemberIdentity::default() };
            let members = vec![identity];
            let request =
                LeaveGroupRequest { group_id: GROUP.into(), members, ..LeaveGroupRequest::default() };
            return self.shell.ask(Request::LeaveGroup(5, &self.topics, &request));
        }
        let group_id = GROUP.into();
        let request =
            HeartbeatRequest { group_id, generation_id, member_id, group_instance_id, ..Default::default() };
        self.shell.ask(Request::Heartbeat(&self.topics, &request))
    }

    fn deliver(&mut self) {
        for Reply { token, response } in self.shell.take_replies() {
            let asker = self.unanswered.remove(&token).expect("every request is answered once");
            self.trace.push(format!("c{asker} {token:?} {response:?}"));
            if self.clients[asker].asked != Some(token) {
                continue;
            }
            self.clients[asker].asked = None;
            if self.random.below(15) == 0 {
                // Lost on the way.
                self.clients[asker].missed = true;
                continue;
            }
            match response {
                Response::ConsumerGroupHeartbeat(beat) => self.told(asker, &beat),
                Response::JoinGroup(join) => self.joined(asker, join),
                Response::SyncGroup(sync) => self.synced(asker, &sync),
                Response::Heartbeat(beat) => self.failed(asker, beat.error_code),
                Response::LeaveGroup(_) => {}
                other => panic!("nobody asked for {other:?}"),
            }
        }
    }

    fn told(&mut self, index: usize, beat: &ConsumerGroupHeartbeatResponse<'_>) {
        if beat.error_code != 0 {
            return self.failed(index, beat.error_code);
        }
        if beat.member_epoch < 0 || beat.member_id.as_deref() != Some(&self.clients[index].member_id) {
            return;
        }
        self.told += 1;
        let client = &mut self.clients[index];
        (client.is_member, client.epoch) = (true, beat.member_epoch);
        if let Some(assignment) = &beat.assignment {
            let told = assignment
                .topic_partitions
                .iter()
                .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, *partition)));
            client.told = Some(told.collect());
        }
    }

    fn joined(&mut self, index: usize, join: JoinGroupResponse<'_>) {
        let client = &mut self.clients[index];
        match ErrorCode::from_code(join.error_code) {
            Some(ErrorCode::None) => {
                client.followers = join.members.iter().map(|member| member.member_id.to_string()).collect();
                client.member_id = join.member_id.into_owned();
                (client.is_member, client.is_synced, client.epoch) = (true, false, join.generation_id);
            }
            Some(ErrorCode::MemberIdRequired) => client.member_id = join.member_id.into_owned(),
            _ => self.failed(index, join.error_code),
        }
    }

    fn synced(&mut self, index: usize, sync: &SyncGroupResponse<'_>) {
        if sync.error_code != 0 {
            return self.failed(index, sync.error_code);
        }
        let client = &mut self.clients[index];
        client.is_synced = true;
        let assigned = read_assignment(&sync.assignment, &self.topics).unwrap_or_default();
        client.owned = assigned.iter().collect();
    }

    fn failed(&mut self, index: usize, error_code: i16) {
        let client = &mut self.clients[index];
        match ErrorCode::from_code(error_code) {
            Some(ErrorCode::UnknownMemberId) if client.classic => self.forget(index),
            Some(ErrorCode::FencedInstanceId | ErrorCode::GroupMaxSizeReached) => self.forget(index),
            Some(
                ErrorCode::FencedMemberEpoch
                | ErrorCode::UnknownMemberId
                | ErrorCode::GroupIdNotFound
                | ErrorCode::RebalanceInProgress
                | ErrorCode::IllegalGeneration,
            ) => self.fenced(index),
            // Whether it was carried out is not known.
            _ => client.missed = true,
        }
    }

    fn check_owners(&self) {
        let machine = self.shell.runtime.machine();
        let mut taken: BTreeMap<(Uuid, i32), &str> = BTreeMap::new();
        let Some(group) = machine.durable.consumer.get(GROUP) else { return };
        for (member_id, member) in group.members() {
            for partition in member.current.owned() {
                let before = taken.insert(partition, member_id);
                assert_eq!(before, None, "{partition:?} is also of {member_id}");
                assert_eq!(group.owner(partition.0, partition.1), Some(member_id));
            }
        }
        for client in &self.clients {
            let Some(member) = group.member(&client.member_id).filter(|_| client.is_member) else { continue };
            let current = member.current;
            if ![current.member_epoch, current.previous_member_epoch].contains(&client.epoch) {
                continue;
            }
            for partition in &client.owned {
                assert_eq!(taken.get(partition), Some(&&*client.member_id), "{client:?} has what is not its");
            }
        }
    }

    /// Replaying the log, or a rewrite of it, gives the durable state.
    fn check_replay(&self) {
        let durable = self.shell.runtime.machine().durable.clone();
        let replay = |records: Vec<_>| {
            let mut machine = GroupCoordinator::new(GroupConfig::default());
            for record in &records {
                machine.replay(Offset::ZERO, record).unwrap();
            }
            machine
        };
        let record = |entry: &Entry| match entry {
            Entry::Record(record) => record.clone(),
            other => panic!("nobody writes {other:?} here"),
        };
        let replayed = replay(self.shell.log.iter().map(record).collect());
        assert_eq!(replayed.durable, durable);
        let rewritten = replayed.snapshot_records().collect::<Result<_, _>>().unwrap();
        assert_eq!(replay(rewritten).durable, durable);
    }

    /// No more faults, and nobody comes or goes: the group comes to rest, and everything is read by one of those who want it.
    fn settle(&mut self) {
        self.trace.push("settle".to_owned());
        self.shell.append_error = None;
        self.shell.commits = true;
        self.shell.commit();
        self.deliver();
        if self.topics.by_name("t").is_none() {
            self.topics.put("t", id(250), 3);
        }
        // Whoever was forgotten by the others is forgotten by the coordinator first.
        self.shell.pass(100_000);
        self.deliver();
        for index in 0..self.clients.len() {
            self.forget(index);
        }
        let wants: Vec<Wish> = self.clients.iter().map(|client| client.wish).collect();
        for _ in 0..60 {
            for (index, wish) in wants.iter().enumerate() {
                self.clients[index].wish = *wish;
                self.beat(index);
            }
            self.shell.pass(1_000);
            self.deliver();
            self.check_owners();
        }
        let machine = self.shell.runtime.machine();
        if let Some(group) = machine.durable.consumer.get(GROUP) {
            assert_eq!(group.state(), ConsumerGroupState::Stable);
            let mut read: Vec<_> = self.clients.iter().flat_map(|client| &client.owned).copied().collect();
            read.sort_unstable();
            let all = group.subscribed_topics().into_iter().filter_map(|name| self.topics.by_name(name));
            let all: Partitions =
                all.flat_map(|topic| (0..topic.partition_count).map(move |p| (topic.id, p))).collect();
            assert_eq!(read, all.iter().collect::<Vec<_>>(), "all is read, once");
        }
        self.check_replay();
        for client in &mut self.clients {
            client.gone = true;
        }
        self.shell.pass(400_000);
        self.deliver();
        assert_eq!(self.unanswered, BTreeMap::new(), "nobody waits for ever");
        self.check_replay();
        assert_eq!(self.shell.runtime.machine().soft, Soft::default(), "with everybody gone nothing is kept");
        assert_eq!(self.shell.runtime.timers_len(), 1, "and no timer but that of expiry");
    }

    /// What a client without faults does.
    fn beat(&mut self, index: usize) {
        if self.clients[index].asked.is_some() {
            return;
        }
        if self.clients[index].member_id.is_empty() && !self.clients[index].classic {
            self.clients[index].member_id = format!("c{index}-0");
        }
        if let Some(told) = self.clients[index].told.take() {
            self.clients[index].owned = told;
        }
        let token = loop {
            // The same as in the chaos, but for leaving and changing one's mind.
            let before = (self.clients[index].wish, self.clients[index].incarnation);
            let random = self.random.clone();
            let draw = self.random.below(30);
            if draw > 1 {
                self.random = random;
                let token = if self.clients[index].classic {
                    self.act_classic(index)
                } else {
                    self.act_consumer(index)
                };
                assert_eq!(before, (self.clients[index].wish, self.clients[index].incarnation));
                break token;
            }
        };
        self.clients[index].asked = Some(token);
        self.unanswered.insert(token, index);
        self.deliver();
    }
}

fn owned_by_topic(owned: &Owned) -> Vec<TopicPartitions> {
    let partitions: Partitions = owned.iter().copied().collect();
    let topics = partitions.topics().map(|(topic_id, partitions)| TopicPartitions {
        topic_id,
        partitions: partitions.iter().copied().collect(),
        ..TopicPartitions::default()
    });
    topics.collect()
}

#[test]
fn any_schedule_keeps_what_was_promised() {
    let seeds = std::env::var("SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(100);
    let mut told = 0;
    for seed in 0..seeds {
        let result = std::panic::catch_unwind(|| Simulation::new(seed).run());
        match result {
            Ok((_, count)) => told += count,
            Err(panic) => {
                eprintln!("seed {seed} failed");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(told > seeds as usize * 50, "the simulation gets somewhere: {told} answers");
}

#[test]
fn one_seed_is_one_run() {
    assert_eq!(Simulation::new(7).run(), Simulation::new(7).run());
    assert_ne!(Simulation::new(7).run().0, Simulation::new(8).run().0);
}
