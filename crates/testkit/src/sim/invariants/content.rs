//! A log holds what was appended to it, unchanged, in order, without a gap: whoever reads from whatever offset finds
//! that, up to the high watermark, and after a restart it is a prefix.

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
                dense(id, batches)?;
                let first = batches.first().map_or(*log_end, |batch| batch.base_offset);
                let last = batches.last().map_or(*log_end, |batch| batch.last_offset + 1);
                if first > *log_start || last != *log_end {
                    return Err(format!("{id} is {log_start} to {log_end}, and reads {first} to {last}"));
                }
                same(id, &known, batches)
            }
            Event::Read { id, from, high_watermark, batches, .. } => {
                let known = history.of(id).cloned().unwrap_or_default();
                dense(id, batches)?;
                if let Some(first) = batches.first()
                    && (first.base_offset > *from || first.last_offset < *from)
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

/// Each record follows the one before.
fn dense(id: &Incarnation, batches: &[ReadBatch]) -> Result<(), String> {
    let mut next = batches.first().map_or(0, |batch| batch.base_offset);
    for batch in batches {
        if batch.base_offset != next {
            return Err(format!("{id} has {} after {next}", batch.base_offset));
        }
        for record in &batch.records {
            if record.offset != next {
                return Err(format!("{id} has a record at {} where {next} comes", record.offset));
            }
            next += 1;
        }
        if next != batch.last_offset + 1 {
            return Err(format!("the batch of {id} at {} has too few records", batch.base_offset));
        }
    }
    Ok(())
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
