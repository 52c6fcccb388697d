//! ShareFetch, api key 78, versions 1 and 2: records for a member of a share group, and what it says of those it has (KIP-932).
//!
//! 2: how the limit of records is meant (KIP-1206), and locks that begin anew (KIP-1222): such a request fetches nothing.
//! Who has which record is decided by `coordinator::share_partition`, which partitions are fetched by
//! `coordinator::share_session`. Not here: dead letters, and membership: whoever opens a session may fetch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator::share_partition::{AcquireLimits, AcquireMode, AcquiredRecords};
use coordinator::share_session::{Asked, Granted, ShareSessionKey, TopicIdPartition};
use protocol::messages::share_fetch_response::{
    AcquiredRecords as AcquiredRow, PartitionData, ShareFetchableTopicResponse,
};
use protocol::messages::{ShareFetchRequest, ShareFetchResponse};
use protocol::records::Records;
use protocol::{ErrorCode, Uuid};

use super::share_acknowledge::{Said, acknowledge, session_of};
use crate::clock;
use crate::node::Node;
use crate::partition::{Partition, ReadError, ReadFrom};
use crate::purgatory::Watch;
use crate::request::{Answer, Malformed, Request};
use crate::share_partitions::{Fetched, LedShare, ShareSettings};

/// The first version with acquire modes and renewals.
const RENEWALS: i16 = 2;
/// At most so much of a partition, and of all together, is read for one answer, as far as a batch is not larger.
const MAX_PARTITION_BYTES: u64 = 1 << 20;
const MAX_BYTES: u64 = 8 << 20;

/// What the whole request allows.
struct Limits {
    min_bytes: u64,
    max_bytes: u64,
    deadline: Instant,
    acquire: AcquireLimits,
    settings: ShareSettings,
}

/// What a look at one partition found: something to acquire, or why not.
struct Look {
    id: TopicIdPartition,
    found: Result<Option<(Arc<LedShare>, ReadFrom, Fetched)>, ErrorCode>,
}

/// What is answered of one partition.
struct Row {
    id: TopicIdPartition,
    error: ErrorCode,
    records: Records<'static>,
    acquired: Vec<AcquiredRecords>,
}

/// Answers one request.
pub(crate) async fn serve(node: &Arc<Node>, request: Request) -> Result<Answer, Malformed> {
    let body: ShareFetchRequest<'_> = request.decode()?;
    let refuse = |error: ErrorCode| {
        request.answer(&ShareFetchResponse { error_code: error.code(), ..ShareFetchResponse::default() })
    };
    let is_renewal = request.version >= RENEWALS && body.is_renew_ack;
    let fetches =
        body.max_bytes != 0 || body.min_bytes != 0 || body.max_records != 0 || body.max_wait_ms != 0;
    if is_renewal && fetches {
        return refuse(ErrorCode::InvalidRequest);
    }
    let session = match session_of(body.group_id.as_deref(), body.member_id.as_deref()) {
        Ok(session) => session,
        Err(error) => return refuse(error),
    };
    let limits = limits(node, &request, &body, &session);
    let said = said(&body);
    let granted = match begin(node, &request, &body, &session, &said) {
        Ok(granted) => granted,
        Err(ErrorCode::ShareSessionLimitReached) => {
            // Or the client would ask again at once.
            tokio::time::sleep_until(limits.deadline.into()).await;
            return refuse(ErrorCode::ShareSessionLimitReached);
        }
        Err(error) => return refuse(error),
    };
    let acknowledged = acknowledge(node, &session, &said, request.version >= RENEWALS, is_renewal);
    let mut response = ShareFetchResponse {
        acquisition_lock_timeout_ms: i32::try_from(limits.settings.partition.record_lock_duration_ms)
            .unwrap_or(i32::MAX),
        ..ShareFetchResponse::default()
    };
    if let Granted::Fetch(wanted) = &granted
        && !is_renewal
    {
        let rows = fetch(node, &session, wanted, &limits).await;
        let mut sessions = node.share_partitions.sessions();
        if let Err(error) = sessions.may_answer(&session, body.share_session_epoch) {
            drop(sessions);
            return refuse(error);
        }
        for row in rows {
            let has_records = !row.acquired.is_empty();
            if sessions.tell(&session, row.id, has_records, row.error) {
                push(&mut response, row.id, |data| row.tell(data));
            }
        }
    }
    for (id, acknowledged) in acknowledged {
        let (error, message) = acknowledged.ended().await?;
        push(&mut response, id, |data| {
            data.acknowledge_error_code = error;
            data.acknowledge_error_message = message;
        });
    }
    if granted == Granted::Final {
        close(node, &session);
    }
    request.answer(&response)
}

