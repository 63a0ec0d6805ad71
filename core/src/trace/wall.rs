//! The wall clock of a trace.

use crate::time::{Instant, Now, Span};

/// The last `wall` that was given, and the time of its line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wall {
    given_ms: u64,
    at: Instant,
    /// There was a line.
    begun: bool,
}

impl Wall {
    /// A line at `at` gives `wall_ms`, or none.
    pub(super) fn line(&mut self, at: Instant, wall_ms: Option<u64>) {
        match wall_ms {
            Some(given_ms) => *self = Wall { given_ms, at, begun: true },
            None if !self.begun => *self = Wall { given_ms: 0, at, begun: true },
            None => {}
        }
    }

    /// The present: what was given plus the whole milliseconds since.
    pub(super) fn now(&self, at: Instant) -> Now {
        let passed_ms = at.since(self.at).as_nanos() / Span::from_millis(1).as_nanos();
        Now::new(at, self.given_ms.saturating_add(passed_ms))
    }
}
