//! What the judge knows of the pings of a peer.

use crate::policy::Limits;
use crate::time::{Instant, Span};

/// A strike is forgotten after this long.
const STRIKE_LIFE: Span = Span::from_secs(10);

/// A bucket of credit, and what went over it (SPEC §4.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Flood {
    /// The time that is saved up: each ping costs its share of a second.
    credit: Span,
    at: Instant,
    strikes: u32,
    /// Since when there is a strike, or when the last one was forgotten.
    struck_at: Instant,
}

impl Flood {
    pub(super) const fn new(now: Instant) -> Self {
        Flood { credit: Span::MAX, at: now, strikes: 0, struck_at: now }
    }

    /// A ping comes. Whether it is one too many.
    pub(super) fn ping(&mut self, limits: &Limits, now: Instant) -> bool {
        let price = Span::from_secs(1).part(u64::from(limits.pings_per_s));
        self.credit = self.credit.plus(now.since(self.at)).min(price.times(u64::from(limits.pings_burst)));
        self.at = now;
        while self.strikes > 0 && now >= self.struck_at.after(STRIKE_LIFE) {
            (self.strikes, self.struck_at) = (self.strikes - 1, self.struck_at.after(STRIKE_LIFE));
        }
        if self.credit >= price {
            self.credit = self.credit.minus(price);
            return false;
        }
        if self.strikes == 0 {
            self.struck_at = now;
        }
        self.strikes += 1;
        self.strikes > limits.strikes_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the ping that is one too many, of so many that come `every` so often.
    fn one_too_many(every: Span, pings: u64) -> Option<u64> {
        let mut flood = Flood::new(Instant::ZERO);
        (0..pings).find(|n| flood.ping(&Limits::default(), Instant::from_secs(9).after(every.times(*n))))
    }

    #[test]
    fn the_third_ping_over_the_burst_is_one_too_many_and_ten_a_second_never_are() {
        assert_eq!(one_too_many(Span::ZERO, 99), Some(52));
        assert_eq!(one_too_many(Span::from_millis(100), 2_000), None);
    }

    #[test]
    fn a_strike_is_forgotten_in_ten_seconds() {
        let mut flood = Flood::new(Instant::ZERO);
        let mut over = |secs: u64, pings: u32| (0..pings).filter(|_| flood.ping(&Limits::default(), Instant::from_secs(secs))).count();
        assert_eq!((over(0, 52), over(10, 51), over(15, 51)), (0, 0, 1));
    }
}
