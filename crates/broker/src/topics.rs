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
use crate::shares::SHARE_STATE_TOPIC;
use crate::transactions::TRANSACTIONS_TOPIC;

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
            } else if let Some(topic) = self.internal_topic(name) {
                wanted.push(topic);
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
        let Some(topic) = self.internal_topic(name).filter(|_| self.image().topic(name).is_none()) else {
            return;
        };
        let properties = match name {
            OFFSETS_TOPIC => "offsets.topic",
            TRANSACTIONS_TOPIC => "transaction.state.log",
            _ => "share.coordinator.state.topic",
        };
        for (topic, refusal) in self.create(vec![topic]).await {
            let (error, why) = (refusal.code, refusal.message.unwrap_or_default());
            tracing::error!(
                "cannot create {topic}, without which nothing is coordinated: {error}: {why} It is made after \
                 {properties}.replication.factor and {properties}.num.partitions."
            );
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

    /// How an internal topic that this node serves is made, as its properties have it; `None` for any other.
    fn internal_topic(&self, name: &str) -> Option<CreatableTopic<'static>> {
        let set = |name: &'static str, value: String| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
            ..CreatableTopicConfig::default()
        };
        let config = self.config();
        let (groups, transactions, shares) =
            (&config.groups, &config.transactions, &config.share_coordinator);
        let (name, partitions, replication_factor, configs) = match name {
            OFFSETS_TOPIC => (
                OFFSETS_TOPIC,
                groups.offsets_topic_num_partitions,
                groups.offsets_topic_replication_factor,
                vec![
                    set("cleanup.policy", "compact".to_owned()),
                    set("compression.type", "producer".to_owned()),
                    set("segment.bytes", groups.offsets_topic_segment_bytes.to_string()),
                ],
            ),
            TRANSACTIONS_TOPIC => (
                TRANSACTIONS_TOPIC,
                transactions.state_log_num_partitions,
                transactions.state_log_replication_factor,
                vec![
                    set("cleanup.policy", "compact".to_owned()),
                    set("compression.type", "uncompressed".to_owned()),
                    set("min.insync.replicas", transactions.state_log_min_isr.to_string()),
                    set("segment.bytes", transactions.state_log_segment_bytes.to_string()),
                    set("unclean.leader.election.enable", "false".to_owned()),
                ],
            ),
            SHARE_STATE_TOPIC => (
                SHARE_STATE_TOPIC,
                shares.state_topic_num_partitions,
                shares.state_topic_replication_factor,
                vec![
                    set("cleanup.policy", "delete".to_owned()),
                    set("compression.type", "producer".to_owned()),
                    set("min.insync.replicas", shares.state_topic_min_isr.to_string()),
                    // Nothing goes with time: what is redundant is pruned by the coordinator.
                    set("retention.ms", "-1".to_owned()),
                    set("segment.bytes", shares.state_topic_segment_bytes.to_string()),
                ],
            ),
            _ => return None,
        };
        Some(CreatableTopic {
            name: name.into(),
            num_partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            replication_factor,
            configs,
            ..CreatableTopic::default()
        })
    }
}
