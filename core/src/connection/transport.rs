//! The transport plane: what all profiles share, and the way to the rules of each.

use super::grid::{Grid, Spacing, slotted};
use super::{Ctx, Outcome};
use crate::event::{Action, Counter, Payload, Plane, Sink, Token, Verdict, VerdictKind};
use crate::policy::{Profile, Transport};
use crate::rng::Purpose;
use crate::rtt::Rtt;
use crate::time::{Instant, Span};

/// How many pings are remembered, and may be undischarged at once.
pub(super) const PINGS_MAX: u8 = 4;

/// What is known of our pings.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Pings {
    /// When pings are due.
    pub(super) grid: Grid,
    /// When the newest ping was queued; the opening before that.
    pub(super) last_ping: Instant,
    /// When the oldest outstanding ping was written (queued, where rule R6 does not hold).
    pub(super) oldest: Instant,
    /// When the last pong that counts came; before the first, when the plane started.
    pub(super) last_pong: Instant,
    /// `gorilla-chat`: from when its wait for a pong runs.
    pub(super) wait_from: Instant,
    /// From when an unwritten ping counts as stalled.
    pub(super) stall_from: Instant,
    /// When ping k was written, at (k - 1) mod 4.
    pub(super) flushed: [Instant; PINGS_MAX as usize],
    /// How many pings were queued: the newest is ping number `sent`.
    pub(super) sent: u64,
    /// Pings written since the last pong that counts.
    pub(super) unanswered: u32,
    pub(super) rtt: Rtt,
    /// How many written pings have their deadline running.
    pub(super) undischarged: u8,
    /// How many of the remembered pings, the newest, have had no pong.
    pub(super) unresolved: u8,
    /// How many pings of the user's may still be answered.
    pub(super) user_pings: u8,
    /// The newest ping is not written yet.
    pub(super) unwritten: bool,
    /// A pong that counts has come.
    pub(super) answered: bool,
    /// Something was heard since the oldest outstanding ping.
    pub(super) heard: bool,
    /// Profiles with one outstanding ping: it waits for its pong.
    pub(super) waiting: bool,
    /// Whose rules the plane started under.
    profile: Profile,
}

impl Pings {
    /// A plane that is off.
    pub(super) const OFF: Pings = Pings {
        grid: Grid::NONE,
        last_ping: Instant::NEVER,
        oldest: Instant::NEVER,
        last_pong: Instant::NEVER,
        wait_from: Instant::NEVER,
        stall_from: Instant::NEVER,
        flushed: [Instant::NEVER; PINGS_MAX as usize],
        sent: 0,
        unanswered: 0,
        rtt: Rtt::NONE,
        undischarged: 0,
        unresolved: 0,
        user_pings: 0,
        unwritten: false,
        answered: false,
        heard: false,
        waiting: false,
        profile: Profile::Strict,
    };

