//! A log can be opened after whatever has happened to it: a torn tail is cut, what was durable is not damaged.

use super::Invariant;
use crate::sim::event::Event;
use crate::sim::history::History;

#[derive(Debug, Default)]
pub(super) struct Recovery;

impl Invariant for Recovery {
    fn name(&self) -> &'static str {
        "recovery"
    }

    fn observe(&mut self, event: &Event<'_>, _: &History) -> Result<(), String> {
        match event {
            Event::NotRecovered { id, error } => Err(format!("{id} cannot be opened: {error}")),
            _ => Ok(()),
        }
    }
}
