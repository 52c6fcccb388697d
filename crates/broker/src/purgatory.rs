//! Waiting for something that a partition, a coordinator or the disk will do. One structure for all of it.
//!
//! Whoever waits makes a [`Watch`], registers it with the [`Waiters`] of everything it waits for, and only then
//! looks at the condition; whoever changes something wakes its waiters, who look again. Nothing is decided here.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Instant;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    waker: AtomicWaker,
}

/// One who waits.
#[derive(Default)]
pub(crate) struct Watch {
    bell: Arc<Bell>,
}

/// Those who wait for one thing. Costs a few words while nobody does.
#[derive(Default)]
pub(crate) struct Waiters {
    waiting: Mutex<Vec<Weak<Bell>>>,
}

impl Waiters {
    /// Adds a watch until the next [`Waiters::wake`], or until it is dropped.
    pub(crate) fn register(&self, watch: &Watch) {
        let mut waiting = self.waiting.lock();
        // Where nothing ever wakes them, those who gave up must not pile up.
        if waiting.len() == waiting.capacity() {
            waiting.retain(|bell| bell.strong_count() > 0);
        }
        waiting.push(Arc::downgrade(&watch.bell));
    }

    /// Makes everybody look again.
    pub(crate) fn wake(&self) {
        let waiting = {
            let mut waiting = self.waiting.lock();
            if waiting.is_empty() {
                return;
            }
            std::mem::take(&mut *waiting)
        };
        for bell in waiting.iter().filter_map(Weak::upgrade) {
            bell.rung.store(true, Ordering::Release);
            bell.waker.wake();
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.waiting.lock().len()
    }
}

impl Watch {
    /// Completes when any of those it is registered with has woken it since the last call.
    pub(crate) async fn woken(&self) {
        poll_fn(|context| {
            if self.bell.rung.swap(false, Ordering::Acquire) {
                return Poll::Ready(());
            }
            self.bell.waker.register(context.waker());
            if self.bell.rung.swap(false, Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits until `check` gives something, looking again at each wake; `None` when the deadline comes first.
    /// `check` registers with what it looks at before it looks.
    pub(crate) async fn until<T>(
        &self,
        deadline: Option<Instant>,
        mut check: impl FnMut(&Self) -> Option<T>,
    ) -> Option<T> {
        loop {
            if let Some(found) = check(self) {
                return Some(found);
            }
            match deadline {
                None => self.woken().await,
                Some(deadline) => {
                    if tokio::time::timeout_at(deadline.into(), self.woken()).await.is_err() {
                        return None;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[tokio::test]
    async fn a_wake_between_look_and_wait_is_not_lost() {
        let (waiters, watch) = (Waiters::default(), Watch::default());
        let looks = AtomicU32::new(0);
        let found = watch
            .until(None, |watch| {
                waiters.register(watch);
                let look = looks.fetch_add(1, Ordering::Relaxed);
                waiters.wake();
                (look == 3).then_some(look)
            })
            .await;
        assert_eq!(found, Some(3));
    }

    #[tokio::test]
    async fn the_deadline_ends_the_wait() {
        let (waiters, watch) = (Waiters::default(), Watch::default());
        let found: Option<()> = watch
            .until(Some(Instant::now()), |watch| {
                waiters.register(watch);
                None
            })
            .await;
        assert_eq!(found, None);
    }

    #[test]
    fn those_who_gave_up_do_not_pile_up() {
        let waiters = Waiters::default();
        for _ in 0..10_000 {
            waiters.register(&Watch::default());
        }
        assert!(waiters.len() <= 8, "{}", waiters.len());
    }
}
