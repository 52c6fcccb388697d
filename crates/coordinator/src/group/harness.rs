//! A shell of one coordinator over a log in memory, and scripts for table tests.
//!
//! A script is a list of steps, each a command and every answer that it sets free, in order. Members are called by
//! their client id; the id that they are given is written as that name and a number: `a#1`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest,
    OffsetDeleteRequest, SyncGroupRequest, TxnOffsetCommitRequest,
};
use protocol::wire::Str;
use protocol::{ErrorCode, Offset, ProducerId, Uuid};
use stdx::Now;

use super::modern::testing::TestTopics;
use super::{DeletedTopic, GroupConfig, GroupCoordinator, JoinContext, Request, Response};
use crate::runtime::{Proposal, Reply, ReplyToken, Runtime, RuntimeConfig};
use crate::{CommitError, CoordinatorRecord};

/// What a log has at an offset.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Record(CoordinatorRecord),
    /// Of a producer's open transaction.
    Transactional(ProducerId, CoordinatorRecord),
    /// The end of a producer's transaction, and whether it commits.
    End(ProducerId, bool),
}

/// A coordinator and its log.
pub(super) struct Shell {
    pub(super) runtime: Runtime<GroupCoordinator>,
    pub(super) log: Vec<Entry>,
    pub(super) now: Now,
    /// What the next append fails with.
    pub(super) append_error: Option<CommitError>,
    pub(super) high_watermark: Offset,
    /// Whether an append is committed at once.
    pub(super) commits: bool,
    config: GroupConfig,
    next_token: u64,
    replies: Vec<Reply<Response>>,
}

impl Shell {
    pub(super) fn new(config: GroupConfig) -> Self {
        let mut shell = Self {
            runtime: Runtime::new(GroupCoordinator::new(config.clone()), RuntimeConfig::default()),
            log: Vec::new(),
            now: Now::at_ms(1_000_000),
            append_error: None,
            high_watermark: Offset::ZERO,
            commits: true,
            config,
            next_token: 0,
            replies: Vec::new(),
        };
        shell.reload();
        shell
    }

    /// A new coordinator from the log.
    pub(super) fn reload(&mut self) {
        let unloaded = self.runtime.unload();
        self.replies.extend(unloaded);
        self.runtime = Runtime::new(GroupCoordinator::new(self.config.clone()), RuntimeConfig::default());
        for (offset, entry) in self.log.iter().enumerate() {
            let offset = Offset(offset as i64);
            match entry {
                Entry::Record(record) => self.runtime.load(offset, record).unwrap(),
                Entry::Transactional(producer_id, record) => {
                    self.runtime.load_transactional(offset, *producer_id, record).unwrap();
                }
                Entry::End(producer_id, committed) => {
                    self.runtime.end_transaction(offset, *producer_id, *committed);
                }
            }
        }
        self.high_watermark = self.log_end();
        self.runtime.loaded(self.now, self.log_end(), self.log_end());
    }

    pub(super) fn log_end(&self) -> Offset {
        Offset(self.log.len() as i64)
    }

    /// The token of the next request.
    pub(super) fn next_token(&self) -> ReplyToken {
        ReplyToken(self.next_token + 1)
    }

    pub(super) fn ask(&mut self, request: Request<'_>) -> ReplyToken {
        self.next_token += 1;
        let token = ReplyToken(self.next_token);
        let proposal = self.runtime.propose(self.now, token, request);
        self.carry_out(proposal);
        token
    }

    /// Lets time pass, firing each timer at its time.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        loop {
            let next_ms = self.runtime.next_deadline_ms().unwrap_or(u64::MAX);
            if next_ms > end.monotonic_ms {
                break;
            }
            self.now = self.now.plus_ms(next_ms.saturating_sub(self.now.monotonic_ms));
            let overdue = self.runtime.overdue(self.now);
            self.replies.extend(overdue);
            while let Some(proposal) = self.runtime.due(self.now) {
                self.carry_out(proposal);
            }
        }
        self.now = end;
    }

    pub(super) fn commit(&mut self) {
        let log_end = self.log_end();
        self.high_watermark = log_end;
        let released = self.runtime.committed(log_end);
        self.replies.extend(released);
    }

    pub(super) fn take_replies(&mut self) -> Vec<Reply<Response>> {
        std::mem::take(&mut self.replies)
    }

    fn carry_out(&mut self, proposal: Proposal<GroupCoordinator>) {
        let appended = if proposal.records().is_empty() {
            Ok(self.log_end())
        } else if let Some(error) = self.append_error.take() {
            Err(error)
        } else {
            let base_offset = self.log_end();
            let records = proposal.records().iter().cloned();
            match proposal.transaction() {
                None => self.log.extend(records.map(Entry::Record)),
                Some(producer) => {
                    self.log.extend(records.map(|record| Entry::Transactional(producer.id, record)));
                }
            }
            Ok(base_offset)
        };
        let released = self.runtime.conclude(self.now, proposal, appended);
        self.replies.extend(released);
        if self.commits {
            self.commit();
        }
    }
}

