//! The admin: creates, alters, grows, describes and deletes topics, and deletes records, one after the other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
    TopicResult,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use stdx::Random;

use super::{ANSWER, Role, topics};
use crate::error::Error;
use crate::event::{Kind, Op, Outcome, TopicPartition, TopicState, What};
use crate::journal::Journal;

pub(super) fn run(role: &Role, ending: &AtomicBool) -> Result<(), Error> {
    let mut admin = Admin::new(role)?;
    admin.journal.write(What::Opened { client_kind: Kind::Admin })?;
    let mut random = Random::from_seed(role.seed);
    while !ending.load(Ordering::Relaxed) {
        match random.below(10) {
            0..3 => admin.trim(&mut random)?,
            3 => admin.grow()?,
            _ => admin.change(&mut random)?,
        }
        std::thread::sleep(Duration::from_millis(random.below(200) as u64));
    }
    Ok(())
}

/// Creates the topics of the load, in the history of `role`.
pub(crate) fn set_up(role: &Role) -> Result<(), Error> {
    let mut admin = Admin::new(role)?;
    admin.journal.write(What::Opened { client_kind: Kind::Admin })?;
    for topic in topics::LOAD {
        let retention = topic.retention_bytes >= 0;
        admin.journal.write(What::Topic { topic: topic.name.to_owned(), retention })?;
        let state = TopicState { partitions: topic.partitions, retention_ms: -1, end: 0 };
        admin.create(topic.name, &state, topic.retention_bytes)?;
    }
    Ok(())
}

struct Admin {
    role: Role,
    client: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
    options: AdminOptions,
    journal: Journal,
    /// What it knows of topics; a topic that it does not know is described first.
    known: BTreeMap<String, Option<TopicState>>,
}

