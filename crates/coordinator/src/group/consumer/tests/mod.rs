//! Scripts against a coordinator over a log in memory, as in the harness of the classic protocol: a list of steps, each a
//! command and the answers that it sets free.
//!
//! Members are called by their id. A client remembers the epoch and the partitions that it was told, and says so where the
//! command wants it: `beat` says nothing but the epoch, `ack` says what it has.

mod heartbeat;
mod migration;
mod offsets;
mod records;
mod simulation;
mod statics;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedPartition;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, SyncGroupRequest,
};
use protocol::wire::{Str, Writer};
use protocol::{ErrorCode, Uuid};

use super::embedded::{read_assignment, write_assignment};
use super::{ConsumerContext, ConsumerGroupSettings};
use crate::group::harness::Shell;
use crate::group::modern::Topics as _;
use crate::group::modern::testing::{TestTopics, id};
use crate::group::{GroupConfig, JoinContext, Request, Response};
use crate::runtime::{Reply, ReplyToken};

/// Runs a script against a fresh coordinator and the topics `t` (3 partitions) and `u` (2).
fn check(steps: &[(&str, &str)]) {
    check_with(config(), steps);
}

/// Every change of a group gets a target at once.
fn config() -> GroupConfig {
    let mut config = GroupConfig::default();
    config.consumer.settings.assignment_interval_ms = 0;
    config
}

fn check_with(config: GroupConfig, steps: &[(&str, &str)]) {
    let mut script = Script::new(config);
    let mut report = String::new();
    for (command, expect) in steps {
        let found = script.run(command);
        writeln!(report, "{command:40} {found}").unwrap();
        assert_eq!(found, *expect, "after these steps:\n{report}");
    }
}

#[derive(Clone, Debug, Default)]
struct Client {
    member_id: String,
    epoch: i32,
    owned: Vec<(Uuid, i32)>,
}

struct Script {
    shell: Shell,
    topics: TestTopics,
    settings: ConsumerGroupSettings,
    clients: BTreeMap<String, Client>,
    /// Who asked last.
    asking: String,
    /// Which classic member waits for which answer.
    asked: BTreeMap<ReplyToken, String>,
    uuids: u8,
    /// When the last who sent a heartbeat is to come back.
    interval_ms: i32,
}

impl Script {
    fn new(config: GroupConfig) -> Self {
        let mut topics = TestTopics::default();
        topics.put("t", id(1), 3);
        topics.put("u", id(2), 2);
        let settings = config.consumer.settings;
        let clients = BTreeMap::new();
        Self {
            shell: Shell::new(config),
            topics,
            settings,
            clients,
            asking: String::new(),
            asked: BTreeMap::new(),
            uuids: 0,
            interval_ms: 0,
        }
    }

    fn run(&mut self, command: &str) -> String {
        let (options, words): (Vec<_>, Vec<_>) =
            command.split_whitespace().partition(|word| word.contains('='));
        let options: BTreeMap<_, _> = options.into_iter().filter_map(|word| word.split_once('=')).collect();
        let name = words.get(1).copied().unwrap_or("");
        self.asking = name.to_owned();
        match words[0] {
            "topic" => {
                let count = words[2].parse().unwrap();
                let known = self.topics.by_name(name).map(|topic| topic.id);
                let id = known.unwrap_or_else(|| id(self.topics.version as u8 + 1));
                self.topics.put(name, id, count);
            }
            "no-topic" => self.topics.remove(name),
            "interval" => return self.interval_ms.to_string(),
            "pass" => self.shell.pass(name.parse().unwrap()),
            "restart" => self.shell.reload(),
            "fail-append" => self.shell.append_error = Some(crate::CommitError::NotEnoughReplicas),
            "describe" => {
                let groups = [Str::Borrowed("g")];
                self.shell.ask(Request::ConsumerGroupDescribe(&self.topics, &groups));
            }
            "describe-classic" => {
                self.shell.ask(Request::DescribeGroups(6, &[Str::Borrowed("g")]));
            }
            "delete" => {
                self.shell.ask(Request::DeleteGroups(&[Str::Borrowed("g")]));
            }
            "list" => {
                self.shell.ask(Request::ListGroups(&ListGroupsRequest::default()));
            }
            "commit" => self.commit(&options),
            "fetch" => {
                let client = self.clients.get(name).cloned().unwrap_or_default();
                let epoch = options.get("epoch").map_or(client.epoch, |epoch| epoch.parse().unwrap());
                let request = OffsetFetchRequestGroup {
                    group_id: "g".into(),
                    member_id: (!name.is_empty()).then(|| name.to_owned().into()),
                    member_epoch: if name.is_empty() { -1 } else { epoch },
                    topics: None,
                    ..OffsetFetchRequestGroup::default()
                };
                self.shell.ask(Request::OffsetFetch(&request, false));
            }
            "classic-join" | "classic-sync" | "classic-beat" | "classic-leave" => {
                self.classic(words[0], &options);
            }
            kind => self.heartbeat(kind, &options),
        }
        let replies = self.shell.take_replies();
        replies.into_iter().map(|reply| self.describe(&reply)).collect::<Vec<_>>().join("; ")
    }

