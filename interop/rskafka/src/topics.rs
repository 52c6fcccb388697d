//! Topics: created, listed, emptied, deleted, and refused.

use chrono::DateTime;
use interop::{Check, Suite, refused, until};
use rskafka::client::error::ProtocolError;
use rskafka::client::partition::OffsetAt;

use crate::producer::{produce_times, read};
use crate::{WAIT_MS, client, code, partition, partitions_of, topic};

pub fn add(suite: &mut Suite) {
    suite.add("topic is created, described, deleted", topic_lives);
    suite.add("topic creation is refused", topic_creation_is_refused);
    suite.add("topic deletion is refused", topic_deletion_is_refused);
    suite.add("offsets are listed", offsets_are_listed);
    suite.add("records are deleted", records_are_deleted);
}

async fn topic_lives(check: Check) {
    let (client, name) = (client(&check).await, topic(&check, 3).await);
    client.controller_client().unwrap().delete_topic(&name, WAIT_MS).await.unwrap();
    until("it is gone", async || partitions_of(&client, &name).await.is_empty()).await;
}

async fn topic_creation_is_refused(check: Check) {
    let (client, name, free) = (client(&check).await, topic(&check, 1).await, check.name());
    let controller = client.controller_client().unwrap();
    for (name, partitions, replicas, expected) in [
        (name, 1, 1, ProtocolError::TopicAlreadyExists),
        (format!("{free}/x"), 1, 1, ProtocolError::InvalidTopicException),
        (free.clone(), 1, 99, ProtocolError::InvalidReplicationFactor),
        (free.clone(), 0, 1, ProtocolError::InvalidPartitions),
    ] {
        let error = refused(controller.create_topic(&name, partitions, replicas, WAIT_MS).await);
        assert_eq!(code(&error), expected, "{name}: {error}");
    }
    assert!(partitions_of(&client, &free).await.is_empty());
}

async fn topic_deletion_is_refused(check: Check) {
    let controller = client(&check).await.controller_client().unwrap();
    let error = refused(controller.delete_topic(check.name(), WAIT_MS).await);
    assert_eq!(code(&error), ProtocolError::UnknownTopicOrPartition);
}

async fn offsets_are_listed(check: Check) {
    let topic = topic(&check, 1).await;
    produce_times(&check, &topic, &[1000, 2000, 3000]).await;
    let partition = partition(&check, &topic, 0).await;
    let at = |ms| OffsetAt::Timestamp(DateTime::from_timestamp_millis(ms).unwrap());
    // -1: there is none.
    for (at, expected) in [
        (OffsetAt::Earliest, 0),
        (OffsetAt::Latest, 3),
        (at(1000), 0),
        (at(1001), 1),
        (at(3000), 2),
        (at(9000), -1),
    ] {
        assert_eq!(partition.get_offset(at).await.unwrap(), expected, "{at:?}");
    }
}

async fn records_are_deleted(check: Check) {
    let topic = topic(&check, 1).await;
    produce_times(&check, &topic, &[1000, 2000, 3000, 4000, 5000]).await;
    let partition = partition(&check, &topic, 0).await;
    partition.delete_records(3, WAIT_MS).await.unwrap();
    assert_eq!(partition.get_offset(OffsetAt::Earliest).await.unwrap(), 3);
    assert_eq!(code(&refused(partition.delete_records(99, WAIT_MS).await)), ProtocolError::OffsetOutOfRange);
    let error = refused(partition.fetch_records(2, 1..100_000, WAIT_MS).await);
    assert_eq!(code(&error), ProtocolError::OffsetOutOfRange);
    assert_eq!(read(&check, &topic, 3, 2).await[0].offset, 3);
}
