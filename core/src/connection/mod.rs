//! One connection: both planes, one phase, no clock.

mod answers;
mod application;
mod beats;
mod fields;
mod flags;
mod grid;
mod heard;
mod inbound;
mod judge;
mod listen;
mod near;
mod peer;
mod profiles;
mod rest;
mod state;
mod step;
mod strict;
pub mod table;
mod transport;
mod view;

pub use beats::Beats;
pub use view::{Asked, PlaneView, RECENT_MAX, View};

pub(crate) use state::State;
pub(crate) use step::steady;

use core::fmt;

use crate::event::{Counter, Input, Plane, Sink, Verdict};
use crate::policy::Policy;
use crate::rng::Chance;
use crate::time::{Guard, Instant, Now, Span};

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

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 5] = [Phase::Handshake, Phase::Open, Phase::Closing, Phase::Echoed, Phase::Ended];
}

/// One connection.
///
/// How to call it: give every [`Input`] to [`step`](Connection::step) as it happens, with the present; do at once what the
/// sink is told; call again with [`Input::Tick`] when the instant that came back has come, and not before what has arrived
/// by then was put in (R1). [`Input::Opened`] starts both planes. When [`phase`](Connection::phase) is [`Phase::Ended`],
/// forget it. The policy is given with every step, so that many connections can share one; say [`Input::Reconfigured`]
/// with the first step under another.
#[derive(Clone, Debug, Hash)]
pub struct Connection {
    guard: Guard,
    chance: Chance,
    state: State,
}

/// A connection to look at: one of a [`Hub`](crate::hub::Hub), or one that stands alone.
#[derive(Clone, Copy)]
pub struct ConnectionRef<'a> {
    state: &'a State,
    chance: Chance,
}

/// What every rule may look at besides the state.
pub(crate) struct Ctx {
    pub(crate) now: Now,
    pub(crate) chance: Chance,
}

/// How a verdict is carried out.
enum Outcome {
    Close(Verdict),
    Abort(Verdict),
}

impl Connection {
    /// A connection whose upgrade is under way since `now`. Its chance decides phases, jitter and payloads.
    #[must_use]
    pub fn accepted(policy: &Policy, now: Now, chance: Chance) -> Self {
        Connection { guard: Guard::at(now.at), chance, state: State::new(policy, now.at) }
    }

    /// Takes one input to its end; every action goes to `out`. Returns when to call again with [`Input::Tick`].
    #[must_use]
    pub fn step<S: Sink>(&mut self, policy: &Policy, now: Now, input: Input, out: &mut S) -> Instant {
        // It shares its tokens with nobody: each follows from the one before.
        let mut beats = Beats::default();
        if input == Input::Tick {
            let lateness = now.at.since(self.deadline(policy));
            return self.tick(policy, &mut beats, now, lateness, out);
        }
        self.step_shared(policy, &mut beats, now, input, out)
    }

    /// [`step`](Connection::step) for a connection among others that share `beats`. `Tick` counts as not late: see [`tick`](Connection::tick).
    #[must_use]
    pub fn step_shared<S: Sink>(&mut self, policy: &Policy, beats: &mut Beats, now: Now, input: Input, out: &mut S) -> Instant {
        if input == Input::Tick {
            return self.tick(policy, beats, now, Span::ZERO, out);
        }
        let cx = self.present(now, out);
        self.state.step(policy, &cx, input, out)
    }

    /// Time has come to `now`, `lateness` after the earliest deadline of all that are asked together.
    #[must_use]
    pub fn tick<S: Sink>(&mut self, policy: &Policy, beats: &mut Beats, now: Now, lateness: Span, out: &mut S) -> Instant {
        let cx = self.present(now, out);
        self.state.tick(policy, beats, &cx, lateness, out)
    }

    fn present<S: Sink>(&mut self, now: Now, out: &mut S) -> Ctx {
        let (now, backwards) = self.guard.observe(now);
        if backwards {
            out.count(Counter::ClockBackwards);
        }
        Ctx { now, chance: self.chance }
    }

    /// When the next [`Input::Tick`] is due.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Instant {
        self.by_ref().deadline(policy)
    }

    /// It, to look at.
    #[must_use]
    pub const fn by_ref(&self) -> ConnectionRef<'_> {
        ConnectionRef { state: &self.state, chance: self.chance }
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// What can be said of a plane now, for people and metrics.
    #[must_use]
    pub fn status(&self, plane: Plane) -> PlaneStatus {
        self.state.status(plane)
    }

    /// When it opened (or was accepted, before that).
    #[must_use]
    pub const fn opened_at(&self) -> Instant {
        self.by_ref().opened_at()
    }

    /// When its last byte came; the opening counts as one.
    #[must_use]
    pub const fn last_byte(&self) -> Instant {
        self.by_ref().last_byte()
    }

    /// What can be seen of it now. `policy` is the one that it runs under.
    #[must_use]
    pub fn view(&self, policy: &Policy) -> View {
        self.by_ref().view(policy)
    }
}

impl<'a> ConnectionRef<'a> {
    pub(crate) const fn new(state: &'a State, chance: Chance) -> Self {
        ConnectionRef { state, chance }
    }

    const fn cx(self) -> Ctx {
        Ctx { now: Now::new(Instant::ZERO, 0), chance: self.chance }
    }

    /// When the next [`Input::Tick`] is due.
    #[must_use]
    pub fn deadline(self, policy: &Policy) -> Instant {
        self.state.deadline(policy, &self.cx())
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(self) -> Phase {
        self.state.phase()
    }

    /// What can be said of a plane now, for people and metrics.
    #[must_use]
    pub fn status(self, plane: Plane) -> PlaneStatus {
        self.state.status(plane)
    }

    /// When it opened (or was accepted, before that).
    #[must_use]
    pub const fn opened_at(self) -> Instant {
        self.state.opened
    }

    /// When its last byte came; the opening counts as one.
    #[must_use]
    pub const fn last_byte(self) -> Instant {
        self.state.last_byte
    }

    /// What can be seen of it now. `policy` is the one that it runs under.
    #[must_use]
    pub fn view(self, policy: &Policy) -> View {
        self.state.view(policy, &self.cx())
    }
}

impl fmt::Debug for ConnectionRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
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
