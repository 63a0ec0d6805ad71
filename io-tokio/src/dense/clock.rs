//! The clock that is handed to the core.

use std::time::{Instant as StdInstant, SystemTime, UNIX_EPOCH};

use wsbeat_core::time::{Instant, Now};

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
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now::new(self.monotonic(), u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn monotonic(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
