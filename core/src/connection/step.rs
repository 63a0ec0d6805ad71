//! One input, taken to its end.

use super::state::State;
use super::table::{self, Rule};
use super::{Beats, Ctx, Phase, PlaneStatus};
use crate::event::{Input, Payload, Plane, Sink, VerdictKind};
use crate::policy::{Ask, Death, Policy, Profile, Timing};
use crate::time::{Instant, Now, Span};

impl State {
    /// Takes one input but a tick to its end, and gives the deadline after it.
    pub(crate) fn step<S: Sink>(&mut self, policy: &Policy, cx: &Ctx, input: Input, out: &mut S) -> Instant {
        self.apply(policy, cx, input, out);
        self.deadline(policy, cx)
    }

    /// Time has come to now, `lateness` after the earliest deadline of all that are asked together.
    pub(crate) fn tick<S: Sink>(&mut self, policy: &Policy, beats: &mut Beats, cx: &Ctx, lateness: Span, out: &mut S) -> Instant {
        let deadline = self.deadline(policy, cx);
        if cx.now.at < deadline {
            return deadline;
        }
        self.tick_due(policy, beats, cx, lateness, out)
    }

    /// [`tick`](State::tick) where the deadline is known to have come.
    pub(crate) fn tick_due<S: Sink>(&mut self, policy: &Policy, beats: &mut Beats, cx: &Ctx, lateness: Span, out: &mut S) -> Instant {
        match table::rule(self.phase(), &Input::Tick) {
            Rule::Judge => self.judge(policy, beats, cx, lateness, out),
            Rule::HandshakeDue => self.handshake_due(policy, cx.now, lateness, out),
            Rule::CloseDue => self.abort(VerdictKind::CloseTimeout, cx.now, out),
            _ => {}
        }
        self.deadline(policy, cx)
    }

    /// When the next tick is due.
    pub(crate) fn deadline(&self, policy: &Policy, cx: &Ctx) -> Instant {
        match self.phase() {
            Phase::Ended => Instant::NEVER,
            Phase::Handshake if self.unread() => Instant::NEVER,
            Phase::Handshake | Phase::Closing | Phase::Echoed => self.ends_at(),
            Phase::Open => {
                let pings = policy.transport.as_ref().map_or(Instant::NEVER, |t| self.pings_deadline(t, cx));
                let app = policy.application.as_ref().map_or(Instant::NEVER, |a| self.application_deadline(a, cx));
                pings.min(app).min(self.lifetime_ends(&policy.limits, cx))
            }
        }
    }

    /// Puts an input in without asking for the deadline after it.
    pub(crate) fn apply<S: Sink>(&mut self, policy: &Policy, cx: &Ctx, input: Input, out: &mut S) {
        let now = cx.now;
        match (table::rule(self.phase(), &input), input) {
            (Rule::Open, _) => self.open(policy, cx, out),
            (Rule::HandshakeUnread, _) => self.handshake_unread(now),
            (Rule::HandshakeRead, Input::Bytes(n)) if n > 0 => self.handshake_read(now),
            (Rule::Bytes, Input::Bytes(n)) if n > 0 => self.bytes(policy, now),
            (Rule::PeerPing, _) => self.peer_ping(policy, now, out),
            (Rule::Pong, Input::Pong(payload)) => self.pong(policy, cx, payload, out),
            (Rule::Heartbeat, Input::Heartbeat(token)) => self.heartbeat(policy, now, token, out),
            (Rule::Answer, Input::Answer(token)) => self.answer(policy, cx, token, out),
            (Rule::Data, _) => self.data(policy, now, out),
            (Rule::Ready, _) => self.ready(policy, cx, out),
            (Rule::Fault, Input::Fault(fault)) => self.fault(policy, now, fault, out),
            (Rule::Wrote, Input::Wrote(n)) if n > 0 => self.wrote(now),
            (Rule::PingFlushed, Input::PingFlushed(payload)) => self.flushed(policy, cx, payload),
            (Rule::HeartbeatFlushed, Input::HeartbeatFlushed(token)) => self.beat_flushed(token, cx),
            (Rule::Sent, _) => self.sent_message(policy, now),
            (Rule::Unread, _) => self.set_unread(true),
            (Rule::Echo, Input::PeerClose(code)) => self.echo(policy, now, code, out),
            (Rule::UserPing, _) => self.user_ping(out),
            (Rule::Close, Input::UserClose(code)) => self.close_plain(policy, VerdictKind::User, some_code(code), "", now, out),
            (Rule::Close, _) => self.close_plain(policy, VerdictKind::Drain, Some(1001), "going away", now, out),
            (Rule::Drop, Input::UserClose(_)) => self.abort(VerdictKind::User, now, out),
            (Rule::Drop, _) => self.abort(VerdictKind::Drain, now, out),
            (Rule::Rebase, _) => self.rebase(policy, cx, out),
            (Rule::End, _) => self.set_phase(Phase::Ended),
            _ => {}
        }
    }

