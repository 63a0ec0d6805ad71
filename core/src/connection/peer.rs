//! What the peer does, and what it means.

use super::heard::Sign;
use super::inbound::Judged;
use super::state::State;
use super::{Ctx, Phase};
use crate::event::{Action, Counter, Fault, Payload, Sink, Token, VerdictKind};
use crate::policy::Policy;
use crate::time::Now;

impl State {
    fn touch(&mut self, now: Now) {
        self.last_byte = now.at;
        self.set_beats_heard(true);
    }

    fn sign(&mut self, policy: &Policy, sign: Sign, now: Now) {
        if let (Some(app), Some(heard)) = (&policy.application, self.rest.heard()) {
            heard.sign(app, sign, now.at);
        }
    }

    pub(super) fn bytes(&mut self, policy: &Policy, now: Now) {
        self.touch(now);
        if let Some(t) = &policy.transport {
            self.pings_bytes(t, now.at);
        }
        self.sign(policy, Sign::Bytes, now);
        if self.unread() {
            self.set_unread(false);
            self.lift(policy, now);
        }
    }

    fn frame(&mut self, policy: &Policy, sign: Sign, now: Now) {
        self.touch(now);
        if let Some(t) = &policy.transport {
            self.pings_frame(t, now.at);
        }
        self.sign(policy, sign, now);
    }

    fn message(&mut self, policy: &Policy, sign: Sign, now: Now) {
        self.frame(policy, sign, now);
        self.malformed = 0;
        if let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) {
            self.beats_message(ask, now.at);
        }
    }

    pub(super) fn peer_ping<S: Sink>(&mut self, policy: &Policy, now: Now, out: &mut S) {
        self.frame(policy, Sign::Ping, now);
        out.count(Counter::PingsReceived);
        match self.rest.make().inbound.ping(&policy.limits, now.at) {
            Judged::Allowed => {}
            Judged::Struck => out.count(Counter::PingsStruck),
            Judged::TooMany => {
                out.count(Counter::PingsStruck);
                self.close_plain(policy, VerdictKind::TooManyPings, Some(1008), "too many pings", now, out);
            }
        }
    }

    pub(super) fn pong<S: Sink>(&mut self, policy: &Policy, cx: &Ctx, payload: Payload, out: &mut S) {
        self.frame(policy, Sign::Bytes, cx.now);
        match &policy.transport {
            Some(t) => self.pings_pong(t, cx, payload, out),
            None if self.user_pong(out) => {}
            None => out.count(Counter::PongsUnsolicited),
        }
    }

    pub(super) fn heartbeat<S: Sink>(&mut self, policy: &Policy, now: Now, token: Token, out: &mut S) {
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

    pub(super) fn answer<S: Sink>(&mut self, policy: &Policy, cx: &Ctx, token: Token, out: &mut S) {
        let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) else {
            return self.data(policy, cx.now, out);
        };
        self.message(policy, Sign::Answer, cx.now);
        let is_unasked = self.is_unasked(ask);
        self.match_answer(ask, token, cx, out);
        if is_unasked {
            self.close_plain(policy, VerdictKind::Protocol, Some(1002), "unsolicited answer", cx.now, out);
        }
    }

    pub(super) fn data<S: Sink>(&mut self, policy: &Policy, now: Now, out: &mut S) {
        self.message(policy, Sign::Data, now);
        out.action(Action::Deliver);
    }

    pub(super) fn ready<S: Sink>(&mut self, policy: &Policy, cx: &Ctx, out: &mut S) {
        if let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) {
            self.beats_ready(ask, cx);
        }
        self.data(policy, cx.now, out);
    }

    pub(super) fn fault<S: Sink>(&mut self, policy: &Policy, now: Now, fault: Fault, out: &mut S) {
        let (kind, code, reason) = match fault {
            Fault::Malformed => return self.malformed(policy, now, out),
            Fault::TooBig => (VerdictKind::TooBig, 1009, "message too big"),
            Fault::Protocol => (VerdictKind::Protocol, 1002, "protocol error"),
            Fault::Utf8 => (VerdictKind::Protocol, 1007, "invalid UTF-8"),
            Fault::Assembly => (VerdictKind::Assembly, 1008, "message takes too long, or too many frames"),
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
    pub(super) fn echo<S: Sink>(&mut self, policy: &Policy, now: Now, code: u16, out: &mut S) {
        self.touch(now);
        let code = match code {
            0 => None,
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(code),
            _ => Some(1002),
        };
        self.close_plain(policy, VerdictKind::PeerClosed, code, "", now, out);
        self.set_phase(Phase::Echoed);
    }
}