    /// The plane starts.
    pub(super) fn start<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        let first = match (t.profile, t.first) {
            (Profile::Strict, None) => drawn_first(t.interval, cx),
            (Profile::Strict, Some(first)) => cx.now.at.after(first),
            _ => cx.now.at.after(t.interval),
        };
        // The numbers of pings go on, so that no payload is ever used twice.
        let (sent, user_pings) = (self.sent, self.user_pings);
        *self = Pings {
            grid: Grid::from(first),
            last_ping: cx.now.at,
            last_pong: cx.now.at,
            wait_from: cx.now.at,
            profile: t.profile,
            sent,
            user_pings,
            ..Pings::OFF
        };
        if let Some(from) = t.clamped_from {
            out.action(Action::Note(crate::event::Note::Clamped { from, to: t.timeout }));
        }
    }

    /// The settings changed.
    pub(super) fn rebase<S: Sink>(&mut self, t: Option<&Transport>, cx: &Ctx, out: &mut S) {
        match t {
            None => *self = Pings { sent: self.sent, user_pings: self.user_pings, ..Pings::OFF },
            Some(t) if !self.grid.is_on() || self.profile != t.profile => self.start(t, cx, out),
            Some(t) => self.rebase_grid(t, cx),
        }
    }

    fn rebase_grid(&mut self, t: &Transport, cx: &Ctx) {
        let from = match t.profile {
            Profile::Strict | Profile::Tornado64 | Profile::WsRecipe => return self.grid.rebase(spacing(t, cx), cx.now.at),
            Profile::UWebSockets => cx.last_byte,
            Profile::Tornado65 | Profile::Websockets | Profile::GorillaChat => self.last_ping,
        };
        self.grid.set(from.after(t.interval).max(cx.now.at));
    }

    /// When the plane has something to do.
    pub(super) fn deadline(&self, t: &Transport, cx: &Ctx) -> Instant {
        if !self.grid.is_on() {
            return Instant::NEVER;
        }
        match t.profile {
            Profile::Strict => self.strict_deadline(t, cx),
            _ => self.profile_deadline(t, cx),
        }
    }

    /// The verdict that is due, if any.
    pub(super) fn judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
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
    pub(super) fn lift(&mut self, t: &Transport, now: Instant) {
        match t.profile {
            Profile::Strict => self.strict_lift(t, now),
            Profile::GorillaChat => self.wait_from = self.wait_from.max(now.before(t.timeout)),
            Profile::Tornado65 | Profile::Websockets | Profile::UWebSockets if self.waiting => {
                self.last_ping = self.last_ping.max(now.before(t.timeout));
            }
            _ => {}
        }
    }

    /// Bytes arrived.
    pub(super) fn bytes(&mut self, t: &Transport, now: Instant) {
        self.heard = true;
        match t.profile {
            Profile::Strict => self.strict_bytes(t),
            // Any byte counts for uWebSockets: its idle timer starts anew.
            Profile::UWebSockets => {
                (self.waiting, self.unanswered) = (false, 0);
                self.grid.set(now.after(t.interval));
            }
            _ => {}
        }
    }

    /// A whole frame arrived.
    pub(super) fn frame(&mut self, t: &Transport, now: Instant) {
        self.bytes(t, now);
        if t.profile == Profile::Strict {
            self.strict_frame(t);
        }
    }

    /// A pong arrived.
    pub(super) fn pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        self.frame(t, cx.now.at);
        match t.profile {
            Profile::Strict => self.strict_pong(t, cx, payload, out),
            _ => self.profile_pong(t, cx, payload, out),
        }
    }

    /// A ping of ours was written. One that its pong overtook is written already.
    pub(super) fn ping_flushed(&mut self, t: &Transport, cx: &Ctx, payload: Payload) {
        if !self.unwritten || payload != payload_of(t.profile, cx, self.sent) {
            return;
        }
        self.unwritten = false;
        *self.slot(self.sent) = cx.now.at;
        if t.profile == Profile::Strict {
            self.strict_flushed(cx);
        }
    }

    /// The transport took bytes.
    pub(super) fn wrote(&mut self, now: Instant) {
        if self.unwritten {
            self.stall_from = now;
        }
    }

    /// Queues ping number `sent + 1`.
    pub(super) fn send<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        self.sent = self.sent.wrapping_add(1);
        self.unresolved = PINGS_MAX.min(self.unresolved + 1);
        (self.last_ping, self.stall_from, self.unwritten) = (cx.now.at, cx.now.at, true);
        out.count(Counter::PingsSent);
        out.action(Action::Ping(payload_of(t.profile, cx, self.sent)));
    }

    /// A pong that counts came for ping `number`: it and all older ones are resolved.
    pub(super) fn resolve<S: Sink>(&mut self, t: &Transport, cx: &Ctx, number: u64, out: &mut S) {
        out.count(Counter::PongsMatched);
        self.answered(cx);
        if number == self.sent && self.unwritten {
            // The pong overtook the news that its ping was written.
            self.unwritten = false;
        } else {
            let rtt = cx.now.at.since(*self.slot(number));
            self.rtt.sample(rtt);
            out.rtt(Plane::Transport, payload_of(t.profile, cx, number).token(), rtt);
        }
        let newer = self.sent.wrapping_sub(number);
        self.unresolved = u8::try_from(newer).unwrap_or(PINGS_MAX).min(PINGS_MAX);
        self.unanswered = u32::from(self.unresolved).saturating_sub(u32::from(self.unwritten));
    }

    /// A pong that counts came.
    pub(super) fn answered(&mut self, cx: &Ctx) {
        (self.last_pong, self.wait_from, self.answered) = (cx.now.at, cx.now.at, true);
    }

    /// When the last pong that counts came.
    pub(super) fn last_answer(&self) -> Option<Instant> {
        self.answered.then_some(self.last_pong)
    }

    /// When ping `number` was written.
    pub(super) fn written(&self, number: u64) -> Instant {
        self.flushed[place(number)]
    }

    pub(super) fn slot(&mut self, number: u64) -> &mut Instant {
        &mut self.flushed[place(number)]
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

    /// The verdict of silence, with its facts.
    pub(super) fn silence(&self, t: &Transport, cx: &Ctx, facts: Facts) -> Verdict {
        Verdict {
            kind: if self.heard { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent },
            code: facts.code,
            reason: facts.reason,
            plane: Plane::Transport,
            token: self.oldest_token(t, cx, facts.unanswered),
            written: Some(facts.written),
            unanswered: facts.unanswered,
            last_answer: self.last_answer(),
            last_byte: cx.last_byte,
            deadline: facts.deadline,
            now: cx.now.at,
        }
    }

    fn oldest_token(&self, t: &Transport, cx: &Ctx, unanswered: u32) -> Option<Token> {
        let written = self.sent.wrapping_sub(u64::from(self.unwritten && t.profile == Profile::Strict));
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
    let drawn = earliest.after(cx.chance.span(Purpose::FirstPing, 0, interval.minus(interval.part(2))));
    slotted(drawn, earliest, interval)
}

/// Where the written time of ping `number` is kept.
pub(super) const fn place(number: u64) -> usize {
    (number.wrapping_sub(1) % PINGS_MAX as u64) as usize
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
