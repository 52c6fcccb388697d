//! A member of a group, as simple as they come: it joins, syncs, heartbeats, commits, reads its commits back, leaves,
//! dies and comes back; static ones keep their name.

use std::collections::BTreeMap;

use coordinator::group::{JoinContext, NoTopics, Request, Response};
use metadata::ClusterImage;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest,
    SyncGroupRequest, SyncGroupResponse,
};
use protocol::wire::Str;
use protocol::{ErrorCode, Uuid};

use crate::sim::event::Event;
use crate::sim::node::Node;
use crate::sim::scene::{Scene, Token};
use crate::sim::world::{Pending, What, Who};

/// What groups are called.
pub(crate) const GROUPS: [&str; 2] = ["g", "h"];
/// The topic that they all consume.
pub(crate) const TOPIC: &str = "t";
/// Partitions that are assigned, whether they exist or not: assignments are the members' business.
const PARTITIONS: u8 = 6;
/// Versions of JoinGroup with the peculiarities of all.
const JOIN_VERSIONS: [i16; 3] = [2, 5, 9];

/// What a member has asked for, as far as it matters to what may be answered.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Join { group: usize },
    Sync { group: usize, generation_id: i32, owner: String },
    Heartbeat,
    Leave,
    Commit { group: usize, topic_id: Uuid, partitions: Vec<i32>, offset: i64 },
    Fetch { group: usize, topic_id: Uuid },
}

#[derive(Debug)]
pub(crate) struct Member {
    index: usize,
    group: usize,
    instance: Option<String>,
    version: i16,
    subscription: u8,
    member_id: String,
    generation_id: i32,
    /// The members, when it leads.
    members: Vec<String>,
    /// What it owns in its generation.
    assignment: Option<Vec<u8>>,
    in_generation: bool,
    /// The group was full when it asked last.
    kept_out: bool,
    asked: Option<Token>,
    next_offset: i64,
}

impl Member {
    pub(crate) fn new(scene: &mut Scene, index: usize) -> Self {
        Self {
            index,
            group: scene.random.below(GROUPS.len()),
            instance: scene.once_in(3).then(|| format!("instance-{index}")),
            version: scene.pick(&JOIN_VERSIONS),
            subscription: 0,
            member_id: String::new(),
            generation_id: -1,
            members: Vec::new(),
            assignment: None,
            in_generation: false,
            kept_out: false,
            asked: None,
            // Every commit of every member has an offset of its own.
            next_offset: index as i64 * 1_000_000,
        }
    }

    /// The next thing that it would do.
    pub(crate) fn act(
        &mut self,
        scene: &mut Scene,
        node: Option<&mut Node>,
        pending: &mut BTreeMap<Token, Pending>,
        image: &ClusterImage,
    ) {
        // It waits; now and then it gives up and asks anew.
        if self.asked.is_some() && !scene.once_in(20) {
            return;
        }
        let Some(node) = node else { return };
        if scene.once_in(40) {
            scene.trace(format_args!("member {} dies", self.index));
            self.forget();
        }
        let busy = self.in_generation && self.assignment.is_some();
        match scene.random.below(20) {
            0 if busy => self.leave(scene, node, pending),
            1 if busy => {
                self.subscription += 1;
                self.join(scene, node, pending);
            }
            2..10 if busy => self.commit(scene, node, pending, image),
            10..14 if busy => self.fetch(scene, node, pending, image),
            _ => self.go_on(scene, node, pending),
        }
    }

    /// The next thing that it would do if all it wants is to be a member.
    pub(crate) fn act_calmly(
        &mut self,
        scene: &mut Scene,
        node: Option<&mut Node>,
        pending: &mut BTreeMap<Token, Pending>,
        image: &ClusterImage,
    ) {
        let Some(node) = node else { return };
        if self.asked.is_some() {
            return;
        }
        if self.is_at_rest() && scene.once_in(4) {
            return self.fetch(scene, node, pending, image);
        }
        self.go_on(scene, node, pending);
    }

    fn go_on(&mut self, scene: &mut Scene, node: &mut Node, pending: &mut BTreeMap<Token, Pending>) {
        if !self.in_generation {
            self.join(scene, node, pending);
        } else if self.assignment.is_none() {
            self.sync(scene, node, pending);
        } else {
            self.heartbeat(scene, node, pending);
        }
    }

