//! OffsetCommit, versions 2 to 10. Up to version 4 the request may say when its offsets expire; version 6 added the
//! leader epoch (KIP-320), version 7 `group.instance.id`; from version 9 on a group that is not there is
//! GROUP_ID_NOT_FOUND and not ILLEGAL_GENERATION; version 10 names topics by id (KIP-848).

use protocol::ErrorCode;
use protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use stdx::Now;

use super::classic::{ClassicGroup, GroupState};
use super::consumer::CommitFence;
use super::offsets::CommittedOffset;
use super::request::{Request, Response, text};
use super::{GroupCoordinator, GroupTimer, record};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken, TimerChange};

const FIRST_VERSION_WITH_NOT_FOUND: i16 = 9;

impl GroupCoordinator {
    pub(super) fn offset_commit(
        &self,
        now: Now,
        token: ReplyToken,
        version: i16,
        request: &OffsetCommitRequest<'_>,
    ) -> Result<Outcome<Self>, CommitError> {
        let mut outcome = Outcome::default();
        let consumer_group = self.durable.consumer.get(&*request.group_id);
        let group = self.group(&request.group_id);
        let valid = match (consumer_group, group.as_deref()) {
            (Some(group), _) => {
                group.check_commit(version, &request.member_id, request.generation_id_or_member_epoch)
            }
            (None, Some(group)) => validate(group, request).map(|()| CommitFence::default()),
            (None, None) => self.validate_new_group(version, request).map(|()| CommitFence::default()),
        };
        let fence = match valid {
            Ok(fence) => fence,
            Err(error) => {
                return Ok(Outcome::reply(
                    token,
                    Response::refusal(Request::OffsetCommit(version, request), error),
                ));
            }
        };
        if let Some((group, member)) =
            group.as_deref().and_then(|group| Some((group, group.member(&request.member_id)?)))
        {
            // A commit is as good as a heartbeat.
            let timer = GroupTimer::Session(group.id.clone(), member.id.clone());
            outcome.timers.push(TimerChange::after(timer, now, i64::from(member.session_timeout_ms)));
        }
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let metadata = partition.committed_metadata.as_deref().unwrap_or("");
                let error = if !self.has_room_for(metadata) {
                    ErrorCode::OffsetMetadataTooLarge
                } else if let Err(error) = fence.check(topic.topic_id, partition.partition_index) {
                    error
                } else {
                    let mut committed = committed(now, request.retention_time_ms, partition);
                    committed.topic_id = topic.topic_id;
                    let (group_id, index) = (&request.group_id, partition.partition_index);
                    outcome.records.push(record::offset(group_id, &topic.name, index, Some(&committed))?);
                    ErrorCode::None
                };
                partitions.push(OffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: error.code(),
                    ..OffsetCommitResponsePartition::default()
                });
            }
            topics.push(OffsetCommitResponseTopic {
                name: text(&topic.name),
                topic_id: topic.topic_id,
                partitions,
                ..OffsetCommitResponseTopic::default()
            });
        }
        let response = OffsetCommitResponse { topics, ..OffsetCommitResponse::default() };
        outcome.replies.push(Reply { token, response: Response::OffsetCommit(response) });
        Ok(outcome)
    }

    /// Without a generation it is an admin or a consumer that assigns its partitions itself: the group comes into
    /// being with its first offset.
    fn validate_new_group(&self, version: i16, request: &OffsetCommitRequest<'_>) -> Result<(), ErrorCode> {
        if request.generation_id_or_member_epoch >= 0 {
            return Err(if version >= FIRST_VERSION_WITH_NOT_FOUND {
                ErrorCode::GroupIdNotFound
            } else {
                ErrorCode::IllegalGeneration
            });
        }
        self.check_room_for_group(&request.group_id)
    }

    /// Whether a group may come into being with its first offset.
    pub(super) fn check_room_for_group(&self, group_id: &str) -> Result<(), ErrorCode> {
        if group_id.len() > self.config.limits.max_name_bytes {
            return Err(ErrorCode::InvalidGroupId);
        }
        if self.durable.offsets.group_count() >= self.config.limits.max_groups {
            return Err(ErrorCode::PolicyViolation);
        }
        Ok(())
    }

    /// Whether the metadata of an offset is as short as it may be.
    pub(super) fn has_room_for(&self, metadata: &str) -> bool {
        metadata.encode_utf16().count() <= self.config.offset_metadata_max_units
    }
}

