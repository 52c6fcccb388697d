//! Which member a heartbeat is of, and whether it may speak for it.

use std::sync::Arc;

use protocol::messages::ConsumerGroupHeartbeatRequest;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::{ErrorCode, Uuid};

use super::edit::ConsumerEdit;
use super::member::{CurrentAssignment, EpochedPartitions, LEFT_STATIC_EPOCH, MemberMetadata};
use super::request::JOIN_EPOCH;
use super::{ConsumerGroup, ConsumerRecord};
use crate::CommitError;
use crate::group::modern::{Partitions, Refusal, Stop};

impl ConsumerEdit<'_> {
    /// `group.consumer.max.size`.
    pub(super) fn check_room(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), Refusal> {
        let max_size = self.config.consumer.max_size;
        let comes_back = instance_id.is_some_and(|id| self.group.static_member_id(id).is_some());
        if comes_back || self.group.member_count() < max_size || self.group.member(member_id).is_some() {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::GroupMaxSizeReached,
            format!("The consumer group has reached its maximum capacity of {max_size} members."),
        ))
    }

    /// Checks that the sender is the member, which may be new when it joins. A static member that comes back takes the
    /// place of the one that has left.
    pub(super) fn identify(
        &mut self,
        member_id: &Arc<str>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<(), Stop> {
        let joins = request.member_epoch == JOIN_EPOCH;
        let Some(instance_id) = request.instance_id.as_deref() else {
            return match self.group.member(member_id) {
                Some(member) => Ok(check_epoch(member.current, request)?),
                None if joins => Ok(()),
                None => Err(unknown_member(&self.group_id, member_id).into()),
            };
        };
        let existing = self.group.static_member_id(instance_id).cloned();
        match existing {
            None if joins => Ok(()),
            None => Err(unknown_instance(instance_id).into()),
            Some(existing) if joins => {
                let unreleased = self.group.member(&existing).is_some_and(|member| {
                    !member.is_classic() && member.current.member_epoch != LEFT_STATIC_EPOCH
                });
                if unreleased && existing == *member_id {
                    // It has not got the answer to its join, or starts over. Kafka takes it for another of its instance id.
                    return Ok(());
                }
                if unreleased {
                    let message = format!(
                        "Static member {member_id} with instance id {instance_id} cannot join the group because \
                         the instance id is owned by {existing} member."
                    );
                    return Err(Refusal::new(ErrorCode::UnreleasedInstanceId, message).into());
                }
                Ok(self.replace(&existing, member_id)?)
            }
            Some(existing) => {
                check_instance(&existing, member_id, instance_id)?;
                let member = self.group.member(&existing);
                Ok(member.map_or(Ok(()), |member| check_epoch(member.current, request))?)
            }
        }
    }

    /// Gives all that a static member has to a new member id.
    pub(super) fn replace(&mut self, old_id: &Arc<str>, new_id: &Arc<str>) -> Result<(), CommitError> {
        let Some(old) = self.group.member(old_id) else { return Ok(()) };
        let metadata: MemberMetadata = old.metadata.clone();
        let target: Partitions = old.target.clone();
        let current = CurrentAssignment {
            member_epoch: JOIN_EPOCH,
            previous_member_epoch: JOIN_EPOCH,
            ..old.current.clone()
        };
        for tombstone in ConsumerGroup::member_tombstones(old_id) {
            self.write(tombstone)?;
        }
        self.cancel_timers(old_id);
        self.write(ConsumerRecord::Member(new_id.clone(), Some(metadata)))?;
        self.write(ConsumerRecord::Target(new_id.clone(), Some(target)))?;
        self.write(ConsumerRecord::Current(new_id.clone(), Some(current)))
    }
}

/// A member speaks in its epoch; in the one before where it may not have got the answer that told it of the next.
fn check_epoch(
    current: &CurrentAssignment,
    request: &ConsumerGroupHeartbeatRequest<'_>,
) -> Result<(), Refusal> {
    let (received, known) = (request.member_epoch, current.member_epoch);
    let lost_answer = received == current.previous_member_epoch
        && has_no_more_than(request.topic_partitions.as_deref(), &current.assigned);
    let which = match received {
        JOIN_EPOCH => return Ok(()),
        _ if received == known || (received < known && lost_answer) => return Ok(()),
        _ if received > known => "greater",
        _ => "smaller",
    };
    Err(Refusal::new(
        ErrorCode::FencedMemberEpoch,
        format!(
            "The consumer group member has a {which} member epoch ({received}) than the one known by the group \
             coordinator ({known}). The member must abandon all its partitions and rejoin."
        ),
    ))
}

fn has_no_more_than(owned: Option<&[TopicPartitions]>, assigned: &EpochedPartitions) -> bool {
    let has =
        |id: Uuid, partition: &i32| assigned.get(&id).is_some_and(|known| known.contains_key(partition));
    owned.is_some_and(|owned| {
        owned.iter().all(|topic| topic.partitions.iter().all(|partition| has(topic.topic_id, partition)))
    })
}

/// Whether an instance id is still that of the member that speaks for it.
pub(super) fn check_instance(existing: &str, member_id: &str, instance_id: &str) -> Result<(), Refusal> {
    if existing == member_id {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::FencedInstanceId,
        format!("Static member {member_id} with instance id {instance_id} was fenced by member {existing}."),
    ))
}

pub(super) fn unknown_member(group_id: &str, member_id: &str) -> Refusal {
    let message = format!("Member {member_id} is not a member of group {group_id}.");
    Refusal::new(ErrorCode::UnknownMemberId, message)
}

pub(super) fn unknown_instance(instance_id: &str) -> Refusal {
    Refusal::new(ErrorCode::UnknownMemberId, format!("Instance id {instance_id} is unknown."))
}