    /// Whether it has what it wants, an assignment, or cannot have it.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.kept_out || self.in_generation && self.assignment.is_some()
    }

    fn ask(
        &mut self,
        scene: &mut Scene,
        node: &mut Node,
        pending: &mut BTreeMap<Token, Pending>,
        asked: Asked,
        request: Request<'_>,
    ) {
        let token = scene.token();
        scene.trace(format_args!("member {} asks {token}: {asked:?}", self.index));
        scene.observe(&Event::Asked { token, asked: &asked });
        self.asked = Some(token);
        pending.insert(token, Pending { who: Who::Member(self.index), what: What::Group(asked) });
        node.ask(scene, GROUPS[self.group], token, request);
    }

    fn join(&mut self, scene: &mut Scene, node: &mut Node, pending: &mut BTreeMap<Token, Pending>) {
        (self.in_generation, self.assignment) = (false, None);
        let (client_id, member_id, instance) = self.names();
        let context = JoinContext {
            version: self.version,
            client_id: &client_id,
            client_host: "/127.0.0.1",
            member_uuid: Uuid::from_random(scene.random.next_u128()),
            topics: &NoTopics,
        };
        let metadata = [0, 0, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, self.subscription];
        let request = JoinGroupRequest {
            group_id: GROUPS[self.group].into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 15_000,
            member_id: member_id.as_str().into(),
            group_instance_id: instance.as_deref().map(Str::Borrowed),
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol {
                name: "range".into(),
                metadata: metadata.as_slice().into(),
                ..JoinGroupRequestProtocol::default()
            }],
            ..JoinGroupRequest::default()
        };
        self.ask(
            scene,
            node,
            pending,
            Asked::Join { group: self.group },
            Request::JoinGroup(context, &request),
        );
    }

    fn sync(&mut self, scene: &mut Scene, node: &mut Node, pending: &mut BTreeMap<Token, Pending>) {
        let (_, member_id, instance) = self.names();
        let members = self.members.clone();
        let assignments = members.iter().enumerate().map(|(position, member)| {
            let partitions = (0..PARTITIONS).filter(|p| usize::from(*p) % members.len() == position);
            SyncGroupRequestAssignment {
                member_id: member.as_str().into(),
                assignment: partitions.collect::<Vec<_>>().into(),
                ..SyncGroupRequestAssignment::default()
            }
        });
        let request = SyncGroupRequest {
            group_id: GROUPS[self.group].into(),
            generation_id: self.generation_id,
            member_id: member_id.as_str().into(),
            group_instance_id: instance.as_deref().map(Str::Borrowed),
            assignments: assignments.collect(),
            ..SyncGroupRequest::default()
        };
        // A static member that comes back gets what it had, under another member id.
        let owner = instance.clone().unwrap_or_else(|| member_id.clone());
        let asked = Asked::Sync { group: self.group, generation_id: self.generation_id, owner };
        self.ask(scene, node, pending, asked, Request::SyncGroup(&NoTopics, &request));
    }

    fn heartbeat(&mut self, scene: &mut Scene, node: &mut Node, pending: &mut BTreeMap<Token, Pending>) {
        let (_, member_id, instance) = self.names();
        let request = HeartbeatRequest {
            group_id: GROUPS[self.group].into(),
            generation_id: self.generation_id,
            member_id: member_id.as_str().into(),
            group_instance_id: instance.as_deref().map(Str::Borrowed),
            ..HeartbeatRequest::default()
        };
        self.ask(scene, node, pending, Asked::Heartbeat, Request::Heartbeat(&NoTopics, &request));
    }

    fn leave(&mut self, scene: &mut Scene, node: &mut Node, pending: &mut BTreeMap<Token, Pending>) {
        let (_, member_id, instance) = self.names();
        let request = LeaveGroupRequest {
            group_id: GROUPS[self.group].into(),
            members: vec![MemberIdentity {
                member_id: member_id.as_str().into(),
                group_instance_id: instance.as_deref().map(Str::Borrowed),
                ..MemberIdentity::default()
            }],
            ..LeaveGroupRequest::default()
        };
        self.ask(scene, node, pending, Asked::Leave, Request::LeaveGroup(5, &NoTopics, &request));
        let asked = self.asked;
        self.forget();
        self.asked = asked;
    }

    /// Commits the next offset of each partition that it owns.
    fn commit(
        &mut self,
        scene: &mut Scene,
        node: &mut Node,
        pending: &mut BTreeMap<Token, Pending>,
        image: &ClusterImage,
    ) {
        let Some(topic) = image.topic(TOPIC) else { return };
        self.next_offset += 1;
        let offset = self.next_offset;
        let owned = self.assignment.iter().flatten().map(|partition| i32::from(*partition));
        let partitions: Vec<i32> = owned.collect();
        let (_, member_id, instance) = self.names();
        let commits = partitions.iter().map(|partition| OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: offset,
            ..OffsetCommitRequestPartition::default()
        });
        let request = OffsetCommitRequest {
            group_id: GROUPS[self.group].into(),
            generation_id_or_member_epoch: self.generation_id,
            member_id: member_id.as_str().into(),
            group_instance_id: instance.as_deref().map(Str::Borrowed),
            topics: vec![OffsetCommitRequestTopic {
                name: TOPIC.into(),
                topic_id: topic.id,
                partitions: commits.collect(),
                ..OffsetCommitRequestTopic::default()
            }],
            ..OffsetCommitRequest::default()
        };
        let asked = Asked::Commit { group: self.group, topic_id: topic.id, partitions, offset };
        self.ask(scene, node, pending, asked, Request::OffsetCommit(10, &request));
    }

    /// Reads what its group has committed for all partitions.
    fn fetch(
        &mut self,
        scene: &mut Scene,
        node: &mut Node,
        pending: &mut BTreeMap<Token, Pending>,
        image: &ClusterImage,
    ) {
        let Some(topic) = image.topic(TOPIC) else { return };
        let request = OffsetFetchRequestGroup {
            group_id: GROUPS[self.group].into(),
            topics: Some(vec![OffsetFetchRequestTopics {
                name: TOPIC.into(),
                topic_id: topic.id,
                partition_indexes: (0..i32::from(PARTITIONS)).collect(),
                ..OffsetFetchRequestTopics::default()
            }]),
            ..OffsetFetchRequestGroup::default()
        };
        let asked = Asked::Fetch { group: self.group, topic_id: topic.id };
        self.ask(scene, node, pending, asked, Request::OffsetFetch(&request, true));
    }

    /// Client id, member id, instance id: owned, since asking changes the member.
    fn names(&self) -> (String, String, Option<String>) {
        (format!("c{}", self.index), self.member_id.clone(), self.instance.clone())
    }

    pub(crate) fn answered(&mut self, scene: &mut Scene, token: Token, response: Response) {
        if self.asked != Some(token) {
            // It has given up on that.
            return;
        }
        self.asked = None;
        match response {
            Response::JoinGroup(join) => self.joined(join),
            Response::SyncGroup(sync) => self.synced(&sync),
            Response::Heartbeat(beat) => self.told(beat.error_code),
            Response::OffsetCommit(commit) => {
                let first = commit.topics.first().and_then(|topic| topic.partitions.first());
                self.told(first.map_or(0, |partition| partition.error_code));
            }
            Response::OffsetFetch(_) | Response::LeaveGroup(_) => {}
            other => scene.oracles.object("groups", format!("nobody asked for {other:?}")),
        }
    }

    fn joined(&mut self, join: JoinGroupResponse<'static>) {
        match ErrorCode::from_code(join.error_code) {
            Some(ErrorCode::None) => {
                self.kept_out = false;
                self.member_id = join.member_id.into_owned();
                self.generation_id = join.generation_id;
                self.in_generation = true;
                let members = join.members.into_iter().map(|member| member.member_id.into_owned());
                self.members = if join.skip_assignment { Vec::new() } else { members.collect() };
            }
            Some(ErrorCode::MemberIdRequired) => self.member_id = join.member_id.into_owned(),
            _ => self.told(join.error_code),
        }
    }

    fn synced(&mut self, sync: &SyncGroupResponse<'static>) {
        if sync.error_code != 0 {
            return self.told(sync.error_code);
        }
        self.assignment = Some(sync.assignment.to_vec());
    }

    fn told(&mut self, error_code: i16) {
        self.kept_out = error_code == ErrorCode::GroupMaxSizeReached.code();
        match ErrorCode::from_code(error_code) {
            Some(
                ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId | ErrorCode::GroupMaxSizeReached,
            ) => self.forget(),
            Some(ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration) => {
                (self.in_generation, self.assignment) = (false, None);
            }
            _ => {}
        }
    }

    fn forget(&mut self) {
        self.member_id.clear();
        self.members.clear();
        self.generation_id = -1;
        (self.in_generation, self.assignment, self.asked) = (false, None, None);
    }

    /// Answers that have not come will not come.
    pub(crate) fn disconnect(&mut self) {
        self.asked = None;
    }
}
