//! The only place that asks what time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wsbeat_core::time::{Instant, Now};

/// Monotonic and wall-clock time, as the core wants it.
///
/// The zero of its monotonic time is its making; copies share it. Monotonic time is tokio's, so that paused time in
/// tests moves it. The wall clock is read anew each time: it serves tokens that are timestamps and decides nothing.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: tokio::time::Instant,
    wall: Wall,
}

#[derive(Clone, Copy, Debug)]
enum Wall {
    System,
    From(u64),
}

impl Clock {
    /// A clock whose zero is now and whose wall clock is the system's.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads clocks")]
    pub fn new() -> Self {
        Clock { zero: tokio::time::Instant::now(), wall: Wall::System }
    }

    /// A clock whose wall clock stands at `wall_ms` (Unix milliseconds) now and moves with monotonic time.
    #[must_use]
    pub fn with_wall(wall_ms: u64) -> Self {
        Clock { wall: Wall::From(wall_ms), ..Clock::new() }
    }

    /// The present.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads clocks")]
    pub fn now(&self) -> Now {
        let passed = tokio::time::Instant::now().saturating_duration_since(self.zero);
        let wall_ms = match self.wall {
            Wall::System => wall_ms(),
            Wall::From(start) => start.saturating_add(millis(passed)),
        };
        Now::new(Instant::from_nanos(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)), wall_ms)
    }

    /// The instant of tokio's timers at which `at` has come; `None` for [`Instant::NEVER`] and what lies beyond the
    /// timer's range.
    #[must_use]
    pub fn timer(&self, at: Instant) -> Option<tokio::time::Instant> {
        if at == Instant::NEVER {
            return None;
        }
        self.zero.checked_add(Duration::from_nanos(at.as_nanos()))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::new()
    }
}

/// The wall clock, in Unix milliseconds.
#[allow(clippy::disallowed_methods, reason = "this is the one place that reads clocks")]
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}
