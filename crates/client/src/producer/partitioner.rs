//! Which partition a record goes to, as Java's default partitioner decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Topic;

/// Java's murmur2 (seed 0x9747b28c): clients of every language place equal keys equally by it.
pub fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut h = 0x9747_b28c ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = chunk.iter().rev().fold(0, |k, byte| k << 8 | u32::from(*byte)).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        h = (h ^ rest.iter().rev().fold(0, |k, byte| k << 8 | u32::from(*byte))).wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    (h ^ (h >> 15)) as i32
}

/// The partition of a key among `count`, which is at least 1.
pub(crate) fn partition_of_key(key: &[u8], count: usize) -> i32 {
    (murmur2(key) & i32::MAX) % count.max(1) as i32
}

/// Where records without a key go: to one partition until it got a batch's worth of bytes, then to another
/// (KIP-794). So batches fill, and over time the partitions get the same.
#[derive(Debug, Default)]
pub(crate) struct Sticky(BTreeMap<Arc<str>, (i32, usize)>);

impl Sticky {
    /// The partition of the next record, which has `bytes`.
    pub(crate) fn next(&mut self, topic: &Topic, bytes: usize, batch_bytes: usize, random: u64) -> i32 {
        match self.0.get_mut(&topic.name) {
            Some((partition, so_far)) if *so_far < batch_bytes && topic.partition(*partition).is_some() => {
                *so_far += bytes;
                *partition
            }
            previous => {
                let partition = pick(topic, previous.map(|(p, _)| *p), random);
                self.0.insert(topic.name.clone(), (partition, bytes));
                partition
            }
        }
    }
}

/// A partition with a leader other than the previous one, if there is a choice.
fn pick(topic: &Topic, previous: Option<i32>, random: u64) -> i32 {
    let with_leader = || topic.partitions.iter().filter(|p| p.leader.is_some()).map(|p| p.index);
    let mut choice: Vec<i32> = with_leader().filter(|p| Some(*p) != previous).collect();
    if choice.is_empty() {
        choice = with_leader().collect();
    }
    if choice.is_empty() {
        choice = topic.partitions.iter().map(|p| p.index).collect();
    }
    choice.get((random % choice.len().max(1) as u64) as usize).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{BrokerId, LeaderEpoch, Uuid};

    #[test]
    fn murmur2_is_javas() {
        // From UtilsTest of Apache Kafka.
        let check = |text: &str, expect: i32| assert_eq!(murmur2(text.as_bytes()), expect, "{text}");
        check("21", -973_932_308);
        check("foobar", -790_332_482);
        check("a-little-bit-long-string", -985_981_536);
        check("a-little-bit-longer-string", -1_486_304_829);
        check("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971);
        check("abc", 479_470_107);
    }

    fn topic(leaders: &[Option<i32>]) -> Topic {
        let partitions = leaders.iter().enumerate().map(|(index, leader)| crate::Partition {
            index: index as i32,
            leader: leader.map(BrokerId),
            leader_epoch: LeaderEpoch(0),
            replicas: vec![],
            isr: vec![],
            offline: vec![],
        });
        Topic { name: "t".into(), id: Uuid::ZERO, is_internal: false, partitions: partitions.collect() }
    }

    #[test]
    fn keys_stay_within_the_count() {
        // "foobar" hashes to a negative number: Java masks the sign and does not negate.
        assert_eq!(partition_of_key(b"foobar", 7), ((-790_332_482_i32) & i32::MAX) % 7);
        assert_eq!(partition_of_key(b"anything", 1), 0);
    }

    #[test]
    fn sticky_moves_on_after_a_batch() {
        let topic = topic(&[Some(1), None, Some(1)]);
        let mut sticky = Sticky::default();
        let went: Vec<i32> = (0..9).map(|random| sticky.next(&topic, 40, 100, random)).collect();
        assert_eq!(went, [0, 0, 0, 2, 2, 2, 0, 0, 0]);
    }

    #[test]
    fn sticky_takes_what_there_is() {
        assert_eq!(Sticky::default().next(&topic(&[None, None]), 1, 1, 1), 1);
        let one = topic(&[Some(1)]);
        let mut sticky = Sticky::default();
        assert_eq!([sticky.next(&one, 9, 1, 5), sticky.next(&one, 9, 1, 6)], [0, 0]);
    }
}
