//! Produce, api key 0, versions 3 to 13: appends record batches to partitions that this broker leads.
//!
//! 5: log start offset in the answer. 7: zstd. 8: errors of single records (KIP-467). 9: flexible. 10: the current
//! leader where it moved (KIP-951). 12: implicit transactions (KIP-890). 13: topics by id.
//! acks=0 is not answered, and an error closes the connection; acks=1 answers from the page cache; acks=all when the
//! batch is on disk (`millstream.acks.all.fsync`).
//! The first batch of a transaction in a partition is appended once the transaction's coordinator knows of the partition
//! (`transactions/verify.rs`); what comes by the same connection meanwhile waits behind it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use log::producer::Transactional;
use protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse,
};
use protocol::messages::{ProduceRequest, ProduceResponse};
use protocol::records::{BatchHeader, Records};
use protocol::{ErrorCode, Uuid};

use crate::error::Refusal;
use crate::node::Node;
use crate::partition::{Appended, Partition};
use crate::purgatory::Watch;
use crate::request::{Answer, Malformed, Request};
use crate::topics::is_internal;
use crate::transactions::{Abilities, Verified};

const ACKS_ALL: i16 = -1;
/// The first version that names topics by id.
const TOPIC_IDS: i16 = 13;
/// The first version that may carry zstd (KIP-110).
const ZSTD: i16 = 7;

/// The first version whose clients know `TRANSACTION_ABORTABLE`.
const TRANSACTION_ABORTABLE: i16 = 11;
/// The first version by which what is written to belongs to the transaction.
const ADDS_PARTITIONS: i16 = 12;

/// One partition of the request: where its records are in the frame.
struct Planned {
    partition: i32,
    records: Option<Range<usize>>,
}

struct PlannedTopic {
    name: Arc<str>,
    topic_id: Uuid,
    partitions: Vec<Planned>,
}

/// What the whole request asks for.
struct Plan {
    acks: i16,
    timeout: Duration,
    transactional_id: Option<String>,
    topics: Vec<PlannedTopic>,
}

enum Outcome {
    Appended(Arc<Partition>, Appended),
    Refused(Refusal),
}

/// Answers one request. Everything is appended before the first wait, unless a transaction begins.
pub(crate) async fn serve(node: &Node, mut request: Request) -> Result<Answer, Malformed> {
    let Plan { acks, timeout, transactional_id, topics } = plan(&request)?;
    let peer = Arc::clone(&request.peer);
    let turn = peer.produce_turn().await;
    let verified = match &transactional_id {
        Some(transactional_id) => Some(verify(node, &request, transactional_id, &topics).await?),
        None => None,
    };
    let mut outcomes: Vec<Vec<Outcome>> = Vec::with_capacity(topics.len());
    for topic in &topics {
        let mut of_topic = Vec::with_capacity(topic.partitions.len());
        for planned in &topic.partitions {
            let outcome = append(node, &mut request, acks, topic, planned, verified.as_ref());
            of_topic.push(outcome.map_or_else(Outcome::Refused, |(partition, appended)| {
                Outcome::Appended(partition, appended)
            }));
        }
        outcomes.push(of_topic);
    }
    drop(turn);
    // All of it is in the log: who waits for the disk keeps no frame in memory meanwhile.
    request.frame = BytesMut::new();
    if acks == ACKS_ALL {
        wait_until_durable(request.received + timeout, &mut outcomes).await;
    }
    if acks == 0 {
        let error = outcomes.iter().flatten().find_map(|outcome| match outcome {
            Outcome::Refused(refusal) => Some(refusal.code),
            Outcome::Appended(..) => None,
        });
        return Ok(error.map_or(Answer::Nothing, Answer::Close));
    }
    let responses = topics.iter().zip(&outcomes).map(|(topic, outcomes)| TopicProduceResponse {
        name: topic.name.to_string().into(),
        topic_id: topic.topic_id,
        partition_responses: topic
            .partitions
            .iter()
            .zip(outcomes)
            .map(|(planned, outcome)| row(node, planned.partition, outcome))
            .collect(),
        ..TopicProduceResponse::default()
    });
    request.answer(&ProduceResponse { responses: responses.collect(), ..ProduceResponse::default() })
}

