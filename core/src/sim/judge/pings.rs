//! What the judge knows of the pings of a connection under `strict`.

use crate::event::{Payload, Verdict, VerdictKind};
use crate::policy::{Answers, Evidence, Transport};
use crate::time::{Instant, Span};

/// How many pings may have their deadline running (SPEC §4.1).
const UNDISCHARGED_MAX: u8 = 4;
/// An adaptive timeout is never shorter.
const ADAPTIVE_MIN: Span = Span::from_secs(2);

#[derive(Clone, Copy, Debug)]
pub(super) struct PingWatch {
    /// When the oldest undischarged ping was written.
    oldest: Instant,
    /// Its time runs from here at the earliest.
    floor: Instant,
    /// By when the next ping has to be sent, where one may be.
    due_by: Instant,
    /// Since when the newest is unwritten and the transport takes no byte; `NEVER` when it is written.
    stuck_since: Instant,
    /// When the last ping was sent, if its tick came in time.
    last_on_grid: Instant,
    /// The payloads of the newest pings, newest first.
    payloads: [Payload; 4],
    /// How many of them, the newest, no pong has come for.
    unresolved: u8,
    undischarged: u8,
    /// Something was heard since the oldest undischarged ping was written.
    heard: bool,
}

impl PingWatch {
    pub(super) const NEW: PingWatch = PingWatch {
        oldest: Instant::NEVER,
        floor: Instant::ZERO,
        due_by: Instant::NEVER,
        stuck_since: Instant::NEVER,
        last_on_grid: Instant::NEVER,
        payloads: [Payload::Empty; 4],
        unresolved: 0,
        undischarged: 0,
        heard: false,
    };

    /// The plane starts.
    pub(super) fn opened(t: &Transport, now: Instant) -> Self {
        PingWatch { due_by: now.after(t.first.unwrap_or(t.interval)), ..PingWatch::NEW }
    }

