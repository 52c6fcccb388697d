//! The durable state: what replaying the partition gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::foreign::Foreign;
use super::metadata::GroupMetadata;
use super::offsets::{Offsets, flatten};
use super::record::{self, GroupRecord};
use crate::{CommitError, CoordinatorRecord, Error};

/// Everything that the log knows. Two logs with the same live records give equal states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    pub(super) groups: BTreeMap<Arc<str>, GroupMetadata>,
    pub(super) offsets: Offsets,
    /// The live records of machines that this version does not have.
    pub(super) foreign: Foreign,
}

impl Durable {
    /// The committed offsets.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// A group that was persisted; one that only has offsets was not.
    pub fn group(&self, group_id: &str) -> Option<&GroupMetadata> {
        self.groups.get(group_id)
    }

    /// Live records of types that this version does not know: kept, not understood.
    pub fn foreign_len(&self) -> usize {
        self.foreign.len()
    }

    /// Every group that the log knows of, in order.
    pub(super) fn group_ids(&self) -> BTreeSet<&Arc<str>> {
        self.groups.keys().chain(self.offsets.groups().map(|(group_id, _)| group_id)).collect()
    }

    pub(super) fn replay(&mut self, record: &CoordinatorRecord) -> Result<(), Error> {
        match GroupRecord::decode(record)? {
            GroupRecord::Offset { group_id, topic, partition, committed } => match committed {
                Some(committed) => self.offsets.put(group_id, topic, partition, committed),
                None => self.offsets.remove(&group_id, &topic, partition),
            },
            GroupRecord::Group { group_id, metadata } => match metadata {
                Some(metadata) => drop(self.groups.insert(group_id, metadata)),
                None => drop(self.groups.remove(&group_id)),
            },
            GroupRecord::Foreign => self.foreign.replay(record),
        }
        Ok(())
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Result<CoordinatorRecord, CommitError>> {
        let groups = self.groups.iter().map(|(group_id, metadata)| record::group(group_id, Some(metadata)));
        let offsets = self.offsets.groups().flat_map(|(group_id, topics)| {
            flatten(topics).map(move |(topic, partition, committed)| {
                record::offset(group_id, topic, partition, Some(committed))
            })
        });
        groups.chain(offsets).chain(self.foreign.records().map(Ok))
    }
}
