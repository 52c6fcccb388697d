//! The durable state: what replaying the partition gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{Offset, ProducerId};

use super::consumer::ConsumerGroup;
use super::foreign::Foreign;
use super::metadata::GroupMetadata;
use super::offsets::{CommittedOffset, Offsets, flatten};
use super::pending::{Key, PendingOffsets};
use super::record::{self, GroupRecord};
use crate::{CommitError, CoordinatorRecord, Error};

/// Everything that the log knows. Two logs with the same live records give equal states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durable {
    pub(super) groups: BTreeMap<Arc<str>, GroupMetadata>,
    pub(super) consumer: BTreeMap<Arc<str>, ConsumerGroup>,
    pub(super) offsets: Offsets,
    /// Those of open transactions.
    pub(super) pending: PendingOffsets,
    /// The live records of machines that this version does not have.
    pub(super) foreign: Foreign,
}

impl Durable {
    /// The committed offsets.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// A consumer group.
    pub fn consumer_group(&self, group_id: &str) -> Option<&ConsumerGroup> {
        self.consumer.get(group_id)
    }

    /// A classic group that was persisted; one that only has offsets was not.
    pub fn group(&self, group_id: &str) -> Option<&GroupMetadata> {
        self.groups.get(group_id)
    }

    /// Live records of types that this version does not know: kept, not understood.
    pub fn foreign_len(&self) -> usize {
        self.foreign.len()
    }

    /// Every group that the log knows of, in order.
    pub(super) fn group_ids(&self) -> BTreeSet<&Arc<str>> {
        let persisted = self.groups.keys().chain(self.consumer.keys());
        let with_offsets = self.offsets.groups().map(|(group_id, _)| group_id);
        persisted.chain(with_offsets).chain(self.pending.groups()).collect()
    }

    pub(super) fn replay(&mut self, offset: Offset, record: &CoordinatorRecord) -> Result<(), Error> {
        match GroupRecord::decode(record)? {
            GroupRecord::Offset { group_id, topic, partition, committed } => match committed {
                Some(committed) => self.put(offset, (group_id, topic, partition), committed),
                None => {
                    self.offsets.remove(&group_id, &topic, partition);
                    self.pending.forget(&(group_id, topic, partition));
                }
            },
            GroupRecord::Group { group_id, metadata } => match metadata {
                Some(metadata) => drop(self.groups.insert(group_id, metadata)),
                None => drop(self.groups.remove(&group_id)),
            },
            GroupRecord::Consumer { group_id, record } => {
                let group = self.consumer.entry(group_id.clone()).or_default();
                group.apply(record);
                if group.is_gone() {
                    self.consumer.remove(&group_id);
                }
            }
            GroupRecord::Foreign => self.foreign.replay(record),
        }
        Ok(())
    }

    fn put(&mut self, at: Offset, key: Key, committed: CommittedOffset) {
        self.pending.supersede(at, &key);
        let (group_id, topic, partition) = key;
        self.offsets.put(group_id, topic, partition, committed);
    }

    /// A record of an open transaction: an offset, as long as Kafka or we wrote it.
    pub(super) fn replay_transactional(
        &mut self,
        at: Offset,
        producer_id: ProducerId,
        record: &CoordinatorRecord,
    ) -> Result<(), Error> {
        match GroupRecord::decode(record)? {
            GroupRecord::Offset { group_id, topic, partition, committed: Some(committed) } => {
                self.pending.add(at, producer_id, (group_id, topic, partition), committed);
                Ok(())
            }
            _ => self.replay(at, record),
        }
    }

    pub(super) fn end_transaction(&mut self, producer_id: ProducerId, committed: bool) {
        let ended = self.pending.end(producer_id);
        if committed {
            ended.into_iter().for_each(|(at, key, committed)| self.put(at, key, committed));
        }
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Result<CoordinatorRecord, CommitError>> {
        let groups = self.groups.iter().map(|(group_id, metadata)| record::group(group_id, Some(metadata)));
        let offsets = self.offsets.groups().flat_map(|(group_id, topics)| {
            flatten(topics).map(move |(topic, partition, committed)| {
                record::offset(group_id, topic, partition, Some(committed))
            })
        });
        let consumer = self
            .consumer
            .iter()
            .flat_map(|(group_id, group)| group.records().map(move |record| record.encode(group_id)));
        groups.chain(consumer).chain(offsets).chain(self.foreign.records().map(Ok))
    }
}
