//! Leader epochs go up with the offsets, and looking one up finds the greatest that is not after it, and where the next
//! one begins.

use super::Invariant;
use crate::sim::event::Event;
use crate::sim::history::History;

#[derive(Debug, Default)]
pub(super) struct LeaderEpochs;

impl Invariant for LeaderEpochs {
    fn name(&self) -> &'static str {
        "leader_epochs"
    }

    fn observe(&mut self, event: &Event<'_>, history: &History) -> Result<(), String> {
        match event {
            Event::Read { id, batches, .. } | Event::Recovered { id, batches, .. } => {
                let records = batches.iter().flat_map(|batch| &batch.records);
                let epochs: Vec<i32> = records.map(|record| record.leader_epoch).collect();
                match epochs.is_sorted() {
                    true => Ok(()),
                    false => Err(format!("the leader epochs of {id} go {epochs:?}")),
                }
            }
            Event::LookedUpEpoch { id, epoch, found: Some((found, end)), log_end } => {
                if found > epoch {
                    return Err(format!("{id} answers epoch {found} to who asks for {epoch}"));
                }
                // The first record of a later epoch is at or after the end, and no record of this one is.
                let Some(known) = history.of(id) else { return Ok(()) };
                let after = known.records.values().find(|record| record.leader_epoch > *epoch);
                let latest = after.map_or(*log_end, |record| record.offset);
                let within = known.records.values().rev().find(|record| record.leader_epoch <= *epoch);
                let earliest = within.map_or(0, |record| record.offset + 1);
                if !(earliest..=latest).contains(end) {
                    return Err(format!(
                        "epoch {epoch} of {id} ends at {end}, expected {earliest} to {latest}"
                    ));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
