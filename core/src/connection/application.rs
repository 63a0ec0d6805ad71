//! The application plane: heartbeats that we send, and what answers them.

use super::beats::{Beats, Unwritten, next_token};
use super::grid::{Spacing, slotted};
use super::rest::RING;
use super::state::{At, State};
use super::transport::known;
use super::{Ctx, Outcome};
use crate::event::{Action, Counter, Plane, Sink, Token, Verdict, VerdictKind};
use crate::policy::{Application, Ask, Cadence, Counts, Death, Matching, Start, Timing};
use crate::rng::Purpose;
use crate::time::{Instant, Span};

impl State {
    /// The plane starts.
    pub(super) fn start_beats(&mut self, ask: &Ask, cx: &Ctx) {
        let now = cx.now.at;
        let first = match (ask.cadence, ask.start) {
            (_, Start::Ready) => return,
            (Cadence::Together, _) => together(ask, now),
            (Cadence::Spread, Start::Interval) => now.after(ask.period),
            (Cadence::Spread, Start::Jitter) => drawn_first(ask.period, cx),
        };
        self.set_beats_grid(first);
    }

    /// The message came after which a client may begin to ask.
    pub(super) fn beats_ready(&mut self, ask: &Ask, cx: &Ctx) {
        if ask.start != Start::Ready || self.beats_on() {
            return;
        }
        self.set_beats_grid(match ask.cadence {
            Cadence::Together => together(ask, cx.now.at),
            Cadence::Spread => cx.now.at.after(ask.period),
        });
    }

    /// The settings changed.
    pub(super) fn rebase_beats(&mut self, ask: Option<&Ask>, cx: &Ctx) {
        let Some(ask) = ask else {
            return self.clear_beats();
        };
        match ask.cadence {
            _ if !self.beats_on() => self.start_beats(ask, cx),
            Cadence::Together => self.set_beats_grid(together(ask, cx.now.at)),
            Cadence::Spread => self.set_beats_due(self.beats_grid().rebased(spacing(ask, cx), cx.now.at)),
        }
        if self.beats_unanswered > limit(ask) {
            self.rest.make_late().beats_oldest = Some(self.oldest_beat());
            self.beats_unanswered = limit(ask);
        }
    }

    /// Forgets all but the newest token, so that the tokens of a later plane are larger.
    fn clear_beats(&mut self) {
        self.set_time(At::BeatWritten, Instant::NEVER);
        self.set_time(At::LastAnswer, Instant::NEVER);
        self.set_beats_grid(Instant::NEVER);
        self.set_tokens(self.last_token(), [0; RING], 0);
        self.beats_unanswered = 0;
        self.set_beat_unwritten(Unwritten::None);
        self.set_beats_heard(false);
    }

    pub(super) fn beats_deadline(&self, ask: &Ask, cx: &Ctx) -> Instant {
        let silence = if self.unread() { Instant::NEVER } else { self.beats_silent_at(ask) };
        self.beat_due(ask, cx).min(silence).min(self.beat_stalls_at(ask))
    }

    // Times.

    /// When the heartbeat that `age` newer ones followed was written; [`Instant::NEVER`] where that is not kept.
    ///
    /// While the newest of all is unwritten and does not count, its field tells from when it counts as stalled, and those
    /// that count are one place on.
    pub(super) fn beat_written(&self, age: u8) -> Instant {
        let place = usize::from(age) + usize::from(self.beat_unwritten() == Unwritten::Uncounted);
        match place.checked_sub(1) {
            None => self.time(At::BeatWritten),
            Some(place) => self.rest.late().beats.get(place).copied().unwrap_or(Instant::NEVER),
        }
    }

    /// When the oldest unanswered heartbeat was written (queued, where rule R6 does not hold), or counts as written.
    pub(super) fn oldest_beat(&self) -> Instant {
        let oldest = self.rest.late().beats_oldest;
        oldest.unwrap_or_else(|| self.beat_written(self.beats_unanswered.saturating_sub(1)))
    }

