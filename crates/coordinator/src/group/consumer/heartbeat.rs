//! ConsumerGroupHeartbeat, versions 0 and 1 (KIP-848): a member joins, tells that it lives and what it has, and is told what
//! it is to have. Version 1 added subscriptions by pattern and ids that members choose.

use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use stdx::Now;

use super::edit::ConsumerEdit;
use super::member::{CurrentAssignment, LEFT_STATIC_EPOCH, MemberMetadata};
use super::request::{ConsumerContext, JOIN_EPOCH, LEAVE_EPOCH, validate};
use super::subscription::SubscriptionChange;
use super::{ConsumerGroup, regex};
use crate::CommitError;
use crate::group::modern::{Refusal, Stop, Topics};
use crate::group::request::{Response, text};
use crate::group::{GroupCoordinator, record};
use crate::runtime::{Outcome, Reply, ReplyToken};

impl GroupCoordinator {
    pub(in crate::group) fn consumer_group_heartbeat(
        &self,
        now: Now,
        token: ReplyToken,
        context: ConsumerContext<'_>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let valid = validate(&self.config.consumer, &self.config.limits, context.version, request);
        let answered = valid.map_err(Stop::from).and_then(|()| match request.member_epoch {
            LEAVE_EPOCH | LEFT_STATIC_EPOCH => self.leave_consumer_group(now, context.topics, request),
            _ => self.heartbeat_of_consumer(now, context, request),
        });
        let response = |response| Reply { token, response: Response::ConsumerGroupHeartbeat(response) };
        match answered {
            Ok((mut outcome, answer)) => {
                outcome.replies.push(response(answer));
                Ok(outcome)
            }
            Err(Stop::Refused(refusal)) => {
                let answer = ConsumerGroupHeartbeatResponse {
                    error_code: refusal.error.code(),
                    error_message: Some(text(&refusal.message)),
                    ..ConsumerGroupHeartbeatResponse::default()
                };
                Ok(Outcome { replies: vec![response(answer)], ..Outcome::default() })
            }
            Err(Stop::Unwritable(error)) => Err(error),
        }
    }

    fn heartbeat_of_consumer(
        &self,
        now: Now,
        context: ConsumerContext<'_>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<(Outcome<Self>, ConsumerGroupHeartbeatResponse<'static>), Stop> {
        let mut edit = self.consumer_group_to_join(now, context.topics, request)?;
        edit.check_room(&request.member_id, request.instance_id.as_deref())?;
        let member_id: Arc<str> = if request.member_id.is_empty() {
            context.member_uuid.to_string().into()
        } else {
            let known = edit.group.member_entry(&request.member_id).map(|(id, _)| id.clone());
            known.unwrap_or_else(|| Arc::from(&*request.member_id))
        };
        let before = edit.group.current(&member_id);
        edit.identify(&member_id, request)?;

        let topics = context.topics;
        let change = edit.update_member(&member_id, &context, request)?;
        let seen = self.soft.topics_seen.get(&edit.group_id).copied();
        let interval_ms = context.settings.assignment_interval_ms;
        edit.settle(&member_id, seen, &change, topics, interval_ms, request.topic_partitions.as_deref())?;
        edit.schedule_session(&member_id, context.settings.session_timeout_ms);

        let after = edit.group.current(&member_id);
        let is_full = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some();
        let told = request.member_epoch == JOIN_EPOCH || is_full || !after.assigns_as(&before);
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(text(&member_id)),
            member_epoch: after.member_epoch,
            heartbeat_interval_ms: edit.heartbeat_interval_ms(&after, context.settings.heartbeat_interval_ms),
            assignment: told.then(|| assignment(&after)),
            ..ConsumerGroupHeartbeatResponse::default()
        };
        Ok((edit.finish(), response))
    }

    /// What is said of an id that no consumer group has, where none is made.
    pub(super) fn no_consumer_group(&self, group_id: &str) -> Refusal {
        let is_other = self.group(group_id).is_some() || self.durable.foreign.is_of_another_kind(group_id);
        let why = if is_other { "is not a consumer group" } else { "not found" };
        Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {group_id} {why}."))
    }

    /// The group of a heartbeat. Who joins may be its first member, also of a group that only has offsets.
    fn consumer_group_to_join(
        &self,
        now: Now,
        topics: &dyn Topics,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<ConsumerEdit<'_>, Stop> {
        let group_id = &request.group_id;
        if let Some((group_id, group)) = self.durable.consumer.get_key_value(&**group_id) {
            return Ok(ConsumerEdit::new(&self.config, now, group_id.clone(), group.clone()));
        }
        let joins = request.member_epoch == JOIN_EPOCH;
        let Some(classic) = self.group(group_id) else {
            if !joins {
                return Err(not_found(group_id).into());
            }
            if self.durable.foreign.is_of_another_kind(group_id) {
                let message = format!("Group {group_id} is not a consumer group.");
                return Err(Refusal::new(ErrorCode::GroupIdNotFound, message).into());
            }
            if self.durable.consumer.len() >= self.config.limits.max_groups {
                return Err(Refusal::new(ErrorCode::PolicyViolation, "There are too many groups.").into());
            }
            let group_id = Arc::from(&**group_id);
            return Ok(ConsumerEdit::new(&self.config, now, group_id, ConsumerGroup::default()));
        };
        if !joins {
            let message = format!("Group {group_id} is not a consumer group.");
            return Err(Refusal::new(ErrorCode::GroupIdNotFound, message).into());
        }
        if classic.member_count() > 0 {
            return self.upgrade(now, classic.into_owned(), topics);
        }
        let mut edit = ConsumerEdit::new(&self.config, now, classic.id.clone(), ConsumerGroup::default());
        if self.durable.groups.contains_key(&classic.id) {
            edit.write_before([record::group(&classic.id, None)?]);
        }
        edit.dissolve(classic.into_owned());
        Ok(edit)
    }
}

