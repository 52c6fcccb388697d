//! The image of the metadata is what its log says: all of it, or a snapshot of a part and then the rest.

use metadata::ClusterImage;
use protocol::{MetadataRecord, Offset};

use super::Invariant;
use crate::sim::event::Event;
use crate::sim::history::History;

#[derive(Debug, Default)]
pub(super) struct Metadata;

impl Invariant for Metadata {
    fn name(&self) -> &'static str {
        "metadata"
    }

    fn observe(&mut self, event: &Event<'_>, _: &History) -> Result<(), String> {
        let Event::Decided { live, records, split } = event else { return Ok(()) };
        let all = replay(ClusterImage::default(), 0, records)?;
        let (before, after) = records.split_at(*split);
        let part = replay(ClusterImage::default(), 0, before)?;
        let mut image = ClusterImage::default();
        if let Some(last_offset) = part.last_offset() {
            for record in part.to_records() {
                image.replay(last_offset, &record).map_err(|error| error.to_string())?;
            }
            image = image.at_offset(last_offset);
        }
        let both = replay(image, *split, after)?;
        for (what, replayed) in [("the log", all), ("a snapshot and the rest", both)] {
            if replayed != **live {
                return Err(format!("{what} gives {replayed:?}, the controller has {live:?}"));
            }
        }
        Ok(())
    }
}

fn replay(
    mut image: ClusterImage,
    from: usize,
    records: &[MetadataRecord<'static>],
) -> Result<ClusterImage, String> {
    for (record, offset) in records.iter().zip(from as i64..) {
        image.replay(Offset(offset), record).map_err(|error| error.to_string())?;
    }
    Ok(image)
}