    /// A ping was sent. What is wrong with it, if anything.
    pub(super) fn sent(&mut self, t: &Transport, payload: Payload, now: Instant, in_time: Option<Instant>) -> Option<&'static str> {
        let wrong = self.wrong_to_send(t, payload, now, in_time);
        self.payloads.rotate_right(1);
        self.payloads[0] = payload;
        self.unresolved = (self.unresolved + 1).min(4);
        self.stuck_since = now;
        self.last_on_grid = in_time.unwrap_or(Instant::NEVER);
        self.due_by = next_by(t, now);
        wrong
    }

    fn wrong_to_send(&self, t: &Transport, payload: Payload, now: Instant, in_time: Option<Instant>) -> Option<&'static str> {
        if self.stuck_since != Instant::NEVER {
            return Some("a ping is queued while one is unwritten");
        }
        if self.undischarged >= UNDISCHARGED_MAX {
            return Some("a ping is queued while four have their deadline running");
        }
        if payload == Payload::Empty || self.payloads.contains(&payload) {
            return Some("the payload of a ping is empty or was used before");
        }
        // The first: no sooner than half an interval after the opening, or when it was asked for.
        let drawn_from = if t.first.is_some() { Span::ZERO } else { t.interval.minus(t.interval.part(2)) };
        let is_first = self.payloads[0] == Payload::Empty && self.due_by != Instant::NEVER;
        if is_first && now < self.due_by.before(drawn_from) {
            return Some("the first ping is too early");
        }
        let off_grid = in_time.is_some_and(|now| {
            let gap = now.since(self.last_on_grid).as_nanos();
            self.last_on_grid != Instant::NEVER && (gap == 0 || gap % t.interval.as_nanos().max(1) != 0)
        });
        let has_grid = t.jitter_ppm == 0 && !t.only_when_idle;
        (off_grid && has_grid).then_some("pings are not an interval apart")
    }

    pub(super) fn flushed(&mut self, t: &Transport, payload: Payload, now: Instant) {
        if self.stuck_since == Instant::NEVER || payload != self.payloads[0] {
            return;
        }
        self.written(t, now);
        if self.undischarged == 0 {
            (self.oldest, self.floor, self.heard) = (now, Instant::ZERO, false);
        }
        self.undischarged += 1;
    }

    /// A point of the grid that found the newest unwritten has passed: the next ping goes out at the next one.
    fn written(&mut self, t: &Transport, now: Instant) {
        self.stuck_since = Instant::NEVER;
        self.due_by = self.due_by.max(next_by(t, now));
    }

    pub(super) fn wrote(&mut self, now: Instant) {
        if self.stuck_since != Instant::NEVER {
            self.stuck_since = now;
        }
    }

    fn discharge(&mut self, t: &Transport, now: Instant) {
        if self.undischarged >= UNDISCHARGED_MAX {
            self.due_by = self.due_by.max(next_by(t, now));
        }
        (self.oldest, self.undischarged) = (Instant::NEVER, 0);
    }

    pub(super) fn bytes(&mut self, t: &Transport, now: Instant) {
        self.heard = true;
        if t.evidence == Evidence::AnyBytes {
            self.discharge(t, now);
        }
    }

    pub(super) fn frame(&mut self, t: &Transport, now: Instant) {
        self.heard = true;
        if t.evidence != Evidence::PongOnly {
            self.discharge(t, now);
        }
    }

    pub(super) fn pong(&mut self, t: &Transport, payload: Payload, now: Instant) {
        let place = self.payloads.iter().position(|p| *p == payload && *p != Payload::Empty);
        match place.and_then(|p| u8::try_from(p).ok()) {
            Some(place) if place < self.unresolved => {
                self.discharge(t, now);
                self.unresolved = place;
                if place == 0 {
                    // It may have overtaken the news that its ping was written.
                    self.overtaken(t, now);
                }
            }
            None if payload == Payload::Empty && t.tolerate_empty && self.unresolved > 0 => {
                self.discharge(t, now);
                self.unresolved -= 1;
                if self.unresolved == 0 {
                    self.overtaken(t, now);
                }
            }
            _ if t.answers == Answers::Any => self.discharge(t, now),
            _ => {}
        }
    }

    fn overtaken(&mut self, t: &Transport, now: Instant) {
        if self.stuck_since != Instant::NEVER {
            self.written(t, now);
        }
    }

    /// The host slept: what is unanswered starts anew (R5).
    pub(super) fn rebase(&mut self, now: Instant) {
        if self.undischarged > 0 {
            self.oldest = now;
        }
        self.wrote(now);
    }

    /// What ran out while input lay unread runs out now.
    pub(super) fn lift(&mut self, t: &Transport, now: Instant) {
        self.floor = now.before(t.timeout);
        if self.stuck_since != Instant::NEVER {
            self.stuck_since = self.stuck_since.max(now.before(t.write_stall));
        }
    }

    /// From when the time of the oldest undischarged ping runs.
    fn runs_from(&self) -> Instant {
        self.oldest.max(self.floor)
    }

    /// Laws 11 and 12: a ping was written, and its time is over.
    pub(super) fn may_be_given_up(&self, t: &Transport, now: Instant) -> bool {
        let least = if t.adaptive { t.timeout.min(ADAPTIVE_MIN) } else { t.timeout };
        self.undischarged > 0 && now >= self.runs_from().after(least)
    }

    /// Whether its deadline passed so long ago that this tick may judge nobody (R5).
    pub(super) fn is_too_late_to_judge(&self, t: &Transport, now: Instant) -> bool {
        now.since(self.silent_by(t).min(self.stuck_by(t))) > t.stall_after
    }

    pub(super) fn is_stuck(&self, t: &Transport, now: Instant) -> bool {
        now >= self.stuck_by(t)
    }

    /// Law 13: until when a silent peer has to be given up.
    pub(super) fn silent_by(&self, t: &Transport) -> Instant {
        if self.undischarged == 0 { Instant::NEVER } else { self.runs_from().after(t.timeout) }
    }

    /// Law 13: until when one that accepts no byte has to be given up.
    pub(super) fn stuck_by(&self, t: &Transport) -> Instant {
        self.stuck_since.after(t.write_stall)
    }

    pub(super) fn may_be_sent(&self) -> bool {
        self.stuck_since == Instant::NEVER && self.undischarged < UNDISCHARGED_MAX
    }

    /// Law 14: by when the next ping has to be sent.
    pub(super) fn owed_by(&self, t: &Transport, last_byte: Instant) -> Instant {
        match () {
            () if !self.may_be_sent() => Instant::NEVER,
            () if t.only_when_idle => self.due_by.max(last_byte.after(t.interval)),
            () => self.due_by,
        }
    }

    /// What is wrong with what a verdict of silence tells (R8).
    pub(super) fn wrong_facts(&self, verdict: &Verdict) -> Option<&'static str> {
        let oldest = usize::from(self.undischarged) + usize::from(self.stuck_since != Instant::NEVER);
        let token = oldest.checked_sub(1).and_then(|place| self.payloads.get(place)).map(|payload| payload.token());
        match () {
            () if verdict.unanswered != u32::from(self.undischarged) => Some("R8: a verdict tells another number of unanswered pings"),
            () if verdict.written != Some(self.oldest) => Some("R8: a verdict tells another time of writing"),
            () if verdict.token != token => Some("R8: a verdict tells of another ping"),
            () if self.heard != (verdict.kind == VerdictKind::PeerSlow) => Some(HEARD),
            () => None,
        }
    }
}

