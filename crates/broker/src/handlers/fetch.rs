//! Fetch, api key 1, versions 4 to 18: reads record batches, waiting for them if asked to.
//!
//! 5: log start offset. 7: incremental sessions (KIP-227). 9: leader epochs (KIP-320). 10: zstd. 11: rack of the
//! consumer (KIP-392). 12: flexible, diverging epochs. 13: topics by id. 15 to 18: fields of replicas.
//! Whole batches leave, the first one whatever its size. An empty answer carries empty records, never null.
//! Not here: fetches of followers, which come with replication, and reading from the nearest replica.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::ErrorCode;
use protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use protocol::messages::{FetchRequest, FetchResponse};
use protocol::records::Records;

use crate::clock;
use crate::cold::Cold;
use crate::fetch_session::{Asked, Context, Key, Told, Want};
use crate::node::Node;
use crate::partition::{Isolation, Partition, Read, ReadError, ReadFrom};
use crate::purgatory::Watch;
use crate::request::{Answer, Malformed, Request};

/// The first version that names topics by id.
const TOPIC_IDS: i16 = 13;

/// What the whole request allows.
#[derive(Clone, Copy)]
struct Limits {
    min_bytes: u64,
    max_bytes: u64,
    deadline: Instant,
    isolation: Isolation,
}

/// What came of one partition.
struct Found {
    partition: Option<Arc<Partition>>,
    result: Result<Read, ErrorCode>,
}

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let (asked, limits) = read_request(node, &request)?;
    let context = match node.fetch_sessions().begin(clock::now(), asked, node.random_u32()) {
        Ok(context) => context,
        Err(error) => {
            return request.answer(&FetchResponse { error_code: error.code(), ..FetchResponse::default() });
        }
    };
    let mut first_look = true;
    let mut cold = Cold::default();
    let last = loop {
        let last = look(node, &request, &context, limits, &mut first_look, &mut cold).await;
        if !cold.load().await {
            break last;
        }
    };
    answer(node, &request, &context, last)
}

/// Looks until there is enough to answer, or time is up, or something has to be loaded first.
async fn look(
    node: &Node,
    request: &Request,
    context: &Context,
    limits: Limits,
    first_look: &mut bool,
    cold: &mut Cold,
) -> Vec<Found> {
    let mut last = vec![];
    let ready = Watch::default()
        .until(Some(limits.deadline), |watch| {
            last = read_all(node, request, context, limits, watch, cold);
            if cold.is_met() {
                return Some(());
            }
            let bytes: u64 =
                last.iter().filter_map(|found| found.result.as_ref().ok()).map(|read| read.bytes).sum();
            let told_more = last.iter().any(|found| {
                found.result.is_err() || found.result.as_ref().is_ok_and(|read| read.diverging.is_some())
            });
            let at_once = std::mem::take(first_look)
                && (context.wanted.is_empty() || limits.deadline <= request.received);
            (at_once || told_more || bytes >= limits.min_bytes).then_some(())
        })
        .await;
    if ready.is_none() {
        // What came in since the last look is worth having.
        last = read_all(node, request, context, limits, &Watch::default(), cold);
    }
    last
}

fn read_request(node: &Node, request: &Request) -> Result<(Asked, Limits), Malformed> {
    let body: FetchRequest<'_> = request.decode()?;
    let by_id = request.version >= TOPIC_IDS;
    let image = node.image();
    let name_of = |id, name: &str| -> Arc<str> {
        if by_id {
            image.topic_by_id(id).map_or_else(|| "".into(), |topic| Arc::clone(&topic.name))
        } else {
            name.into()
        }
    };
    let mut wanted = vec![];
    for topic in &body.topics {
        let name = name_of(topic.topic_id, &topic.topic);
        for partition in &topic.partitions {
            let key =
                Key { topic_id: topic.topic_id, topic: Arc::clone(&name), partition: partition.partition };
            let want = Want {
                fetch_offset: partition.fetch_offset,
                max_bytes: partition.partition_max_bytes,
                current_leader_epoch: partition.current_leader_epoch,
                last_fetched_epoch: partition.last_fetched_epoch,
                log_start_offset: partition.log_start_offset,
            };
            wanted.push((key, want));
        }
    }
    let forgotten = body.forgotten_topics_data.iter().flat_map(|topic| {
        let name = name_of(topic.topic_id, &topic.topic);
        topic.partitions.iter().map(move |index| Key {
            topic_id: topic.topic_id,
            topic: Arc::clone(&name),
            partition: *index,
        })
    });
    let isolation =
        if body.isolation_level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let max_bytes =
        u64::try_from(body.max_bytes).unwrap_or(0).min(u64::from(node.config().network.fetch_max_bytes));
    let limits = Limits {
        min_bytes: u64::try_from(body.min_bytes).unwrap_or(0).min(max_bytes),
        max_bytes,
        deadline: request.received + Duration::from_millis(u64::try_from(body.max_wait_ms).unwrap_or(0)),
        isolation,
    };
    let asked = Asked {
        session_id: body.session_id,
        session_epoch: body.session_epoch,
        uses_topic_ids: by_id,
        forgotten: forgotten.collect(),
        wanted,
    };
    Ok((asked, limits))
}

