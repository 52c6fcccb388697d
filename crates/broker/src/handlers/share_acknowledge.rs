//! ShareAcknowledge, api key 79, versions 1 and 2: what a member of a share group says of the records it has (KIP-932).
//!
//! 2: locks that begin anew (KIP-1222). Decided by `coordinator::share_partition` and `coordinator::share_session`. An answer
//! comes when what was said is written by the share coordinator.

use std::sync::Arc;

use coordinator::share_partition::{AcknowledgeType, Acknowledgement};
use coordinator::share_session::{Granted, ShareSessionKey, TopicIdPartition};
use protocol::messages::share_acknowledge_response::{PartitionData, ShareAcknowledgeTopicResponse};
use protocol::messages::{ShareAcknowledgeRequest, ShareAcknowledgeResponse};
use protocol::{ErrorCode, Offset};

use super::share_fetch::close;
use crate::node::Node;
use crate::request::{Answer, Malformed, Request};
use crate::share_partitions::Acknowledged;

/// The first version with renewals.
const RENEWALS: i16 = 2;
/// The longest name of a member.
const MAX_MEMBER_ID: usize = 36;

/// What a member says of the records of a partition: first and last offsets, and types.
pub(super) struct Said<'a> {
    pub(super) id: TopicIdPartition,
    pub(super) batches: Vec<(i64, i64, &'a [i8])>,
}

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: ShareAcknowledgeRequest<'_> = request.decode()?;
    let refuse = |error: ErrorCode| {
        request.answer(&ShareAcknowledgeResponse {
            error_code: error.code(),
            ..ShareAcknowledgeResponse::default()
        })
    };
    let session = match session_of(body.group_id.as_deref(), body.member_id.as_deref()) {
        Ok(session) => session,
        Err(error) => return refuse(error),
    };
    let granted = node.share_partitions.sessions().acknowledge(&session, body.share_session_epoch);
    let granted = match granted {
        Ok(granted) => granted,
        Err(error) => return refuse(error),
    };
    let mut said = vec![];
    for topic in &body.topics {
        for partition in &topic.partitions {
            let batches = partition.acknowledgement_batches.iter();
            said.push(Said {
                id: (topic.topic_id, partition.partition_index),
                batches: batches
                    .map(|it| (it.first_offset, it.last_offset, &*it.acknowledge_types))
                    .collect(),
            });
        }
    }
    let is_renewal = request.version >= RENEWALS && body.is_renew_ack;
    let acknowledged = acknowledge(node, &session, &said, request.version >= RENEWALS, is_renewal);
    let lock_ms = node.share_settings(&session.group_id).partition.record_lock_duration_ms;
    let mut response = ShareAcknowledgeResponse {
        acquisition_lock_timeout_ms: i32::try_from(lock_ms).unwrap_or(i32::MAX),
        ..ShareAcknowledgeResponse::default()
    };
    for ((topic_id, partition_index), acknowledged) in acknowledged {
        let (error_code, error_message) = acknowledged.ended().await?;
        let row = PartitionData { partition_index, error_code, error_message, ..PartitionData::default() };
        match response.responses.last_mut() {
            Some(topic) if topic.topic_id == topic_id => topic.partitions.push(row),
            _ => response.responses.push(ShareAcknowledgeTopicResponse {
                topic_id,
                partitions: vec![row],
                ..ShareAcknowledgeTopicResponse::default()
            }),
        }
    }
    if granted == Granted::Final {
        close(node, &session);
    }
    request.answer(&response)
}

/// Whose session it is, if group and member have names that can be.
pub(super) fn session_of(
    group_id: Option<&str>,
    member_id: Option<&str>,
) -> Result<ShareSessionKey, ErrorCode> {
    let member_id = member_id.filter(|id| !id.is_empty() && id.len() <= MAX_MEMBER_ID);
    match (group_id, member_id) {
        (Some(group_id), Some(member_id)) => {
            Ok(ShareSessionKey { group_id: group_id.into(), member_id: member_id.into() })
        }
        _ => Err(ErrorCode::InvalidRequest),
    }
}

/// Has each partition hear what is said of it, in the order of the requests; the ends come later. Types that the request
/// may not have are refused: renewals are known from the second version on, where it must say that it has some.
pub(super) fn acknowledge(
    node: &Arc<Node>,
    session: &ShareSessionKey,
    said: &[Said<'_>],
    knows_renewals: bool,
    is_renewal: bool,
) -> Vec<(TopicIdPartition, Acknowledged)> {
    let may = |id: i8| match AcknowledgeType::from_id(id) {
        Some(AcknowledgeType::Renew) => knows_renewals && is_renewal,
        Some(_) => true,
        None => false,
    };
    let mut all = Vec::with_capacity(said.len());
    for Said { id, batches } in said {
        let partition = node.partition_by_id(id.0, id.1);
        let share = node.share_partitions.get(&session.group_id, *id);
        let acknowledged = match (partition, share) {
            _ if !batches.iter().all(|(_, _, types)| types.iter().all(|id| may(*id))) => {
                Acknowledged::Now(ErrorCode::InvalidRequest)
            }
            (Err(error), _) => Acknowledged::Now(error),
            (Ok(_), None) => Acknowledged::Now(ErrorCode::UnknownTopicOrPartition),
            (Ok(_), Some(share)) => {
                let said: Vec<Acknowledgement<'_>> = batches
                    .iter()
                    .map(|(first, last, types)| Acknowledgement {
                        first_offset: Offset(*first),
                        last_offset: Offset(*last),
                        types,
                    })
                    .collect();
                share.acknowledge(node, &session.member_id, &said)
            }
        };
        all.push((*id, acknowledged));
    }
    all
}
