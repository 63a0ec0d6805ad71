//! What the judge knows of the heartbeats of a connection.

use crate::event::Token;
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
    last_token: u64,
    known: u8,
    unanswered: u8,
    unwritten: Unwritten,
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
            last_token: 0,
            known: 0,
            unanswered: 0,
            unwritten: Unwritten::None,
        }
    }

    pub(super) const fn unanswered(&self) -> u8 {
        self.unanswered
    }

    /// A heartbeat was sent, `late` after it was due. What is wrong with it, if anything.
    pub(super) fn sent(&mut self, ask: &Ask, token: Token, now: Instant, late: Span, rebased: bool) -> Option<&'static str> {
        let wrong = self.wrong_to_send(ask, token, rebased);
        (self.last_token, self.delay) = (token.0, self.delay.plus(late));
        self.delay_behind = if rebased { self.delay_behind.plus(late) } else { Span::ZERO };
        let last_words = matches!(ask.death, Death::MissesAfter(misses) if self.unanswered >= misses);
        if !rebased && !last_words {
            self.tokens.rotate_right(1);
            self.sent.rotate_right(1);
            self.flushed.rotate_right(1);
            (self.tokens[0], self.sent[0], self.flushed[0]) = (token.0, now, now);
            self.known = (self.known + 1).min(4);
            self.unanswered = self.unanswered.saturating_add(1);
        }
        if ask.counts == Counts::Queued {
            if self.unanswered == 1 {
                self.oldest = now;
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
        let full = matches!(ask.death, Death::MissesBefore(misses) if self.unanswered >= misses);
        (full && !rebased).then_some("law 7: a heartbeat is sent although as many as may be are unanswered")
    }

    pub(super) fn flushed(&mut self, token: Token, now: Instant) {
        if self.unwritten == Unwritten::None || token.0 != self.last_token {
            return;
        }
        if self.unwritten == Unwritten::Counted {
            self.flushed[0] = now;
            if self.unanswered == 1 {
                self.oldest = now;
            }
        }
        self.written(now);
    }

    fn written(&mut self, now: Instant) {
        let unwritten = now.since(self.unwritten_since);
        self.delay = self.delay.plus(unwritten);
        if self.unwritten == Unwritten::Uncounted {
            self.delay_behind = self.delay_behind.plus(unwritten);
        }
        self.unwritten = Unwritten::None;
    }

    pub(super) fn wrote(&mut self, now: Instant) {
        self.stuck_since = now;
    }

    /// What arrived lay unread for so long: what ran out meanwhile runs out now.
    pub(super) fn is_read(&mut self, ask: &Ask, now: Instant, unread: Span) {
        self.delay = self.delay.plus(unread);
        if let Death::Timeout(timeout) = ask.death {
            self.oldest = self.oldest.max(now.before(timeout));
        }
    }

    pub(super) fn answer(&mut self, ask: &Ask, token: Token, now: Instant) {
        let place = self.tokens[..usize::from(self.known)].iter().position(|t| *t == token.0).and_then(|p| u8::try_from(p).ok());
        let window = ask.matching.window().min(self.unanswered);
        let any = ask.matching == Matching::Any || ask.answers == Answers::Any;
        match place {
            // Where any answer answers all that was written, one that tells its heartbeat adds something for the unwritten only.
            Some(place) if place < window && (!any || self.overtakes(place)) => self.matched(ask, place, now),
            _ if any => self.any(ask, now),
            _ => {}
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
        }
        if place > 0 {
            self.oldest = self.flushed[usize::from(place) - 1];
        }
    }

    /// As many as may be stood unanswered at a point of the grid: none was sent there. Where nothing excuses the peer (a host that
    /// slept, R5; input that lay unread, R11) it had to be given up there, which is asked for in its own place.
    fn withheld(&self, ask: &Ask, now: Instant) -> bool {
        let is_full = matches!(ask.death, Death::MissesBefore(misses) if self.unanswered >= misses);
        is_full && now.since(self.sent[0]) >= ask.period.minus(ask.period.part(10))
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
        self.unwritten != Unwritten::None && now >= self.stuck_since.after(ask.write_stall)
    }

    /// Law 13: until when it has to be given up, if nothing comes.
    pub(super) fn ends_by(&self, ask: &Ask) -> Instant {
        if self.unwritten != Unwritten::None {
            return self.stuck_since.after(ask.write_stall);
        }
        match ask.death {
            Death::Timeout(timeout) if self.unanswered_written() > 0 => self.oldest.after(timeout),
            Death::MissesBefore(misses) if has_beats(ask) => {
                let wobble = ask.period.as_nanos() / 1_000_000 * u64::from(ask.jitter_ppm) * 2;
                let tenth = ask.period.part(10);
                let lost = if self.delay.plus(Span::from_nanos(wobble)) > tenth {
                    self.delay.as_nanos().div_ceil(ask.period.as_nanos().max(1))
                } else {
                    0
                };
                let periods = (u64::from(misses) + 1).saturating_add(lost);
                self.base.after(ask.period.times(periods)).after(Span::from_nanos(wobble))
            }
            _ => Instant::NEVER,
        }
    }
}

