//! Topics and configs: created, described, altered, deleted, and refused.

use interop::{Check, Suite, refused, until};
use rdkafka::admin::{
    AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::consumer::{assigned, consumer, read};
use crate::groups::Member;
use crate::producer::produce_times;
use crate::{Options, WAIT, admin, code, partitions_of, topic};

pub fn add(suite: &mut Suite) {
    suite.add("cluster is described", cluster_is_described);
    suite.add("topic is created, described, deleted", topic_lives);
    suite.add("topic creation is refused", topic_creation_is_refused);
    suite.add("topic creation is only validated", topic_creation_is_only_validated);
    suite.add("topic is created with an assignment", topic_is_created_with_an_assignment);
    suite.add("topic deletion is refused", topic_deletion_is_refused);
    suite.add("partitions are added", partitions_are_added);
    suite.add("topic configs are changed", topic_configs_are_changed);
    suite.add("topic configs are refused", topic_configs_are_refused);
    suite.add("broker configs are described", broker_configs_are_described);
    suite.add("offsets are listed", offsets_are_listed);
    suite.add("records are deleted", records_are_deleted);
    suite.add("groups are listed, described, deleted", groups_live);
    suite.add("group offsets are changed", group_offsets_are_changed);
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(WAIT)).operation_timeout(Some(WAIT))
}

async fn cluster_is_described(check: Check) {
    let admin = admin(&check);
    let metadata = admin.inner().fetch_metadata(None, WAIT).unwrap();
    let port: i32 = check.bootstrap.rsplit(':').next().unwrap().parse().unwrap();
    assert!(metadata.brokers().iter().any(|broker| broker.port() == port), "{metadata:?}");
    assert!(admin.inner().fetch_cluster_id(WAIT).is_some_and(|id| !id.is_empty()));
}

async fn topic_lives(check: Check) {
    let (admin, name) = (admin(&check), topic(&check, 3, &[]).await);
    let metadata = admin.inner().fetch_metadata(Some(&name), WAIT).unwrap();
    let [described] = metadata.topics() else { panic!("not one topic") };
    assert_eq!((described.name(), described.error()), (name.as_str(), None));
    let mut ids: Vec<i32> = described.partitions().iter().map(|partition| partition.id()).collect();
    ids.sort();
    assert_eq!(ids, [0, 1, 2]);
    for partition in described.partitions() {
        assert_eq!(partition.error(), None);
        assert_eq!(partition.replicas(), partition.isr());
        assert_eq!(partition.replicas(), [partition.leader()]);
    }
    assert_eq!(admin.delete_topics(&[&name], &options()).await.unwrap(), [Ok(name.clone())]);
    until("it is gone", async || partitions_of(&admin, &name).is_none()).await;
}

async fn topic_creation_is_refused(check: Check) {
    let (admin, name, free) = (admin(&check), topic(&check, 1, &[]).await, check.name());
    let wrong = format!("{free}/x");
    let one = |name| NewTopic::new(name, 1, TopicReplication::Fixed(1));
    let many = NewTopic::new(&free, 1, TopicReplication::Fixed(99));
    let unknown = TopicReplication::Variable(&[&[4711]]);
    for (new, expected) in [
        (one(&name), RDKafkaErrorCode::TopicAlreadyExists),
        (one(&wrong), RDKafkaErrorCode::InvalidTopic),
        (many, RDKafkaErrorCode::InvalidReplicationFactor),
        (NewTopic::new(&free, 1, unknown), RDKafkaErrorCode::InvalidReplicaAssignment),
        (NewTopic::new(&free, 0, TopicReplication::Fixed(1)), RDKafkaErrorCode::InvalidPartitions),
        (one(&free).set("no.such.property", "1"), RDKafkaErrorCode::InvalidConfig),
        (one(&free).set("cleanup.policy", "1"), RDKafkaErrorCode::InvalidConfig),
    ] {
        let name = new.name.to_owned();
        assert_eq!(admin.create_topics(&[new], &options()).await.unwrap(), [Err((name, expected))]);
    }
    assert_eq!(partitions_of(&admin, &free), None);
}

async fn topic_creation_is_only_validated(check: Check) {
    let (admin, name) = (admin(&check), check.name());
    let new = NewTopic::new(&name, 2, TopicReplication::Fixed(1));
    let validated = admin.create_topics(&[new], &options().validate_only(true)).await;
    assert_eq!(validated.unwrap(), [Ok(name.clone())]);
    assert_eq!(partitions_of(&admin, &name), None);
}

