//! The producer's task: sends what is ready to whoever leads it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use protocol::messages::{InitProducerIdRequest, ProduceRequest};
use protocol::records::Records;
use protocol::{BrokerId, ErrorCode, ProducerEpoch, ProducerId, TopicPartition, Uuid};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::accumulator::Appended;
use super::{Acks, Shared};
use crate::cluster::Purpose;
use crate::connection::CallOptions;
use crate::{Cluster, Error, Result, random};

/// What the network may take beyond the broker's own patience.
const NETWORK_MARGIN: Duration = Duration::from_secs(2);
/// The highest version of Produce without topic ids.
const BY_NAME: i16 = 12;

/// A batch on its way: its partition, the topic's id, its bytes.
struct Part {
    partition: TopicPartition,
    topic_id: Uuid,
    batch: Bytes,
}

type Outcome = Vec<(TopicPartition, Result<Appended>)>;

/// Runs until it is aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut in_flight: JoinSet<Outcome> = JoinSet::new();
    let idempotent = shared.config.idempotence && shared.config.acks == Acks::All;
    loop {
        let now = Instant::now();
        let expiry = shared.accumulator.expire(now, shared.config.delivery_timeout);
        let (ready, next) = shared.accumulator.ready(now);
        if !ready.is_empty() {
            dispatch(&shared, ready, idempotent, &mut in_flight).await;
            continue;
        }
        let wake = [expiry, next].into_iter().flatten().min();
        let timer = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(outcome) = in_flight.join_next() => complete(&shared, outcome),
            () = shared.wake.notified() => {}
            () = timer => {}
        }
    }
}

fn complete(shared: &Shared, outcome: Result<Outcome, tokio::task::JoinError>) {
    let Ok(outcome) = outcome else {
        // A sending task neither panics nor is cancelled before we are.
        return;
    };
    for (partition, result) in outcome {
        if let Err(error) = &result
            && error.is_retriable()
        {
            tracing::debug!(%partition, %error, "batch not delivered");
            shared.cluster.forget(&partition.topic);
        }
        let (now, backoff) = (Instant::now(), shared.cluster.backoff());
        shared.accumulator.complete(&partition, result, now, backoff, random::bits());
    }
}

/// Groups the ready partitions by their leaders and sends each leader one request, or more where the size demands.
async fn dispatch(
    shared: &Arc<Shared>,
    ready: Vec<TopicPartition>,
    idempotent: bool,
    in_flight: &mut JoinSet<Outcome>,
) {
    let put_off = |partition: &TopicPartition, error| {
        shared.accumulator.put_off(
            partition,
            error,
            Instant::now(),
            shared.cluster.backoff(),
            random::bits(),
        );
    };
    if idempotent && shared.accumulator.needs_identity() {
        match init_producer_id(&shared.cluster).await {
            Ok(identity) => shared.accumulator.set_identity(identity),
            Err(error) => return ready.iter().for_each(|partition| put_off(partition, error.clone())),
        }
    }
    let mut requests: BTreeMap<BrokerId, Vec<Vec<Part>>> = BTreeMap::new();
    for partition in ready {
        let (leader, topic_id) = match leader(&shared.cluster, &partition).await {
            Ok(found) => found,
            Err(error) => {
                put_off(&partition, error);
                continue;
            }
        };
        let batch = match shared.accumulator.take(&partition, shared.config.compression, idempotent) {
            None => continue,
            Some(Ok(batch)) => batch,
            Some(Err(error)) => {
                complete(shared, Ok(vec![(partition, Err(error))]));
                continue;
            }
        };
        let of_leader = requests.entry(leader).or_default();
        let part = Part { partition, topic_id, batch };
        match of_leader.last_mut() {
            Some(parts) if fits(parts, &part, shared.config.max_request_bytes) => parts.push(part),
            _ => of_leader.push(vec![part]),
        }
    }
    for (leader, parts) in requests.into_iter().flat_map(|(l, all)| all.into_iter().map(move |p| (l, p))) {
        in_flight.spawn(send(shared.clone(), leader, parts));
    }
}

fn fits(parts: &[Part], more: &Part, max_request_bytes: usize) -> bool {
    parts.iter().map(|p| p.batch.len()).sum::<usize>() + more.batch.len() <= max_request_bytes
}

