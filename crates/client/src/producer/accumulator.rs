//! Where records gather: a queue of batches for each partition, and the sequence numbers of what leaves them.
//!
//! No I/O and no clock: time comes as an argument. The batch in flight stays at the head of its queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use protocol::compression::Compression;
use protocol::{ErrorCode, ProducerEpoch, ProducerId, TopicPartition};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::batch::{Batch, PendingRecord, Stamp};
use super::partitioner::Sticky;
use crate::retry::Backoff;
use crate::{Error, Result, Topic};

/// What the leader said of a batch that it has appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) base_offset: Option<i64>,
    pub(super) append_time: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Accumulator {
    batch_bytes: usize,
    linger: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queues: BTreeMap<TopicPartition, Queue>,
    sticky: Sticky,
    identity: Option<(ProducerId, ProducerEpoch)>,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Batch>,
    in_flight: bool,
    /// The identity that `next_sequence` counts for.
    identity: Option<(ProducerId, ProducerEpoch)>,
    next_sequence: i32,
}

/// Sequences wrap from `i32::MAX` to 0.
const fn add_sequence(base: i32, records: usize) -> i32 {
    ((base as i64 + records as i64) & i32::MAX as i64) as i32
}

impl Queue {
    /// Gives the head batch its identity; the same again if it has one.
    fn stamp(&mut self, current: (ProducerId, ProducerEpoch)) {
        let Some(head) = self.batches.front_mut() else { return };
        if head.stamp.is_some() {
            return;
        }
        if self.identity != Some(current) {
            self.identity = Some(current);
            self.next_sequence = 0;
        }
        let (producer_id, producer_epoch) = current;
        head.stamp = Some(Stamp { producer_id, producer_epoch, base_sequence: self.next_sequence });
        self.next_sequence = add_sequence(self.next_sequence, head.records.len());
    }

    /// The sequences of a batch that was surely not appended are free again.
    fn unstamp(&mut self, batch: &Batch) {
        if let Some(stamp) = batch.stamp {
            self.next_sequence = stamp.base_sequence;
        }
    }
}

impl State {
    /// A new epoch of the same producer (KIP-360): sequences start anew in each partition once it sends under it.
    /// None when epochs are used up: then a new producer id is due.
    fn bump_epoch(&mut self, seen: Option<Stamp>) {
        let seen = seen.map(|s| (s.producer_id, s.producer_epoch));
        // Another partition may have bumped it already.
        if seen.is_some() && seen == self.identity {
            self.identity = match self.identity {
                Some((id, ProducerEpoch(epoch))) if epoch < i16::MAX => Some((id, ProducerEpoch(epoch + 1))),
                _ => None,
            };
        }
    }
}

