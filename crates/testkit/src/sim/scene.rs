//! What everybody in a run shares: the time, the dice, the disk, the oracles, the trace, and the answers on their way.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::rc::Rc;

use coordinator::group::Response;
use log::disk::sim::SimDisk;
use protocol::ErrorCode;
use stdx::{Now, Random};

use super::event::Event;
use super::invariants::Oracles;
use super::plan::Plan;

/// What one run has done and seen, a line each: equal for two runs of one seed.
#[derive(Clone, Debug, Default)]
pub struct Trace(Rc<RefCell<String>>);

impl Trace {
    /// All lines.
    pub fn text(&self) -> String {
        self.0.borrow().clone()
    }

    /// The last lines.
    pub fn tail(&self, lines: usize) -> String {
        let text = self.0.borrow();
        let from = text.lines().count().saturating_sub(lines);
        text.lines().skip(from).flat_map(|line| [line, "\n"]).collect()
    }

    fn line(&self, now: Now, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.0.borrow_mut(), "{:>8} {line}", now.monotonic_ms);
    }
}

/// The number by which a client knows its request again.
pub(crate) type Token = u64;

/// An answer of the node.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// To a producer: the offset of the first record.
    Produce(Result<i64, ErrorCode>),
    /// To a member of a group, or to an admin of one.
    Group(Box<Response>),
}

pub(crate) struct Scene {
    pub(crate) now: Now,
    pub(crate) random: Random,
    pub(crate) disk: SimDisk,
    pub(crate) plan: Plan,
    pub(crate) oracles: Oracles,
    /// Something may fail in this step.
    pub(crate) faulty: bool,
    /// What the node answers in this step. It leaves if the process lives to the end of it.
    pub(crate) outbox: Vec<(Token, Answer)>,
    trace: Trace,
    next_token: Token,
}

impl Scene {
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let mut random = Random::from_seed(seed);
        let plan = Plan::draw(&mut random);
        Self {
            now: Now { unix_ms: 1_700_000_000_000, monotonic_ms: 0 },
            disk: SimDisk::new(random.next_u64()),
            random,
            oracles: Oracles::new(&plan),
            plan,
            faulty: false,
            outbox: Vec::new(),
            trace,
            next_token: 0,
        }
    }

    pub(crate) fn trace(&self, line: fmt::Arguments<'_>) {
        self.trace.line(self.now, line);
    }

    /// Tells the oracles.
    pub(crate) fn observe(&mut self, event: &Event<'_>) {
        self.oracles.observe(event);
    }

    pub(crate) fn token(&mut self) -> Token {
        self.next_token += 1;
        self.next_token
    }

    /// One time in `of`.
    pub(crate) fn once_in(&mut self, of: usize) -> bool {
        self.random.below(of) == 0
    }

    /// A number from a range.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.random.below((most - least + 1).max(1) as usize) as i64
    }

    /// One of some.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len())].clone()
    }
}
