//! A log holds what was appended to it, unchanged, in order, without a gap but what cleaning leaves: whoever reads from
//! whatever offset finds that, up to the high watermark, and after a restart it is a prefix.

use super::Invariant;
use crate::sim::event::{Event, Incarnation};
use crate::sim::history::{History, Known};
use crate::sim::record::ReadBatch;

#[derive(Debug, Default)]
pub(super) struct Content;

impl Invariant for Content {
    fn name(&self) -> &'static str {
        "content"
    }

    fn observe(&mut self, event: &Event<'_>, history: &History) -> Result<(), String> {
        match event {
            Event::Recovered { id, log_start, log_end, batches, .. } => {
                let known = history.of(id).cloned().unwrap_or_default();
                let first = batches.first().map_or(*log_end, |batch| batch.base_offset);
                let last = batches.last().map_or(*log_end, |batch| batch.last_offset + 1);
                if known.missing(*log_start, first).is_some() || known.missing(last, *log_end).is_some() {
                    return Err(format!("{id} is {log_start} to {log_end}, and reads {first} to {last}"));
                }
                dense(id, &known, batches)?;
                same(id, &known, batches)
            }
            Event::Read { id, from, high_watermark, batches, .. } => {
                let known = history.of(id).cloned().unwrap_or_default();
                dense(id, &known, batches)?;
                if let Some(first) = batches.first()
                    && (known.missing(*from, first.base_offset).is_some() || first.last_offset < *from)
                {
                    let (base, last) = (first.base_offset, first.last_offset);
                    return Err(format!("{id} answers {base} to {last} to who asks for {from}"));
                }
                if batches.is_empty() && from < high_watermark {
                    return Err(format!(
                        "{id} has nothing at {from} and a high watermark of {high_watermark}"
                    ));
                }
                same(id, &known, batches)
            }
            _ => Ok(()),
        }
    }
}

/// Each record follows the one before, but for those that cleaning may have taken.
fn dense(id: &Incarnation, known: &Known, batches: &[ReadBatch]) -> Result<(), String> {
    let mut next = batches.first().map_or(0, |batch| batch.base_offset);
    for batch in batches {
        next = reach(id, known, next, batch.base_offset)?;
        for record in &batch.records {
            next = reach(id, known, next, record.offset)? + 1;
        }
        next = reach(id, known, next, batch.last_offset + 1)?;
    }
    Ok(())
}

fn reach(id: &Incarnation, known: &Known, next: i64, at: i64) -> Result<i64, String> {
    match known.missing(next, at) {
        Some(missing) => Err(format!("{id} has {at} after {next}, and nothing at {missing}")),
        None if at < next => Err(format!("{id} has {at} where {next} comes")),
        None => Ok(at),
    }
}

/// What is read is what was appended.
fn same(id: &Incarnation, known: &Known, batches: &[ReadBatch]) -> Result<(), String> {
    for record in batches.iter().flat_map(|batch| &batch.records) {
        // What lies before the start is no longer known, and may be at the start of a batch.
        match known.records.get(&record.offset) {
            Some(expected) if expected == record => {}
            Some(expected) => return Err(format!("{id}: appended {expected:?}, read {record:?}")),
            None if record.offset < known.start => {}
            None if record.offset >= known.end && known.unsure.contains(&record.print) => {}
            None => return Err(format!("{id}: nobody appended {record:?}")),
        }
    }
    Ok(())
}
