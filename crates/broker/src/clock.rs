//! The shells' clock: both clocks read at once, for machines that take time as an argument.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stdx::Now;

/// Longer than any node runs, and short enough to add to a clock: ten years.
pub(crate) const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// This moment.
pub(crate) fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { unix_ms: unix.as_millis() as i64, monotonic_ms: START.elapsed().as_millis() as u64 }
}

/// The moment of a machine's monotonic deadline.
pub(crate) fn instant(monotonic_ms: u64) -> Instant {
    *START + Duration::from_millis(monotonic_ms)
}
