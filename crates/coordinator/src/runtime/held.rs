//! Replies that wait until the records they rest on are committed.

use std::collections::VecDeque;

use protocol::Offset;
use stdx::Now;

use super::Reply;

/// A reply with its condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Held<R> {
    /// Leaves when the high watermark is at least this.
    pub until: Offset,
    /// Fails when it has not left by this monotonic millisecond.
    pub deadline_ms: u64,
    /// What leaves.
    pub reply: Reply<R>,
}

/// The replies that wait, in the order of their conditions.
#[derive(Clone, Debug)]
pub(super) struct HeldReplies<R> {
    queue: VecDeque<Held<R>>,
}

impl<R> Default for HeldReplies<R> {
    fn default() -> Self {
        Self { queue: VecDeque::new() }
    }
}

impl<R> HeldReplies<R> {
    /// Holds a reply. Offsets are appended in order and every reply waits equally long, so both conditions ascend.
    pub(super) fn hold(&mut self, held: Held<R>) {
        debug_assert!(self.queue.back().is_none_or(|last| last.until <= held.until));
        self.queue.push_back(held);
    }

    /// Takes what `high_watermark` commits.
    pub(super) fn release(&mut self, high_watermark: Offset) -> Vec<Reply<R>> {
        self.take_while(|held| held.until <= high_watermark)
    }

    /// Takes what was not committed in time.
    pub(super) fn overdue(&mut self, now: Now) -> Vec<Reply<R>> {
        self.take_while(|held| held.deadline_ms <= now.monotonic_ms)
    }

    /// Takes all.
    pub(super) fn drain(&mut self) -> Vec<Reply<R>> {
        self.take_while(|_| true)
    }

    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.queue.front().map(|held| held.deadline_ms)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    fn take_while(&mut self, condition: impl Fn(&Held<R>) -> bool) -> Vec<Reply<R>> {
        let count = self.queue.iter().take_while(|held| condition(held)).count();
        self.queue.drain(..count).map(|held| held.reply).collect()
    }
}
