//! The application plane where we ask.

use wsbeat_core::event::{Action, Input, Payload, Plane, Token, Verdict, VerdictKind};
use wsbeat_core::policy::{Answers, Ask, Cadence, Counts, Death, Matching, STALL_AFTER_MAX, Start, TokenKind};

use super::{End, Model, Ns, Sent, at, first_point_after, never, span};

impl Model {
    fn ask(&self) -> Option<Ask> {
        self.application()?.ask
    }

    pub(super) fn application_late(&self, lateness: Ns) -> bool {
        let Some(a) = self.application() else { return false };
        match a.ask {
            Some(ask) => ask.counts == Counts::Written && lateness > span(ask.stall_after),
            None => {
                let shorter = a.listen.map_or(STALL_AFTER_MAX, |l| l.limit.min(STALL_AFTER_MAX));
                lateness > span(shorter)
            }
        }
    }

    pub(super) fn application_due(&self) -> Ns {
        let quiet = [self.listen_at(), self.feed_at(), self.beats_silent_at()];
        let quiet = quiet.into_iter().flatten().min().filter(|_| !self.unread());
        quiet.unwrap_or(never()).min(self.beat_stall_at().unwrap_or(never())).min(self.next_beat_at().unwrap_or(never()))
    }

    pub(super) fn application_end(&self) -> Option<End> {
        if let Some(deadline) = self.beat_stall_at().filter(|at| *at <= self.now) {
            return Some(End::Abort(self.beat_verdict(VerdictKind::WriteStalled, None, "", deadline)));
        }
        if self.unread() {
            return None;
        }
        self.beats_end().or_else(|| self.listen_end()).or_else(|| self.feed_end())
    }

    /// The close for unanswered heartbeats, but for the blog's, which follows its heartbeat.
    fn beats_end(&self) -> Option<End> {
        let ask = self.ask()?;
        let deadline = match ask.death {
            Death::MissesBefore(limit) => self.misses_end_at(ask, limit)?,
            _ => self.beats_silent_at().filter(|at| *at <= self.now)?,
        };
        Some(End::Close(self.silent_beats(deadline)))
    }

    /// The beat at which too many stand unanswered.
    fn misses_end_at(&self, ask: Ask, limit: u8) -> Option<Ns> {
        let beat = self.next_beat_at().filter(|at| *at <= self.now)?;
        if self.unanswered().count() < usize::from(limit) || self.unwritten_beat().is_some() {
            return None;
        }
        let oldest = self.unanswered().next()?.written?.0;
        let period = span(ask.period);
        // The beat closes from then on.
        let closes = oldest + Ns::from(limit) * period - period / 10;
        (beat <= self.now && closes <= self.now).then_some(closes)
    }

    /// `Death::Timeout`: when the oldest heartbeat has stayed unanswered for too long.
    fn beats_silent_at(&self) -> Option<Ns> {
        let Death::Timeout(timeout) = self.ask()?.death else { return None };
        let oldest = self.unanswered().find_map(|s| s.written)?;
        Some(self.lifted(oldest.0 + span(timeout), oldest.0))
    }

    fn silent_beats(&self, deadline: Ns) -> Verdict {
        let oldest = self.unanswered().next();
        let since = oldest.map_or(0, |s| if self.queued_counts() { s.order } else { s.written.map_or(s.order, |w| w.1) });
        let kind = if self.heard_after(since) { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent };
        let code = self.application().and_then(|a| a.close_code);
        self.beat_verdict(kind, code, if code.is_some() { "heartbeat timeout" } else { "" }, deadline)
    }

    fn beat_verdict(&self, kind: VerdictKind, code: Option<u16>, reason: &'static str, deadline: Ns) -> Verdict {
        let stalled = kind == VerdictKind::WriteStalled;
        let oldest = if stalled { self.unwritten_beat() } else { self.unanswered().next() };
        let written = oldest.and_then(|s| if self.queued_counts() { Some(s.queued) } else { s.written.map(|w| w.0) });
        let written = match self.ask().map(|ask| ask.death) {
            Some(Death::Timeout(timeout)) if self.unanswered().count() > 4 => written.map(|ns| ns.max(deadline - span(timeout))),
            _ => written,
        };
        Verdict {
            plane: Plane::Application,
            // Four are remembered; of the fifth from the end only the time is known.
            token: oldest.filter(|_| stalled || self.unanswered().count() <= 4).map(|s| Token(s.token)),
            written: written.map(at),
            unanswered: u32::try_from(self.unanswered().count()).unwrap_or(u32::MAX),
            last_answer: self.beat_answers.last().copied().map(at),
            deadline: at(deadline),
            ..self.plain(kind, code, reason)
        }
    }

