//! How a leader begins: with what the share coordinator knows.

use std::collections::BTreeMap;

use protocol::{LeaderEpoch, Offset};

use super::in_flight::{InFlight, Run};
use super::record_state::{DeadLetterCause, RecordState};
use super::write::{DeadLetter, WriteId};
use super::{SharePartition, SharePartitionConfig};
use crate::Error;
use crate::share_state::{ReadState, StateBatch};

impl SharePartition {
    /// A share-partition as it was read. Where nobody has chosen a start offset yet it is `reset`, which
    /// `share.auto.offset.reset` of the group says. Dead letters that were on their way are sent again.
    pub fn load(
        config: SharePartitionConfig,
        leader_epoch: LeaderEpoch,
        read: &ReadState,
        reset: Offset,
    ) -> Result<(Self, Vec<DeadLetter>), Error> {
        let start_offset = if read.start_offset == Offset::UNKNOWN { reset } else { read.start_offset };
        let mut partition = Self {
            config,
            leader_epoch,
            state_epoch: read.state_epoch,
            start_offset,
            in_flight: InFlight::default(),
            writes: BTreeMap::new(),
            next_write: WriteId(0),
        };
        let mut dead_letters = Vec::new();
        for batch in &read.batches {
            partition.load_batch(batch, &mut dead_letters)?;
        }
        partition.advance_start();
        Ok((partition, dead_letters))
    }

    fn load_batch(&mut self, batch: &StateBatch, dead_letters: &mut Vec<DeadLetter>) -> Result<(), Error> {
        let &StateBatch { first_offset, last_offset, delivery_state, delivery_count } = batch;
        let invalid = Error::InvalidStateBatch { first_offset, last_offset, delivery_state, delivery_count };
        // They ascend: each begins where nothing is known yet.
        if first_offset < self.end_offset() || last_offset < first_offset || last_offset == Offset(i64::MAX) {
            return Err(invalid);
        }
        let state = match delivery_state {
            // Nobody writes down that a record is acquired; if it were, then by somebody who has lost it.
            0 | 1 => RecordState::Available,
            2 => RecordState::Acknowledged,
            // Nobody sends dead letters any more.
            3 if !self.config.dead_letters => RecordState::Archived,
            3 => {
                let exceeded = delivery_count >= self.config.delivery_count_limit;
                let cause =
                    if exceeded { DeadLetterCause::DeliveryCountExceeded } else { DeadLetterCause::Rejected };
                dead_letters.push(DeadLetter { first_offset, last_offset, delivery_count, cause });
                RecordState::Archiving(cause)
            }
            4 => RecordState::Archived,
            _ => return Err(invalid),
        };
        let batch_len = last_offset - first_offset + 1;
        self.in_flight.put(first_offset, Run { last_offset, state, delivery_count, batch_len });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::{Shell, check_from};
    use super::*;

    #[test]
    fn what_is_not_known_is_fetched_and_what_is_done_with_is_not() {
        check_from("start=10 12-14:2x1 16-17:0x3", &[("show", "10> 12-14:acknowledged 16-17:available*3")]);
        check_from("start=10 10-14:2x1 15-17:4x1", &[("show", "18>")]);
        check_from("start=10 10-14:2x1 15-17:1x2", &[("show", "15> 15-17:available*2")]);
        check_from("start=-1", &[("show", "0>")]);
        check_from(
            "start=10 12-14:2x1 16-17:0x3",
            &[
                ("fetch m 10-19 max=2", "10-11x1"),
                ("fetch m 15-19 max=1", "15-15x1"),
                ("fetch m 16-19 max=1", "16-16x4"),
                ("accept m 10-11 15-15", "ok"),
                ("show", "16> 16-16:m*4 17-17:available*3"),
            ],
        );
    }

    #[test]
    fn dead_letters_that_were_on_their_way_are_sent_again() {
        let state = "start=10 10-11:3x1 12-12:3x5 13-13:0x1";
        check_from(state, &[("dead-letters", ""), ("show", "13> 13-13:available")]);
        let config = SharePartitionConfig { dead_letters: true, ..SharePartitionConfig::default() };
        let mut shell = Shell::new(config, state).unwrap();
        assert_eq!(shell.run("dead-letters"), "10-11x1 rejected 12-12x5 exceeded");
        assert_eq!(shell.run("show"), "10> 10-11:archiving 12-12:archiving*5 13-13:available");
    }

    #[test]
    fn a_state_that_cannot_be_is_an_error() {
        for state in ["start=5 4-6:0x1", "start=5 7-6:0x1", "start=5 5-6:9x1", "start=5 5-7:0x1 7-8:0x1"] {
            assert!(matches!(Shell::load(state), Err(Error::InvalidStateBatch { .. })), "{state}");
        }
    }
}
