//! What has happened, as an onlooker with perfect memory has it: what every partition must hold.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Incarnation};
use super::record::Rec;

/// What one partition must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// By offset, from the log's start on.
    pub(crate) records: BTreeMap<i64, Rec>,
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Hashes of records whose append failed: a restart may find them, or not.
    pub(crate) unsure: BTreeSet<u64>,
    /// Before this offset the log may have been cleaned.
    pub(crate) cleaned_to: i64,
}

impl Known {
    /// Whether cleaning may have taken the record at an offset: there is a newer one of its key, or it deletes its key.
    pub(crate) fn may_be_cleaned(&self, offset: i64) -> bool {
        let newer =
            |key| self.records.range(offset + 1..self.cleaned_to).any(|(_, newer)| newer.key == Some(key));
        offset < self.cleaned_to
            && match self.records.get(&offset) {
                // It was gone when the log was opened.
                None => true,
                Some(record) => record.key.is_some_and(|key| record.is_tombstone || newer(key)),
            }
    }

    /// The first record from an offset up to another that has to be there.
    pub(crate) fn missing(&self, from: i64, to: i64) -> Option<i64> {
        (from..to).find(|offset| !self.may_be_cleaned(*offset))
    }
}

/// What every partition must hold.
#[derive(Debug, Default)]
pub(crate) struct History {
    partitions: BTreeMap<Incarnation, Known>,
}

impl History {
    /// What a partition must hold; none before its first event.
    pub(crate) fn of(&self, id: &Incarnation) -> Option<&Known> {
        self.partitions.get(id)
    }

    /// Takes note of an event, after every invariant has looked at it.
    pub(crate) fn apply(&mut self, event: &Event<'_>) {
        match event {
            Event::Appending { id, records } => {
                let known = self.partitions.entry((*id).clone()).or_default();
                known.unsure.extend(records.iter().map(|record| record.print));
            }
            Event::Appended { id, records, duplicate, .. } => {
                let known = self.partitions.entry((*id).clone()).or_default();
                if !duplicate {
                    for record in *records {
                        known.unsure.remove(&record.print);
                        known.records.insert(record.offset, *record);
                        known.end = record.offset + 1;
                    }
                }
            }
            Event::StartMoved { id, log_start } => {
                let known = self.partitions.entry((*id).clone()).or_default();
                known.start = *log_start;
                known.records = known.records.split_off(log_start);
            }
            Event::Cleaning { id, end } => {
                let known = self.partitions.entry((*id).clone()).or_default();
                known.cleaned_to = known.cleaned_to.max(*end);
            }
            Event::Recovered { id, log_start, log_end, batches, .. } => {
                let known = self.partitions.entry((*id).clone()).or_default();
                known.unsure.clear();
                (known.start, known.end) = (*log_start, *log_end);
                let records = batches.iter().flat_map(|batch| &batch.records);
                known.records = records.map(|record| (record.offset, *record)).collect();
                known.records = known.records.split_off(log_start);
            }
            Event::Deleted { id } => drop(self.partitions.remove(*id)),
            _ => {}
        }
    }
}
