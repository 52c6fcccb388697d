//! The watcher: asks for committed offsets of all groups and for the bounds of all logs, again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::{ANSWER, GROUPS, Role, partitions};
use crate::error::Error;
use crate::event::{Kind, Offsets, Op, Outcome, TopicPartition, What};
use crate::journal::Journal;

const PAUSE: Duration = Duration::from_millis(300);

pub(super) fn run(role: &Role, ending: &AtomicBool) -> Result<(), Error> {
    let mut journal = role.journal()?;
    journal.write(What::Opened { client_kind: Kind::Watcher })?;
    let watchers = Watchers::new(role)?;
    while !ending.load(Ordering::Relaxed) {
        watchers.look(&mut journal)?;
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// A consumer for each group that it looks at; none is a member.
pub(super) struct Watchers(Vec<(&'static str, BaseConsumer)>);

impl Watchers {
    pub(super) fn new(role: &Role) -> Result<Self, Error> {
        let all = GROUPS.map(|group| Ok((group, role.consumer(group).create()?)));
        Ok(Self(all.into_iter().collect::<Result<_, Error>>()?))
    }

    /// Looks once; the starts and the ends of the logs, where that was answered.
    pub(super) fn look(&self, journal: &mut Journal) -> Result<Option<(Offsets, Offsets)>, Error> {
        let Some((_, any)) = self.0.first() else { return Ok(None) };
        let Ok(partitions) = partitions(any.client()) else { return Ok(None) };
        let id = journal.begin(Op::Bounds)?;
        let outcome = bounds(any, &partitions);
        let bounds = match &outcome {
            Outcome::Bounds { start, end } => Some((start.clone(), end.clone())),
            _ => None,
        };
        journal.end(id, outcome)?;
        for (group, consumer) in &self.0 {
            let id = journal.begin(Op::FetchCommitted { group: (*group).to_owned() })?;
            journal.end(id, committed(consumer, &partitions).unwrap_or_else(unknown))?;
        }
        Ok(bounds)
    }
}

fn unknown(error: KafkaError) -> Outcome {
    Outcome::Unknown { error: error.to_string() }
}

fn bounds(consumer: &BaseConsumer, partitions: &[TopicPartition]) -> Outcome {
    let (mut start, mut end) = (Offsets::new(), Offsets::new());
    for partition in partitions {
        // A log that is not answered for is left out; one that stays out holds nothing.
        if let Ok((low, high)) = consumer.fetch_watermarks(&partition.topic, partition.partition, ANSWER) {
            start.insert(partition.clone(), low);
            end.insert(partition.clone(), high);
        }
    }
    Outcome::Bounds { start, end }
}

fn committed(consumer: &BaseConsumer, partitions: &[TopicPartition]) -> Result<Outcome, KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    let list = consumer.committed_offsets(list, ANSWER)?;
    let mut offsets = Offsets::new();
    for element in list.elements() {
        element.error()?;
        let offset = if let Offset::Offset(offset) = element.offset() { offset } else { -1 };
        offsets.insert(TopicPartition::new(element.topic(), element.partition()), offset);
    }
    Ok(Outcome::Committed { offsets })
}
