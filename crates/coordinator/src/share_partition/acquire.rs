//! Records go into a member's hands.

use std::sync::Arc;

use protocol::Offset;
use stdx::Now;

use super::SharePartition;
use super::in_flight::{Run, Segment};
use super::record_state::{AcquisitionLock, RecordState};

/// Offsets from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetRange {
    /// The first of them.
    pub first_offset: Offset,
    /// The last of them.
    pub last_offset: Offset,
}

impl OffsetRange {
    /// How many they are.
    pub(super) fn len(&self) -> i64 {
        self.last_offset - self.first_offset + 1
    }
}

/// `share.acquire.mode` of the member (KIP-1206).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireMode {
    /// Up to a limit that is exceeded rather than that a record batch were cut.
    BatchOptimized,
    /// Never more than the limit.
    RecordLimit,
}

/// What a member wants.
#[derive(Clone, Copy, Debug)]
pub struct AcquireLimits {
    /// How the limit is meant.
    pub mode: AcquireMode,
    /// `max.poll.records`: at most so many records.
    pub max_records: i32,
    /// So many records, at least, in each answer of records that were never delivered (with batch-optimized).
    pub batch_size: i32,
}

/// What was read from the log for it.
#[derive(Clone, Copy, Debug)]
pub struct Fetched<'a> {
    /// From where on: [`SharePartition::next_fetch_offset`]. What is missing from there on is not in the log.
    pub fetch_offset: Offset,
    /// The record batches, ascending.
    pub batches: &'a [OffsetRange],
    /// Those of aborted transactions, ascending, if the group does not read them (`share.isolation.level`).
    pub aborted: &'a [OffsetRange],
}

/// Records that a member has now, and how often they were delivered, this time included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquiredRecords {
    /// The first of them.
    pub first_offset: Offset,
    /// The last of them.
    pub last_offset: Offset,
    /// How often.
    pub delivery_count: i16,
}

/// What is acquired in one go.
struct Acquisition<'a> {
    lock: RecordState,
    limits: AcquireLimits,
    fetched: Fetched<'a>,
    /// How many records may still be acquired.
    remaining: i64,
    acquired: Vec<AcquiredRecords>,
}

impl SharePartition {
    /// Gives a member what was read for it and may be delivered; nothing is an answer too. Its time runs from now on.
    ///
    /// A record that was delivered often may be what makes its receivers fail. It is delivered with ever fewer others, each
    /// time half as many, and alone the last time, so that those others are not given up with it.
    pub fn acquire(
        &mut self,
        now: Now,
        member_id: &Arc<str>,
        limits: AcquireLimits,
        fetched: Fetched<'_>,
    ) -> Vec<AcquiredRecords> {
        let (Some(first), Some(last)) = (fetched.batches.first(), fetched.batches.last()) else {
            return Vec::new();
        };
        if last.last_offset < self.start_offset {
            return Vec::new();
        }
        let mut last_offset = last.last_offset;
        let locks_left = i64::from(self.config.max_record_locks) - self.records_in_flight();
        let mut remaining = i64::from(limits.max_records);
        if locks_left > 0 {
            remaining = remaining.min(locks_left);
        } else if fetched.fetch_offset < self.end_offset() {
            // What has its place among the locks may be delivered again.
            last_offset = last_offset.min(self.end_offset() + -1);
        } else {
            return Vec::new();
        }
        let until_ms = now.monotonic_ms.saturating_add(self.config.record_lock_duration_ms.into());
        let lock = AcquisitionLock { member_id: Arc::clone(member_id), until_ms, writing: None };
        let lock = RecordState::Acquired(lock);
        let mut acquisition = Acquisition { lock, limits, fetched, remaining, acquired: Vec::new() };
        self.archive_missing(fetched.fetch_offset.max(self.start_offset), first.first_offset + -1);
        let mut offset = first.first_offset.max(self.start_offset);
        while offset <= last_offset && acquisition.remaining > 0 {
            let Some(next) = self.acquire_at(offset, last_offset, &mut acquisition) else { break };
            offset = next;
        }
        self.advance_start();
        acquisition.acquired
    }

