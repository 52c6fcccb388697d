//! ConsumerGroupDescribe, versions 0 and 1 (KIP-848). Version 1 tells the protocol of each member. Authorized operations are
//! the handler's.

use protocol::messages::ConsumerGroupDescribeResponse;
use protocol::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};
use protocol::wire::Str;
use protocol::{ErrorCode, Uuid};

use super::ConsumerGroup;
use super::edit::ConsumerEdit;
use super::member::{Member, partitions_of};
use crate::group::modern::{Partitions, Topics};
use crate::group::request::{Response, text};
use crate::group::{GroupConfig, GroupCoordinator};
use crate::runtime::{Outcome, ReplyToken};

const CLASSIC_MEMBER: i8 = 0;
const CONSUMER_MEMBER: i8 = 1;

impl GroupCoordinator {
    pub(in crate::group) fn consumer_group_describe(
        &self,
        token: ReplyToken,
        topics: &dyn Topics,
        group_ids: &[Str<'_>],
    ) -> Outcome<Self> {
        let groups = group_ids.iter().map(|group_id| match self.durable.consumer.get(&**group_id) {
            Some(group) => described(&self.config, group_id, group, topics),
            None if group_id.is_empty() => {
                DescribedGroup { error_code: ErrorCode::InvalidGroupId.code(), ..DescribedGroup::default() }
            }
            None => {
                let refusal = self.no_consumer_group(group_id);
                DescribedGroup {
                    group_id: text(group_id),
                    error_code: refusal.error.code(),
                    error_message: Some(text(&refusal.message)),
                    ..DescribedGroup::default()
                }
            }
        });
        let response = ConsumerGroupDescribeResponse {
            groups: groups.collect(),
            ..ConsumerGroupDescribeResponse::default()
        };
        Outcome::reply(token, Response::ConsumerGroupDescribe(response))
    }
}

fn described(
    config: &GroupConfig,
    group_id: &str,
    group: &ConsumerGroup,
    topics: &dyn Topics,
) -> DescribedGroup<'static> {
    let assignor = ConsumerEdit::new(config, Default::default(), group_id.into(), group.clone()).assignor();
    DescribedGroup {
        group_id: text(group_id),
        group_state: Str::Borrowed(group.state().name()),
        group_epoch: group.epoch(),
        assignment_epoch: group.assignment_epoch(),
        assignor_name: Str::Borrowed(assignor.name()),
        members: group.members().map(|(id, member)| described_member(id, member, topics)).collect(),
        ..DescribedGroup::default()
    }
}

fn described_member(member_id: &str, member: Member<'_>, topics: &dyn Topics) -> DescribedMember<'static> {
    let metadata = member.metadata;
    let names = metadata.subscribed_topic_names.iter().map(|name| text(name));
    DescribedMember {
        member_id: text(member_id),
        instance_id: metadata.instance_id.as_deref().map(text),
        rack_id: metadata.rack_id.as_deref().map(text),
        member_epoch: member.current.member_epoch,
        client_id: text(&metadata.client_id),
        client_host: text(&metadata.client_host),
        subscribed_topic_names: names.collect(),
        subscribed_topic_regex: Some(text(metadata.subscribed_topic_regex.as_deref().unwrap_or(""))),
        assignment: assignment(&partitions_of(&member.current.assigned).collect(), topics),
        target_assignment: assignment(member.target, topics),
        member_type: if member.is_classic() { CLASSIC_MEMBER } else { CONSUMER_MEMBER },
        ..DescribedMember::default()
    }
}

/// Topics that are gone are left out: they have no name.
fn assignment(partitions: &Partitions, topics: &dyn Topics) -> Assignment<'static> {
    let named = |id: Uuid| topics.by_id(id).map(|topic| text(topic.name));
    let topics = partitions.topics().filter_map(|(topic_id, partitions)| {
        Some(TopicPartitions {
            topic_id,
            topic_name: named(topic_id)?,
            partitions: partitions.iter().copied().collect(),
            ..TopicPartitions::default()
        })
    });
    Assignment { topic_partitions: topics.collect(), ..Assignment::default() }
}
