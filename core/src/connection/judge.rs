//! What is due, in its order, and how a connection ends.

use super::state::State;
use super::{Beats, Ctx, Outcome, Phase};
use crate::event::{Action, Counter, Note, Plane, Sink, Verdict, VerdictKind};
use crate::policy::{Application, Counts, Limits, Policy, Profile, STALL_AFTER_MAX};
use crate::rng::Purpose;
use crate::time::{Instant, Now, Span};

/// The short close handshake of a peer that has sent no byte for twice the timeout.
const CLOSE_TIMEOUT_SHORT: Span = Span::from_secs(1);

impl State {
    pub(super) fn application_deadline(&self, app: &Application, cx: &Ctx) -> Instant {
        let ask = app.ask.as_ref().map_or(Instant::NEVER, |ask| self.beats_deadline(ask, cx));
        ask.min(self.listening_deadline(app))
    }

    /// The maximum age, ± 10 %, drawn from the seed.
    pub(super) fn lifetime_ends(&self, limits: &Limits, cx: &Ctx) -> Instant {
        limits.max_lifetime.map_or(Instant::NEVER, |life| {
            let tenth = life.part(10);
            self.opened.after(life.minus(tenth)).after(cx.chance.span(Purpose::Lifetime, 0, tenth.times(2)))
        })
    }

    /// Of what is due at the same instant: transport verdict, application verdict, lifetime, ping, heartbeat. One verdict ends it.
    pub(super) fn judge<S: Sink>(&mut self, policy: &Policy, beats: &mut Beats, cx: &Ctx, lateness: Span, out: &mut S) {
        let transport_stalled = lateness > transport_stall_after(policy);
        let application_stalled = lateness > application_stall_after(policy);
        if transport_stalled || application_stalled {
            out.count(Counter::Stalls);
            out.action(Action::Note(Note::Stalled { lateness }));
        }
        if let Some(outcome) = self.verdict(policy, cx, transport_stalled, application_stalled) {
            return self.carry_out(policy, outcome, out);
        }
        if let Some(t) = &policy.transport {
            if transport_stalled { self.strict_stalled(t, cx, out) } else { self.ping(t, cx, out) }
        }
        if let Some(app) = &policy.application {
            let after_beat = self.beat(app, beats, cx, application_stalled, out);
            if let Some(outcome) = after_beat {
                self.carry_out(policy, outcome, out);
            }
        }
    }

    fn verdict(&self, policy: &Policy, cx: &Ctx, transport_stalled: bool, application_stalled: bool) -> Option<Outcome> {
        let transport = policy.transport.as_ref().filter(|_| !transport_stalled).and_then(|t| self.judge_pings(t, cx));
        // A maximum age says nothing about the peer: it holds after a stall as well.
        transport
            .or_else(|| policy.application.as_ref().filter(|_| !application_stalled).and_then(|a| self.application_verdict(a, cx)))
            .or_else(|| self.lifetime_verdict(policy, cx))
    }

    fn application_verdict(&self, app: &Application, cx: &Ctx) -> Option<Outcome> {
        let asked = app.ask.as_ref().and_then(|ask| self.judge_beats(app, ask, cx));
        asked.or_else(|| self.judge_listening(app, cx))
    }

    pub(super) fn lifetime_verdict(&self, policy: &Policy, cx: &Ctx) -> Option<Outcome> {
        let deadline = self.lifetime_ends(&policy.limits, cx);
        (cx.now.at >= deadline).then(|| {
            let verdict = Verdict::plain(VerdictKind::Lifetime, Some(1012), "please reconnect", cx.now.at, self.last_byte);
            Outcome::Close(Verdict { deadline, ..verdict })
        })
    }

    fn beat<S: Sink>(&mut self, app: &Application, beats: &mut Beats, cx: &Ctx, stalled: bool, out: &mut S) -> Option<Outcome> {
        if let (true, Some(heard)) = (stalled, self.rest.heard()) {
            heard.stalled(cx.now.at);
        }
        let ask = app.ask.as_ref()?;
        if stalled {
            self.beats_stalled(ask, beats, cx, out);
            return None;
        }
        self.ask(app, ask, beats, cx, out)
    }

    /// The time for the handshake is over. Where the host stalled, what the peer sent meanwhile could not be read: it has the
    /// time anew (R5).
    pub(super) fn handshake_due<S: Sink>(&mut self, policy: &Policy, now: Now, lateness: Span, out: &mut S) {
        let limit = policy.limits.handshake_timeout;
        if lateness > limit.min(STALL_AFTER_MAX) {
            out.count(Counter::Stalls);
            self.set_pings_due(now.at.after(limit));
        } else {
            self.abort(VerdictKind::Handshake, now, out);
        }
    }

    /// What arrived in the handshake is not read yet (R11).
    pub(super) fn handshake_unread(&mut self, now: Now) {
        if !self.unread() {
            self.set_unread(true);
            self.set_handshake_unread_since(now.at);
        }
    }

    /// It is read. The time for which it lay unread was not the peer's: a client of TLS has to hear from us before it can go on.
    /// A deadline that passed meanwhile passes now.
    pub(super) fn handshake_read(&mut self, now: Now) {
        if self.unread() {
            self.set_unread(false);
            let ends_at = self.ends_at().after(now.at.since(self.handshake_unread_since()));
            self.set_pings_due(ends_at.max(now.at));
        }
    }

    // How it ends.

    pub(super) fn carry_out<S: Sink>(&mut self, policy: &Policy, outcome: Outcome, out: &mut S) {
        match outcome {
            Outcome::Close(verdict) => self.close(policy, verdict, out),
            Outcome::Abort(verdict) => {
                self.set_phase(Phase::Ended);
                out.action(Action::Abort(verdict));
            }
        }
    }

    fn close<S: Sink>(&mut self, policy: &Policy, verdict: Verdict, out: &mut S) {
        let ends_at = verdict.now.after(self.close_timeout(policy, &verdict));
        self.set_phase(Phase::Closing);
        self.set_pings_due(ends_at);
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

    pub(super) fn close_plain<S: Sink>(
        &mut self,
        policy: &Policy,
        kind: VerdictKind,
        code: Option<u16>,
        reason: &'static str,
        now: Now,
        out: &mut S,
    ) {
        self.close(policy, Verdict::plain(kind, code, reason, now.at, self.last_byte), out);
    }

    pub(super) fn abort<S: Sink>(&mut self, kind: VerdictKind, now: Now, out: &mut S) {
        self.set_phase(Phase::Ended);
        out.action(Action::Abort(Verdict { deadline: self.ends_at(), ..Verdict::plain(kind, None, "", now.at, self.last_byte) }));
    }
}

/// How late a tick may be for the transport plane; only `strict` looks (SPEC §3, "which rules a profile follows").
fn transport_stall_after(policy: &Policy) -> Span {
    policy.transport.as_ref().filter(|t| t.profile == Profile::Strict).map_or(Span::MAX, |t| t.stall_after)
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
