//! A limit of bytes a second, for threads that read and write in the background.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::clock::FOREVER;

/// How long who keeps the limit sleeps without looking whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Keeps a limit of I/O of all who pay.
#[derive(Default)]
pub(crate) struct Throttle {
    /// Until when what was read and written so far is paid for.
    paid_until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Sleeps as long as it takes, or until it is over.
    pub(crate) fn pay(&self, bytes: usize, max_bytes_per_second: f64, is_over: impl Fn() -> bool) {
        let takes = bytes as f64 / max_bytes_per_second;
        // Unlimited, which is a number in Kafka, or so little that it makes no difference.
        if takes < 1e-6 {
            return;
        }
        let until = {
            let mut paid = self.paid_until.lock();
            let now = Instant::now();
            let from = paid.map_or(now, |until| until.max(now));
            let until = from + Duration::try_from_secs_f64(takes).unwrap_or(FOREVER).min(FOREVER);
            *paid = Some(until);
            until
        };
        while !is_over() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_years_does_not_hold_up_the_end() {
        let throttle = Throttle::default();
        let looks = std::cell::Cell::new(0);
        throttle.pay(1 << 16, 0.001, || looks.replace(looks.get() + 1) > 0);
        assert_eq!(looks.get(), 2, "asked before and after one short sleep");
        // Nobody sleeps for what is unlimited.
        throttle.pay(1 << 16, f64::MAX, || unreachable!());
    }
}