    /// Whether `input` can only move the deadline to a later time, under a policy that is [`steady`].
    pub(crate) const fn only_postpones(&self, input: &Input) -> bool {
        let is_sign = matches!(
            input,
            Input::Wrote(_)
                | Input::Bytes(_)
                | Input::Pong(_)
                | Input::Answer(_)
                | Input::Data
                | Input::Heartbeat(_)
                | Input::HeartbeatFlushed(_)
        );
        // Once what was unread is read, silence counts again.
        is_sign && !self.unread()
    }

    fn open<S: Sink>(&mut self, policy: &Policy, cx: &Ctx, out: &mut S) {
        self.set_phase(Phase::Open);
        (self.opened, self.last_byte) = (cx.now.at, cx.now.at);
        self.set_pings_due(Instant::NEVER);
        self.set_beats_due(Instant::NEVER);
        if let Some(t) = &policy.transport {
            self.start_pings(t, cx, out);
        }
        let Some(app) = &policy.application else {
            return;
        };
        self.listen(app, cx.now.at);
        if let Some(ask) = &app.ask {
            self.start_beats(ask, cx);
        }
    }

    fn rebase<S: Sink>(&mut self, policy: &Policy, cx: &Ctx, out: &mut S) {
        self.rebase_pings(policy.transport.as_ref(), cx, out);
        self.rebase_beats(policy.application.as_ref().and_then(|a| a.ask.as_ref()), cx);
        if let Some(app) = &policy.application {
            self.listen(app, cx.now.at);
        }
        self.lift(policy, cx.now);
        if let Some(outcome) = self.lifetime_verdict(policy, cx) {
            self.carry_out(policy, outcome, out);
        }
    }

    /// An input may bring a deadline about that has passed already: it counts as passing now. Nobody was late for it, and
    /// the lateness of a tick (R5) must not come from what a peer sent or an operator changed.
    pub(super) fn lift(&mut self, policy: &Policy, now: Now) {
        if let Some(t) = &policy.transport {
            self.lift_pings(t, now.at);
        }
        let Some(app) = &policy.application else {
            return;
        };
        if let Some(heard) = self.rest.heard() {
            heard.lift(app, now.at);
        }
        if let Some(ask) = &app.ask {
            self.lift_beats(ask, now.at);
        }
    }

    // What we did.

    fn wrote(&mut self, now: Now) {
        if self.profile() == Profile::Strict {
            self.strict_wrote(now.at);
        }
        self.beats_wrote(now.at);
    }

    fn flushed(&mut self, policy: &Policy, cx: &Ctx, payload: Payload) {
        if let Some(t) = &policy.transport {
            self.ping_flushed(t, cx, payload);
        }
    }

    fn sent_message(&mut self, policy: &Policy, now: Now) {
        if let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) {
            self.beats_sent(ask, now.at);
        }
    }

    // What can be seen.

    pub(super) fn status(&self, plane: Plane) -> PlaneStatus {
        match plane {
            Plane::Transport => PlaneStatus { unanswered: self.unanswered(), last_answer: self.last_pong(), srtt: self.rtt().smoothed() },
            Plane::Application => PlaneStatus { unanswered: u32::from(self.beats_unanswered), last_answer: self.last_answer(), srtt: None },
        }
    }
}

/// Whether signs of life only postpone what is due under this policy: nothing but pings and beats on their grids, and misses.
///
/// So a hub whose connections are under it need not look at their deadlines with every byte; that of a deadline in the wheel
/// which has moved is found out when it fires.
pub(crate) fn steady(policy: &Policy) -> bool {
    let pings = policy.transport.is_none_or(|t| t.profile == Profile::Strict);
    let beats = policy.application.is_none_or(|app| {
        let on_its_grid = |ask: Ask| ask.timing == Timing::Beat && !matches!(ask.death, Death::Timeout(_));
        app.listen.is_none() && app.feed_timeout.is_none() && app.ask.is_none_or(on_its_grid)
    });
    pings && beats
}

/// A close code, where 0 stands for an empty body.
const fn some_code(code: u16) -> Option<u16> {
    if code == 0 { None } else { Some(code) }
}
