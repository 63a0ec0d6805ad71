//! The application plane: heartbeats that we send, and what answers them.

mod answers;

use super::beats::{Beats, Unwritten, next_token};
use super::grid::{Grid, Spacing, slotted};
use super::transport::known;
use super::{Ctx, Outcome};
use crate::event::{Action, Counter, Plane, Sink, Token, Verdict, VerdictKind};
use crate::policy::{Application, Ask, Cadence, Counts, Death, Matching, Start, Timing};
use crate::rng::Purpose;
use crate::time::{Instant, Span};

const RING: usize = Matching::WINDOW_MAX as usize;

/// What is known of our heartbeats.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Heartbeats {
    grid: Grid,
    /// When the oldest unanswered heartbeat was written (queued, where rule R6 does not hold).
    oldest: Instant,
    /// When the last answer that counts came; `NEVER` is none.
    last_answer: Instant,
    /// From when an unwritten heartbeat counts as stalled.
    stall_from: Instant,
    /// The newest token, in the ring or not.
    last_token: u64,
    /// The newest tokens that count, newest first, and when they were written.
    tokens: [u64; RING],
    flushed: [Instant; RING],
    /// How many of `tokens` are there.
    known: u8,
    unanswered: u8,
    unwritten: Unwritten,
    /// Something was heard since the oldest unanswered heartbeat.
    heard: bool,
}

impl Heartbeats {
    /// A plane that does not ask.
    pub(super) const OFF: Heartbeats = Heartbeats {
        grid: Grid::NONE,
        oldest: Instant::NEVER,
        last_answer: Instant::NEVER,
        stall_from: Instant::NEVER,
        last_token: 0,
        tokens: [0; RING],
        flushed: [Instant::NEVER; RING],
        known: 0,
        unanswered: 0,
        unwritten: Unwritten::None,
        heard: false,
    };

    /// The connection opened.
    pub(super) fn start(&mut self, ask: &Ask, cx: &Ctx) {
        let now = cx.now.at;
        let first = match (ask.cadence, ask.start) {
            (_, Start::Ready) => return,
            (Cadence::Together, _) => together(ask, now),
            (Cadence::Spread, Start::Interval) => now.after(ask.period),
            (Cadence::Spread, Start::Jitter) => drawn_first(ask.period, cx),
        };
        self.grid = Grid::from(first);
    }

    /// The message came after which a client may begin to ask.
    pub(super) fn ready(&mut self, ask: &Ask, cx: &Ctx) {
        if ask.start != Start::Ready || self.grid.is_on() {
            return;
        }
        self.grid = Grid::from(match ask.cadence {
            Cadence::Together => together(ask, cx.now.at),
            Cadence::Spread => cx.now.at.after(ask.period),
        });
    }

    /// The settings changed.
    pub(super) fn rebase(&mut self, ask: Option<&Ask>, cx: &Ctx) {
        let Some(ask) = ask else {
            *self = Heartbeats { last_token: self.last_token, ..Heartbeats::OFF };
            return;
        };
        match ask.cadence {
            _ if !self.grid.is_on() => self.start(ask, cx),
            Cadence::Together => self.grid = Grid::from(together(ask, cx.now.at)),
            Cadence::Spread => self.grid.rebase(spacing(ask, cx), cx.now.at),
        }
        self.unanswered = self.unanswered.min(limit(ask));
    }

    pub(super) fn deadline(&self, ask: &Ask, cx: &Ctx) -> Instant {
        let silence = if cx.unread { Instant::NEVER } else { self.timeout_at(ask) };
        self.grid.due(spacing(ask, cx)).min(silence).min(self.write_stall_at(ask))
    }

    /// Death by timeout: when the oldest unanswered heartbeat that is written runs out of time.
    fn timeout_at(&self, ask: &Ask) -> Instant {
        match ask.death {
            Death::Timeout(timeout) if self.unanswered_written() > 0 => self.oldest.after(timeout),
            _ => Instant::NEVER,
        }
    }

    fn write_stall_at(&self, ask: &Ask) -> Instant {
        if self.unwritten == Unwritten::None { Instant::NEVER } else { self.stall_from.after(ask.write_stall) }
    }

    /// A deadline that an input brought about passes now at the earliest.
    pub(super) fn lift(&mut self, ask: &Ask, now: Instant) {
        if let Death::Timeout(timeout) = ask.death {
            self.oldest = self.oldest.max(now.before(timeout));
        }
        self.stall_from = self.stall_from.max(now.before(ask.write_stall));
    }

    fn unanswered_written(&self) -> u8 {
        self.unanswered.saturating_sub(u8::from(self.unwritten == Unwritten::Counted))
    }