async fn topic_is_created_with_an_assignment(check: Check) {
    let (admin, name) = (admin(&check), check.name());
    let broker = admin.inner().fetch_metadata(None, WAIT).unwrap().brokers()[0].id();
    let replicas = [broker];
    let assignment = [replicas.as_slice(), &replicas];
    let new = NewTopic::new(&name, 2, TopicReplication::Variable(&assignment));
    assert_eq!(admin.create_topics(&[new], &options()).await.unwrap(), [Ok(name.clone())]);
    until("it has two partitions", async || partitions_of(&admin, &name) == Some(2)).await;
}

async fn topic_deletion_is_refused(check: Check) {
    let name = check.name();
    let deleted = admin(&check).delete_topics(&[&name], &options()).await.unwrap();
    assert_eq!(deleted, [Err((name, RDKafkaErrorCode::UnknownTopicOrPartition))]);
}

async fn partitions_are_added(check: Check) {
    let (admin, name, no) = (admin(&check), topic(&check, 1, &[]).await, check.name());
    let four = admin.create_partitions(&[NewPartitions::new(&name, 4)], &options()).await;
    assert_eq!(four.unwrap(), [Ok(name.clone())]);
    until("it has four", async || partitions_of(&admin, &name) == Some(4)).await;
    let fewer = admin.create_partitions(&[NewPartitions::new(&name, 2)], &options()).await;
    assert_eq!(fewer.unwrap(), [Err((name, RDKafkaErrorCode::InvalidPartitions))]);
    let unknown = admin.create_partitions(&[NewPartitions::new(&no, 2)], &options()).await;
    assert_eq!(unknown.unwrap(), [Err((no, RDKafkaErrorCode::UnknownTopicOrPartition))]);
}

async fn topic_configs_are_changed(check: Check) {
    let (admin, name) = (admin(&check), topic(&check, 1, &[("retention.ms", "1000000")]).await);
    let has = async |expected: Options| {
        let described = admin.describe_configs(&[ResourceSpecifier::Topic(&name)], &options()).await.unwrap();
        let resource = described[0].as_ref().unwrap();
        expected.iter().all(|(key, value)| resource.get(key).unwrap().value.as_deref() == Some(*value))
    };
    let alter = async |alteration: AlterConfig| {
        assert!(admin.alter_configs(&[alteration], &options()).await.unwrap()[0].is_ok());
    };
    let of_creation = [("retention.ms", "1000000"), ("segment.bytes", "1073741824")];
    until("those of the creation", async || has(&of_creation).await).await;
    let resource = || AlterConfig::new(ResourceSpecifier::Topic(&name));
    alter(resource().set("retention.ms", "2000000").set("cleanup.policy", "compact")).await;
    until("both", async || has(&[("retention.ms", "2000000"), ("cleanup.policy", "compact")]).await).await;
    // It sets all of them: what is not named is the default again.
    alter(resource().set("retention.ms", "3000000")).await;
    until("one", async || has(&[("retention.ms", "3000000"), ("cleanup.policy", "delete")]).await).await;
}

/// Its `alter_configs` does not tell errors: what it left as it was tells them.
async fn topic_configs_are_refused(check: Check) {
    let (admin, name) = (admin(&check), topic(&check, 1, &[("retention.ms", "1000000")]).await);
    for wrong in [[("retention.ms", "long")], [("no.such.property", "1")]] {
        let [(key, value)] = wrong;
        let alteration = AlterConfig::new(ResourceSpecifier::Topic(&name)).set(key, value);
        admin.alter_configs(&[alteration], &options()).await.unwrap().remove(0).unwrap();
    }
    let described = admin.describe_configs(&[ResourceSpecifier::Topic(&name)], &options()).await.unwrap();
    let configs = described[0].as_ref().unwrap();
    assert_eq!(configs.get("retention.ms").unwrap().value.as_deref(), Some("1000000"));
    assert!(configs.get("no.such.property").is_none());
}

async fn broker_configs_are_described(check: Check) {
    let admin = admin(&check);
    let id = admin.inner().fetch_metadata(None, WAIT).unwrap().brokers()[0].id();
    let described = admin.describe_configs(&[ResourceSpecifier::Broker(id)], &options()).await.unwrap();
    let configs = described[0].as_ref().unwrap();
    assert_eq!(configs.get("node.id").unwrap().value, Some(id.to_string()));
    assert_eq!(configs.get("message.max.bytes").unwrap().value.as_deref(), Some("1048588"));
    assert!(configs.get("node.id").unwrap().is_read_only);
}