fn read_all(
    node: &Node,
    request: &Request,
    context: &Context,
    limits: Limits,
    watch: &Watch,
    cold: &mut Cold,
) -> Vec<Found> {
    let mut room = limits.max_bytes;
    let mut first = true;
    let mut all = Vec::with_capacity(context.wanted.len());
    for (key, want) in &context.wanted {
        let partition = if request.version >= TOPIC_IDS {
            node.partition_by_id(key.topic_id, key.partition)
        } else {
            node.partition_by_name(&key.topic, key.partition)
        };
        let partition = match partition {
            Ok(partition) => partition,
            Err(error) => {
                all.push(Found { partition: None, result: Err(error) });
                continue;
            }
        };
        partition.watch_data(watch);
        let from = ReadFrom {
            offset: want.fetch_offset,
            current_leader_epoch: want.current_leader_epoch,
            last_fetched_epoch: want.last_fetched_epoch,
            max_bytes: u64::try_from(want.max_bytes).unwrap_or(0).min(room),
            // The first batch goes out whatever its size, so that a consumer always gets on.
            min_one: first,
            isolation: limits.isolation,
        };
        let result = partition.read(from, cold.source()).map_err(|error| match error {
            ReadError::Refused(code) => code,
            ReadError::NotCached(missing) => {
                cold.add(missing);
                // Nobody is told: what is missing is loaded first.
                ErrorCode::None
            }
        });
        if let Ok(read) = &result {
            room = room.saturating_sub(read.bytes);
            first &= read.bytes == 0;
        }
        all.push(Found { partition: Some(partition), result });
    }
    all
}

fn answer(node: &Node, request: &Request, context: &Context, found: Vec<Found>) -> Result<Answer, Malformed> {
    let told = context.wanted.iter().zip(&found).map(|((key, _), found)| (key, told(&found.result)));
    let carried = node.fetch_sessions().finish(context, told);
    let mut response = FetchResponse { session_id: context.session_id, ..FetchResponse::default() };
    for (((key, _), found), carried) in context.wanted.iter().zip(found).zip(carried) {
        if !carried {
            continue;
        }
        if let Some(partition) = &found.partition {
            let counts = partition.counts();
            counts.fetch_requests.add(1);
            match &found.result {
                Ok(read) => counts.bytes_out.add(read.bytes),
                Err(_) => counts.failed_fetch_requests.add(1),
            }
        }
        let row = row(node, key.partition, found);
        match response.responses.last_mut() {
            Some(topic) if topic.topic_id == key.topic_id && *topic.topic == *key.topic => {
                topic.partitions.push(row);
            }
            _ => response.responses.push(FetchableTopicResponse {
                topic: key.topic.to_string().into(),
                topic_id: key.topic_id,
                partitions: vec![row],
                ..FetchableTopicResponse::default()
            }),
        }
    }
    request.answer(&response)
}

fn told(result: &Result<Read, ErrorCode>) -> Told {
    match result {
        Ok(read) => Told {
            error: ErrorCode::None,
            high_watermark: read.high_watermark.get(),
            log_start_offset: read.log_start_offset.get(),
            has_records: read.bytes > 0,
            must_tell: read.diverging.is_some(),
        },
        Err(error) => Told {
            error: *error,
            high_watermark: -1,
            log_start_offset: -1,
            has_records: false,
            must_tell: false,
        },
    }
}

fn row(node: &Node, partition_index: i32, found: Found) -> PartitionData<'static> {
    match found.result {
        Ok(read) => PartitionData {
            partition_index,
            high_watermark: read.high_watermark.get(),
            last_stable_offset: read.last_stable_offset.get(),
            log_start_offset: read.log_start_offset.get(),
            diverging_epoch: read.diverging.map_or_else(EpochEndOffset::default, |(epoch, end)| {
                EpochEndOffset { epoch: epoch.get(), end_offset: end.get(), ..EpochEndOffset::default() }
            }),
            aborted_transactions: read.aborted.map(|aborted| {
                let row = |(producer_id, first_offset): (protocol::ProducerId, protocol::Offset)| {
                    AbortedTransaction {
                        producer_id: producer_id.get(),
                        first_offset: first_offset.get(),
                        ..AbortedTransaction::default()
                    }
                };
                aborted.into_iter().map(row).collect()
            }),
            records: Some(read.records),
            ..PartitionData::default()
        },
        Err(error) => PartitionData {
            partition_index,
            error_code: error.code(),
            high_watermark: -1,
            // As in Kafka: empty where there is no partition, null where reading it failed.
            aborted_transactions: found.partition.is_none().then(Vec::new),
            current_leader: match (error, &found.partition) {
                (ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch, Some(partition)) => {
                    LeaderIdAndEpoch {
                        leader_id: node.id().get(),
                        leader_epoch: partition.leader_epoch().get(),
                        ..LeaderIdAndEpoch::default()
                    }
                }
                _ => LeaderIdAndEpoch::default(),
            },
            records: Some(Records::default()),
            ..PartitionData::default()
        },
    }
}