    /// When the next heartbeat is due.
    pub(super) fn due(&self, ask: &Ask, cx: &Ctx) -> Instant {
        self.grid.due(spacing(ask, cx))
    }

    fn is_due(&self, ask: &Ask, cx: &Ctx) -> bool {
        cx.now.at >= self.due(ask, cx)
    }

    /// The verdict that is due, if any.
    pub(super) fn judge(&self, app: &Application, ask: &Ask, cx: &Ctx) -> Option<Outcome> {
        let stall = self.write_stall_at(ask);
        if cx.now.at >= stall {
            return Some(Outcome::Abort(self.write_stalled(stall, cx)));
        }
        if cx.unread {
            return None;
        }
        let deadline = match ask.death {
            Death::MissesBefore(misses) if self.is_due(ask, cx) => self.misses_deadline(ask, misses)?,
            Death::Timeout(_) => self.timeout_at(ask),
            _ => return None,
        };
        (cx.now.at >= deadline).then(|| Outcome::Close(self.silence(app, deadline, cx)))
    }

    /// From when on a beat may close, where it finds its misses: L · period less a tenth of a period after the writing of
    /// the oldest, so that a heartbeat that was written late has its time.
    fn misses_deadline(&self, ask: &Ask, misses: u8) -> Option<Instant> {
        if self.unwritten != Unwritten::None || self.unanswered < misses {
            return None;
        }
        Some(self.oldest.after(ask.period.times(u64::from(misses)).minus(ask.period.part(10))))
    }

    fn write_stalled(&self, deadline: Instant, cx: &Ctx) -> Verdict {
        Verdict {
            plane: Plane::Application,
            token: Some(Token(self.last_token)),
            unanswered: u32::from(self.unanswered),
            last_answer: known(self.last_answer),
            deadline,
            ..Verdict::plain(VerdictKind::WriteStalled, None, "write stalled", cx.now.at, cx.last_byte)
        }
    }

    fn silence(&self, app: &Application, deadline: Instant, cx: &Ctx) -> Verdict {
        let index = usize::from(self.unanswered.saturating_sub(1));
        let remembered = index < usize::from(self.known);
        Verdict {
            kind: if self.heard { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent },
            code: app.close_code,
            reason: if app.close_code.is_some() { "heartbeat timeout" } else { "" },
            plane: Plane::Application,
            token: remembered.then(|| Token(self.tokens[index])),
            written: Some(if remembered { self.flushed[index] } else { self.oldest }),
            unanswered: u32::from(self.unanswered),
            last_answer: known(self.last_answer),
            last_byte: cx.last_byte,
            deadline,
            now: cx.now.at,
        }
    }

    /// The beat, if it is due. The blog's way closes after its heartbeat: that verdict comes back.
    pub(super) fn beat<S: Sink>(&mut self, app: &Application, ask: &Ask, beats: &mut Beats, cx: &Ctx, out: &mut S) -> Option<Outcome> {
        if !self.is_due(ask, cx) {
            return None;
        }
        let deadline = self.grid.due(spacing(ask, cx));
        let point = self.pass(ask, cx);
        if self.unwritten != Unwritten::None {
            return None;
        }
        match ask.death {
            // The close waits for its time: nothing is sent, the next beat looks again.
            Death::MissesBefore(misses) if self.unanswered >= misses => None,
            // While something is unread nobody is judged (R11): the heartbeat goes out, the next beat looks again.
            Death::MissesAfter(misses) if self.unanswered >= misses && !cx.unread => {
                self.send_uncounted(ask, point, beats, cx, out);
                Some(Outcome::Close(self.silence(app, deadline, cx)))
            }
            _ => {
                self.send_counted(ask, point, beats, cx, out);
                None
            }
        }
    }

    /// The host slept: what is unanswered starts anew; a heartbeat that is due goes out without a count (R5).
    pub(super) fn stalled<S: Sink>(&mut self, ask: &Ask, beats: &mut Beats, cx: &Ctx, out: &mut S) {
        let unanswered = usize::from(self.unanswered).min(RING);
        self.flushed[..unanswered].fill(cx.now.at);
        (self.oldest, self.stall_from) = (cx.now.at, cx.now.at);
        if self.is_due(ask, cx) {
            let point = self.pass(ask, cx);
            if self.unwritten == Unwritten::None {
                self.send_uncounted(ask, point, beats, cx, out);
            }
        }
    }

    /// The beat is served. Gives its point, which tells one beat from another.
    fn pass(&mut self, ask: &Ask, cx: &Ctx) -> Instant {
        let point = self.grid.point();
        match ask.timing {
            Timing::Beat => self.grid.pass(spacing(ask, cx), cx.now.at),
            Timing::AfterIdle | Timing::AfterSilence => self.grid.set(cx.now.at.after(ask.period)),
        }
        point
    }