    /// What was read for, and is not there: never delivered, or delivered once and compacted away since.
    fn archive_missing(&mut self, first_offset: Offset, last_offset: Offset) {
        let parts: Vec<OffsetRange> = self
            .in_flight
            .segments(first_offset, last_offset)
            .filter(|part| part.run.is_none_or(|run| run.state == RecordState::Available))
            .map(|part| OffsetRange { first_offset: part.first_offset, last_offset: part.last_offset })
            .collect();
        parts.into_iter().for_each(|part| self.archive_unread(part));
    }

    fn archive_unread(&mut self, range: OffsetRange) {
        let run = Run {
            last_offset: range.last_offset,
            state: RecordState::Archived,
            delivery_count: 0,
            batch_len: 0,
        };
        self.in_flight.put(range.first_offset, run);
    }

    /// Looks at what is at `offset`. Where to look next; `None` when the rest is for another time.
    fn acquire_at(
        &mut self,
        offset: Offset,
        last_offset: Offset,
        acquisition: &mut Acquisition<'_>,
    ) -> Option<Offset> {
        let mut segment = self.in_flight.segment(offset, last_offset);
        if segment.run.is_some_and(|run| run.state != RecordState::Available) {
            return Some(segment.last_offset + 1);
        }
        if let Some(aborted) = acquisition.aborted_from(offset) {
            if aborted.first_offset <= offset {
                let last_offset = aborted.last_offset.min(segment.last_offset);
                self.archive_unread(OffsetRange { first_offset: offset, last_offset });
                return Some(last_offset + 1);
            }
            segment.last_offset = segment.last_offset.min(aborted.first_offset + -1);
        }
        match segment.run {
            None => {
                let last_offset = acquisition.limit(segment, acquisition.remaining);
                for part in acquisition.split(OffsetRange { first_offset: offset, last_offset }) {
                    self.hand_over(part, 0, part.len(), acquisition);
                }
                Some(last_offset + 1)
            }
            Some(run) => {
                let (delivered, batch_len) = (run.delivery_count, run.batch_len);
                let together = self.delivered_together(delivered, batch_len);
                if together.is_some() && !acquisition.acquired.is_empty() {
                    return None;
                }
                let last_offset = match together {
                    None => acquisition.limit(segment, acquisition.remaining),
                    Some(together) => {
                        let few = together.min(acquisition.remaining);
                        segment.last_offset.min(offset + (few - 1))
                    }
                };
                self.hand_over(
                    OffsetRange { first_offset: offset, last_offset },
                    delivered,
                    batch_len,
                    acquisition,
                );
                together.is_none().then_some(last_offset + 1)
            }
        }
    }

    /// With how many others, at most, a record is delivered that was delivered so often already; `None`: any.
    fn delivered_together(&self, delivered: i16, batch_len: i64) -> Option<i64> {
        let limit = self.config.delivery_count_limit;
        let over = delivered - self.config.throttled_from();
        if over < 0 {
            return None;
        }
        if limit > 2 && delivered >= limit - 1 {
            return Some(1);
        }
        Some(batch_len.checked_shr(over as u32 + 1).unwrap_or(0).max(1))
    }

    fn hand_over(
        &mut self,
        range: OffsetRange,
        delivered: i16,
        batch_len: i64,
        acquisition: &mut Acquisition<'_>,
    ) {
        let delivery_count = delivered.saturating_add(1);
        let OffsetRange { first_offset, last_offset } = range;
        let state = acquisition.lock.clone();
        self.in_flight.put(first_offset, Run { last_offset, state, delivery_count, batch_len });
        acquisition.remaining -= range.len();
        match acquisition.acquired.last_mut() {
            // Records that are delivered again are told in as few answers as can be.
            Some(last)
                if delivered > 0
                    && last.last_offset + 1 == first_offset
                    && last.delivery_count == delivery_count =>
            {
                last.last_offset = last_offset;
            }
            _ => acquisition.acquired.push(AcquiredRecords { first_offset, last_offset, delivery_count }),
        }
    }
}

