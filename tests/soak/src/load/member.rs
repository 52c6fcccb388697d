//! A member of a group: reads, writes down what it read, and only then commits; or lets librdkafka commit.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use stdx::Random;

use super::record::Records;
use super::{Job, Role, topics};
use crate::error::Error;
use crate::event::{Kind, Micros, Offsets, Op, Outcome, Run, TopicPartition, What, extend, now};
use crate::journal::Journal;

/// Records that are taken at once.
const MOST: usize = 500;

/// What a member knows, shared with librdkafka's callbacks, which run inside of its polls.
struct State {
    journal: Journal,
    records: Records,
    /// Read and not written down yet.
    read: BTreeMap<TopicPartition, Vec<Run>>,
    /// Written down and not committed yet: the next offset of each partition.
    positions: Offsets,
    /// When it got where: how early an automatic commit can have begun.
    reached: BTreeMap<TopicPartition, BTreeMap<i64, Micros>>,
}

struct Member {
    group: String,
    automatic: bool,
    state: Mutex<State>,
}

pub(super) fn run(role: &Role, ending: &AtomicBool) -> Result<(), Error> {
    let Job::Member { group, automatic, strategy, instance } = &role.job else { return Ok(()) };
    let mut journal = role.journal()?;
    let (group, automatic) = (group.clone(), *automatic);
    journal.write(What::Opened { client_kind: Kind::Member { group: group.clone(), automatic } })?;
    let mut random = Random::from_seed(role.seed);
    let mut config = role.consumer(&group);
    config.set("partition.assignment.strategy", strategy);
    // What is stored was written down before: nothing is committed that the history does not have.
    config.set("enable.auto.offset.store", "false").set("enable.auto.commit", automatic.to_string());
    config.set("auto.commit.interval.ms", (100 + random.below(400)).to_string());
    if let Some(instance) = instance {
        config.set("group.instance.id", instance);
    }
    let state = State {
        journal,
        records: Records::new(),
        read: BTreeMap::new(),
        positions: Offsets::new(),
        reached: BTreeMap::new(),
    };
    let member = Member { group, automatic, state: Mutex::new(state) };
    let consumer: BaseConsumer<Member> = config.create_with_context(member)?;
    consumer.subscribe(&topics::LOAD.map(|topic| topic.name))?;
    while !ending.load(Ordering::Relaxed) {
        let mut wait = Duration::from_millis(100);
        for _ in 0..MOST {
            // Without a record there may be an error of a connection: librdkafka tries again by itself.
            let Some(polled) = consumer.poll(wait) else { break };
            if let Ok(record) = polled {
                consumer.context().with(|state| state.take(&record))?;
            }
            wait = Duration::ZERO;
        }
        consumer.context().with(State::write_down)?;
        if automatic {
            consumer.context().with(|state| store(&consumer, &state.positions))?;
        } else if random.below(3) == 0 {
            commit(&consumer)?;
        }
    }
    if !automatic {
        commit(&consumer)?;
    }
    Ok(())
}

impl State {
    fn take(&mut self, record: &rdkafka::message::BorrowedMessage<'_>) -> Result<(), Error> {
        let partition = TopicPartition::new(record.topic(), record.partition());
        match self.records.examine(record.payload()) {
            Ok((producer, number)) => {
                extend(self.read.entry(partition).or_default(), record.offset(), producer, number);
            }
            Err(why) => {
                self.journal.write(What::Damaged { partition, offset: record.offset(), why })?;
            }
        }
        Ok(())
    }

    fn write_down(&mut self) -> Result<(), Error> {
        for (partition, runs) in std::mem::take(&mut self.read) {
            let next = runs.last().map(|run| run.offset + i64::from(run.count));
            let at = self.journal.write(What::Read { partition: partition.clone(), runs })?;
            if let Some(next) = next {
                self.reached.entry(partition.clone()).or_default().insert(next, at);
                self.positions.insert(partition, next);
            }
        }
        Ok(())
    }