/// Ends a session: what its member has may be delivered to others.
pub(super) fn close(node: &Arc<Node>, session: &ShareSessionKey) {
    let partitions = node.share_partitions.sessions().close(session);
    node.share_partitions.release(node, session, &partitions.unwrap_or_default());
}

fn limits(node: &Node, request: &Request, body: &ShareFetchRequest<'_>, session: &ShareSessionKey) -> Limits {
    let amount = |value: i32| u64::try_from(value).unwrap_or(0);
    let max_bytes = amount(body.max_bytes).min(u64::from(node.config().network.fetch_max_bytes));
    Limits {
        min_bytes: amount(body.min_bytes).clamp(1, max_bytes.max(1)),
        max_bytes,
        deadline: request.received + Duration::from_millis(amount(body.max_wait_ms)),
        acquire: AcquireLimits {
            mode: if body.share_acquire_mode == 1 {
                AcquireMode::RecordLimit
            } else {
                AcquireMode::BatchOptimized
            },
            max_records: body.max_records,
            batch_size: body.batch_size,
        },
        settings: node.share_settings(&session.group_id),
    }
}

fn said<'a>(body: &'a ShareFetchRequest<'_>) -> Vec<Said<'a>> {
    let mut said = vec![];
    for topic in &body.topics {
        for partition in topic.partitions.iter().filter(|it| !it.acknowledgement_batches.is_empty()) {
            let batches = partition.acknowledgement_batches.iter();
            said.push(Said {
                id: (topic.topic_id, partition.partition_index),
                batches: batches
                    .map(|it| (it.first_offset, it.last_offset, &*it.acknowledge_types))
                    .collect(),
            });
        }
    }
    said
}

fn begin(
    node: &Node,
    request: &Request,
    body: &ShareFetchRequest<'_>,
    session: &ShareSessionKey,
    said: &[Said<'_>],
) -> Result<Granted, ErrorCode> {
    let of = |topic_id: Uuid| move |index: i32| (topic_id, index);
    let wanted = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| partition.partition_index).map(of(topic.topic_id))
    });
    let forgotten = body
        .forgotten_topics_data
        .iter()
        .flat_map(|topic| topic.partitions.iter().copied().map(of(topic.topic_id)));
    let asked = Asked {
        epoch: body.share_session_epoch,
        wanted: &wanted.collect::<Vec<_>>(),
        forgotten: &forgotten.collect::<Vec<_>>(),
        acknowledges: !said.is_empty(),
        connection: request.peer.connection,
    };
    node.share_partitions.sessions().fetch(session, asked)
}

/// Looks until there is something to tell, or time is up.
async fn fetch(
    node: &Arc<Node>,
    session: &ShareSessionKey,
    wanted: &[TopicIdPartition],
    limits: &Limits,
) -> Vec<Row> {
    if wanted.is_empty() || limits.max_bytes == 0 || limits.acquire.max_records <= 0 {
        return vec![];
    }
    loop {
        let watch = Watch::default();
        let is_last = Instant::now() >= limits.deadline;
        let looks = look_at_all(node, session, wanted, limits, &watch).await;
        let bytes: u64 = looks
            .iter()
            .filter_map(|look| look.found.as_ref().ok()?.as_ref())
            .map(|it| it.2.len_bytes())
            .sum();
        let failed = looks.iter().any(|look| look.found.is_err());
        if is_last || failed || bytes >= limits.min_bytes {
            let (rows, went_on) = acquire(node, session, looks, limits);
            if is_last || rows.iter().any(|row| !row.error.is_none() || !row.acquired.is_empty()) {
                return rows;
            }
            if went_on {
                continue;
            }
        }
        // Time up is one more look: what came in since is worth having.
        let _ = tokio::time::timeout_at(limits.deadline.into(), watch.woken()).await;
    }
}

async fn look_at_all(
    node: &Arc<Node>,
    session: &ShareSessionKey,
    wanted: &[TopicIdPartition],
    limits: &Limits,
    watch: &Watch,
) -> Vec<Look> {
    let share = limits.max_bytes.min(MAX_BYTES) / wanted.len().max(1) as u64;
    let max_bytes = share.clamp(1, MAX_PARTITION_BYTES);
    let mut looks = Vec::with_capacity(wanted.len());
    for id in wanted {
        let found = match node.partition_by_id(id.0, id.1) {
            Ok(partition) => {
                partition.watch_data(watch);
                let share = node.share_partitions.get_or_load(node, &session.group_id, *id, &partition);
                share.watch(watch);
                look(node, share, &partition, limits, max_bytes).await
            }
            Err(error) => Err(error),
        };
        looks.push(Look { id: *id, found });
    }
    looks
}

