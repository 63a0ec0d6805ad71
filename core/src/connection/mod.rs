//! One connection: both planes, one phase, no clock.

mod application;
mod beats;
mod grid;
mod inbound;
mod judge;
mod listen;
mod peer;
mod profiles;
mod strict;
pub mod table;
mod transport;
mod view;

pub use beats::Beats;
pub use view::{Asked, PlaneView, RECENT_MAX, View};

use application::Heartbeats;
use inbound::Inbound;
use listen::Heard;
use table::Rule;
use transport::Pings;

use crate::event::{Counter, Input, Plane, Sink, Verdict, VerdictKind};
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
    opened: Instant,
    last_byte: Instant,
    /// The deadline of the handshake, or of the close handshake.
    ends_at: Instant,
    pings: Pings,
    heartbeats: Heartbeats,
    heard: Heard,
    inbound: Inbound,
    malformed: u8,
    unread: bool,
    phase: Phase,
}

/// What every rule may look at.
struct Ctx {
    now: Now,
    chance: Chance,
    opened: Instant,
    last_byte: Instant,
    unread: bool,
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
        Connection {
            guard: Guard::at(now.at),
            chance,
            opened: now.at,
            last_byte: now.at,
            ends_at: now.at.after(policy.limits.handshake_timeout),
            pings: Pings::OFF,
            heartbeats: Heartbeats::OFF,
            heard: Heard::from(now.at),
            inbound: Inbound::default(),
            malformed: 0,
            unread: false,
            phase: Phase::Handshake,
        }
    }

    /// Takes one input to its end; every action goes to `out`. Returns when to call again with [`Input::Tick`].
    #[must_use]
    pub fn step<S: Sink>(&mut self, policy: &Policy, now: Now, input: Input, out: &mut S) -> Instant {
        let mut beats = Beats::alone(self.heartbeats.last_token());
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
        let now = self.present(now, out);
        self.apply(policy, now, input, out);
        self.deadline(policy)
    }

    /// Time has come to `now`, `lateness` after the earliest deadline of all that are asked together.
    #[must_use]
    pub fn tick<S: Sink>(&mut self, policy: &Policy, beats: &mut Beats, now: Now, lateness: Span, out: &mut S) -> Instant {
        let now = self.present(now, out);
        match table::rule(self.phase, &Input::Tick) {
            Rule::Judge => self.judge(policy, beats, now, lateness, out),
            Rule::HandshakeDue if now.at >= self.ends_at => self.handshake_due(policy, now, lateness, out),
            Rule::CloseDue if now.at >= self.ends_at => self.abort(VerdictKind::CloseTimeout, now, out),
            _ => {}
        }
        self.deadline(policy)
    }

    fn present<S: Sink>(&mut self, now: Now, out: &mut S) -> Now {
        let (now, backwards) = self.guard.observe(now);
        if backwards {
            out.count(Counter::ClockBackwards);
        }
        now
    }

    /// When the next [`Input::Tick`] is due.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Instant {
        match self.phase {
            Phase::Ended => Instant::NEVER,
            Phase::Handshake | Phase::Closing | Phase::Echoed => self.ends_at,
            Phase::Open => {
                let cx = self.cx(Now::default());
                let pings = policy.transport.as_ref().map_or(Instant::NEVER, |t| self.pings.deadline(t, &cx));
                let app = policy.application.as_ref().map_or(Instant::NEVER, |a| self.application_deadline(a, &cx));
                pings.min(app).min(self.lifetime_ends(&policy.limits))
            }
        }
    }

    fn cx(&self, now: Now) -> Ctx {
        Ctx { now, chance: self.chance, opened: self.opened, last_byte: self.last_byte, unread: self.unread }
    }

    fn apply<S: Sink>(&mut self, policy: &Policy, now: Now, input: Input, out: &mut S) {
        match (table::rule(self.phase, &input), input) {
            (Rule::Open, _) => self.open(policy, now, out),
            (Rule::Bytes, Input::Bytes(n)) if n > 0 => self.bytes(policy, now),
            (Rule::PeerPing, _) => self.peer_ping(policy, now, out),
            (Rule::Pong, Input::Pong(payload)) => self.pong(policy, now, payload, out),
            (Rule::Heartbeat, Input::Heartbeat(token)) => self.heartbeat(policy, now, token, out),
            (Rule::Answer, Input::Answer(token)) => self.answer(policy, now, token, out),
            (Rule::Data, _) => self.data(policy, now, out),
            (Rule::Ready, _) => self.ready(policy, now, out),
            (Rule::Fault, Input::Fault(fault)) => self.fault(policy, now, fault, out),
            (Rule::Wrote, Input::Wrote(n)) if n > 0 => self.wrote(now),
            (Rule::PingFlushed, Input::PingFlushed(payload)) => self.ping_flushed(policy, now, payload),
            (Rule::HeartbeatFlushed, Input::HeartbeatFlushed(token)) => self.heartbeats.flushed(token, &self.cx(now)),
            (Rule::Sent, _) => self.sent(policy, now),
            (Rule::Unread, _) => self.unread = true,
            (Rule::Echo, Input::PeerClose(code)) => self.echo(policy, now, code, out),
            (Rule::UserPing, _) => self.pings.user_ping(out),
            (Rule::Close, Input::UserClose(code)) => self.close_plain(policy, VerdictKind::User, some_code(code), "", now, out),
            (Rule::Close, _) => self.close_plain(policy, VerdictKind::Drain, Some(1001), "going away", now, out),
            (Rule::Drop, Input::UserClose(_)) => self.abort(VerdictKind::User, now, out),
            (Rule::Drop, _) => self.abort(VerdictKind::Drain, now, out),
            (Rule::Rebase, _) => self.rebase(policy, now, out),
            (Rule::End, _) => self.phase = Phase::Ended,
            _ => {}
        }
    }

    fn open<S: Sink>(&mut self, policy: &Policy, now: Now, out: &mut S) {
        self.phase = Phase::Open;
        (self.opened, self.last_byte, self.heard) = (now.at, now.at, Heard::from(now.at));
        let cx = self.cx(now);
        if let Some(t) = &policy.transport {
            self.pings.start(t, &cx, out);
        }
        if let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) {
            self.heartbeats.start(ask, &cx);
        }
    }

    fn rebase<S: Sink>(&mut self, policy: &Policy, now: Now, out: &mut S) {
        let cx = self.cx(now);
        self.pings.rebase(policy.transport.as_ref(), &cx, out);
        self.heartbeats.rebase(policy.application.as_ref().and_then(|a| a.ask.as_ref()), &cx);
        self.lift(policy, now);
        if let Some(outcome) = self.lifetime_verdict(policy, &cx) {
            self.carry_out(policy, outcome, out);
        }
    }

    /// An input may bring a deadline about that has passed already: it counts as passing now. Nobody was late for it, and
    /// the lateness of a tick (R5) must not come from what a peer sent or an operator changed.
    fn lift(&mut self, policy: &Policy, now: Now) {
        if let Some(t) = &policy.transport {
            self.pings.lift(t, now.at);
        }
        if let Some(app) = &policy.application {
            self.heard.lift(app, now.at);
            if let Some(ask) = &app.ask {
                self.heartbeats.lift(ask, now.at);
            }
        }
    }

    // What we did.

    fn wrote(&mut self, now: Now) {
        self.pings.wrote(now.at);
        self.heartbeats.wrote(now.at);
    }

    fn ping_flushed(&mut self, policy: &Policy, now: Now, payload: crate::event::Payload) {
        let cx = self.cx(now);
        if let Some(t) = &policy.transport {
            self.pings.ping_flushed(t, &cx, payload);
        }
    }

    fn sent(&mut self, policy: &Policy, now: Now) {
        if let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) {
            self.heartbeats.sent(ask, now.at);
        }
    }

    // What can be seen.

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// What can be said of a plane now, for people and metrics.
    #[must_use]
    pub fn status(&self, plane: Plane) -> PlaneStatus {
        match plane {
            Plane::Transport => {
                PlaneStatus { unanswered: self.pings.unanswered, last_answer: self.pings.last_answer(), srtt: self.pings.rtt.smoothed() }
            }
            Plane::Application => {
                PlaneStatus { unanswered: self.heartbeats.unanswered(), last_answer: self.heartbeats.last_answer(), srtt: None }
            }
        }
    }

    /// When it opened (or was accepted, before that).
    #[must_use]
    pub const fn opened_at(&self) -> Instant {
        self.opened
    }

    /// When its last byte came; the opening counts as one.
    #[must_use]
    pub const fn last_byte(&self) -> Instant {
        self.last_byte
    }
}

/// A close code, where 0 stands for an empty body.
const fn some_code(code: u16) -> Option<u16> {
    if code == 0 { None } else { Some(code) }
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