fn validate(group: &ClassicGroup, request: &OffsetCommitRequest<'_>) -> Result<(), ErrorCode> {
    let generation_id = request.generation_id_or_member_epoch;
    let instance_id = request.group_instance_id.as_deref();
    if generation_id < 0 && group.is(GroupState::Empty) {
        return Ok(());
    }
    if generation_id >= 0 || !request.member_id.is_empty() || instance_id.is_some() {
        group.validate_member(&request.member_id, instance_id)?;
        if generation_id != group.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
    } else {
        return Err(ErrorCode::UnknownMemberId);
    }
    // It knows its generation but has no assignment in it: let it finish the rebalance first.
    if group.is(GroupState::CompletingRebalance) {
        return Err(ErrorCode::RebalanceInProgress);
    }
    Ok(())
}

fn committed(
    now: Now,
    retention_time_ms: i64,
    partition: &OffsetCommitRequestPartition<'_>,
) -> CommittedOffset {
    CommittedOffset {
        offset: partition.committed_offset,
        leader_epoch: Some(partition.committed_leader_epoch).filter(|epoch| *epoch != -1),
        metadata: partition.committed_metadata.as_deref().unwrap_or("").into(),
        commit_timestamp_ms: now.unix_ms,
        expire_timestamp_ms: (retention_time_ms != -1).then(|| now.unix_ms.saturating_add(retention_time_ms)),
        topic_id: protocol::Uuid::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::super::GroupConfig;
    use super::super::harness::{check, check_with};

    #[test]
    fn a_consumer_without_a_group() {
        check(&[
            ("commit at=t-0 offset=5 epoch=3 metadata=note", "ok"),
            ("commit at=u-1 offset=7", "ok"),
            ("commit group= offset=1", "ok"),
            ("fetch", "ok t-0@5/3(note) u-1@7"),
            ("fetch group=", "ok t-0@1"),
            ("restart", ""),
            ("fetch", "ok t-0@5/3(note) u-1@7"),
            ("commit generation=0 v=9", "UNKNOWN_MEMBER_ID"),
            ("commit group=h generation=0 v=8", "ILLEGAL_GENERATION"),
            ("commit group=h generation=0 v=9", "GROUP_ID_NOT_FOUND"),
            ("commit group=h id=x", "ok"),
        ]);
    }

    #[test]
    fn a_member_in_every_state() {
        check(&[
            ("join a v=3", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("commit a", "a: REBALANCE_IN_PROGRESS"),
            ("sync a", "a: assigned"),
            ("commit a offset=2", "a: ok"),
            ("commit a generation=0", "a: ILLEGAL_GENERATION"),
            ("commit a id=x", "a: UNKNOWN_MEMBER_ID"),
            ("commit a id=none generation=-1", "a: UNKNOWN_MEMBER_ID"),
            ("commit", "UNKNOWN_MEMBER_ID"),
            ("join b v=3", ""),
            // Its partitions are about to go: last chance.
            ("commit a offset=3", "a: ok"),
            ("leave a", "b: ok b#2 generation=2 range leader=b#2 members=b#2; a: ok ok"),
            ("commit a offset=4", "a: UNKNOWN_MEMBER_ID"),
            ("leave b", "b: ok ok"),
            ("commit", "ok"),
            ("fetch", "ok t-0@1"),
        ]);
    }

    #[test]
    fn is_as_good_as_a_heartbeat() {
        check(&[
            ("join a v=3 session=6000", ""),
            ("pass 3000", "a: ok a#1 generation=1 range leader=a#1 members=a#1"),
            ("sync a", "a: assigned"),
            ("pass 5000", ""),
            ("commit a", "a: ok"),
            ("pass 5000", ""),
            ("beat a", "a: ok"),
        ]);
    }

    #[test]
    fn metadata_has_a_size() {
        let mut config = GroupConfig { offset_metadata_max_units: 4, ..GroupConfig::default() };
        config.limits.max_groups = 1;
        config.limits.max_name_bytes = 5;
        check_with(
            config,
            &[
                ("commit metadata=12345", "OFFSET_METADATA_TOO_LARGE"),
                ("commit metadata=🦀🦀", "ok"),
                ("commit metadata=🦀🦀x", "OFFSET_METADATA_TOO_LARGE"),
                ("fetch", "ok t-0@1(🦀🦀)"),
                ("commit group=h", "POLICY_VIOLATION"),
                ("commit group=longer", "INVALID_GROUP_ID"),
            ],
        );
    }

    #[test]
    fn a_failed_append_commits_nothing() {
        check(&[
            ("commit offset=1", "ok"),
            ("fail-append too-large", ""),
            ("commit offset=2", "UNKNOWN_SERVER_ERROR"),
            ("fetch", "ok t-0@1"),
        ]);
    }
}
