//! The one task that drives the timers of all coordinators of a kind: sessions, rebalances, expiry, replies overdue.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use coordinator::runtime::Machine;
use tokio::sync::watch;

use super::Coordinators;
use crate::clock;

/// Runs until the node stops.
pub(crate) async fn drive<M: Machine>(coordinators: Arc<Coordinators<M>>, mut stop: watch::Receiver<bool>) {
    loop {
        // Until the next sleep is chosen, whatever comes nearer rings.
        coordinators.sleeping_until_ms.store(u64::MAX, Ordering::Relaxed);
        let next = coordinators.fire_due();
        coordinators.sleeping_until_ms.store(next.unwrap_or(u64::MAX), Ordering::Relaxed);
        let wait = async {
            match next {
                Some(deadline) => tokio::time::sleep_until(clock::instant(deadline).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = coordinators.nearer.notified() => {}
            _ = stop.changed() => return,
        }
    }
}

impl<M: Machine> Coordinators<M> {
    /// Carries out everything that is due; the next deadline.
    fn fire_due(&self) -> Option<u64> {
        let mut next = None;
        for coordinator in self.all() {
            let mut state = coordinator.state.lock();
            let now = clock::now();
            while let Some(proposal) = state.runtime.due(now) {
                coordinator.carry_out(&mut state, proposal, None);
            }
            let overdue = state.runtime.overdue(now);
            state.pass_on(overdue);
            next = [next, state.runtime.next_deadline_ms()].into_iter().flatten().min();
        }
        next
    }
}
