//! Looking up a timestamp finds the first record that is as late, with the timestamp that it has, or nothing if there
//! is none.

use super::Invariant;
use crate::sim::event::Event;
use crate::sim::history::History;

#[derive(Debug, Default)]
pub(super) struct Timestamps;

impl Invariant for Timestamps {
    fn name(&self) -> &'static str {
        "timestamps"
    }

    fn observe(&mut self, event: &Event<'_>, history: &History) -> Result<(), String> {
        let Event::LookedUpTime { id, timestamp, found } = event else { return Ok(()) };
        let records = history.of(id).into_iter().flat_map(|known| known.records.values());
        let first = records.into_iter().find(|record| record.timestamp >= *timestamp);
        let expected = first.map(|record| (record.timestamp, record.offset));
        if *found != expected {
            return Err(format!("{id} at {timestamp}: found {found:?}, expected {expected:?}"));
        }
        Ok(())
    }
}
