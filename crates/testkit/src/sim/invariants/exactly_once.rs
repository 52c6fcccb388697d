//! What an idempotent producer sends to a partition is there once, in order, without a gap, whatever it sent again.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sim::event::{Event, Incarnation};
use crate::sim::history::History;
use crate::sim::record::{ReadBatch, Rec};

#[derive(Debug, Default)]
pub(super) struct ExactlyOnce {
    /// The number that comes next in each stream, as far as it was appended.
    next: BTreeMap<(Incarnation, u64), u64>,
}

impl Invariant for ExactlyOnce {
    fn name(&self) -> &'static str {
        "exactly_once"
    }

    fn observe(&mut self, event: &Event<'_>, _: &History) -> Result<(), String> {
        match event {
            Event::Appended { id, records, duplicate: false, .. } => {
                let mut next = std::mem::take(&mut self.next);
                let checked = records.iter().try_for_each(|record| follow(&mut next, id, record));
                self.next = next;
                checked
            }
            Event::Recovered { id, batches, .. } => {
                // What was lost comes again: the log says how far each stream got. Of one that is not in the log
                // (any more) nothing is known.
                let found = in_order(id, batches)?;
                self.next.retain(|(of, _), _| of != *id);
                self.next.extend(found.into_iter().map(|(stream, next)| (((*id).clone(), stream), next)));
                Ok(())
            }
            Event::Read { id, batches, .. } => in_order(id, batches).map(drop),
            Event::Deleted { id } => {
                self.next.retain(|(of, _), _| of != *id);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn follow(
    next: &mut BTreeMap<(Incarnation, u64), u64>,
    id: &Incarnation,
    record: &Rec,
) -> Result<(), String> {
    let Some(source) = record.source.filter(|source| source.exactly_once) else { return Ok(()) };
    let next = next.entry((id.clone(), source.stream)).or_insert(source.number);
    if source.number != *next {
        let (stream, found, offset) = (source.stream, source.number, record.offset);
        return Err(format!("{id} takes {found} of stream {stream} at {offset}, {next} comes next"));
    }
    *next += 1;
    Ok(())
}

/// The number after the last of each stream.
fn in_order(id: &Incarnation, batches: &[ReadBatch]) -> Result<BTreeMap<u64, u64>, String> {
    let mut next = BTreeMap::new();
    for record in batches.iter().flat_map(|batch| &batch.records) {
        follow(&mut next, id, record)?;
    }
    Ok(next.into_iter().map(|((_, stream), next)| (stream, next)).collect())
}
