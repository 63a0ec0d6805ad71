//! The transport plane under `strict`: all the rules.

use super::state::{At, State};
use super::transport::{Facts, PINGS_MAX, payload_of};
use super::{Ctx, Outcome};
use crate::event::{Counter, Payload, Sink, Verdict, VerdictKind};
use crate::policy::{Answers, Evidence, Transport};
use crate::time::{Instant, Span};

impl State {
    pub(super) fn strict_deadline(&self, t: &Transport, cx: &Ctx) -> Instant {
        let silence = if self.unread() { Instant::NEVER } else { self.pings_silent_at(t) };
        self.ping_due(t, cx).min(silence).min(self.ping_stalls_at(t))
    }

    /// When the oldest undischarged ping times out.
    fn pings_silent_at(&self, t: &Transport) -> Instant {
        if self.undischarged() == 0 {
            return Instant::NEVER;
        }
        self.oldest_ping_from().after(self.effective_timeout(t))
    }

    /// When the oldest undischarged ping was written.
    fn oldest_ping_written(&self) -> Instant {
        self.ping_written((self.undischarged() + u8::from(self.ping_unwritten())).saturating_sub(1))
    }

    /// From when its deadline runs: later than its writing, where it was lifted.
    fn oldest_ping_from(&self) -> Instant {
        self.oldest_ping_written().max(self.rest.late().pings_lifted)
    }

    pub(super) fn strict_lift(&mut self, t: &Transport, now: Instant) {
        if self.ping_unwritten() {
            self.set_time(At::PingWritten, self.time(At::PingWritten).max(now.before(t.write_stall)));
        }
        let floor = now.before(self.effective_timeout(t));
        if self.undischarged() > 0 && self.oldest_ping_from() < floor {
            self.rest.make_late().pings_lifted = floor;
        }
    }

    fn effective_timeout(&self, t: &Transport) -> Span {
        if !t.adaptive {
            return t.timeout;
        }
        self.rtt().timeout(t.timeout, self.unanswered().saturating_sub(1))
    }

    fn ping_stalls_at(&self, t: &Transport) -> Instant {
        if self.ping_unwritten() { self.time(At::PingWritten).after(t.write_stall) } else { Instant::NEVER }
    }

    pub(super) fn strict_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        if cx.now.at >= self.ping_stalls_at(t) {
            return Some(Outcome::Abort(self.ping_stalled(t, cx)));
        }
        let deadline = self.pings_silent_at(t);
        if self.unread() || cx.now.at < deadline {
            return None;
        }
        Some(Outcome::Close(self.pings_silence(
            t,
            cx,
            Facts {
                code: Some(t.close_code),
                reason: "heartbeat timeout",
                unanswered: u32::from(self.undischarged()),
                written: self.oldest_ping_written(),
                deadline,
            },
        )))
    }

    fn ping_stalled(&self, t: &Transport, cx: &Ctx) -> Verdict {
        Verdict {
            token: Some(payload_of(t.profile, cx, self.sent()).token()),
            unanswered: u32::from(self.undischarged()) + 1,
            last_answer: self.last_pong(),
            deadline: self.ping_stalls_at(t),
            ..Verdict::plain(VerdictKind::WriteStalled, None, "write stalled", cx.now.at, self.last_byte)
        }
    }

    pub(super) fn strict_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if cx.now.at < self.ping_due(t, cx) {
            return;
        }
        let idle_at = self.last_byte.after(t.interval);
        if t.only_when_idle && cx.now.at < idle_at {
            return self.set_pings_due(idle_at);
        }
        self.pass_ping(t, cx);
        if self.may_ping() {
            self.strict_send(t, cx, out);
        }
    }

    /// A ping that is unwritten, or four whose deadline runs, leave no place for another.
    fn may_ping(&self) -> bool {
        !self.ping_unwritten() && self.undischarged() < PINGS_MAX
    }

    fn strict_send<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if self.unresolved() == PINGS_MAX {
            out.count(Counter::PingsUnanswered);
        }
        if self.unresolved() > 0 {
            let newest = self.time(At::PingWritten);
            let [a, b, _] = self.rest.late().pings;
            self.rest.make_late().pings = [newest, a, b];
        }
        self.send_ping(t, cx, out);
    }

    /// The host slept: what is unanswered starts anew, one ping goes out, the grid stays (R5).
    pub(super) fn strict_stalled<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        let now = cx.now.at;
        if self.unresolved() > 0 {
            self.set_time(At::PingWritten, now);
        }
        if let Some(late) = self.rest.late_if_any() {
            late.pings.fill(now);
        }
        if now >= self.ping_due(t, cx) {
            self.pass_ping(t, cx);
        }
        if self.may_ping() {
            self.strict_send(t, cx, out);
        }
    }

    pub(super) fn strict_flushed(&mut self) {
        self.set_unanswered(self.unanswered().saturating_add(1));
        if self.undischarged() == 0 {
            self.set_pings_heard(false);
            if let Some(late) = self.rest.late_if_any() {
                late.pings_lifted = Instant::ZERO;
            }
        }
        self.set_undischarged(self.undischarged() + 1);
    }

    pub(super) fn strict_bytes(&mut self, t: &Transport) {
        if t.evidence == Evidence::AnyBytes {
            self.set_undischarged(0);
        }
    }

    pub(super) fn strict_frame(&mut self, t: &Transport) {
        if t.evidence != Evidence::PongOnly {
            self.set_undischarged(0);
        }
    }

    /// The transport took bytes.
    pub(super) fn strict_wrote(&mut self, now: Instant) {
        if self.ping_unwritten() {
            self.set_time(At::PingWritten, now);
        }
    }

    pub(super) fn strict_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        match self.age_of(t, cx, payload) {
            Some(age) if age < self.unresolved() => {
                self.set_undischarged(0);
                return self.resolve(cx, age, payload.token(), out);
            }
            Some(_) => out.count(Counter::PongsStale),
            None if self.user_pong(out) => {}
            None => self.strict_unknown_pong(t, cx, payload, out),
        }
        if t.answers == Answers::Any {
            self.set_undischarged(0);
        }
    }

    fn strict_unknown_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        if payload != Payload::Empty {
            return out.count(Counter::PongsUnsolicited);
        }
        out.count(Counter::PongsEmpty);
        if t.tolerate_empty && self.unresolved() > 0 {
            self.set_undischarged(0);
            let age = self.unresolved() - 1;
            self.resolve(cx, age, payload_of(t.profile, cx, self.number(age)).token(), out);
        }
    }

    /// How many pings newer than the one with this payload there are, where it is remembered.
    fn age_of(&self, t: &Transport, cx: &Ctx, payload: Payload) -> Option<u8> {
        (0..self.pings_known()).find(|age| payload_of(t.profile, cx, self.number(*age)) == payload)
    }

    /// How many pings are remembered.
    pub(super) fn pings_known(&self) -> u8 {
        u8::try_from(self.sent()).unwrap_or(PINGS_MAX).min(PINGS_MAX)
    }
}
