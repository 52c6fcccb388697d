//! What share state is kept for.

use std::fmt;
use std::sync::Arc;

use protocol::Uuid;

/// A partition of a topic as a share group reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharePartitionKey {
    /// The share group.
    pub group_id: Arc<str>,
    /// The topic.
    pub topic_id: Uuid,
    /// The partition of the topic.
    pub partition: i32,
}

/// `group:topicId:partition`: the key by which the coordinator is found, here and in FindCoordinator (KIP-932).
impl fmt::Display for SharePartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.group_id, self.topic_id, self.partition)
    }
}

impl SharePartitionKey {
    /// The partition that a coordinator's key names. Its parts are told from the right: a group's id may have colons.
    pub fn parse(key: &str) -> Option<Self> {
        let (rest, partition) = key.rsplit_once(':')?;
        let (group_id, topic_id) = rest.rsplit_once(':')?;
        if group_id.trim().is_empty() {
            return None;
        }
        Some(Self {
            group_id: group_id.into(),
            topic_id: topic_id.parse().ok()?,
            partition: partition.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_the_right() {
        let topic_id: Uuid = "AAAAAAAAAAAAAAAAAAAABw".parse().unwrap();
        for group_id in ["g", "a:b", ":"] {
            let key = SharePartitionKey { group_id: group_id.into(), topic_id, partition: 3 };
            assert_eq!(key.to_string(), format!("{group_id}:AAAAAAAAAAAAAAAAAAAABw:3"));
            assert_eq!(SharePartitionKey::parse(&key.to_string()), Some(key));
        }
        for none in ["", "g", "g:1", ":AAAAAAAAAAAAAAAAAAAABw:3", "g:short:3", "g:AAAAAAAAAAAAAAAAAAAABw:x"] {
            assert_eq!(SharePartitionKey::parse(none), None, "{none}");
        }
    }
}
