//! The clock that is handed to the core.

use std::time::Instant as StdInstant;

use wsbeat_core::time::{Instant, Now};

use crate::clock::wall_ms;

/// Monotonic time since the server was made, and Unix time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    zero: StdInstant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Clock { zero: StdInstant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        Now::new(self.monotonic(), wall_ms())
    }

    pub(crate) fn monotonic(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