/// Runs a script against a fresh coordinator.
pub(super) fn check(steps: &[(&str, &str)]) {
    check_with(GroupConfig::default(), steps);
}

/// Runs a script with a configuration.
pub(super) fn check_with(config: GroupConfig, steps: &[(&str, &str)]) {
    let mut script =
        Script { shell: Shell::new(config), members: BTreeMap::new(), asked: BTreeMap::new(), uuids: 0 };
    let mut report = String::new();
    let mut as_expected = true;
    for (command, expect) in steps {
        script.run(command);
        let answers: Vec<_> =
            script.shell.take_replies().into_iter().map(|reply| script.describe(&reply)).collect();
        let answers = answers.join("; ");
        writeln!(report, "{command:40} {answers}").unwrap();
        as_expected &= answers == *expect;
        if !as_expected {
            panic!("after these steps:\n{report}expected: {expect}\nfound:    {answers}");
        }
    }
}

/// What a script knows of a client.
#[derive(Clone, Default)]
struct Client {
    member_id: String,
    generation_id: i32,
}

struct Script {
    shell: Shell,
    members: BTreeMap<String, Client>,
    asked: BTreeMap<ReplyToken, String>,
    uuids: u8,
}

/// The words of a command: names, and options `key=value`.
struct Words<'s> {
    names: Vec<&'s str>,
    options: BTreeMap<&'s str, &'s str>,
}

impl<'s> Words<'s> {
    fn parse(command: &'s str) -> Self {
        let (options, names): (Vec<_>, Vec<_>) =
            command.split_whitespace().partition(|word| word.contains('='));
        Self { names, options: options.into_iter().filter_map(|option| option.split_once('=')).collect() }
    }

