//! OffsetFetch, versions 1 to 10. Version 2 added "all topics" and an error for the group, version 5 leader epochs,
//! version 7 `require_stable`, version 8 several groups (KIP-709), version 9 members of KIP-848, version 10 topic ids.
//!
//! The machine answers one group in the shape of version 8; [`groups_of`] and [`response_of`] are the other shapes.
//! Every answer is held until what it saw is committed, `require_stable` or not. What that asks for is that a partition
//! of which an open transaction has an offset is answered UNSTABLE_OFFSET_COMMIT (KIP-447).

use protocol::ErrorCode;
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};
use protocol::wire::Str;

use super::GroupCoordinator;
use super::offsets::CommittedOffset;
use super::request::{Request, Response, text};
use crate::runtime::{Outcome, ReplyToken};

/// From this version on a request has several groups.
const FIRST_VERSION_WITH_GROUPS: i16 = 8;
/// From this version on an error is the group's, before it is each partition's.
const FIRST_VERSION_WITH_GROUP_ERROR: i16 = 2;

impl GroupCoordinator {
    pub(super) fn offset_fetch(
        &self,
        token: ReplyToken,
        request: &OffsetFetchRequestGroup<'_>,
        require_stable: bool,
    ) -> Outcome<Self> {
        if let Some(group) = self.durable.consumer.get(&*request.group_id)
            && let Err(error) = group.check_fetch(request.member_id.as_deref(), request.member_epoch)
        {
            return Outcome::reply(
                token,
                Response::refusal(Request::OffsetFetch(request, require_stable), error),
            );
        }
        let mut topics = match &request.topics {
            Some(topics) => topics.iter().map(|topic| self.fetch_topic(&request.group_id, topic)).collect(),
            None => self.fetch_all(&request.group_id),
        };
        if require_stable && self.durable.pending.has_group(&request.group_id) {
            self.mark_unstable(&request.group_id, &mut topics);
        }
        let group_id = text(&request.group_id);
        let response = OffsetFetchResponseGroup { group_id, topics, ..OffsetFetchResponseGroup::default() };
        Outcome::reply(token, Response::OffsetFetch(response))
    }

    fn mark_unstable(&self, group_id: &str, topics: &mut [OffsetFetchResponseTopics<'_>]) {
        for topic in topics {
            for partition in &mut topic.partitions {
                if self.durable.pending.has(group_id, &topic.name, partition.partition_index) {
                    *partition = OffsetFetchResponsePartitions {
                        error_code: ErrorCode::UnstableOffsetCommit.code(),
                        ..fetched(partition.partition_index, None)
                    };
                }
            }
        }
    }

    fn fetch_topic(
        &self,
        group_id: &str,
        topic: &OffsetFetchRequestTopics<'_>,
    ) -> OffsetFetchResponseTopics<'static> {
        let partitions = topic.partition_indexes.iter().map(|index| {
            let committed = self.durable.offsets.get(group_id, &topic.name, *index);
            // An offset of an earlier topic of this name is none.
            let committed = committed.filter(|committed| {
                committed.topic_id.is_zero()
                    || topic.topic_id.is_zero()
                    || committed.topic_id == topic.topic_id
            });
            fetched(*index, committed)
        });
        OffsetFetchResponseTopics {
            name: text(&topic.name),
            topic_id: topic.topic_id,
            partitions: partitions.collect(),
            ..OffsetFetchResponseTopics::default()
        }
    }

    fn fetch_all(&self, group_id: &str) -> Vec<OffsetFetchResponseTopics<'static>> {
        let topics = self.durable.offsets.topics_of(group_id).into_iter().flatten();
        let topics = topics.map(|(topic, partitions)| OffsetFetchResponseTopics {
            name: text(topic),
            partitions: partitions
                .iter()
                .map(|(index, committed)| fetched(*index, Some(committed)))
                .collect(),
            ..OffsetFetchResponseTopics::default()
        });
        topics.collect()
    }
}

fn fetched(index: i32, committed: Option<&CommittedOffset>) -> OffsetFetchResponsePartitions<'static> {
    OffsetFetchResponsePartitions {
        partition_index: index,
        committed_offset: committed.map_or(-1, |committed| committed.offset),
        committed_leader_epoch: committed.and_then(|committed| committed.leader_epoch).unwrap_or(-1),
        metadata: Some(text(committed.map_or("", |committed| &committed.metadata))),
        ..OffsetFetchResponsePartitions::default()
    }
}