async fn look(
    node: &Node,
    share: Arc<LedShare>,
    partition: &Arc<Partition>,
    limits: &Limits,
    max_bytes: u64,
) -> Result<Option<(Arc<LedShare>, ReadFrom, Fetched)>, ErrorCode> {
    let (log_start, _) = partition.offsets();
    let from = share.with(node, |it| {
        it.configure(limits.settings.partition);
        it.log_start_moved(log_start);
        it.can_acquire().then(|| it.next_fetch_offset())
    })?;
    let Some(Some(offset)) = from else { return Ok(None) };
    let from = ReadFrom {
        offset: offset.get(),
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
        max_bytes,
        min_one: true,
        isolation: limits.settings.isolation,
    };
    let partition = Arc::clone(partition);
    let load = move || match partition.read(from, log::Source::Disk) {
        Ok(read) => Fetched::load(&read).map(Some),
        // The log's start has moved meanwhile: the next look begins there.
        Err(ReadError::Refused(ErrorCode::OffsetOutOfRange) | ReadError::NotCached(_)) => Ok(None),
        Err(ReadError::Refused(error)) => Err(error),
    };
    let fetched = tokio::task::spawn_blocking(load).await.unwrap_or(Err(ErrorCode::UnknownServerError))?;
    Ok(fetched.map(|fetched| (share, from, fetched)))
}

/// The rows, and whether there may be something to acquire behind what nobody may have.
fn acquire(node: &Node, session: &ShareSessionKey, looks: Vec<Look>, limits: &Limits) -> (Vec<Row>, bool) {
    let mut went_on = false;
    let now = clock::now();
    let mut left = limits.acquire;
    let mut rows = Vec::with_capacity(looks.len());
    for Look { id, found } in looks {
        let mut row = Row { id, error: ErrorCode::None, records: Records::default(), acquired: vec![] };
        match found {
            Err(error) => row.error = error,
            Ok(None) => {}
            Ok(Some((share, from, fetched))) => {
                let read = coordinator::share_partition::Fetched {
                    fetch_offset: protocol::Offset(from.offset),
                    batches: &fetched.offsets,
                    aborted: &fetched.aborted,
                };
                let acquired = share.with(node, |it| {
                    let acquired = it.acquire(now, &session.member_id, left, read);
                    went_on |= it.next_fetch_offset() > read.fetch_offset;
                    acquired
                });
                match acquired {
                    Err(error) => row.error = error,
                    Ok(acquired) => row.acquired = acquired.unwrap_or_default(),
                }
                if let (Some(first), Some(last)) = (row.acquired.first(), row.acquired.last()) {
                    row.records = fetched.slice(first.first_offset, last.last_offset);
                }
                let count: i64 = row.acquired.iter().map(|it| it.last_offset - it.first_offset + 1).sum();
                left.max_records =
                    left.max_records.saturating_sub(i32::try_from(count).unwrap_or(i32::MAX)).max(0);
            }
        }
        rows.push(row);
    }
    (rows, went_on)
}

impl Row {
    fn tell(self, data: &mut PartitionData<'static>) {
        data.error_code = self.error.code();
        data.records = Some(self.records);
        data.acquired_records = self
            .acquired
            .iter()
            .map(|it| AcquiredRow {
                first_offset: it.first_offset.get(),
                last_offset: it.last_offset.get(),
                delivery_count: it.delivery_count,
                ..AcquiredRow::default()
            })
            .collect();
    }
}

/// Says something of a partition, in the row that it has or gets.
fn push(
    response: &mut ShareFetchResponse<'static>,
    (topic_id, index): TopicIdPartition,
    say: impl FnOnce(&mut PartitionData<'static>),
) {
    let at = response.responses.iter().position(|topic| topic.topic_id == topic_id);
    let at = at.unwrap_or_else(|| {
        response.responses.push(ShareFetchableTopicResponse { topic_id, ..Default::default() });
        response.responses.len() - 1
    });
    let Some(topic) = response.responses.get_mut(at) else { return };
    match topic.partitions.iter_mut().find(|row| row.partition_index == index) {
        Some(row) => say(row),
        None => {
            let mut row = PartitionData {
                partition_index: index,
                records: Some(Records::default()),
                ..PartitionData::default()
            };
            say(&mut row);
            topic.partitions.push(row);
        }
    }
}