    fn text(&self, key: &str, default: &'s str) -> &'s str {
        self.options.get(key).copied().unwrap_or(default)
    }

    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> T {
        self.options.get(key).map_or(default, |text| text.parse().ok().unwrap())
    }
}

impl Script {
    fn run(&mut self, command: &str) {
        let words = Words::parse(command);
        let name = words.names.get(1).copied().unwrap_or("");
        let group = Str::Borrowed(words.text("group", "g"));
        let client = self.members.get(name).cloned().unwrap_or_default();
        let member_id = match words.text("id", "") {
            "" => client.member_id,
            "none" => String::new(),
            other => {
                self.members.get(other).map_or_else(|| other.to_owned(), |client| client.member_id.clone())
            }
        };
        let generation_id = words.number("generation", client.generation_id);
        let instance = words.options.get("instance").map(|id| Str::Borrowed(*id));
        let topics = TestTopics::default();
        let token = match words.names[0] {
            "join" => {
                self.uuids += 1;
                let context = JoinContext {
                    version: words.number("v", 9),
                    client_id: name,
                    client_host: "/127.0.0.1",
                    member_uuid: Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, self.uuids]),
                    topics: &topics,
                };
                let protocols = words.text("protocols", "range").split(',').filter(|name| !name.is_empty());
                let metadata = subscription(words.text("topics", "t"));
                let request = JoinGroupRequest {
                    group_id: group,
                    member_id: member_id.into(),
                    group_instance_id: instance,
                    session_timeout_ms: words.number("session", 10_000),
                    rebalance_timeout_ms: words.number("rebalance", 60_000),
                    protocol_type: words.text("type", "consumer").into(),
                    protocols: protocols
                        .map(|name| JoinGroupRequestProtocol {
                            name: name.into(),
                            metadata: metadata.as_slice().into(),
                            ..JoinGroupRequestProtocol::default()
                        })
                        .collect(),
                    ..JoinGroupRequest::default()
                };
                self.shell.ask(Request::JoinGroup(context, &request))
            }
            "sync" => {
                let assignments = words.text("assign", "").split(',').filter_map(|one| one.split_once(':'));
                let request = SyncGroupRequest {
                    group_id: group,
                    generation_id,
                    member_id: member_id.into(),
                    group_instance_id: instance,
                    protocol_type: words.options.get("type").map(|name| Str::Borrowed(*name)),
                    protocol_name: words.options.get("protocol").map(|name| Str::Borrowed(*name)),
                    assignments: assignments
                        .map(|(name, assignment)| SyncGroupRequestAssignment {
                            member_id: self.members[name].member_id.clone().into(),
                            assignment: assignment.as_bytes().into(),
                            ..SyncGroupRequestAssignment::default()
                        })
                        .collect(),
                    ..SyncGroupRequest::default()
                };
                self.shell.ask(Request::SyncGroup(&topics, &request))
            }
            "beat" => {
                let request = HeartbeatRequest {
                    group_id: group,
                    generation_id,
                    member_id: member_id.into(),
                    group_instance_id: instance,
                    ..HeartbeatRequest::default()
                };
                self.shell.ask(Request::Heartbeat(&topics, &request))
            }
            "leave" => {
                let members = name.split(',').map(|name| MemberIdentity {
                    member_id: match (self.members.get(name), &instance) {
                        (Some(client), _) => client.member_id.clone().into(),
                        (None, Some(_)) => Str::Borrowed(""),
                        (None, None) => name.into(),
                    },
                    group_instance_id: instance.clone(),
                    ..MemberIdentity::default()
                });
                let request = LeaveGroupRequest {
                    group_id: group.clone(),
                    member_id: member_id.into(),
                    members: members.collect(),
                    ..LeaveGroupRequest::default()
                };
                self.shell.ask(Request::LeaveGroup(words.number("v", 5), &topics, &request))
            }
            "commit" => {
                let alone = name.is_empty() || !self.members.contains_key(name);
                let (topic, partition) = words.text("at", "t-0").rsplit_once('-').unwrap();
                let request = OffsetCommitRequest {
                    group_id: group,
                    generation_id_or_member_epoch: words
                        .number("generation", if alone { -1 } else { generation_id }),
                    member_id: member_id.into(),
                    group_instance_id: instance,
                    retention_time_ms: words.number("retention", -1),
                    topics: vec![OffsetCommitRequestTopic {
                        name: topic.into(),
                        topic_id: topic_id(words.number("topic-id", 0)),
                        partitions: vec![OffsetCommitRequestPartition {
                            partition_index: partition.parse().unwrap(),
                            committed_offset: words.number("offset", 1),
                            committed_leader_epoch: words.number("epoch", -1),
                            committed_metadata: words
                                .options
                                .get("metadata")
                                .map(|text| Str::Borrowed(*text)),
                            ..OffsetCommitRequestPartition::default()
                        }],
                        ..OffsetCommitRequestTopic::default()
                    }],
                    ..OffsetCommitRequest::default()
                };
                self.shell.ask(Request::OffsetCommit(words.number("v", 9), &request))
            }
            "txn-commit" => {
                let alone = !self.members.contains_key(name);
                let (topic, partition) = words.text("at", "t-0").rsplit_once('-').unwrap();
                let request = TxnOffsetCommitRequest {
                    group_id: group,
                    producer_id: words.number("producer", -1),
                    generation_id_or_member_epoch: words
                        .number("generation", if alone { -1 } else { generation_id }),
                    member_id: member_id.into(),
                    group_instance_id: instance,
                    topics: vec![TxnOffsetCommitRequestTopic {
                        name: topic.into(),
                        topic_id: topic_id(words.number("topic-id", 0)),
                        partitions: vec![TxnOffsetCommitRequestPartition {
                            partition_index: partition.parse().unwrap(),
                            committed_offset: words.number("offset", 1),
                            ..TxnOffsetCommitRequestPartition::default()
                        }],
                        ..TxnOffsetCommitRequestTopic::default()
                    }],
                    ..TxnOffsetCommitRequest::default()
                };
                self.shell.ask(Request::TxnOffsetCommit(&request))
            }
            "end" => {
                let producer_id = ProducerId(words.number("producer", -1));
                let committed = words.number("commit", 0) == 1;
                self.shell.runtime.end_transaction(self.shell.log_end(), producer_id, committed);
                self.shell.log.push(Entry::End(producer_id, committed));
                return self.shell.commit();
            }
            "fetch" => {
                let topics = words.options.get("at").map(|at| {
                    let (topic, partition) = at.rsplit_once('-').unwrap();
                    vec![OffsetFetchRequestTopics {
                        name: topic.into(),
                        topic_id: topic_id(words.number("topic-id", 0)),
                        partition_indexes: vec![partition.parse().unwrap()],
                        ..OffsetFetchRequestTopics::default()
                    }]
                });
                let request =
                    OffsetFetchRequestGroup { group_id: group, topics, ..OffsetFetchRequestGroup::default() };
                self.shell.ask(Request::OffsetFetch(&request, words.number("stable", 0) == 1))
            }
            "delete-offset" => {
                let (topic, partition) = words.text("at", "t-0").rsplit_once('-').unwrap();
                let request = OffsetDeleteRequest {
                    group_id: group,
                    topics: vec![OffsetDeleteRequestTopic {
                        name: topic.into(),
                        partitions: vec![OffsetDeleteRequestPartition {
                            partition_index: partition.parse().unwrap(),
                            ..OffsetDeleteRequestPartition::default()
                        }],
                        ..OffsetDeleteRequestTopic::default()
                    }],
                    ..OffsetDeleteRequest::default()
                };
                self.shell.ask(Request::OffsetDelete(&request))
            }
            "delete" => self.shell.ask(Request::DeleteGroups(&[group])),
            "describe" => self.shell.ask(Request::DescribeGroups(words.number("v", 6), &[group])),
            "list" => {
                let filter =
                    |key| words.options.get(key).map(|name| Str::Borrowed(*name)).into_iter().collect();
                let request = ListGroupsRequest {
                    states_filter: filter("state"),
                    types_filter: filter("type"),
                    ..ListGroupsRequest::default()
                };
                self.shell.ask(Request::ListGroups(&request))
            }
            "topic-deleted" => {
                let topic = DeletedTopic { name, id: topic_id(words.number("topic-id", 0)) };
                self.shell.ask(Request::TopicsDeleted(&[topic]))
            }
            "pass" => return self.shell.pass(name.parse().unwrap()),
            "max-size" => {
                self.shell.config.max_size = name.parse().unwrap();
                return;
            }
            "restart" => return self.shell.reload(),
            "fail-append" => {
                self.shell.append_error = Some(match name {
                    "not-leader" => CommitError::NotLeader,
                    "too-large" => CommitError::TooLarge,
                    _ => CommitError::NotEnoughReplicas,
                });
                return;
            }
            "stop-commits" => {
                self.shell.commits = false;
                return;
            }
            "commit-log" => {
                self.shell.commits = true;
                return self.shell.commit();
            }
            other => panic!("no command {other}"),
        };
        self.asked.insert(token, name.to_owned());
    }

    /// An answer as scripts write it; what it says of the member is remembered.
    fn describe(&mut self, reply: &Reply<Response>) -> String {
        let name = self.asked.remove(&reply.token).expect("each is answered once");
        let error = |code: i16| match ErrorCode::from_code(code) {
            Some(ErrorCode::None) => "ok",
            Some(error) => error.name(),
            None => "?",
        };
        let said = match &reply.response {
            Response::JoinGroup(join) => {
                let client = self.members.entry(name.clone()).or_default();
                if !join.member_id.is_empty() {
                    client.member_id = join.member_id.to_string();
                }
                if join.generation_id >= 0 {
                    client.generation_id = join.generation_id;
                }
                let mut said = error(join.error_code).to_owned();
                match ErrorCode::from_code(join.error_code) {
                    Some(ErrorCode::None) => {
                        write!(said, " {} generation={}", join.member_id, join.generation_id).unwrap();
                        write!(
                            said,
                            " {} leader={}",
                            join.protocol_name.as_deref().unwrap_or("?"),
                            join.leader
                        )
                        .unwrap();
                        if !join.members.is_empty() {
                            let ids: Vec<_> =
                                join.members.iter().map(|member| member.member_id.as_ref()).collect();
                            write!(said, " members={}", ids.join(",")).unwrap();
                        }
                        if join.skip_assignment {
                            said.push_str(" skip");
                        }
                    }
                    Some(ErrorCode::MemberIdRequired) => write!(said, " {}", join.member_id).unwrap(),
                    _ => {}
                }
                said
            }
            Response::SyncGroup(sync) if sync.error_code == 0 => {
                format!("assigned {}", String::from_utf8_lossy(&sync.assignment)).trim_end().to_owned()
            }
            Response::SyncGroup(sync) => error(sync.error_code).to_owned(),
            Response::Heartbeat(beat) => error(beat.error_code).to_owned(),
            Response::LeaveGroup(leave) => {
                let members = leave.members.iter().map(|member| error(member.error_code));
                std::iter::once(error(leave.error_code)).chain(members).collect::<Vec<_>>().join(" ")
            }
            Response::DescribeGroups(describe) => {
                let group = &describe.groups[0];
                let members: Vec<_> = group
                    .members
                    .iter()
                    .map(|member| {
                        format!("{}={}", member.member_id, String::from_utf8_lossy(&member.member_assignment))
                    })
                    .collect();
                let shape =
                    [&group.group_state, &group.protocol_type, &group.protocol_data].map(AsRef::as_ref);
                format!("{} {} [{}]", error(group.error_code), shape.join("/"), members.join(" "))
            }
            Response::ListGroups(list) => {
                let groups = list.groups.iter().map(|group| {
                    format!(
                        "{}:{}:{}:{}",
                        group.group_id, group.group_type, group.group_state, group.protocol_type
                    )
                });
                std::iter::once(error(list.error_code).to_owned()).chain(groups).collect::<Vec<_>>().join(" ")
            }
            Response::DeleteGroups(delete) => error(delete.results[0].error_code).to_owned(),
            Response::OffsetCommit(commit) => error(commit.topics[0].partitions[0].error_code).to_owned(),
            Response::TxnOffsetCommit(commit) => error(commit.topics[0].partitions[0].error_code).to_owned(),
            Response::OffsetFetch(fetch) => {
                let mut said = error(fetch.error_code).to_owned();
                for topic in &fetch.topics {
                    for partition in &topic.partitions {
                        let (index, offset) = (partition.partition_index, partition.committed_offset);
                        if partition.error_code != 0 {
                            write!(said, " {}-{index}!{}", topic.name, error(partition.error_code)).unwrap();
                            continue;
                        }
                        write!(said, " {}-{index}@{offset}", topic.name).unwrap();
                        if partition.committed_leader_epoch != -1 {
                            write!(said, "/{}", partition.committed_leader_epoch).unwrap();
                        }
                        let metadata = partition.metadata.as_deref().unwrap();
                        if !metadata.is_empty() {
                            write!(said, "({metadata})").unwrap();
                        }
                    }
                }
                said
            }
            Response::OffsetDelete(delete) => {
                let partition = delete.topics.first().map(|topic| error(topic.partitions[0].error_code));
                [error(delete.error_code), partition.unwrap_or("")].join(" ").trim_end().to_owned()
            }
            Response::TopicsDeleted { more, .. } => format!("more={more}"),
            Response::ConsumerGroupHeartbeat(_) | Response::ConsumerGroupDescribe(_) => {
                unreachable!("asked by the scripts of consumer groups")
            }
        };
        let said = said.replace("-00000000-0000-0000-0000-0000000000", "#").replace("#0", "#");
        if name.is_empty() { said } else { format!("{name}: {said}") }
    }
}

fn topic_id(number: u8) -> Uuid {
    Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number])
}

/// The metadata of a consumer that subscribes to some topics; `topics` of `?` is none that Kafka understands.
pub(super) fn subscription(topics: &str) -> Vec<u8> {
    use protocol::messages::ConsumerProtocolSubscription;
    use protocol::wire::Writer;

    if topics == "?" {
        return vec![0xff];
    }
    let mut writer = Writer::new();
    writer.i16(0);
    let topics = topics.split(',').map(Str::Borrowed).collect();
    ConsumerProtocolSubscription { topics, ..ConsumerProtocolSubscription::default() }
        .encode(&mut writer, 0)
        .unwrap();
    writer.into_bytes()
}
