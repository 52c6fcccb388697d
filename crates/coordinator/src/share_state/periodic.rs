//! What keeps the log small: share-partitions that nobody writes to are snapshotted, and its front is deleted.

use stdx::Now;

use super::record::snapshot_record;
use super::request::Action;
use super::{ShareCoordinator, ShareStateTimer, SoftChange};
use crate::CommitError;
use crate::runtime::{Outcome, TimerChange};

impl ShareCoordinator {
    /// Nothing is deleted before what replaces it is committed: that is when the action is due.
    pub(super) fn prune(&self, now: Now) -> Outcome<Self> {
        let mut outcome = Outcome::default();
        outcome.timers.push(TimerChange::after(ShareStateTimer::Prune, now, self.config.prune_interval_ms));
        if let Some(from) = self.needed.from().filter(|from| *from > self.pruned) {
            outcome.soft = SoftChange { pruned: Some(from) };
            outcome.actions.push(Action::Prune(from));
        }
        outcome
    }

    /// Where all are cold the log does not grow, and nothing needs to be done.
    pub(super) fn snapshot_cold(&self, now: Now) -> Result<Outcome<Self>, CommitError> {
        let mut outcome = Outcome::default();
        let mut delay_ms = self.config.cold_snapshot_interval_ms;
        if !self.states().all(|(_, state)| state.is_cold()) {
            let is_old = |written_ms| now.unix_ms.saturating_sub(written_ms) >= delay_ms;
            let mut old = self.states().filter(|(_, state)| is_old(state.write_ms));
            for (key, state) in old.by_ref().take(self.config.max_records_at_once) {
                let snapshot = state.clone().cold_snapshot(now.unix_ms);
                outcome.records.push(snapshot_record(key, Some(&snapshot))?);
            }
            if old.next().is_some() {
                delay_ms = 0;
            }
        }
        outcome.timers.push(TimerChange::after(ShareStateTimer::ColdSnapshots, now, delay_ms));
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ShareStateConfig;
    use super::super::harness::{check, check_with};

    const CONFIG: ShareStateConfig = ShareStateConfig {
        updates_per_snapshot: 1,
        prune_interval_ms: 1_000,
        cold_snapshot_interval_ms: 10_000,
        max_records_at_once: 2,
    };

    #[test]
    fn what_newer_snapshots_say_again_is_pruned() {
        check_with(
            CONFIG,
            &[
                ("initialize g/0 start=0", "ok"),
                ("initialize g/1 start=0", "ok"),
                ("write g/0 start=1 done=0", "ok"),
                ("write g/0 start=2 done=0", "ok"),
                ("log", "SSuS"),
                ("pass 1000", ""),
                ("log", ".SuS"),
                ("initialize g/1 state=1 start=0", "ok"),
                ("pass 1000", ""),
                ("log", "...SS"),
                ("restart", ""),
                ("read g/0", "state=0 start=2"),
                ("delete g/0", "ok"),
                ("delete g/1", "ok"),
                ("pass 1000", ""),
                ("log", "......x"),
            ],
        );
    }

    #[test]
    fn nothing_is_pruned_before_what_replaces_it_is_committed() {
        check_with(
            CONFIG,
            &[
                ("initialize g/0 start=0", "ok"),
                ("hold", ""),
                ("initialize g/0 state=1 start=0", ""),
                ("pass 2000", ""),
                ("log", "SS"),
                ("release", "ok"),
                ("log", ".S"),
            ],
        );
    }

    #[test]
    fn share_partitions_that_nobody_writes_to_are_snapshotted() {
        check_with(
            CONFIG,
            &[
                ("initialize a/0 start=0", "ok"),
                ("initialize b/0 start=0", "ok"),
                ("initialize c/0 start=0", "ok"),
                ("pass 9999", ""),
                ("initialize d/0 start=0", "ok"),
                ("pass 1", ""),
                ("log", "SSSSSSS"),
                ("pass 1000", ""),
                ("log", "...SSSS"),
                ("pass 10000", ""),
                ("log", ".......SSSS"),
                // Nothing has happened since: nothing is written.
                ("pass 100000", ""),
                ("log", ".......SSSS"),
            ],
        );
        check(&[("initialize a/0 start=0", "ok"), ("pass 10000", ""), ("log", "S")]);
    }
}
