//! Random clients against one coordinator, in virtual time: they join, sync, heartbeat, commit, leave and crash; answers
//! are lost, appends fail, commits stall, and the coordinator is replayed from its log at any moment. One seed is one run.

use std::collections::BTreeMap;

use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest,
    SyncGroupRequest, SyncGroupResponse,
};
use protocol::wire::Str;
use protocol::{ErrorCode, Uuid};
use stdx::Random;

use super::harness::{Entry, Shell, subscription};
use super::modern::testing::TestTopics;
use super::{GroupConfig, GroupCoordinator, GroupState, JoinContext, Request, Response, Soft};
use crate::CommitError;
use crate::runtime::{Machine as _, Reply, ReplyToken};

const GROUPS: [&str; 2] = ["g", "h"];
const PARTITIONS: u8 = 6;
/// The newest version of JoinGroup, with the peculiarities of all.
const JOIN_VERSIONS: [i16; 3] = [2, 5, 9];

/// A consumer as simple as they come.
#[derive(Debug, Default)]
struct Client {
    group: usize,
    instance: Option<String>,
    version: i16,
    member_id: String,
    generation_id: i32,
    /// The members, when it leads.
    members: Vec<String>,
    /// What it owns in its generation.
    assignment: Option<Vec<u8>>,
    asked: Option<ReplyToken>,
    in_generation: bool,
    topics: &'static str,
}

/// What one run has done and seen; two runs of one seed are equal.
type Trace = Vec<String>;