    fn send_counted<S: Sink>(&mut self, ask: &Ask, point: Instant, beats: &mut Beats, cx: &Ctx, out: &mut S) {
        self.send(ask, point, beats, cx, out);
        self.tokens.rotate_right(1);
        self.flushed.rotate_right(1);
        (self.tokens[0], self.flushed[0]) = (self.last_token, cx.now.at);
        self.known = (self.known + 1).min(Matching::WINDOW_MAX);
        self.unanswered = self.unanswered.saturating_add(1).min(limit(ask));
        match ask.counts {
            Counts::Written => self.unwritten = Unwritten::Counted,
            Counts::Queued => self.begins(cx),
        }
    }

    fn send_uncounted<S: Sink>(&mut self, ask: &Ask, point: Instant, beats: &mut Beats, cx: &Ctx, out: &mut S) {
        self.send(ask, point, beats, cx, out);
        if ask.counts == Counts::Written {
            self.unwritten = Unwritten::Uncounted;
        }
    }

    fn send<S: Sink>(&mut self, ask: &Ask, point: Instant, beats: &mut Beats, cx: &Ctx, out: &mut S) {
        self.last_token = match ask.cadence {
            Cadence::Together => beats.token(point, ask.token, cx),
            Cadence::Spread => next_token(self.last_token, ask.token, cx),
        };
        self.stall_from = cx.now.at;
        out.count(Counter::HeartbeatsSent);
        out.action(Action::Heartbeat(Token(self.last_token)));
    }

    /// The newest heartbeat begins to count.
    fn begins(&mut self, cx: &Ctx) {
        self.flushed[0] = cx.now.at;
        if self.unanswered == 1 {
            (self.oldest, self.heard) = (cx.now.at, false);
        }
    }

    /// A heartbeat of ours was written. One that its answer overtook is written already.
    pub(super) fn flushed(&mut self, token: Token, cx: &Ctx) {
        if self.unwritten == Unwritten::None || token.0 != self.last_token {
            return;
        }
        if self.unwritten == Unwritten::Counted {
            self.begins(cx);
        }
        self.unwritten = Unwritten::None;
    }

    /// The transport took bytes.
    pub(super) fn wrote(&mut self, now: Instant) {
        if self.unwritten != Unwritten::None {
            self.stall_from = now;
        }
    }

    /// The peer was heard.
    pub(super) fn heard(&mut self) {
        self.heard = true;
    }

    /// A message arrived.
    pub(super) fn message(&mut self, ask: &Ask, now: Instant) {
        if ask.timing == Timing::AfterIdle && self.grid.is_on() {
            self.grid.set(now.after(ask.period));
        }
    }

    /// We sent a message of the user's.
    pub(super) fn sent(&mut self, ask: &Ask, now: Instant) {
        if ask.timing == Timing::AfterSilence && self.grid.is_on() {
            self.grid.set(now.after(ask.period));
        }
    }

    pub(super) fn unanswered(&self) -> u32 {
        u32::from(self.unanswered)
    }

    /// How many heartbeats are remembered.
    pub(super) fn known(&self) -> u8 {
        self.known
    }

    /// The token of the heartbeat that `place` newer ones followed.
    pub(super) fn token(&self, place: u8) -> Token {
        Token(self.tokens[usize::from(place)])
    }

    /// When it was written.
    pub(super) fn written(&self, place: u8) -> Instant {
        self.flushed[usize::from(place)]
    }

    /// The newest token; 0 is none.
    pub(super) fn last_token(&self) -> u64 {
        self.last_token
    }

    pub(super) fn last_answer(&self) -> Option<Instant> {
        known(self.last_answer)
    }
}

/// How many heartbeats may stand unanswered (law 7).
fn limit(ask: &Ask) -> u8 {
    match ask.death {
        Death::MissesBefore(misses) | Death::MissesAfter(misses) => misses,
        Death::Timeout(_) | Death::Never => u8::MAX,
    }
}

fn spacing(ask: &Ask, cx: &Ctx) -> Spacing {
    Spacing { period: ask.period, jitter_ppm: ask.jitter_ppm, chance: cx.chance }
}

/// The first heartbeat: after a phase drawn from (0, period].
fn drawn_first(period: Span, cx: &Ctx) -> Instant {
    let drawn = cx.now.at.after(period.minus(cx.chance.span(Purpose::FirstBeat, 0, period)));
    slotted(drawn, cx.now.at.after(Span::from_nanos(1)), period)
}

/// The first beat of all connections after `now`: k · period, k ≥ 1, of the caller's time.
fn together(ask: &Ask, now: Instant) -> Instant {
    crate::time::grid_after(Instant::ZERO.after(ask.period), ask.period, now)
}
