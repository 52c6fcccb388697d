//! A reader without a group, from the beginning of every log: one goes on while the load does, the last one reads what
//! the node holds at the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::record::Records;
use super::watcher::Watchers;
use super::{Role, partitions};
use crate::error::Error;
use crate::event::{Kind, Offsets, Run, TopicPartition, What, extend};
use crate::journal::Journal;

const MOST: usize = 2000;
/// How often it looks for new partitions.
const LOOK: Duration = Duration::from_secs(2);
/// How long the last reader may go without a record.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(role: &Role, last: bool, ending: &AtomicBool) -> Result<(), Error> {
    let mut journal = role.journal()?;
    journal.write(What::Opened { client_kind: Kind::Reader { last } })?;
    let consumer: BaseConsumer = role.consumer("readers").create()?;
    let mut reader = Reader { consumer, journal, records: Records::new(), positions: Offsets::new() };
    if last { reader.read_to_end(role) } else { reader.until(ending) }
}

struct Reader {
    consumer: BaseConsumer,
    journal: Journal,
    records: Records,
    /// The next offset of each partition that it reads.
    positions: Offsets,
}

impl Reader {
    fn until(&mut self, ending: &AtomicBool) -> Result<(), Error> {
        let mut looked: Option<Instant> = None;
        while !ending.load(Ordering::Relaxed) {
            if looked.is_none_or(|at| at.elapsed() > LOOK) {
                self.assign_new()?;
                looked = Some(Instant::now());
            }
            self.read()?;
        }
        Ok(())
    }

    /// Reads up to the ends as they are now.
    fn read_to_end(&mut self, role: &Role) -> Result<(), Error> {
        let Some((starts, ends)) = self.bounds(role)? else {
            let what = "the bounds of some log were not answered".to_owned();
            return self.journal.write(What::Overdue { what }).map(|_| ());
        };
        self.assign_new()?;
        let mut since = Instant::now();
        loop {
            let missing = |(partition, end): &(&TopicPartition, &i64)| {
                starts.get(partition).is_none_or(|start| start < *end)
                    && self.positions.get(partition).is_none_or(|position| position < *end)
            };
            let left: Vec<String> =
                ends.iter().filter(missing).map(|(partition, end)| format!("{partition} to {end}")).collect();
            if left.is_empty() {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                let what = format!("nothing to read for {} s of {}", PATIENCE.as_secs(), left.join(", "));
                return self.journal.write(What::Overdue { what }).map(|_| ());
            }
            if self.read()? {
                since = Instant::now();
            }
        }
    }

    /// The bounds of all logs; it asks more than once where one is not answered.
    fn bounds(&mut self, role: &Role) -> Result<Option<(Offsets, Offsets)>, Error> {
        let watchers = Watchers::new(role)?;
        let by = Instant::now() + PATIENCE;
        loop {
            let found = watchers.look(&mut self.journal)?;
            let known = partitions(self.consumer.client()).unwrap_or_default();
            let whole =
                |(_, ends): &(Offsets, Offsets)| known.iter().all(|partition| ends.contains_key(partition));
            if found.as_ref().is_some_and(whole) || Instant::now() > by {
                return Ok(found);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Takes partitions in that it does not read yet, from their beginnings.
    fn assign_new(&mut self) -> Result<(), Error> {
        let Ok(mut partitions) = partitions(self.consumer.client()) else { return Ok(()) };
        partitions.retain(|partition| !self.positions.contains_key(partition));
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(&partition.topic, partition.partition, Offset::Beginning)?;
            self.positions.insert(partition, 0);
        }
        if list.count() > 0 {
            self.consumer.incremental_assign(&list)?;
        }
        Ok(())
    }

    /// Whether there was anything.
    fn read(&mut self) -> Result<bool, Error> {
        let mut read: BTreeMap<TopicPartition, Vec<Run>> = BTreeMap::new();
        let mut wait = Duration::from_millis(100);
        for _ in 0..MOST {
            let Some(polled) = self.consumer.poll(wait) else { break };
            wait = Duration::ZERO;
            // An error of a connection: librdkafka tries again by itself.
            let Ok(record) = polled else { continue };
            let partition = TopicPartition::new(record.topic(), record.partition());
            self.positions.insert(partition.clone(), record.offset() + 1);
            match self.records.examine(record.payload()) {
                Ok((producer, number)) => {
                    extend(read.entry(partition).or_default(), record.offset(), producer, number);
                }
                Err(why) => {
                    self.journal.write(What::Damaged { partition, offset: record.offset(), why })?;
                }
            }
        }
        let any = !read.is_empty();
        for (partition, runs) in read {
            self.journal.write(What::Read { partition, runs })?;
        }
        Ok(any)
    }
}
