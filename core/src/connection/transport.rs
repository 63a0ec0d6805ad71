//! The transport plane: what all profiles share, and the way to the rules of each.

use super::grid::{Spacing, slotted};
use super::rest::ProfileTimes;
use super::rest::RING;
use super::state::{At, State};
use super::{Ctx, Outcome};
use crate::event::{Action, Counter, Payload, Plane, Sink, Token, Verdict, VerdictKind};
use crate::policy::{Profile, Transport};
use crate::rng::Purpose;
use crate::time::{Instant, Span};

/// How many pings are remembered, and may be undischarged at once.
#[allow(clippy::cast_possible_truncation, reason = "four")]
pub(super) const PINGS_MAX: u8 = RING as u8;

impl State {
    /// The plane starts.
    pub(super) fn start_pings<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        let now = cx.now.at;
        let first = match (t.profile, t.first) {
            (Profile::Strict, None) => drawn_first(t.interval, cx),
            (Profile::Strict, Some(first)) => now.after(first),
            _ => now.after(t.interval),
        };
        self.clear_pings(first);
        self.set_time(At::LastPong, now);
        self.set_profile(t.profile);
        if t.profile != Profile::Strict {
            *self.rest.make_profile() = ProfileTimes { last_ping: now, oldest: Instant::NEVER, wait_from: now };
        }
        if let Some(from) = t.clamped_from {
            out.action(Action::Note(crate::event::Note::Clamped { from, to: t.timeout }));
        }
    }

    /// Forgets all but the numbers of pings, which go on, so that no payload is ever used twice.
    fn clear_pings(&mut self, first: Instant) {
        self.set_time(At::PingWritten, Instant::NEVER);
        self.set_time(At::LastPong, Instant::NEVER);
        self.set_pings_grid(first);
        self.set_rtt(crate::rtt::Rtt::default());
        self.set_unanswered(0);
        self.set_undischarged(0);
        self.set_unresolved(0);
        self.set_ping_unwritten(false);
        self.set_pings_answered(false);
        self.set_pings_heard(false);
        self.set_ping_waits(false);
    }

    /// The settings changed.
    pub(super) fn rebase_pings<S: Sink>(&mut self, t: Option<&Transport>, cx: &Ctx, out: &mut S) {
        match t {
            None => self.clear_pings(Instant::NEVER),
            Some(t) if !self.pings_on() || self.profile() != t.profile => self.start_pings(t, cx, out),
            Some(t) => self.rebase_pings_grid(t, cx),
        }
    }

    fn rebase_pings_grid(&mut self, t: &Transport, cx: &Ctx) {
        let from = match t.profile {
            Profile::Strict | Profile::Tornado64 | Profile::WsRecipe => {
                let next = self.pings_grid().rebased(spacing(t, cx), cx.now.at);
                return self.set_pings_due(next);
            }
            Profile::UWebSockets => self.last_byte,
            Profile::Tornado65 | Profile::Websockets | Profile::GorillaChat => self.rest.profile().last_ping,
        };
        self.set_pings_due(from.after(t.interval).max(cx.now.at));
    }

    /// When the next ping is due.
    pub(super) fn ping_due(&self, t: &Transport, cx: &Ctx) -> Instant {
        if t.jitter_ppm == 0 { self.pings_due() } else { self.moved_ping_due(t, cx) }
    }

    #[inline(never)]
    fn moved_ping_due(&self, t: &Transport, cx: &Ctx) -> Instant {
        self.pings_grid().due(spacing(t, cx))
    }

    /// The ping that was due is served.
    pub(super) fn pass_ping(&mut self, t: &Transport, cx: &Ctx) {
        let next = self.pings_grid().passed(spacing(t, cx), cx.now.at);
        self.set_pings_due(next);
    }

    /// When the plane has something to do.
    pub(super) fn pings_deadline(&self, t: &Transport, cx: &Ctx) -> Instant {
        if !self.pings_on() {
            return Instant::NEVER;
        }
        match t.profile {
            Profile::Strict => self.strict_deadline(t, cx),
            _ => self.profile_deadline(t, cx),
        }
    }

    /// The verdict that is due, if any.
    pub(super) fn judge_pings(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        match t.profile {
            Profile::Strict => self.strict_judge(t, cx),
            _ => self.profile_judge(t, cx),
        }
    }

    /// Sends the ping that is due, if any.
    pub(super) fn ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        match t.profile {
            Profile::Strict => self.strict_ping(t, cx, out),
            _ => self.profile_ping(t, cx, out),
        }
    }

    /// A deadline that an input brought about passes now at the earliest.
    pub(super) fn lift_pings(&mut self, t: &Transport, now: Instant) {
        match t.profile {
            Profile::Strict => self.strict_lift(t, now),
            _ => self.profile_lift(t, now),
        }
    }

    /// Bytes arrived.
    pub(super) fn pings_bytes(&mut self, t: &Transport, now: Instant) {
        self.set_pings_heard(true);
        match t.profile {
            Profile::Strict => self.strict_bytes(t),
            // Any byte counts for uWebSockets: its idle timer starts anew.
            Profile::UWebSockets => {
                self.set_ping_waits(false);
                self.set_unanswered(0);
                self.set_pings_due(now.after(t.interval));
            }
            _ => {}
        }
    }

    /// A whole frame arrived.
    pub(super) fn pings_frame(&mut self, t: &Transport, now: Instant) {
        self.pings_bytes(t, now);
        if t.profile == Profile::Strict {
            self.strict_frame(t);
        }
    }

    /// A pong arrived: a frame like any other, and what it answers.
    pub(super) fn pings_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        self.pings_frame(t, cx.now.at);
        match t.profile {
            Profile::Strict => self.strict_pong(t, cx, payload, out),
            _ => self.profile_pong(t, cx, payload, out),
        }
    }

    /// A ping of ours was written. One that its pong overtook is written already.
    pub(super) fn ping_flushed(&mut self, t: &Transport, cx: &Ctx, payload: Payload) {
        if !self.ping_unwritten() || payload != payload_of(t.profile, cx, self.sent()) {
            return;
        }
        self.set_ping_unwritten(false);
        self.set_time(At::PingWritten, cx.now.at);
        if t.profile == Profile::Strict {
            self.strict_flushed();
        }
    }

    /// Queues ping number `sent + 1`.
    pub(super) fn send_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        self.count_sent();
        self.set_unresolved(PINGS_MAX.min(self.unresolved() + 1));
        self.set_time(At::PingWritten, cx.now.at);
        self.set_ping_unwritten(true);
        out.count(Counter::PingsSent);
        out.action(Action::Ping(payload_of(t.profile, cx, self.sent())));
    }

    /// A pong that counts came for the ping with `token`, which `age` newer ones followed: it and all older ones are resolved.
    pub(super) fn resolve<S: Sink>(&mut self, cx: &Ctx, age: u8, token: Token, out: &mut S) {
        out.count(Counter::PongsMatched);
        self.pong_counts(cx);
        if age == 0 && self.ping_unwritten() {
            // The pong overtook the news that its ping was written.
            self.set_ping_unwritten(false);
        } else {
            let rtt = cx.now.at.since(self.ping_written(age));
            let mut smoothed = self.rtt();
            smoothed.sample(rtt);
            self.set_rtt(smoothed);
            out.rtt(Plane::Transport, token, rtt);
        }
        self.set_unresolved(age);
        self.set_unanswered(u32::from(age).saturating_sub(u32::from(self.ping_unwritten())));
    }

    /// A pong that counts came.
    pub(super) fn pong_counts(&mut self, cx: &Ctx) {
        self.set_time(At::LastPong, cx.now.at);
        self.set_pings_answered(true);
    }

    /// When the last pong that counts came.
    pub(super) fn last_pong(&self) -> Option<Instant> {
        self.pings_answered().then(|| self.time(At::LastPong))
    }

    /// The number of the ping that `age` newer ones followed.
    pub(super) fn number(&self, age: u8) -> u64 {
        self.sent().wrapping_sub(u64::from(age))
    }

    /// A pong for a ping of the user's, if one is outstanding.
    pub(super) fn user_pong<S: Sink>(&mut self, out: &mut S) -> bool {
        if self.user_pings == 0 {
            return false;
        }
        self.user_pings -= 1;
        out.count(Counter::PongsUser);
        true
    }

    /// The user's ping goes out.
    pub(super) fn user_ping<S: Sink>(&mut self, out: &mut S) {
        self.user_pings = self.user_pings.saturating_add(1);
        out.action(Action::UserPing);
    }

    /// The verdict of silence, with its facts.
    pub(super) fn pings_silence(&self, t: &Transport, cx: &Ctx, facts: Facts) -> Verdict {
        Verdict {
            kind: if self.pings_heard() { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent },
            code: facts.code,
            reason: facts.reason,
            plane: Plane::Transport,
            token: self.oldest_ping(t, cx, facts.unanswered),
            written: Some(facts.written),
            unanswered: facts.unanswered,
            last_answer: self.last_pong(),
            last_byte: self.last_byte,
            deadline: facts.deadline,
            now: cx.now.at,
        }
    }

    fn oldest_ping(&self, t: &Transport, cx: &Ctx, unanswered: u32) -> Option<Token> {
        let written = self.sent().wrapping_sub(u64::from(self.ping_unwritten() && t.profile == Profile::Strict));
        let oldest = written.wrapping_sub(u64::from(unanswered).saturating_sub(1));
        let payload = payload_of(t.profile, cx, oldest);
        (unanswered > 0 && payload != Payload::Empty).then(|| payload.token())
    }
}

