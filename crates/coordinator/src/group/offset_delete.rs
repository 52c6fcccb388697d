//! OffsetDelete, version 0 (KIP-496): offsets of topics that no member subscribes to.

use protocol::ErrorCode;
use protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::classic::GroupState;
use super::request::{Response, text};
use super::{GroupCoordinator, record};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken};

impl GroupCoordinator {
    pub(super) fn offset_delete(
        &self,
        token: ReplyToken,
        request: &OffsetDeleteRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let consumer_group = self.durable.consumer.get(&*request.group_id);
        let group = match self.group(&request.group_id) {
            _ if request.group_id.is_empty() => Err(ErrorCode::InvalidGroupId),
            _ if consumer_group.is_some() => Ok(None),
            None => Err(ErrorCode::GroupIdNotFound),
            // What other members than consumers subscribe to is not known.
            Some(group) if !group.is(GroupState::Empty) && !group.uses_consumer_protocol() => {
                Err(ErrorCode::NonEmptyGroup)
            }
            Some(group) => Ok(Some(group)),
        };
        let group = match group {
            Ok(group) => group,
            Err(error) => {
                let response =
                    OffsetDeleteResponse { error_code: error.code(), ..OffsetDeleteResponse::default() };
                return Ok(Outcome::reply(token, Response::OffsetDelete(response)));
            }
        };
        let mut outcome = Outcome::default();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let is_subscribed = consumer_group.is_some_and(|group| group.is_subscribed_to(&topic.name))
                || group.as_ref().is_some_and(|group| group.is_subscribed_to(&topic.name));
            let error = if is_subscribed { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let index = partition.partition_index;
                let group_id = &request.group_id;
                let is_there = self.durable.offsets.get(group_id, &topic.name, index).is_some()
                    || self.durable.pending.has(group_id, &topic.name, index);
                if error.is_none() && is_there {
                    outcome.records.push(record::offset(group_id, &topic.name, index, None)?);
                }
                partitions.push(OffsetDeleteResponsePartition {
                    partition_index: index,
                    error_code: error.code(),
                    ..OffsetDeleteResponsePartition::default()
                });
            }
            topics.push(OffsetDeleteResponseTopic {
                name: text(&topic.name),
                partitions,
                ..OffsetDeleteResponseTopic::default()
            });
        }
        let response = OffsetDeleteResponse { topics, ..OffsetDeleteResponse::default() };
        outcome.replies.push(Reply { token, response: Response::OffsetDelete(response) });
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn only_topics_without_subscribers() {
        check(&[
            ("delete-offset", "GROUP_ID_NOT_FOUND"),
            ("delete-offset group=", "INVALID_GROUP_ID"),
            ("join a v=3 topics=t", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            ("commit a at=t-0", "a: ok"),
            ("commit a at=u-0", "a: ok"),
            ("delete-offset at=t-0", "ok GROUP_SUBSCRIBED_TO_TOPIC"),
            ("delete-offset at=u-0", "ok ok"),
            ("delete-offset at=u-1", "ok ok"),
            ("fetch", "ok t-0@1"),
            ("restart", ""),
            ("delete-offset at=t-0", "ok GROUP_SUBSCRIBED_TO_TOPIC"),
            ("leave a", "a: ok ok"),
            ("delete-offset at=t-0", "ok ok"),
            ("fetch", "ok"),
        ]);
    }

    #[test]
    fn not_of_members_whose_subscriptions_are_not_known() {
        check(&[
            ("join a v=3 topics=?", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("delete-offset at=t-0", "ok GROUP_SUBSCRIBED_TO_TOPIC"),
            ("join b v=3 group=h type=connect", ""),
            ("delete-offset group=h", "NON_EMPTY_GROUP"),
        ]);
    }
}