    fn heartbeat(&mut self, kind: &str, options: &BTreeMap<&str, &str>) {
        let name = self.asking.clone();
        let client = self.clients.entry(name.clone()).or_default().clone();
        let epoch = match kind {
            "join" => 0,
            "leave" => -1,
            "pause" => -2,
            _ => client.epoch,
        };
        let known_id = if client.member_id.is_empty() { name } else { client.member_id };
        let member_id = options.get("id").map_or(known_id, |id| (*id).to_owned());
        let list = |key: &str| {
            let list = options.get(key)?.split(',').filter(|name| !name.is_empty());
            Some(list.map(|name| Str::Owned(name.to_owned())).collect::<Vec<_>>())
        };
        let owned = match options.get("owned") {
            Some(owned) => {
                Some(owned.split(',').filter(|one| !one.is_empty()).map(|one| self.partition(one)).collect())
            }
            None if kind == "join" => Some(Vec::new()),
            None if kind == "ack" => Some(client.owned),
            None => None,
        };
        let by_topic = owned.map(|owned: Vec<_>| {
            let one = |(topic_id, partition)| TopicPartitions {
                topic_id,
                partitions: vec![partition],
                ..TopicPartitions::default()
            };
            owned.into_iter().map(one).collect()
        });
        let text = |key: &str| options.get(key).map(|text| Str::Owned((*text).to_owned()));
        let joins = kind == "join";
        let default_names = (joins && !options.contains_key("regex")).then(|| vec![Str::Borrowed("t")]);
        let number = |key: &str, default: i32| options.get(key).map_or(default, |text| text.parse().unwrap());
        let request = ConsumerGroupHeartbeatRequest {
            group_id: options.get("group").copied().unwrap_or("g").to_owned().into(),
            member_id: member_id.into(),
            member_epoch: number("epoch", epoch),
            instance_id: text("instance"),
            rack_id: text("rack"),
            rebalance_timeout_ms: number("rebalance", if joins { 60_000 } else { -1 }),
            subscribed_topic_names: list("topics").or(default_names),
            subscribed_topic_regex: text("regex"),
            server_assignor: text("assignor"),
            topic_partitions: by_topic,
            ..ConsumerGroupHeartbeatRequest::default()
        };
        self.uuids += 1;
        let context = ConsumerContext {
            version: number("v", 1) as i16,
            client_id: "client",
            client_host: "/127.0.0.1",
            member_uuid: Uuid([self.uuids; 16]),
            topics: &self.topics,
            settings: self.settings,
        };
        self.shell.ask(Request::ConsumerGroupHeartbeat(context, &request));
    }

