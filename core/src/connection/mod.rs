//! One connection: both planes, one phase, no clock.

use crate::event::{Input, Plane, Sink};
use crate::policy::Policy;
use crate::rng::Chance;
use crate::time::{Instant, Now, Span};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The upgrade is under way.
    Handshake,
    /// Open: both planes run.
    Open,
    /// We sent a close frame and wait for the peer's.
    Closing,
    /// We echoed the peer's close frame and wait for the end of the stream.
    Echoed,
    /// Over: nothing follows.
    Ended,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    phase: Phase,
}

impl Connection {
    /// A connection whose upgrade is under way since `now`.
    #[must_use]
    pub fn accepted(policy: &Policy, now: Now, chance: Chance) -> Self {
        let _ = (policy, now, chance);
        todo!()
    }

    /// Takes one input to its end; every action goes to `out`. Returns when to call again with [`Input::Tick`].
    #[must_use]
    pub fn step<S: Sink>(&mut self, policy: &Policy, now: Now, input: Input, out: &mut S) -> Instant {
        let _ = (policy, now, input, out);
        todo!()
    }

    /// When the next [`Input::Tick`] is due.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Instant {
        let _ = policy;
        todo!()
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// What can be said of it now, for people and metrics.
    #[must_use]
    pub fn status(&self, plane: Plane) -> PlaneStatus {
        let _ = plane;
        todo!()
    }

    /// When it opened (or was accepted, before that).
    #[must_use]
    pub const fn opened_at(&self) -> Instant {
        todo!()
    }

    /// When its last byte came; the opening counts as one.
    #[must_use]
    pub const fn last_byte(&self) -> Instant {
        todo!()
    }
}

/// The state of one plane of a connection, for people and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PlaneStatus {
    /// Pings or heartbeats that stand unanswered.
    pub unanswered: u32,
    /// When the last answer came.
    pub last_answer: Option<Instant>,
    /// The smoothed round trip (RFC 6298); transport only.
    pub srtt: Option<Span>,
}
