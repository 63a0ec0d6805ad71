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
