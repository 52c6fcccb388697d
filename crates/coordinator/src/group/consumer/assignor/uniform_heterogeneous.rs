//! `uniform` where members subscribe to different topics: nobody could give a partition, directly or through others, to
//! somebody with two fewer. What members had stays with them as far as that allows.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::Uuid;

use super::Assignees;
use crate::group::modern::Partitions;

pub(super) fn assign(assignees: &Assignees<'_>) -> Vec<Partitions> {
    let mut balance = Balance::new(assignees);
    balance.keep(assignees);
    balance.hand_out(assignees);
    balance.even_out();
    balance.assigned
}

struct Balance {
    /// Who subscribes to a topic.
    subscribers: BTreeMap<Uuid, Vec<usize>>,
    assigned: Vec<Partitions>,
    /// How many partitions each member has.
    loads: Vec<usize>,
    /// The members by load.
    by_load: BTreeSet<(usize, usize)>,
}

impl Balance {
    fn new(assignees: &Assignees<'_>) -> Self {
        let mut subscribers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
        for (index, member) in assignees.members.iter().enumerate() {
            for topic_id in &member.topics {
                subscribers.entry(*topic_id).or_default().push(index);
            }
        }
        let count = assignees.members.len();
        Self {
            subscribers,
            assigned: vec![Partitions::new(); count],
            loads: vec![0; count],
            by_load: (0..count).map(|index| (0, index)).collect(),
        }
    }

    fn set_load(&mut self, member: usize, load: usize) {
        self.by_load.remove(&(self.loads[member], member));
        self.loads[member] = load;
        self.by_load.insert((load, member));
    }

    fn give(&mut self, member: usize, (id, partition): (Uuid, i32)) {
        self.assigned[member].insert(id, partition);
        self.set_load(member, self.loads[member] + 1);
    }

    fn take(&mut self, member: usize, (id, partition): (Uuid, i32)) {
        self.assigned[member].remove(id, partition);
        self.set_load(member, self.loads[member] - 1);
    }

    /// Everybody keeps what it had, of what it still subscribes to.
    fn keep(&mut self, assignees: &Assignees<'_>) {
        let mut kept = BTreeSet::new();
        for (index, member) in assignees.members.iter().enumerate() {
            for (id, partition) in member.before.iter() {
                if member.topics.binary_search(&id).is_ok()
                    && assignees.exists(id, partition)
                    && kept.insert((id, partition))
                {
                    self.give(index, (id, partition));
                }
            }
        }
    }

    /// What nobody has goes to the subscriber with the fewest, beginning with the topics that have the least choice.
    fn hand_out(&mut self, assignees: &Assignees<'_>) {
        let had: BTreeSet<_> = self.assigned.iter().flat_map(Partitions::iter).collect();
        let mut free: Vec<_> = assignees.partitions().filter(|partition| !had.contains(partition)).collect();
        free.sort_by_key(|(id, partition)| (self.subscribers.get(id).map_or(0, Vec::len), *id, *partition));
        for (id, partition) in free {
            let subscribers = self.subscribers.get(&id).into_iter().flatten();
            if let Some(member) = subscribers.copied().min_by_key(|member| (self.loads[*member], *member)) {
                self.give(member, (id, partition));
            }
        }
    }

    /// Moves partitions along the shortest way from somebody to somebody with two fewer, until there is none. Every round
    /// makes the sum of the squares of the loads smaller, so it ends.
    fn even_out(&mut self) {
        let mut done = BTreeSet::new();
        while let Some(member) =
            self.by_load.iter().rev().map(|(_, member)| *member).find(|member| !done.contains(member))
        {
            match self.way_from(member) {
                Ok(moves) => {
                    for Move { from, to, partition } in moves {
                        self.take(from, partition);
                        self.give(to, partition);
                    }
                    done.clear();
                }
                Err(reached) => done.extend(reached),
            }
        }
    }

    /// The moves after which `member` has one less, and somebody with at least two fewer has one more; or else all for whom
    /// there is no such way either.
    fn way_from(&self, member: usize) -> Result<Vec<Move>, BTreeSet<usize>> {
        let load = self.loads[member];
        let mut came_by: BTreeMap<usize, Option<Move>> = BTreeMap::from([(member, None)]);
        let mut topics_seen = BTreeSet::new();
        let mut queue = VecDeque::from([member]);
        while let Some(at) = queue.pop_front() {
            if self.loads[at] + 2 <= load {
                let steps = std::iter::successors(came_by[&at], |step| came_by[&step.from]);
                return Ok(steps.collect());
            }
            for (id, partitions) in self.assigned[at].topics() {
                // Whoever subscribes to a topic was reached from the first who has some of it.
                if !topics_seen.insert(id) {
                    continue;
                }
                let Some(partition) = partitions.first() else { continue };
                let mut subscribers = self.subscribers.get(&id).cloned().unwrap_or_default();
                subscribers.sort_by_key(|subscriber| self.loads[*subscriber]);
                for to in subscribers {
                    if let Entry::Vacant(unseen) = came_by.entry(to) {
                        unseen.insert(Some(Move { from: at, to, partition: (id, *partition) }));
                        queue.push_back(to);
                    }
                }
            }
        }
        // Whom it reaches reaches no more than it does.
        Err(came_by.into_keys().filter(|reached| self.loads[*reached] <= load).collect())
    }
}

#[derive(Clone, Copy)]
struct Move {
    from: usize,
    to: usize,
    partition: (Uuid, i32),
}