    /// What `beats` says of the oldest unanswered heartbeat is so.
    pub(super) fn oldest_beat_is_remembered(&mut self) {
        if let Some(late) = self.rest.late_if_any() {
            late.beats_oldest = None;
        }
    }

    /// The newest heartbeat makes place for another, where it is unanswered.
    fn keep_beat_written(&mut self) {
        if self.beats_unanswered > 0 {
            let newest = self.time(At::BeatWritten);
            let [a, b, c, _] = self.rest.late().beats;
            self.rest.make_late().beats = [newest, a, b, c];
        }
    }

    /// Death by timeout: when the oldest unanswered heartbeat that is written runs out of time.
    fn beats_silent_at(&self, ask: &Ask) -> Instant {
        match ask.death {
            Death::Timeout(timeout) if self.unanswered_written() > 0 => self.oldest_beat().after(timeout),
            _ => Instant::NEVER,
        }
    }

    fn beat_stalls_at(&self, ask: &Ask) -> Instant {
        if !self.is_beat_unwritten() { Instant::NEVER } else { self.time(At::BeatWritten).after(ask.write_stall) }
    }

    /// A deadline that an input brought about passes now at the earliest.
    pub(super) fn lift_beats(&mut self, ask: &Ask, now: Instant) {
        if let Death::Timeout(timeout) = ask.death {
            let floor = now.before(timeout);
            if self.unanswered_written() > 0 && self.oldest_beat() < floor {
                self.rest.make_late().beats_oldest = Some(floor);
            }
        }
        if self.is_beat_unwritten() {
            self.set_time(At::BeatWritten, self.time(At::BeatWritten).max(now.before(ask.write_stall)));
        }
    }

    pub(super) fn unanswered_written(&self) -> u8 {
        self.beats_unanswered.saturating_sub(u8::from(self.beat_unwritten() == Unwritten::Counted))
    }

    /// When the next heartbeat is due.
    pub(super) fn beat_due(&self, ask: &Ask, cx: &Ctx) -> Instant {
        if ask.jitter_ppm == 0 { self.beats_due() } else { self.moved_beat_due(ask, cx) }
    }

    #[inline(never)]
    fn moved_beat_due(&self, ask: &Ask, cx: &Ctx) -> Instant {
        self.beats_grid().due(spacing(ask, cx))
    }

    fn is_beat_due(&self, ask: &Ask, cx: &Ctx) -> bool {
        cx.now.at >= self.beat_due(ask, cx)
    }

    /// The verdict that is due, if any.
    pub(super) fn judge_beats(&self, app: &Application, ask: &Ask, cx: &Ctx) -> Option<Outcome> {
        let stall = self.beat_stalls_at(ask);
        if cx.now.at >= stall {
            return Some(Outcome::Abort(self.beat_stalled(stall, cx)));
        }
        if self.unread() {
            return None;
        }
        let deadline = match ask.death {
            Death::MissesBefore(misses) if self.is_beat_due(ask, cx) => self.misses_deadline(ask, misses)?,
            Death::Timeout(_) => self.beats_silent_at(ask),
            _ => return None,
        };
        (cx.now.at >= deadline).then(|| Outcome::Close(self.beats_silence(app, deadline, cx)))
    }

    /// From when on a beat may close, where it finds its misses: L · period less a tenth of a period after the writing of
    /// the oldest, so that a heartbeat that was written late has its time.
    fn misses_deadline(&self, ask: &Ask, misses: u8) -> Option<Instant> {
        if self.is_beat_unwritten() || self.beats_unanswered < misses {
            return None;
        }
        Some(self.oldest_beat().after(ask.period.times(u64::from(misses)).minus(ask.period.part(10))))
    }

