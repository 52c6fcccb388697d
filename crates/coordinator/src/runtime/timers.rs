//! Deadlines as data: an ordered set, so that what is due next is its first element and an idle key costs nothing.

use std::collections::{BTreeMap, BTreeSet};

use stdx::Now;

/// What a proposal does to a timer. A later change of the same key replaces an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerChange<K> {
    /// Fire at this monotonic millisecond, instead of whenever the key was to fire.
    Schedule(K, u64),
    /// Fire at this monotonic millisecond, unless the key is to fire already.
    ScheduleIfAbsent(K, u64),
    /// Do not fire.
    Cancel(K),
}

impl<K> TimerChange<K> {
    /// Fire `delay_ms` after `now`; a negative delay is none.
    pub fn after(key: K, now: Now, delay_ms: i64) -> Self {
        Self::Schedule(key, now.monotonic_ms.saturating_add(u64::try_from(delay_ms).unwrap_or(0)))
    }
}

/// Every timer of a coordinator. A key fires once, then it is gone.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    deadlines: BTreeMap<K, u64>,
    order: BTreeSet<(u64, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { deadlines: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Applies one change.
    pub fn change(&mut self, change: TimerChange<K>) {
        match change {
            TimerChange::Schedule(key, at_ms) => self.schedule(key, at_ms),
            TimerChange::ScheduleIfAbsent(key, _) if self.deadlines.contains_key(&key) => {}
            TimerChange::ScheduleIfAbsent(key, at_ms) => self.schedule(key, at_ms),
            TimerChange::Cancel(key) => self.cancel(&key),
        }
    }

    /// Replaces the deadline of `key`.
    pub fn schedule(&mut self, key: K, at_ms: u64) {
        if let Some(before) = self.deadlines.insert(key.clone(), at_ms) {
            self.order.remove(&(before, key.clone()));
        }
        self.order.insert((at_ms, key));
    }

    /// Forgets `key`.
    pub fn cancel(&mut self, key: &K) {
        if let Some(before) = self.deadlines.remove(key) {
            self.order.remove(&(before, key.clone()));
        }
    }

    /// The earliest deadline.
    pub fn first(&self) -> Option<(u64, &K)> {
        self.order.first().map(|(at_ms, key)| (*at_ms, key))
    }

    /// The first key whose deadline has passed.
    pub fn due(&self, now: Now) -> Option<&K> {
        self.first().filter(|(at_ms, _)| *at_ms <= now.monotonic_ms).map(|(_, key)| key)
    }

    /// How many keys wait.
    pub fn len(&self) -> usize {
        self.deadlines.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.deadlines.is_empty()
    }

    /// Forgets every key.
    pub fn clear(&mut self) {
        self.deadlines.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_of_a_key_counts() {
        let mut timers = Timers::default();
        timers.change(TimerChange::Schedule("a", 30));
        timers.change(TimerChange::Schedule("b", 20));
        timers.change(TimerChange::Schedule("a", 10));
        assert_eq!(timers.first(), Some((10, &"a")));
        assert_eq!(timers.due(Now::at_ms(9)), None);
        assert_eq!(timers.due(Now::at_ms(10)), Some(&"a"));
        timers.change(TimerChange::ScheduleIfAbsent("a", 40));
        assert_eq!(timers.first(), Some((10, &"a")));
        timers.change(TimerChange::Cancel("a"));
        assert_eq!(timers.first(), Some((20, &"b")));
        timers.change(TimerChange::ScheduleIfAbsent("c", 15));
        assert_eq!(timers.first(), Some((15, &"c")));
        timers.cancel(&"c");
        timers.cancel(&"b");
        timers.cancel(&"never");
        assert!(timers.is_empty() && timers.first().is_none());
    }

    #[test]
    fn a_negative_delay_is_none() {
        assert_eq!(TimerChange::after("a", Now::at_ms(5), -1), TimerChange::Schedule("a", 5));
        assert_eq!(TimerChange::after("a", Now::at_ms(5), 7), TimerChange::Schedule("a", 12));
    }
}