impl Accumulator {
    pub(super) fn new(batch_bytes: usize, linger: Duration) -> Self {
        Self { batch_bytes, linger, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a record to the last batch of its partition, or of a sticky one. Returns whether the sender should look:
    /// a batch was begun or is full.
    pub(super) fn append(
        &self,
        topic: &Topic,
        partition: Option<i32>,
        record: PendingRecord,
        now: Instant,
        random: u64,
    ) -> bool {
        let mut state = self.lock();
        let partition =
            partition.unwrap_or_else(|| state.sticky.next(topic, record.bytes, self.batch_bytes, random));
        let queue = state.queues.entry(TopicPartition::new(topic.name.clone(), partition)).or_default();
        let open = queue.batches.back_mut().filter(|b| !b.sealed);
        match open {
            Some(batch) if batch.bytes + record.bytes <= self.batch_bytes => {
                batch.push(record);
                false
            }
            full => {
                if let Some(full) = full {
                    full.sealed = true;
                }
                let mut batch = Batch::new(now);
                batch.sealed = record.bytes >= self.batch_bytes;
                batch.push(record);
                queue.batches.push_back(batch);
                true
            }
        }
    }

    /// Ends the wait of every batch; what is returned resolves when all that is here now is done.
    pub(super) fn seal(&self) -> Vec<oneshot::Receiver<()>> {
        let mut state = self.lock();
        let last = state.queues.values_mut().filter_map(|queue| {
            queue.batches.iter_mut().for_each(|batch| batch.sealed = true);
            queue.batches.back_mut()
        });
        last.map(|batch| {
            let (waiter, done) = oneshot::channel();
            batch.waiters.push(waiter);
            done
        })
        .collect()
    }

    /// The partitions whose head batch is to be sent now, and when to look again.
    pub(super) fn ready(&self, now: Instant) -> (Vec<TopicPartition>, Option<Instant>) {
        let state = self.lock();
        let mut ready = Vec::new();
        let mut next: Option<Instant> = None;
        for (partition, queue) in &state.queues {
            let Some(head) = queue.batches.front().filter(|_| !queue.in_flight) else { continue };
            let full = head.sealed || queue.batches.len() > 1;
            let due = head.retry_at.unwrap_or(if full { head.created } else { head.created + self.linger });
            if due <= now {
                ready.push(partition.clone());
            } else {
                next = Some(next.map_or(due, |n| n.min(due)));
            }
        }
        (ready, next)
    }

    /// Whether a producer id is needed before anything can be stamped.
    pub(super) fn needs_identity(&self) -> bool {
        self.lock().identity.is_none()
    }

    pub(super) fn set_identity(&self, identity: (ProducerId, ProducerEpoch)) {
        self.lock().identity = Some(identity);
    }

    /// Seals, stamps and encodes the head batch of a partition, and counts it as in flight. None if there is nothing.
    pub(super) fn take(
        &self,
        partition: &TopicPartition,
        compression: Compression,
        idempotent: bool,
    ) -> Option<Result<Bytes>> {
        let mut state = self.lock();
        let identity = state.identity;
        let queue = state.queues.get_mut(partition)?;
        if idempotent {
            queue.stamp(identity?);
        }
        let head = queue.batches.front_mut()?;
        head.sealed = true;
        head.retry_at = None;
        queue.in_flight = true;
        Some(head.encode(partition, compression))
    }

    /// What became of the batch in flight.
    pub(super) fn complete(
        &self,
        partition: &TopicPartition,
        outcome: Result<Appended>,
        now: Instant,
        backoff: Backoff,
        random: u64,
    ) {
        let mut state = self.lock();
        let Some(queue) = state.queues.get_mut(partition) else { return };
        queue.in_flight = false;
        let Some(mut batch) = queue.batches.pop_front() else { return };
        let error = match outcome {
            Ok(Appended { base_offset, append_time }) => {
                return batch.delivered(partition, base_offset, append_time);
            }
            Err(error) => error,
        };
        batch.attempts += 1;
        batch.ambiguous |= error.is_ambiguous();
        match error.code() {
            // It is there, and was when an earlier attempt went unanswered.
            Some(ErrorCode::DuplicateSequenceNumber) => {
                batch.delivered(partition, None, None);
            }
            Some(ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge) if batch.records.len() > 1 => {
                queue.unstamp(&batch);
                let (first, second) = batch.split();
                queue.batches.push_front(second);
                queue.batches.push_front(first);
            }
            // The broker has lost what it knew of this producer, or part of its log: count anew under a new epoch.
            Some(
                ErrorCode::OutOfOrderSequenceNumber
                | ErrorCode::UnknownProducerId
                | ErrorCode::InvalidProducerEpoch,
            ) if batch.stamp.is_some() => {
                let stamp = batch.stamp;
                batch.restamp();
                batch.retry_at = Some(now + backoff.delay(batch.attempts - 1, random));
                batch.last_error = Some(error);
                queue.batches.push_front(batch);
                state.bump_epoch(stamp);
            }
            _ if error.is_retriable() => {
                batch.retry_at = Some(now + backoff.delay(batch.attempts - 1, random));
                batch.last_error = Some(error);
                queue.batches.push_front(batch);
            }
            _ => state.give_up(partition, batch, &error),
        }
    }

    /// Puts off a partition that cannot be sent to: its leader is not known, or there is no producer id.
    pub(super) fn put_off(
        &self,
        partition: &TopicPartition,
        error: Error,
        now: Instant,
        backoff: Backoff,
        random: u64,
    ) {
        let mut state = self.lock();
        let Some(queue) = state.queues.get_mut(partition) else { return };
        if !error.is_retriable() {
            if let Some(batch) = queue.batches.pop_front() {
                state.give_up(partition, batch, &error);
            }
        } else if let Some(head) = queue.batches.front_mut() {
            head.attempts += 1;
            head.retry_at = Some(now + backoff.delay(head.attempts - 1, random));
            head.last_error = Some(error);
        }
    }

    /// Fails the batches that are older than `delivery_timeout`; returns when the next one will be.
    pub(super) fn expire(&self, now: Instant, delivery_timeout: Duration) -> Option<Instant> {
        let mut state = self.lock();
        let mut next: Option<Instant> = None;
        let partitions: Vec<_> = state.queues.keys().cloned().collect();
        for partition in partitions {
            while let Some(queue) = state.queues.get_mut(&partition) {
                // One in flight is decided by its answer, which has a timeout of its own.
                let Some(head) = queue.batches.front().filter(|_| !queue.in_flight) else { break };
                let due = head.created + delivery_timeout;
                if due > now {
                    next = Some(next.map_or(due, |n| n.min(due)));
                    break;
                }
                let Some(batch) = queue.batches.pop_front() else { break };
                let what = format!("cannot deliver to {partition}");
                let unsent = Error::Invalid("the batch was never sent".into());
                let last = Box::new(batch.last_error.clone().unwrap_or(unsent));
                let error = Error::Deadline { what: what.into(), after: delivery_timeout, last };
                state.give_up(&partition, batch, &error);
            }
        }
        next
    }
}

impl State {
    fn give_up(&mut self, partition: &TopicPartition, batch: Batch, error: &Error) {
        if batch.ambiguous {
            // It may still arrive: under a new epoch nothing can be mistaken for it.
            self.bump_epoch(batch.stamp);
        } else if let Some(queue) = self.queues.get_mut(partition) {
            queue.unstamp(&batch);
        }
        batch.failed(error);
    }
}
