//! What was acknowledged is kept: with acks=all over the loss of power, with acks=1 over the end of the process.
//!
//! A log is a prefix of what was appended (`content`), so one offset a partition and promise is all there is to keep.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sim::event::{Acks, End, Event, Incarnation};
use crate::sim::history::History;
use crate::sim::plan::Plan;

#[derive(Debug, Default)]
struct Promised {
    /// What lies before is there after the process has ended, and the power stayed.
    over_kill: i64,
    /// What lies before is there after the power has gone.
    over_power_loss: i64,
}

#[derive(Debug)]
pub(super) struct Acknowledged {
    promised: BTreeMap<Incarnation, Promised>,
    /// acks=all waits for the disk.
    on_disk: bool,
}

impl Acknowledged {
    pub(super) const fn new(plan: &Plan) -> Self {
        Self { promised: BTreeMap::new(), on_disk: plan.acks_all_fsync }
    }
}

impl Invariant for Acknowledged {
    fn name(&self) -> &'static str {
        "acknowledged"
    }

    fn observe(&mut self, event: &Event<'_>, history: &History) -> Result<(), String> {
        match event {
            Event::Acknowledged { id, acks, first_offset, records } => {
                let promised = self.promised.entry((*id).clone()).or_default();
                let next_offset = first_offset + records.len() as i64;
                if *acks >= Acks::Leader {
                    promised.over_kill = promised.over_kill.max(next_offset);
                }
                if *acks == Acks::All && self.on_disk {
                    promised.over_power_loss = promised.over_power_loss.max(next_offset);
                }
                let known = history.of(id).ok_or_else(|| format!("{id} acknowledges and holds nothing"))?;
                for (at, record) in records.iter().enumerate() {
                    let offset = first_offset + at as i64;
                    let found = known.records.get(&offset).map(|found| found.print);
                    let may_be_cleaned = found.is_none() && known.may_be_cleaned(offset);
                    if offset >= known.start && found != Some(record.print) && !may_be_cleaned {
                        return Err(format!("{id} acknowledges at {offset} a record that is not there"));
                    }
                }
            }
            Event::Ended { how: End::PowerLoss } => {
                for promised in self.promised.values_mut() {
                    promised.over_kill = promised.over_power_loss;
                }
            }
            Event::Recovered { id, log_end, .. } => {
                let least = self.promised.get(id).map_or(0, |promised| promised.over_kill);
                if *log_end < least {
                    return Err(format!("{id} ends at {log_end}, acknowledged was {least}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
