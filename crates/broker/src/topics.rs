//! Topics that the node itself makes: internal ones, and those that clients name before they exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use metadata::topic_name;
use protocol::ErrorCode;
use protocol::messages::CreateTopicsRequest;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};

use crate::controller::decide;
use crate::error::Refusal;
use crate::groups::OFFSETS_TOPIC;
use crate::node::Node;

/// Kafka's internal topics: clients may not write them.
pub(crate) fn is_internal(topic: &str) -> bool {
    matches!(topic, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

impl Node {
    /// Creates the topics that a metadata request named, as far as `auto.create.topics.enable` and the rules of names
    /// allow; the error of each that does not exist afterwards.
    pub(crate) async fn auto_create(self: &Arc<Self>, missing: &[&str]) -> BTreeMap<String, ErrorCode> {
        let mut errors = BTreeMap::new();
        let mut wanted = vec![];
        for name in missing {
            if topic_name::validate(name).is_err() {
                errors.insert((*name).to_owned(), ErrorCode::InvalidTopicException);
            } else if *name == OFFSETS_TOPIC {
                wanted.push(self.offsets_topic());
            } else if self.config().topics.auto_create_topics_enable && !is_internal(name) {
                wanted.push(CreatableTopic {
                    name: (*name).to_owned().into(),
                    num_partitions: -1,
                    replication_factor: -1,
                    ..CreatableTopic::default()
                });
            } else {
                errors.insert((*name).to_owned(), ErrorCode::UnknownTopicOrPartition);
            }
        }
        if !wanted.is_empty() {
            let refused = self.create(wanted).await;
            errors.extend(refused.into_iter().map(|(name, refusal)| (name, refusal.code)));
        }
        errors
    }

    /// Creates an internal topic that this node serves, unless it exists.
    pub(crate) async fn create_internal_topic(self: &Arc<Self>, name: &str) {
        if name == OFFSETS_TOPIC && self.image().topic(name).is_none() {
            for (topic, refusal) in self.create(vec![self.offsets_topic()]).await {
                let (error, why) = (refusal.code, refusal.message.unwrap_or_default());
                tracing::error!(
                    "cannot create {topic}, without which no group works: {error}: {why} It is made after \
                     offsets.topic.replication.factor and offsets.topic.num.partitions."
                );
            }
        }
    }

    /// The refusal of each topic that does not exist afterwards.
    async fn create(self: &Arc<Self>, topics: Vec<CreatableTopic<'static>>) -> BTreeMap<String, Refusal> {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.to_string()).collect();
        let request = CreateTopicsRequest { topics, ..CreateTopicsRequest::default() };
        let reply =
            decide(self, |machine, image, random| machine.create_topics(image, &request, random)).await;
        match reply {
            Ok(reply) => reply
                .topics
                .iter()
                .filter_map(|topic| {
                    let code = ErrorCode::from_code(topic.error_code)?;
                    let message = topic.error_message.as_ref().map(ToString::to_string);
                    Some((topic.name.to_string(), Refusal { message, ..Refusal::from(code) }))
                })
                // Somebody else created it in between.
                .filter(|(_, refusal)| {
                    !matches!(refusal.code, ErrorCode::None | ErrorCode::TopicAlreadyExists)
                })
                .collect(),
            Err(error) => names.into_iter().map(|name| (name, error.into())).collect(),
        }
    }

    fn offsets_topic(&self) -> CreatableTopic<'static> {
        let config = &self.config().groups;
        let set = |name: &'static str, value: String| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
            ..CreatableTopicConfig::default()
        };
        CreatableTopic {
            name: OFFSETS_TOPIC.into(),
            num_partitions: i32::try_from(config.offsets_topic_num_partitions).unwrap_or(i32::MAX),
            replication_factor: config.offsets_topic_replication_factor,
            configs: vec![
                set("cleanup.policy", "compact".to_owned()),
                set("compression.type", "producer".to_owned()),
                set("segment.bytes", config.offsets_topic_segment_bytes.to_string()),
            ],
            ..CreatableTopic::default()
        }
    }
}
