//! What the judge knows of the pings of a connection under `strict`.

use crate::event::Payload;
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
    /// Since when the newest is unwritten and the transport takes no byte; `NEVER` when it is written.
    stuck_since: Instant,
    /// When the last ping was sent, if its tick came in time.
    last_on_grid: Instant,
    /// The payloads of the newest pings, newest first.
    payloads: [Payload; 4],
    /// How many of them, the newest, no pong has come for.
    unresolved: u8,
    undischarged: u8,
}

impl PingWatch {
    pub(super) const NEW: PingWatch = PingWatch {
        oldest: Instant::NEVER,
        stuck_since: Instant::NEVER,
        last_on_grid: Instant::NEVER,
        payloads: [Payload::Empty; 4],
        unresolved: 0,
        undischarged: 0,
    };

    /// A ping was sent. What is wrong with it, if anything.
    pub(super) fn sent(&mut self, t: &Transport, payload: Payload, now: Instant, in_time: Option<Instant>) -> Option<&'static str> {
        let wrong = self.wrong_to_send(t, payload, in_time);
        self.payloads.rotate_right(1);
        self.payloads[0] = payload;
        self.unresolved = (self.unresolved + 1).min(4);
        self.stuck_since = now;
        self.last_on_grid = in_time.unwrap_or(Instant::NEVER);
        wrong
    }

    fn wrong_to_send(&self, t: &Transport, payload: Payload, in_time: Option<Instant>) -> Option<&'static str> {
        if self.stuck_since != Instant::NEVER {
            return Some("a ping is queued while one is unwritten");
        }
        if self.undischarged >= UNDISCHARGED_MAX {
            return Some("a ping is queued while four have their deadline running");
        }
        if payload == Payload::Empty || self.payloads.contains(&payload) {
            return Some("the payload of a ping is empty or was used before");
        }
        let off_grid = in_time.is_some_and(|now| {
            let gap = now.since(self.last_on_grid).as_nanos();
            self.last_on_grid != Instant::NEVER && gap % t.interval.as_nanos().max(1) != 0
        });
        let has_grid = t.jitter_ppm == 0 && !t.only_when_idle;
        (off_grid && has_grid).then_some("pings are not an interval apart")
    }

    pub(super) fn flushed(&mut self, payload: Payload, now: Instant) {
        if self.stuck_since == Instant::NEVER || payload != self.payloads[0] {
            return;
        }
        self.stuck_since = Instant::NEVER;
        if self.undischarged == 0 {
            self.oldest = now;
        }
        self.undischarged += 1;
    }

    pub(super) fn wrote(&mut self, now: Instant) {
        if self.stuck_since != Instant::NEVER {
            self.stuck_since = now;
        }
    }

    fn discharge(&mut self) {
        (self.oldest, self.undischarged) = (Instant::NEVER, 0);
    }

    pub(super) fn bytes(&mut self, t: &Transport) {
        if t.evidence == Evidence::AnyBytes {
            self.discharge();
        }
    }

    pub(super) fn frame(&mut self, t: &Transport) {
        if t.evidence != Evidence::PongOnly {
            self.discharge();
        }
    }

    pub(super) fn pong(&mut self, t: &Transport, payload: Payload) {
        let place = self.payloads.iter().position(|p| *p == payload && *p != Payload::Empty);
        match place.and_then(|p| u8::try_from(p).ok()) {
            Some(place) if place < self.unresolved => {
                self.discharge();
                self.unresolved = place;
                if place == 0 {
                    // It overtook the news that its ping was written.
                    self.stuck_since = Instant::NEVER;
                }
            }
            None if payload == Payload::Empty && t.tolerate_empty && self.unresolved > 0 => {
                self.discharge();
                self.unresolved -= 1;
                if self.unresolved == 0 {
                    self.stuck_since = Instant::NEVER;
                }
            }
            _ if t.answers == Answers::Any => self.discharge(),
            _ => {}
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
        self.oldest = self.oldest.max(now.before(t.timeout));
    }

    /// Laws 11 and 12: a ping was written, and its time is over.
    pub(super) fn may_be_given_up(&self, t: &Transport, now: Instant) -> bool {
        let least = if t.adaptive { t.timeout.min(ADAPTIVE_MIN) } else { t.timeout };
        self.undischarged > 0 && now >= self.oldest.after(least)
    }

    /// Whether its deadline passed so long ago that this tick may judge nobody (R5).
    pub(super) fn is_too_late_to_judge(&self, t: &Transport, now: Instant) -> bool {
        now.since(self.oldest.after(t.timeout)) > t.stall_after
    }

    pub(super) fn is_stuck(&self, t: &Transport, now: Instant) -> bool {
        self.stuck_since != Instant::NEVER && now >= self.stuck_since.after(t.write_stall)
    }

    /// Law 13: until when it has to be given up.
    pub(super) fn ends_by(&self, t: &Transport) -> Instant {
        let silent = if self.undischarged == 0 { Instant::NEVER } else { self.oldest.after(t.timeout) };
        silent.min(self.stuck_since.after(t.write_stall))
    }
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
            watch.flushed(eight(n), now);
        }
        watch
    }

    #[test]
    fn a_ping_waits_until_the_last_was_written_and_a_deadline_is_free() {
        let mut watch = pinged(0);
        assert_eq!(watch.sent(&T, eight(1), at(15), None), None);
        assert_eq!(watch.sent(&T, eight(2), at(35), None), Some("a ping is queued while one is unwritten"));
        // News of a ping that is none of these writes nothing.
        watch.flushed(eight(9), at(36));
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
            assert_eq!(lives(&listening(evidence), |w, t| w.bytes(t)), bytes, "{evidence:?}");
            assert_eq!(lives(&listening(evidence), |w, t| w.frame(t)), frame, "{evidence:?}");
        }
        assert!(lives(&T, |w, t| w.pong(t, eight(1))));
        assert!(!lives(&T, |w, t| w.pong(t, eight(2))));
        assert!(!lives(&T, |w, t| w.pong(t, Payload::Empty)));
        assert!(lives(&Transport { answers: Answers::Any, ..T }, |w, t| w.pong(t, eight(2))));
        let tolerant = Transport { tolerate_empty: true, ..T };
        assert!(lives(&tolerant, |w, t| w.pong(t, Payload::Empty)));
        assert!(!lives(&tolerant, |w, t| w.pong(t, eight(2))));
    }

    #[test]
    fn a_tolerated_empty_pong_resolves_one_ping_and_no_more_than_there_are() {
        let t = Transport { tolerate_empty: true, ..T };
        let mut watch = pinged(2);
        assert_eq!(watch.sent(&t, eight(3), at(55), None), None);
        for _ in 0..2 {
            watch.pong(&t, Payload::Empty);
            assert!(watch.is_stuck(&t, at(95)), "the newest is unwritten");
        }
        watch.pong(&t, Payload::Empty);
        assert!(!watch.is_stuck(&t, at(95)), "it overtook the news of its writing");
        // None is left: it discharges nothing.
        watch.flushed(eight(3), at(96));
        assert_eq!(watch.sent(&t, eight(4), at(100), None), None);
        watch.flushed(eight(4), at(100));
        watch.pong(&t, eight(4));
        assert_eq!(watch.sent(&t, eight(5), at(120), None), None);
        watch.flushed(eight(5), at(120));
        watch.pong(&t, Payload::Empty);
        watch.pong(&t, Payload::Empty);
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
        assert_eq!(idle.ends_by(&T), Instant::NEVER);
    }

    #[test]
    fn an_adaptive_timeout_may_be_as_short_as_two_seconds() {
        let adaptive = Transport { adaptive: true, ..T };
        assert_eq!((pinged(1).may_be_given_up(&adaptive, at(16)), pinged(1).may_be_given_up(&adaptive, at(17))), (false, true));
        assert_eq!((pinged(1).may_be_given_up(&T, at(34)), pinged(1).may_be_given_up(&T, at(35))), (false, true));
    }
}