async fn leader(cluster: &Cluster, partition: &TopicPartition) -> Result<(BrokerId, Uuid)> {
    let (leader, _) = cluster.leader(partition).await?;
    Ok((leader, cluster.topic(&partition.topic).await?.id))
}

async fn init_producer_id(cluster: &Cluster) -> Result<(ProducerId, ProducerEpoch)> {
    let connection = cluster.any().await?;
    let request = InitProducerIdRequest {
        transactional_id: None,
        // Kafka's clients send this where there is no transaction.
        transaction_timeout_ms: i32::MAX,
        ..Default::default()
    };
    let answer = connection.call(&request).await?;
    let response = answer.decode()?;
    Error::check("cannot get a producer id", answer.broker(), response.error_code, None)?;
    Ok((ProducerId(response.producer_id), ProducerEpoch(response.producer_epoch)))
}

/// One request and what it brought each partition.
async fn send(shared: Arc<Shared>, leader: BrokerId, parts: Vec<Part>) -> Outcome {
    match exchange(&shared, leader, &parts).await {
        Ok(outcome) => outcome,
        Err(error) => parts.into_iter().map(|p| (p.partition, Err(error.clone()))).collect(),
    }
}

async fn exchange(shared: &Shared, leader: BrokerId, parts: &[Part]) -> Result<Outcome> {
    let connection = shared.cluster.broker(leader, Purpose::Data).await?;
    let patience = shared.config.request_timeout;
    let request = ProduceRequest {
        transactional_id: None,
        acks: shared.config.acks.wire(),
        timeout_ms: patience.as_millis().min(i32::MAX as u128) as i32,
        topic_data: topic_data(parts),
        ..Default::default()
    };
    let at_most = if parts.iter().any(|p| p.topic_id.is_zero()) { BY_NAME } else { i16::MAX };
    let options = CallOptions { at_most, timeout: Some(patience + NETWORK_MARGIN) };
    if shared.config.acks == Acks::None {
        connection.send_unanswered(&request, options).await?;
        let appended = Appended { base_offset: None, append_time: None };
        return Ok(parts.iter().map(|p| (p.partition.clone(), Ok(appended))).collect());
    }
    let answer = connection.call_with(&request, options).await?;
    let response = answer.decode()?;
    let by_id = answer.version() > BY_NAME;
    let outcome = parts.iter().map(|part| {
        let topic = response
            .responses
            .iter()
            .find(|t| if by_id { t.topic_id == part.topic_id } else { *t.name == *part.partition.topic });
        let found =
            topic.and_then(|t| t.partition_responses.iter().find(|p| p.index == part.partition.partition));
        let what = || format!("cannot deliver to {}", part.partition);
        let Some(found) = found else {
            let missing = ErrorCode::UnknownServerError.code();
            let check =
                Error::check(what(), answer.broker(), missing, Some("the answer lacks the partition"));
            return (
                part.partition.clone(),
                check.map(|()| Appended { base_offset: None, append_time: None }),
            );
        };
        // The broker's words about a single record say more than those about the batch.
        let blamed = found.record_errors.first();
        let blamed = blamed.and_then(|e| {
            Some(format!("record {} of the batch: {}", e.batch_index, e.batch_index_error_message.as_ref()?))
        });
        let message = blamed.as_deref().or(found.error_message.as_deref());
        let result = Error::check(what(), answer.broker(), found.error_code, message).map(|()| Appended {
            base_offset: (found.base_offset >= 0).then_some(found.base_offset),
            append_time: (found.log_append_time_ms >= 0).then_some(found.log_append_time_ms),
        });
        (part.partition.clone(), result)
    });
    Ok(outcome.collect())
}

/// The request's topics, each with its partitions.
fn topic_data(parts: &[Part]) -> Vec<TopicProduceData<'_>> {
    let mut topics: Vec<TopicProduceData<'_>> = Vec::new();
    for part in parts {
        let data = PartitionProduceData {
            index: part.partition.partition,
            records: Some(Records::Shared(part.batch.clone())),
            ..Default::default()
        };
        match topics.last_mut().filter(|t| *t.name == *part.partition.topic) {
            Some(topic) => topic.partition_data.push(data),
            None => topics.push(TopicProduceData {
                name: (&*part.partition.topic).into(),
                topic_id: part.topic_id,
                partition_data: vec![data],
                ..Default::default()
            }),
        }
    }
    topics
}