/// The groups that a request of any version asks for.
pub fn groups_of<'a>(version: i16, request: &OffsetFetchRequest<'a>) -> Vec<OffsetFetchRequestGroup<'a>> {
    if version >= FIRST_VERSION_WITH_GROUPS {
        return request.groups.clone();
    }
    let topics = request.topics.as_ref().map(|topics| {
        let topics = topics.iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name.clone(),
            partition_indexes: topic.partition_indexes.clone(),
            ..OffsetFetchRequestTopics::default()
        });
        topics.collect()
    });
    let group_id = request.group_id.clone();
    vec![OffsetFetchRequestGroup { group_id, topics, ..OffsetFetchRequestGroup::default() }]
}

/// The answer of any version from the answers to its groups: before version 8 there is one.
pub fn response_of(
    version: i16,
    request: &OffsetFetchRequest<'_>,
    mut groups: Vec<OffsetFetchResponseGroup<'static>>,
) -> OffsetFetchResponse<'static> {
    if version >= FIRST_VERSION_WITH_GROUPS {
        return OffsetFetchResponse { groups, ..OffsetFetchResponse::default() };
    }
    let group = groups.pop().unwrap_or_default();
    let mut topics = group.topics.into_iter().map(single_group_topic).collect();
    let mut error_code = group.error_code;
    if version < FIRST_VERSION_WITH_GROUP_ERROR && error_code != ErrorCode::None.code() {
        topics = failed_topics(request, error_code);
        error_code = ErrorCode::None.code();
    }
    OffsetFetchResponse { topics, error_code, ..OffsetFetchResponse::default() }
}

fn single_group_topic(topic: OffsetFetchResponseTopics<'static>) -> OffsetFetchResponseTopic<'static> {
    let partitions = topic.partitions.into_iter().map(|partition| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
        ..OffsetFetchResponsePartition::default()
    });
    OffsetFetchResponseTopic {
        name: topic.name,
        partitions: partitions.collect(),
        ..OffsetFetchResponseTopic::default()
    }
}

fn failed_topics(
    request: &OffsetFetchRequest<'_>,
    error_code: i16,
) -> Vec<OffsetFetchResponseTopic<'static>> {
    let topics = request.topics.iter().flatten().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|index| OffsetFetchResponsePartition {
            partition_index: *index,
            committed_offset: -1,
            metadata: Some(Str::Borrowed("")),
            error_code,
            ..OffsetFetchResponsePartition::default()
        });
        OffsetFetchResponseTopic {
            name: text(&topic.name),
            partitions: partitions.collect(),
            ..OffsetFetchResponseTopic::default()
        }
    });
    topics.collect()
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;
    use super::*;

    #[test]
    fn what_is_not_committed_is_minus_one() {
        check(&[
            ("fetch", "ok"),
            ("fetch at=t-0", "ok t-0@-1"),
            ("commit offset=5 topic-id=1 v=10", "ok"),
            ("fetch at=t-0", "ok t-0@5"),
            ("fetch at=t-1", "ok t-1@-1"),
            ("fetch at=t-0 topic-id=1", "ok t-0@5"),
            ("fetch at=t-0 topic-id=2", "ok t-0@-1"),
            ("commit offset=6", "ok"),
            ("fetch at=t-0 topic-id=2", "ok t-0@6"),
        ]);
    }

    #[test]
    fn old_versions_have_one_group() {
        let request = OffsetFetchRequest {
            group_id: "g".into(),
            topics: Some(vec![protocol::messages::offset_fetch_request::OffsetFetchRequestTopic {
                name: "t".into(),
                partition_indexes: vec![3],
                ..Default::default()
            }]),
            ..OffsetFetchRequest::default()
        };
        let groups = groups_of(7, &request);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].group_id, "g");
        assert_eq!(groups[0].topics.as_ref().unwrap()[0].partition_indexes, [3]);
        let failed = || OffsetFetchResponseGroup {
            error_code: ErrorCode::NotCoordinator.code(),
            ..OffsetFetchResponseGroup::default()
        };
        let response = response_of(2, &request, vec![failed()]);
        assert_eq!((response.error_code, response.topics.len()), (16, 0));
        let response = response_of(1, &request, vec![failed()]);
        assert_eq!((response.error_code, response.topics[0].partitions[0].error_code), (0, 16));
        assert_eq!(response.topics[0].partitions[0].committed_offset, -1);
        let response = response_of(8, &request, vec![failed()]);
        assert_eq!((response.groups[0].error_code, response.topics.len()), (16, 0));
    }
}
