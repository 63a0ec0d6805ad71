//! What the judge knows of the heartbeats of a connection.

use super::pings::{HEARD, wobble};
use crate::event::{Token, Verdict, VerdictKind};
use crate::policy::{Answers, Ask, Counts, Death, Matching, Start, Timing};
use crate::time::{Instant, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unwritten {
    None,
    Counted,
    /// Sent after a stall: its answer is ignored.
    Uncounted,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct BeatWatch {
    tokens: [u64; 4],
    sent: [Instant; 4],
    flushed: [Instant; 4],
    /// When the oldest unanswered heartbeat was written.
    oldest: Instant,
    /// From when the time to a verdict counts: the last answered heartbeat, the opening, the last stall.
    base: Instant,
    /// Since when the newest is unwritten.
    unwritten_since: Instant,
    /// The same, or the last progress.
    stuck_since: Instant,
    /// What writers and hosts cost since `base`.
    delay: Span,
    /// The part of it that came after the newest heartbeat that counts: by one that was sent after a stall, or by a point of
    /// the grid at which none was sent.
    delay_behind: Span,
    /// By when the next one has to be sent, where one may be.
    due_by: Instant,
    /// When the last one was sent, if its tick came in time and every point of the grid was served since.
    last_on_grid: Instant,
    last_token: u64,
    known: u8,
    unanswered: u8,
    unwritten: Unwritten,
    /// Something was heard since the oldest unanswered one began to count.
    heard: bool,
    is_unread: bool,
}

impl BeatWatch {
    pub(super) const fn opened(now: Instant) -> Self {
        BeatWatch {
            tokens: [0; 4],
            sent: [Instant::NEVER; 4],
            flushed: [Instant::NEVER; 4],
            oldest: Instant::NEVER,
            base: now,
            unwritten_since: Instant::NEVER,
            stuck_since: Instant::NEVER,
            delay: Span::ZERO,
            delay_behind: Span::ZERO,
            due_by: Instant::NEVER,
            last_on_grid: Instant::NEVER,
            last_token: 0,
            known: 0,
            unanswered: 0,
            unwritten: Unwritten::None,
            heard: false,
            is_unread: false,
        }
    }

    /// The plane starts; where the dialect says so, with a message of the peer's.
    pub(super) fn starts(&mut self, ask: &Ask, now: Instant, is_ready: bool) {
        if is_ready == (ask.start == Start::Ready) && self.due_by == Instant::NEVER {
            self.due_by = now.after(ask.period);
        }
    }

    pub(super) fn hears(&mut self) {
        self.heard = true;
    }

    /// A message of the peer's, or one of ours: it puts off a heartbeat that waits for silence.
    pub(super) fn put_off(&mut self, ask: &Ask, timing: Timing, now: Instant) {
        if ask.timing == timing && self.due_by != Instant::NEVER {
            self.due_by = now.after(ask.period);
        }
    }

    /// Whether no rule keeps a heartbeat back.
    fn may_be_sent(&self, ask: &Ask) -> bool {
        self.unwritten == Unwritten::None && !self.is_full(ask)
    }

    /// Law 14: by when the next heartbeat has to be sent.
    pub(super) fn owed_by(&self, ask: &Ask) -> Instant {
        if self.may_be_sent(ask) { self.due_by } else { Instant::NEVER }
    }

    /// Points of the grid that found it kept back have passed: it goes out at the next one.
    fn goes_on(&mut self, ask: &Ask, now: Instant) {
        self.last_on_grid = Instant::NEVER;
        self.due_by = self.due_by.max(next_by(ask, now));
    }

    /// A heartbeat was sent, `late` after it was due. What is wrong with it, if anything.
    pub(super) fn sent(&mut self, ask: &Ask, token: Token, now: Instant, late: Span, rebased: bool) -> Option<&'static str> {
        let in_time = late == Span::ZERO && !rebased;
        let wrong = self.wrong_to_send(ask, token, rebased).or_else(|| (in_time && self.is_off_grid(ask, now)).then_some(OFF_GRID));
        self.last_on_grid = if in_time { now } else { Instant::NEVER };
        self.due_by = next_by(ask, now);
        (self.last_token, self.delay) = (token.0, self.delay.plus(late));
        self.delay_behind = if rebased { self.delay_behind.plus(late) } else { Span::ZERO };
        let is_at_limit = matches!(ask.death, Death::MissesAfter(misses) if self.unanswered >= misses);
        // Last words but for what lies unread: then nobody is judged, and it takes the place of the oldest.
        if !rebased && (!is_at_limit || self.is_unread) {
            self.tokens.rotate_right(1);
            self.sent.rotate_right(1);
            self.flushed.rotate_right(1);
            (self.tokens[0], self.sent[0], self.flushed[0]) = (token.0, now, now);
            self.known = (self.known + 1).min(4);
            self.unanswered = self.unanswered.saturating_add(u8::from(!is_at_limit));
        }
        if ask.counts == Counts::Queued {
            if self.unanswered == 1 {
                (self.oldest, self.heard) = (now, false);
            }
            return wrong;
        }
        self.unwritten = if rebased { Unwritten::Uncounted } else { Unwritten::Counted };
        (self.unwritten_since, self.stuck_since) = (now, now);
        wrong
    }

    fn wrong_to_send(&self, ask: &Ask, token: Token, rebased: bool) -> Option<&'static str> {
        if self.unwritten != Unwritten::None {
            return Some("a heartbeat is queued while one is unwritten");
        }
        if token.0 <= self.last_token {
            return Some("tokens do not increase");
        }
        (self.is_full(ask) && !rebased).then_some("law 7: a heartbeat is sent although as many as may be are unanswered")
    }

    fn is_full(&self, ask: &Ask) -> bool {
        matches!(ask.death, Death::MissesBefore(misses) if self.unanswered >= misses)
    }

    /// Whether it comes at no point of the grid, or sooner than a period after the last.
    fn is_off_grid(&self, ask: &Ask, now: Instant) -> bool {
        let (gap, period) = (now.since(self.last_on_grid), ask.period.as_nanos().max(1));
        self.last_on_grid != Instant::NEVER
            && ask.jitter_ppm == 0
            && (gap < ask.period || ask.timing == Timing::Beat && gap.as_nanos() % period != 0)
    }

    pub(super) fn flushed(&mut self, ask: &Ask, token: Token, now: Instant) {
        if self.unwritten == Unwritten::None || token.0 != self.last_token {
            return;
        }
        if self.unwritten == Unwritten::Counted {
            self.flushed[0] = now;
            if self.unanswered == 1 {
                (self.oldest, self.heard) = (now, false);
            }
        }
        self.written(ask, now);
    }

    fn written(&mut self, ask: &Ask, now: Instant) {
        let unwritten = now.since(self.unwritten_since);
        if unwritten >= ask.period || self.last_on_grid == Instant::NEVER {
            self.goes_on(ask, now);
        }
        self.delay = self.delay.plus(unwritten);
        if self.unwritten == Unwritten::Uncounted {
            self.delay_behind = self.delay_behind.plus(unwritten);
        }
        self.unwritten = Unwritten::None;
    }

    pub(super) fn wrote(&mut self, now: Instant) {
        self.stuck_since = now;
    }

    /// What arrived lies unread (R11).
    pub(super) fn lies_unread(&mut self) {
        self.is_unread = true;
    }

    /// What arrived lay unread for so long: what ran out meanwhile runs out now.
    pub(super) fn is_read(&mut self, ask: &Ask, now: Instant, unread: Span) {
        self.is_unread = false;
        self.delay = self.delay.plus(unread);
        self.last_on_grid = Instant::NEVER;
        if let Death::Timeout(timeout) = ask.death {
            self.oldest = self.oldest.max(now.before(timeout));
        }
        if self.unwritten != Unwritten::None {
            self.stuck_since = self.stuck_since.max(now.before(ask.write_stall));
        }
    }

    pub(super) fn answer(&mut self, ask: &Ask, token: Token, now: Instant) {
        let place = self.tokens[..usize::from(self.known)].iter().position(|t| *t == token.0).and_then(|p| u8::try_from(p).ok());
        let window = ask.matching.window().min(self.unanswered);
        let any = ask.matching == Matching::Any || ask.answers == Answers::Any;
        let was_kept_back = !self.may_be_sent(ask);
        match place {
            // Where any answer answers all that was written, one that tells its heartbeat adds something for the unwritten only.
            Some(place) if place < window && (!any || self.overtakes(place)) => self.matched(ask, place, now),
            _ if any => self.any(ask, now),
            _ => {}
        }
        if was_kept_back && self.may_be_sent(ask) {
            self.goes_on(ask, now);
        }
    }

    /// Whether the answer to this one comes before the news of its writing (R6).
    fn overtakes(&self, place: u8) -> bool {
        place == 0 && self.unwritten == Unwritten::Counted
    }

    fn matched(&mut self, ask: &Ask, place: u8, now: Instant) {
        let overtook = self.overtakes(place);
        if self.withheld(ask, now) {
            (self.delay, self.delay_behind) = (self.delay.plus(ask.period), self.delay_behind.plus(ask.period));
        }
        self.base = if overtook { now } else { self.counts_from(ask, usize::from(place)) };
        // What later heartbeats lost is theirs still: a delay is not forgotten with an answer to an older one.
        if place == 0 {
            self.delay = self.delay_behind;
        }
        self.unanswered = place;
        if overtook {
            self.unwritten = Unwritten::None;
            if now.since(self.unwritten_since) >= ask.period {
                self.last_on_grid = Instant::NEVER;
            }
        }
        if place > 0 {
            self.oldest = self.flushed[usize::from(place) - 1];
        }
    }

    /// As many as may be stood unanswered at a point of the grid: none was sent there. Where nothing excuses the peer (a host that
    /// slept, R5; input that lay unread, R11) it had to be given up there, which is asked for in its own place.
    fn withheld(&self, ask: &Ask, now: Instant) -> bool {
        self.is_full(ask) && now.since(self.sent[0]) >= ask.period.minus(ask.period.part(10))
    }

    /// From its sending, and the time that it stayed unwritten in whole periods: as long as it stood there no other was sent.
    fn counts_from(&self, ask: &Ask, place: usize) -> Instant {
        let (sent, flushed) = (self.sent[place], self.flushed[place]);
        let unwritten = flushed.since(sent);
        if unwritten <= ask.period.part(10) {
            return flushed;
        }
        sent.after(ask.period.times(unwritten.as_nanos().div_ceil(ask.period.as_nanos().max(1))))
    }

    fn any(&mut self, ask: &Ask, now: Instant) {
        let waiting = u8::from(self.unwritten == Unwritten::Counted);
        if self.unanswered > waiting {
            self.unanswered = waiting;
        } else if waiting > 0 && ask.matching == Matching::Any {
            // It can only mean the one whose writing is not told yet (R6); the clock of that runs on.
            (self.unanswered, self.unwritten) = (0, Unwritten::Uncounted);
        } else {
            return;
        }
        (self.base, self.delay) = (now, Span::ZERO);
    }

    /// The host slept: what is unanswered starts anew (R5).
    pub(super) fn rebase(&mut self, now: Instant) {
        let unanswered = usize::from(self.unanswered).min(4);
        self.sent[..unanswered].fill(now);
        self.flushed[..unanswered].fill(now);
        (self.oldest, self.stuck_since, self.base) = (now, now, now);
    }

    /// Laws 11 and 12: as many as may be stand unanswered, written, and their time is over.
    pub(super) fn may_be_given_up(&self, ask: &Ask, now: Instant) -> bool {
        match ask.death {
            Death::MissesBefore(misses) => {
                let least = ask.period.times(u64::from(misses)).minus(ask.period.part(10));
                self.unwritten == Unwritten::None && self.unanswered >= misses && now >= self.oldest.after(least)
            }
            Death::MissesAfter(misses) => self.unanswered >= misses,
            Death::Timeout(timeout) => self.unanswered_written() > 0 && now >= self.oldest.after(timeout),
            Death::Never => false,
        }
    }

    fn unanswered_written(&self) -> u8 {
        self.unanswered.saturating_sub(u8::from(self.unwritten == Unwritten::Counted))
    }

    pub(super) fn is_stuck(&self, ask: &Ask, now: Instant) -> bool {
        now >= self.stuck_by(ask)
    }

    /// Law 13: until when a peer that accepts no byte has to be given up.
    pub(super) fn stuck_by(&self, ask: &Ask) -> Instant {
        if self.unwritten == Unwritten::None { Instant::NEVER } else { self.stuck_since.after(ask.write_stall) }
    }

    /// Whether its time was over so long ago that this tick may judge nobody (R5).
    pub(super) fn is_too_late_to_judge(&self, ask: &Ask, now: Instant) -> bool {
        let over = match ask.death {
            Death::Timeout(timeout) if self.unanswered_written() > 0 => self.oldest.after(timeout),
            Death::MissesBefore(misses) if ask.timing == Timing::Beat && ask.jitter_ppm == 0 => {
                let least = ask.period.times(u64::from(misses)).minus(ask.period.part(10));
                // It is judged at a point of the grid, and not at that at which the last of the misses was sent.
                self.point_at(ask, self.oldest.after(least).max(self.sent[0].after(Span::from_nanos(1))))
            }
            _ => Instant::NEVER,
        };
        now.since(over.min(self.stuck_by(ask))) > ask.stall_after
    }

    /// The first point of the grid that is not before `at`, where the grid is known.
    fn point_at(&self, ask: &Ask, at: Instant) -> Instant {
        let periods = at.since(self.last_on_grid).as_nanos().div_ceil(ask.period.as_nanos().max(1));
        self.last_on_grid.after(ask.period.times(periods))
    }

    /// What is wrong with what a verdict of silence tells (R8).
    pub(super) fn wrong_facts(&self, verdict: &Verdict) -> Option<&'static str> {
        let place = usize::from(self.unanswered).wrapping_sub(1);
        let oldest = self.tokens[..usize::from(self.known)].get(place).map(|token| (Token(*token), self.flushed[place]));
        match oldest {
            _ if verdict.unanswered != u32::from(self.unanswered) => Some("R8: a verdict tells another number of unanswered heartbeats"),
            Some((_, written)) if verdict.written != Some(written) => Some("R8: a verdict tells another time of writing"),
            Some((token, _)) if verdict.token != Some(token) => Some("R8: a verdict tells of another heartbeat"),
            _ if self.heard != (verdict.kind == VerdictKind::PeerSlow) => Some(HEARD),
            _ => None,
        }
    }

    /// Law 13: until when a silent peer has to be given up, if nothing comes.
    pub(super) fn silent_by(&self, ask: &Ask) -> Instant {
        if self.unwritten != Unwritten::None {
            return Instant::NEVER;
        }
        match ask.death {
            Death::Timeout(timeout) if self.unanswered_written() > 0 => self.oldest.after(timeout),
            Death::MissesBefore(misses) if has_beats(ask) => {
                let wobble = wobble(ask.period, ask.jitter_ppm);
                let tenth = ask.period.part(10);
                let lost = if self.delay.plus(wobble) > tenth { self.delay.as_nanos().div_ceil(ask.period.as_nanos().max(1)) } else { 0 };
                let periods = (u64::from(misses) + 1).saturating_add(lost);
                self.base.after(ask.period.times(periods)).after(wobble)
            }
            _ => Instant::NEVER,
        }
    }
}

const OFF_GRID: &str = "heartbeats are not a period apart";

/// By when the heartbeat after one at `now` has to be sent.
fn next_by(ask: &Ask, now: Instant) -> Instant {
    now.after(ask.period).after(wobble(ask.period, ask.jitter_ppm))
}

/// Whether beats come on a grid that begins with the opening.
fn has_beats(ask: &Ask) -> bool {
    ask.timing == Timing::Beat && ask.start != Start::Ready && ask.counts == Counts::Written
}

#[cfg(test)]
mod tests;
