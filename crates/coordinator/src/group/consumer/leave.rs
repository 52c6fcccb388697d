//! A member that leaves with its last heartbeat: for good, or, when it is static, for the time of its session.

use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use stdx::Now;

use super::edit::ConsumerEdit;
use super::member::{CurrentAssignment, LEFT_STATIC_EPOCH};
use super::members::{check_instance, unknown_instance, unknown_member};
use crate::group::GroupCoordinator;
use crate::group::modern::{Stop, Topics};
use crate::group::request::text;
use crate::runtime::Outcome;

impl GroupCoordinator {
    pub(super) fn leave_consumer_group(
        &self,
        now: Now,
        topics: &dyn Topics,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<(Outcome<Self>, ConsumerGroupHeartbeatResponse<'static>), Stop> {
        let group_id = &request.group_id;
        let Some((group_id, group)) = self.durable.consumer.get_key_value(&**group_id) else {
            return Err(self.no_consumer_group(group_id).into());
        };
        let member = match request.instance_id.as_deref() {
            None => group.member_entry(&request.member_id),
            Some(instance_id) => {
                let existing =
                    group.static_member_id(instance_id).ok_or_else(|| unknown_instance(instance_id))?;
                check_instance(existing, &request.member_id, instance_id)?;
                group.member_entry(existing)
            }
        };
        let (member_id, member) = member.ok_or_else(|| unknown_member(group_id, &request.member_id))?;
        let mut edit = ConsumerEdit::new(&self.config, now, group_id.clone(), group.clone());
        if request.member_epoch == LEFT_STATIC_EPOCH {
            let left = CurrentAssignment {
                member_epoch: LEFT_STATIC_EPOCH,
                pending_revocation: Default::default(),
                ..member.current.clone()
            };
            edit.leave_for_now(member_id, left)?;
        } else {
            edit.remove(std::slice::from_ref(member_id))?;
        }
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(text(member_id)),
            member_epoch: request.member_epoch,
            ..ConsumerGroupHeartbeatResponse::default()
        };
        let outcome =
            if self.may_downgrade(&edit.group) { self.downgrade(edit, topics)? } else { edit.finish() };
        Ok((outcome, response))
    }
}
