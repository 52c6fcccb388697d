//! The log start has moved: records are gone.

use protocol::Offset;

use super::SharePartition;

impl SharePartition {
    /// Nothing below is in the log any more; whoever holds such records may acknowledge them, to no effect. It is written
    /// with the next write.
    pub fn log_start_moved(&mut self, log_start_offset: Offset) {
        if log_start_offset > self.start_offset {
            self.in_flight.remove_below(log_start_offset);
            self.start_offset = log_start_offset;
            self.advance_start();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn what_is_gone_is_done_with() {
        check(&[
            ("fetch m 0-9", "0-9x1"),
            ("accept m 7-7", "ok"),
            ("log-start 5", ""),
            ("show", "5> 5-6:m 7-7:acknowledged 8-9:m"),
            ("accept m 0-4", "ok"),
            ("accept m 3-5", "ok"),
            ("log-start 7", ""),
            ("show", "8> 8-9:m"),
            ("log-start 3", ""),
            ("log-start 20", ""),
            ("show", "20>"),
            ("accept m 8-9", "ok"),
            ("fetch m 20-29", "20-29x1"),
        ]);
    }

    #[test]
    fn what_is_being_written_may_be_gone_meanwhile() {
        check(&[
            ("fetch m 0-9", "0-9x1"),
            ("hold", ""),
            ("accept m 0-9", ""),
            ("log-start 5", ""),
            ("release", "ok"),
            ("show", "10>"),
        ]);
        check(&[
            ("fetch m 0-9", "0-9x1"),
            ("hold", ""),
            ("accept m 0-9", ""),
            ("log-start 5", ""),
            ("fail NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"),
            ("show", "5> 5-9:m"),
        ]);
    }
}