struct Simulation {
    random: Random,
    shell: Shell,
    clients: Vec<Client>,
    /// Every request that was not answered: who asked.
    unanswered: BTreeMap<ReplyToken, usize>,
    /// What each generation assigned to whom, as its members were told.
    owners: BTreeMap<(usize, i32, u8), String>,
    /// The newest commit of each partition that a client was told of.
    acknowledged: BTreeMap<(usize, u8), i64>,
    /// What each commit that was not answered asks for.
    commits: BTreeMap<ReplyToken, i64>,
    next_offset: i64,
    uuids: u128,
    trace: Trace,
    completed: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        let config = GroupConfig {
            max_size: if random.below(4) == 0 { 3 } else { 100 },
            initial_rebalance_delay_ms: [0, 500, 3_000][random.below(3)],
            ..GroupConfig::default()
        };
        let clients = (0..2 + random.below(6)).map(|index| Client {
            group: random.below(GROUPS.len()),
            instance: (random.below(3) == 0).then(|| format!("instance-{index}")),
            version: JOIN_VERSIONS[random.below(3)],
            topics: "t",
            ..Client::default()
        });
        let clients = clients.collect();
        Self {
            random,
            shell: Shell::new(config),
            clients,
            unanswered: BTreeMap::new(),
            owners: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            commits: BTreeMap::new(),
            next_offset: 0,
            uuids: 0,
            trace: Vec::new(),
            completed: 0,
        }
    }

    fn run(mut self, steps: u32) -> (Trace, usize) {
        for _ in 0..steps {
            self.step();
            self.check_state();
        }
        self.settle();
        (self.trace, self.completed)
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..70 => {
                let client = self.random.below(self.clients.len());
                self.act(client);
            }
            70..85 => {
                let ms = [1, 50, 700, 3_000, 9_000][self.random.below(5)];
                self.trace.push(format!("pass {ms}"));
                self.shell.pass(ms);
            }
            85..90 => {
                let errors = [CommitError::NotLeader, CommitError::NotEnoughReplicas, CommitError::Storage];
                self.shell.append_error = Some(errors[self.random.below(3)]);
            }
            90..95 => {
                self.shell.commits = !self.shell.commits;
                if self.shell.commits {
                    self.shell.commit();
                }
            }
            95..97 => self.fail_over(),
            _ => {
                let client = self.random.below(self.clients.len());
                self.crash(client);
            }
        }
        self.deliver();
    }

    /// The next thing that a client would do.
    fn act(&mut self, index: usize) {
        let client = &self.clients[index];
        if client.asked.is_some() && self.random.below(20) != 0 {
            // It waits; now and then it gives up and asks anew.
            return;
        }
        let token = if !client.in_generation {
            self.join(index)
        } else if client.assignment.is_none() {
            self.sync(index)
        } else {
            match self.random.below(20) {
                0 => self.leave(index),
                1 => {
                    self.clients[index].topics = if self.clients[index].topics == "t" { "t,u" } else { "t" };
                    self.join(index)
                }
                2..12 => self.commit(index),
                _ => self.heartbeat(index),
            }
        };
        self.clients[index].asked = Some(token);
        let asked_before = self.unanswered.insert(token, index);
        assert_eq!(asked_before, None);
    }

    fn join(&mut self, index: usize) -> ReplyToken {
        self.uuids += 1;
        let client = &mut self.clients[index];
        (client.in_generation, client.assignment) = (false, None);
        let client_id = format!("c{index}");
        let context = JoinContext {
            version: client.version,
            client_id: &client_id,
            client_host: "/127.0.0.1",
            member_uuid: Uuid::from_random(self.uuids),
            topics: &TestTopics::default(),
        };
        let metadata = subscription(client.topics);
        let request = JoinGroupRequest {
            group_id: GROUPS[client.group].into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 15_000,
            member_id: client.member_id.as_str().into(),
            group_instance_id: client.instance.as_deref().map(Str::Borrowed),
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol {
                name: "range".into(),
                metadata: metadata.as_slice().into(),
                ..JoinGroupRequestProtocol::default()
            }],
            ..JoinGroupRequest::default()
        };
        self.shell.ask(Request::JoinGroup(context, &request))
    }

    fn sync(&mut self, index: usize) -> ReplyToken {
        let client = &self.clients[index];
        let assignments = client.members.iter().enumerate().map(|(position, member)| {
            let partitions = (0..PARTITIONS).filter(|p| usize::from(*p) % client.members.len() == position);
            SyncGroupRequestAssignment {
                member_id: member.as_str().into(),
                assignment: partitions.collect::<Vec<_>>().into(),
                ..SyncGroupRequestAssignment::default()
            }
        });
        let request = SyncGroupRequest {
            group_id: GROUPS[client.group].into(),
            generation_id: client.generation_id,
            member_id: client.member_id.as_str().into(),
            group_instance_id: client.instance.as_deref().map(Str::Borrowed),
            assignments: assignments.collect(),
            ..SyncGroupRequest::default()
        };
        self.shell.ask(Request::SyncGroup(&TestTopics::default(), &request))
    }

    fn heartbeat(&mut self, index: usize) -> ReplyToken {
        let client = &self.clients[index];
        let request = HeartbeatRequest {
            group_id: GROUPS[client.group].into(),
            generation_id: client.generation_id,
            member_id: client.member_id.as_str().into(),
            group_instance_id: client.instance.as_deref().map(Str::Borrowed),
            ..HeartbeatRequest::default()
        };
        self.shell.ask(Request::Heartbeat(&TestTopics::default(), &request))
    }

    fn leave(&mut self, index: usize) -> ReplyToken {
        let client = &self.clients[index];
        let request = LeaveGroupRequest {
            group_id: GROUPS[client.group].into(),
            members: vec![MemberIdentity {
                member_id: client.member_id.as_str().into(),
                group_instance_id: client.instance.as_deref().map(Str::Borrowed),
                ..MemberIdentity::default()
            }],
            ..LeaveGroupRequest::default()
        };
        let token = self.shell.ask(Request::LeaveGroup(5, &TestTopics::default(), &request));
        self.forget(index);
        token
    }

    /// Commits the next offset of each partition that it owns.
    fn commit(&mut self, index: usize) -> ReplyToken {
        self.next_offset += 1;
        let client = &self.clients[index];
        let partitions = client.assignment.iter().flatten().map(|partition| OffsetCommitRequestPartition {
            partition_index: i32::from(*partition),
            committed_offset: self.next_offset,
            ..OffsetCommitRequestPartition::default()
        });
        let request = OffsetCommitRequest {
            group_id: GROUPS[client.group].into(),
            generation_id_or_member_epoch: client.generation_id,
            member_id: client.member_id.as_str().into(),
            group_instance_id: client.instance.as_deref().map(Str::Borrowed),
            topics: vec![OffsetCommitRequestTopic {
                name: "t".into(),
                partitions: partitions.collect(),
                ..OffsetCommitRequestTopic::default()
            }],
            ..OffsetCommitRequest::default()
        };
        let token = self.shell.ask(Request::OffsetCommit(9, &request));
        self.commits.insert(token, self.next_offset);
        token
    }

    fn forget(&mut self, index: usize) {
        let Client { group, instance, version, topics, .. } = std::mem::take(&mut self.clients[index]);
        self.clients[index] = Client { group, instance, version, topics, ..Client::default() };
    }

    /// The process dies and starts again: its answers go nowhere.
    fn crash(&mut self, index: usize) {
        self.trace.push(format!("crash c{index}"));
        self.forget(index);
    }

    /// The coordinator moves: what was appended and not committed may or may not be in the new leader's log.
    fn fail_over(&mut self) {
        self.trace.push("fail over".to_owned());
        self.shell.append_error = None;
        let uncommitted = self.shell.log_end() - self.shell.high_watermark;
        let survives = self.random.below(uncommitted as usize + 1);
        self.shell.log.truncate(self.shell.high_watermark.0 as usize + survives);
        self.shell.reload();
    }

    fn deliver(&mut self) {
        for Reply { token, response } in self.shell.take_replies() {
            let asker = self.unanswered.remove(&token).expect("every request is answered once");
            self.trace.push(format!("c{asker} {token:?} {response:?}"));
            self.note(asker, &response, token);
            // Lost on the way, or given up on.
            if self.clients[asker].asked != Some(token) || self.random.below(15) == 0 {
                if self.clients[asker].asked == Some(token) {
                    self.clients[asker].asked = None;
                }
                continue;
            }
            self.clients[asker].asked = None;
            match response {
                Response::JoinGroup(join) => self.joined(asker, join),
                Response::SyncGroup(sync) => self.synced(asker, &sync),
                Response::Heartbeat(beat) => self.told(asker, beat.error_code),
                Response::OffsetCommit(commit) => {
                    let error =
                        commit.topics[0].partitions.first().map_or(0, |partition| partition.error_code);
                    self.told(asker, error);
                }
                Response::LeaveGroup(_) => {}
                other => panic!("nobody asked for {other:?}"),
            }
        }
    }

    /// What the coordinator has promised, whether or not the answer arrives.
    fn note(&mut self, asker: usize, response: &Response, token: ReplyToken) {
        let client = &self.clients[asker];
        if let Response::OffsetCommit(commit) = response {
            let offset = self.commits.remove(&token).unwrap();
            for partition in commit.topics[0].partitions.iter().filter(|partition| partition.error_code == 0)
            {
                let key = (client.group, partition.partition_index as u8);
                let newest = self.acknowledged.entry(key).or_default();
                *newest = offset.max(*newest);
            }
        }
    }

    fn joined(&mut self, index: usize, join: JoinGroupResponse<'static>) {
        match ErrorCode::from_code(join.error_code) {
            Some(ErrorCode::None) => {
                self.completed += 1;
                let skips = join.skip_assignment;
                let client = &mut self.clients[index];
                client.member_id = join.member_id.into_owned();
                client.generation_id = join.generation_id;
                client.in_generation = true;
                let members = join.members.into_iter().map(|member| member.member_id.into_owned());
                client.members = if skips { Vec::new() } else { members.collect() };
            }
            Some(ErrorCode::MemberIdRequired) => {
                self.clients[index].member_id = join.member_id.into_owned();
            }
            _ => self.told(index, join.error_code),
        }
    }

    fn synced(&mut self, index: usize, sync: &SyncGroupResponse<'static>) {
        if sync.error_code != 0 {
            return self.told(index, sync.error_code);
        }
        let client = &mut self.clients[index];
        client.assignment = Some(sync.assignment.to_vec());
        let owner = client.instance.clone().unwrap_or_else(|| client.member_id.clone());
        for partition in sync.assignment.iter() {
            let key = (client.group, client.generation_id, *partition);
            let before = self.owners.entry(key).or_insert_with(|| owner.clone());
            assert_eq!(*before, owner, "one owner of a partition in a generation");
        }
    }

    fn told(&mut self, index: usize, error_code: i16) {
        let client = &mut self.clients[index];
        match ErrorCode::from_code(error_code) {
            Some(ErrorCode::None) => {}
            Some(
                ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId | ErrorCode::GroupMaxSizeReached,
            ) => {
                self.forget(index);
            }
            Some(ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration) => {
                (client.in_generation, client.assignment) = (false, None);
            }
            _ => {}
        }
    }

    fn check_state(&mut self) {
        let machine = self.shell.runtime.machine();
        for group in GROUPS {
            let Some(live) = machine.soft.groups.get(group) else { continue };
            assert!(!live.is_idle(), "an idle group costs nothing");
            let awaiting = live.members().filter(|member| member.awaiting_join.is_some()).count();
            assert_eq!(awaiting, live.awaiting_join_count());
            assert!(live.leader.as_deref().is_none_or(|leader| live.has_member(leader)));
            assert_eq!(live.leader.is_some(), live.member_count() > 0);
            let waiting = live.members().any(|member| member.awaiting_sync.is_some());
            assert!(!waiting || live.is(GroupState::CompletingRebalance));
            if live.is(GroupState::Stable) {
                let mut persisted = machine.durable.group(group).cloned().unwrap();
                persisted.state_timestamp_ms = live.state_timestamp_ms();
                assert_eq!(persisted, live.to_metadata(), "a stable group is as persisted");
            }
        }
    }

    /// Replaying the log, or a rewrite of it, gives the durable state; nothing acknowledged has gone back.
    fn check_replay(&mut self) {
        let durable = self.shell.runtime.machine().durable.clone();
        let replay = |records: Vec<_>| {
            let mut machine = GroupCoordinator::new(GroupConfig::default());
            for record in &records {
                machine.replay(protocol::Offset::ZERO, record).unwrap();
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
        for ((group, partition), offset) in &self.acknowledged {
            let committed = durable.offsets.get(GROUPS[*group], "t", i32::from(*partition)).unwrap();
            assert!(committed.offset >= *offset, "{}-{partition} went back", GROUPS[*group]);
        }
    }

    /// No more faults: everybody who asked is answered, and the groups come to rest with every partition owned.
    fn settle(&mut self) {
        self.shell.append_error = None;
        self.shell.commits = true;
        self.shell.commit();
        self.shell.pass(400_000);
        self.deliver();
        assert_eq!(self.unanswered, BTreeMap::new(), "nobody waits for ever");
        self.check_state();
        self.check_replay();
        let soft = &self.shell.runtime.machine().soft;
        assert_eq!(soft, &Soft::default(), "with everybody gone no group has a soft part");
        assert_eq!(self.shell.runtime.timers_len(), 1, "and no timer but that of expiry");
    }
}

fn run(seed: u64) -> (Trace, usize) {
    Simulation::new(seed).run(600)
}

#[test]
fn any_schedule_keeps_what_was_promised() {
    let seeds = std::env::var("SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(300);
    let mut joined = 0;
    for seed in 0..seeds {
        let result = std::panic::catch_unwind(|| run(seed));
        match result {
            Ok((_, completed)) => joined += completed,
            Err(panic) => {
                eprintln!("seed {seed} failed");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(joined > seeds as usize * 5, "the simulation gets somewhere: {joined} joins");
}

#[test]
fn one_seed_is_one_run() {
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).0, run(8).0);
}
