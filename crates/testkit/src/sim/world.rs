//! Who there is, and which step comes next.

use std::collections::BTreeMap;

use super::clients::{Admin, Asked, Fetcher, Member, Producer};
use super::cluster::Cluster;
use super::event::{Acks, End, Event, Incarnation};
use super::faults::Faults;
use super::invariants::Violation;
use super::node::{Node, OFFSETS_TOPIC};
use super::record::Rec;
use super::scene::{Answer, Scene, Token, Trace};

/// A client, by its kind and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Producer(usize),
    Member(usize),
}

/// A request that was not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) who: Who,
    pub(crate) what: What,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Produce { id: Incarnation, acks: Acks, records: Vec<Rec> },
    Group(Asked),
}

pub(crate) struct World {
    pub(crate) scene: Scene,
    pub(crate) cluster: Cluster,
    /// The process, if it runs.
    pub(crate) node: Option<Node>,
    /// How the last process ended.
    pub(crate) ended: End,
    pub(crate) faults: Faults,
    pub(crate) pending: BTreeMap<Token, Pending>,
    /// Answers on their way.
    mail: BTreeMap<Who, BTreeMap<Token, Answer>>,
    producers: Vec<Producer>,
    fetchers: Vec<Fetcher>,
    members: Vec<Member>,
    admin: Admin,
}

