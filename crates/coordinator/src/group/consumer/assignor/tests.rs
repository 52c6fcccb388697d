//! Properties of all assignors, and the cases that are worth a name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::group::modern::testing::id;

/// Members with the topics they subscribe to, by number.
type Group = Vec<(&'static str, Option<&'static str>, Vec<u8>)>;

#[derive(Debug)]
struct Scene {
    ids: Vec<Arc<str>>,
    members: Vec<(Option<&'static str>, Vec<Uuid>)>,
    before: Vec<Partitions>,
    counts: BTreeMap<Uuid, i32>,
}

impl Scene {
    fn new(topics: &[(u8, i32)], group: Group, before: Vec<Partitions>) -> Self {
        let topic_ids =
            |topics: Vec<u8>| topics.into_iter().map(id).collect::<BTreeSet<_>>().into_iter().collect();
        Self {
            ids: group.iter().map(|(member_id, ..)| Arc::from(*member_id)).collect(),
            before: if before.is_empty() { vec![Partitions::new(); group.len()] } else { before },
            members: group.into_iter().map(|(_, instance, topics)| (instance, topic_ids(topics))).collect(),
            counts: topics.iter().map(|(topic, count)| (id(*topic), *count)).collect(),
        }
    }

    fn assign(&self, assignor: Assignor) -> Vec<Partitions> {
        let members = self.ids.iter().zip(&self.members).zip(&self.before);
        let members = members.map(|((member_id, (instance_id, topics)), before)| Assignee {
            member_id,
            instance_id: *instance_id,
            topics: topics.clone(),
            before,
        });
        let subscribed: BTreeSet<_> = self.members.iter().flat_map(|(_, topics)| topics).collect();
        let partition_counts =
            self.counts.iter().filter(|(id, _)| subscribed.contains(id)).map(|(id, count)| (*id, *count));
        assignor
            .assign(&Assignees { members: members.collect(), partition_counts: partition_counts.collect() })
    }
}

fn describe(assigned: &[Partitions]) -> String {
    let one = |partitions: &Partitions| {
        let all = partitions.iter().map(|(id, partition)| format!("{}-{partition}", id.0[15]));
        all.collect::<Vec<_>>().join(",")
    };
    assigned.iter().map(one).collect::<Vec<_>>().join(" | ")
}

#[test]
fn range_gives_neighbours_and_static_members_come_first() {
    let check = |topics: &[(u8, i32)], group: Group, expect: &str| {
        assert_eq!(describe(&Scene::new(topics, group, vec![]).assign(Assignor::Range)), expect);
    };
    let both = || vec![1, 2];
    check(&[(1, 3), (2, 3)], vec![("a", None, both()), ("b", None, both())], "1-0,1-1,2-0,2-1 | 1-2,2-2");
    check(
        &[(1, 3), (2, 3)],
        vec![("a", None, both()), ("b", Some("z"), both())],
        "1-2,2-2 | 1-0,1-1,2-0,2-1",
    );
    check(
        &[(1, 4)],
        vec![("a", Some("y"), vec![1]), ("b", Some("x"), vec![1]), ("c", None, vec![1])],
        "1-2 | 1-0,1-1 | 1-3",
    );
    check(&[(1, 2), (2, 3)], vec![("a", None, vec![1]), ("b", None, both())], "1-0 | 1-1,2-0,2-1,2-2");
    check(&[(1, 1)], vec![("a", None, vec![1]), ("b", None, vec![1])], "1-0 | ");
    check(&[], vec![("a", None, vec![])], "");
    check(&[], vec![], "");
}

#[test]
fn uniform_is_even_and_sticks() {
    let topics = [(1, 3), (2, 3)];
    let group =
        |members: &[&'static str]| members.iter().map(|id| (*id, None, vec![1, 2])).collect::<Group>();
    let one = Scene::new(&topics, group(&["a"]), vec![]).assign(Assignor::Uniform);
    assert_eq!(describe(&one), "1-0,1-1,1-2,2-0,2-1,2-2");
    let two = Scene::new(&topics, group(&["a", "b"]), vec![one[0].clone(), Partitions::new()])
        .assign(Assignor::Uniform);
    assert_eq!(describe(&two), "1-0,1-1,1-2 | 2-0,2-1,2-2");
    let four = Scene::new(
        &topics,
        group(&["a", "b", "c", "d"]),
        vec![Partitions::new(), two[0].clone(), two[1].clone(), Partitions::new()],
    );
    // The old ones keep the extra partitions, whatever their place.
    assert_eq!(describe(&four.assign(Assignor::Uniform)), "1-2 | 1-0,1-1 | 2-0,2-1 | 2-2");
}

#[test]
fn uniform_moves_partitions_through_others() {
    // Only by a chain does the last member get something: a gives of 1 to b, who gives of 2 to c.
    let before =
        |partitions: &[(u8, i32)]| partitions.iter().map(|(t, p)| (id(*t), *p)).collect::<Partitions>();
    let scene = Scene::new(
        &[(1, 3), (2, 2)],
        vec![("a", None, vec![1]), ("b", None, vec![1, 2]), ("c", None, vec![2])],
        vec![before(&[(1, 0), (1, 1), (1, 2)]), before(&[(2, 0), (2, 1)]), Partitions::new()],
    );
    let loads: Vec<_> = scene.assign(Assignor::Uniform).iter().map(Partitions::len).collect();
    assert_eq!(loads, [2, 2, 1]);
}

fn scene() -> impl Strategy<Value = Scene> {
    const IDS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let topics = proptest::collection::vec(0_i32..7, 0..5);
    (topics, 1_usize..8, any::<bool>()).prop_flat_map(|(counts, members, same)| {
        let topics: Vec<u8> = (0..counts.len() as u8).collect();
        let all = topics.clone();
        let subscription = proptest::sample::subsequence(topics, 0..=all.len());
        let subscriptions = proptest::collection::vec(subscription, members);
        let owners = proptest::collection::vec(0..members + 2, 40);
        (subscriptions, owners).prop_map(move |(subscriptions, owners)| {
            let group = subscriptions.into_iter().enumerate().map(|(index, subscription)| {
                (IDS[index], None, if same { all.clone() } else { subscription })
            });
            let group: Group = group.collect();
            // What was before is anything: other topics, more partitions than there are.
            let mut before = vec![Partitions::new(); group.len()];
            for (index, owner) in owners.iter().enumerate() {
                if let Some(partitions) = before.get_mut(*owner) {
                    partitions.insert(id((index / 8) as u8), (index % 8) as i32);
                }
            }
            let topics: Vec<_> = counts.iter().enumerate().map(|(id, count)| (id as u8, *count)).collect();
            Scene::new(&topics, group, before)
        })
    })
}

proptest! {
    #[test]
    fn everything_goes_to_one_subscriber_and_a_second_round_moves_nothing(scene in scene()) {
        for assignor in [Assignor::Uniform, Assignor::Range] {
            let assigned = scene.assign(assignor);
            let mut seen = BTreeSet::new();
            for (member, partitions) in assigned.iter().enumerate() {
                for (id, partition) in partitions.iter() {
                    prop_assert!(scene.members[member].1.contains(&id), "a subscriber");
                    prop_assert!((0..scene.counts[&id]).contains(&partition), "a partition that is there");
                    prop_assert!(seen.insert((id, partition)), "once");
                }
            }
            let subscribed: BTreeSet<_> = scene.members.iter().flat_map(|(_, topics)| topics).collect();
            let expect: usize =
                scene.counts.iter().filter(|(id, _)| subscribed.contains(id)).map(|(_, n)| *n as usize).sum();
            prop_assert_eq!(seen.len(), expect, "all");
            let again = Scene { before: assigned.clone(), ids: scene.ids.clone(), members: scene.members.clone(),
                counts: scene.counts.clone() };
            prop_assert_eq!(again.assign(assignor), assigned, "at rest");
        }
    }

    #[test]
    fn uniform_is_as_even_as_subscriptions_allow(scene in scene()) {
        let assigned = scene.assign(Assignor::Uniform);
        for (member, partitions) in assigned.iter().enumerate() {
            for (other, theirs) in assigned.iter().enumerate() {
                let could = partitions.iter().any(|(id, _)| scene.members[other].1.contains(&id));
                prop_assert!(!could || partitions.len() <= theirs.len() + 1, "{} gives nothing to {}", member, other);
            }
        }
    }

    #[test]
    fn uniform_moves_no_more_than_it_has_to(scene in scene()) {
        // Among equals: who keeps less than it could has as many as the others need.
        let assigned = scene.assign(Assignor::Uniform);
        let homogeneous = scene.members.windows(2).all(|pair| pair[0].1 == pair[1].1);
        let total: usize = assigned.iter().map(Partitions::len).sum();
        let quota = total / assigned.len();
        for (before, after) in scene.before.iter().zip(&assigned).filter(|_| homogeneous) {
            let could_keep = before.iter().filter(|(id, partition)| {
                scene.members[0].1.contains(id) && (0..scene.counts[id]).contains(partition)
            });
            let could_keep = could_keep.count().min(quota);
            let kept = before.iter().filter(|(id, partition)| after.contains(*id, *partition)).count();
            prop_assert!(kept >= could_keep, "kept {} of {}", kept, could_keep);
        }
    }
}
