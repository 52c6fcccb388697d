//! The hash of the topics that a group subscribes to (KIP-1101): equal to Kafka's, so that a group that moves in is not
//! taken for one whose topics have changed.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

use super::{Topic, Topics};

/// The first byte that is hashed of a topic, should the way of hashing ever change.
const MAGIC: u8 = 0;

/// The hash of the topics with these names; those that do not exist do not count. 0 for none.
pub(in crate::group) fn metadata_hash<'n>(
    topics: &dyn Topics,
    names: impl IntoIterator<Item = &'n str>,
) -> i64 {
    // In the order of Java's strings, which is that of UTF-16; names of topics are ASCII.
    let names: BTreeSet<&str> = names.into_iter().collect();
    let mut bytes = Vec::new();
    for topic in names.into_iter().filter_map(|name| topics.by_name(name)) {
        bytes.extend_from_slice(&topic_hash(topics, topic).to_le_bytes());
    }
    if bytes.is_empty() { 0 } else { xxh3_64(&bytes) as i64 }
}

fn topic_hash(topics: &dyn Topics, topic: Topic<'_>) -> u64 {
    let mut bytes = vec![MAGIC];
    let (most, least) = topic.id.0.split_at(8);
    // Two numbers, as Java has ids.
    bytes.extend(most.iter().rev());
    bytes.extend(least.iter().rev());
    put_text(&mut bytes, topic.name);
    bytes.extend_from_slice(&topic.partition_count.to_le_bytes());
    for partition in 0..topic.partition_count {
        bytes.extend_from_slice(&partition.to_le_bytes());
        for rack in topics.racks(topic.id, partition) {
            bytes.extend_from_slice(&(rack.encode_utf16().count() as i32).to_le_bytes());
            put_text(&mut bytes, rack);
        }
    }
    xxh3_64(&bytes)
}

/// A text as hash4j takes it: its UTF-16 units, then how many there are.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let mut units = 0_i32;
    for unit in text.encode_utf16() {
        bytes.extend_from_slice(&unit.to_le_bytes());
        units += 1;
    }
    bytes.extend_from_slice(&units.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use protocol::Uuid;

    use super::*;
    use crate::group::modern::testing::TestTopics;

    #[test]
    fn is_kafkas() {
        let mut topics = TestTopics::default();
        topics.put("t", Uuid(0x1ae8_61c6_8992_4a3b_84dd_235e_bba3_c273_u128.to_be_bytes()), 3);
        // As Kafka 4.3.1 wrote it.
        assert_eq!(metadata_hash(&topics, ["t"]) as u64, 0xfbb1_a5f7_5bbf_a93b);
        assert_eq!(metadata_hash(&topics, ["t", "gone"]) as u64, 0xfbb1_a5f7_5bbf_a93b);
        assert_eq!(metadata_hash(&topics, ["gone"]), 0);
    }
}
