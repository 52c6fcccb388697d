//! What time does: transactions that had theirs are aborted, ids that nobody uses are forgotten.

use std::ops::Bound;
use std::sync::Arc;

use stdx::Now;

use super::transaction::TransactionState;
use super::{TransactionCoordinator, TransactionTimer, record};
use crate::CommitError;
use crate::runtime::{Outcome, TimerChange};

impl TransactionCoordinator {
    /// Its producer is fenced too: it must not go on as if nothing had happened.
    pub(super) fn time_out(&self, now: Now, id: &Arc<str>) -> Result<Outcome<Self>, CommitError> {
        let mut outcome = Outcome::default();
        let Some(transaction) = self.transactions.get(id).filter(|it| it.state == TransactionState::Ongoing)
        else {
            return Ok(outcome);
        };
        self.change(now, id, &transaction.fenced(self.config.version, now.unix_ms), &mut outcome)?;
        outcome.soft.last_epochs.push((Arc::clone(id), self.epoch_before_fence(transaction)));
        Ok(outcome)
    }

    /// One round: from the id after `after` on, as much as the limit allows; the timer goes on from there.
    pub(super) fn expire_ids(
        &self,
        now: Now,
        after: Option<&Arc<str>>,
    ) -> Result<Outcome<Self>, CommitError> {
        let mut outcome: Outcome<Self> = Outcome::default();
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(Arc::clone(after)));
        let oldest_ms = now.unix_ms.saturating_sub(self.config.id_expiration_ms);
        for (id, transaction) in self.transactions.range((start, Bound::Unbounded)) {
            use TransactionState::{CompleteAbort, CompleteCommit, Dead, Empty};
            let is_idle = matches!(transaction.state, Empty | CompleteCommit | CompleteAbort | Dead);
            if !is_idle || transaction.last_update_ms > oldest_ms {
                continue;
            }
            outcome.records.push(record::record(id, None, self.config.version)?);
            outcome.soft.last_epochs.push((Arc::clone(id), None));
            if outcome.records.len() >= self.config.max_tombstones.max(1) {
                let timer = TransactionTimer::Expiry(Some(Arc::clone(id)));
                outcome.timers.push(TimerChange::after(timer, now, 0));
                return Ok(outcome);
            }
        }
        outcome.timers.push(self.next_expiry(now));
        Ok(outcome)
    }

    pub(super) fn next_expiry(&self, now: Now) -> TimerChange<TransactionTimer> {
        TimerChange::after(TransactionTimer::Expiry(None), now, self.config.expiry_interval_ms.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::{check, check_with};
    use super::super::{TransactionConfig, TransactionVersion};

    #[test]
    fn a_transaction_that_had_its_time_is_aborted() {
        check(&[
            ("init t timeout=5000", "1000:0"),
            ("pass 10000", ""),
            ("add t 1000:0 a-0", "ok"),
            ("pass 4000", ""),
            // More partitions give no more time.
            ("add t 1000:0 b-0", "ok"),
            ("pass 999", ""),
            ("again", ""),
            ("pass 1", ""),
            ("describe t", "PrepareAbort 1000:1 a-0 b-0"),
            ("add t 1000:0 c-0", "PRODUCER_FENCED"),
            ("markers", "t 1000:1 abort a-0 b-0"),
            ("add t 1000:0 c-0", "PRODUCER_FENCED"),
            ("commit t 1000:0", "INVALID_TXN_STATE"),
            ("abort t 1000:0 v=0", "PRODUCER_FENCED"),
            // Who aborts it late is right, and learns its epoch; so does who goes on after an error.
            ("abort t 1000:0", "1000:1"),
            ("init t expect=1000:0", "1000:1"),
            ("init t", "1000:2"),
            ("init t expect=1000:0", "PRODUCER_FENCED"),
        ]);
    }

    #[test]
    fn a_cluster_of_the_first_kind_fences_for_good() {
        let config = TransactionConfig { version: TransactionVersion::V1, ..TransactionConfig::default() };
        check_with(
            config,
            &[
                ("init t timeout=5000", "1000:0"),
                ("add t 1000:0 a-0 v=0", "ok"),
                ("pass 10000", ""),
                ("markers", "t 1000:1 abort a-0"),
                ("abort t 1000:0 v=0", "PRODUCER_FENCED"),
                ("init t expect=1000:0", "PRODUCER_FENCED"),
                ("init t", "1000:2"),
            ],
        );
    }

    #[test]
    fn its_time_goes_on_over_a_restart() {
        check(&[
            ("init t timeout=5000", "1000:0"),
            ("add t 1000:0 a-0", "ok"),
            ("pass 3000", ""),
            ("restart", ""),
            ("pass 1999", ""),
            ("describe t", "Ongoing 1000:0 a-0"),
            ("fail-append", ""),
            ("pass 1", ""),
            ("describe t", "Ongoing 1000:0 a-0"),
            ("pass 500", ""),
            ("describe t", "PrepareAbort 1000:1 a-0"),
        ]);
    }

    #[test]
    fn one_that_ends_in_time_is_left_alone() {
        check(&[
            ("init t timeout=5000", "1000:0"),
            ("add t 1000:0 a-0", "ok"),
            ("commit t 1000:0", "1000:1"),
            ("pass 10000", ""),
            ("markers", "t 1000:1 commit a-0"),
            ("pass 10000", ""),
            ("describe t", "CompleteCommit 1000:1"),
        ]);
    }

    #[test]
    fn ids_that_nobody_uses_are_forgotten() {
        let config = TransactionConfig {
            id_expiration_ms: 1_000_000,
            expiry_interval_ms: 1_000,
            max_tombstones: 1,
            ..TransactionConfig::default()
        };
        check_with(
            config,
            &[
                ("init t", "1000:0"),
                ("init u", "1001:0"),
                ("init v timeout=900000", "1002:0"),
                ("pass 500000", ""),
                ("add v 1002:0 a-0", "ok"),
                ("init w", "1003:0"),
                ("pass 499999", ""),
                ("list", "t=Empty u=Empty v=Ongoing w=Empty"),
                ("pass 1001", ""),
                ("list", "v=Ongoing w=Empty"),
                ("restart", ""),
                ("list", "v=Ongoing w=Empty"),
                ("init t expect=1000:0", "1004:0"),
            ],
        );
    }
}
