//! When to connect again: a pure function.

use std::time::Duration;

use wsbeat_core::rng::Rng;

/// How a lost connection is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The upper end of the first delay; default 1 s.
    pub base: Duration,
    /// The upper end of every delay; default 60 s.
    pub cap: Duration,
    /// How long a connection has to last until delays begin at `base` again; default 60 s.
    pub stable_after: Duration,
    /// How many attempts in a row may fail, the first connection not counted; 0: never again; `None`: no limit; default none.
    pub attempts_max: Option<u32>,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            stable_after: Duration::from_secs(60),
            attempts_max: None,
        }
    }
}

impl Backoff {
    /// Never connect again.
    #[must_use]
    pub fn never() -> Self {
        Backoff {
            attempts_max: Some(0),
            ..Backoff::default()
        }
    }
}

/// Why a connection is no more, as far as the next attempt depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The peer closed with this code and reason.
    Closed {
        /// Its code; `None` for an empty body.
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
    /// The upgrade was refused with this HTTP status.
    Refused {
        /// The status.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// We gave the peer up, with this verdict's name.
    GivenUp(&'static str),
    /// The connection was lost, or could not be made: what was said.
    Lost(String),
}

/// What to do after a connection is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Connect again after this long.
    After(Duration),
    /// Stop.
    Stop,
}

/// The attempts so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Attempts {
    failed: u32,
}

impl Attempts {
    /// What to do now that a connection, which had been open for `lasted` (zero where it never was), is no more.
    pub fn decide(&mut self, backoff: &Backoff, why: &Why, lasted: Duration, rng: &mut Rng) -> Decision {
        let _ = (backoff, why, lasted, rng, self.failed);
        todo!()
    }
}