impl Admin {
    fn new(role: &Role) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            role: role.clone(),
            client: role.config().create()?,
            runtime: runtime.map_err(Error::file(&role.history))?,
            options: AdminOptions::new()
                .request_timeout(Some(ANSWER))
                .operation_timeout(Some(Duration::from_secs(5))),
            journal: role.journal()?,
            known: BTreeMap::new(),
        })
    }

    /// One change of a topic that comes and goes.
    fn change(&mut self, random: &mut Random) -> Result<(), Error> {
        let topic = topics::CHANGING[random.below(topics::CHANGING.len())];
        let retention_ms = 1_000_000_000 + random.below(1_000_000_000) as i64;
        let partitions = 1 + random.below(3) as i32;
        match (self.known.get(topic).cloned(), random.below(7)) {
            (None, _) | (Some(Some(_)), 0) => self.describe(topic),
            (Some(None), _) => self.create(topic, &TopicState { partitions, retention_ms, end: 0 }, -1),
            (Some(Some(state)), 1) => {
                let op = Op::Alter { topic: topic.to_owned(), retention_ms };
                let value = retention_ms.to_string();
                let config = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("retention.ms", &value);
                let id = self.journal.begin(op)?;
                let result = self.runtime.block_on(self.client.alter_configs([&config], &self.options));
                let result = result.and_then(|results| match results.into_iter().next() {
                    Some(Err((_, code))) => Err(KafkaError::AdminOp(code)),
                    _ => Ok(()),
                });
                self.end(id, topic, result, Some(TopicState { retention_ms, ..state }))
            }
            (Some(Some(state)), 2 | 3) if state.partitions < 6 => {
                self.grow_to(topic, &state, state.partitions + 1)
            }
            (Some(Some(state)), 4 | 5) => self.append(topic, &state),
            (Some(Some(_)), _) => {
                let id = self.journal.begin(Op::Delete { topic: topic.to_owned() })?;
                let result = self.runtime.block_on(self.client.delete_topics(&[topic], &self.options));
                self.end(id, topic, first(result), None)
            }
        }
    }

    fn create(&mut self, topic: &str, state: &TopicState, retention_bytes: i64) -> Result<(), Error> {
        let (ms, bytes) = (state.retention_ms.to_string(), retention_bytes.to_string());
        let new = NewTopic::new(topic, state.partitions, TopicReplication::Fixed(1));
        let new = new.set("retention.ms", &ms).set("retention.bytes", &bytes).set("segment.bytes", "1048576");
        let id = self.journal.begin(Op::Create { topic: topic.to_owned(), state: state.clone() })?;
        let result = self.runtime.block_on(self.client.create_topics([&new], &self.options));
        self.end(id, topic, first(result), Some(state.clone()))
    }

    /// Gives the growing topic of the load one partition more.
    fn grow(&mut self) -> Result<(), Error> {
        match self.known.get(topics::GROWING).cloned().flatten() {
            None => self.describe(topics::GROWING),
            Some(state) if state.partitions < topics::GROWS_TO => {
                self.grow_to(topics::GROWING, &state, state.partitions + 1)
            }
            Some(_) => self.describe(topics::GROWING),
        }
    }

    fn grow_to(&mut self, topic: &str, state: &TopicState, partitions: i32) -> Result<(), Error> {
        let new = NewPartitions::new(topic, usize::try_from(partitions).unwrap_or(1));
        let id = self.journal.begin(Op::Grow { topic: topic.to_owned(), partitions })?;
        let result = self.runtime.block_on(self.client.create_partitions([&new], &self.options));
        self.end(id, topic, first(result), Some(TopicState { partitions, ..state.clone() }))
    }

    /// One record, by a producer of its own.
    fn append(&mut self, topic: &str, state: &TopicState) -> Result<(), Error> {
        let id = self.journal.begin(Op::Append { topic: topic.to_owned(), end: state.end })?;
        let result = self.role.config().set("enable.idempotence", "true").create().and_then(|producer| {
            let producer: FutureProducer = producer;
            let record = FutureRecord::to(topic).partition(0).key("").payload("one more");
            let sent = self.runtime.block_on(producer.send(record, ANSWER));
            sent.map(|_| ()).map_err(|(error, _)| error)
        });
        self.end(id, topic, result, Some(TopicState { end: state.end + 1, ..state.clone() }))
    }

    fn describe(&mut self, topic: &str) -> Result<(), Error> {
        let id = self.journal.begin(Op::Describe { topic: topic.to_owned() })?;
        match self.look(topic) {
            Ok(state) => {
                self.known.insert(topic.to_owned(), state.clone());
                self.journal.end(id, Outcome::Described { state }).map(|_| ())
            }
            Err(error) => self.end(id, topic, Err(error), None),
        }
    }

    fn look(&self, topic: &str) -> Result<Option<TopicState>, KafkaError> {
        let metadata = self.client.inner().fetch_metadata(None, ANSWER)?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(None);
        };
        let resource = ResourceSpecifier::Topic(topic);
        let configs = self.runtime.block_on(self.client.describe_configs([&resource], &self.options))?;
        let config = configs.into_iter().next().ok_or(KafkaError::AdminOp(RDKafkaErrorCode::Fail))?;
        let config = config.map_err(KafkaError::AdminOp)?;
        let value = config.get("retention.ms").and_then(|entry| entry.value.as_deref()?.parse().ok());
        let retention_ms = value.ok_or(KafkaError::AdminOp(RDKafkaErrorCode::Fail))?;
        let partitions = i32::try_from(found.partitions().len()).unwrap_or(0);
        let of_admin = topics::CHANGING.contains(&topic);
        let end = if of_admin { self.watermarks(&TopicPartition::new(topic, 0))?.1 } else { 0 };
        Ok(Some(TopicState { partitions, retention_ms, end }))
    }

    /// Deletes records of the load: some of what is there.
    fn trim(&mut self, random: &mut Random) -> Result<(), Error> {
        let partition = TopicPartition::new(topics::TRIMMED, random.below(2) as i32);
        let Ok((low, high)) = self.watermarks(&partition) else { return Ok(()) };
        let many = usize::try_from(high - low).unwrap_or(0);
        // Mostly the older half, seldom everything.
        let before = if random.below(10) == 0 { high } else { low + random.below(many / 2 + 1) as i64 };
        if before <= low {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(before))?;
        let id = self.journal.begin(Op::DeleteRecords { partition, before })?;
        let result = self.runtime.block_on(self.client.delete_records(&list, &self.options));
        let result = result.and_then(|list| list.elements().iter().try_for_each(|element| element.error()));
        self.journal.end(id, outcome(result)).map(|_| ())
    }

    fn watermarks(&self, partition: &TopicPartition) -> Result<(i64, i64), KafkaError> {
        self.client.inner().fetch_watermarks(&partition.topic, partition.partition, ANSWER)
    }

    /// Writes how a change ended, and keeps in mind what the topic is now.
    fn end(
        &mut self,
        id: u64,
        topic: &str,
        result: Result<(), KafkaError>,
        state: Option<TopicState>,
    ) -> Result<(), Error> {
        if result.is_ok() {
            self.known.insert(topic.to_owned(), state);
        } else {
            self.known.remove(topic);
        }
        self.journal.end(id, outcome(result)).map(|_| ())
    }
}

/// Whatever the error: an attempt before the one that was refused may have succeeded.
fn outcome(result: Result<(), KafkaError>) -> Outcome {
    result.map_or_else(|error| Outcome::Unknown { error: error.to_string() }, |()| Outcome::Done)
}

fn first(results: Result<Vec<TopicResult>, KafkaError>) -> Result<(), KafkaError> {
    match results?.into_iter().next() {
        Some(Err((_, code))) => Err(KafkaError::AdminOp(code)),
        _ => Ok(()),
    }
}