/// Makes sure that what is written to belongs to the transaction.
async fn verify(
    node: &Node,
    request: &Request,
    transactional_id: &str,
    topics: &[PlannedTopic],
) -> Result<Verified, Malformed> {
    let abilities = Abilities {
        adds_partitions: request.version >= ADDS_PARTITIONS,
        knows_abortable: request.version >= TRANSACTION_ABORTABLE,
    };
    let planned = topics.iter().flat_map(|topic| topic.partitions.iter().map(move |it| (topic, it)));
    let batches = planned.filter_map(|(topic, planned)| {
        let header = BatchHeader::parse(planned.bytes(request)).ok()?;
        let records = Transactional::of(&header, abilities.adds_partitions)?;
        Some((find(node, request.version, topic, planned.partition).ok()?, records))
    });
    let verified = Verified::new(node, abilities, transactional_id, batches.collect()).await;
    verified.ok_or(Malformed::Stopping)
}

fn plan(request: &Request) -> Result<Plan, Malformed> {
    let body: ProduceRequest<'_> = request.decode()?;
    let start = request.frame.as_ptr() as usize;
    let range = |records: &Records<'_>| {
        let bytes = records.as_bytes()?;
        let at = (bytes.as_ptr() as usize).checked_sub(start)?;
        Some(at..at + bytes.len())
    };
    let topics = body.topic_data.iter().map(|topic| PlannedTopic {
        name: (&*topic.name).into(),
        topic_id: topic.topic_id,
        partitions: topic
            .partition_data
            .iter()
            .map(|partition| Planned {
                partition: partition.index,
                records: partition.records.as_ref().and_then(range),
            })
            .collect(),
    });
    let timeout = Duration::from_millis(u64::try_from(body.timeout_ms).unwrap_or(0));
    let transactional_id = body.transactional_id.as_ref().map(ToString::to_string);
    Ok(Plan { acks: body.acks, timeout, transactional_id, topics: topics.collect() })
}

impl Planned {
    fn bytes<'r>(&self, request: &'r Request) -> &'r [u8] {
        self.records.clone().and_then(|range| request.frame.get(range)).unwrap_or_default()
    }
}

fn find(node: &Node, version: i16, topic: &PlannedTopic, index: i32) -> Result<Arc<Partition>, ErrorCode> {
    if version >= TOPIC_IDS {
        node.partition_by_id(topic.topic_id, index)
    } else {
        node.partition_by_name(&topic.name, index)
    }
}

fn append(
    node: &Node,
    request: &mut Request,
    acks: i16,
    topic: &PlannedTopic,
    planned: &Planned,
    verified: Option<&Verified>,
) -> Result<(Arc<Partition>, Appended), Refusal> {
    if !(-1..=1).contains(&acks) {
        return Err(Refusal::from(ErrorCode::InvalidRequiredAcks));
    }
    let partition = find(node, request.version, topic, planned.partition)?;
    let counts = partition.counts();
    counts.produce_requests.add(1);
    let version = request.version;
    let bytes = planned.records.clone().and_then(|range| request.frame.get_mut(range)).unwrap_or_default();
    let appended = check(version, &partition, bytes, &request.client_id, verified.is_some())
        .and_then(|()| verified.map_or(Ok(None), |verified| verified.of(&partition)))
        .and_then(|transaction| partition.append_from_client(bytes, acks == ACKS_ALL, transaction));
    match appended {
        Ok(appended) => {
            counts.messages_in.add(appended.records);
            counts.bytes_in.add(bytes.len() as u64);
            Ok((partition, appended))
        }
        Err(refusal) => {
            counts.failed_produce_requests.add(1);
            Err(refusal)
        }
    }
}

