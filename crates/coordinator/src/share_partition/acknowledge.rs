//! What members say of the records that they have, one by one or all at once when they leave.

use protocol::{ErrorCode, Offset};
use stdx::Now;

use super::SharePartition;
use super::acquire::OffsetRange;
use super::in_flight::Run;
use super::record_state::{AcknowledgeType, AcquisitionLock, DeadLetterCause, RecordState};
use super::write::Write;
use crate::share_state::{Refusal, StateBatch};

/// What a member says of a range of offsets: one type for all, or one each.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgement<'a> {
    /// The first of them.
    pub first_offset: Offset,
    /// The last of them.
    pub last_offset: Offset,
    /// As on the wire.
    pub types: &'a [i8],
}

const MALFORMED: &str =
    "The acknowledgements are not ranges in their order, each with one type or as many as offsets.";
const NOT_FOUND: &str = "Batch record not found. The request batch offsets are not found in the cache.";
const FIRST_IS_PAST: &str = "Batch record not found. The first offset in request is past acquired records.";
const LAST_IS_PAST: &str = "Batch record not found. The last offset in request is past acquired records.";
const NOT_THE_OWNER: &str = "Member is not the owner of batch record";
const NOT_ACQUIRED: &str = "The offset cannot be acknowledged. The offset is not acquired.";
const UNDER_WAY: &str =
    "The record state is invalid. The acknowledgement of delivery could not be completed.";
const NO_RENEWALS: &str = "Renewing acquisition locks is not enabled for the group.";

const fn invalid_request(message: &'static str) -> Refusal {
    Refusal { error: ErrorCode::InvalidRequest, message }
}

const fn invalid_state(message: &'static str) -> Refusal {
    Refusal { error: ErrorCode::InvalidRecordState, message }
}

/// Offsets of which the same is said.
type Said = (OffsetRange, AcknowledgeType);

impl Acknowledgement<'_> {
    fn said(&self) -> Result<Vec<Said>, Refusal> {
        let types: Option<Vec<AcknowledgeType>> =
            self.types.iter().map(|id| AcknowledgeType::from_id(*id)).collect();
        let types = types.ok_or(invalid_request(MALFORMED))?;
        if self.first_offset < Offset::ZERO || self.last_offset < self.first_offset {
            return Err(invalid_request(MALFORMED));
        }
        if let [one] = types[..] {
            let range = OffsetRange { first_offset: self.first_offset, last_offset: self.last_offset };
            return Ok(vec![(range, one)]);
        }
        if types.is_empty() || self.last_offset - self.first_offset != types.len() as i64 - 1 {
            return Err(invalid_request(MALFORMED));
        }
        let mut first_offset = self.first_offset;
        let same = types.chunk_by(|one, next| one == next).map(|same| {
            let last_offset = first_offset + (same.len() as i64 - 1);
            let said = (OffsetRange { first_offset, last_offset }, same[0]);
            first_offset = last_offset + 1;
            said
        });
        Ok(same.collect())
    }
}

