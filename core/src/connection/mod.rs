//! One connection: both planes, one phase, no clock.

mod application;
mod grid;
mod inbound;
mod listen;
mod profiles;
mod strict;
pub mod table;
mod transport;

pub use application::Beats;

use application::Heartbeats;
use inbound::{Inbound, Judged};
use listen::{Heard, Sign};
use table::Rule;
use transport::Pings;

use crate::event::{Action, Counter, Fault, Input, Note, Plane, Sink, Verdict, VerdictKind};
use crate::policy::{Application, Counts, Limits, Policy, Profile, STALL_AFTER_MAX};
use crate::rng::{Chance, Purpose};
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
#[derive(Clone, Debug)]
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

/// The short close handshake of a peer that has sent no byte for twice the timeout.
const CLOSE_TIMEOUT_SHORT: Span = Span::from_secs(1);

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
        let mut beats = Beats::default();
        if input == Input::Tick {
            let lateness = now.at.since(self.deadline(policy));
            return self.tick(policy, &mut beats, now, lateness, out);
        }
        self.step_shared(policy, &mut beats, now, input, out)
    }

    /// [`step`](Connection::step) for a connection among others. `Tick` counts as not late: see [`tick`](Connection::tick).
    pub(crate) fn step_shared<S: Sink>(&mut self, policy: &Policy, beats: &mut Beats, now: Now, input: Input, out: &mut S) -> Instant {
        if input == Input::Tick {
            return self.tick(policy, beats, now, Span::ZERO, out);
        }
        let now = self.present(now, out);
        self.apply(policy, now, input, out);
        self.deadline(policy)
    }

    /// Time has come to `now`, `lateness` after the earliest deadline of all that are asked together.
    pub(crate) fn tick<S: Sink>(&mut self, policy: &Policy, beats: &mut Beats, now: Now, lateness: Span, out: &mut S) -> Instant {
        let now = self.present(now, out);
        match table::rule(self.phase, &Input::Tick) {
            Rule::Judge => self.judge(policy, beats, now, lateness, out),
            Rule::HandshakeDue if now.at >= self.ends_at => self.abort(VerdictKind::Handshake, now, out),
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
                let app = policy
                    .application
                    .as_ref()
                    .map_or(Instant::NEVER, |a| self.application_deadline(a, &cx));
                pings.min(app).min(self.lifetime_ends(&policy.limits))
            }
        }
    }

    fn application_deadline(&self, app: &Application, cx: &Ctx) -> Instant {
        let ask = app.ask.as_ref().map_or(Instant::NEVER, |ask| self.heartbeats.deadline(ask, cx));
        ask.min(self.heard.deadline(app, cx))
    }

    /// The maximum age, ± 10 %, drawn from the seed.
    fn lifetime_ends(&self, limits: &Limits) -> Instant {
        limits.max_lifetime.map_or(Instant::NEVER, |life| {
            let tenth = life.part(10);
            self.opened
                .after(life.minus(tenth))
                .after(self.chance.span(Purpose::Lifetime, 0, tenth.times(2)))
        })
    }

    fn cx(&self, now: Now) -> Ctx {
        Ctx {
            now,
            chance: self.chance,
            opened: self.opened,
            last_byte: self.last_byte,
            unread: self.unread,
        }
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
        self.heartbeats
            .rebase(policy.application.as_ref().and_then(|a| a.ask.as_ref()), &cx);
    }

    // What the peer does.

    fn touch(&mut self, now: Now) {
        self.last_byte = now.at;
        self.heartbeats.heard();
    }

    fn sign(&mut self, policy: &Policy, sign: Sign, now: Now) {
        if let Some(app) = &policy.application {
            self.heard.sign(app, sign, now.at);
        }
    }

    fn bytes(&mut self, policy: &Policy, now: Now) {
        self.touch(now);
        self.unread = false;
        if let Some(t) = &policy.transport {
            self.pings.bytes(t);
        }
        self.sign(policy, Sign::Bytes, now);
    }

    fn frame(&mut self, policy: &Policy, sign: Sign, now: Now) {
        self.touch(now);
        if let Some(t) = &policy.transport {
            self.pings.frame(t);
        }
        self.sign(policy, sign, now);
    }

    fn message(&mut self, policy: &Policy, sign: Sign, now: Now) {
        self.frame(policy, sign, now);
        self.malformed = 0;
        if let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) {
            self.heartbeats.message(ask, now.at);
        }
    }

    fn peer_ping<S: Sink>(&mut self, policy: &Policy, now: Now, out: &mut S) {
        self.frame(policy, Sign::Ping, now);
        out.count(Counter::PingsReceived);
        match self.inbound.ping(&policy.limits, now.at) {
            Judged::Allowed => {}
            Judged::Struck => out.count(Counter::PingsStruck),
            Judged::TooMany => {
                out.count(Counter::PingsStruck);
                self.close_plain(policy, VerdictKind::TooManyPings, Some(1008), "too many pings", now, out);
            }
        }
    }

    fn pong<S: Sink>(&mut self, policy: &Policy, now: Now, payload: crate::event::Payload, out: &mut S) {
        self.frame(policy, Sign::Bytes, now);
        let cx = self.cx(now);
        match &policy.transport {
            Some(t) => self.pings.pong(t, &cx, payload, out),
            None if self.pings.user_pong(out) => {}
            None => out.count(Counter::PongsUnsolicited),
        }
    }

    fn heartbeat<S: Sink>(&mut self, policy: &Policy, now: Now, token: crate::event::Token, out: &mut S) {
        let Some(app) = &policy.application else {
            return self.data(policy, now, out);
        };
        self.message(policy, Sign::Heartbeat, now);
        out.count(Counter::HeartbeatsReceived);
        if app.answers_peer {
            out.count(Counter::AnswersSent);
            out.action(Action::Answer(token));
        }
    }

    fn answer<S: Sink>(&mut self, policy: &Policy, now: Now, token: crate::event::Token, out: &mut S) {
        let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) else {
            return self.data(policy, now, out);
        };
        self.message(policy, Sign::Answer, now);
        let cx = self.cx(now);
        self.heartbeats.answer(ask, token, &cx, out);
    }

    fn data<S: Sink>(&mut self, policy: &Policy, now: Now, out: &mut S) {
        self.message(policy, Sign::Data, now);
        out.action(Action::Deliver);
    }

    fn ready<S: Sink>(&mut self, policy: &Policy, now: Now, out: &mut S) {
        let cx = self.cx(now);
        if let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) {
            self.heartbeats.ready(ask, &cx);
        }
        self.data(policy, now, out);
    }

    fn fault<S: Sink>(&mut self, policy: &Policy, now: Now, fault: Fault, out: &mut S) {
        let (kind, code, reason) = match fault {
            Fault::Malformed => return self.malformed(policy, now, out),
            Fault::TooBig => (VerdictKind::TooBig, 1009, "message too big"),
            Fault::Protocol => (VerdictKind::Protocol, 1002, "protocol error"),
            Fault::Utf8 => (VerdictKind::Protocol, 1007, "invalid UTF-8"),
            Fault::Assembly => (VerdictKind::Assembly, 1008, "message takes too long"),
            Fault::Handler => (VerdictKind::Handler, 1011, "internal error"),
        };
        self.close_plain(policy, kind, Some(code), reason, now, out);
    }

    fn malformed<S: Sink>(&mut self, policy: &Policy, now: Now, out: &mut S) {
        self.frame(policy, Sign::Bytes, now);
        out.count(Counter::Malformed);
        self.malformed = self.malformed.saturating_add(1);
        if self.malformed > policy.limits.malformed_max {
            self.close_plain(policy, VerdictKind::Malformed, Some(1007), "malformed heartbeats", now, out);
        }
    }

    /// The peer closes first: echo (RFC 6455 §5.5.1), then wait for the end of the stream.
    fn echo<S: Sink>(&mut self, policy: &Policy, now: Now, code: u16, out: &mut S) {
        self.touch(now);
        let code = match code {
            0 => None,
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(code),
            _ => Some(1002),
        };
        self.close_plain(policy, VerdictKind::PeerClosed, code, "", now, out);
        self.phase = Phase::Echoed;
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

    // What is due.

    /// Of what is due at the same instant: transport verdict, application verdict, lifetime, ping, heartbeat. One verdict ends it.
    fn judge<S: Sink>(&mut self, policy: &Policy, beats: &mut Beats, now: Now, lateness: Span, out: &mut S) {
        if now.at < self.deadline(policy) {
            return;
        }
        let transport_stalled = lateness > transport_stall_after(policy);
        let application_stalled = lateness > application_stall_after(policy);
        if transport_stalled || application_stalled {
            out.count(Counter::Stalls);
            out.action(Action::Note(Note::Stalled { lateness }));
        }
        let cx = self.cx(now);
        if let Some(outcome) = self.verdict(policy, &cx, transport_stalled, application_stalled) {
            return self.carry_out(policy, outcome, out);
        }
        if let Some(t) = &policy.transport {
            if transport_stalled {
                self.pings.strict_stalled(t, &cx, out)
            } else {
                self.pings.ping(t, &cx, out)
            }
        }
        if let Some(app) = &policy.application {
            let after_beat = self.beat(app, beats, &cx, application_stalled, out);
            if let Some(outcome) = after_beat {
                self.carry_out(policy, outcome, out);
            }
        }
    }

    fn verdict(&self, policy: &Policy, cx: &Ctx, transport_stalled: bool, application_stalled: bool) -> Option<Outcome> {
        let transport = policy
            .transport
            .as_ref()
            .filter(|_| !transport_stalled)
            .and_then(|t| self.pings.judge(t, cx));
        transport
            .or_else(|| {
                policy
                    .application
                    .as_ref()
                    .filter(|_| !application_stalled)
                    .and_then(|a| self.application_verdict(a, cx))
            })
            .or_else(|| {
                self.lifetime_verdict(policy, cx)
                    .filter(|_| !transport_stalled && !application_stalled)
            })
    }

    fn application_verdict(&self, app: &Application, cx: &Ctx) -> Option<Outcome> {
        let asked = app.ask.as_ref().and_then(|ask| self.heartbeats.judge(app, ask, cx));
        asked.or_else(|| self.heard.judge(app, cx))
    }

    fn lifetime_verdict(&self, policy: &Policy, cx: &Ctx) -> Option<Outcome> {
        let deadline = self.lifetime_ends(&policy.limits);
        let verdict = Verdict::plain(VerdictKind::Lifetime, Some(1012), "please reconnect", cx.now.at, cx.last_byte);
        (cx.now.at >= deadline).then_some(Outcome::Close(Verdict { deadline, ..verdict }))
    }

    fn beat<S: Sink>(&mut self, app: &Application, beats: &mut Beats, cx: &Ctx, stalled: bool, out: &mut S) -> Option<Outcome> {
        if stalled {
            self.heard = Heard::from(cx.now.at);
        }
        let ask = app.ask.as_ref()?;
        if stalled {
            self.heartbeats.stalled(ask, beats, cx, out);
            return None;
        }
        self.heartbeats.beat(app, ask, beats, cx, out)
    }

    // How it ends.

    fn carry_out<S: Sink>(&mut self, policy: &Policy, outcome: Outcome, out: &mut S) {
        match outcome {
            Outcome::Close(verdict) => self.close(policy, verdict, out),
            Outcome::Abort(verdict) => {
                self.phase = Phase::Ended;
                out.action(Action::Abort(verdict));
            }
        }
    }

    fn close<S: Sink>(&mut self, policy: &Policy, verdict: Verdict, out: &mut S) {
        self.phase = Phase::Closing;
        self.ends_at = verdict.now.after(self.close_timeout(policy, &verdict));
        out.action(Action::Close(verdict));
    }

    /// Shorter where the transport plane gave up a peer that sent no byte at all for twice the timeout (SPEC §4.1).
    fn close_timeout(&self, policy: &Policy, verdict: &Verdict) -> Span {
        let limit = policy.limits.close_timeout;
        let strict = policy.transport.as_ref().filter(|t| t.profile == Profile::Strict);
        match strict {
            Some(t) if verdict.kind.is_silence() && verdict.plane == Plane::Transport => {
                let dead = verdict.now.since(self.last_byte) >= t.timeout.times(2);
                if dead { limit.min(CLOSE_TIMEOUT_SHORT) } else { limit }
            }
            _ => limit,
        }
    }

    fn close_plain<S: Sink>(&mut self, policy: &Policy, kind: VerdictKind, code: Option<u16>, reason: &'static str, now: Now, out: &mut S) {
        self.close(policy, Verdict::plain(kind, code, reason, now.at, self.last_byte), out);
    }

    fn abort<S: Sink>(&mut self, kind: VerdictKind, now: Now, out: &mut S) {
        self.phase = Phase::Ended;
        out.action(Action::Abort(Verdict {
            deadline: self.ends_at,
            ..Verdict::plain(kind, None, "", now.at, self.last_byte)
        }));
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
            Plane::Transport => PlaneStatus {
                unanswered: self.pings.unanswered,
                last_answer: transport::known(self.pings.last_answer),
                srtt: self.pings.rtt.smoothed(),
            },
            Plane::Application => PlaneStatus {
                unanswered: self.heartbeats.unanswered(),
                last_answer: self.heartbeats.last_answer(),
                srtt: None,
            },
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

/// How late a tick may be for the transport plane; only `strict` looks (SPEC §3, "which rules a profile follows").
fn transport_stall_after(policy: &Policy) -> Span {
    policy
        .transport
        .as_ref()
        .filter(|t| t.profile == Profile::Strict)
        .map_or(Span::MAX, |t| t.stall_after)
}

fn application_stall_after(policy: &Policy) -> Span {
    let Some(app) = &policy.application else {
        return Span::MAX;
    };
    match (&app.ask, &app.listen) {
        (Some(ask), _) if ask.counts == Counts::Queued => Span::MAX,
        (Some(ask), _) => ask.stall_after,
        (None, Some(listen)) => STALL_AFTER_MAX.min(listen.limit),
        (None, None) => STALL_AFTER_MAX,
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