/// What was heard since the oldest unanswered ping tells `PeerSlow` from `PeerSilent`.
pub(super) const HEARD: &str = "R8: a peer that was heard is called silent, or one that was not slow";

/// By when the ping after one at `now` has to be sent.
fn next_by(t: &Transport, now: Instant) -> Instant {
    now.after(t.interval).after(wobble(t.interval, t.jitter_ppm))
}

/// How much further apart than a period two points of a grid that jitters may be.
pub(super) fn wobble(period: Span, jitter_ppm: u32) -> Span {
    Span::from_nanos(period.as_nanos() / 1_000_000 * u64::from(jitter_ppm) * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Transport = Transport::strict();

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    fn eight(n: u64) -> Payload {
        Payload::Eight(n)
    }

    /// Pings 1 to `count`, 20 s apart from 15 s on, each written at once.
    fn pinged(count: u64) -> PingWatch {
        let mut watch = PingWatch::NEW;
        for n in 1..=count {
            let now = at(20 * n - 5);
            assert_eq!(watch.sent(&T, eight(n), now, Some(now)), None);
            watch.flushed(&T, eight(n), now);
        }
        watch
    }

    #[test]
    fn a_ping_waits_until_the_last_was_written_and_a_deadline_is_free() {
        let mut watch = pinged(0);
        assert_eq!(watch.sent(&T, eight(1), at(15), None), None);
        assert_eq!(watch.sent(&T, eight(2), at(35), None), Some("a ping is queued while one is unwritten"));
        // News of a ping that is none of these writes nothing.
        watch.flushed(&T, eight(9), at(36));
        assert_eq!(watch.sent(&T, eight(3), at(55), None), Some("a ping is queued while one is unwritten"));
        let told = pinged(4).sent(&T, eight(5), at(95), None);
        assert_eq!(told, Some("a ping is queued while four have their deadline running"));
    }

    #[test]
    fn a_payload_is_never_empty_and_never_that_of_a_ping_before() {
        for payload in [Payload::Empty, eight(1), eight(2)] {
            let told = pinged(2).sent(&T, payload, at(55), None);
            assert_eq!(told, Some("the payload of a ping is empty or was used before"));
        }
    }

    #[test]
    fn pings_are_an_interval_apart_unless_they_jitter_wait_for_idleness_or_were_late() {
        let off_grid = |t: &Transport, in_time| pinged(1).sent(t, eight(2), at(36), in_time);
        assert_eq!(off_grid(&T, Some(at(36))), Some("pings are not an interval apart"));
        assert_eq!(off_grid(&T, None), None);
        assert_eq!(off_grid(&Transport { jitter_ppm: 1, ..T }, Some(at(36))), None);
        assert_eq!(off_grid(&Transport { only_when_idle: true, ..T }, Some(at(36))), None);
    }

    #[test]
    fn what_is_life_discharges_and_nothing_else_does() {
        let lives = |t: &Transport, hear: fn(&mut PingWatch, &Transport)| {
            let mut watch = pinged(1);
            hear(&mut watch, t);
            !watch.may_be_given_up(t, at(35))
        };
        let listening = |evidence| Transport { evidence, ..T };
        for (evidence, bytes, frame) in
            [(Evidence::PongOnly, false, false), (Evidence::AnyFrame, false, true), (Evidence::AnyBytes, true, true)]
        {
            assert_eq!(lives(&listening(evidence), |w, t| w.bytes(t, at(16))), bytes, "{evidence:?}");
            assert_eq!(lives(&listening(evidence), |w, t| w.frame(t, at(16))), frame, "{evidence:?}");
        }
        assert!(lives(&T, |w, t| w.pong(t, eight(1), at(16))));
        assert!(!lives(&T, |w, t| w.pong(t, eight(2), at(16))));
        assert!(!lives(&T, |w, t| w.pong(t, Payload::Empty, at(16))));
        assert!(lives(&Transport { answers: Answers::Any, ..T }, |w, t| w.pong(t, eight(2), at(16))));
        let tolerant = Transport { tolerate_empty: true, ..T };
        assert!(lives(&tolerant, |w, t| w.pong(t, Payload::Empty, at(16))));
        assert!(!lives(&tolerant, |w, t| w.pong(t, eight(2), at(16))));
    }

    #[test]
    fn a_tolerated_empty_pong_resolves_one_ping_and_no_more_than_there_are() {
        let t = Transport { tolerate_empty: true, ..T };
        let mut watch = pinged(2);
        assert_eq!(watch.sent(&t, eight(3), at(55), None), None);
        for _ in 0..2 {
            watch.pong(&t, Payload::Empty, at(60));
            assert!(watch.is_stuck(&t, at(95)), "the newest is unwritten");
        }
        watch.pong(&t, Payload::Empty, at(60));
        assert!(!watch.is_stuck(&t, at(95)), "it overtook the news of its writing");
        // None is left: it discharges nothing.
        watch.flushed(&T, eight(3), at(96));
        assert_eq!(watch.sent(&t, eight(4), at(100), None), None);
        watch.flushed(&T, eight(4), at(100));
        watch.pong(&t, eight(4), at(100));
        assert_eq!(watch.sent(&t, eight(5), at(120), None), None);
        watch.flushed(&T, eight(5), at(120));
        watch.pong(&t, Payload::Empty, at(60));
        watch.pong(&t, Payload::Empty, at(60));
        assert!(!watch.may_be_given_up(&t, at(200)));
    }

    #[test]
    fn after_a_sleep_the_time_of_what_is_unanswered_starts_anew() {
        let mut watch = pinged(1);
        watch.rebase(at(50));
        assert!(!watch.may_be_given_up(&T, at(69)));
        assert!(watch.may_be_given_up(&T, at(70)));
        let mut idle = pinged(0);
        idle.rebase(at(50));
        assert_eq!(idle.silent_by(&T).min(idle.stuck_by(&T)), Instant::NEVER);
    }

    #[test]
    fn an_adaptive_timeout_may_be_as_short_as_two_seconds() {
        let adaptive = Transport { adaptive: true, ..T };
        assert_eq!((pinged(1).may_be_given_up(&adaptive, at(16)), pinged(1).may_be_given_up(&adaptive, at(17))), (false, true));
        assert_eq!((pinged(1).may_be_given_up(&T, at(34)), pinged(1).may_be_given_up(&T, at(35))), (false, true));
    }
}