impl SharePartition {
    /// Carries out what a member says, all of it or nothing. The member is answered at once where there is nothing to
    /// write, or else when that is [`written`](Self::written).
    ///
    /// Only who holds a record may speak of it, once. Of what is below the start nothing needs to be said.
    pub fn acknowledge(
        &mut self,
        now: Now,
        member_id: &str,
        acknowledgements: &[Acknowledgement<'_>],
    ) -> Result<Option<Write>, Refusal> {
        let mut all = Vec::new();
        let mut previous: Option<Offset> = None;
        for acknowledgement in acknowledgements {
            let said = acknowledgement.said()?;
            match previous {
                Some(previous) if acknowledgement.first_offset < previous => {
                    return Err(invalid_request(MALFORMED));
                }
                // Twice of one record.
                Some(previous) if acknowledgement.first_offset == previous => {
                    return Err(invalid_state(UNDER_WAY));
                }
                _ => previous = Some(acknowledgement.last_offset),
            }
            if acknowledgement.last_offset >= self.start_offset {
                self.check_acquired(member_id, acknowledgement)?;
                all.extend(said);
            }
        }
        if !self.config.renew_enabled && all.iter().any(|(_, how)| *how == AcknowledgeType::Renew) {
            return Err(invalid_state(NO_RENEWALS));
        }
        let mut changes = Vec::new();
        for (range, how) in all {
            let range = OffsetRange { first_offset: range.first_offset.max(self.start_offset), ..range };
            if how == AcknowledgeType::Renew {
                self.renew(now, range);
            } else {
                self.begin(range, how, &mut changes);
            }
        }
        Ok(self.write_fates(changes))
    }

    /// A member is gone: what it holds may be delivered to others, once that is written.
    pub fn release_member(&mut self, member_id: &str) -> Option<Write> {
        let held: Vec<OffsetRange> = self
            .in_flight
            .iter()
            .filter(|(_, run)| run.is_held_by(member_id))
            .map(|(first_offset, run)| OffsetRange { first_offset, last_offset: run.last_offset })
            .collect();
        let mut changes = Vec::new();
        for range in held {
            self.begin(range, AcknowledgeType::Release, &mut changes);
        }
        self.write_fates(changes)
    }

    fn check_acquired(&self, member_id: &str, of: &Acknowledgement<'_>) -> Result<(), Refusal> {
        let Some(end_offset) = self.in_flight.end() else { return Err(invalid_state(NOT_FOUND)) };
        if of.first_offset >= end_offset {
            return Err(invalid_request(FIRST_IS_PAST));
        }
        if of.last_offset >= end_offset {
            return Err(invalid_request(LAST_IS_PAST));
        }
        let first_offset = of.first_offset.max(self.start_offset);
        for segment in self.in_flight.segments(first_offset, of.last_offset) {
            match segment.run {
                // Whoever got records from before and after what is not in the log may speak of it as well.
                Some(run) if run.is_held_by(member_id) || run.is_missing() => {}
                Some(Run { state: RecordState::Acquired(lock), .. }) if *lock.member_id != *member_id => {
                    return Err(invalid_state(NOT_THE_OWNER));
                }
                Some(Run { state: RecordState::Acquired(_), .. }) => return Err(invalid_state(UNDER_WAY)),
                _ => return Err(invalid_state(NOT_ACQUIRED)),
            }
        }
        Ok(())
    }

    fn renew(&mut self, now: Now, range: OffsetRange) {
        let until_ms = now.monotonic_ms.saturating_add(self.config.record_lock_duration_ms.into());
        self.in_flight.change(range.first_offset, range.last_offset, |run| match &run.state {
            RecordState::Acquired(lock) => {
                RecordState::Acquired(AcquisitionLock { until_ms, ..lock.clone() })
            }
            state => state.clone(),
        });
    }

    /// The fate of what is held in the range is decided, and to be written.
    fn begin(&mut self, range: OffsetRange, how: AcknowledgeType, changes: &mut Vec<StateBatch>) {
        let config = self.config;
        for part in self.in_flight.segments(range.first_offset, range.last_offset) {
            let Some(run) = part.run.filter(|run| !run.is_missing()) else { continue };
            changes.push(StateBatch {
                first_offset: part.first_offset,
                last_offset: part.last_offset,
                delivery_state: config.fate(how, run.delivery_count).id(),
                delivery_count: run.delivery_count,
            });
        }
        self.in_flight.change(range.first_offset, range.last_offset, |run| match &run.state {
            RecordState::Acquired(lock) => {
                let writing = Some(Box::new(config.fate(how, run.delivery_count)));
                RecordState::Acquired(AcquisitionLock { writing, ..lock.clone() })
            }
            state => state.clone(),
        });
    }
}

impl Run {
    /// Whether a member has these records, and nobody has said yet what becomes of them.
    fn is_held_by(&self, member: &str) -> bool {
        matches!(&self.state, RecordState::Acquired(lock) if *lock.member_id == *member && lock.writing.is_none())
    }

