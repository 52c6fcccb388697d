//! What members of a group tell each other through the coordinator, which does not look into it: subscriptions and
//! assignments of the consumer protocol, each behind its version.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::TopicPartition;
use protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use protocol::wire::{DecodeError, EncodeError, Reader, Writer};

/// The version of subscriptions and assignments that we write; later ones only add trailing fields.
const CONSUMER_PROTOCOL_VERSION: i16 = 1;
/// The latest version that we read; what newer ones add comes behind.
const LATEST_VERSION: i16 = 3;

pub(super) fn encode_subscription(topics: &[String]) -> Result<Vec<u8>, EncodeError> {
    let subscription = ConsumerProtocolSubscription {
        topics: topics.iter().map(|t| t.as_str().into()).collect(),
        ..Default::default()
    };
    let mut w = Writer::new();
    w.i16(CONSUMER_PROTOCOL_VERSION);
    subscription.encode(&mut w, CONSUMER_PROTOCOL_VERSION)?;
    Ok(w.into_bytes())
}

/// The version that stands in front, or the latest that we know.
fn consumer_protocol_version(r: &mut Reader<'_>) -> Result<i16, DecodeError> {
    match r.i16()? {
        version if version < 0 => {
            Err(DecodeError::UnsupportedVersion { message: "ConsumerProtocolSubscription", version })
        }
        version => Ok(version.min(LATEST_VERSION)),
    }
}

pub(super) fn decode_subscription(bytes: &[u8]) -> Result<Vec<String>, DecodeError> {
    let mut r = Reader::new(bytes);
    let version = consumer_protocol_version(&mut r)?;
    let subscription = ConsumerProtocolSubscription::decode(&mut r, version)?;
    Ok(subscription.topics.into_iter().map(|t| t.into_owned()).collect())
}

pub(super) fn encode_assignment(partitions: &[TopicPartition]) -> Result<Vec<u8>, EncodeError> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for p in partitions {
        topics.entry(&p.topic).or_default().push(p.partition);
    }
    let assigned = |(topic, partitions): (&str, Vec<i32>)| AssignedTopic {
        topic: topic.to_owned().into(),
        partitions,
        ..Default::default()
    };
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: topics.into_iter().map(assigned).collect(),
        ..Default::default()
    };
    let mut w = Writer::new();
    w.i16(CONSUMER_PROTOCOL_VERSION);
    assignment.encode(&mut w, CONSUMER_PROTOCOL_VERSION)?;
    Ok(w.into_bytes())
}

/// The partitions of an assignment; no bytes are no partitions.
pub(crate) fn decode_assignment(bytes: &[u8]) -> Result<Vec<TopicPartition>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut r = Reader::new(bytes);
    let version = consumer_protocol_version(&mut r)?;
    let assignment = ConsumerProtocolAssignment::decode(&mut r, version)?;
    let mut partitions = Vec::new();
    for topic in &assignment.assigned_partitions {
        let name: Arc<str> = (&*topic.topic).into();
        partitions.extend(topic.partitions.iter().map(|p| TopicPartition::new(name.clone(), *p)));
    }
    partitions.sort();
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_come_back() {
        let partitions = ["a-0", "a-2", "b-1"].map(|p| {
            let (topic, partition) = p.split_once('-').unwrap();
            TopicPartition::new(topic, partition.parse().unwrap())
        });
        let bytes = encode_assignment(&partitions).unwrap();
        assert_eq!(decode_assignment(&bytes).unwrap(), partitions);
        assert_eq!(decode_assignment(&[]).unwrap(), []);
        assert!(decode_assignment(&[0]).is_err());
        assert!(decode_assignment(&[0xff, 0xff]).is_err());
    }

    #[test]
    fn subscriptions_of_any_version_are_read() {
        let topics = vec!["t".to_owned(), "u".to_owned()];
        let mut bytes = encode_subscription(&topics).unwrap();
        assert_eq!(decode_subscription(&bytes).unwrap(), topics);
        // Version 0, as old clients and librdkafka write it: one string, null user data.
        let v0 = [&[0, 0, 0, 0, 0, 1, 0, 1][..], b"t", &[0xff; 4]].concat();
        assert_eq!(decode_subscription(&v0).unwrap(), ["t"]);
        bytes.truncate(5);
        assert!(decode_subscription(&bytes).is_err());
    }
}
