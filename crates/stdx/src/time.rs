//! Time as an argument. A pure machine never reads a clock: its shell does, once an input, and passes [`Now`].

/// One reading of both clocks, taken by a shell and handed to a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Wall clock, milliseconds since the Unix epoch: what goes into records and answers. May jump.
    pub unix_ms: i64,
    /// Milliseconds since an arbitrary start, never backwards: what deadlines are made of.
    pub monotonic_ms: u64,
}

impl Now {
    /// Both clocks at the same value: for tests and simulations that advance time themselves.
    pub const fn at_ms(ms: u64) -> Self {
        Self { unix_ms: ms as i64, monotonic_ms: ms }
    }

    /// This reading, `ms` milliseconds later on both clocks.
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self { unix_ms: self.unix_ms + ms as i64, monotonic_ms: self.monotonic_ms + ms }
    }
}