impl ConsumerEdit<'_> {
    /// Takes over what the member says of itself; what it leaves out stays.
    fn update_member(
        &mut self,
        member_id: &Arc<str>,
        context: &ConsumerContext<'_>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<SubscriptionChange, Stop> {
        let member = self.group.member(member_id);
        if member.is_some_and(|member| says_nothing_new(member.metadata, context, request)) {
            return Ok(SubscriptionChange::default());
        }
        let known = member.map(|member| member.metadata.clone());
        let before = known
            .clone()
            .unwrap_or_else(|| MemberMetadata { rebalance_timeout_ms: -1, ..MemberMetadata::default() });
        let mut after = MemberMetadata {
            client_id: shared(&before.client_id, context.client_id),
            client_host: shared(&before.client_host, context.client_host),
            classic: None,
            ..before.clone()
        };
        let set = |field: &mut Option<Arc<str>>, given: Option<&str>| {
            if let Some(given) = given.filter(|given| field.as_deref() != Some(*given)) {
                *field = Some(given.into());
            }
        };
        set(&mut after.instance_id, request.instance_id.as_deref());
        set(&mut after.rack_id, request.rack_id.as_deref());
        set(&mut after.server_assignor, request.server_assignor.as_deref());
        set(&mut after.subscribed_topic_regex, request.subscribed_topic_regex.as_deref());
        after.subscribed_topic_regex = after.subscribed_topic_regex.filter(|regex| !regex.is_empty());
        if request.rebalance_timeout_ms != -1 {
            after.rebalance_timeout_ms = request.rebalance_timeout_ms;
        }
        if let Some(names) = &request.subscribed_topic_names {
            after.subscribed_topic_names = names.iter().map(|name| Arc::from(&**name)).collect();
        }
        if let Some(pattern) = &after.subscribed_topic_regex
            && after.subscribed_topic_regex != before.subscribed_topic_regex
        {
            regex::compile(pattern)?;
        }
        Ok(self.set_member(member_id, known, after)?)
    }
}

/// What most heartbeats are: nothing is said of the member but that it lives, and of what it has.
fn says_nothing_new(
    known: &MemberMetadata,
    context: &ConsumerContext<'_>,
    request: &ConsumerGroupHeartbeatRequest<'_>,
) -> bool {
    request.rack_id.is_none()
        && request.rebalance_timeout_ms == -1
        && request.subscribed_topic_names.is_none()
        && request.subscribed_topic_regex.is_none()
        && request.server_assignor.is_none()
        && known.instance_id.as_deref() == request.instance_id.as_deref()
        && known.classic.is_none()
        && *known.client_id == *context.client_id
        && *known.client_host == *context.client_host
}

fn shared(before: &Arc<str>, now: &str) -> Arc<str> {
    if &**before == now { before.clone() } else { now.into() }
}

fn not_found(group_id: &str) -> Refusal {
    Refusal::new(ErrorCode::GroupIdNotFound, format!("Consumer group {group_id} not found."))
}

fn assignment(current: &CurrentAssignment) -> Assignment {
    let topics = current.assigned.iter().map(|(topic_id, partitions)| TopicPartitions {
        topic_id: *topic_id,
        partitions: partitions.keys().copied().collect(),
        ..TopicPartitions::default()
    });
    Assignment { topic_partitions: topics.collect(), ..Assignment::default() }
}
