//! Who in a group reads what: pure functions over the members' subscriptions, equal to Java's assignors of the same
//! name (without their preference for racks). Eager only: every rebalance hands out everything anew.

use std::collections::BTreeMap;

use protocol::TopicPartition;

/// A way to share partitions among members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Each topic by itself, in stretches: equal partitions of two topics meet at one member.
    Range,
    /// All partitions of all topics in turn.
    RoundRobin,
}

/// A member as its assignor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The member's id.
    pub member_id: String,
    /// The instance id of a static member: it keeps its place in the order across restarts.
    pub group_instance_id: Option<String>,
    /// The topics it subscribes to.
    pub topics: Vec<String>,
}

/// The partitions of each member, by member id.
pub type Assignment = BTreeMap<String, Vec<TopicPartition>>;

impl Assignor {
    /// The name that members of a group agree on.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// The assignor of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Range, Self::RoundRobin].into_iter().find(|a| a.name() == name)
    }

    /// Shares the partitions of `topics` (name to count) among `members`.
    pub fn assign(self, members: &[Member], topics: &BTreeMap<String, i32>) -> Assignment {
        let mut ordered: Vec<&Member> = members.iter().collect();
        // Static members by instance id come before the others by member id.
        ordered.sort_by_key(|m| {
            let instance = m.group_instance_id.as_deref();
            (instance.is_none(), instance.unwrap_or(&m.member_id), m.member_id.as_str())
        });
        let mut assignment: Assignment = members.iter().map(|m| (m.member_id.clone(), Vec::new())).collect();
        let give = |member: &Member, topic: &str, partition| {
            if let Some(partitions) = assignment.get_mut(&member.member_id) {
                partitions.push(TopicPartition::new(topic, partition));
            }
        };
        match self {
            Self::Range => range(&ordered, topics, give),
            Self::RoundRobin => round_robin(&ordered, topics, give),
        }
        assignment
    }
}

fn subscribes(member: &Member, topic: &str) -> bool {
    member.topics.iter().any(|t| t == topic)
}

fn range(ordered: &[&Member], topics: &BTreeMap<String, i32>, mut give: impl FnMut(&Member, &str, i32)) {
    for (topic, &count) in topics {
        let members: Vec<_> = ordered.iter().filter(|m| subscribes(m, topic)).collect();
        let Ok(among @ 1..) = i32::try_from(members.len()) else { continue };
        let (each, more) = (count / among, count % among);
        let mut next = 0;
        for (member, index) in members.into_iter().zip(0..) {
            let end = next + each + i32::from(index < more);
            (next..end).for_each(|partition| give(member, topic, partition));
            next = end;
        }
    }
}

fn round_robin(
    ordered: &[&Member],
    topics: &BTreeMap<String, i32>,
    mut give: impl FnMut(&Member, &str, i32),
) {
    let mut turn = 0;
    for (topic, &count) in topics {
        if !ordered.iter().any(|m| subscribes(m, topic)) {
            continue;
        }
        for partition in 0..count {
            // There is one, so this ends.
            while !subscribes(ordered[turn % ordered.len()], topic) {
                turn += 1;
            }
            give(ordered[turn % ordered.len()], topic, partition);
            turn += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(text: &str) -> Member {
        // "id:topic,topic" or "id/instance:topic,topic"
        let (id, topics) = text.split_once(':').unwrap();
        let (id, instance) = id.split_once('/').map_or((id, None), |(id, i)| (id, Some(i.to_owned())));
        Member {
            member_id: id.to_owned(),
            group_instance_id: instance,
            topics: topics.split(',').map(str::to_owned).collect(),
        }
    }

    fn check(assignor: Assignor, members: &[&str], topics: &[(&str, i32)], expect: &[(&str, &[&str])]) {
        let members: Vec<_> = members.iter().map(|m| member(m)).collect();
        let topics = topics.iter().map(|(t, n)| ((*t).to_owned(), *n)).collect();
        let found = assignor.assign(&members, &topics);
        let found: Vec<(&str, Vec<String>)> =
            found.iter().map(|(m, p)| (m.as_str(), p.iter().map(ToString::to_string).collect())).collect();
        let expect: Vec<(&str, Vec<String>)> =
            expect.iter().map(|(m, p)| (*m, p.iter().map(|p| (*p).to_owned()).collect())).collect();
        assert_eq!(found, expect, "{assignor:?}");
    }

    #[test]
    fn range_gives_stretches() {
        use Assignor::Range;
        check(Range, &["a:t"], &[("t", 0)], &[("a", &[])]);
        check(Range, &["a:t"], &[("t", 2)], &[("a", &["t-0", "t-1"])]);
        check(
            Range,
            &["b:t,u", "a:t,u"],
            &[("t", 3), ("u", 3)],
            &[("a", &["t-0", "t-1", "u-0", "u-1"]), ("b", &["t-2", "u-2"])],
        );
        check(Range, &["a:t", "b:t"], &[("t", 1)], &[("a", &["t-0"]), ("b", &[])]);
        check(
            Range,
            &["a:t", "b:t,u", "c:t"],
            &[("t", 3), ("u", 2)],
            &[("a", &["t-0"]), ("b", &["t-1", "u-0", "u-1"]), ("c", &["t-2"])],
        );
        // A topic that is gone.
        check(Range, &["a:t,gone"], &[("t", 1)], &[("a", &["t-0"])]);
    }

    #[test]
    fn static_members_keep_their_order() {
        check(
            Assignor::Range,
            &["z/1:t", "a/2:t", "b:t"],
            &[("t", 3)],
            &[("a", &["t-1"]), ("b", &["t-2"]), ("z", &["t-0"])],
        );
    }

    #[test]
    fn round_robin_takes_turns() {
        use Assignor::RoundRobin;
        check(RoundRobin, &["a:t"], &[("t", 0)], &[("a", &[])]);
        check(
            RoundRobin,
            &["a:t,u", "b:t,u"],
            &[("t", 3), ("u", 3)],
            &[("a", &["t-0", "t-2", "u-1"]), ("b", &["t-1", "u-0", "u-2"])],
        );
        // From the documentation of Java's RoundRobinAssignor: unequal subscriptions.
        check(
            RoundRobin,
            &["C0:t0", "C1:t0,t1", "C2:t0,t1,t2"],
            &[("t0", 1), ("t1", 2), ("t2", 3)],
            &[("C0", &["t0-0"]), ("C1", &["t1-0"]), ("C2", &["t1-1", "t2-0", "t2-1", "t2-2"])],
        );
        check(RoundRobin, &["a:t"], &[("t", 1), ("nobodys", 4)], &[("a", &["t-0"])]);
    }
}
