//! Looking up a timestamp finds the first record that is as late, with the timestamp that it has, or nothing if there
//! is none.

use super::Invariant;
use crate::sim::event::Event;
use crate::sim::history::History;
use crate::sim::record::Rec;

#[derive(Debug, Default)]
pub(super) struct Timestamps;

impl Invariant for Timestamps {
    fn name(&self) -> &'static str {
        "timestamps"
    }

    fn observe(&mut self, event: &Event<'_>, history: &History) -> Result<(), String> {
        let Event::LookedUpTime { id, timestamp, found } = event else { return Ok(()) };
        let Some(known) = history.of(id) else { return Ok(()) };
        let mut late = known.records.values().filter(|record| record.timestamp >= *timestamp);
        // One that cleaning may have taken may be there or not.
        let fits = |record: &&Rec| {
            Some((record.timestamp, record.offset)) == *found || !known.may_be_cleaned(record.offset)
        };
        let expected = late.find(fits).map(|record| (record.timestamp, record.offset));
        if *found != expected {
            return Err(format!("{id} at {timestamp}: found {found:?}, expected {expected:?}"));
        }
        Ok(())
    }
}