    /// Whether these offsets turned out not to be in the log.
    fn is_missing(&self) -> bool {
        self.state == RecordState::Archived && self.delivery_count == 0
    }
}

impl super::SharePartitionConfig {
    /// What becomes of records that were delivered so often.
    pub(super) fn fate(&self, how: AcknowledgeType, delivery_count: i16) -> RecordState {
        let given_up =
            |cause| if self.dead_letters { RecordState::Archiving(cause) } else { RecordState::Archived };
        match how {
            AcknowledgeType::Accept => RecordState::Acknowledged,
            AcknowledgeType::Gap => RecordState::Archived,
            AcknowledgeType::Reject => given_up(DeadLetterCause::Rejected),
            AcknowledgeType::Release | AcknowledgeType::Renew
                if delivery_count < self.delivery_count_limit =>
            {
                RecordState::Available
            }
            AcknowledgeType::Release | AcknowledgeType::Renew => {
                given_up(DeadLetterCause::DeliveryCountExceeded)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SharePartitionConfig;
    use super::super::harness::{check, check_with};

    #[test]
    fn what_is_accepted_or_rejected_is_done_with() {
        check(&[
            ("fetch m 0-9", "0-9x1"),
            ("accept m 0-2 5-5", "ok"),
            ("show", "3> 3-4:m 5-5:acknowledged 6-9:m"),
            ("reject m 3-4", "ok"),
            ("show", "6> 6-9:m"),
            ("written", "start=0 done=4 0-2:2x1 5-5:2x1; start=3 done=3 3-4:4x1"),
            ("ack m 6-9 1,2,3,0", "ok"),
            ("show", "7> 7-7:available 8-9:archived"),
            ("fetch m 7-9", "7-7x2"),
            ("accept m 7-7", "ok"),
            ("show", "10>"),
        ]);
    }

    #[test]
    fn only_who_holds_a_record_may_speak_of_it_and_once() {
        check(&[
            ("accept m 0-4", "INVALID_RECORD_STATE"),
            ("fetch m 0-4", "0-4x1"),
            ("fetch n 5-9", "5-9x1"),
            ("accept n 0-4", "INVALID_RECORD_STATE"),
            ("accept m 0-9", "INVALID_RECORD_STATE"),
            ("accept m 0-0 5-5", "INVALID_RECORD_STATE"),
            ("accept m 0-0 0-1", "INVALID_RECORD_STATE"),
            ("accept n 5-10", "INVALID_REQUEST"),
            ("accept n 10-12", "INVALID_REQUEST"),
            ("accept m 3-4 0-1", "INVALID_REQUEST"),
            ("accept m 4-3", "INVALID_REQUEST"),
            ("ack m 0-4 1,1", "INVALID_REQUEST"),
            ("ack m 0-4 5", "INVALID_REQUEST"),
            ("ack m 0-4 -1", "INVALID_REQUEST"),
            ("show", "0> 0-4:m 5-9:n"),
            ("accept m 1-1", "ok"),
            ("accept m 1-1", "INVALID_RECORD_STATE"),
            ("accept m 0-4", "INVALID_RECORD_STATE"),
            ("hold", ""),
            ("accept m 0-0", ""),
            ("accept m 0-0", "INVALID_RECORD_STATE"),
            ("leave m", ""),
            ("release", "ok ok"),
            ("show", "2> 2-4:available 5-9:n"),
        ]);
    }

    #[test]
    fn nothing_counts_before_it_is_written() {
        check(&[
            ("fetch m 0-4", "0-4x1"),
            ("hold", ""),
            ("accept m 0-2", ""),
            ("release-records m 3-3", ""),
            ("show", "0> 0-2:m=acknowledged 3-3:m=available 4-4:m"),
            ("next", "5"),
            ("release", "ok ok"),
            ("show", "3> 3-3:available 4-4:m"),
            ("next", "3"),
        ]);
    }

    #[test]
    fn what_cannot_be_written_stays_in_its_hands() {
        check(&[
            ("fetch m 0-4", "0-4x1"),
            ("hold", ""),
            ("accept m 0-2", ""),
            ("fail COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE"),
            ("show", "0> 0-4:m"),
            ("accept m 0-4", ""),
            ("fail FENCED_STATE_EPOCH", "NOT_LEADER_OR_FOLLOWER fenced"),
            ("accept m 0-4", ""),
            ("fail FENCED_LEADER_EPOCH", "NOT_LEADER_OR_FOLLOWER fenced"),
            ("accept m 0-4", ""),
            ("fail UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_OR_PARTITION fenced"),
            ("accept m 0-4", ""),
            ("fail INVALID_REQUEST", "UNKNOWN_SERVER_ERROR"),
        ]);
    }

    #[test]
    fn a_record_is_delivered_only_so_often() {
        let config = SharePartitionConfig { delivery_count_limit: 2, ..SharePartitionConfig::default() };
        check_with(
            config,
            &[
                ("fetch m 0-1", "0-1x1"),
                ("release-records m 0-1", "ok"),
                ("fetch m 0-1", "0-1x2"),
                ("release-records m 0-0", "ok"),
                ("leave m", "ok"),
                ("show", "2>"),
                ("written", "start=0 done=0 0-1:0x1; start=0 done=1 0-0:4x2; start=1 done=1 1-1:4x2"),
            ],
        );
    }

    #[test]
    fn a_renewed_lock_begins_anew() {
        check(&[
            ("fetch m 0-3", "0-3x1"),
            ("pass 20000", ""),
            ("renew m 1-2", "ok"),
            ("renew n 1-2", "INVALID_RECORD_STATE"),
            ("pass 10000", "0-0:0x1 3-3:0x1"),
            ("show", "0> 0-0:available 1-2:m 3-3:available"),
            ("ack m 1-2 4,1", "ok"),
            ("pass 29999", ""),
            ("show", "0> 0-0:available 1-1:m 2-2:acknowledged 3-3:available"),
            ("pass 1", "1-1:0x1"),
        ]);
        let config = SharePartitionConfig { renew_enabled: false, ..SharePartitionConfig::default() };
        check_with(
            config,
            &[("fetch m 0-3", "0-3x1"), ("ack m 0-3 1,1,1,4", "INVALID_RECORD_STATE"), ("show", "0> 0-3:m")],
        );
    }

    #[test]
    fn what_is_given_up_goes_to_the_dead_letter_topic_first() {
        let config = SharePartitionConfig {
            delivery_count_limit: 2,
            dead_letters: true,
            ..SharePartitionConfig::default()
        };
        check_with(
            config,
            &[
                ("fetch m 0-3", "0-3x1"),
                ("ack m 0-3 3,2,1,0", "ok"),
                ("dead-letters", "0-0x1 rejected"),
                ("show", "0> 0-0:archiving 1-1:available 2-2:acknowledged 3-3:archived"),
                ("fetch m 0-3", "1-1x2"),
                ("pass 30000", "1-1:3x2"),
                ("dead-letters", "1-1x2 exceeded"),
                ("show", "0> 0-0:archiving 1-1:archiving*2 2-2:acknowledged 3-3:archived"),
                ("fetch m 0-3", ""),
                ("dead-lettered 1-1", ""),
                ("show", "0> 0-0:archiving 1-1:archived*2 2-2:acknowledged 3-3:archived"),
                ("dead-lettered 0-0", ""),
                ("show", "4>"),
            ],
        );
    }
}
