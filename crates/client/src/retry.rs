//! Trying again: exponential backoff with jitter, within a deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, Result, random};

/// How long to wait after a failure, as Kafka's `retry.backoff.ms` and `retry.backoff.max.ms` (KIP-580).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) max: Duration,
}

impl Backoff {
    /// The wait after failure number `attempt`, from 0 on; `random` spreads it by a fifth.
    pub(crate) fn delay(self, attempt: u32, random: u64) -> Duration {
        let base = self.first.saturating_mul(1 << attempt.min(16)).min(self.max);
        base.mul_f64(0.8 + 0.4 * (random as f64 / u64::MAX as f64))
    }
}

/// The retries of one call. `again` returns once it is time for the next attempt, or the error that ends the call.
#[derive(Debug)]
pub(crate) struct Retry {
    what: Arc<str>,
    started: Instant,
    deadline: Instant,
    backoff: Backoff,
    attempt: u32,
}

impl Retry {
    pub(crate) fn new(what: impl Into<Arc<str>>, patience: Duration, backoff: Backoff) -> Self {
        let started = Instant::now();
        Self { what: what.into(), started, deadline: started + patience, backoff, attempt: 0 }
    }

    /// Waits for the next attempt; gives up on an error that no retry helps, and at the deadline.
    pub(crate) async fn again(&mut self, error: Error) -> Result<()> {
        if !error.is_retriable() {
            return Err(error);
        }
        let wake = Instant::now() + self.backoff.delay(self.attempt, random::bits());
        if wake >= self.deadline {
            return Err(Error::Deadline {
                what: self.what.clone(),
                after: self.started.elapsed(),
                last: Box::new(error),
            });
        }
        tracing::debug!(what = %self.what, attempt = self.attempt, %error, "retrying");
        self.attempt += 1;
        tokio::time::sleep_until(wake).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_to_its_bound() {
        let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
        let middle = u64::MAX / 2;
        let check = |attempt, expect_ms: u64| {
            let ms = backoff.delay(attempt, middle).as_millis() as u64;
            assert!(ms.abs_diff(expect_ms) <= 1, "attempt {attempt}: {ms}");
        };
        check(0, 100);
        check(1, 200);
        check(3, 800);
        check(4, 1000);
        check(u32::MAX, 1000);
        assert_eq!(backoff.delay(0, 0).as_millis(), 80);
        assert_eq!(backoff.delay(0, u64::MAX).as_millis(), 120);
    }

    #[tokio::test]
    async fn gives_up_at_the_deadline_and_on_what_no_retry_helps() {
        let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(4) };
        let lost = Error::Connect { broker: "b:1".into(), reason: "refused".into() };
        let mut retry = Retry::new("cannot list", Duration::from_millis(60), backoff);
        let mut attempts = 0;
        let error = loop {
            match retry.again(lost.clone()).await {
                Ok(()) => attempts += 1,
                Err(error) => break error,
            }
        };
        assert!((1..=60).contains(&attempts), "{attempts}");
        assert!(error.to_string().starts_with("cannot list: gave up after"), "{error}");
        let mut retry = Retry::new("cannot list", Duration::from_secs(3), backoff);
        assert!(matches!(retry.again(Error::Closed("producer")).await, Err(Error::Closed(_))));
    }
}
