//! `uniform` where all members subscribe to the same topics: everybody gets as many partitions as everybody else, or one
//! more, and keeps what it had up to that.

use std::collections::BTreeSet;

use super::Assignees;
use crate::group::modern::Partitions;

pub(super) fn assign(assignees: &Assignees<'_>) -> Vec<Partitions> {
    let count = assignees.members.len();
    let total: usize = assignees.partition_counts.values().map(|count| *count as usize).sum();
    let (quota, mut extra) = (total.checked_div(count).unwrap_or(0), total.checked_rem(count).unwrap_or(0));

    let mut unassigned: BTreeSet<_> = assignees.partitions().collect();
    let mut assigned: Vec<Partitions> = Vec::with_capacity(count);
    let mut limits = vec![quota; count];
    for (index, member) in assignees.members.iter().enumerate() {
        // Who has more than the quota already keeps one of the extra partitions; what is over is free again.
        let mut kept = Partitions::new();
        let mut len = 0;
        for (id, partition) in member.before.iter() {
            if len == limits[index] && len == quota && extra > 0 && unassigned.contains(&(id, partition)) {
                extra -= 1;
                limits[index] += 1;
            }
            if len < limits[index] && unassigned.remove(&(id, partition)) {
                kept.insert(id, partition);
                len += 1;
            }
        }
        assigned.push(kept);
    }
    for limit in limits.iter_mut().filter(|limit| **limit == quota).take(extra) {
        *limit += 1;
    }
    let mut unassigned = unassigned.into_iter();
    for (partitions, limit) in assigned.iter_mut().zip(limits) {
        let room = limit - partitions.len();
        unassigned.by_ref().take(room).for_each(|(id, partition)| partitions.insert(id, partition));
    }
    debug_assert_eq!(unassigned.len(), 0);
    assigned
}
