//! The transport plane under `strict`: all the rules.

use super::transport::{Facts, PINGS_MAX, Pings, payload_of, place, spacing};
use super::{Ctx, Outcome};
use crate::event::{Action, Counter, Payload, Plane, Sink, Verdict, VerdictKind};
use crate::policy::{Answers, Evidence, Transport};
use crate::time::{Instant, Span};

impl Pings {
    pub(super) fn strict_deadline(&self, t: &Transport, cx: &Ctx) -> Instant {
        let silence = if cx.unread { Instant::NEVER } else { self.silence_at(t) };
        self.grid.due(spacing(t, cx)).min(silence).min(self.write_stall_at(t))
    }

    /// When the oldest undischarged ping times out.
    fn silence_at(&self, t: &Transport) -> Instant {
        if self.undischarged == 0 {
            return Instant::NEVER;
        }
        self.oldest.after(self.effective_timeout(t))
    }

    pub(super) fn strict_lift(&mut self, t: &Transport, now: Instant) {
        self.oldest = self.oldest.max(now.before(self.effective_timeout(t)));
        self.stall_from = self.stall_from.max(now.before(t.write_stall));
    }

    /// When the oldest undischarged ping was written; `oldest` may be later, where its deadline was lifted.
    fn oldest_written(&self) -> Instant {
        let newest = self.sent.wrapping_sub(u64::from(self.unwritten));
        self.flushed[place(newest.wrapping_sub(u64::from(self.undischarged.saturating_sub(1))))]
    }

    fn effective_timeout(&self, t: &Transport) -> Span {
        if !t.adaptive {
            return t.timeout;
        }
        self.rtt.timeout(t.timeout, self.unanswered.saturating_sub(1))
    }

    fn write_stall_at(&self, t: &Transport) -> Instant {
        if self.unwritten { self.stall_from.after(t.write_stall) } else { Instant::NEVER }
    }

    pub(super) fn strict_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        if cx.now.at >= self.write_stall_at(t) {
            return Some(Outcome::Abort(self.write_stalled(t, cx)));
        }
        let deadline = self.silence_at(t);
        if cx.unread || cx.now.at < deadline {
            return None;
        }
        Some(Outcome::Close(self.silence(
            t,
            cx,
            Facts {
                code: Some(t.close_code),
                reason: "heartbeat timeout",
                unanswered: u32::from(self.undischarged),
                written: self.oldest_written(),
                deadline,
            },
        )))
    }

    fn write_stalled(&self, t: &Transport, cx: &Ctx) -> Verdict {
        Verdict {
            plane: Plane::Transport,
            token: Some(payload_of(t.profile, cx, self.sent).token()),
            unanswered: u32::from(self.undischarged) + 1,
            last_answer: self.last_answer(),
            deadline: self.write_stall_at(t),
            ..Verdict::plain(VerdictKind::WriteStalled, None, "write stalled", cx.now.at, cx.last_byte)
        }
    }

    pub(super) fn strict_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if cx.now.at < self.grid.due(spacing(t, cx)) {
            return;
        }
        let idle_at = cx.last_byte.after(t.interval);
        if t.only_when_idle && cx.now.at < idle_at {
            return self.grid.set(idle_at);
        }
        self.grid.pass(spacing(t, cx), cx.now.at);
        if self.may_ping() {
            self.strict_send(t, cx, out);
        }
    }

    /// A ping that is unwritten, or four whose deadline runs, leave no place for another.
    fn may_ping(&self) -> bool {
        !self.unwritten && self.undischarged < PINGS_MAX
    }

    fn strict_send<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if self.unresolved == PINGS_MAX {
            out.count(Counter::PingsUnanswered);
        }
        self.send(t, cx, out);
    }

    /// The host slept: what is unanswered starts anew, one ping goes out, the grid stays (R5).
    pub(super) fn strict_stalled<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        let now = cx.now.at;
        for back in 0..u64::from(self.unresolved) {
            *self.slot(self.sent.wrapping_sub(back)) = now;
        }
        (self.oldest, self.stall_from) = (now, now);
        if now >= self.grid.due(spacing(t, cx)) {
            self.grid.pass(spacing(t, cx), now);
        }
        if self.may_ping() {
            self.strict_send(t, cx, out);
        }
    }

    pub(super) fn strict_flushed(&mut self, cx: &Ctx) {
        self.unanswered = self.unanswered.saturating_add(1);
        if self.undischarged == 0 {
            (self.oldest, self.heard) = (cx.now.at, false);
        }
        self.undischarged += 1;
    }

    pub(super) fn strict_bytes(&mut self, t: &Transport) {
        if t.evidence == Evidence::AnyBytes {
            self.undischarged = 0;
        }
    }

    pub(super) fn strict_frame(&mut self, t: &Transport) {
        if t.evidence != Evidence::PongOnly {
            self.undischarged = 0;
        }
    }

    pub(super) fn strict_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        match self.age_of(t, cx, payload) {
            Some(age) if age < self.unresolved => {
                self.undischarged = 0;
                return self.resolve(t, cx, self.sent.wrapping_sub(u64::from(age)), out);
            }
            Some(_) => out.count(Counter::PongsStale),
            None if self.user_pong(out) => {}
            None => self.strict_unknown_pong(t, cx, payload, out),
        }
        if t.answers == Answers::Any {
            self.undischarged = 0;
        }
    }

    fn strict_unknown_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        if payload != Payload::Empty {
            return out.count(Counter::PongsUnsolicited);
        }
        out.count(Counter::PongsEmpty);
        if t.tolerate_empty && self.unresolved > 0 {
            self.undischarged = 0;
            self.resolve(t, cx, self.sent.wrapping_sub(u64::from(self.unresolved - 1)), out);
        }
    }

    /// How many pings newer than the one with this payload there are, where it is remembered.
    fn age_of(&self, t: &Transport, cx: &Ctx, payload: Payload) -> Option<u8> {
        let remembered = u8::try_from(self.sent).unwrap_or(PINGS_MAX).min(PINGS_MAX);
        (0..remembered).find(|age| payload_of(t.profile, cx, self.sent.wrapping_sub(u64::from(*age))) == payload)
    }

    /// The user's ping goes out.
    pub(super) fn user_ping<S: Sink>(&mut self, out: &mut S) {
        self.user_pings = self.user_pings.saturating_add(1);
        out.action(Action::UserPing);
    }
}