    fn beat_stalled(&self, deadline: Instant, cx: &Ctx) -> Verdict {
        Verdict {
            plane: Plane::Application,
            token: Some(Token(self.last_token())),
            unanswered: u32::from(self.beats_unanswered),
            last_answer: self.last_answer(),
            deadline,
            ..Verdict::plain(VerdictKind::WriteStalled, None, "write stalled", cx.now.at, self.last_byte)
        }
    }

    fn beats_silence(&self, app: &Application, deadline: Instant, cx: &Ctx) -> Verdict {
        let age = self.beats_unanswered.saturating_sub(1);
        let remembered = age < self.tokens_known();
        Verdict {
            kind: if self.beats_heard() { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent },
            code: app.close_code,
            reason: if app.close_code.is_some() { "heartbeat timeout" } else { "" },
            plane: Plane::Application,
            token: remembered.then(|| Token(self.tokens()[usize::from(age)])),
            written: Some(if remembered { self.beat_written(age) } else { self.oldest_beat() }),
            unanswered: u32::from(self.beats_unanswered),
            last_answer: self.last_answer(),
            last_byte: self.last_byte,
            deadline,
            now: cx.now.at,
        }
    }

    /// The beat, if it is due. The blog's way closes after its heartbeat: that verdict comes back.
    pub(super) fn ask<S: Sink>(&mut self, app: &Application, ask: &Ask, beats: &mut Beats, cx: &Ctx, out: &mut S) -> Option<Outcome> {
        if !self.is_beat_due(ask, cx) {
            return None;
        }
        let deadline = self.beat_due(ask, cx);
        let point = self.pass_beat(ask, cx);
        if self.is_beat_unwritten() {
            return None;
        }
        match ask.death {
            // The close waits for its time: nothing is sent, the next beat looks again.
            Death::MissesBefore(misses) if self.beats_unanswered >= misses => None,
            // While something is unread nobody is judged (R11): the heartbeat goes out, the next beat looks again.
            Death::MissesAfter(misses) if self.beats_unanswered >= misses && !self.unread() => {
                self.send_uncounted(ask, point, beats, cx, out);
                Some(Outcome::Close(self.beats_silence(app, deadline, cx)))
            }
            _ => {
                self.send_counted(ask, point, beats, cx, out);
                None
            }
        }
    }

    /// The host slept: what is unanswered starts anew; a heartbeat that is due goes out without a count (R5).
    pub(super) fn beats_stalled<S: Sink>(&mut self, ask: &Ask, beats: &mut Beats, cx: &Ctx, out: &mut S) {
        let now = cx.now.at;
        if self.beats_unanswered > 0 || self.is_beat_unwritten() {
            self.set_time(At::BeatWritten, now);
        }
        if let Some(late) = self.rest.late_if_any() {
            late.beats.fill(now);
            late.beats_oldest = late.beats_oldest.map(|_| now);
        }
        if self.is_beat_due(ask, cx) {
            let point = self.pass_beat(ask, cx);
            if !self.is_beat_unwritten() {
                self.send_uncounted(ask, point, beats, cx, out);
            }
        }
    }

    /// The beat is served. Gives its point, which tells one beat from another.
    fn pass_beat(&mut self, ask: &Ask, cx: &Ctx) -> Instant {
        let point = self.beats_due();
        self.set_beats_due(match ask.timing {
            Timing::Beat => self.beats_grid().passed(spacing(ask, cx), cx.now.at),
            Timing::AfterIdle | Timing::AfterSilence => cx.now.at.after(ask.period),
        });
        point
    }

    fn send_counted<S: Sink>(&mut self, ask: &Ask, point: Instant, beats: &mut Beats, cx: &Ctx, out: &mut S) {
        let (before, oldest) = (self.beats_unanswered, self.oldest_beat());
        self.keep_beat_written();
        self.set_time(At::BeatWritten, cx.now.at);
        let token = self.beat_token(ask, point, beats, cx);
        self.owe_answer(ask);
        let [a, b, c, _] = self.tokens();
        self.set_tokens(token, [token, a, b, c], Matching::WINDOW_MAX.min(self.tokens_known() + 1));
        self.beats_unanswered = before.saturating_add(1).min(limit(ask));
        if before > 0 {
            // It may come to lie further back than what is remembered.
            self.rest.make_late().beats_oldest = Some(oldest);
        }
        match ask.counts {
            Counts::Written => self.set_beat_unwritten(Unwritten::Counted),
            Counts::Queued => self.beat_begins(cx),
        }
        sent(token, out);
    }

