//! How long things took: counts in buckets whose bounds grow by an eighth, from a microsecond to an hour.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Steps between two powers of two.
const STEPS: usize = 8;
/// Powers of two of a microsecond: 2^32 µs is more than an hour.
const POWERS: usize = 32;
const BUCKETS: usize = STEPS * POWERS;

/// A distribution of durations; quantiles are off by an eighth at most. Costs a pointer until the first record.
#[derive(Default, Debug)]
pub(crate) struct Latency {
    buckets: OnceLock<Box<[AtomicU64]>>,
    sum_us: AtomicU64,
}

fn bucket(us: u64) -> usize {
    let us = us.max(1);
    let power = us.ilog2() as usize;
    // The bits after the leading one choose the step.
    let step = if power >= 3 {
        (us >> (power - 3)) as usize & (STEPS - 1)
    } else {
        ((us << (3 - power)) as usize) & (STEPS - 1)
    };
    (power * STEPS + step).min(BUCKETS - 1)
}

fn upper_bound_us(bucket: usize) -> f64 {
    let (power, step) = (bucket / STEPS, bucket % STEPS);
    (1u64 << power) as f64 * (1.0 + (step + 1) as f64 / STEPS as f64)
}

impl Latency {
    pub(crate) fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let buckets = self.buckets.get_or_init(|| (0..BUCKETS).map(|_| AtomicU64::new(0)).collect());
        if let Some(count) = buckets.get(bucket(us)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// How many were recorded, and their sum in milliseconds.
    pub(crate) fn count_and_sum_ms(&self) -> (u64, f64) {
        let count =
            self.buckets.get().map_or(0, |buckets| buckets.iter().map(|b| b.load(Ordering::Relaxed)).sum());
        (count, self.sum_us.load(Ordering::Relaxed) as f64 / 1000.0)
    }

    /// The given quantiles (0 to 1) in milliseconds; zeros while nothing is recorded.
    pub(crate) fn quantiles_ms<const N: usize>(&self, quantiles: [f64; N]) -> [f64; N] {
        let Some(buckets) = self.buckets.get() else { return [0.0; N] };
        let counts: Vec<u64> = buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        quantiles.map(|quantile| {
            let rank = (quantile * total as f64).ceil().max(1.0) as u64;
            let mut seen = 0;
            let at = counts.iter().position(|count| {
                seen += count;
                seen >= rank
            });
            at.map_or(0.0, |bucket| upper_bound_us(bucket) / 1000.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_an_eighth() {
        let latency = Latency::default();
        for us in 1..=10_000u64 {
            latency.record(Duration::from_micros(us));
        }
        let [p50, p99] = latency.quantiles_ms([0.5, 0.99]);
        assert!((5.0..5.7).contains(&p50), "{p50}");
        assert!((9.9..11.3).contains(&p99), "{p99}");
        assert_eq!(latency.count_and_sum_ms().0, 10_000);
    }

    #[test]
    fn extremes_have_a_bucket() {
        let latency = Latency::default();
        latency.record(Duration::ZERO);
        latency.record(Duration::MAX);
        assert_eq!(latency.count_and_sum_ms().0, 2);
        assert_eq!(Latency::default().quantiles_ms([0.5]), [0.0]);
    }
}