/// What depends on the request's version rather than on the log.
fn check(
    version: i16,
    partition: &Partition,
    bytes: &[u8],
    client_id: &str,
    names_transactional_id: bool,
) -> Result<(), Refusal> {
    if is_internal(partition.topic()) && client_id != "__admin_client" {
        return Err(Refusal::new(
            ErrorCode::InvalidTopicException,
            format!("Cannot append to internal topic {}", partition.topic()),
        ));
    }
    let Ok(header) = BatchHeader::parse(bytes) else {
        // What exactly is wrong, the log says.
        return if bytes.is_empty() {
            Err(Refusal::new(ErrorCode::InvalidRecord, one_batch(version)))
        } else {
            Ok(())
        };
    };
    if bytes.len() > header.size_bytes() {
        return Err(Refusal::new(ErrorCode::InvalidRecord, one_batch(version)));
    }
    if version < ZSTD && header.attributes.codec() == Ok(protocol::compression::Codec::Zstd) {
        return Err(Refusal::new(
            ErrorCode::UnsupportedCompressionType,
            format!("Produce requests with version {version} are not allowed to use ZStandard compression"),
        ));
    }
    if header.attributes.is_transactional() && !names_transactional_id {
        return Err(Refusal::from(ErrorCode::TransactionalIdAuthorizationFailed));
    }
    Ok(())
}

fn one_batch(version: i16) -> String {
    format!("Produce requests with version {version} must have exactly one record batch per partition")
}

/// Waits for every append; those that are not durable by the deadline become `REQUEST_TIMED_OUT`.
async fn wait_until_durable(deadline: std::time::Instant, outcomes: &mut [Vec<Outcome>]) {
    let watch = Watch::default();
    let mut failed = vec![];
    for (t, of_topic) in outcomes.iter().enumerate() {
        for (p, outcome) in of_topic.iter().enumerate() {
            let Outcome::Appended(partition, appended) = outcome else { continue };
            let durable = watch
                .until(Some(deadline), |watch| partition.poll_durable(appended.next_offset, watch))
                .await;
            match durable {
                Some(Ok(())) => {}
                Some(Err(refusal)) => failed.push((t, p, refusal)),
                None => failed.push((t, p, Refusal::from(ErrorCode::RequestTimedOut))),
            }
        }
    }
    for (t, p, refusal) in failed {
        if let Some(outcome) = outcomes.get_mut(t).and_then(|of_topic| of_topic.get_mut(p)) {
            *outcome = Outcome::Refused(refusal);
        }
    }
}

fn row(node: &Node, index: i32, outcome: &Outcome) -> PartitionProduceResponse<'static> {
    match outcome {
        Outcome::Appended(_, appended) => PartitionProduceResponse {
            index,
            base_offset: appended.base_offset.get(),
            log_append_time_ms: appended.log_append_time_ms,
            log_start_offset: appended.log_start_offset.get(),
            ..PartitionProduceResponse::default()
        },
        Outcome::Refused(refusal) => PartitionProduceResponse {
            index,
            error_code: refusal.code.code(),
            base_offset: -1,
            log_start_offset: refusal.log_start_offset,
            record_errors: refusal
                .records
                .iter()
                .map(|record| BatchIndexAndErrorMessage {
                    batch_index: record.index,
                    batch_index_error_message: Some(record.message.clone().into()),
                    ..BatchIndexAndErrorMessage::default()
                })
                .collect(),
            error_message: refusal.message.clone().map(Into::into),
            current_leader: match refusal.code {
                ErrorCode::NotLeaderOrFollower => {
                    LeaderIdAndEpoch { leader_id: node.id().get(), ..LeaderIdAndEpoch::default() }
                }
                _ => LeaderIdAndEpoch::default(),
            },
            ..PartitionProduceResponse::default()
        },
    }
}