    fn send_uncounted<S: Sink>(&mut self, ask: &Ask, point: Instant, beats: &mut Beats, cx: &Ctx, out: &mut S) {
        let token = self.beat_token(ask, point, beats, cx);
        self.owe_answer(ask);
        self.set_tokens(token, self.tokens(), self.tokens_known());
        if ask.counts == Counts::Written {
            self.keep_beat_written();
            self.set_time(At::BeatWritten, cx.now.at);
            self.set_beat_unwritten(Unwritten::Uncounted);
        }
        sent(token, out);
    }

    fn beat_token(&self, ask: &Ask, point: Instant, beats: &mut Beats, cx: &Ctx) -> u64 {
        match ask.cadence {
            Cadence::Together => beats.token(point, self.last_token(), ask.token, cx),
            Cadence::Spread => next_token(self.last_token(), ask.token, cx),
        }
    }

    /// The newest heartbeat begins to count.
    fn beat_begins(&mut self, cx: &Ctx) {
        self.set_time(At::BeatWritten, cx.now.at);
        if self.beats_unanswered == 1 {
            self.oldest_beat_is_remembered();
            self.set_beats_heard(false);
        }
    }

    /// A heartbeat of ours was written. One that its answer overtook is written already.
    pub(super) fn beat_flushed(&mut self, token: Token, cx: &Ctx) {
        if token.0 != self.last_token() {
            return;
        }
        match self.beat_unwritten() {
            Unwritten::None => return,
            Unwritten::Counted => self.beat_begins(cx),
            Unwritten::Uncounted if self.beats_unanswered > 0 => {
                let [newest, a, b, c] = self.rest.late().beats;
                self.set_time(At::BeatWritten, newest);
                self.rest.make_late().beats = [a, b, c, Instant::NEVER];
            }
            Unwritten::Uncounted => {}
        }
        self.set_beat_unwritten(Unwritten::None);
    }

    /// The transport took bytes.
    pub(super) fn beats_wrote(&mut self, now: Instant) {
        if self.is_beat_unwritten() {
            self.set_time(At::BeatWritten, now);
        }
    }

    /// A message arrived.
    pub(super) fn beats_message(&mut self, ask: &Ask, now: Instant) {
        if ask.timing == Timing::AfterIdle && self.beats_on() {
            self.set_beats_due(now.after(ask.period));
        }
    }

    /// We sent a message of the user's.
    pub(super) fn beats_sent(&mut self, ask: &Ask, now: Instant) {
        if ask.timing == Timing::AfterSilence && self.beats_on() {
            self.set_beats_due(now.after(ask.period));
        }
    }

    /// When the last answer that counts came.
    pub(super) fn last_answer(&self) -> Option<Instant> {
        known(self.time(At::LastAnswer))
    }
}

/// A heartbeat goes out.
fn sent<S: Sink>(token: u64, out: &mut S) {
    out.count(Counter::HeartbeatsSent);
    out.action(Action::Heartbeat(Token(token)));
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
    let drawn = cx.now.at.after(period.minus(cx.chance.phase(Purpose::FirstBeat, period)));
    slotted(drawn, cx.now.at.after(Span::from_nanos(1)), period)
}

/// The first beat of all connections after `now`: k · period, k ≥ 1, of the caller's time.
fn together(ask: &Ask, now: Instant) -> Instant {
    crate::time::grid_after(Instant::ZERO.after(ask.period), ask.period, now)
}
