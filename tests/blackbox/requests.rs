//! The requests that many tests make, with what a test does not care about filled in.

use protocol::messages::*;
use protocol::messages::{
    create_topics_request::{CreatableTopic, CreatableTopicConfig},
    fetch_request::{FetchPartition, FetchTopic},
    fetch_response::PartitionData,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    list_offsets_response::ListOffsetsPartitionResponse,
    metadata_request::MetadataRequestTopic,
    produce_request::{PartitionProduceData, TopicProduceData},
    produce_response::PartitionProduceResponse,
};
use protocol::records::{BatchBuilder, NewRecord, batches};
use protocol::{ApiKey, ErrorCode, Offset, ProducerEpoch, ProducerId, Uuid};

use crate::wire::Wire;

pub(crate) const NONE: i16 = 0;
pub(crate) const ACKS_ALL: i16 = -1;

/// A topic by both its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: &'static str,
    pub(crate) id: Uuid,
}

pub(crate) fn code(error: ErrorCode) -> i16 {
    error.code()
}

pub(crate) fn creatable(name: &str, partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic<'static> {
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: (*name).to_owned().into(),
        value: Some((*value).to_owned().into()),
        ..Default::default()
    });
    CreatableTopic {
        name: name.to_owned().into(),
        num_partitions: partitions,
        replication_factor: -1,
        configs: configs.collect(),
        ..Default::default()
    }
}

/// Creates a topic that must not exist.
pub(crate) fn create_topic(
    wire: &mut Wire,
    name: &'static str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> Topic {
    let request =
        CreateTopicsRequest { topics: vec![creatable(name, partitions, configs)], ..Default::default() };
    let answer: CreateTopicsResponse = wire.ask(ApiKey::CreateTopics, 7, &request);
    assert_eq!(answer.topics[0].error_code, NONE, "{answer:?}");
    Topic { name, id: answer.topics[0].topic_id }
}

pub(crate) fn metadata(wire: &mut Wire, topics: Option<&[&str]>) -> MetadataResponse<'static> {
    let topic =
        |name: &&str| MetadataRequestTopic { name: Some((*name).to_owned().into()), ..Default::default() };
    let topics = topics.map(|names| names.iter().map(topic).collect());
    let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
    wire.ask(ApiKey::Metadata, 12, &request)
}

/// A builder with one record for each value.
pub(crate) fn builder(values: &[&str]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(Offset(0));
    for value in values {
        let record = NewRecord { timestamp: 1_000, value: Some(value.as_bytes()), ..Default::default() };
        builder.append_next(record).unwrap();
    }
    builder
}

pub(crate) fn batch(values: &[&str]) -> Vec<u8> {
    builder(values).build().unwrap()
}

/// A batch of an idempotent producer.
pub(crate) fn sequenced(values: &[&str], id: ProducerId, epoch: i16, base_sequence: i32) -> Vec<u8> {
    builder(values).producer(id, ProducerEpoch(epoch), base_sequence).build().unwrap()
}

pub(crate) fn produce_request(
    topic: Topic,
    acks: i16,
    partition: i32,
    records: Vec<u8>,
) -> ProduceRequest<'static> {
    let data = PartitionProduceData { index: partition, records: Some(records.into()), ..Default::default() };
    let topic = TopicProduceData {
        name: topic.name.into(),
        topic_id: topic.id,
        partition_data: vec![data],
        ..Default::default()
    };
    ProduceRequest { acks, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

/// Produces to partition 0 with acks=all; what the partition answers.
pub(crate) fn produce(
    wire: &mut Wire,
    version: i16,
    topic: Topic,
    records: Vec<u8>,
) -> PartitionProduceResponse<'static> {
    let request = produce_request(topic, ACKS_ALL, 0, records);
    let mut answer: ProduceResponse = wire.ask(ApiKey::Produce, version, &request);
    answer.responses.remove(0).partition_responses.remove(0)
}

/// Produces to partition 0 what must be accepted; the base offset.
pub(crate) fn append(wire: &mut Wire, topic: Topic, records: Vec<u8>) -> i64 {
    let answer = produce(wire, 13, topic, records);
    assert_eq!(answer.error_code, NONE, "{answer:?}");
    answer.base_offset
}

