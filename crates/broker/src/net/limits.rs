//! What strangers may take of the node: connections in total and per address, and memory for requests in flight.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The counts of open connections (`max.connections`, `max.connections.per.ip`, `max.connections.per.ip.overrides`).
pub(crate) struct ConnectionLimits {
    max_total: usize,
    max_per_ip: usize,
    overrides: BTreeMap<IpAddr, usize>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    total: usize,
    per_ip: BTreeMap<IpAddr, usize>,
}

/// Which limit a connection met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// `max.connections`
    Total,
    /// `max.connections.per.ip` or its override
    PerIp,
}

/// A counted connection; dropping it gives its place back.
pub(crate) struct Place {
    limits: Arc<ConnectionLimits>,
    ip: IpAddr,
}

impl ConnectionLimits {
    pub(crate) fn new(max_total: usize, max_per_ip: usize, overrides: BTreeMap<IpAddr, usize>) -> Arc<Self> {
        Arc::new(Self { max_total, max_per_ip, overrides, open: Mutex::default() })
    }

    /// Counts a connection from `ip`, or says which limit forbids it.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<Place, Refused> {
        let mut open = self.open.lock();
        if open.total >= self.max_total {
            return Err(Refused::Total);
        }
        let allowed = self.overrides.get(&ip).copied().unwrap_or(self.max_per_ip);
        let count = open.per_ip.entry(ip).or_default();
        if *count >= allowed {
            if *count == 0 {
                open.per_ip.remove(&ip);
            }
            return Err(Refused::PerIp);
        }
        *count += 1;
        open.total += 1;
        Ok(Place { limits: Arc::clone(self), ip })
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.open.lock().total
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock();
        open.total -= 1;
        if let Some(count) = open.per_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                open.per_ip.remove(&self.ip);
            }
        }
    }
}

/// The memory that requests may hold from the moment their frame is read until their answer is sent. A connection
/// whose request does not fit stops reading until it does.
#[derive(Clone)]
pub(crate) struct RequestMemory {
    permits: Arc<Semaphore>,
    total: u32,
}

/// Permits count kibibytes, since a semaphore counts in 32 bits.
const UNIT_BYTES: usize = 1024;

impl RequestMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        let total = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX >> 3).max(1);
        Self { permits: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Waits for room for a frame. A frame larger than everything waits for everything.
    pub(crate) async fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).clamp(1, self.total);
        Arc::clone(&self.permits).acquire_many_owned(units).await.ok()
    }

    /// The same without waiting; `None` where there is no room now.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).clamp(1, self.total);
        Arc::clone(&self.permits).try_acquire_many_owned(units).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_and_given_back() {
        let ip = |last| IpAddr::from([127, 0, 0, last]);
        let limits = ConnectionLimits::new(3, 2, BTreeMap::from([(ip(9), 0)]));
        let first = limits.admit(ip(1)).ok();
        let _second = limits.admit(ip(1)).ok();
        assert_eq!(limits.admit(ip(1)).err(), Some(Refused::PerIp));
        assert_eq!(limits.admit(ip(9)).err(), Some(Refused::PerIp));
        let _third = limits.admit(ip(2)).ok();
        assert_eq!(limits.admit(ip(3)).err(), Some(Refused::Total));
        drop(first);
        assert_eq!(limits.open(), 2);
        assert!(limits.admit(ip(1)).is_ok());
    }
}