    pub(super) fn application_sends(&mut self, late: bool) {
        let (Some(ask), Some(beat)) = (self.ask(), self.next_beat_at().filter(|at| *at <= self.now)) else { return };
        self.beat_visits.push(self.now);
        if ask.counts == Counts::Written && self.unwritten_beat().is_some() {
            return;
        }
        match ask.death {
            // The close waits for its time, or for what is unread.
            Death::MissesBefore(limit) if !late && self.unanswered().count() >= usize::from(limit) => {}
            Death::MissesAfter(limit) => {
                // The blog's counter stops at its limit.
                let full = self.unanswered().count() >= usize::from(limit);
                let verdict = self.silent_beats(beat);
                self.send_beat(ask, full && !self.unread());
                if full && !self.unread() {
                    self.close(verdict);
                }
            }
            _ => self.send_beat(ask, late),
        }
    }

    fn send_beat(&mut self, ask: Ask, outside: bool) {
        let previous = self.beats.last().map(|s| s.token);
        let token = match ask.token {
            TokenKind::Counter => previous.unwrap_or(0) + 1,
            TokenKind::Timestamp => previous.map_or(self.wall_ms, |p| self.wall_ms.max(p + 1)),
        };
        let sent = Sent { outside, ..self.sent(token, Payload::Other) };
        self.beats.push(sent);
        self.actions.push(Action::Heartbeat(Token(token)));
    }

    pub(super) fn beat_written(&mut self, token: Token) {
        let written = (self.now, self.order);
        if let Some(sent) = self.beats.iter_mut().rev().find(|s| s.token == token.0 && s.written.is_none()) {
            sent.written = Some(written);
        }
    }

    pub(super) fn beat_answered(&mut self, token: Token) {
        let Some(ask) = self.ask() else { return };
        let written = (self.now, self.order);
        let counted: Vec<usize> = (0..self.beats.len()).filter(|i| !self.beats[*i].outside && !self.beats[*i].resolved).collect();
        let window = usize::from(ask.matching.window());
        let matched = counted.iter().rev().take(window).copied().find(|i| self.beats[*i].token == token.0);
        // What counts from its queueing counts as written.
        let all_written = counted.iter().copied().filter(|i| self.queued_counts() || self.beats[*i].written.is_some());
        let any = ask.answers == Answers::Any || ask.matching == Matching::Any;
        let written_newest = all_written.max();
        // What answers anything answers what is unwritten where nothing else is left.
        let overtaken = counted.last().copied().filter(|_| ask.matching == Matching::Any && written_newest.is_none());
        let newest = if any { matched.max(written_newest).or(overtaken) } else { matched };
        let Some(newest) = newest else { return };
        if matched == Some(newest) {
            self.beats[newest].written.get_or_insert(written);
        }
        self.beats[..=newest].iter_mut().for_each(|s| s.resolved = true);
        self.beat_answers.push(self.now);
    }

    /// Those that count and have no answer; the blog's counter stops at its limit.
    fn unanswered(&self) -> impl Iterator<Item = &Sent> {
        let open = || self.beats.iter().filter(|s| !s.resolved && !s.outside);
        let limit = match self.ask().map(|ask| ask.death) {
            Some(Death::MissesAfter(limit)) => usize::from(limit),
            _ => usize::MAX,
        };
        open().skip(open().count().saturating_sub(limit))
    }

    fn unwritten_beat(&self) -> Option<&Sent> {
        self.beats.last().filter(|s| s.written.is_none())
    }

    fn queued_counts(&self) -> bool {
        self.ask().is_some_and(|ask| ask.counts == Counts::Queued)
    }

    fn beat_stall_at(&self) -> Option<Ns> {
        let ask = self.ask().filter(|ask| ask.counts == Counts::Written)?;
        let from = self.stalled_since(self.unwritten_beat()?, 1);
        Some(self.lifted(from + span(ask.write_stall), from))
    }

    fn ready_at(&self) -> Option<Ns> {
        self.inputs.iter().find(|(_, _, i)| *i == Input::Ready).map(|(at, _, _)| *at)
    }

    fn next_beat_at(&self) -> Option<Ns> {
        let ask = self.ask()?;
        let period = span(ask.period);
        let served = self.beat_visits.iter().copied().max();
        if ask.cadence == Cadence::Together {
            let from = if ask.start == Start::Ready { self.ready_at()? } else { self.opened };
            return Some(first_point_after(period, period, served.unwrap_or(from).max(from)));
        }
        let first = match ask.start {
            Start::Interval => self.opened + self.steps[1],
            Start::Jitter => self.opened + self.drawn.first_beat,
            Start::Ready => self.ready_at()? + self.steps[1],
        };
        Some(served.map_or(first, |at| first_point_after(first, period, at)))
    }
}