/// A fetch of partition 0 outside of any session, which does not wait.
pub(crate) fn fetch_request(topic: Topic, offset: i64) -> FetchRequest<'static> {
    let partition = FetchPartition {
        partition: 0,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic {
        topic: topic.name.into(),
        topic_id: topic.id,
        partitions: vec![partition],
        ..Default::default()
    };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 50 << 20,
        topics: vec![topic],
        ..Default::default()
    }
}

pub(crate) fn fetch_with(
    wire: &mut Wire,
    version: i16,
    request: &FetchRequest<'_>,
) -> PartitionData<'static> {
    let mut answer: FetchResponse = wire.ask(ApiKey::Fetch, version, request);
    assert_eq!(answer.error_code, NONE, "{answer:?}");
    answer.responses.remove(0).partitions.remove(0)
}

pub(crate) fn fetch(wire: &mut Wire, version: i16, topic: Topic, offset: i64) -> PartitionData<'static> {
    fetch_with(wire, version, &fetch_request(topic, offset))
}

/// Offset and value of every record in what a fetch answered.
pub(crate) fn records_of(data: &PartitionData<'_>) -> Vec<(i64, String)> {
    assert_eq!(data.error_code, NONE, "{data:?}");
    let bytes = data.records.as_ref().expect("records, not null").as_bytes().unwrap();
    let mut all = vec![];
    for batch in batches(bytes) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        let unpacked = batch.decompress(64 << 20).unwrap();
        for record in batch.records(&unpacked) {
            let record = record.unwrap();
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            all.push((record.offset.get(), value));
        }
    }
    all
}

/// Every record of partition 0.
pub(crate) fn read_all(wire: &mut Wire, topic: Topic) -> Vec<(i64, String)> {
    let mut all: Vec<(i64, String)> = vec![];
    loop {
        let from = all.last().map_or(0, |(offset, _)| offset + 1);
        let data = fetch(wire, 13, topic, from);
        let more = records_of(&data);
        if more.is_empty() {
            assert_eq!(from, data.high_watermark, "an empty answer before the end");
            return all;
        }
        all.extend(more.into_iter().filter(|(offset, _)| *offset >= from));
    }
}

pub(crate) fn list_offsets_request(topic: &str, timestamp: i64) -> ListOffsetsRequest<'static> {
    let partition = ListOffsetsPartition { timestamp, ..Default::default() };
    let topic =
        ListOffsetsTopic { name: topic.to_owned().into(), partitions: vec![partition], ..Default::default() };
    ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() }
}

/// What partition 0 answers to ListOffsets.
pub(crate) fn list_offset(
    wire: &mut Wire,
    version: i16,
    topic: &str,
    timestamp: i64,
) -> ListOffsetsPartitionResponse {
    let mut answer: ListOffsetsResponse =
        wire.ask(ApiKey::ListOffsets, version, &list_offsets_request(topic, timestamp));
    answer.topics.remove(0).partitions.remove(0)
}

pub(crate) fn producer_id(wire: &mut Wire) -> ProducerId {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let answer: InitProducerIdResponse = wire.ask(ApiKey::InitProducerId, 4, &request);
    assert_eq!((answer.error_code, answer.producer_epoch), (NONE, 0));
    ProducerId(answer.producer_id)
}

/// Sets properties of a topic, or of all brokers where it has no name, while the node runs.
pub(crate) fn set_configs(wire: &mut Wire, topic: &str, configs: &[(&str, &str)]) {
    use incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
    const TOPIC: i8 = 2;
    const BROKER: i8 = 4;
    let configs = configs.iter().map(|(name, value)| AlterableConfig {
        name: (*name).to_owned().into(),
        config_operation: 0,
        value: Some((*value).to_owned().into()),
        ..Default::default()
    });
    let resource = AlterConfigsResource {
        resource_type: if topic.is_empty() { BROKER } else { TOPIC },
        resource_name: topic.to_owned().into(),
        configs: configs.collect(),
        ..Default::default()
    };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    let answer: IncrementalAlterConfigsResponse = wire.ask(ApiKey::IncrementalAlterConfigs, 1, &request);
    assert_eq!(answer.responses[0].error_code, NONE, "{answer:?}");
}

/// A topic that exists.
pub(crate) fn topic(wire: &mut Wire, name: &'static str) -> Topic {
    let answer = metadata(wire, Some(&[name]));
    assert_eq!(answer.topics[0].error_code, NONE, "{answer:?}");
    Topic { name, id: answer.topics[0].topic_id }
}