/// Whether beats come on a grid that begins with the opening.
fn has_beats(ask: &Ask) -> bool {
    ask.timing == Timing::Beat && ask.start != Start::Ready && ask.counts == Counts::Written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    fn ask(change: impl FnOnce(&mut Ask)) -> Ask {
        let mut ask = Ask::every(Span::from_secs(5), Death::MissesBefore(2));
        change(&mut ask);
        ask
    }

    fn plain() -> Ask {
        ask(|_| {})
    }

    /// Heartbeats 1 to `count`, 5 s apart, each written at once.
    fn beaten(ask: &Ask, count: u64) -> BeatWatch {
        let mut watch = BeatWatch::opened(at(0));
        for n in 1..=count {
            assert_eq!(watch.sent(ask, Token(n), at(5 * n), Span::ZERO, false), None);
            watch.flushed(Token(n), at(5 * n));
        }
        watch
    }

    #[test]
    fn a_heartbeat_waits_until_the_last_was_written_and_its_token_is_greater() {
        let mut watch = BeatWatch::opened(at(0));
        assert_eq!(watch.sent(&plain(), Token(7), at(5), Span::ZERO, false), None);
        // News of another heartbeat writes nothing.
        watch.flushed(Token(6), at(6));
        let told = watch.sent(&plain(), Token(8), at(10), Span::ZERO, false);
        assert_eq!(told, Some("a heartbeat is queued while one is unwritten"));
        for token in [1, 0] {
            assert_eq!(beaten(&plain(), 1).sent(&plain(), Token(token), at(10), Span::ZERO, false), Some("tokens do not increase"));
        }
    }

    #[test]
    fn law_7_as_many_as_may_be_stand_unanswered_and_no_more() {
        let law = "law 7: a heartbeat is sent although as many as may be are unanswered";
        assert_eq!(beaten(&plain(), 2).sent(&plain(), Token(3), at(15), Span::ZERO, false), Some(law));
        // The one after a stall does not count.
        assert_eq!(beaten(&plain(), 2).sent(&plain(), Token(3), at(15), Span::ZERO, true), None);
        let blog = ask(|a| a.death = Death::MissesAfter(2));
        assert_eq!(beaten(&blog, 2).sent(&blog, Token(3), at(15), Span::ZERO, false), None);
    }

    #[test]
    fn an_answer_of_any_token_is_life_only_where_any_answers() {
        let unanswered = |ask: &Ask, token| {
            let mut watch = beaten(ask, 2);
            watch.answer(ask, Token(token), at(11));
            watch.unanswered()
        };
        assert_eq!(unanswered(&plain(), 9), 2);
        assert_eq!(unanswered(&plain(), 1), 1);
        assert_eq!(unanswered(&ask(|a| a.answers = Answers::Any), 9), 0);
        assert_eq!(unanswered(&ask(|a| a.matching = Matching::Any), 9), 0);
    }

    #[test]
    fn an_answer_that_comes_before_the_news_of_the_writing_counts_whether_it_bears_a_token_or_not() {
        let any = ask(|a| (a.matching, a.death) = (Matching::Any, Death::MissesBefore(1)));
        for (token, next) in [(1, None), (0, Some("a heartbeat is queued while one is unwritten"))] {
            let mut watch = BeatWatch::opened(at(0));
            assert_eq!(watch.sent(&any, Token(1), at(5), Span::ZERO, false), None);
            watch.answer(&any, Token(token), at(6));
            assert_eq!(watch.unanswered(), 0);
            // Without a token it may have been another's: that it is written is told by the news alone.
            assert_eq!(watch.sent(&any, Token(2), at(10), Span::ZERO, false), next);
        }
        let own = ask(|a| a.answers = Answers::Any);
        let mut watch = BeatWatch::opened(at(0));
        assert_eq!(watch.sent(&own, Token(1), at(5), Span::ZERO, false), None);
        watch.answer(&own, Token(9), at(6));
        assert_eq!(watch.unanswered(), 1, "where answers have tokens, another's is not this one's");
    }

    #[test]
    fn a_peer_is_given_up_as_its_policy_says() {
        let given_up = |ask: &Ask, count, secs| beaten(ask, count).may_be_given_up(ask, at(secs));
        assert_eq!((given_up(&plain(), 1, 99), given_up(&plain(), 2, 14), given_up(&plain(), 2, 15)), (false, false, true));
        let blog = ask(|a| (a.death, a.counts) = (Death::MissesAfter(2), Counts::Queued));
        assert_eq!((given_up(&blog, 1, 99), given_up(&blog, 2, 10)), (false, true));
        let timed = ask(|a| a.death = Death::Timeout(Span::from_secs(9)));
        assert_eq!((given_up(&timed, 0, 99), given_up(&timed, 1, 13), given_up(&timed, 1, 14)), (false, false, true));
        assert!(!given_up(&ask(|a| a.death = Death::Never), 9, 999));
        let mut unwritten = beaten(&plain(), 1);
        assert_eq!(unwritten.sent(&plain(), Token(2), at(10), Span::ZERO, false), None);
        assert!(!unwritten.may_be_given_up(&plain(), at(99)), "its clock does not run before it was written");
    }

    #[test]
    fn the_last_words_of_the_blog_count_no_more_than_those_before() {
        let blog = ask(|a| (a.death, a.counts) = (Death::MissesAfter(2), Counts::Queued));
        assert_eq!((beaten(&blog, 2).unanswered(), beaten(&blog, 3).unanswered()), (2, 2));
        assert!(!beaten(&blog, 1).is_stuck(&blog, at(999)), "what counts from its queueing has no clock of its writing");
    }

    #[test]
    fn only_beats_on_a_grid_from_the_opening_have_an_end_that_is_known() {
        let ends_by = |ask: &Ask| BeatWatch::opened(at(0)).ends_by(ask);
        assert_eq!(ends_by(&plain()), at(15));
        for loose in [
            ask(|a| a.timing = Timing::AfterIdle),
            ask(|a| a.start = Start::Ready),
            ask(|a| a.counts = Counts::Queued),
            ask(|a| a.death = Death::Never),
            ask(|a| a.death = Death::Timeout(Span::from_secs(9))),
        ] {
            assert_eq!(ends_by(&loose), Instant::NEVER, "{loose:?}");
        }
        let timed = ask(|a| a.death = Death::Timeout(Span::from_secs(9)));
        assert_eq!(beaten(&timed, 1).ends_by(&timed), at(14));
        let mut unwritten = BeatWatch::opened(at(0));
        assert_eq!(unwritten.sent(&plain(), Token(1), at(5), Span::ZERO, false), None);
        assert_eq!(
            (unwritten.ends_by(&plain()), unwritten.is_stuck(&plain(), at(14)), unwritten.is_stuck(&plain(), at(15))),
            (at(15), false, true)
        );
    }
}
