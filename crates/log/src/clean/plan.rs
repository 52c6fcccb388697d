//! Which part of a log can be cleaned, whether it is worth it, and which segments become one. Pure.

use std::ops::Range;

use protocol::Offset;
use stdx::Now;

use crate::config::LogConfig;

/// What the plan needs to know of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentFacts {
    pub(crate) base_offset: Offset,
    pub(crate) size_bytes: u64,
    pub(crate) offset_index_bytes: u64,
    pub(crate) time_index_bytes: u64,
    /// The greatest timestamp, or when it was written where it has none.
    pub(crate) largest_timestamp: i64,
}

/// The part of a log that can be cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanable {
    /// Records from here on were never cleaned.
    pub first_dirty: Offset,
    /// Where it ends: the base offset of the first segment that has to stay as it is.
    pub end: Offset,
    /// The size of the segments before `first_dirty`.
    pub clean_bytes: u64,
    /// The size of the segments from `first_dirty` to `end`.
    pub dirty_bytes: u64,
    /// `min.cleanable.dirty.ratio` or `max.compaction.lag.ms` asks for it.
    pub due: bool,
}

impl Cleanable {
    /// The share of the dirty part in what a cleaning would read, 0 to 1: what `min.cleanable.dirty.ratio` is about.
    pub fn dirty_ratio(&self) -> f64 {
        let total = self.clean_bytes + self.dirty_bytes;
        if total == 0 { 0.0 } else { self.dirty_bytes as f64 / total as f64 }
    }
}

/// What is cleanable of a log with these segments, the active one last. `stable` is the last stable offset, or where
/// the log stops being durable.
pub(crate) fn cleanable(
    segments: &[SegmentFacts],
    first_dirty: Offset,
    stable: Offset,
    now: Now,
    config: &LogConfig,
) -> Cleanable {
    let active = segments.len().saturating_sub(1);
    let too_young = |segment: &SegmentFacts| {
        config.min_compaction_lag_ms > 0
            && segment.largest_timestamp > now.unix_ms.saturating_sub(config.min_compaction_lag_ms)
    };
    let dirty_from = segments.partition_point(|segment| segment.base_offset <= first_dirty).saturating_sub(1);
    let mut stop = dirty_from;
    // A segment is cleanable when all of it is: when the next one begins at or before what is stable.
    while stop < active && segments[stop + 1].base_offset <= stable && !too_young(&segments[stop]) {
        stop += 1;
    }
    let bytes = |range: Range<usize>| segments[range].iter().map(|segment| segment.size_bytes).sum();
    let end = segments.get(stop).map_or(first_dirty, |segment| segment.base_offset);
    Cleanable {
        first_dirty,
        end: end.max(first_dirty),
        clean_bytes: bytes(0..dirty_from),
        dirty_bytes: bytes(dirty_from..stop),
        due: false,
    }
}

/// Groups segments of which each group becomes one, as large as a segment may be. `end` is where the last one ends.
pub(crate) fn groups(segments: &[SegmentFacts], end: Offset, config: &LogConfig) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut sum = [0; 3];
    for (at, segment) in segments.iter().enumerate() {
        let next = segments.get(at + 1).map_or(end, |next| next.base_offset);
        let sizes = [segment.size_bytes, segment.offset_index_bytes, segment.time_index_bytes];
        let most = [
            u64::from(config.segment_bytes),
            u64::from(config.segment_index_bytes),
            u64::from(config.segment_index_bytes),
        ];
        let fits = |group: &Range<usize>| {
            let offsets = next.get() - 1 - segments[group.start].base_offset.get();
            sum.iter().zip(sizes).zip(most).all(|((sum, size), most)| sum + size <= most)
                && (segment.size_bytes == 0 || i32::try_from(offsets).is_ok())
        };
        match groups.last_mut() {
            Some(group) if fits(group) => {
                group.end = at + 1;
                sum = std::array::from_fn(|i| sum[i] + sizes[i]);
            }
            _ => {
                groups.push(at..at + 1);
                sum = sizes;
            }
        }
    }
    groups
}