impl World {
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let mut scene = Scene::new(seed, trace);
        scene.trace(format_args!("seed {seed}: {:?}", scene.plan));
        let cluster = Cluster::new(scene.plan.acks_all_fsync);
        let producers = (0..scene.plan.producers).map(|index| Producer::new(&mut scene, index)).collect();
        let fetchers = (0..scene.plan.fetchers).map(|_| Fetcher::default()).collect();
        let members = (0..scene.plan.members).map(|index| Member::new(&mut scene, index)).collect();
        Self {
            scene,
            cluster,
            node: None,
            ended: End::Clean,
            faults: Faults::default(),
            pending: BTreeMap::new(),
            mail: BTreeMap::new(),
            producers,
            fetchers,
            members,
            admin: Admin,
        }
    }

    pub(crate) fn run(mut self) -> Result<(), Violation> {
        self.cluster.register_node(&mut self.scene.random);
        self.admin.create_first_topics(&mut self.scene, &mut self.cluster);
        self.start();
        for _ in 0..self.scene.plan.steps {
            self.step();
            self.end_of_step();
            if self.scene.oracles.violation().is_some() {
                break;
            }
        }
        if self.scene.oracles.violation().is_none() {
            self.settle();
        }
        match self.scene.oracles.violation() {
            Some(violation) => {
                self.scene.trace(format_args!("VIOLATION of {}: {}", violation.invariant, violation.found));
                Err(violation.clone())
            }
            None => Ok(()),
        }
    }

    fn step(&mut self) {
        self.faults.begin_step(&mut self.scene);
        let weights = self.scene.plan.weights.clone();
        let kinds = [
            weights.produce,
            weights.fetch,
            weights.group,
            weights.admin,
            weights.flush,
            weights.chore,
            weights.deliver,
            weights.time,
            weights.fault,
        ];
        let mut dice = self.scene.random.below(kinds.iter().sum());
        let mut kind = 0;
        while dice >= kinds[kind] {
            dice -= kinds[kind];
            kind += 1;
        }
        match kind {
            0 => self.produce(),
            1 => self.fetch(),
            2 => self.group(),
            3 => self.administer(),
            4 => self.with_node(Node::step_flush),
            5 => self.with_node(Node::step_chore),
            6 => self.deliver_some(),
            7 => self.pass_time(),
            _ => self.fault(),
        }
        if self.node.is_none() && self.scene.once_in(5) {
            self.start();
        }
    }

    fn with_node(&mut self, act: impl FnOnce(&mut Node, &mut Scene)) {
        if let Some(node) = &mut self.node {
            act(node, &mut self.scene);
        }
    }

    fn produce(&mut self) {
        let index = self.scene.random.below(self.producers.len());
        let ids = self.user_partitions();
        self.producers[index].act(&mut self.scene, self.node.as_mut(), &mut self.pending, &ids);
    }

    fn fetch(&mut self) {
        let index = self.scene.random.below(self.fetchers.len());
        if let Some(node) = &self.node {
            self.fetchers[index].act(&mut self.scene, node);
        }
    }

    fn group(&mut self) {
        if self.members.is_empty() {
            return;
        }
        let index = self.scene.random.below(self.members.len());
        self.members[index].act(&mut self.scene, self.node.as_mut(), &mut self.pending, self.cluster.image());
    }

    fn administer(&mut self) {
        if let Some(node) = &mut self.node {
            self.admin.act(&mut self.scene, &mut self.cluster, node);
        }
    }

    /// The partitions that clients write, as the cluster knows them.
    fn user_partitions(&self) -> Vec<Incarnation> {
        let topics = self.cluster.image().topics().values().filter(|topic| *topic.name != *OFFSETS_TOPIC);
        let ids = topics.flat_map(|topic| {
            topic.partitions.keys().map(|index| Incarnation {
                partition: protocol::TopicPartition::new(topic.name.clone(), *index),
                topic_id: topic.id,
            })
        });
        ids.collect()
    }

    fn pass_time(&mut self) {
        let ms = match self.node.as_ref().and_then(Node::next_deadline_ms) {
            Some(deadline_ms) if self.scene.once_in(3) => {
                deadline_ms.saturating_sub(self.scene.now.monotonic_ms).min(60_000)
            }
            _ => self.scene.pick(&[1, 10, 100, 700, 3_000, 10_000]),
        };
        self.pass(ms);
        if !self.scene.once_in(4) {
            self.with_node(Node::fire_due);
        }
    }

    fn pass(&mut self, ms: u64) {
        self.scene.now = self.scene.now.plus_ms(ms);
        self.scene.disk.set_now_ms(self.scene.now.unix_ms);
    }

    /// Starts the process, if the disk lets it.
    pub(crate) fn start(&mut self) {
        self.scene.trace(format_args!("start after {:?}", self.ended));
        self.node = match Node::start(&mut self.scene, &mut self.cluster) {
            Ok(node) => Some(node),
            Err(error) => {
                self.scene.trace(format_args!("it does not start: {error}"));
                if !self.scene.faulty {
                    self.scene.oracles.object("recovery", format!("the node does not start: {error}"));
                }
                self.die(End::Kill);
                None
            }
        };
    }

    /// The process is gone, and with it everything that it has not written.
    pub(crate) fn die(&mut self, how: End) {
        self.scene.trace(format_args!("{how:?}"));
        self.node = None;
        self.scene.outbox.clear();
        match how {
            End::PowerLoss => self.scene.disk.crash(),
            End::Kill | End::Clean => self.scene.disk.kill(),
        }
        self.faults.disarm();
        self.ended = how;
        self.scene.observe(&Event::Ended { how });
        self.fetchers.iter_mut().for_each(Fetcher::disconnect);
        // Connections end with the process.
        self.disconnect_all();
    }

    fn disconnect_all(&mut self) {
        self.producers.iter_mut().for_each(Producer::disconnect);
        self.members.iter_mut().for_each(Member::disconnect);
        self.mail.clear();
        self.pending.clear();
    }

    /// The answers of this step leave, unless the process did not live to its end.
    fn end_of_step(&mut self) {
        if let Some(how) = self.faults.has_stopped(&self.scene) {
            return self.die(how);
        }
        for (token, answer) in std::mem::take(&mut self.scene.outbox) {
            self.leave(token, answer);
        }
    }

    /// An answer leaves the node: what it promises holds from now on.
    fn leave(&mut self, token: Token, answer: Answer) {
        let Some(pending) = self.pending.get(&token) else { return };
        match (&pending.what, &answer) {
            (What::Produce { id, acks, records }, Answer::Produce(Ok(first_offset))) => {
                self.scene.trace(format_args!("{token} acknowledged: {id} at {first_offset}"));
                let acks = *acks;
                self.scene.observe(&Event::Acknowledged { id, acks, first_offset: *first_offset, records });
            }
            (What::Group(asked), Answer::Group(response)) => {
                let told = format!("{response:?}").replace(", unknown_tagged_fields: TaggedFields(None)", "");
                self.scene.trace(format_args!("{token} answered: {told}"));
                self.scene.observe(&Event::Answered { token, asked, response });
            }
            _ => {}
        }
        self.mail.entry(pending.who).or_default().insert(token, answer);
    }

    /// What arrives next at each client that something can arrive at. A producer's answers leave the connection in the
    /// order of its requests; a member that has given up on an answer asks on another connection.
    fn arriving(&self) -> Vec<(Who, Token)> {
        let arriving = self.mail.iter().filter_map(|(who, answers)| {
            let (token, _) = answers.first_key_value()?;
            let mut before = self.pending.range(..token);
            let in_order = matches!(who, Who::Member(_)) || before.all(|(_, pending)| pending.who != *who);
            in_order.then_some((*who, *token))
        });
        arriving.collect()
    }

    fn deliver_some(&mut self) {
        let arriving = self.arriving();
        if arriving.is_empty() {
            return;
        }
        let (who, token) = self.scene.pick(&arriving);
        if self.scene.once_in(25) {
            self.scene.trace(format_args!("the connection of {who:?} breaks"));
            return self.break_connection(who);
        }
        self.deliver(who, token);
    }

    fn break_connection(&mut self, who: Who) {
        self.mail.remove(&who);
        self.pending.retain(|_, pending| pending.who != who);
        match who {
            Who::Producer(index) => self.producers[index].disconnect(),
            Who::Member(index) => self.members[index].disconnect(),
        }
    }

    fn deliver(&mut self, who: Who, token: Token) {
        let Some(answers) = self.mail.get_mut(&who) else { return };
        let Some(answer) = answers.remove(&token) else { return };
        let Some(pending) = self.pending.remove(&token) else { return };
        match (who, answer) {
            (Who::Producer(index), Answer::Produce(answer)) => {
                self.producers[index].answered(&mut self.scene, token, &pending.what, answer);
            }
            (Who::Member(index), Answer::Group(response)) => {
                self.members[index].answered(&mut self.scene, token, *response);
            }
            _ => {}
        }
    }

    /// No more faults: the node comes up, everybody is served, and everything is as it should be.
    fn settle(&mut self) {
        self.scene.trace(format_args!("settle"));
        self.scene.disk.set_capacity_bytes(u64::MAX);
        self.faults = Faults::default();
        self.faults.begin_step(&mut self.scene);
        let how = self.scene.pick(&[End::PowerLoss, End::Kill, End::Clean]);
        self.end(how);
        self.faults.begin_step(&mut self.scene);
        self.start();
        let ids = self.user_partitions();
        for _ in 0..200 {
            if self.scene.oracles.violation().is_some() {
                return;
            }
            for producer in &mut self.producers {
                producer.retry(&mut self.scene, self.node.as_mut(), &mut self.pending, &ids);
            }
            self.serve_everybody();
            if self.producers.iter().all(Producer::is_done) {
                break;
            }
        }
        if let Some(waiting) = self.producers.iter().find(|producer| !producer.is_done()) {
            self.scene.oracles.object("liveness", format!("a producer is never served: {waiting:?}"));
        }
        self.settle_groups();
        self.with_node(Node::flush_all);
        self.serve_everybody();
        let Some(node) = &self.node else { return };
        for _ in 0..3 {
            node.show_coordinator(&mut self.scene);
        }
        for id in node.ids() {
            Fetcher::read_all(&mut self.scene, node, &id);
            if self.scene.plan.acks_all_fsync && node.partition(&id).is_some_and(|p| !p.is_idle()) {
                self.scene.oracles.object("liveness", format!("{id} is not flushed"));
            }
        }
    }

    /// Flushes, answers and delivers until nothing moves.
    fn serve_everybody(&mut self) {
        if let Some(node) = &mut self.node {
            while node.step_flush_if_any(&mut self.scene) {}
        }
        self.end_of_step();
        while let Some((who, token)) = self.arriving().first().copied() {
            self.deliver(who, token);
        }
    }

    /// Members that live come to rest, each partition with one owner.
    fn settle_groups(&mut self) {
        let mut at_rest = 0;
        for _ in 0..400 {
            if self.scene.oracles.violation().is_some() {
                return;
            }
            self.pass(200);
            self.with_node(Node::fire_due);
            self.serve_everybody();
            for member in &mut self.members {
                member.act_calmly(
                    &mut self.scene,
                    self.node.as_mut(),
                    &mut self.pending,
                    self.cluster.image(),
                );
            }
            self.serve_everybody();
            at_rest = if self.members.iter().all(Member::is_at_rest) { at_rest + 1 } else { 0 };
            if at_rest > 20 {
                return;
            }
        }
        if let Some(member) = self.members.iter().find(|member| !member.is_at_rest()) {
            self.scene.oracles.object("liveness", format!("a member comes to no rest: {member:?}"));
        }
    }
}
