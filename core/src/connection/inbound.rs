//! The peer's own pings: a token bucket, and strikes for what goes over it.

use crate::policy::Limits;
use crate::time::{Instant, Span};

/// A strike is forgotten after this long, counted from when there was none.
const STRIKE_LIFE: Span = Span::from_secs(10);

/// What is known of the peer's pings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Hash)]
pub(super) struct Inbound {
    /// When the bucket is full again.
    full_at: Instant,
    /// When no strike is left: each strike moves it 10 s on.
    clean_at: Instant,
}

/// What a ping of the peer's came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Allowed,
    Struck,
    TooMany,
}

impl Inbound {
    /// A ping arrived.
    pub(super) fn ping(&mut self, limits: &Limits, now: Instant) -> Judged {
        let token = Span::from_secs(1).part(u64::from(limits.pings_per_s));
        let spare = token.times(u64::from(limits.pings_burst).saturating_sub(1));
        if self.full_at.since(now) <= spare {
            self.full_at = self.full_at.max(now).after(token);
            return Judged::Allowed;
        }
        self.clean_at = self.clean_at.max(now).after(STRIKE_LIFE);
        if self.strikes(now) > u64::from(limits.strikes_max) { Judged::TooMany } else { Judged::Struck }
    }

    fn strikes(&self, now: Instant) -> u64 {
        self.clean_at.since(now).as_nanos().div_ceil(STRIKE_LIFE.as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(every: Span, pings: u64) -> (u64, Option<Instant>) {
        let (mut inbound, mut struck) = (Inbound::default(), 0);
        for k in 0..pings {
            let now = Instant::from_secs(100).after(every.times(k));
            match inbound.ping(&Limits::default(), now) {
                Judged::Allowed => {}
                Judged::Struck => struck += 1,
                Judged::TooMany => return (struck, Some(now)),
            }
        }
        (struck, None)
    }

    #[test]
    fn a_burst_of_fifty_is_allowed_and_the_third_strike_after_it_closes() {
        assert_eq!(run(Span::ZERO, 50), (0, None));
        assert_eq!(run(Span::ZERO, 52), (2, None));
        assert_eq!(run(Span::ZERO, 53), (2, Some(Instant::from_secs(100))));
    }

    #[test]
    fn a_flood_of_a_hundred_a_second_is_closed_within_a_second() {
        let (_, closed) = run(Span::from_millis(10), 200);
        assert!(closed.is_some_and(|at| at < Instant::from_secs(101)), "{closed:?}");
    }

    #[test]
    fn ten_a_second_and_one_a_second_are_never_struck() {
        assert_eq!(run(Span::from_millis(100), 5_000), (0, None));
        assert_eq!(run(Span::from_secs(1), 5_000), (0, None));
    }

    #[test]
    fn strikes_decay_one_in_ten_seconds_and_by_nothing_else() {
        let mut inbound = Inbound { full_at: Instant::ZERO, clean_at: Instant::from_secs(20) };
        assert_eq!(inbound.strikes(Instant::ZERO), 2);
        assert_eq!(inbound.strikes(Instant::from_nanos(9_999_999_999)), 2);
        assert_eq!(inbound.strikes(Instant::from_secs(10)), 1);
        inbound.ping(&Limits::default(), Instant::from_secs(10));
        assert_eq!(inbound.strikes(Instant::from_secs(10)), 1);
        assert_eq!(inbound.strikes(Instant::from_secs(20)), 0);
    }
}
