//! A server under stress: thousands of peers of every kind, churn, floods, and a stop in the middle.
//!
//! The peers are an event loop of their own over plain sockets; nothing of wsbeat is in them. The server is the command,
//! in a process of its own, so that it can be stopped and weighed. `tests/examples/stress.rs` runs it from a command line.

mod fleet;
mod peer;
mod process;
mod report;

use std::time::Duration;

pub use process::{Server, Weight};
pub use report::Report;

/// How hard, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stress {
    /// Connections at once, those that flood aside.
    pub connections: usize,
    /// How long, once all are there.
    pub length: Duration,
    /// How many of a hundred never answer anything; whoever is closed is replaced.
    pub mute_percent: usize,
    /// How many of a hundred answer late, but in time.
    pub late_percent: usize,
    /// How many of a hundred leave every ten seconds, replaced by as many.
    pub churn_percent: usize,
    /// How many flood, each kind in turn.
    pub floods: usize,
    /// What one of them sends, in bytes a second.
    pub flood_bytes_per_s: usize,
    /// How long the server is stopped in the middle.
    pub stop: Duration,
    /// How late a mute peer's close may be: the machine's share of it.
    pub slack: Duration,
}

impl Default for Stress {
    fn default() -> Self {
        Stress {
            connections: 18_000,
            length: Duration::from_secs(600),
            mute_percent: 20,
            late_percent: 5,
            churn_percent: 5,
            floods: 6,
            flood_bytes_per_s: 200_000,
            stop: Duration::from_secs(30),
            slack: Duration::from_secs(1),
        }
    }
}

/// The period of the server's heartbeats.
const PERIOD: Duration = Duration::from_secs(5);
/// A mute peer is closed at its third beat (SPEC §5), the first of which comes within a period.
const MUTE_MAX: Duration = Duration::from_secs(15);
/// Two beats may stay unanswered for a period each, less the tenth that the rules allow; a handshake takes a moment to be seen.
const MUTE_MIN: Duration = Duration::from_millis(9_400);
/// How late those who answer late do it. The rules bear just under two periods, counted from the beat.
const LATE: Duration = Duration::from_secs(4);

impl Stress {
    /// Runs it, and says on standard error how it goes.
    ///
    /// # Errors
    /// It could not be run.
    pub fn run(&self) -> Result<Report, String> {
        fleet::run(self)
    }
}
