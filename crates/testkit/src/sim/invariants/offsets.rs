//! Offsets go up: an append begins where the last one ended, a duplicate is where it was the first time, and neither
//! the log's start nor the high watermark nor what is durable moves back while the process lives. What a client was
//! told of the start holds for good.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sim::event::{End, Event, Incarnation};
use crate::sim::history::History;

#[derive(Debug, Default)]
struct Bounds {
    log_start: i64,
    high_watermark: i64,
    durable: i64,
    /// The start that a client was told of.
    promised_start: i64,
}

#[derive(Debug, Default)]
pub(super) struct Offsets {
    partitions: BTreeMap<Incarnation, Bounds>,
}

impl Offsets {
    fn of(&mut self, id: &Incarnation) -> &mut Bounds {
        self.partitions.entry(id.clone()).or_default()
    }
}

impl Invariant for Offsets {
    fn name(&self) -> &'static str {
        "offsets"
    }

    fn observe(&mut self, event: &Event<'_>, history: &History) -> Result<(), String> {
        match event {
            Event::Appended { id, first_offset, records, duplicate, high_watermark } => {
                let end = history.of(id).map_or(0, |known| known.end);
                let last = first_offset + records.len() as i64;
                if !duplicate && *first_offset != end {
                    return Err(format!("{id} appends at {first_offset}, {end} comes next"));
                }
                if *duplicate && last > end {
                    return Err(format!("{id} ends at {end} and has a duplicate to {last}"));
                }
                forward(id, "high watermark", &mut self.of(id).high_watermark, *high_watermark)
            }
            Event::Flushed { id, durable, log_end } => {
                if durable > log_end {
                    return Err(format!("{id} is durable to {durable} and ends at {log_end}"));
                }
                forward(id, "durable offset", &mut self.of(id).durable, *durable)
            }
            Event::StartMoved { id, log_start } => {
                forward(id, "log start", &mut self.of(id).log_start, *log_start)
            }
            Event::StartPromised { id, log_start } => {
                forward(id, "promised start", &mut self.of(id).promised_start, *log_start)
            }
            Event::Ended { how } => {
                for bounds in self.partitions.values_mut() {
                    // What was not told to anybody may be taken back by a crash.
                    if *how != End::Clean {
                        bounds.log_start = bounds.promised_start;
                    }
                    (bounds.high_watermark, bounds.durable) = (0, 0);
                }
                Ok(())
            }
            Event::Recovered { id, log_start, log_end, .. } => {
                let bounds = self.of(id);
                bounds.high_watermark = *log_end;
                forward(id, "log start", &mut bounds.log_start, *log_start)
            }
            Event::Read { id, high_watermark, log_start, .. } if high_watermark < log_start => {
                Err(format!("{id} starts at {log_start} after its high watermark {high_watermark}"))
            }
            Event::ReadRefused { id, from, error, log_start, high_watermark }
                if (*log_start..=*high_watermark).contains(from) =>
            {
                Err(format!("{id} has {log_start} to {high_watermark}, and refuses {from}: {error:?}"))
            }
            Event::Deleted { id } => {
                self.partitions.remove(*id);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn forward(id: &Incarnation, what: &str, from: &mut i64, to: i64) -> Result<(), String> {
    if to < *from {
        return Err(format!("the {what} of {id} moves back from {from} to {to}"));
    }
    *from = to;
    Ok(())
}
