//! `range`: of each topic its subscribers get neighbouring partitions, the first of them one more where the number does not
//! come out even. Static members come first, in the order of their instance ids, so that their partitions stay with them.

use std::collections::BTreeMap;

use protocol::Uuid;

use super::Assignees;
use crate::group::modern::Partitions;

pub(super) fn assign(assignees: &Assignees<'_>) -> Vec<Partitions> {
    let mut order: Vec<usize> = (0..assignees.members.len()).collect();
    order.sort_by_key(|index| {
        let member = &assignees.members[*index];
        (member.instance_id.is_none(), member.instance_id, member.member_id)
    });
    let mut subscribers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for index in order {
        for topic_id in &assignees.members[index].topics {
            subscribers.entry(*topic_id).or_default().push(index);
        }
    }
    let mut assigned = vec![Partitions::new(); assignees.members.len()];
    for (topic_id, members) in subscribers {
        let count = assignees.partition_counts.get(&topic_id).map_or(0, |count| *count as usize);
        let (quota, extra) = (count / members.len(), count % members.len());
        let mut next = 0;
        for (place, member) in members.into_iter().enumerate() {
            let end = next + quota + usize::from(place < extra);
            (next..end).for_each(|partition| assigned[member].insert(topic_id, partition as i32));
            next = end;
        }
    }
    assigned
}