    /// The earliest time at which all of these offsets could be committed.
    fn since(&self, offsets: &Offsets) -> Micros {
        let since = offsets.iter().map(|(partition, offset)| {
            let reached = self.reached.get(partition);
            reached.and_then(|reached| reached.range(offset..).next()).map_or_else(now, |(_, at)| *at)
        });
        since.min().unwrap_or_else(now)
    }
}

impl Member {
    fn with<T>(&self, action: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
        // A thread that panicked with the lock has ended the process.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        action(&mut state)
    }

    /// The same from a callback, which cannot return an error: a member that cannot write its history ends.
    fn in_callback(&self, action: impl FnOnce(&mut State) -> Result<(), Error>) {
        if let Err(error) = self.with(action) {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

impl ClientContext for Member {}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.in_callback(State::write_down);
        match rebalance {
            Rebalance::Assign(list) => self.in_callback(|state| {
                let partitions = partitions(list);
                for partition in &partitions {
                    state.positions.remove(partition);
                    state.reached.remove(partition);
                }
                state.journal.write(What::Assigned { partitions }).map(|_| ())
            }),
            Rebalance::Revoke(list) => {
                if self.automatic {
                    self.in_callback(|state| store(consumer, &state.positions));
                } else if let Err(error) = commit(consumer) {
                    eprintln!("{error}");
                    std::process::exit(1);
                }
                self.in_callback(|state| {
                    let partitions = partitions(list);
                    state.positions.retain(|partition, _| !partitions.contains(partition));
                    state.journal.write(What::Revoked { partitions }).map(|_| ())
                });
            }
            Rebalance::Error(_) => {}
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, list: &TopicPartitionList) {
        if !self.automatic {
            return;
        }
        let elements = list.elements();
        let committed = elements.iter().filter_map(|element| {
            let offset = element.offset().to_raw().filter(|offset| *offset >= 0)?;
            Some((TopicPartition::new(element.topic(), element.partition()), offset))
        });
        let offsets: Offsets = committed.collect();
        if offsets.is_empty() {
            return;
        }
        let error = result.err().or_else(|| elements.iter().find_map(|element| element.error().err()));
        self.in_callback(|state| {
            let since = Some(state.since(&offsets));
            let id = state.journal.begin(Op::Commit { group: self.group.clone(), offsets, since })?;
            state.journal.end(id, outcome(error.map_or(Ok(()), Err))).map(|_| ())
        });
    }
}

/// Commits what was written down, and waits for the answer.
fn commit(consumer: &BaseConsumer<Member>) -> Result<(), Error> {
    let member = consumer.context();
    let begun = member.with(|state| {
        let offsets = std::mem::take(&mut state.positions);
        if offsets.is_empty() {
            return Ok(None);
        }
        let list = list(&offsets)?;
        let op = Op::Commit { group: member.group.clone(), offsets: offsets.clone(), since: None };
        Ok(Some((state.journal.begin(op)?, list, offsets)))
    })?;
    let Some((id, list, offsets)) = begun else { return Ok(()) };
    let result = consumer.commit(&list, CommitMode::Sync);
    member.with(|state| {
        if result.is_err() {
            // Once more with the next ones; what is revoked meanwhile is dropped with its partition.
            state.positions.extend(offsets);
        }
        state.journal.end(id, outcome(result)).map(|_| ())
    })
}

/// Whatever the error: an attempt before the one that was refused may have succeeded.
fn outcome(result: KafkaResult<()>) -> Outcome {
    result.map_or_else(|error| Outcome::Unknown { error: error.to_string() }, |()| Outcome::Done)
}

/// Tells librdkafka what it may commit by itself. It refuses what is no longer assigned, which is right.
fn store(consumer: &BaseConsumer<Member>, positions: &Offsets) -> Result<(), Error> {
    if !positions.is_empty() {
        let _ = consumer.store_offsets(&list(positions)?);
    }
    Ok(())
}

fn list(offsets: &Offsets) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| TopicPartition::new(element.topic(), element.partition())).collect()
}