impl Acquisition<'_> {
    /// The first batch of an aborted transaction that is not over before `offset`.
    fn aborted_from(&self, offset: Offset) -> Option<OffsetRange> {
        let at = self.fetched.aborted.partition_point(|range| range.last_offset < offset);
        self.fetched.aborted.get(at).copied()
    }

    /// The last offset of the segment that `max` lets us take.
    fn limit(&self, segment: Segment<'_>, max: i64) -> Offset {
        if segment.last_offset - segment.first_offset < max {
            return segment.last_offset;
        }
        let last_offset = segment.first_offset + (max - 1);
        match self.limits.mode {
            AcquireMode::RecordLimit => last_offset,
            AcquireMode::BatchOptimized => self.end_of_batch(last_offset).min(segment.last_offset),
        }
    }

    fn end_of_batch(&self, offset: Offset) -> Offset {
        let at = self.fetched.batches.partition_point(|batch| batch.last_offset < offset);
        let around = self.fetched.batches.get(at).filter(|batch| batch.first_offset <= offset);
        around.map_or(offset, |batch| batch.last_offset)
    }

    /// New records in parts of `batch_size`, or more, that end where record batches end.
    fn split(&self, range: OffsetRange) -> Vec<OffsetRange> {
        let batch_size = i64::from(self.limits.batch_size.max(1));
        let mut parts = Vec::new();
        let mut first_offset = range.first_offset;
        if self.limits.mode == AcquireMode::BatchOptimized && range.len() > batch_size {
            for batch in self.fetched.batches {
                if batch.first_offset > range.last_offset {
                    break;
                }
                if batch.first_offset - first_offset >= batch_size {
                    parts.push(OffsetRange { first_offset, last_offset: batch.first_offset + -1 });
                    first_offset = batch.first_offset;
                }
            }
        }
        parts.push(OffsetRange { first_offset, last_offset: range.last_offset });
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::super::SharePartitionConfig;
    use super::super::harness::{check, check_with};

    #[test]
    fn new_records_go_to_whoever_comes_first() {
        check(&[
            ("fetch m 0-9", "0-9x1"),
            ("fetch n 0-9", ""),
            ("fetch n 0-9 10-19", "10-19x1"),
            ("next", "20"),
            ("show", "0> 0-9:m 10-19:n"),
        ]);
    }

    #[test]
    fn a_limit_is_kept_or_ends_with_a_record_batch() {
        check(&[
            ("fetch m 0-4 5-9 max=3", "0-4x1"),
            ("fetch m 5-9 mode=limit max=3", "5-7x1"),
            ("next", "8"),
            ("fetch n 5-9 10-14 max=4", "8-14x1"),
            ("fetch n 15-19 max=0", ""),
        ]);
    }

    #[test]
    fn batches_are_told_one_by_one_when_they_are_many() {
        check(&[
            ("fetch m 0-4 5-9 10-14 batch=5", "0-4x1 5-9x1 10-14x1"),
            ("fetch m 15-16 17-18 19-20 21-21 batch=3", "15-18x1 19-21x1"),
            ("fetch m 22-23 24-25 batch=1 mode=limit", "22-25x1"),
        ]);
    }

    #[test]
    fn what_is_released_is_delivered_again_before_what_is_new() {
        check(&[
            ("fetch m 0-9", "0-9x1"),
            ("release-records m 3-4 8-9", "ok"),
            ("next", "3"),
            ("fetch n 0-9 10-19 max=3", "3-4x2 8-9x2"),
            ("next", "10"),
            ("fetch n 0-9 10-19", "10-19x1"),
        ]);
        check(&[
            ("fetch m 0-9", "0-9x1"),
            ("release-records m 3-4 8-9", "ok"),
            ("fetch n 0-9 10-19 max=3 mode=limit", "3-4x2 8-8x2"),
            ("fetch n 0-9 10-19 max=3 mode=limit", "9-9x2 10-11x1"),
        ]);
    }

    #[test]
    fn what_is_not_in_the_log_is_skipped() {
        check(&[
            ("fetch m 5-9", "5-9x1"),
            ("show", "5> 5-9:m"),
            ("fetch m from=10 15-19", "15-19x1"),
            ("accept m 5-9", "ok"),
            ("show", "15> 15-19:m"),
            ("release-records m 15-16", "ok"),
            ("fetch m from=15 17-19 20-24", "20-24x1"),
            ("accept m 17-19", "ok"),
            ("show", "20> 20-24:m"),
        ]);
    }

    #[test]
    fn aborted_records_are_not_delivered_to_who_reads_committed_ones() {
        check(&[
            ("fetch m 0-4 5-9 10-14 aborted=5-9", "0-4x1 10-14x1"),
            ("accept m 0-4 10-14", "ok"),
            ("show", "15>"),
            ("fetch m 15-19 aborted=15-19", ""),
            ("show", "20>"),
            ("fetch m 20-24 25-29 aborted=25-29 max=2", "20-24x1"),
            ("show", "20> 20-24:m"),
            ("release-records m 20-24", "ok"),
            ("fetch m 20-24 aborted=20-24", ""),
            ("show", "25>"),
        ]);
    }

    #[test]
    fn there_are_only_so_many_locks() {
        let config = SharePartitionConfig { max_record_locks: 10, ..SharePartitionConfig::default() };
        check_with(
            config,
            &[
                ("fetch m 0-3 4-7 8-11", "0-11x1"),
                ("fetch n from=12 12-15", ""),
                ("can-acquire", "false"),
                ("release-records m 4-4", "ok"),
                ("can-acquire", "true"),
                ("fetch n 4-7 8-11 12-15", "4-4x2"),
                ("accept m 0-3", "ok"),
                ("can-acquire", "true"),
                ("fetch n from=12 12-15 16-19 mode=limit", "12-13x1"),
            ],
        );
    }

    #[test]
    fn records_that_fail_often_are_delivered_with_fewer_others() {
        let config = SharePartitionConfig { delivery_count_limit: 4, ..SharePartitionConfig::default() };
        check_with(
            config,
            &[
                ("fetch m 0-7", "0-7x1"),
                ("leave m", "ok"),
                ("fetch m 0-7", "0-7x2"),
                ("leave m", "ok"),
                // Half of eight.
                ("fetch m 0-7 8-9", "0-3x3"),
                ("fetch n 4-7 8-9", "4-7x3"),
                ("leave m", "ok"),
                // The last time, alone.
                ("fetch m 0-7 8-9", "0-0x4"),
                ("leave m", "ok"),
                ("show", "1> 1-3:available*3 4-7:n*3"),
                ("fetch m 0-7 8-9", "1-1x4"),
                ("accept m 1-1", "ok"),
                ("fetch m 0-7 8-9", "2-2x4"),
                ("fetch m 0-7 8-9", "3-3x4"),
                ("fetch m 8-9", "8-9x1"),
            ],
        );
    }

    #[test]
    fn what_fails_often_is_not_delivered_with_what_does_not() {
        let config = SharePartitionConfig { delivery_count_limit: 3, ..SharePartitionConfig::default() };
        check_with(
            config,
            &[
                ("fetch m 0-3 4-7 batch=4", "0-3x1 4-7x1"),
                ("release-records m 4-7", "ok"),
                ("fetch m 4-7", "4-7x2"),
                ("leave m", "ok"),
                ("fetch m 0-3 4-7", "0-3x2"),
                ("fetch m 4-7", "4-4x3"),
            ],
        );
    }
}