    /// What a consumer of the classic protocol asks, with the assignor `range`.
    fn classic(&mut self, kind: &str, options: &BTreeMap<&str, &str>) {
        let name = self.asking.clone();
        let client = self.clients.entry(name.clone()).or_default().clone();
        self.asked.insert(self.shell.next_token(), name.clone());
        let member_id = match options.get("id") {
            Some(&"none") => String::new(),
            Some(id) => (*id).to_owned(),
            None => client.member_id,
        };
        let instance = options.get("instance").map(|id| Str::Borrowed(*id));
        match kind {
            "classic-join" => {
                let topics = options.get("topics").copied().unwrap_or("t").split(',');
                let mut owned: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
                for (id, partition) in &client.owned {
                    owned.entry(self.topics.by_id(*id).unwrap().name).or_default().push(*partition);
                }
                let subscription = ConsumerProtocolSubscription {
                    topics: topics.map(Str::Borrowed).collect(),
                    owned_partitions: owned
                        .into_iter()
                        .map(|(topic, partitions)| OwnedPartition {
                            topic: topic.into(),
                            partitions,
                            ..OwnedPartition::default()
                        })
                        .collect(),
                    ..ConsumerProtocolSubscription::default()
                };
                let mut writer = Writer::new();
                writer.i16(3);
                subscription.encode(&mut writer, 3).unwrap();
                let metadata = writer.into_bytes();
                let protocol = options.get("protocol").copied().unwrap_or("range");
                let request = JoinGroupRequest {
                    group_id: "g".into(),
                    member_id: member_id.into(),
                    group_instance_id: instance,
                    session_timeout_ms: 10_000,
                    rebalance_timeout_ms: 30_000,
                    protocol_type: options.get("type").copied().unwrap_or("consumer").into(),
                    protocols: vec![JoinGroupRequestProtocol {
                        name: protocol.into(),
                        metadata: metadata.as_slice().into(),
                        ..JoinGroupRequestProtocol::default()
                    }],
                    ..JoinGroupRequest::default()
                };
                self.uuids += 1;
                let context = JoinContext {
                    version: options.get("v").map_or(3, |version| version.parse().unwrap()),
                    client_id: &name,
                    client_host: "/127.0.0.1",
                    member_uuid: Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, self.uuids]),
                    topics: &self.topics,
                };
                self.shell.ask(Request::JoinGroup(context, &request));
            }
            "classic-sync" => {
                let assignments = options.get("assign").copied().unwrap_or("").split(';').filter_map(|one| {
                    let (member, partitions) = one.split_once(':')?;
                    let partitions = partitions.split(',').filter(|one| !one.is_empty());
                    let partitions: Vec<_> = partitions.map(|one| self.partition(one)).collect();
                    let bytes = write_assignment(partitions, &self.topics, &[0, 3]);
                    Some(SyncGroupRequestAssignment {
                        member_id: self.clients[member].member_id.clone().into(),
                        assignment: bytes.to_vec().into(),
                        ..SyncGroupRequestAssignment::default()
                    })
                });
                let request = SyncGroupRequest {
                    group_id: "g".into(),
                    generation_id: client.epoch,
                    member_id: member_id.into(),
                    group_instance_id: instance,
                    assignments: assignments.collect(),
                    ..SyncGroupRequest::default()
                };
                self.shell.ask(Request::SyncGroup(&self.topics, &request));
            }
            "classic-beat" => {
                let request = HeartbeatRequest {
                    group_id: "g".into(),
                    generation_id: client.epoch,
                    member_id: member_id.into(),
                    group_instance_id: instance,
                    ..HeartbeatRequest::default()
                };
                self.shell.ask(Request::Heartbeat(&self.topics, &request));
            }
            _ => {
                let identity = MemberIdentity {
                    member_id: member_id.into(),
                    group_instance_id: instance,
                    ..MemberIdentity::default()
                };
                let request = LeaveGroupRequest {
                    group_id: "g".into(),
                    members: vec![identity],
                    ..LeaveGroupRequest::default()
                };
                self.shell.ask(Request::LeaveGroup(5, &self.topics, &request));
            }
        }
    }

    /// The answers to classic members, who may have asked long ago.
    fn describe_classic(&mut self, reply: &Reply<Response>) -> String {
        let name = self.asked.remove(&reply.token).unwrap();
        let client = self.clients.get_mut(&name).unwrap();
        match &reply.response {
            Response::JoinGroup(response) => {
                client.member_id = response.member_id.to_string();
                if response.error_code != 0 {
                    return format!("{name}: {}", error(response.error_code));
                }
                client.epoch = response.generation_id;
                let leads = if response.leader == response.member_id { " leads" } else { "" };
                format!("{name}: joined {}{leads}", response.generation_id)
            }
            Response::SyncGroup(response) if response.error_code == 0 => {
                let assigned = read_assignment(&response.assignment, &self.topics).unwrap();
                client.owned = assigned.iter().collect();
                let owned = client.owned.clone();
                format!("{name}: synced [{}]", self.names(&owned))
            }
            Response::SyncGroup(response) => format!("{name}: {}", error(response.error_code)),
            Response::Heartbeat(response) => format!("{name}: {}", error(response.error_code)),
            Response::LeaveGroup(response) => format!("{name}: {}", error(response.members[0].error_code)),
            other => panic!("{other:?}"),
        }
    }

    fn commit(&mut self, options: &BTreeMap<&str, &str>) {
        let name = self.asking.clone();
        let client = self.clients.get(&name).cloned().unwrap_or_default();
        let epoch = if name.is_empty() { -1 } else { client.epoch };
        let (topic_id, partition) = self.partition(options.get("at").copied().unwrap_or("t-0"));
        let topic = self.topics.by_id(topic_id).unwrap();
        let request = OffsetCommitRequest {
            group_id: "g".into(),
            generation_id_or_member_epoch: options.get("epoch").map_or(epoch, |epoch| epoch.parse().unwrap()),
            member_id: if client.member_id.is_empty() { name } else { client.member_id }.into(),
            topics: vec![OffsetCommitRequestTopic {
                name: topic.name.to_owned().into(),
                topic_id,
                partitions: vec![OffsetCommitRequestPartition {
                    partition_index: partition,
                    committed_offset: 7,
                    ..OffsetCommitRequestPartition::default()
                }],
                ..OffsetCommitRequestTopic::default()
            }],
            ..OffsetCommitRequest::default()
        };
        let version = options.get("v").map_or(9, |version| version.parse().unwrap());
        self.shell.ask(Request::OffsetCommit(version, &request));
    }

    fn partition(&self, text: &str) -> (Uuid, i32) {
        let (topic, partition) = text.rsplit_once('-').unwrap();
        (self.topics.topics[topic].0, partition.parse().unwrap())
    }

    fn names(&self, partitions: &[(Uuid, i32)]) -> String {
        let name = |id| self.topics.by_id(id).map_or_else(|| format!("{id}"), |topic| topic.name.to_owned());
        let names = partitions.iter().map(|(id, partition)| format!("{}-{partition}", name(*id)));
        names.collect::<Vec<_>>().join(",")
    }

    fn describe(&mut self, reply: &Reply<Response>) -> String {
        let name = self.asking.clone();
        match &reply.response {
            Response::ConsumerGroupHeartbeat(response) => {
                let error = error(response.error_code);
                if error != "ok" {
                    return format!("{name}: {error}");
                }
                let member_id = response.member_id.as_deref().unwrap_or("").to_owned();
                self.interval_ms = response.heartbeat_interval_ms;
                let client = self.clients.entry(name.clone()).or_default();
                client.epoch = response.member_epoch;
                client.member_id.clone_from(&member_id);
                let Some(assignment) = &response.assignment else {
                    return format!("{name}: {}", response.member_epoch);
                };
                let owned = assignment.topic_partitions.iter();
                client.owned = owned
                    .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, *partition)))
                    .collect();
                let owned = client.owned.clone();
                format!("{name}: {} [{}]", response.member_epoch, self.names(&owned))
            }
            Response::ConsumerGroupDescribe(response) => {
                let group = &response.groups[0];
                if group.error_code != 0 {
                    return format!(
                        "{} {}",
                        error(group.error_code),
                        group.error_message.as_deref().unwrap_or("")
                    );
                }
                let members = group.members.iter().map(|member| {
                    let all = |topics: &[protocol::messages::consumer_group_describe_response::TopicPartitions<'_>]| {
                        let all: Vec<_> = topics.iter()
                            .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, *partition))).collect();
                        self.names(&all)
                    };
                    let (has, wants) =
                        (all(&member.assignment.topic_partitions), all(&member.target_assignment.topic_partitions));
                    let wants = if has == wants { String::new() } else { format!("->{wants}") };
                    format!(" {}@{}[{has}{wants}]", member.member_id, member.member_epoch)
                });
                format!(
                    "{} {}/{} {}{}",
                    group.group_state,
                    group.group_epoch,
                    group.assignment_epoch,
                    group.assignor_name,
                    members.collect::<String>()
                )
            }
            Response::DescribeGroups(response) => {
                let group = &response.groups[0];
                format!("{} {}", error(group.error_code), group.error_message.as_deref().unwrap_or(""))
            }
            Response::DeleteGroups(response) => error(response.results[0].error_code),
            Response::ListGroups(response) => {
                let groups = response.groups.iter().map(|group| {
                    format!(
                        "{}:{}:{}:{}",
                        group.group_id, group.group_type, group.group_state, group.protocol_type
                    )
                });
                groups.collect::<Vec<_>>().join(" ")
            }
            Response::OffsetCommit(response) => error(response.topics[0].partitions[0].error_code),
            Response::OffsetFetch(response) => {
                let offsets = response.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|partition| {
                        format!(
                            " {}-{}@{}",
                            topic.name, partition.partition_index, partition.committed_offset
                        )
                    })
                });
                error(response.error_code) + &offsets.collect::<String>()
            }
            _ => self.describe_classic(reply),
        }
    }
}

fn error(code: i16) -> String {
    match ErrorCode::from_code(code) {
        Some(ErrorCode::None) => "ok".to_owned(),
        error => error.unwrap().name().to_owned(),
    }
}