/// What a verdict of silence says besides what the plane knows.
pub(super) struct Facts {
    pub(super) code: Option<u16>,
    pub(super) reason: &'static str,
    pub(super) unanswered: u32,
    pub(super) written: Instant,
    pub(super) deadline: Instant,
}

/// The first ping: drawn from [interval/2, interval) after now.
fn drawn_first(interval: Span, cx: &Ctx) -> Instant {
    let earliest = cx.now.at.after(interval.part(2));
    let drawn = earliest.after(cx.chance.phase(Purpose::FirstPing, interval.minus(interval.part(2))));
    slotted(drawn, earliest, interval)
}

/// The payload of ping `number`.
pub(super) fn payload_of(profile: Profile, cx: &Ctx, number: u64) -> Payload {
    let draw = cx.chance.draw(Purpose::Payload, number);
    match profile {
        Profile::Strict => Payload::Eight(draw),
        #[allow(clippy::cast_possible_truncation, reason = "the four bytes of Python's websockets are the high half")]
        Profile::Websockets => Payload::Four((draw >> 32) as u32),
        Profile::Tornado64 | Profile::Tornado65 | Profile::WsRecipe | Profile::UWebSockets | Profile::GorillaChat => Payload::Empty,
    }
}

pub(super) fn spacing(t: &Transport, cx: &Ctx) -> Spacing {
    Spacing {
        period: t.interval,
        // Where idleness says when, there is no grid to move.
        jitter_ppm: if t.only_when_idle { 0 } else { t.jitter_ppm },
        chance: cx.chance,
    }
}

/// `at`, unless it never was.
pub(super) fn known(at: Instant) -> Option<Instant> {
    (at != Instant::NEVER).then_some(at)
}
