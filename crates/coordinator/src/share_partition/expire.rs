//! A member has had its time.

use stdx::Now;

use super::SharePartition;
use super::record_state::{AcknowledgeType, RecordState};
use super::write::Effects;
use crate::share_state::StateBatch;

impl SharePartition {
    /// The earliest monotonic millisecond at which [`expire`](Self::expire) has something to do.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.in_flight.next_lock().map(|(until_ms, _)| until_ms)
    }

    /// Takes back what is in somebody's hands for too long. That counts at once, whether it can be written or not: a new
    /// leader would not know of the lock in any case.
    pub fn expire(&mut self, now: Now) -> Effects {
        let mut changes = Vec::new();
        let mut effects = Effects::default();
        while let Some((until_ms, first_offset)) = self.in_flight.next_lock() {
            let Some(run) = self.in_flight.at(first_offset).filter(|_| until_ms <= now.monotonic_ms) else {
                break;
            };
            let (last_offset, delivery_count) = (run.last_offset, run.delivery_count);
            let fate = self.config.fate(AcknowledgeType::Release, delivery_count);
            let change = StateBatch { first_offset, last_offset, delivery_state: fate.id(), delivery_count };
            if let RecordState::Archiving(cause) = fate {
                effects.dead_letter(&change, cause);
            }
            self.in_flight.change(first_offset, last_offset, |_| fate.clone());
            changes.push(change);
        }
        effects.write = self.write_changes(changes);
        self.advance_start();
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::super::SharePartitionConfig;
    use super::super::harness::{check, check_with};

    #[test]
    fn what_is_held_too_long_is_delivered_again_or_given_up() {
        let config = SharePartitionConfig { delivery_count_limit: 2, ..SharePartitionConfig::default() };
        check_with(
            config,
            &[
                ("fetch m 0-4", "0-4x1"),
                ("pass 10000", ""),
                ("fetch n 5-9", "5-9x1"),
                ("pass 19999", ""),
                ("pass 1", "0-4:0x1"),
                ("accept m 0-4", "INVALID_RECORD_STATE"),
                ("fetch n 0-4", "0-4x2"),
                ("pass 10000", "5-9:0x1"),
                ("pass 20000", "0-4:4x2"),
                ("show", "5> 5-9:available"),
            ],
        );
    }

    #[test]
    fn a_fate_that_is_being_written_comes_before_the_time() {
        check(&[
            ("fetch m 0-4", "0-4x1"),
            ("hold", ""),
            ("accept m 0-4", ""),
            ("pass 60000", ""),
            ("show", "0> 0-4:m=acknowledged"),
            ("release", "ok"),
            ("show", "5>"),
        ]);
        check(&[
            ("fetch m 0-4", "0-4x1"),
            ("hold", ""),
            ("accept m 0-4", ""),
            ("pass 60000", ""),
            ("fail NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"),
            ("pass 0", "0-4:0x1"),
            ("show", "0> 0-4:available"),
        ]);
    }

    #[test]
    fn it_counts_even_if_it_is_not_written() {
        check(&[
            ("fetch m 0-4", "0-4x1"),
            ("hold", ""),
            ("pass 30000", "0-4:0x1"),
            ("fail NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"),
            ("show", "0> 0-4:available"),
            ("fetch n 0-4", "0-4x2"),
        ]);
    }
}