async fn offsets_are_listed(check: Check) {
    let name = topic(&check, 1, &[]).await;
    produce_times(&check, &name, &[1000, 2000, 3000]).await;
    let consumer = consumer(&check, &[]);
    assert_eq!(consumer.fetch_watermarks(&name, 0, WAIT).unwrap(), (0, 3));
    for (at, expected) in
        [(1000, Offset::Offset(0)), (1001, Offset::Offset(1)), (3000, Offset::Offset(2)), (9000, Offset::End)]
    {
        let times = list(&name, 0, Offset::Offset(at));
        let offsets = consumer.offsets_for_times(times, WAIT).unwrap();
        assert_eq!(offsets.elements()[0].offset(), expected, "at {at}");
    }
    let unknown = refused(consumer.fetch_watermarks(&name, 7, WAIT));
    assert_eq!(code(&unknown), RDKafkaErrorCode::UnknownPartition);
}

async fn records_are_deleted(check: Check) {
    let (admin, name) = (admin(&check), topic(&check, 1, &[]).await);
    produce_times(&check, &name, &[1000, 2000, 3000, 4000, 5000]).await;
    let before = async |offset| {
        let deleted = admin.delete_records(&list(&name, 0, offset), &options()).await.unwrap();
        let element = &deleted.elements()[0];
        element.error().map(|()| element.offset())
    };
    assert_eq!(before(Offset::Offset(3)).await, Ok(Offset::Offset(3)));
    assert_eq!(admin.inner().fetch_watermarks(&name, 0, WAIT).unwrap(), (3, 5));
    assert_eq!(code(&refused(before(Offset::Offset(99)).await)), RDKafkaErrorCode::OffsetOutOfRange);
    let records = read(&assigned(&check, &name, Offset::Beginning, &[]), 2).await;
    assert_eq!(rdkafka::Message::offset(&records[0]), 3);
    assert_eq!(before(Offset::End).await, Ok(Offset::Offset(5)));
}

async fn groups_live(check: Check) {
    let (admin, name, group) = (admin(&check), topic(&check, 2, &[]).await, check.name());
    produce_times(&check, &name, &[1000]).await;
    let member = Member::join(&check, &group, &name, &[("client.id", "someone")]);
    until("it consumes", async || member.records() == 1).await;
    group_is_described(admin.inner(), &group);
    let deleted = admin.delete_groups(&[&group], &options()).await.unwrap();
    assert_eq!(deleted, [Err((group.clone(), RDKafkaErrorCode::NonEmptyGroup))]);
    member.leave().await;
    assert_eq!(admin.delete_groups(&[&group], &options()).await.unwrap(), [Ok(group.clone())]);
    let again = admin.delete_groups(&[&group], &options()).await.unwrap();
    assert_eq!(again, [Err((group, RDKafkaErrorCode::GroupIdNotFound))]);
}

fn group_is_described(client: &Client<DefaultClientContext>, group: &str) {
    let listed = client.fetch_group_list(None, WAIT).unwrap();
    assert!(listed.groups().iter().any(|found| found.name() == group));
    let described = client.fetch_group_list(Some(group), WAIT).unwrap();
    let [described] = described.groups() else { panic!("not one group") };
    assert_eq!((described.name(), described.state()), (group, "Stable"));
    assert_eq!((described.protocol_type(), described.protocol()), ("consumer", "range"));
    let [only] = described.members() else { panic!("not one member") };
    assert_eq!(only.client_id(), "someone");
    assert!(only.id().starts_with("someone-"), "{}", only.id());
    assert!(only.assignment().is_some_and(|assignment| !assignment.is_empty()));
}

async fn group_offsets_are_changed(check: Check) {
    let (name, group) = (topic(&check, 2, &[]).await, check.name());
    let consumer = consumer(&check, &[("group.id", &group)]);
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&name, 0, Offset::Offset(7)).unwrap();
    offsets.add_partition_offset(&name, 1, Offset::Offset(8)).unwrap();
    offsets.elements()[0].set_metadata("why");
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
    let mut asked = TopicPartitionList::new();
    for partition in [0, 1, 5] {
        asked.add_partition(&name, partition);
    }
    let committed = consumer.committed_offsets(asked, WAIT).unwrap();
    let committed: Vec<_> =
        committed.elements().iter().map(|e| (e.offset(), e.metadata().to_owned())).collect();
    let expected = [(Offset::Offset(7), "why"), (Offset::Offset(8), ""), (Offset::Invalid, "")];
    assert_eq!(committed, expected.map(|(offset, metadata)| (offset, metadata.to_owned())));
    // Back, too.
    consumer.commit(&list(&name, 0, Offset::Offset(2)), CommitMode::Sync).unwrap();
    let committed = consumer.committed_offsets(list(&name, 0, Offset::Invalid), WAIT).unwrap();
    assert_eq!(committed.elements()[0].offset(), Offset::Offset(2));
}

/// One partition with an offset.
pub fn list(topic: &str, partition: i32, offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, offset).unwrap();
    list
}
