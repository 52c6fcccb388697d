//! Topics: create, delete, describe, add partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::messages::create_partitions_request::CreatePartitionsTopic;
use protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};
use protocol::{ApiKey, BrokerId, ErrorCode, Uuid};

use super::Admin;
use crate::{Error, Result, Topic};

/// A topic to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; none is the brokers' default.
    pub partitions: Option<i32>,
    /// How many replicas; none is the brokers' default.
    pub replication_factor: Option<i16>,
    /// The replicas of each partition, instead of the two above.
    pub assignments: Vec<Vec<BrokerId>>,
    /// Properties that differ from the brokers' defaults.
    pub configs: BTreeMap<String, String>,
}

/// A topic as it was created, or would be. Brokers older than 2.4 do not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id; zero from an old broker.
    pub id: Uuid,
    /// How many partitions it has; -1 from an old broker.
    pub partitions: i32,
    /// How many replicas; -1 from an old broker.
    pub replication_factor: i16,
}

impl Admin {
    /// Creates topics, or only checks whether that would work.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Vec<(String, Result<CreatedTopic>)>> {
        let request = CreateTopicsRequest {
            topics: topics.iter().map(creatable).collect(),
            timeout_ms: self.timeout_ms(),
            validate_only,
            ..Default::default()
        };
        let answer = self.change("cannot create topics", &request).await?;
        let response = answer.decode()?;
        let result = |t: &protocol::messages::create_topics_response::CreatableTopicResult<'_>| {
            let what = format!("cannot create topic '{}'", t.name);
            Error::check(what, answer.broker(), t.error_code, t.error_message.as_deref())?;
            Ok(CreatedTopic {
                id: t.topic_id,
                partitions: t.num_partitions,
                replication_factor: t.replication_factor,
            })
        };
        Ok(response.topics.iter().map(|t| (t.name.to_string(), result(t))).collect())
    }

    /// Deletes topics with all that is in them.
    pub async fn delete_topics(&self, names: &[&str]) -> Result<Vec<(String, Result<()>)>> {
        // Version 6 names a topic by name or id (KIP-516); the fields have changed places.
        let newer = self.cluster.any().await?.version(ApiKey::DeleteTopics, i16::MAX)? >= 6;
        let by_name = names.iter().filter(|_| newer);
        let request = DeleteTopicsRequest {
            topics: by_name
                .map(|n| DeleteTopicState { name: Some((*n).into()), ..Default::default() })
                .collect(),
            topic_names: names.iter().map(|n| (*n).into()).collect(),
            timeout_ms: self.timeout_ms(),
            ..Default::default()
        };
        let answer = self.change("cannot delete topics", &request).await?;
        let response = answer.decode()?;
        let results = response.responses.iter().map(|t| {
            let name = t.name.as_deref().unwrap_or_default().to_owned();
            self.cluster.forget(&name);
            let what = format!("cannot delete topic '{name}'");
            let result = Error::check(what, answer.broker(), t.error_code, t.error_message.as_deref());
            (name, result)
        });
        Ok(results.collect())
    }

    /// Raises the number of partitions of a topic to `total`.
    pub async fn create_partitions(&self, topic: &str, total: i32, validate_only: bool) -> Result<()> {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: topic.into(),
                count: total,
                assignments: None,
                ..Default::default()
            }],
            timeout_ms: self.timeout_ms(),
            validate_only,
            ..Default::default()
        };
        let what = format!("cannot add partitions to topic '{topic}'");
        let answer = self.change(&what, &request).await?;
        self.cluster.forget(topic);
        let response = answer.decode()?;
        response.results.iter().try_for_each(|t| {
            Error::check(what.as_str(), answer.broker(), t.error_code, t.error_message.as_deref())
        })
    }

    /// All topics, ascending by name.
    pub async fn list_topics(&self) -> Result<Vec<Arc<Topic>>> {
        let metadata = self.metadata("cannot list topics", None).await?;
        Ok(metadata.topics.into_values().filter_map(Result::ok).collect())
    }

    /// Topics by name, in the order asked for.
    pub async fn describe_topics(&self, names: &[&str]) -> Result<Vec<(String, Result<Arc<Topic>>)>> {
        let mut metadata = self.metadata("cannot describe topics", Some(names)).await?;
        let broker = self.cluster.any().await?.broker().clone();
        let results = names.iter().map(|name| {
            let code = match metadata.topics.remove(*name) {
                Some(Ok(topic)) => return ((*name).to_owned(), Ok(topic)),
                Some(Err(code)) => code,
                None => ErrorCode::UnknownTopicOrPartition,
            };
            let what = format!("cannot describe topic '{name}'").into();
            ((*name).to_owned(), Err(Error::Refused { what, broker: broker.clone(), code, message: None }))
        });
        Ok(results.collect())
    }

    pub(super) async fn metadata(&self, what: &str, topics: Option<&[&str]>) -> Result<crate::Metadata> {
        let mut retry = self.cluster.retry(what);
        loop {
            match self.cluster.metadata(topics).await {
                Ok(metadata) => return Ok(metadata),
                Err(error) => retry.again(error).await?,
            }
        }
    }
}

fn creatable(topic: &NewTopic) -> CreatableTopic<'_> {
    let placed = !topic.assignments.is_empty();
    let assignments = topic.assignments.iter().zip(0..).map(|(replicas, partition_index)| {
        let broker_ids = replicas.iter().map(|b| b.get()).collect();
        CreatableReplicaAssignment { partition_index, broker_ids, ..Default::default() }
    });
    let configs = topic.configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: name.as_str().into(),
        value: Some(value.as_str().into()),
        ..Default::default()
    });
    CreatableTopic {
        name: topic.name.as_str().into(),
        // -1 is the brokers' default (KIP-464), and what has to stand beside assignments.
        num_partitions: topic.partitions.filter(|_| !placed).unwrap_or(-1),
        replication_factor: topic.replication_factor.filter(|_| !placed).unwrap_or(-1),
        assignments: assignments.collect(),
        configs: configs.collect(),
        ..Default::default()
    }
}
